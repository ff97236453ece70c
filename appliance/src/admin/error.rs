//! Why the admin room says no, by what the person can do about it.

use thiserror::Error;

use super::account::BadName;
use super::password::{Unhashable, Weak};
use super::throttle::Wait;
use crate::lan::authority::CertificateError;
use crate::lan::tls::TlsError;
use crate::records::access::UnreadableScope;
use crate::records::error::Error as RecordsError;

/// A refusal of the admin room. Texts hold no secret and no name of a patient.
#[derive(Debug, Error)]
pub enum AdminError {
    /// Name and password do not fit; the same for an unknown name, a wrong password and a disabled account.
    #[error("The name or the password is not right.")]
    WrongPassword,
    /// The code of the second factor does not fit, or was used already.
    #[error("The code is not right, or was used already. Wait for the next one.")]
    WrongCode,
    /// The PIN for signing does not fit.
    #[error("This is not your PIN.")]
    WrongPin,
    /// The one-time code of the setup does not fit.
    #[error("The setup code is not right. The box printed it when it started.")]
    WrongSetupCode,
    /// The half-open sign-in is over or was for another step.
    #[error("This sign-in took too long; start again with name and password.")]
    LoginOver,
    /// Nobody is signed in.
    #[error("You are signed out.")]
    SignedOut,
    /// The person must prove again who they are.
    #[error("This needs a fresh proof that it is you: enter your password again, or sign in again.")]
    ProveAgain,
    /// Too many attempts.
    #[error("Too many attempts; wait {} s.", .0.0)]
    Throttled(Wait),
    /// A new password is not accepted.
    #[error(transparent)]
    Weak(#[from] Weak),
    /// A new password is the old one.
    #[error("The new password is the one you had.")]
    SamePassword,
    /// A name cannot be used.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// The sign-in name belongs to somebody.
    #[error("The sign-in name \"{0}\" is taken.")]
    Taken(String),
    /// An account without a role could do nothing.
    #[error("Choose at least one role.")]
    NoRole,
    /// The last one who may change accounts cannot be taken away.
    #[error("This is the only owner who can still sign in; name another owner first.")]
    LastOwner,
    /// There is no such account, session or token.
    #[error("There is no such {0}.")]
    Missing(&'static str),
    /// A scope cannot be used.
    #[error(transparent)]
    Scope(#[from] UnreadableScope),
    /// A value is out of its bounds.
    #[error("{0}")]
    Invalid(&'static str, &'static str),
    /// The box is set up already, or is being set up at this moment.
    #[error("This box is set up already.")]
    SetUpAlready,
    /// The vault could not be made.
    #[error("The vault could not be made: {0}")]
    Create(String),
    /// Unlocking did not work.
    #[error("This does not open the vault.")]
    WrongKey,
    /// The vault could not be opened for another reason.
    #[error("The vault cannot be opened: {0}")]
    Open(String),
    /// Storage.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A kept document cannot be read.
    #[error("{0} is damaged")]
    Damaged(&'static str),
    /// Hashing failed.
    #[error(transparent)]
    Hash(#[from] Unhashable),
    /// No random bytes.
    #[error("the system gave no random bytes")]
    Random,
    /// Certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl From<getrandom::Error> for AdminError {
    fn from(_: getrandom::Error) -> Self {
        AdminError::Random
    }
}

impl From<Wait> for AdminError {
    fn from(wait: Wait) -> Self {
        AdminError::Throttled(wait)
    }
}

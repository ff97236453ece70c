//! An authenticator of one's own accord: roles that need none may have one.
//!
//! Begun from an open session with a fresh proof; the seed waits in memory beside the half-open sign-ins, under a name
//! that no cookie can have, until the first code shows that the app has it.

use clinicvault_vault::{Action, Outcome};
use zeroize::Zeroizing;

use super::error::AdminError;
use super::half::{Half, Step};
use super::people::{People, person};
use super::recovery_code;
use super::secret::{self, Hash};
use super::sign_in::{Asks, Origin};
use super::store::leaf;
use super::totp;
use crate::records::access::Actor;

impl People {
    /// A new seed for the person's authenticator, shown this once.
    ///
    /// # Errors
    /// [`AdminError::ProveAgain`] without a fresh proof, [`AdminError::Invalid`] when there is an authenticator already.
    pub fn begin_own_factor(&self, who: &Actor) -> Result<Asks, AdminError> {
        self.recently_proven(who)?;
        let account = self.account(&who.id)?;
        if account.seed.is_some() {
            return Err(already());
        }
        let mut seed = Zeroizing::new([0u8; totp::SEED_BYTES]);
        getrandom::fill(seed.as_mut_slice())?;
        let clinic = self.book().clinic.name.clone();
        let asks = Asks::Enrolment {
            secret: totp::written(seed.as_slice()),
            address: totp::address(seed.as_slice(), &clinic, &account.username),
        };
        let half =
            Half { account: account.id, second_shown: false, step: Step::Enrolment(seed), begun: self.now() };
        self.book_mut().halves.keep(waiting_place(who)?, half);
        Ok(asks)
    }

    /// The first code of it: from now on it is asked for at sign-in. Other sessions end; ten recovery codes are made.
    ///
    /// # Errors
    /// [`AdminError::WrongCode`], or [`AdminError::LoginOver`] when it was begun more than ten minutes ago.
    pub async fn confirm_own_factor(
        &self,
        who: &Actor,
        code: &str,
        from: &Origin,
    ) -> Result<Vec<Zeroizing<String>>, AdminError> {
        let place = waiting_place(who)?;
        let half = self.book().halves.find(&place, self.now()).cloned();
        let half = half.filter(|half| half.account == who.id).ok_or(AdminError::LoginOver)?;
        let Step::Enrolment(seed) = &half.step else { return Err(AdminError::LoginOver) };
        let counter = format!("second {}", who.id);
        self.gate().attempt(&counter, from.address, self.now())?;
        let Some(step) = totp::accept(seed.as_slice(), code, self.now(), 0) else {
            let source = from.address.to_canonical().to_string();
            let failed = person(&self.account(&who.id)?, who.session, &source);
            let line = leaf(&failed, Action::LoginFailed, Outcome::Refused, Some("enrolment".to_owned()));
            self.store().commit(std::sync::Arc::new(failed), line, Vec::new()).await?;
            return Err(AdminError::WrongCode);
        };
        self.gate().passed(&counter, from.address);
        let codes = recovery_code::fresh(self.code_pepper())?;
        {
            let _turn = self.turn().await;
            let mut account = self.account(&who.id)?;
            if account.seed.is_some() {
                return Err(already());
            }
            account.seed = Some(seed.to_vec());
            account.used_step = step;
            account.codes = codes.iter().map(|(_, kept)| *kept).collect();
            self.commit_account(who, &account, Action::UserChange, "second factor enrolled").await?;
            self.book_mut().halves.end(&place);
        }
        self.end_account(&who.id, who.session.as_ref(), from, "second factor enrolled").await?;
        Ok(codes.into_iter().map(|(text, _)| text).collect())
    }
}

/// Where the seed of this session waits; a cookie is hashed as it is and never meets this name.
fn waiting_place(who: &Actor) -> Result<Hash, AdminError> {
    let session = who.session.ok_or(AdminError::SignedOut)?;
    Ok(secret::hash(&format!("own factor {}", data_encoding::HEXLOWER.encode(&session))))
}

fn already() -> AdminError {
    AdminError::Invalid("code", "You have an authenticator already. The owner can take it away under Users.")
}

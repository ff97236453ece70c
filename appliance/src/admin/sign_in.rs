//! Signing in and out: password, second factor, own password, enrolment, session; and proving it again.
//!
//! Every step answers with a new token. Refusals look the same and take as long whether the name exists or not.

use std::net::IpAddr;
use std::sync::Arc;

use clinicvault_vault::{Action, Outcome, RecoveryKey};
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::account::{Account, Need};
use super::clinic::{Sheet, SheetView};
use super::error::AdminError;
use super::half::{Half, Step};
use super::password;
use super::people::{People, person};
use super::recovery_code;
use super::secret::{self, Hash};
use super::session::{Limits, Session};
use super::store::{Change, Collection, leaf};
use super::totp;
use crate::records::access::{Actor, Who};

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its address.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
}

/// How far a sign-in has come. The token goes into the cookie in either case.
pub enum Progress {
    /// Signed in.
    In(Box<SignedIn>),
    /// Something is still needed.
    Asks {
        /// Token of the half-open sign-in.
        token: Zeroizing<String>,
        /// What is needed.
        asks: Asks,
    },
}

/// A session that has begun.
pub struct SignedIn {
    /// The session's token.
    pub token: Zeroizing<String>,
    /// The account.
    pub account: Account,
    /// The session.
    pub session: Session,
    /// Recovery codes, once, right after enrolment.
    pub codes: Vec<Zeroizing<String>>,
}

/// What a half-open sign-in waits for.
pub enum Asks {
    /// A code or a recovery code.
    SecondFactor,
    /// An own password in place of the temporary one.
    OwnPassword,
    /// The first code of a newly enrolled authenticator.
    Enrolment {
        /// The seed in base 32.
        secret: Zeroizing<String>,
        /// The address for the QR code.
        address: Zeroizing<String>,
    },
}

/// What was shown as the second factor.
pub enum Second<'a> {
    /// Six digits.
    Code(&'a str),
    /// One of the ten.
    RecoveryCode(&'a str),
}

impl People {
    /// The first step: name and password.
    pub async fn login(&self, username: &str, password: &str, from: &Origin) -> Result<Progress, AdminError> {
        let username = username.trim().to_ascii_lowercase();
        let counter = format!("login {}", username.chars().take(64).collect::<String>());
        self.gate().attempt(&counter, from.address, self.now())?;
        let account = {
            let book = self.book();
            book.accounts.values().find(|account| account.username == username).cloned()
        };
        let fits = self.fits(password, account.as_ref().map(|account| account.password.clone())).await?;
        let account = match account {
            Some(account) if fits && !account.disabled => account,
            known => {
                self.note_failure(known.as_ref(), from, "password").await?;
                return Err(AdminError::WrongPassword);
            }
        };
        self.gate().passed(&counter, from.address);
        let account = self.rehashed(account, password).await?;
        self.advance(account, false, from, Vec::new()).await
    }

    /// The second factor.
    pub async fn login_second(
        &self,
        half: &str,
        shown: Second<'_>,
        from: &Origin,
    ) -> Result<Progress, AdminError> {
        let (hash, half) = self.half(half)?;
        let Step::SecondFactor = half.step else { return Err(AdminError::LoginOver) };
        let counter = format!("second {}", half.account);
        self.gate().attempt(&counter, from.address, self.now())?;
        let account = {
            let _turn = self.turn().await;
            let mut account = self.account(&half.account)?;
            self.still_open(&hash)?;
            if !use_second(&mut account, shown, self.code_pepper(), self.now()) {
                drop(_turn);
                self.note_failure(Some(&account), from, "second factor").await?;
                return Err(AdminError::WrongCode);
            }
            self.keep_account(&account, Action::Login, "second factor used", from).await?;
            self.book_mut().halves.end(&hash);
            account
        };
        self.gate().passed(&counter, from.address);
        self.advance(account, true, from, Vec::new()).await
    }

    /// An own password in place of the temporary one.
    pub async fn login_password(
        &self,
        half: &str,
        password: &str,
        from: &Origin,
    ) -> Result<Progress, AdminError> {
        let (hash, half) = self.half(half)?;
        let Step::OwnPassword = half.step else { return Err(AdminError::LoginOver) };
        let account = self.account(&half.account)?;
        let hashed = self.new_password(&account, password).await?;
        let account = {
            let _turn = self.turn().await;
            self.still_open(&hash)?;
            let mut account = self.account(&half.account)?;
            (account.password, account.temporary) = (hashed, false);
            self.keep_account(&account, Action::UserChange, "own password set", from).await?;
            self.book_mut().halves.end(&hash);
            account
        };
        self.advance(account, half.second_shown, from, Vec::new()).await
    }

    /// The first code of the authenticator: the seed becomes the account's, and ten recovery codes are made.
    pub async fn login_enrol(&self, half: &str, code: &str, from: &Origin) -> Result<Progress, AdminError> {
        let (hash, half) = self.half(half)?;
        let Step::Enrolment(seed) = &half.step else { return Err(AdminError::LoginOver) };
        let counter = format!("second {}", half.account);
        self.gate().attempt(&counter, from.address, self.now())?;
        let Some(step) = totp::accept(seed.as_slice(), code, self.now(), 0) else {
            self.note_failure(Some(&self.account(&half.account)?), from, "enrolment").await?;
            return Err(AdminError::WrongCode);
        };
        self.gate().passed(&counter, from.address);
        let codes = recovery_code::fresh(self.code_pepper())?;
        let account = {
            let _turn = self.turn().await;
            self.still_open(&hash)?;
            let mut account = self.account(&half.account)?;
            account.seed = Some(seed.to_vec());
            account.used_step = step;
            account.codes = codes.iter().map(|(_, kept)| *kept).collect();
            self.keep_account(&account, Action::UserChange, "second factor enrolled", from).await?;
            self.book_mut().halves.end(&hash);
            account
        };
        self.advance(account, true, from, codes.into_iter().map(|(text, _)| text).collect()).await
    }

    /// Ends a session, or a half-open sign-in.
    pub async fn logout(&self, token: &str, from: &Origin) -> Result<(), AdminError> {
        let hash = secret::hash(token);
        self.book_mut().halves.end(&hash);
        let Some(session) = self.book().sessions.find(&hash, self.now()).cloned() else { return Ok(()) };
        self.end_sessions(&session.account, &[hash], from, "signed out").await
    }

    /// Notes that the person has proven again who they are; for five minutes dangerous things are open.
    pub async fn prove(&self, who: &Actor, password: &str, from: &Origin) -> Result<(), AdminError> {
        let hash = who.session.ok_or(AdminError::SignedOut)?;
        let counter = format!("prove {}", who.id);
        self.gate().attempt(&counter, from.address, self.now())?;
        let account = self.account(&who.id)?;
        if !self.fits(password, Some(account.password.clone())).await? {
            self.note_failure(Some(&account), from, "password again").await?;
            return Err(AdminError::WrongPassword);
        }
        self.gate().passed(&counter, from.address);
        let now = self.now();
        self.book_mut().sessions.prove(&hash, now);
        Ok(())
    }

    /// Refuses when a person's last proof is older than `sessions.prove_minutes`. Machines and the operator pass: they
    /// show their secret with every request.
    pub fn recently_proven(&self, who: &Actor) -> Result<(), AdminError> {
        let Who::Person { .. } = who.who else { return Ok(()) };
        let hash = who.session.ok_or(AdminError::SignedOut)?;
        let now = self.now();
        let book = self.book();
        let session = book.sessions.find(&hash, now).ok_or(AdminError::SignedOut)?;
        let minutes = i64::try_from(self.settings().prove_minutes).unwrap_or(i64::MAX / 60);
        if now.duration_since(session.proven) <= SignedDuration::from_secs(minutes.saturating_mul(60)) {
            Ok(())
        } else {
            Err(AdminError::ProveAgain)
        }
    }

    /// A session without any further question for the person who has just set the box up, and the recovery sheet that
    /// only this session may see.
    pub async fn begin_after_setup(
        &self,
        owner: &str,
        recovery: RecoveryKey,
        from: &Origin,
    ) -> Result<(SignedIn, SheetView), AdminError> {
        let signed_in = self.begin(self.account(owner)?, from, Vec::new()).await?;
        let sheet = Sheet::new(recovery, secret::hash(&signed_in.token))?;
        let view = sheet.view();
        self.show_sheet(sheet);
        Ok((signed_in, view))
    }

    /// Begins a session.
    pub(super) async fn begin(
        &self,
        account: Account,
        from: &Origin,
        codes: Vec<Zeroizing<String>>,
    ) -> Result<SignedIn, AdminError> {
        let _turn = self.turn().await;
        let now = self.now();
        let mut account = self.account(&account.id)?;
        account.last_login = Some(now);
        let (token, hash) = secret::fresh()?;
        let limits = Limits::of(&account.roles, self.settings());
        let source = from.address.to_canonical().to_string();
        let session = Session::begin(secret::short_id("s")?, &account.id, limits, &source, &from.agent, now);
        let surplus = self.book().sessions.surplus(&session, limits);
        let mut changes = vec![
            Change::put(Collection::Accounts, account.id.as_bytes(), &account)?,
            Change::put(Collection::Sessions, &hash, &session)?,
        ];
        changes.extend(surplus.iter().map(|hash| Change::drop(Collection::Sessions, hash)));
        let who = person(&account, Some(hash), &source);
        let reason = (!surplus.is_empty()).then(|| format!("{} earlier sessions ended", surplus.len()));
        let line = leaf(&who, Action::Login, Outcome::Success, reason);
        self.store().commit(Arc::new(who), line, changes).await?;
        {
            let mut book = self.book_mut();
            book.accounts.insert(account.id.clone(), account.clone());
            book.sessions.open(hash, session.clone(), limits);
        }
        self.announce_ended(&surplus);
        Ok(SignedIn { token, account, session, codes })
    }

    /// Asks for the next thing that is missing, or begins the session.
    async fn advance(
        &self,
        account: Account,
        second_shown: bool,
        from: &Origin,
        codes: Vec<Zeroizing<String>>,
    ) -> Result<Progress, AdminError> {
        let (step, asks) = match account.next_need(self.settings().second_factor, second_shown) {
            None => return Ok(Progress::In(Box::new(self.begin(account, from, codes).await?))),
            Some(Need::SecondFactor) => (Step::SecondFactor, Asks::SecondFactor),
            Some(Need::OwnPassword) => (Step::OwnPassword, Asks::OwnPassword),
            Some(Need::Enrolment) => {
                let mut seed = Zeroizing::new([0u8; totp::SEED_BYTES]);
                getrandom::fill(seed.as_mut_slice())?;
                let clinic = self.book().clinic.name.clone();
                let asks = Asks::Enrolment {
                    secret: totp::written(seed.as_slice()),
                    address: totp::address(seed.as_slice(), &clinic, &account.username),
                };
                (Step::Enrolment(seed), asks)
            }
        };
        let (token, hash) = secret::fresh()?;
        let half = Half { account: account.id, second_shown, step, begun: self.now() };
        self.book_mut().halves.keep(hash, half);
        Ok(Progress::Asks { token, asks })
    }

    fn half(&self, token: &str) -> Result<(Hash, Half), AdminError> {
        let hash = secret::hash(token);
        let book = self.book();
        let half = book.halves.find(&hash, self.now()).cloned().ok_or(AdminError::LoginOver)?;
        let usable = book.accounts.get(&half.account).is_some_and(|account| !account.disabled);
        if usable { Ok((hash, half)) } else { Err(AdminError::LoginOver) }
    }

    /// Asked while holding the turn: the same step, sent twice at once, counts once.
    fn still_open(&self, half: &Hash) -> Result<(), AdminError> {
        self.book().halves.find(half, self.now()).map(|_| ()).ok_or(AdminError::LoginOver)
    }

    /// The hash of an acceptable new password for the account.
    pub(super) async fn new_password(&self, account: &Account, new: &str) -> Result<String, AdminError> {
        let second = account.has_second_factor(self.settings().second_factor);
        password::acceptable(new, &account.username, second)?;
        if self.fits(new, Some(account.password.clone())).await? {
            return Err(AdminError::SamePassword);
        }
        self.hashed(new).await
    }

    /// The account with its password hashed at today's cost, now that the password is at hand.
    async fn rehashed(&self, account: Account, password: &str) -> Result<Account, AdminError> {
        if !self.is_dated(&account.password) {
            return Ok(account);
        }
        let hash = self.hashed(password).await?;
        let _turn = self.turn().await;
        let mut current = self.account(&account.id)?;
        if current.password == account.password {
            current.password = hash;
            let who = Actor::operator("rehash");
            self.commit_account(&who, &current, Action::UserChange, "password hashed at today's cost")
                .await?;
        }
        Ok(current)
    }

    async fn keep_account(
        &self,
        account: &Account,
        action: Action,
        reason: &str,
        from: &Origin,
    ) -> Result<(), AdminError> {
        let who = person(account, None, &from.address.to_canonical().to_string());
        self.commit_account(&who, account, action, reason).await
    }

    /// Writes an account through, with its audit line. The caller holds the turn.
    pub(super) async fn commit_account(
        &self,
        who: &Actor,
        account: &Account,
        action: Action,
        reason: &str,
    ) -> Result<(), AdminError> {
        let line = leaf(who, action, Outcome::Success, Some(format!("{}: {reason}", account.id)));
        let change = Change::put(Collection::Accounts, account.id.as_bytes(), account)?;
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        self.book_mut().accounts.insert(account.id.clone(), account.clone());
        Ok(())
    }

    /// Ends sessions of an account, in the vault and in memory.
    pub(super) async fn end_sessions(
        &self,
        account: &str,
        hashes: &[Hash],
        from: &Origin,
        reason: &str,
    ) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        {
            // Memory first: whatever the disk does, the session is over now.
            let mut book = self.book_mut();
            for hash in hashes {
                book.sessions.end(hash);
            }
        }
        self.announce_ended(hashes);
        let account = self.account(account)?;
        let who = person(&account, hashes.first().copied(), &from.address.to_canonical().to_string());
        let line = leaf(&who, Action::Logout, Outcome::Success, Some(reason.to_owned()));
        let changes = hashes.iter().map(|hash| Change::drop(Collection::Sessions, hash)).collect();
        self.store().commit(Arc::new(who), line, changes).await
    }

    /// A failed attempt is recorded durably before it is answered. The typed name is not: people type passwords there.
    pub(super) async fn note_failure(
        &self,
        account: Option<&Account>,
        from: &Origin,
        what: &str,
    ) -> Result<(), AdminError> {
        let source = from.address.to_canonical().to_string();
        let who = match account {
            Some(account) => person(account, None, &source),
            None => Actor {
                id: "unknown".to_owned(),
                name: "unknown".to_owned(),
                who: Who::Person { roles: Vec::new() },
                session: None,
                source,
            },
        };
        let line = leaf(&who, Action::LoginFailed, Outcome::Refused, Some(what.to_owned()));
        self.store().commit(Arc::new(who), line, Vec::new()).await
    }
}

/// Takes the second factor: a code moves the last used step, a recovery code is used up.
fn use_second(account: &mut Account, shown: Second<'_>, pepper: &[u8; 32], now: Timestamp) -> bool {
    match shown {
        Second::Code(code) => {
            let seed = account.seed.as_deref().unwrap_or_default();
            match totp::accept(seed, code, now, account.used_step) {
                Some(step) if !seed.is_empty() => {
                    account.used_step = step;
                    true
                }
                Some(_) | None => false,
            }
        }
        Second::RecoveryCode(code) => match recovery_code::find(pepper, code, &account.codes) {
            Some(place) => {
                account.codes.remove(place);
                true
            }
            None => false,
        },
    }
}

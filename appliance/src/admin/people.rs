//! The people's room of an open vault: who has an account, who is signed in, which machines have a token.
//!
//! Holds all of it in memory (a clinic has dozens, not thousands) and writes every change through to the vault before
//! memory changes. `sign_in`, `staff`, `machines` and `clinic` add the operations; this file owns the book itself and
//! the question who stands behind a request.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use clinicvault_vault::{Action, Outcome};
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard, Semaphore, broadcast};
use zeroize::Zeroizing;

use super::account::Account;
use super::clinic::{self, Clinic, Sheet};
use super::error::AdminError;
use super::gate::Gate;
use super::half::Halves;
use super::machines::{Live, MachineToken};
use super::password::{Cost, Hasher};
use super::secret::{self, Hash};
use super::session::{Session, Sessions};
use super::smart::Smart;
use super::store::{Change, Collection, Store, leaf};
use crate::app::App;
use crate::clock::Clock;
use crate::config;
use crate::lan::authority::Authority;
use crate::records::Records;
use crate::records::access::{Actor, Who};
use crate::supervisor::Stop;

/// Hashes of passwords at once: each takes 64 MiB (security-storage.md section 7).
const HASHES_AT_ONCE: usize = 2;

/// How often ended sessions and expired tokens are taken out of the vault.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How exactly the last use of a session is kept, in seconds.
const TOUCH_SECONDS: i64 = 5;

/// The room. A clone is another handle to the same room.
#[derive(Clone)]
pub struct People(Arc<Inner>);

struct Inner {
    store: Store,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    settings: config::Sessions,
    hasher: Hasher,
    code_pepper: Zeroizing<[u8; 32]>,
    hashing: Semaphore,
    /// Held over read, commit and change of the book, so that two changes never start from the same state.
    writing: Mutex<()>,
    book: RwLock<Book>,
    ended: broadcast::Sender<Hash>,
}

/// Everything in memory.
pub(super) struct Book {
    pub(super) clinic: Clinic,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) sessions: Sessions,
    pub(super) halves: Halves,
    pub(super) tokens: HashMap<Hash, Live>,
    pub(super) smart: Smart,
    pub(super) authority: Authority,
    /// The recovery sheet of a setup that is not confirmed yet, with the session that may see it.
    pub(super) sheet: Option<Sheet>,
}

impl People {
    /// Reads the room out of an open vault. Blocking.
    ///
    /// Refuses a vault without clinic, owner or authority: its setup was interrupted.
    pub fn open(
        records: Records,
        gate: Arc<Gate>,
        settings: &config::Sessions,
        clock: Arc<dyn Clock>,
    ) -> Result<People, AdminError> {
        let store = Store::new(records);
        let now = clock.now();
        let unfinished =
            || AdminError::Damaged("the setup of this vault was interrupted: the clinic's settings");
        let clinic = store.get(Collection::Settings, clinic::KEY)?.ok_or_else(unfinished)?;
        let authority = store.get(Collection::Tls, clinic::AUTHORITY_KEY)?.ok_or_else(unfinished)?;
        let accounts = store.load::<Account>(Collection::Accounts)?;
        let mut sessions = Sessions::default();
        for (key, session) in store.load::<Session>(Collection::Sessions)? {
            match Hash::try_from(key.as_slice()) {
                Ok(hash) if session.holds(now) => sessions.restore(hash, session),
                Ok(_) | Err(_) => {}
            }
        }
        let tokens = store.load::<MachineToken>(Collection::Tokens)?;
        let tokens = tokens
            .into_iter()
            .filter_map(|(key, token)| Some((Hash::try_from(key).ok()?, Live::new(token).ok()?)));
        let cost = Cost { memory_mib: settings.password_memory_mib, passes: settings.password_passes };
        let book = Book {
            clinic,
            accounts: accounts.into_iter().map(|(_, account)| (account.id.clone(), account)).collect(),
            sessions,
            halves: Halves::default(),
            tokens: tokens.collect(),
            smart: Smart::open(&store)?,
            authority,
            sheet: None,
        };
        Ok(People(Arc::new(Inner {
            hasher: Hasher::new(store.secret("password pepper"), cost)?,
            code_pepper: store.secret("recovery code pepper"),
            store,
            gate,
            clock,
            settings: settings.clone(),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            writing: Mutex::new(()),
            book: RwLock::new(book),
            ended: broadcast::channel(256).0,
        })))
    }

    /// Who shows this session token. A request that the person made by hand keeps the session alive (`touch`);
    /// background polling does not.
    pub fn by_session(&self, token: &str, source: &str, touch: bool) -> Option<Actor> {
        let (hash, now) = (secret::hash(token), self.now());
        let (actor, seen) = {
            let book = self.book();
            let session = book.sessions.find(&hash, now)?;
            let account = book.accounts.get(&session.account).filter(|account| !account.disabled)?;
            (person(account, Some(hash), source), session.seen)
        };
        // Finer than this nobody needs it, and requests need not wait for each other.
        if touch && now.duration_since(seen).as_secs().abs() >= TOUCH_SECONDS {
            self.book_mut().sessions.touch(&hash, now);
        }
        Some(actor)
    }

    /// Which machine shows this bearer token.
    pub fn by_bearer(&self, token: &str, source: &str) -> Option<Actor> {
        if let Some(actor) = self.by_access(token, source) {
            return Some(actor);
        }
        let now = self.now();
        let book = self.book();
        book.tokens.get(&secret::hash(token)).and_then(|live| live.actor(source, now))
    }

    /// Waits until a session has ended, in whichever way: signed out, ended by somebody, too long idle, at its end.
    /// A live connection selects on it.
    pub async fn until_ended(&self, session: Hash) {
        let mut ended = self.0.ended.subscribe();
        // An idle session ends without an event, so it is looked at as well, twice as often as promised (1 s).
        let mut look = tokio::time::interval(Duration::from_millis(500));
        while self.session_holds(&session) {
            tokio::select! {
                _ = look.tick() => {}
                _ = ended.recv() => {}
            }
        }
    }

    /// Whether a session has not ended.
    pub fn session_holds(&self, session: &Hash) -> bool {
        self.book().sessions.find(session, self.now()).is_some()
    }

    /// Whether a bearer token is still worth something. Unlike a request, asking does not count as use.
    pub fn bearer_holds(&self, token: &Hash) -> bool {
        let (book, now) = (self.book(), self.now());
        book.tokens.get(token).is_some_and(|live| now < live.token.expires)
            || book.smart.access.get(token).is_some_and(|access| access.holds(&book, now))
    }

    /// Waits until a bearer token is worth nothing any more: taken back, expired, its program or its account gone. As
    /// [`People::until_ended`].
    pub async fn until_bearer_ended(&self, token: Hash) {
        // Tokens end without an event.
        let mut look = tokio::time::interval(Duration::from_millis(500));
        while self.bearer_holds(&token) {
            look.tick().await;
        }
    }

    /// Forgets sessions that have ended and tokens that have expired; a job calls it every minute.
    pub async fn sweep(&self) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        let now = self.now();
        let swept = self.book_mut().sessions.sweep(now);
        let expired: Vec<Hash> = {
            let book = self.book();
            book.tokens.iter().filter(|(_, live)| live.token.expires <= now).map(|(hash, _)| *hash).collect()
        };
        let mut changes = self.sweep_smart();
        if swept.is_empty() && expired.is_empty() && changes.is_empty() {
            return Ok(());
        }
        changes.extend(swept.iter().map(|hash| Change::drop(Collection::Sessions, hash)));
        changes.extend(expired.iter().map(|hash| Change::drop(Collection::Tokens, hash)));
        let who = Actor::operator("sweep");
        let reason = format!("{} sessions ended, {} tokens expired", swept.len(), expired.len());
        let line = leaf(&who, Action::Logout, Outcome::Success, Some(reason));
        self.store().commit(Arc::new(who), line, changes).await?;
        let mut book = self.book_mut();
        for hash in expired {
            book.tokens.remove(&hash);
        }
        drop(book);
        self.announce_ended(&swept);
        Ok(())
    }

    /// Keeps when each session was last used, so that a restart of the box does not throw people out. Called when the
    /// box stops.
    pub async fn close(&self) -> Result<(), AdminError> {
        let _turn = self.turn().await;
        let changes = {
            let book = self.book();
            book.sessions
                .all()
                .map(|(hash, session)| Change::put(Collection::Sessions, hash, session))
                .collect::<Result<Vec<_>, _>>()?
        };
        if changes.is_empty() {
            return Ok(());
        }
        let who = Actor::operator("stop");
        let line = leaf(&who, Action::Stop, Outcome::Success, None);
        self.store().commit(Arc::new(who), line, changes).await
    }

    /// The clinic's certificate authority, for renewing the box's certificate.
    pub fn authority(&self) -> Authority {
        self.book().authority.clone()
    }

    /// Records that somebody opened the vault, and with what.
    pub async fn note_unlock(&self, from: &str, with: &str) -> Result<(), AdminError> {
        let who = Actor::operator(from);
        let line = leaf(&who, Action::Unlock, Outcome::Success, Some(with.to_owned()));
        self.store().commit(Arc::new(who), line, Vec::new()).await
    }

    /// Records that somebody was refused at the door.
    pub fn note_denial(&self, who: &Actor, what: &str) -> Result<(), AdminError> {
        self.store().note(leaf(who, Action::Denied, Outcome::Refused, Some(what.to_owned())))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(super) fn settings(&self) -> &config::Sessions {
        &self.0.settings
    }

    pub(super) fn code_pepper(&self) -> &[u8; 32] {
        &self.0.code_pepper
    }

    pub(super) fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.0.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn book_mut(&self) -> RwLockWriteGuard<'_, Book> {
        self.0.book.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to change the book; see `Inner::writing`.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().await
    }

    pub(super) fn announce_ended(&self, hashes: &[Hash]) {
        for hash in hashes {
            // Nobody listening is fine.
            let _ = self.0.ended.send(*hash);
        }
    }

    /// An account by its id.
    pub(super) fn account(&self, id: &str) -> Result<Account, AdminError> {
        self.book().accounts.get(id).cloned().ok_or(AdminError::Missing("account"))
    }

    /// Whether a password fits, on a thread of its own and at most two at a time. Without a kept hash it takes as long
    /// and the answer is no.
    pub(super) async fn fits(&self, password: &str, kept: Option<String>) -> Result<bool, AdminError> {
        let password = Zeroizing::new(password.to_owned());
        self.slowly(move |hasher| Ok(hasher.fits(&password, kept.as_deref()))).await
    }

    /// The hash of a new password.
    pub(super) async fn hashed(&self, password: &str) -> Result<String, AdminError> {
        let password = Zeroizing::new(password.to_owned());
        self.slowly(move |hasher| Ok(hasher.hash(&password)?)).await
    }

    /// Whether a kept hash should be made anew.
    pub(super) fn is_dated(&self, kept: &str) -> bool {
        self.0.hasher.is_dated(kept)
    }

    async fn slowly<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Hasher) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let _seat =
            self.0.hashing.acquire().await.map_err(|_| AdminError::Damaged("the line for hashing"))?;
        let inner = self.0.clone();
        let done = tokio::task::spawn_blocking(move || job(&inner.hasher)).await;
        done.map_err(|_| AdminError::Damaged("a hashing thread"))?
    }
}

/// Sweeps every minute until told to stop.
pub async fn keep_swept(app: App, mut stop: Stop) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        if let Ok(rooms) = app.rooms() {
            rooms.people.sweep().await?;
        }
    }
}

/// The actor that an account is.
pub(super) fn person(account: &Account, session: Option<Hash>, source: &str) -> Actor {
    Actor {
        id: account.id.clone(),
        name: account.name.clone(),
        who: Who::Person { roles: account.roles.clone() },
        session,
        source: source.to_owned(),
    }
}

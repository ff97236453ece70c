//! Whether the box can do its work: what the vault writes it reads back, and its own ports answer. Looked at all the time, by
//! nobody's leave; `/health` and the service manager are told what was found last.
//!
//! Writing is tried once a minute and after each fault, the rest every ten seconds, so that a box at night does not wear its
//! disk out.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::app::{App, Slot};
use crate::manager;
use crate::supervisor::Stop;

/// How often the box is looked at where nobody is waiting for it.
const EVERY: Duration = Duration::from_secs(10);
/// How often writing is tried while all is well.
const WRITES_EVERY: Duration = Duration::from_secs(60);
/// How long one look may take.
const LONGEST: Duration = Duration::from_secs(15);
/// What was found counts for so long.
const COUNTS: Duration = Duration::from_secs(60);

/// Why the box cannot do its work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The vault does not keep what it is given.
    #[error("the vault: {0}")]
    Vault(String),
    /// The pages do not answer.
    #[error("HTTPS does not answer on its own port: {0}")]
    Https(String),
    /// Something took longer than it may.
    #[error("the box is too slow: {0} took more than 15 seconds")]
    Slow(&'static str),
    /// It was not looked at for a while, or not yet.
    #[error("nothing is known yet, or not for a minute")]
    Unknown,
}

/// What was found last.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<Option<(Instant, Result<(), Fault>)>>);

impl Pulse {
    fn set(&self, found: Result<(), Fault>, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, found));
    }

    /// What was found last; [`Fault::Unknown`] when that was too long ago.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn found(&self, now: Instant) -> Result<(), Fault> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, found)) if now.saturating_duration_since(*at) <= COUNTS => found.clone(),
            Some(_) | None => Err(Fault::Unknown),
        }
    }
}

/// When writing is tried next.
#[derive(Debug, Default)]
struct Writes(Option<Instant>);

impl Writes {
    fn due(&self, now: Instant) -> bool {
        self.0.is_none_or(|last| now.saturating_duration_since(last) >= WRITES_EVERY)
    }

    fn done(&mut self, well: bool, now: Instant) {
        self.0 = well.then_some(now);
    }
}

/// Looks at the box until told to stop, and feeds the service manager's watchdog while it works.
///
/// # Errors
/// Never; the supervisor's shape.
#[allow(clippy::disallowed_methods)] // Only distances in time are asked for here.
pub async fn keep(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let every = manager::patience().map_or(EVERY, |patience| EVERY.min(patience / 3));
    let mut writes = Writes::default();
    while !stop.is_wanted() {
        let found = look(&app, &mut writes).await;
        match &found {
            Ok(()) => manager::fed(),
            Err(fault) => {
                tracing::error!(op = "pulse", %fault, "the box cannot do its work");
                manager::says(&fault.to_string());
            }
        }
        app.pulse().set(found, Instant::now());
        tokio::select! {
            () = stop.wanted() => break,
            () = tokio::time::sleep(every) => {}
        }
    }
    Ok(())
}

async fn look(app: &App, writes: &mut Writes) -> Result<(), Fault> {
    let now = Instant::now();
    if writes.due(now) {
        let wrote = tokio::time::timeout(LONGEST, write(app)).await.unwrap_or(Err(Fault::Slow("writing")));
        writes.done(wrote.is_ok(), now);
        wrote?;
    } else {
        tokio::time::timeout(LONGEST, read(app)).await.unwrap_or(Err(Fault::Slow("reading")))?;
    }
    tokio::time::timeout(LONGEST, answers(app)).await.unwrap_or(Err(Fault::Slow("HTTPS")))
}

/// What is written is read back. A box without an open vault has nothing to write.
async fn write(app: &App) -> Result<(), Fault> {
    let Slot::Open(rooms) = app.slot() else { return Ok(()) };
    let mark = u64::try_from(app.now().as_microsecond()).unwrap_or(0);
    let wrote = tokio::task::spawn_blocking(move || rooms.records.vault().pulse(mark)).await;
    wrote
        .map_err(|_| Fault::Vault("it failed inside".to_owned()))?
        .map_err(|why| Fault::Vault(why.to_string()))
}

async fn read(app: &App) -> Result<(), Fault> {
    let Slot::Open(rooms) = app.slot() else { return Ok(()) };
    let read = tokio::task::spawn_blocking(move || rooms.records.vault().snapshot().map(drop)).await;
    read.map_err(|_| Fault::Vault("it failed inside".to_owned()))?
        .map_err(|why| Fault::Vault(why.to_string()))
}

/// A connection to the own port, with the certificate that devices trust once there is one.
async fn answers(app: &App) -> Result<(), Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::Https(error.to_string());
    let port = app.bound_https();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| failed(&error))?;
    let Some(authority) = app.tls().authority() else { return Ok(()) };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority)).map_err(|error| failed(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = app.tls().names().first().cloned().unwrap_or_default();
    let name = ServerName::try_from(name).map_err(|error| failed(&error))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| failed(&error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_counts_for_a_minute() {
        let (pulse, begun) = (Pulse::default(), Instant::now());
        assert_eq!(pulse.found(begun), Err(Fault::Unknown));
        pulse.set(Ok(()), begun);
        assert_eq!(pulse.found(begun + COUNTS), Ok(()));
        assert_eq!(pulse.found(begun + COUNTS + Duration::from_millis(1)), Err(Fault::Unknown));
        let slow = Err(Fault::Slow("writing"));
        pulse.set(slow.clone(), begun);
        assert_eq!(pulse.found(begun), slow);
    }

    #[test]
    fn writing_is_tried_each_minute_and_after_each_fault() {
        let (mut writes, begun) = (Writes::default(), Instant::now());
        assert!(writes.due(begun));
        writes.done(true, begun);
        assert!(!writes.due(begun + WRITES_EVERY / 2) && writes.due(begun + WRITES_EVERY));
        writes.done(false, begun);
        assert!(writes.due(begun));
    }
}

//! A channel as it is now: its document, what its source does, and what has come.
//!
//! The source and the inbox hold the same handle, so that a change of rules holds from the next message on and a screen
//! sees what happens. Nothing here is kept but the counts (`counts`).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;

use super::counts::Counts;
use super::store::Kept;
use crate::exchange::intake::Intake;
use crate::exchange::sources::pins::Peers;

/// What a source does now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Running {
    /// It is about to be started.
    #[default]
    Starting,
    /// It takes messages; a listener has an address.
    Running {
        /// Where it listens.
        address: Option<SocketAddr>,
        /// When the certificate that it shows ends, if somebody has to see to that.
        expires: Option<Timestamp>,
    },
    /// It does not, on purpose.
    Paused,
    /// It cannot; it is tried again from time to time.
    Failed(String),
}

/// A channel as it is now.
#[derive(Debug)]
pub struct Live {
    kept: RwLock<Arc<Kept>>,
    intake: RwLock<Arc<Intake>>,
    running: Mutex<Running>,
    complaint: Mutex<Option<String>>,
    counts: Arc<Counts>,
    peers: Arc<Peers>,
}

impl Live {
    /// The channel of a kept document; nothing runs yet.
    pub fn new(kept: Arc<Kept>) -> Self {
        let counts = Arc::new(Counts::default());
        let intake = Arc::new(Intake::of(&kept.document, counts.clone()));
        Self {
            kept: RwLock::new(kept),
            intake: RwLock::new(intake),
            running: Mutex::default(),
            complaint: Mutex::default(),
            counts,
            peers: Arc::default(),
        }
    }

    /// Another version of the document; its rules hold from the next message on.
    pub fn replace(&self, kept: Arc<Kept>) {
        let intake = Arc::new(Intake::of(&kept.document, self.counts.clone()));
        *self.intake.write().unwrap_or_else(PoisonError::into_inner) = intake;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// The newest version of its document.
    pub fn kept(&self) -> Arc<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its rules.
    pub fn intake(&self) -> Arc<Intake> {
        self.intake.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What its source does.
    pub fn state(&self) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what its source does.
    pub fn is(&self, state: Running) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Notes that the source takes messages.
    pub fn running(&self, address: Option<SocketAddr>, expires: Option<Timestamp>) {
        self.is(Running::Running { address, expires });
    }

    /// Notes something that went wrong without ending the source: a peer that was turned away, a wrong count.
    pub fn complain(&self, what: String) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// What went wrong last.
    pub fn complaint(&self) -> Option<String> {
        if let Some(why) = self.peers.take_refused() {
            self.complain(why);
        }
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has come.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is known of its peers' certificates.
    pub fn peers(&self) -> Arc<Peers> {
        self.peers.clone()
    }
}

//! Channels: documents that say where messages come from and how they are taken, and the sources that run by them.
//!
//! `document` is the document and `check` what its values must be like; `store` keeps it with all its versions; `live` is
//! a channel as it runs now, `counts` what came through it, `queues` what waits; `keeper` starts, stops and starts again
//! exactly the sources whose documents changed. The listener of the settings is the channel `default`, which has no
//! document.

pub mod alerts;
pub mod check;
pub mod counts;
pub mod diff;
pub mod document;
pub mod fhir_rules;
pub mod keeper;
pub mod live;
pub mod queues;
pub mod rework;
pub mod schema;
pub mod script;
pub mod store;
pub mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use self::document::Source;
use self::live::Live;
use self::store::{Kept, Wanted};
use crate::records::Records;
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::change::Expected;
use crate::records::error::Error;
use crate::records::names::Names;

/// The name of the listener of the settings.
pub const DEFAULT: &str = "default";

/// The channels of an open vault. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    records: Records,
    /// Deleted ones included: messages that came through them are still read by their rules.
    all: RwLock<BTreeMap<String, Arc<Live>>>,
    changed: Notify,
}

impl Channels {
    /// No channels yet; [`Self::load`] brings those of the vault.
    pub fn new(records: Records) -> Self {
        Self(Arc::new(Inner { records, all: RwLock::default(), changed: Notify::new() }))
    }

    /// Reads the channels of the vault. Blocking.
    ///
    /// # Errors
    /// As [`store::load`].
    pub fn load(&self) -> Result<(), Error> {
        for kept in store::load(&self.0.records)? {
            self.hold(kept);
        }
        self.0.changed.notify_one();
        Ok(())
    }

    /// A channel, also one that was deleted.
    pub fn find(&self, name: &str) -> Option<Arc<Live>> {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All channels that ever were, by name.
    pub(super) fn known(&self) -> Vec<Arc<Live>> {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The channels that there are, by name.
    pub fn there(&self) -> Vec<Arc<Live>> {
        let all = self.0.all.read().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|live| live.kept().is_there()).cloned().collect()
    }

    /// Whether a channel over HTTP is for known certificates.
    pub fn ask_certificates(&self) -> bool {
        self.there().iter().any(|live| {
            let kept = live.kept();
            let asks = matches!(&kept.document.source, Source::Http(http) if !http.peers.is_empty());
            asks && kept.document.on
        })
    }

    /// The channels that there are, for somebody who may look.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn list(&self, who: &Actor) -> Result<Vec<Arc<Live>>, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Settings)).check()?;
        Ok(self.there())
    }

    /// One channel, for somebody who may look.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn read(&self, who: &Actor, name: &str) -> Result<Arc<Live>, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
        let found = self.find(name).filter(|live| live.kept().is_there());
        found.ok_or_else(|| Error::NotFound(format!("channel {name}")))
    }

    /// The versions of a channel with the names of those who wrote them, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a channel that never was, and as [`store::versions`].
    pub fn versions(&self, who: &Actor, name: &str) -> Result<Vec<(Kept, String)>, Error> {
        let all = store::versions(&self.0.records, who, name)?;
        if all.is_empty() {
            return Err(Error::NotFound(format!("channel {name}")));
        }
        let snapshot = self.0.records.vault().snapshot()?;
        let mut names = Names::new(&snapshot);
        Ok(all.into_iter().map(|kept| (names.of(&kept.by), kept)).map(|(by, kept)| (kept, by)).collect())
    }

    /// One version of a channel.
    ///
    /// # Errors
    /// As [`store::version`].
    pub fn version(&self, who: &Actor, name: &str, version: u64) -> Result<Kept, Error> {
        store::version(&self.0.records, who, name, version)
    }

    /// Carries out a change; its source follows at once, its rules hold from the next message on. Answers the version
    /// that holds now, and whether it is new. Blocking.
    ///
    /// # Errors
    /// As [`store::change`].
    pub fn change(
        &self,
        who: &Actor,
        name: &str,
        expected: Option<Expected>,
        wanted: Wanted,
    ) -> Result<(Kept, bool), Error> {
        let (kept, new) = store::change(&self.0.records, who, name, expected, wanted)?;
        if new {
            self.hold(kept.clone());
            self.0.changed.notify_one();
        }
        Ok((kept, new))
    }

    fn hold(&self, kept: Kept) {
        let mut all = self.0.all.write().unwrap_or_else(PoisonError::into_inner);
        let name = kept.document.name.clone();
        match all.get(&name) {
            // Two changes may end in another order than they were committed in.
            Some(live) if live.kept().version < kept.version => live.replace(Arc::new(kept)),
            Some(_) => {}
            None => {
                all.insert(name, Arc::new(Live::new(Arc::new(kept))));
            }
        }
    }

    /// Waits for a change.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

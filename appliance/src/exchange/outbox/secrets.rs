//! Secrets that the box shows to destinations: written by whoever may change settings, read by nobody but the worker.
//!
//! A secret is good for the scheme, host and port that its destination had when it was set; it is not taken along when the
//! address changes.

use std::sync::Arc;

use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use clinicvault_vault::Action;
use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::{Outbox, web};
use crate::collections::OUTBOX_SECRETS;
use crate::exchange::Exchange;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// Longest secret, bytes.
const LONGEST: usize = 8_000;

/// A secret as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    origin: String,
    secret: String,
}

impl Outbox {
    /// The secret of a destination for an address. Blocking.
    ///
    /// # Errors
    /// As a read of the vault.
    pub(in crate::exchange) fn secret(
        &self,
        destination: &str,
        origin: &str,
    ) -> Result<Option<String>, Error> {
        let bytes = self.records().vault().snapshot()?.doc_get(OUTBOX_SECRETS, destination.as_bytes())?;
        let Some(bytes) = bytes else { return Ok(None) };
        let kept: Kept = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Damaged(format!("the secret of destination {destination}")))?;
        Ok((kept.origin == origin).then_some(kept.secret))
    }
}

impl Exchange {
    /// Sets the secret of a destination, or takes it away. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not change settings, [`Error::NotFound`] for a destination that no channel
    /// has, [`Error::Broken`] for one that asks for no secret, or a text that cannot be one.
    pub fn set_secret(
        &self,
        who: &Actor,
        channel: &str,
        name: &str,
        secret: Option<String>,
    ) -> Result<(), Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let missing = || Error::NotFound(format!("destination {channel}/{name}"));
        let live = self.channels().find(channel).filter(|live| live.kept().is_there()).ok_or_else(missing)?;
        let kept = live.kept();
        let target = kept.document.destinations.iter().find(|target| target.name == name);
        let (url, auth) = match &target.ok_or_else(missing)?.to {
            Destination::Http(http) => (&http.url, &http.auth),
            Destination::FhirHook(hook) => (&hook.url, &hook.auth),
            Destination::Mllp(_) | Destination::Folder(_) => {
                return Err(super::desk::broken("This destination asks for no secret."));
            }
        };
        if auth.is_none() && secret.is_some() {
            return Err(super::desk::broken("This destination asks for no secret: give it auth first."));
        }
        if let Some(secret) = &secret {
            let right =
                (1..=LONGEST).contains(&secret.len()) && secret.bytes().all(|b| (b' '..=b'~').contains(&b));
            if !right {
                return Err(super::desk::broken("A secret is 1 to 8000 printable ASCII characters."));
            }
        }
        let endpoint = Endpoint::parse(url).map_err(super::desk::broken)?;
        let key = format!("{channel}/{name}");
        let kept = secret.map(|secret| Kept { origin: web::origin(&endpoint), secret });
        let bytes = kept.map(|kept| serde_json::to_vec(&kept)).transpose();
        let bytes = bytes.map_err(|error| Error::Fault(error.to_string()))?;
        self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let done = match bytes {
                Some(bytes) => {
                    work.unit().doc_put(OUTBOX_SECRETS, key.as_bytes(), &bytes)?;
                    "set"
                }
                None => {
                    work.unit().doc_delete(OUTBOX_SECRETS, key.as_bytes())?;
                    "taken away"
                }
            };
            let mut line = audit::done(work.who(), Action::Configure, Purpose::Operations, About::default());
            line.reason = Some(format!("secret of destination {key} {done}"));
            work.audit(line)
        })?;
        self.outbox().nudge();
        Ok(())
    }
}

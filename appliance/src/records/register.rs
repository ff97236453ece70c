//! Registering a patient: one unit of work that gives the number, refuses an undecided duplicate, and stores once.
//!
//! Owns the clinic number (unique, rising, given inside the writer so that no two desks get the same), the idempotency
//! of a form, and the rule that a likely duplicate needs a person's word. The form itself is `clinic::form`'s, the
//! score `clinic::duplicates`'s.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::{params, token};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Kind};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::access::{Actor, Op, Purpose};
use super::audit::{self, About};
use super::error::Error;
use super::people::{Candidate, Look, Shows, candidates, shows};
use super::unit::Work;
use super::write::{Draft, Sealed};
use super::{Caller, Records};
use crate::clinic::duplicates::Grade;
use crate::clinic::form::{Filled, NewPatient, Wrong};
use crate::clinic::identity::{Identity, NUMBER_SYSTEM, number_text};
use crate::collections::SETTINGS;

/// The last clinic number given, a big-endian u64.
const LAST_NUMBER: &[u8] = b"patient-number";
/// A form may be sent again for this long, for example by a tablet that came back into reach.
const FORM_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What came of a form.
#[derive(Debug)]
pub enum Registered {
    /// Stored now, or stored by an earlier sending of the same form.
    Stored(Identity),
    /// People who look alike and about whom nothing was decided.
    Undecided(Vec<Candidate>),
    /// A field is not acceptable.
    Wrong(Wrong),
}

impl Records {
    /// Registers the patient of a form.
    pub async fn register(&self, from: &Caller, form: NewPatient) -> Result<Registered, Error> {
        let purpose = self.gate(&from.who, Op::Create, ResourceType::PATIENT)?;
        let today = self.now().to_zoned(self.context(from).zone).date();
        let checked = form.check(today).and_then(|filled| form.key().map(|key| (filled, key.to_owned())));
        let (filled, key) = match checked {
            Ok(checked) => checked,
            Err(wrong) => return Ok(Registered::Wrong(wrong)),
        };
        let job = Registration {
            records: self.clone(),
            from: from.clone(),
            print: print(&form, &filled),
            scope: scope(&from.who.id, &key),
            decided: form.decisions.into_iter().map(|decision| decision.patient_id).collect(),
            id: self.new_id()?,
            filled,
            purpose,
        };
        let (registered, _) = self.unit(Arc::clone(&from.who), move |work| job.run(work)).await?;
        Ok(registered)
    }

    /// Gives the next clinic number to a patient who comes from another system. Blocking. A number that is given and
    /// then not used leaves a gap, as a torn-out page of a register does.
    pub(crate) fn give_number(&self, who: Arc<Actor>) -> Result<String, Error> {
        let given = self.unit_blocking(who, |work| {
            let number = next_number(work)?;
            work.unit().doc_put(SETTINGS, LAST_NUMBER, &number.to_be_bytes())?;
            let leaf = audit::done(work.who(), Action::Configure, Purpose::Operations, About::default());
            work.audit(leaf)?;
            Ok(number)
        });
        Ok(number_text(given?.0))
    }

    /// States that numbers up to `last` have been given elsewhere, such as by the program the clinic used before.
    pub async fn last_number_is(&self, last: u64) -> Result<(), Error> {
        let operator = Arc::new(Actor::operator("settings"));
        let job = move |work: &mut Work<'_, '_>| {
            work.unit().doc_put(SETTINGS, LAST_NUMBER, &last.to_be_bytes())?;
            let leaf = audit::done(work.who(), Action::Configure, Purpose::Operations, About::default());
            work.audit(leaf)
        };
        self.unit(operator, job).await.map(|_| ())
    }
}

struct Registration {
    records: Records,
    from: Caller,
    filled: Filled,
    decided: Vec<String>,
    print: [u8; 32],
    scope: Vec<u8>,
    id: LogicalId,
    purpose: Purpose,
}

impl Registration {
    fn run(self, work: &mut Work<'_, '_>) -> Result<Registered, Error> {
        if let Some(answer) = work.unit().recall(&self.scope)? {
            return self.again(work, &answer);
        }
        let mut open: Vec<Candidate> = candidates(&mut Look::Unit(work.unit()), &self.filled.newcomer())?
            .into_iter()
            .filter(|candidate| {
                candidate.grade == Grade::High && !self.decided.contains(&candidate.patient.id)
            })
            .collect();
        let sees = work.sight().look(Op::Search, ResourceType::PATIENT);
        for candidate in &mut open {
            let head = work.unit().head(Kind(ResourceType::PATIENT.number()), &candidate.patient.id)?;
            if head.map_or(Ok(Shows::Nothing), |head| shows(&sees, &*work.unit(), &head))?
                != Shows::Everything
            {
                *candidate = candidate.clone().brief();
            }
        }
        if !open.is_empty() {
            work.audit(audit::done(
                &self.from.who,
                Action::Search,
                self.purpose,
                About::of_type(ResourceType::PATIENT, None),
            ))?;
            return Ok(Registered::Undecided(open));
        }
        let number = next_number(work)?;
        let sealed = self.sealed(&number_text(number), work.now())?;
        work.put(&sealed.0, self.purpose)?;
        work.unit().doc_put(SETTINGS, LAST_NUMBER, &number.to_be_bytes())?;
        let until = work.now().checked_add(FORM_KEPT).unwrap_or(Timestamp::MAX);
        let answer = [self.print.as_slice(), self.id.as_str().as_bytes()].concat();
        work.unit().remember(&self.scope, until, &answer)?;
        Ok(Registered::Stored(Identity::of(&sealed.1)))
    }

    fn sealed(&self, number: &str, now: Timestamp) -> Result<(Sealed, Value), Error> {
        let context = self.records.context(&self.from);
        let mut json = self.filled.patient(number, now.to_zoned(context.zone.clone()).date());
        if let Some(object) = json.as_object_mut() {
            object.insert_at(1, "id", self.id.as_str());
        }
        let checked = Draft::of(json.clone())?.check(&self.records.checks())?;
        Ok((checked.seal(&self.id, &context), json))
    }

    /// The answer of the first sending; the same key on another form is refused, because one of the two would be lost.
    fn again(&self, work: &mut Work<'_, '_>, answer: &[u8]) -> Result<Registered, Error> {
        let (print, id) = answer.split_at_checked(32).unwrap_or_default();
        if print != self.print {
            return Ok(Registered::Wrong(Wrong {
                field: "key",
                code: "keyUsed",
                message: "Another form was already sent with this key. Load the page again.".to_owned(),
            }));
        }
        let id = String::from_utf8_lossy(id).into_owned();
        let head = work
            .head(ResourceType::PATIENT, &id)?
            .ok_or_else(|| Error::missing(ResourceType::PATIENT, &id))?;
        let patient = Look::Unit(work.unit()).json(&head)?;
        let about = About::record(ResourceType::PATIENT, &id, head.version, &head.owner);
        work.audit(audit::done(&self.from.who, Action::Read, self.purpose, about))?;
        Ok(Registered::Stored(Identity::of(&patient)))
    }
}

/// The number after the last one given that no record carries yet. Imported records may carry numbers of their own.
fn next_number(work: &mut Work<'_, '_>) -> Result<u64, Error> {
    let stored = work.unit().doc_get(SETTINGS, LAST_NUMBER)?;
    let last = stored.and_then(|bytes| bytes.as_slice().try_into().ok().map(u64::from_be_bytes)).unwrap_or(0);
    let no_index = || Error::Fault("identifiers are not indexed".to_owned());
    let identifier = params::find(ResourceType::PATIENT, "identifier").ok_or_else(no_index)?;
    let mut number = last;
    loop {
        number += 1;
        let range = token::range(identifier.number, Some(NUMBER_SYSTEM), &number_text(number));
        let range = range.ok_or_else(no_index)?;
        if work.unit().scan(Kind(ResourceType::PATIENT.number()), &super::terms::range(&range), 1)?.is_empty()
        {
            return Ok(number);
        }
    }
}

/// A form is the same form when everything but the decisions is the same.
fn print(form: &NewPatient, filled: &Filled) -> [u8; 32] {
    Sha256::new()
        .chain_update(form.key.as_bytes())
        .chain_update(format!("{filled:?}").as_bytes())
        .finalize()
        .into()
}

fn scope(actor: &str, key: &str) -> Vec<u8> {
    [b"register\0".as_slice(), actor.as_bytes(), b"\0", key.as_bytes()].concat()
}

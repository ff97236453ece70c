//! What people ask of a consultation: each a transition, checked here for who asks and done in one unit of work. The caller
//! names the state that is on the screen; another one by now is a conflict.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_vault::{Action, Kind};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::Consult;
use super::ask::Wish;
use super::carry::{conflict, line};
use super::kept::{Docs, Row, Within};
use super::picture;
use super::state::{Course, Event, RefundDecision, State};
use crate::clinic::form::Wrong;
use crate::records::access::{Actor, Area, Op, Purpose, Refusal, Role, Subject, Who, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;

/// A request may be sent again for this long.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Requests of one patient that may wait at once.
const MOST_OF_ONE: usize = 3;
/// Longest reason or addendum, in bytes.
const LONGEST: usize = 20_000;

/// What came of a request.
#[derive(Debug)]
pub enum Requested {
    /// It stands, now or since an earlier sending.
    Stands(String),
    /// A field is not acceptable.
    Wrong(Wrong),
}

/// A transition that a person asks for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Give it to this doctor, or to whoever is next.
    Assign { doctor: Option<String> },
    /// Nobody may wait for money.
    Emergency { reason: String },
    /// The patient is here.
    Arrived,
    /// The patient is who he says.
    Identity { how: String, adult: Option<String> },
    /// The patient agrees.
    Consent { form: String },
    /// Begin.
    Start,
    /// The patient has not come.
    Absent,
    /// Media or device are lost.
    Interrupted,
    /// They are back.
    Resumed,
    /// Offer it to another doctor.
    Offer { to: String, reason: String },
    /// Take the offer.
    Accept,
    /// Do not, or take it back.
    Decline,
    /// End it.
    Complete,
    /// Add words after its end.
    Addendum { text: String },
    /// It will not take place.
    Cancel { reason: String, refund: RefundDecision },
}

impl Ask {
    /// What it takes of a member of the clinic.
    pub fn need(&self) -> (Op, Area) {
        match self {
            Ask::Assign { .. } | Ask::Arrived | Ask::Identity { .. } | Ask::Consent { .. } => {
                (Op::Update, Area::Queue)
            }
            Ask::Cancel { .. } => (Op::Update, Area::Queue),
            // Clinicians: whoever may write down what is wrong with somebody.
            Ask::Emergency { .. } => (Op::Create, Area::Problems),
            Ask::Start
            | Ask::Absent
            | Ask::Interrupted
            | Ask::Resumed
            | Ask::Offer { .. }
            | Ask::Accept
            | Ask::Decline
            | Ask::Complete
            | Ask::Addendum { .. } => (Op::Update, Area::Notes),
        }
    }

    /// What a patient may ask for of the own consultation.
    fn is_a_patients(&self) -> bool {
        matches!(self, Ask::Arrived | Ask::Cancel { .. } | Ask::Interrupted | Ask::Resumed)
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Ask::Emergency { reason } | Ask::Offer { reason, .. } | Ask::Cancel { reason, .. } => {
                vec![reason]
            }
            Ask::Identity { how, adult } => adult.iter().chain([how]).map(String::as_str).collect(),
            Ask::Consent { form } => vec![form],
            Ask::Addendum { text } => vec![text],
            Ask::Assign { .. }
            | Ask::Arrived
            | Ask::Start
            | Ask::Absent
            | Ask::Interrupted
            | Ask::Resumed
            | Ask::Accept
            | Ask::Decline
            | Ask::Complete => Vec::new(),
        }
    }
}

/// The patient that an actor is.
pub(crate) fn patient(who: &Actor) -> Option<&LogicalId> {
    match &who.who {
        Who::Patient { patient } => Some(patient),
        Who::Person { .. } | Who::Machine { .. } | Who::App { .. } | Who::Sender | Who::Operator => None,
    }
}

/// Refuses a member of the clinic whose role does not reach an area, and a patient whose matter it is not.
pub(crate) fn allowed(who: &Actor, need: (Op, Area), of: Option<&str>) -> Result<(), Error> {
    match patient(who) {
        Some(own) if of == Some(own.as_str()) => {
            decide(who, Op::Read, &Subject::area_only(Area::Portal)).check()?;
            Ok(())
        }
        // Another patient's matter is not there for this one.
        Some(_) => Err(Error::NotFound("this consultation".to_owned())),
        None => {
            decide(who, need.0, &Subject::area_only(need.1)).check()?;
            Ok(())
        }
    }
}

/// Refuses who may neither read what was said in a consultation nor play it: everybody but the doctors who take part in it, and
/// one to whom it is offered.
pub(crate) fn hears(who: &Actor, course: &Course) -> Result<(), Error> {
    let offered = course.offer.as_ref().is_some_and(|offer| offer.to == who.id);
    let takes_part = offered || course.parts.iter().any(|part| part.doctor == who.id);
    decide(who, Op::Read, &Subject::area_only(Area::Transcript).in_care(takes_part)).check()?;
    Ok(())
}

impl Consult {
    /// Asks for a consultation. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`] for a patient who is not there, [`Error::Conflict`] when too many wait.
    pub fn request(&self, who: &Actor, wish: &Wish) -> Result<Requested, Error> {
        let own = patient(who).map(|id| id.as_str().to_owned());
        let of = match (&own, &wish.patient_id) {
            (Some(own), None) => own.clone(),
            (Some(own), Some(named)) if named == own => own.clone(),
            (Some(_), Some(_)) => return Err(Error::Refused(Refusal::NotTheirs)),
            (None, Some(named)) => named.clone(),
            (None, None) => return Ok(Requested::Wrong(wrong("patientId", "Say whose consultation it is."))),
        };
        allowed(who, (Op::Create, Area::Queue), Some(&of))?;
        let ask = match wish.check() {
            Ok(ask) => ask,
            Err(why) => return Ok(Requested::Wrong(wrong(why.0, why.1))),
        };
        let id = self.records().new_id()?.as_str().to_owned();
        let scope = [b"consultation\0", who.id.as_bytes(), b"\0", wish.key.as_bytes()].concat();
        let print: [u8; 32] = Sha256::digest(format!("{of}\0{ask:?}").as_bytes()).into();
        let room = self.clone();
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            if let Some(answer) = work.unit().recall(&scope)? {
                let (known, id) = answer.split_at_checked(32).unwrap_or_default();
                if known != print {
                    return Ok(Requested::Wrong(wrong("key", "Another request was sent with this key.")));
                }
                let id = String::from_utf8_lossy(id).into_owned();
                work.audit(line(work.who(), Some(&of), Purpose::Treatment, "consultation asked for again"))?;
                return Ok(Requested::Stands(id));
            }
            let head = work.head(ResourceType::PATIENT, &of)?.filter(|head| !head.deleted);
            head.ok_or_else(|| Error::missing(ResourceType::PATIENT, &of))?;
            let waiting = Within(work).rows_of(&of, 50)?;
            if waiting.iter().filter(|row| !row.course.state.is_over()).count() >= MOST_OF_ONE {
                return Err(conflict("three consultations of this patient wait already; cancel one first"));
            }
            let by = work.who().id.clone();
            let mut row = Row {
                id: id.clone(),
                patient: of.clone(),
                asked_by: by.clone(),
                revision: 1,
                course: Course::request(ask, &by, own.is_some(), work.now()),
                payment: None,
            };
            room.begin(work, &mut row)?;
            room.assign_waiting(work)?;
            let until = work.now().checked_add(KEPT).unwrap_or(Timestamp::MAX);
            work.unit().remember(&scope, until, &[print.as_slice(), id.as_bytes()].concat())?;
            Ok(Requested::Stands(id))
        });
        Ok(done?.0)
    }

    fn begin(&self, work: &mut Work<'_, '_>, row: &mut Row) -> Result<(), Error> {
        self.picture(work, row)?;
        super::kept::put_row(work, row)
    }

    /// Carries out what somebody asks for, if the consultation is where the screen says. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Conflict`] when it is elsewhere by now or the machine refuses.
    pub fn transition(&self, who: &Actor, id: &str, expected: State, ask: Ask) -> Result<Row, Error> {
        let of = self.records().vault().snapshot()?.row(id)?.patient;
        allowed(who, ask.need(), Some(&of))?;
        let own = patient(who).is_some();
        if own && !ask.is_a_patients() {
            return Err(Error::Refused(Refusal::NoGrant));
        }
        if ask.texts().iter().any(|text| text.len() > LONGEST) {
            return Err(Error::TooMuch("a reason or addendum has at most 20000 bytes".to_owned()));
        }
        let (room, id) = (self.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let mut row = Within(work).row(&id)?;
            if row.course.state != expected {
                return Err(conflict(format!(
                    "the consultation is {} by now; look at it again",
                    row.course.state.as_str()
                )));
            }
            room.perform(work, &mut row, ask, own)?;
            room.assign_waiting(work)?;
            Within(work).row(&id)
        });
        Ok(done?.0)
    }

    fn perform(&self, work: &mut Work<'_, '_>, row: &mut Row, ask: Ask, own: bool) -> Result<(), Error> {
        let by = work.who().id.clone();
        let event = match ask {
            Ask::Assign { doctor } => return self.assign(work, row, doctor),
            Ask::Emergency { reason } => Event::Emergency { by, reason },
            Ask::Arrived => Event::Arrived,
            Ask::Identity { how, adult } => Event::Identity { by, how, adult },
            Ask::Consent { form } => Event::Consent { by, form },
            Ask::Start => Event::Start { doctor: by },
            Ask::Absent => Event::Absent,
            Ask::Interrupted => Event::Interrupted,
            Ask::Resumed => Event::Resumed,
            Ask::Offer { to, reason } => {
                self.is_doctor(work, &to)?;
                Event::Offer { by, to, reason }
            }
            Ask::Accept => Event::Accept { by },
            Ask::Decline => Event::Decline { by },
            Ask::Complete => {
                let open_drafts = self.open_drafts(work, &row.id)?;
                Event::Complete { by, open_drafts }
            }
            Ask::Addendum { text } => return self.addendum(work, row, by, &text),
            Ask::Cancel { reason, refund } => {
                // Money that goes back is the clinic's decision; a patient's own word before the start returns it.
                let refund = if own { RefundDecision::Full } else { refund };
                Event::Cancel { by, reason, refund }
            }
        };
        self.carry(work, row, event)
    }

    fn assign(&self, work: &mut Work<'_, '_>, row: &mut Row, doctor: Option<String>) -> Result<(), Error> {
        let Some(doctor) = doctor else {
            self.assign_waiting(work)?;
            *row = Within(work).row(&row.id)?;
            return if row.course.state == State::Requested {
                Err(conflict("no doctor of this specialty and language is free now"))
            } else {
                Ok(())
            };
        };
        self.is_doctor(work, &doctor)?;
        if self.has_lapsed(&doctor, work.now()) {
            return Err(conflict("nothing was heard of this doctor's screen lately"));
        }
        self.give(work, row, doctor)
    }

    fn is_doctor(&self, work: &Work<'_, '_>, id: &str) -> Result<(), Error> {
        let account = Within(work).account(id)?.filter(|account| !account.disabled);
        match account {
            Some(account) if account.roles.contains(&Role::Doctor) => Ok(()),
            Some(_) | None => Err(Error::NotFound(format!("doctor {id}"))),
        }
    }

    fn addendum(&self, work: &mut Work<'_, '_>, row: &mut Row, by: String, text: &str) -> Result<(), Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(conflict("an addendum says something"));
        }
        let json = {
            let reader = Within(work);
            let name = |id: &str| reader.name(id).unwrap_or_else(|_| id.to_owned());
            picture::addendum(row, &by, text, &name, work.now())
        };
        let id = self.records().new_id()?.as_str().to_owned();
        self.carry(work, row, Event::Addendum { by, document: id.clone() })?;
        self.put_bound(work, json, &id, &row.id).map(|_| ())
    }

    /// Notes that media of an active consultation are lost, or back. For rooms that carry them. Blocking.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is not active.
    pub fn lost(&self, id: &str, lost: bool) -> Result<Row, Error> {
        let ask = if lost { Event::Interrupted } else { Event::Resumed };
        let (room, id) = (self.clone(), id.to_owned());
        let who = Arc::new(Actor::operator("media"));
        let done = self.records().unit_blocking(who, move |work| {
            let mut row = Within(work).row(&id)?;
            room.carry(work, &mut row, ask)?;
            Ok(row)
        });
        Ok(done?.0)
    }

    /// Writes down that somebody looked at a consultation.
    pub(super) fn note_read(&self, who: &Actor, row: &Row) -> Result<(), Error> {
        let about =
            About { object: Some((ResourceType::ENCOUNTER, &row.id, 0)), patient: Some(&row.patient) };
        let leaf = audit::done(who, Action::Read, Purpose::Treatment, about);
        Ok(self.records().vault().note(leaf)?)
    }

    /// Whether the box has this patient. Blocking.
    pub(super) fn patient_json(
        &self,
        snapshot: &clinicvault_vault::Snapshot,
        id: &str,
    ) -> Result<Option<clinicvault_gateway::json::Value>, Error> {
        let head = snapshot.head(Kind(ResourceType::PATIENT.number()), id)?.filter(|head| !head.deleted);
        let Some(head) = head else { return Ok(None) };
        let body = snapshot.body(&head)?;
        let limits = clinicvault_gateway::json::Limits::bytes(usize::MAX);
        let json = clinicvault_gateway::json::parse(&body, &limits);
        json.map(Some).map_err(|_| Error::Damaged(format!("Patient record {}", head.rid.0)))
    }
}

fn wrong(field: &'static str, message: &str) -> Wrong {
    Wrong { field, code: "invalid", message: message.to_owned() }
}

//! Finding people: the search as typed, who was here last, and who looks like a newcomer.
//!
//! Owns walking the index for people within bounds, so that an answer stays under a millisecond at a hundred thousand
//! patients. What matches and how well is `clinic::find`'s pure part, the duplicate score `clinic::duplicates`'s, the
//! index terms the gateway's.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::fhir::search::params;
use clinicvault_gateway::fhir::search::people::{self, Probe, Query, Shown, judge};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::{Action, Dir, Head, Kind, Rid, Snapshot, TermRange, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Decision, Op, Refusal, Who};
use super::audit::{self, About, patient_of};
use super::compartment::{last_time, parsed};
use super::error::Error;
use super::matching::Rows;
use super::sight;
use super::{Caller, Records, terms};
use crate::clinic::duplicates::{Grade, Newcomer, Reason, compare};
use crate::clinic::form::Sketch;
use crate::clinic::identity::{ABHA_SYSTEM, Identity, names_of};

/// Rows of one answer.
const SHOWN: usize = 10;
/// Records opened for one answer; this bounds the time of a search.
const OPENED: usize = 32;
/// Index entries looked at for one probe, those that fail its condition included.
const WALKED: usize = 4_000;
/// People shown before anything is typed.
const RECENT: usize = 8;
/// Newest records looked through for them.
const RECENT_RECORDS: usize = 120;
/// Candidates compared with a newcomer.
const COMPARED: usize = 200;
/// Digits with which a phone number is whole (ten in India); fewer find nobody by phone whose record is withheld.
const WHOLE_PHONE: usize = 10;
/// Pairs of words of a newcomer's name that are looked for.
const PAIRS: usize = 10;

/// One person found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    /// Who it is; the four facts alone when the record is withheld.
    pub patient: Identity,
    /// A consent of the patient withholds the record from the reader.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// When the newest visit began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_visit: Option<String>,
    /// What of it the query matches.
    pub matched: Vec<Matched>,
}

/// Part of a field that matches, in UTF-16 code units as browsers count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matched {
    /// name, otherName, phone or number.
    pub field: &'static str,
    /// First code unit.
    pub start: usize,
    /// First code unit after it.
    pub end: usize,
}

impl From<&people::Span> for Matched {
    fn from(span: &people::Span) -> Self {
        let field = match span.field {
            people::Field::Name => "name",
            people::Field::OtherName => "otherName",
            people::Field::Phone => "phone",
            people::Field::Number => "number",
        };
        Self { field, start: span.start, end: span.end }
    }
}

/// One person who may be the newcomer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Who it is; the four facts alone when the record is withheld.
    pub patient: Identity,
    /// A consent of the patient withholds the record from the reader.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// How alike.
    pub grade: Grade,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl Candidate {
    /// The same of a patient whose record is withheld.
    pub(super) fn brief(self) -> Self {
        Self { patient: self.patient.brief(), withheld: true, ..self }
    }
}

/// `nc 4218` and `NC-4218` mean the same clinic number as its digits.
fn clinic_number(typed: &str) -> Option<&str> {
    let typed = typed.trim();
    let rest = typed.get(..2).filter(|head| head.eq_ignore_ascii_case("nc")).and_then(|_| typed.get(2..))?;
    let digits = rest.trim_start_matches(['-', ' ']).trim_start_matches('0');
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

impl Records {
    /// People who match what was typed, the best first, and whether there are more.
    pub fn find_people(&self, from: &Caller, typed: &str) -> Result<(Vec<Hit>, bool), Error> {
        let (sees, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, ResourceType::PATIENT)?;
        let query = people::query(clinic_number(typed).unwrap_or(typed));
        let by_phone = typed.chars().filter(char::is_ascii_digit).count() >= WHOLE_PHONE;
        if query.probes.is_empty() {
            return Ok((Vec::new(), false));
        }
        let snapshot = self.vault().snapshot()?;
        let found = best(&self.desk(from, &snapshot, sees)?, &query, by_phone)?;
        let about = About::of_type(ResourceType::PATIENT, None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(found)
    }

    /// People in whose record something happened last. One whose record is withheld is not among them: nobody asked.
    pub fn recent_people(&self, from: &Caller) -> Result<Vec<Hit>, Error> {
        let (sees, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, ResourceType::PATIENT)?;
        let snapshot = self.vault().snapshot()?;
        let hits = recent(&self.desk(from, &snapshot, sees)?)?;
        let about = About::of_type(ResourceType::PATIENT, None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(hits)
    }

    /// What a reader of lists sees besides the patients themselves.
    fn desk<'a>(&self, from: &Caller, snapshot: &'a Snapshot, sees: sight::Look) -> Result<Desk<'a>, Error> {
        let visits = self.sight(&from.who)?.look(Op::Search, ResourceType::ENCOUNTER);
        let visits = Some(visits).filter(|look| look.gate().allowed() && !look.sees_part());
        Ok(Desk { snapshot, sees, visits })
    }

    /// People who look like the one being typed, the likeliest first.
    pub fn look_alikes(&self, from: &Caller, sketch: &Sketch) -> Result<Vec<Candidate>, Error> {
        let (sees, purpose) = self.gated(&self.sight(&from.who)?, Op::Search, ResourceType::PATIENT)?;
        let today = self.now().to_zoned(self.context(from).zone).date();
        let snapshot = self.vault().snapshot()?;
        let mut found = Vec::new();
        for mut candidate in candidates(&mut Look::Snapshot(&snapshot), &sketch.newcomer(today))? {
            let head = snapshot.head(Kind(ResourceType::PATIENT.number()), &candidate.patient.id)?;
            match head.map_or(Ok(Shows::Nothing), |head| shows(&sees, &snapshot, &head))? {
                Shows::Everything => {}
                Shows::FourFacts => candidate = candidate.brief(),
                Shows::Nothing => continue,
            }
            found.push(candidate);
        }
        found.truncate(SHOWN);
        let about = About::of_type(ResourceType::PATIENT, None);
        self.vault().note(audit::done(&from.who, Action::Search, purpose, about))?;
        Ok(found)
    }
}

/// A reader's view, and whether visits are part of it: who may not see them is shown neither their times nor an order
/// that follows from them.
struct Desk<'a> {
    snapshot: &'a Snapshot,
    /// What of the patients themselves is seen.
    sees: sight::Look,
    visits: Option<sight::Look>,
}

impl Desk<'_> {
    /// Whether the visits of this patient are shown; those of one with a consent about anything are not.
    fn shows_visits(&self, patient: &str) -> bool {
        self.visits.as_ref().is_some_and(|look| !look.asks_consent_of(patient))
    }
}

/// How much of a patient a list shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Everything,
    /// Name, age, sex and number: a consent withholds the record, and the reader is one of the clinic's people (0079).
    FourFacts,
    Nothing,
}

/// How much of a stored Patient a list shows to a reader.
pub(super) fn shows(sees: &sight::Look, rows: &impl Rows, head: &Head) -> Result<Shows, Error> {
    Ok(match sees.stored(rows, head)? {
        Decision::Allow(_) => Shows::Everything,
        Decision::Refuse(Refusal::NoConsent) if matches!(sees.who().who, Who::Person { .. }) => {
            Shows::FourFacts
        }
        Decision::Refuse(_) => Shows::Nothing,
    })
}

/// The index as a reader or the writer sees it.
pub(super) enum Look<'a, 'u> {
    /// A reader's consistent view.
    Snapshot(&'a Snapshot),
    /// Inside a unit of work: earlier units and its own changes are seen.
    Unit(&'a mut Unit<'u>),
}

impl Look<'_, '_> {
    /// Records with a term in a probe's range, at most `limit`. A reader checks the term's condition too; the writer
    /// leaves it to the comparison that follows.
    fn walk(&mut self, probe: &Probe, limit: usize) -> Result<Vec<Rid>, Error> {
        let (kind, range) = (Kind(ResourceType::PATIENT.number()), terms::range(&probe.range));
        let limit = limit.min(probe.limit);
        match self {
            Self::Snapshot(snapshot) => {
                let fits = |value: &[u8]| probe.range.check.as_ref().is_none_or(|check| check.accepts(value));
                let rows = snapshot.scan(kind, &range, Dir::Ascending, snapshot.tx())?.take(WALKED);
                let kept = rows.filter(|row| row.as_ref().map_or(true, |(value, _)| fits(value)));
                Ok(kept.take(limit).map(|row| row.map(|(_, rid)| rid)).collect::<Result<_, _>>()?)
            }
            Self::Unit(unit) => Ok(unit.scan(kind, &range, limit)?),
        }
    }

    fn head(&mut self, rid: Rid) -> Result<Option<Head>, Error> {
        let head = match self {
            Self::Snapshot(snapshot) => snapshot.head_of(rid)?,
            Self::Unit(unit) => unit.head_of(rid)?,
        };
        Ok(head.filter(|head| !head.deleted))
    }

    /// The JSON of a record.
    pub(super) fn json(&mut self, head: &Head) -> Result<Value, Error> {
        match self {
            Self::Snapshot(snapshot) => parsed(snapshot, head),
            Self::Unit(unit) => {
                let body = unit.body(head)?;
                json::parse(&body, &Limits::bytes(usize::MAX))
                    .map_err(|_| Error::Damaged(format!("record {}", head.rid.0)))
            }
        }
    }
}

fn best(desk: &Desk<'_>, query: &Query, by_phone: bool) -> Result<(Vec<Hit>, bool), Error> {
    let (snapshot, sees) = (desk.snapshot, &desk.sees);
    let mut look = Look::Snapshot(snapshot);
    let (mut seen, mut found, mut left_over) = (BTreeSet::new(), Vec::new(), false);
    for probe in &query.probes {
        let room = OPENED.saturating_sub(seen.len());
        // One more than there is room for tells that there are more.
        let rids = look.walk(probe, room + 1)?;
        left_over |= rids.len() > room;
        for rid in rids.into_iter().take(room).filter(|rid| seen.insert(*rid)).collect::<Vec<_>>() {
            let Some(head) = look.head(rid)? else { continue };
            let seen = shows(sees, snapshot, &head)?;
            if seen == Shows::Nothing {
                continue;
            }
            let json = look.json(&head)?;
            let identity = Identity::of(&json);
            let (judged, identity) = if seen == Shows::Everything {
                (judge(query, &shown(&json, &identity)), identity)
            } else {
                let identity = identity.brief();
                (judge(query, &shown_briefly(&json, &identity, by_phone)), identity)
            };
            if let Some(judged) = judged {
                found.push((judged, identity, seen));
            }
        }
        if found.len() >= SHOWN || left_over {
            break;
        }
    }
    found.sort_by(|(a, x, _), (b, y, _)| b.score.cmp(&a.score).then_with(|| x.name.cmp(&y.name)));
    let more = left_over || found.len() > SHOWN;
    found.truncate(SHOWN);
    let mut hits = Vec::new();
    for (judged, identity, seen) in found {
        // What of a withheld record matched beside its name and number is not told.
        let told = |span: &&people::Span| {
            seen == Shows::Everything || matches!(span.field, people::Field::Name | people::Field::Number)
        };
        let spans = judged.matched.iter().filter(told).map(Matched::from).collect();
        hits.push((judged.score, hit(desk, identity, seen, spans)?));
    }
    // Among equals the one who was here last comes first.
    hits.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| y.last_visit.cmp(&x.last_visit)));
    Ok((hits.into_iter().map(|(_, hit)| hit).collect(), more))
}

/// A patient as the screen shows it, for the judgement.
fn shown<'a>(json: &'a Value, identity: &'a Identity) -> Shown<'a> {
    let phones = json.items("telecom").iter().filter_map(|contact| contact.str("value"));
    let numbers = json.items("identifier").iter().filter_map(|identifier| identifier.str("value"));
    Shown {
        name: &identity.name,
        other_name: identity.other_name.as_deref(),
        phones: identity.phone.as_deref().into_iter().chain(phones).collect(),
        numbers: std::iter::once(identity.number.as_str()).chain(numbers).collect(),
        village: identity.village.as_deref(),
        birth_year: identity.birth_year(),
    }
}

/// A withheld patient, for the judgement: by name and clinic number, and by a phone number that was typed whole.
fn shown_briefly<'a>(json: &'a Value, identity: &'a Identity, by_phone: bool) -> Shown<'a> {
    let phones = json.items("telecom").iter().filter_map(|contact| contact.str("value"));
    Shown {
        name: &identity.name,
        other_name: None,
        phones: phones.filter(|_| by_phone).collect(),
        numbers: vec![identity.number.as_str()],
        village: None,
        birth_year: identity.birth_year(),
    }
}

fn hit(desk: &Desk<'_>, patient: Identity, seen: Shows, matched: Vec<Matched>) -> Result<Hit, Error> {
    let last = match LogicalId::parse(&patient.id).filter(|id| desk.shows_visits(id.as_str())) {
        Some(id) => last_time(desk.snapshot, &id, ResourceType::ENCOUNTER)?,
        None => None,
    };
    let last_visit = last.and_then(|at| jiff::Timestamp::from_microsecond(at).ok()).map(datetime::instant);
    Ok(Hit { patient, withheld: seen == Shows::FourFacts, last_visit, matched })
}

fn recent(desk: &Desk<'_>) -> Result<Vec<Hit>, Error> {
    let (snapshot, sees) = (desk.snapshot, &desk.sees);
    let newest = TermRange::all(params::LAST_UPDATED);
    let mut patients: Vec<(jiff::Timestamp, String)> = Vec::new();
    let kinds = [ResourceType::PATIENT, ResourceType::ENCOUNTER];
    for kind in kinds.into_iter().take(if desk.visits.is_some() { 2 } else { 1 }) {
        for row in
            snapshot.scan(Kind(kind.number()), &newest, Dir::Descending, snapshot.tx())?.take(RECENT_RECORDS)
        {
            let (_, rid) = row?;
            if let Some(head) = snapshot.head_of(rid)?.filter(|head| !head.deleted)
                && let Some(patient) = patient_of(&head.owner)
                && (kind == ResourceType::PATIENT || desk.shows_visits(patient))
            {
                patients.push((head.time, patient.to_owned()));
            }
        }
    }
    patients.sort_by(|a, b| b.cmp(a));
    let mut seen = BTreeSet::new();
    let mut hits = Vec::new();
    for (_, patient) in patients.into_iter().filter(|(_, patient)| seen.insert(patient.clone())) {
        let head =
            snapshot.head(Kind(ResourceType::PATIENT.number()), &patient)?.filter(|head| !head.deleted);
        if let Some(head) = head
            && sees.shows(snapshot, &head)?
        {
            let identity = Identity::of(&parsed(snapshot, &head)?);
            hits.push(hit(desk, identity, Shows::Everything, Vec::new())?);
        }
        if hits.len() == RECENT {
            break;
        }
    }
    Ok(hits)
}

/// People who look like the newcomer, the likeliest first.
pub(super) fn candidates(look: &mut Look<'_, '_>, newcomer: &Newcomer) -> Result<Vec<Candidate>, Error> {
    let mut rids = BTreeSet::new();
    for text in texts(newcomer) {
        for probe in people::query(&text).probes {
            rids.extend(look.walk(&probe, COMPARED)?);
        }
    }
    let mut found = Vec::new();
    for rid in rids.into_iter().take(COMPARED) {
        let Some(head) = look.head(rid)? else { continue };
        let json = look.json(&head)?;
        let patient = Identity::of(&json);
        let abha = json
            .items("identifier")
            .iter()
            .find(|id| id.str("system") == Some(ABHA_SYSTEM))
            .and_then(|id| id.str("value"));
        if let Some((grade, reasons)) = compare(newcomer, &patient, &names_of(&json), abha) {
            found.push(Candidate { patient, withheld: false, grade, reasons });
        }
    }
    found.sort_by_key(|candidate| (Reverse(candidate.grade), Reverse(candidate.reasons.len())));
    Ok(found)
}

/// What to look for: phone, ABHA number, and every two words of a name together, so that a common first name does not
/// fill the list.
fn texts(newcomer: &Newcomer) -> Vec<String> {
    let mut texts: Vec<String> = newcomer.phone.iter().chain(&newcomer.abha).cloned().collect();
    for name in std::iter::once(&newcomer.name).chain(&newcomer.other_name) {
        let words: Vec<&str> = name.split_whitespace().collect();
        if let [only] = words.as_slice() {
            texts.push((*only).to_owned());
        }
        let pairs = words
            .iter()
            .enumerate()
            .flat_map(|(at, first)| words.iter().skip(at + 1).map(move |second| format!("{first} {second}")));
        texts.extend(pairs.take(PAIRS));
    }
    texts
}

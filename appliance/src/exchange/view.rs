//! What the message screen shows: the rows, and one message as received, as meant and as stored.
//!
//! Meaning and links are mapped anew from the kept bytes; what was stored, what had no place and what was odd are read
//! from the row, because that is what happened then. Opening a message is a look at a patient's data and is recorded.

use clinicvault_gateway::astm;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::hl7::{Message, Presence, Segment};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_gateway::map::matching::{self, Match};
use clinicvault_gateway::map::meaning::{Label, Row as MeaningRow, Tone};
use clinicvault_gateway::map::{Link, merge};
use clinicvault_vault::{Action, Kind, Outcome, QueueItem, Snapshot};

use super::apply::{Opened, sender};
use super::inbox::leaf;
use super::lines::Received;
use super::row::{self, Facts, State};
use super::{Exchange, INBOX};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;
use crate::records::names::Names;

mod dto;
mod list;

pub use dto::*;
pub use list::{Shown, Wanted};

/// Longest text of one field on the screen; a report of a megabyte is not for reading here.
const MAX_FIELD: usize = 4_000;

impl Exchange {
    /// One message. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not look, [`Error::NotFound`] for an unknown row.
    pub fn detail(&self, who: &Actor, seq: u64) -> Result<InboxMessage, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let item =
            snapshot.queue_get(INBOX, seq)?.ok_or_else(|| Error::NotFound(format!("inbox row {seq}")))?;
        let damaged = || Error::Damaged(format!("inbox row {seq}"));
        let (facts, inside) = row::decode(&item.row.body).ok_or_else(damaged)?;
        let opened = self.open(&item)?;
        let looked = leaf(who, Action::Read, Outcome::Success, seq, facts.patient.clone(), None);
        self.records().vault().note(looked)?;
        let mut view = basics(&item, &facts);
        if facts.removed.is_some() {
            view.resources = written(&snapshot, &facts, &[])?;
        }
        view.settled = facts.settled.as_ref().map(|settled| SettledView {
            by: Names::new(&snapshot).of(&settled.by),
            reason: settled.reason.clone(),
        });
        view.segments = match &opened {
            Some(Opened { message: Received::Hl7(message), .. }) => segments(message),
            Some(Opened { message: Received::Records(message), .. }) => records(message),
            Some(Opened { message: Received::Printout(text), .. }) => lines(text),
            Some(Opened { message: Received::Fhir(bundle), .. }) => entries(bundle),
            None if facts.removed.is_some() => Vec::new(),
            None => self.raw_segments(&self.bytes(&item, inside)?),
        };
        if let Some(patient) = &facts.patient {
            view.patient = super::lookup::patient(&snapshot, patient)?.map(|found| found.identity);
        }
        if let Some(opened) = opened {
            self.explain(&mut view, &snapshot, &facts, opened)?;
        }
        Ok(view)
    }

    fn explain(
        &self,
        view: &mut InboxMessage,
        snapshot: &Snapshot,
        facts: &Facts,
        mut opened: Opened,
    ) -> Result<(), Error> {
        view.meaning = opened.mapped.meaning.iter().map(meaning).collect();
        if facts.stored.is_empty() && facts.used == 0 {
            let mut now = facts.clone();
            now.report(&opened.mapped.report);
            view.unmapped = places(&now.unmapped);
            view.unknown_codes = places(&now.unknown_codes);
            view.warnings = now.warnings;
        }
        if let Some(held) = &mut view.held {
            let found = self.whom(&sender(facts), &opened)?;
            let known: Vec<_> = found.iter().map(|f| f.known.clone()).collect();
            let candidates = match matching::decide(&opened.mapped.patient, &known) {
                Match::Exact(id) => {
                    vec![matching::Candidate { id, reasons: vec![matching::Reason::SameIdentifier] }]
                }
                Match::Unknown(candidates) | Match::Conflict(candidates) => candidates,
            };
            held.candidates = candidates
                .into_iter()
                .filter_map(|c| {
                    let one = found.iter().find(|f| f.known.id == c.id)?;
                    let reasons = c.reasons.iter().map(|r| r.as_str()).collect();
                    Some(CandidateView { patient: one.identity.clone(), reasons })
                })
                .collect();
            held.sender_number = opened.mapped.patient.identifiers.first().map(|i| i.value.clone());
            if let Some(first) = view.meaning.first_mut() {
                first.tone = Some("attention");
            }
        }
        if let Some(patient) = &facts.patient {
            let from = opened.mapped.patient_id.clone();
            merge::retarget(&mut opened.mapped.bundle, "Patient", &from, patient);
        }
        view.resources = self.resources(snapshot, facts, &opened)?;
        Ok(())
    }

    /// The stored versions; for a message that is not applied, what would be stored.
    fn resources(
        &self,
        snapshot: &Snapshot,
        facts: &Facts,
        opened: &Opened,
    ) -> Result<Vec<ResourceView>, Error> {
        // A message that was applied may have said nothing new.
        if !facts.stored.is_empty() || facts.patient.is_some() {
            return written(snapshot, facts, &opened.mapped.links);
        }
        let entries = opened.mapped.bundle.items("entry").iter().enumerate();
        let pending = entries.filter_map(|(index, entry)| {
            let resource = entry.get("resource")?;
            Some(ResourceView {
                kind: resource.str("resourceType")?.to_owned(),
                id: resource.str("id")?.to_owned(),
                version: None,
                json: resource.pretty(),
                links: links(&opened.mapped.links, index),
            })
        });
        Ok(pending.collect())
    }

    /// The lines of a message that cannot be read as one.
    fn raw_segments(&self, bytes: &[u8]) -> Vec<SegmentView> {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.split(['\r', '\n']).filter(|l| !l.trim().is_empty()).take(1_000);
        lines
            .enumerate()
            .map(|(index, line)| {
                let name: String = line.chars().take(3).collect();
                let rest: String = line.chars().skip(3).take(MAX_FIELD).collect();
                let field = FieldView { number: 1, text: rest, start: 0, end: 0 };
                SegmentView { name, index, fields: vec![field] }
            })
            .collect()
    }
}

/// The versions that a message wrote.
fn written(snapshot: &Snapshot, facts: &Facts, links: &[Link]) -> Result<Vec<ResourceView>, Error> {
    facts.stored.iter().filter_map(|one| stored(snapshot, one, links).transpose()).collect()
}

fn basics(item: &QueueItem, facts: &Facts) -> InboxMessage {
    InboxMessage {
        row: row_of(item, facts),
        kind: facts.kind.clone(),
        control_id: facts.control_id.clone(),
        received: item.at,
        transport: match &facts.line {
            Some(line) if line.wire == "serial" => "serial",
            Some(_) | None if facts.tls => "tls",
            Some(_) | None => "plain",
        },
        answered: facts.answered.clone(),
        answered_later: facts.later.as_ref().map(|l| AnsweredLater { code: l.code.clone(), heard: l.heard }),
        version: (!facts.version.is_empty()).then(|| facts.version.clone()),
        segments: Vec::new(),
        meaning: Vec::new(),
        resources: Vec::new(),
        unmapped: places(&facts.unmapped),
        unknown_codes: places(&facts.unknown_codes),
        warnings: facts.warnings.clone(),
        held: (State::of(item.row.state) == State::Held).then_some(facts.held.as_ref()).flatten().map(|h| {
            HeldView {
                reason: h.why.clone(),
                detail: h.detail.clone(),
                candidates: Vec::new(),
                sender_number: None,
            }
        }),
        error: facts.problem.as_ref().map(|p| ErrorView {
            segment: p.segment.clone(),
            field: p.field.clone(),
            code: p.code.clone(),
            reason: p.reason.clone(),
        }),
        patient: None,
        settled: None,
        course: facts.course.clone(),
        removed: facts.removed,
    }
}

pub(super) fn row_of(item: &QueueItem, facts: &Facts) -> InboxRow {
    InboxRow {
        seq: item.seq,
        at: item.at,
        title: Title { key: facts.title.clone(), params: facts.values.map(|n| TitleParams { n }) },
        sender: if facts.sender.is_empty() { facts.peer.clone() } else { facts.sender.clone() },
        person: facts.person.clone(),
        state: State::of(item.row.state).as_str(),
    }
}

fn places(all: &[(String, String)]) -> Vec<Place> {
    all.iter().map(|(path, value)| Place { path: path.clone(), value: value.clone() }).collect()
}

fn segments(message: &Message) -> Vec<SegmentView> {
    message.segments().map(|segment| segment_view(message, segment)).collect()
}

fn segment_view(message: &Message, segment: Segment<'_>) -> SegmentView {
    let header = matches!(segment.name().as_str(), "MSH" | "BHS" | "FHS");
    let fields = segment.fields().filter(|(number, _)| !header || *number > 1).map(|(number, field)| {
        let range = field.range();
        let raw = if field.presence() == Presence::Absent { &[] } else { field.raw() };
        let text: String = message.charset().decode(raw).chars().take(MAX_FIELD).collect();
        FieldView { number, text, start: range.start, end: range.end }
    });
    SegmentView { name: segment.name(), index: segment.index(), fields: fields.collect() }
}

/// An analyser's records, each with its fields.
fn records(message: &astm::Message) -> Vec<SegmentView> {
    let separator = char::from(message.delimiters().field).len_utf8();
    let view = |record: astm::record::Record<'_>| {
        let mut start = record.start() + 1 + separator;
        let fields = record.fields().map(|(number, field)| {
            let end = start + field.raw().len();
            let text = message.charset().decode(field.raw()).chars().take(MAX_FIELD).collect();
            let view = FieldView { number, text, start, end };
            start = end + separator;
            view
        });
        let fields = fields.collect();
        SegmentView { name: record.kind().to_string(), index: record.index(), fields }
    };
    message.records().map(view).collect()
}

/// The resources of a FHIR message, its header first.
fn entries(bundle: &Value) -> Vec<SegmentView> {
    let view = |(index, entry): (usize, &Value)| {
        let resource = entry.get("resource")?;
        let text = resource.pretty().chars().take(MAX_FIELD).collect();
        let field = FieldView { number: 1, text, start: 0, end: 0 };
        Some(SegmentView { name: resource.str("resourceType")?.to_owned(), index, fields: vec![field] })
    };
    bundle.items("entry").iter().enumerate().filter_map(view).collect()
}

/// The lines of a print-out.
fn lines(text: &str) -> Vec<SegmentView> {
    let view = |(index, line): (usize, &str)| {
        let text = line.chars().take(MAX_FIELD).collect();
        SegmentView {
            name: String::new(),
            index,
            fields: vec![FieldView { number: 1, text, start: 0, end: 0 }],
        }
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).take(1_000).map(view).collect()
}

fn meaning(row: &MeaningRow) -> MeaningView {
    let label = match &row.label {
        Label::Key(key) => LabelView { key: (*key).to_owned(), text: None },
        Label::Text(text) => LabelView { key: "test".to_owned(), text: Some(text.clone()) },
    };
    let tone = row.tone.map(|tone| match tone {
        Tone::Abnormal => "abnormal",
        Tone::Critical => "critical",
    });
    MeaningView {
        label,
        value: row.value.clone(),
        flag: row.flag.clone(),
        range: row.range.clone(),
        link: Some(row.segment),
        tone,
    }
}

fn links(all: &[Link], entry: usize) -> Vec<LinkView> {
    let own = all.iter().filter(|l| l.entry == entry);
    own.map(|l| LinkView {
        pointer: l.pointer.to_string(),
        segment: l.segment,
        field: (l.field > 0).then_some(l.field),
    })
    .collect()
}

fn stored(snapshot: &Snapshot, written: &row::Written, all: &[Link]) -> Result<Option<ResourceView>, Error> {
    let Some(kind) = ResourceType::parse(&written.kind) else { return Ok(None) };
    let Some(newest) = snapshot.head(Kind(kind.number()), &written.id)? else { return Ok(None) };
    let Some(head) = snapshot.version(newest.rid, written.version)? else { return Ok(None) };
    let body = snapshot.body(&head)?;
    let json = json::parse(&body, &Limits::bytes(usize::MAX));
    let json = json.map_err(|_| Error::Damaged(format!("{kind} record {}", head.rid.0)))?;
    Ok(Some(ResourceView {
        kind: written.kind.clone(),
        id: written.id.clone(),
        version: Some(written.version),
        json: json.pretty(),
        links: written.entry.map(|entry| links(all, entry)).unwrap_or_default(),
    }))
}

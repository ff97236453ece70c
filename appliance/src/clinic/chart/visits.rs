//! The visits register: what each visit was for and what came of it, and the documents beside it.

use std::collections::BTreeMap;

use clinicvault_gateway::json::Value;
use jiff::tz::TimeZone;

use super::dto::{Document, Visit};
use super::{Sources, medicines, results};
use crate::clinic::read::{display, has_code, instant, words};

/// Visits, newest first.
pub fn list(sources: &Sources, zone: &TimeZone) -> Vec<Visit> {
    let about = Facts::of(sources);
    let mut visits: Vec<Visit> = sources
        .encounters
        .iter()
        .filter(|encounter| encounter.str("status") != Some("entered-in-error"))
        .filter_map(|encounter| visit(encounter, &about))
        .collect();
    visits.sort_by_key(|visit| std::cmp::Reverse(instant(&visit.date, zone)));
    visits
}

/// Documents, newest first.
pub fn documents(resources: &[Value], zone: &TimeZone) -> Vec<Document> {
    let current = resources.iter().filter(|document| document.str("status") == Some("current"));
    let mut documents: Vec<Document> = current.filter_map(document).collect();
    documents.sort_by_key(|document| std::cmp::Reverse(instant(&document.date, zone)));
    documents
}

/// What the address of a text begins with that the box heard; the id of its consultation or dictation follows.
pub(crate) const TRANSCRIPT: &str = "urn:clinicvault:transcript:";

fn document(resource: &Value) -> Option<Document> {
    let attachment = resource.items("content").first().and_then(|content| content.get("attachment"));
    let date = attachment.and_then(|attachment| attachment.str("creation")).or_else(|| resource.str("date"));
    let title = words(resource.get("type")).or_else(|| attachment?.str("title").map(str::to_owned));
    // What lies elsewhere is told of and not fetched; files of consultations lie here (0208).
    let here = |each: &Value| {
        each.get("data").is_some()
            || each.str("url").is_some_and(|url| url.starts_with("/api/consultations/"))
    };
    let heard = attachment.and_then(|each| each.str("url")?.strip_prefix(TRANSCRIPT)).map(str::to_owned);
    let met = resource.get("context").is_some_and(|context| !context.items("encounter").is_empty());
    Some(Document {
        saves: attachment.is_some_and(here),
        transcript: heard.clone().filter(|_| met),
        dictation: heard.filter(|_| !met),
        id: resource.str("id")?.to_owned(),
        date: date.or_else(|| resource.get("meta")?.str("lastUpdated")).unwrap_or_default().to_owned(),
        title: title.or_else(|| resource.str("description").map(str::to_owned)).unwrap_or_default(),
        text: resource.str("description").map(str::to_owned),
        kind: attachment.and_then(|attachment| attachment.str("contentType")).map(str::to_owned),
        size: attachment.and_then(|attachment| attachment.get("size")?.as_number()?.as_u64()),
    })
}

/// What happened at each visit, by the reference of its Encounter.
struct Facts<'a> {
    notes: BTreeMap<&'a str, Vec<&'a str>>,
    medicines: BTreeMap<&'a str, Vec<String>>,
    vitals: BTreeMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Facts<'a> {
    fn of(sources: &'a Sources) -> Self {
        let mut facts = Self { notes: BTreeMap::new(), medicines: BTreeMap::new(), vitals: BTreeMap::new() };
        for impression in
            sources.impressions.iter().filter(|each| each.str("status") != Some("entered-in-error"))
        {
            if let (Some(at), Some(summary)) = (at(impression), impression.str("summary")) {
                facts.notes.entry(at).or_default().push(summary);
            }
        }
        for request in sources.medicines.iter().filter(|each| each.str("status") != Some("entered-in-error"))
        {
            if let (Some(at), Some(line)) = (at(request), prescribed(request)) {
                facts.medicines.entry(at).or_default().push(line);
            }
        }
        for observation in
            sources.observations.iter().filter(|each| has_code(each, "category", &["vital-signs"]))
        {
            if let Some(at) = at(observation) {
                facts.vitals.entry(at).or_default().push(observation);
            }
        }
        facts
    }
}

fn at(resource: &Value) -> Option<&str> {
    resource.get("encounter")?.str("reference")
}

fn visit(encounter: &Value, about: &Facts<'_>) -> Option<Visit> {
    let id = encounter.str("id")?;
    let here = format!("Encounter/{id}");
    let reasons: Vec<String> =
        encounter.items("reasonCode").iter().filter_map(|reason| words(Some(reason))).collect();
    let title = encounter.items("type").iter().find_map(|kind| words(Some(kind)));
    let (title, mut lines) = match title {
        Some(title) => (title, reasons),
        None => (reasons.join(", "), Vec::new()),
    };
    lines.extend(about.notes.get(here.as_str()).into_iter().flatten().map(|note| (*note).to_owned()));
    lines.extend(about.vitals.get(here.as_str()).map(|vitals| measured(vitals)));
    lines.extend(about.medicines.get(here.as_str()).map(|medicines| medicines.join(", ")));
    Some(Visit {
        id: id.to_owned(),
        date: encounter
            .get("period")
            .and_then(|period| period.str("start"))
            .or_else(|| encounter.get("meta")?.str("lastUpdated"))?
            .to_owned(),
        title,
        state: encounter.str("status").unwrap_or_default().to_owned(),
        lines: lines.into_iter().filter(|line| !line.is_empty()).collect(),
        by: encounter.items("participant").iter().find_map(|who| display(who.get("individual"))),
        kind: kind(encounter.get("class").and_then(|class| class.str("code"))).to_owned(),
    })
}

/// `METFORMIN 500 mg tablet 1-0-1`: generic in capitals, as Indian prescriptions print it.
fn prescribed(request: &Value) -> Option<String> {
    let label = medicines::label(request)?;
    let name_end = label.find(|c: char| c.is_ascii_digit()).unwrap_or(label.len());
    let (name, rest) = label.split_at(name_end);
    let dose = request.items("dosageInstruction").first().and_then(medicines::dose).unwrap_or_default();
    Some(format!("{}{rest} {dose}", name.to_uppercase()).trim().to_owned())
}

/// `BP 152/94 mmHg, Pulse 84 /min, …` with the flag before an unusual value.
fn measured(vitals: &[&Value]) -> String {
    let pressures = vitals.iter().filter_map(|vital| {
        let pair = results::pressure(vital)?;
        Some(format!("BP {}{}/{} mmHg", marked(pair.flag), pair.systolic, pair.diastolic))
    });
    let others = vitals.iter().filter(|vital| results::pressure(vital).is_none()).filter_map(|vital| {
        let (name, value) = (words(vital.get("code"))?, results::value(vital)?);
        let unit = vital.get("valueQuantity").and_then(|quantity| quantity.str("unit")).unwrap_or_default();
        let gap = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
        Some(format!("{name} {}{value}{gap}{unit}", marked(results::flag(vital))))
    });
    pressures.chain(others).collect::<Vec<_>>().join(", ")
}

fn marked(flag: Option<super::dto::Flag>) -> &'static str {
    use super::dto::Flag::{A, AA, H, HH, L, LL};
    match flag {
        Some(HH) => "▲ HH ",
        Some(H) => "▲ H ",
        Some(LL) => "▼ LL ",
        Some(L) => "▼ L ",
        Some(AA | A) => "! ",
        None => "",
    }
}

fn kind(class: Option<&str>) -> &'static str {
    match class {
        Some("VR") => "video",
        Some("HH") => "home",
        Some("EMER") => "emergency",
        Some("IMP" | "ACUTE" | "NONAC" | "OBSENC" | "SS") => "admission",
        Some(_) | None => "visit",
    }
}

//! How much of a message comes back: message, records, message, records. A field is kept when everything that the map made
//! of it is made of the second message again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::super::{Acknowledge, Envelope, Kind, Refusal, Set, message};
use crate::hl7::accept::{self, Policy};
use crate::hl7::structure::Layout;
use crate::hl7::{Limits, Message, Mode, batch, parse};
use crate::json::{Object, Value};
use crate::map::{MapContext, Mapped, to_transaction};

/// Fields sent, and those of them that came back.
#[derive(Debug, Default)]
pub struct Kept {
    pub kind: String,
    pub messages: usize,
    pub fields: usize,
    pub kept: usize,
    /// Fields of which the map reports that something has no home in FHIR.
    pub homeless: usize,
    /// Names of lost fields with how often.
    pub lost: BTreeMap<String, usize>,
}

impl Kept {
    pub fn share(&self) -> f64 {
        if self.fields == 0 { 1.0 } else { self.kept as f64 / self.fields as f64 }
    }

    pub fn add(&mut self, other: Kept) {
        self.messages += other.messages;
        self.fields += other.fields;
        self.kept += other.kept;
        self.homeless += other.homeless;
        for (name, n) in other.lost {
            *self.lost.entry(name).or_default() += n;
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Biggest first.
        let mut lost: Vec<(&String, &usize)> = self.lost.iter().collect();
        lost.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let lost: Vec<String> = lost.into_iter().map(|(name, n)| format!("{name} x{n}")).collect();
        let percent = 100.0 * self.share();
        write!(f, "{} messages, {} of {} fields, {percent:.2} %", self.messages, self.kept, self.fields)?;
        write!(f, ", {} without a home", self.homeless)?;
        if lost.is_empty() { Ok(()) } else { write!(f, "; lost {}", lost.join(", ")) }
    }
}

/// Every message below a folder, by kind. Empty when the folder is not there.
pub fn folder(folder: &str) -> BTreeMap<String, Kept> {
    let mut figures = BTreeMap::new();
    let mut files = Vec::new();
    walk(Path::new(folder), &mut files);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for range in batch::split(&bytes) {
            if let Some(kept) = round(&bytes[range]) {
                let all = figures
                    .entry(kept.kind.clone())
                    .or_insert_with(|| Kept { kind: kept.kind.clone(), ..Kept::default() });
                all.add(kept);
            }
        }
    }
    figures
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "hl7") && !path.ends_with("expected.hl7") {
            files.push(path);
        }
    }
}

/// One message there and back; `None` for what is no message, or of a kind that is not made.
pub fn round(bytes: &[u8]) -> Option<Kept> {
    let (first, there) = mapped(bytes)?;
    let header = first.header();
    let name = format!("{}^{}", header.message_type(), header.trigger());
    let kind = Kind::parse(&name)?;
    let set = Set::of_bundle(&there.bundle);
    let replaced = |p: &&Value| p.items("link").iter().any(|l| l.str("type") == Some("replaced-by"));
    let own = |p: &&Value| p.str("id") == Some(&there.patient_id);
    let root = match kind {
        Kind::A40 => Some(set.of_kind("Patient").find(replaced)?),
        _ => set.of_kind("Patient").find(|p| kind.tells_of("Patient") && own(p)),
    };
    let root = root
        .or_else(|| ["Appointment", "DocumentReference"].into_iter().find_map(|k| set.of_kind(k).next()))?;
    let word = |field| String::from_utf8_lossy(header.component(field, 1)).into_owned();
    let (app, facility, control) = (word(3), word(4), word(10));
    let envelope = Envelope {
        sender: (&app, &facility),
        receiver: ("X", "Y"),
        control_id: &control,
        now: Timestamp::from_second(1_795_000_000).unwrap(),
        offset: Offset::UTC,
        training: false,
        acknowledge: Acknowledge::Original,
    };
    let again = match message(kind, root, &set, &envelope, &[]) {
        Ok(again) => again,
        // What the message is about has no home in FHIR: nothing that could be told again is among the records.
        Err(Refusal::Nothing(_)) => {
            return Some(Kept {
                kind: name,
                messages: 1,
                homeless: homeless(&there) + places(&first, &there).len(),
                ..Kept::default()
            });
        }
        Err(why) => panic!("{name}: {why}"),
    };
    // What is not taken in again is lost altogether.
    let back = mapped(&again).map(|(_, back)| back.bundle).unwrap_or_default();
    Some(compare(name, &first, &there, &back))
}

fn mapped(bytes: &[u8]) -> Option<(Message, Mapped)> {
    let message = parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None).ok()?;
    let event = accept::check(&message, &Policy::default()).ok()?;
    let context = MapContext { zone: TimeZone::UTC, authorities: Vec::new(), maps: Default::default() };
    let mapped = to_transaction(&message, event, &context);
    Some((message, mapped))
}

/// The resources of a bundle, and names for their references.
fn ordered(bundle: &Value) -> (Vec<&Value>, BTreeMap<String, String>) {
    let all: Vec<&Value> = bundle.items("entry").iter().filter_map(|e| e.get("resource")).collect();
    let kind = |r: &Value| r.str("resourceType").unwrap_or_default().to_owned();
    let names = all.iter().map(|r| (format!("{}/{}", kind(r), r.str("id").unwrap_or_default()), kind(r)));
    let names = names.collect();
    (all, names)
}

/// For each resource the one of the second message that it is: the one of the same id, else of those that nothing claims
/// the one that is at the same place among them.
fn partners<'v>(first: &[&'v Value], second: &[&'v Value]) -> Vec<Option<&'v Value>> {
    let key = |r: &Value| (r.str("resourceType").map(str::to_owned), r.str("id").map(str::to_owned));
    let same = |one: &Value| second.iter().copied().find(|other| key(other) == key(one));
    let mut left: Vec<&Value> =
        second.iter().copied().filter(|other| !first.iter().any(|one| key(one) == key(other))).collect();
    let mut partner = |one: &&'v Value| {
        same(one).or_else(|| {
            let at = left.iter().position(|other| other.str("resourceType") == one.str("resourceType"))?;
            Some(left.remove(at))
        })
    };
    first.iter().map(&mut partner).collect()
}

fn plain(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(object) => {
            let members = object.iter().map(|(key, member)| match member {
                // Ids may follow from the segment that names a thing; who or what it is, is compared where it is named.
                Value::String(text) if key == "reference" => {
                    let shown = names.get(text).map_or(text.as_str(), String::as_str);
                    (key.to_owned(), Value::from(shown))
                }
                other => (key.to_owned(), plain(other, names)),
            });
            // The order of members and of telephone numbers says nothing.
            let mut members: Vec<(String, Value)> = members.collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            for (key, value) in &mut members {
                if let (Value::Array(items), "telecom") = (value, key.as_str()) {
                    items.sort_by_key(Value::to_string);
                }
            }
            members.into_iter().collect::<Object>().into()
        }
        Value::Array(items) => items.iter().map(|item| plain(item, names)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

/// The values at a pointer, whose items of lists may stand at other places of their lists; extensions by their names.
fn alike<'v>(first: &'v Value, there: &'v Value, pointer: &[&str]) -> Vec<(&'v Value, &'v Value)> {
    let Some((key, rest)) = pointer.split_first() else { return vec![(first, there)] };
    match (first, there) {
        (Value::Array(items), Value::Array(others)) => {
            let Some(item) = key.parse::<usize>().ok().and_then(|n| items.get(n)) else { return Vec::new() };
            let others = others.iter().filter(|other| item.str("url") == other.str("url"));
            others.flat_map(|other| alike(item, other, rest)).collect()
        }
        _ => match (first.get(key), there.get(key)) {
            (Some(first), Some(there)) => alike(first, there, rest),
            _ => Vec::new(),
        },
    }
}

/// The places of a message that are counted: each segment, field and repetition.
fn places(message: &Message, there: &Mapped) -> BTreeMap<(usize, u16, u16), bool> {
    let layout = Layout::of(message);
    let counted = there.links.iter().filter(|link| !layout.tree.misplaced.contains(&link.segment));
    counted.map(|link| ((link.segment, link.field, link.repetition), true)).collect()
}

/// How many fields have parts that the map found no home for.
fn homeless(there: &Mapped) -> usize {
    let fields = there.report.unmapped.iter().map(|u| u.path.split('.').next().unwrap_or_default());
    fields.collect::<BTreeSet<_>>().len()
}

/// What is counted: each repetition of a field that the map has made something of, in a segment for which the structure of
/// the message has a place. What the map reports as unmapped has no home in FHIR and cannot come back.
fn compare(kind: String, message: &Message, there: &Mapped, back: &Value) -> Kept {
    let (first, first_names) = ordered(&there.bundle);
    let (second, second_names) = ordered(back);
    let partners = partners(&first, &second);
    let mut places = places(message, there);
    for link in &there.links {
        let Some(resource) = first.get(link.entry) else { continue };
        let pointer: Vec<&str> = link.pointer.split('/').skip(1).collect();
        let found = partners.get(link.entry).copied().flatten();
        let found = found.map(|other| alike(resource, other, &pointer)).unwrap_or_default();
        let kept = found.iter().any(|(a, b)| plain(a, &first_names) == plain(b, &second_names));
        if let Some(place) = places.get_mut(&(link.segment, link.field, link.repetition)) {
            *place &= kept;
        }
    }
    let homeless = homeless(there);
    let mut kept = Kept { kind, messages: 1, fields: places.len(), homeless, ..Kept::default() };
    for ((segment, field, _), same) in places {
        if same {
            kept.kept += 1;
        } else {
            let name = message.segment(segment).map(|s| s.name()).unwrap_or_default();
            *kept.lost.entry(format!("{name}-{field}")).or_default() += 1;
        }
    }
    kept
}

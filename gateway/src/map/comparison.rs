//! Published messages against the bundles that other converters make of them, as sets of normalised values.
//!
//! Leaves are compared by resource type, path without positions, and value. Set aside are what belongs to the
//! generator: ids, narratives, where a reference leads beyond the type of its target, displays that no message holds, the
//! generator's own extensions and its records about the conversion itself. Moments are compared as moments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::*;
use crate::hl7::parse::{Mode, read};
use crate::json::{Limits, parse};
use guide::{Aside, Guide};

mod guide;

/// Most differences that are printed for one folder.
const MOST_SHOWN: usize = 90;

type Leaf = (String, String, String);

/// Where the samples lie; `None` when they are not here.
fn samples() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hl7v2/dev");
    root.is_dir().then_some(root)
}

fn pairs(folder: &Path, ending: &str, out: &mut Vec<(PathBuf, PathBuf)>) {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    all.sort();
    for path in all {
        if path.is_dir() {
            pairs(&path, ending, out);
        } else if path.extension().is_some_and(|e| e == "hl7") {
            let expected = path.with_extension(ending);
            if expected.is_file() {
                out.push((path, expected));
            }
        }
    }
}

#[derive(Default)]
struct Tally {
    messages: usize,
    expected: usize,
    equal: usize,
    elsewhere: usize,
    missing: BTreeMap<String, usize>,
    aside: BTreeMap<Aside, usize>,
}

/// What a message says, as far as whole records depend on it.
struct Sent {
    /// Its visit has a number, or it is a visit's message.
    visit: bool,
    /// It is no order, or an order with results.
    reports: bool,
    /// PID-24 and PID-25 are empty.
    unsaid: bool,
    /// It is about a document.
    document: bool,
}

impl Sent {
    fn of(m: &Message, event: Event) -> Self {
        let any = |name: &str, fields: &[usize]| {
            m.all(name).any(|s| fields.iter().any(|n| !s.field(*n).component(1).text().trim().is_empty()))
        };
        let asks = matches!(event.class(), Class::Order | Class::Reply);
        Self {
            visit: event.has_visit() || m.first("PV1").is_none() || any("PV1", &[19, 50]),
            reports: !asks || any("OBR", &[22, 25]),
            unsaid: !any("PID", &[24, 25]),
            document: event.class() == Class::Document,
        }
    }
}

#[test]
fn published_messages_give_the_values_that_other_converters_give() {
    let Some(root) = samples() else {
        println!("skipped: the shared sample messages are not here");
        return;
    };
    let guide = Guide::read(&root.join("v2-to-fhir-ig"));
    let mut floor = Vec::new();
    for (folder, ending, least) in [
        ("fhir-converter", "expected.json", 82),
        ("whistle", "output.json", 87),
        ("reportstream-inventory", "expected.fhir.json", 78),
    ] {
        let mut all = Vec::new();
        pairs(&root.join(folder), ending, &mut all);
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        let mut refused = Vec::new();
        for (message, expected) in all {
            let text = std::fs::read(&message).unwrap();
            let Ok(m) = read(&text, Mode::Tolerant) else { continue };
            let kind = format!("{}^{}", m.header().message_type(), m.header().trigger());
            let Some(event) = Event::of(&m.header().message_type(), &m.header().trigger()) else {
                refused.push(kind);
                continue;
            };
            let zone = TimeZone::get("Asia/Kolkata").unwrap();
            let mapped = to_transaction(
                &m,
                event,
                &MapContext { zone, authorities: Vec::new(), maps: Maps::default() },
            );
            let said = String::from_utf8_lossy(&text).into_owned();
            let expected = parse(&std::fs::read(expected).unwrap(), &Limits::default()).unwrap();
            let sent = Sent::of(&m, event);
            compare(&guide, &expected, &mapped.bundle, &said, &sent, tallies.entry(kind).or_default());
        }
        refused.sort();
        refused.dedup();
        println!("\n{folder}: events without a map here: {}", refused.join(" "));
        println!(
            "{:10} {:>4} {:>7} {:>7} {:>6} {:>10}",
            "event", "msgs", "leaves", "equal", "%", "elsewhere"
        );
        let (mut expected, mut equal) = (0, 0);
        let mut missing: BTreeMap<String, usize> = BTreeMap::new();
        for (kind, t) in &tallies {
            let share = 100 * t.equal / t.expected.max(1);
            println!(
                "{kind:10} {:>4} {:>7} {:>7} {share:>5}% {:>10}",
                t.messages, t.expected, t.equal, t.elsewhere
            );
            expected += t.expected;
            equal += t.equal;
            t.missing.iter().for_each(|(k, n)| *missing.entry(k.clone()).or_default() += n);
        }
        println!("all of {folder}: {equal} of {expected}, {}%", 100 * equal / expected.max(1));
        let mut aside: BTreeMap<Aside, usize> = BTreeMap::new();
        for (rule, n) in tallies.values().flat_map(|t| &t.aside) {
            *aside.entry(*rule).or_default() += n;
        }
        println!("set aside by rule: {aside:?}");
        let mut worst: Vec<_> = missing.into_iter().collect();
        worst.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        for (path, n) in worst.iter().take(MOST_SHOWN) {
            println!("  {n:>5} {path}");
        }
        floor.push((folder, 100 * equal / expected.max(1), least));
    }
    for (folder, share, least) in floor {
        assert!(share >= least, "{folder}: {share}% of the values, at least {least}% before");
    }
}

/// The bundle without what rules set aside as a whole: empty specimens, and visits that have no name.
fn without_helpers(bundle: &Value, sent: &Sent) -> (Value, BTreeMap<Aside, usize>) {
    let mut gone: BTreeMap<Aside, usize> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut bundle = bundle.clone();
    let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) else { return (bundle, gone) };
    entries.retain(|entry| {
        let Some(resource) = entry.get("resource") else { return true };
        let says = |o: &Object| {
            let nothing = ["resourceType", "id", "meta", "text", "extension", "subject"];
            o.iter().any(|(key, _)| !nothing.contains(&key))
        };
        let rule = match resource.str("resourceType") {
            Some("Specimen") if !resource.as_object().is_some_and(says) => Aside::EmptySpecimen,
            Some("Encounter") if !sent.visit => Aside::UnnamedVisit,
            Some("EpisodeOfCare") if resource.get("identifier").is_none() => Aside::UnnamedVisit,
            Some("Observation") if sent.document => Aside::TextOfDocument,
            Some("DiagnosticReport") if !sent.reports => Aside::OrderIsNoReport,
            _ => return true,
        };
        let kind = resource.str("resourceType").unwrap_or_default();
        names.insert(format!("{kind}/{}", resource.str("id").unwrap_or_default()));
        names.extend(entry.str("fullUrl").map(str::to_owned));
        *gone.entry(rule).or_default() += 1;
        false
    });
    // What stays belongs to the visit alone when nothing but its reference leads there.
    for entry in entries.iter_mut() {
        if let Some(resource) = entry.get_mut("resource") {
            unlink(resource, &names);
            *gone.entry(Aside::EmptyIdentifier).or_default() += unnumbered(resource);
            let patient = sent.unsaid && resource.str("resourceType") == Some("Patient");
            if let Some(patient) = resource.as_object_mut().filter(|_| patient) {
                for key in ["active", "multipleBirthBoolean"] {
                    *gone.entry(Aside::Unsaid).or_default() += usize::from(patient.remove(key).is_some());
                }
            }
        }
    }
    (bundle, gone)
}

/// Removes identifiers without a value; answers how many there were.
fn unnumbered(value: &mut Value) -> usize {
    match value {
        Value::Object(object) => {
            let mut gone = 0;
            if let Some(all) = object.get_mut("identifier").and_then(Value::as_array_mut) {
                let before = all.len();
                all.retain(|one| one.get("value").is_some());
                gone += before - all.len();
            }
            gone + object.iter_mut().map(|(_, member)| unnumbered(member)).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(unnumbered).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Removes references to what has gone.
fn unlink(value: &mut Value, names: &BTreeSet<String>) {
    let leads = |v: &Value| v.str("reference").is_some_and(|r| names.contains(r));
    match value {
        Value::Object(object) => {
            let keys: Vec<String> =
                object.iter().filter(|(_, v)| leads(v)).map(|(key, _)| key.to_owned()).collect();
            keys.iter().for_each(|key| drop(object.remove(key)));
            object.iter_mut().for_each(|(_, member)| unlink(member, names));
        }
        Value::Array(items) => {
            items.retain(|item| !leads(item));
            items.iter_mut().for_each(|item| unlink(item, names));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compare(guide: &Guide, expected: &Value, ours: &Value, said: &str, sent: &Sent, tally: &mut Tally) {
    let (expected, gone) = without_helpers(expected, sent);
    for (rule, n) in gone {
        *tally.aside.entry(rule).or_default() += n;
    }
    let mut wanted = leaves(&expected, Some(said));
    let found = leaves(ours, None);
    let message = guide.message(said);
    wanted.retain(|(_, path, value)| {
        let aside = guide.aside(path, value, &message);
        if let Some(rule) = aside {
            *tally.aside.entry(rule).or_default() += 1;
        }
        aside.is_none()
    });
    let values: BTreeSet<&str> = found.iter().map(|(_, _, v)| v.as_str()).collect();
    tally.messages += 1;
    for leaf in wanted {
        tally.expected += 1;
        if found.contains(&leaf) || loosely(&leaf, &found) {
            tally.equal += 1;
        } else {
            let kept = values.contains(leaf.2.as_str());
            tally.elsewhere += usize::from(kept);
            let mark = if kept { "(elsewhere) " } else { "" };
            let sample: String = leaf.2.chars().take(40).collect();
            *tally.missing.entry(format!("{mark}{}{} = {sample}", leaf.0, leaf.1)).or_default() += 1;
        }
    }
}

/// The same moment, or the same local time where a time was sent without an offset, which every generator completes in
/// its own way; the same words, however they are joined or their letters are.
fn loosely(leaf: &Leaf, found: &BTreeSet<Leaf>) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let wanted = words(&leaf.2);
    let from = (leaf.0.clone(), leaf.1.clone(), String::new());
    let mut same = found.range(from..).take_while(|(k, p, _)| *k == leaf.0 && *p == leaf.1);
    match leaf.2.split_once(" @") {
        Some((moment, local)) => {
            same.any(|(_, _, v)| v.split_once(" @").is_some_and(|(m, l)| m == moment || l == local))
        }
        None => !wanted.is_empty() && same.any(|(_, _, v)| words(v) == wanted),
    }
}

fn leaves(bundle: &Value, said: Option<&str>) -> BTreeSet<Leaf> {
    let mut out = BTreeSet::new();
    let reached = reached(bundle);
    for (at, entry) in bundle.items("entry").iter().enumerate() {
        let Some(resource) = entry.get("resource").filter(|_| reached.contains(&at)) else { continue };
        let kind = resource.str("resourceType").unwrap_or_default();
        Walk { kind, said, out: &mut out }.value(resource, "");
    }
    out
}

/// The entries that tell of a patient, and those that they lead to. What only the records about the conversion itself
/// lead to (the sender's software, its organisation) belongs to the generator.
fn reached(bundle: &Value) -> BTreeSet<usize> {
    let entries = bundle.items("entry");
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut open = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some(resource) = entry.get("resource") else { continue };
        let kind = resource.str("resourceType").unwrap_or_default();
        names.insert(format!("{kind}/{}", resource.str("id").unwrap_or_default()), at);
        names.extend(entry.str("fullUrl").map(|u| (u.to_owned(), at)));
        let helper = [
            "MessageHeader",
            "Provenance",
            "Device",
            "Bundle",
            "Organization",
            "Practitioner",
            "PractitionerRole",
            "Location",
            "Endpoint",
            "Parameters",
        ];
        if !helper.contains(&kind) {
            open.push(at);
        }
    }
    let mut reached = BTreeSet::new();
    while let Some(at) = open.pop() {
        if reached.insert(at) {
            follow(&entries[at], &mut |target| open.extend(names.get(target)));
        }
    }
    reached
}

fn follow(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => {
            // What only the generator's own extensions lead to is its own as they are.
            if value.str("url").is_some_and(own) {
                return;
            }
            if let Some(target) = value.str("reference") {
                found(target);
            }
            object.iter().for_each(|(_, member)| follow(member, found));
        }
        Value::Array(items) => items.iter().for_each(|v| follow(v, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An extension of a generator's own, or of ours.
fn own(url: &str) -> bool {
    url.contains("reportstream.cdc.gov") || url.contains("example.com") || url.starts_with("urn:x-hl7v2")
}

struct Walk<'w> {
    kind: &'w str,
    said: Option<&'w str>,
    out: &'w mut BTreeSet<Leaf>,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(object) => {
                if value.str("url").is_some_and(own) && path.ends_with("xtension") {
                    return;
                }
                for (key, member) in object.iter() {
                    let joined = key == "description" && self.kind == "Location";
                    let generated = joined
                        || key == "display"
                            && self.said.is_some_and(|s| member.as_str().is_some_and(|d| !s.contains(d)));
                    if matches!(key, "id" | "resourceType" | "text" if path.is_empty())
                        || matches!(key, "meta" | "fullUrl" | "div")
                        || generated
                    {
                        continue;
                    }
                    self.value(member, &format!("{path}.{key}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|v| self.value(v, path)),
            Value::Null => {}
            Value::Bool(b) => self.leaf(path, b.to_string()),
            Value::Number(n) => self.leaf(path, n.as_f64().map_or_else(String::new, |n| n.to_string())),
            Value::String(text) => self.leaf(path, normal(path, text)),
        }
    }

    fn leaf(&mut self, path: &str, value: String) {
        if !value.is_empty() {
            self.out.insert((self.kind.to_owned(), path.to_owned(), value));
        }
    }
}

fn normal(path: &str, text: &str) -> String {
    if path.ends_with(".reference") {
        return text.split(['/', '?']).next().unwrap_or_default().to_owned();
    }
    if path.ends_with(".system") {
        return system(text);
    }
    // The number of PID-19 and its like: the guide gives SS or SB by country.
    if path.ends_with("identifier.type.coding.code") && text == "SB" {
        return "SS".to_owned();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.as_bytes().get(10) == Some(&b'T')
        && let Ok(moment) = text.parse::<jiff::Timestamp>()
    {
        let local = text.get(..16).unwrap_or_default();
        return format!("{} @{local}", moment.as_second());
    }
    text
}

/// Names that only a sender or a generator knows are one name: the guide leaves open how an authority without a URI is
/// written.
fn system(text: &str) -> String {
    let own = ["urn:x-hl7v2:", "urn:id:"].iter().any(|p| text.starts_with(p));
    let named = text.contains("example.com") || text.contains("reportstream") || !text.contains(':');
    if own || named { "local".to_owned() } else { text.to_owned() }
}

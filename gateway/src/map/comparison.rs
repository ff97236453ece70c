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
use habits::Sent;

mod guide;
mod habits;
mod least;

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

impl Tally {
    /// What differs, without the values, most first.
    fn paths(&self) -> Vec<(String, usize)> {
        let mut all: BTreeMap<&str, usize> = BTreeMap::new();
        for (what, n) in &self.missing {
            let what = what.trim_start_matches("(elsewhere) ");
            *all.entry(what.split(" = ").next().unwrap_or(what)).or_default() += n;
        }
        let mut all: Vec<(String, usize)> = all.into_iter().map(|(path, n)| (path.to_owned(), n)).collect();
        all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        all
    }
}

/// Why a difference stays, as far as it is known.
fn why(path: &str) -> &'static str {
    const KNOWN: &[(&str, &str)] = &[
        ("Organization.identifier.value = T123", "(an authority with a name only is no organisation here)"),
        ("Device.patient", "(a device belongs to what it was used for)"),
        ("Device.identifier", "(PRT-16 is the UDI carrier, as in the guide)"),
        ("ServiceRequest.status", "(RF1-1 P is active here)"),
        ("ServiceRequest.reasonReference", "(the document is not the reason of its order)"),
        ("ServiceRequest.supportingInfo", "(a role holds the organisation)"),
        ("Encounter.status", "(A04 is arrived here)"),
        ("Location.name", "(places of a PRT that names nobody)"),
        ("Organization.contact", "(IN2-49, NK1-32: no organisation is named)"),
        ("Practitioner.identifier.extension.valueCode", "(the scheme is a string, as the guide has it)"),
        ("Medication.", "(an ingredient is in the request here)"),
    ];
    let path = path.trim_start_matches("(elsewhere) ");
    KNOWN.iter().find(|(from, _)| path.starts_with(from)).map_or("", |(_, why)| why)
}

#[test]
fn published_messages_give_the_values_that_other_converters_give() {
    let Some(root) = samples() else {
        println!("skipped: the shared sample messages are not here");
        return;
    };
    let guide = Guide::read(&root.join("v2-to-fhir-ig"));
    let mut floor = Vec::new();
    let mut worse = Vec::new();
    for (folder, ending, least) in [
        ("fhir-converter", "expected.json", 95),
        ("whistle", "output.json", 88),
        ("reportstream-inventory", "expected.fhir.json", 87),
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
            let least = least::LEAST.iter().find(|(f, k, _)| *f == folder && k == kind);
            if let Some((_, _, least)) = least.filter(|(_, _, least)| share < *least) {
                worse.push(format!("{folder} {kind}: {share}%, at least {least}% before"));
            }
            for (path, n) in t.paths().iter().take(3) {
                println!("{:33} {n:>4} {path} {}", "", why(path));
            }
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
            println!("  {n:>5} {path} {}", why(path));
        }
        floor.push((folder, 100 * equal / expected.max(1), least));
    }
    assert!(worse.is_empty(), "{worse:?}");
    for (folder, share, least) in floor {
        assert!(share >= least, "{folder}: {share}% of the values, at least {least}% before");
    }
}

fn compare(guide: &Guide, expected: &Value, ours: &Value, said: &str, sent: &Sent, tally: &mut Tally) {
    let message = guide.message(said);
    let (expected, gone) = habits::without(guide, expected, sent, &message);
    for (rule, n) in gone {
        *tally.aside.entry(rule).or_default() += n;
    }
    let mut wanted = leaves(&expected, Some(said));
    let found = leaves(ours, None);
    wanted.retain(|(kind, path, value)| {
        let aside = guide.aside(kind, path, value, &message);
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
    if path.ends_with(".system")
        && !path.ends_with("telecom.system")
        && !path.ends_with("ContactPoint.system")
    {
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

//! Compartments: which records belong to a patient, an encounter, a practitioner, a related person or a device.
//!
//! One table (R4, CompartmentDefinition), read by compartment search, `$everything`, export and scopes that name a
//! patient, so that all of them give one answer. Whether a parameter of the table is indexed is the business of
//! `search::params`; [`membership`] uses those that are.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::id::{LogicalId, ResourceType};
use super::search::params::{self, Asked, Param};
use super::search::{Criterion, TermRange, reference, uri};

/// The types that have compartments.
pub const ALL: [&str; 5] = ["Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"];

type Codes = Vec<&'static str>;

static TABLE: LazyLock<BTreeMap<ResourceType, BTreeMap<ResourceType, Codes>>> =
    LazyLock::new(|| read(include_str!("tables/compartments.txt")));

fn read(text: &'static str) -> BTreeMap<ResourceType, BTreeMap<ResourceType, Codes>> {
    let mut table: BTreeMap<ResourceType, BTreeMap<ResourceType, Codes>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('=') {
            current = ResourceType::parse(name);
        } else if let Some(compartment) = current {
            let mut words = line.split(' ');
            if let Some(kind) = words.next().and_then(ResourceType::parse) {
                table.entry(compartment).or_default().insert(kind, words.collect());
            }
        }
    }
    // A record is in its own compartment; the published lists say so in words only.
    for (compartment, members) in &mut table {
        members.entry(*compartment).or_default();
    }
    table
}

/// Whether records of this type have compartments.
pub fn is_compartment(kind: ResourceType) -> bool {
    TABLE.contains_key(&kind)
}

/// Codes of the parameters that put a record of `kind` into a compartment of type `compartment`; `None` when records of
/// `kind` are never in one. The list is empty for the compartment's own type where nothing else links into it.
pub fn codes(compartment: ResourceType, kind: ResourceType) -> Option<&'static [&'static str]> {
    TABLE.get(&compartment)?.get(&kind).map(Vec::as_slice)
}

/// Every type with members in compartments of type `compartment`, in the order of type numbers.
pub fn members(compartment: ResourceType) -> impl Iterator<Item = ResourceType> {
    TABLE.get(&compartment).into_iter().flat_map(BTreeMap::keys).copied()
}

/// The condition that a record of `kind` lies in the compartment `compartment`/`id`; `None` when that is never so.
///
/// It is one condition with an alternative for each parameter, and for the record that the compartment is named after.
pub fn membership(compartment: ResourceType, id: &LogicalId, kind: ResourceType) -> Option<Criterion> {
    let codes = codes(compartment, kind)?;
    let target = reference::record(compartment, id.as_str());
    let at = |asked: Asked| TermRange::prefix(asked.number, target.clone());
    let linked = codes.iter().filter_map(|code| params::find(kind, code));
    let mut alternatives: Vec<TermRange> =
        linked.flat_map(Param::stored).filter(|asked| asked.counts(compartment)).map(at).collect();
    if kind == compartment {
        alternatives.push(uri::exact(params::ID, id.as_str()));
    }
    let param = alternatives.first().map_or(params::ID, |range| range.param);
    Some(Criterion { param, name: format!("{compartment} compartment"), alternatives, negate: false })
}

/// The condition that a record of `kind` lies in some compartment of type `compartment`; `None` when that is never so.
pub fn membership_of_any(compartment: ResourceType, kind: ResourceType) -> Option<Criterion> {
    let codes = codes(compartment, kind)?;
    let target = reference::records_of(compartment);
    let linked = codes.iter().filter_map(|code| params::find(kind, code));
    let mut alternatives: Vec<TermRange> =
        linked.map(|param| TermRange::prefix(param.number, target.clone())).collect();
    if kind == compartment {
        alternatives.push(TermRange::all(params::ID));
    }
    let param = alternatives.first().map_or(params::ID, |range| range.param);
    Some(Criterion { param, name: format!("{compartment} compartment"), alternatives, negate: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> ResourceType {
        ResourceType::parse(name).unwrap()
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let text = include_str!("tables/compartments.txt");
        let lines = text.lines().filter(|l| !l.starts_with(['#', '='])).count();
        // Most compartments do not list their own type.
        let own = ALL.iter().filter(|name| !codes(kind(name), kind(name)).unwrap().is_empty()).count();
        assert_eq!(TABLE.values().map(BTreeMap::len).sum::<usize>(), lines + ALL.len() - own);
        assert!(TABLE.keys().copied().eq({
            let mut all: Vec<_> = ALL.map(kind).to_vec();
            all.sort_unstable();
            all
        }));
        assert!(ALL.iter().all(|name| is_compartment(kind(name))));
        assert!(!is_compartment(ResourceType::OBSERVATION));
    }

    #[test]
    fn members_are_those_of_the_standard() {
        let check = |compartment: &str, of: &str, expected: Option<&[&str]>| {
            assert_eq!(codes(kind(compartment), kind(of)), expected, "{compartment} {of}");
        };
        check("Patient", "Observation", Some(&["subject", "performer"]));
        check("Patient", "Patient", Some(&["link"]));
        check("Patient", "Organization", None);
        check("Patient", "Task", None);
        check("Encounter", "Observation", Some(&["encounter"]));
        check("Encounter", "Encounter", Some(&[]));
        check("Encounter", "Patient", None);
        check("Practitioner", "Encounter", Some(&["practitioner", "participant"]));
        check("RelatedPerson", "Patient", Some(&["link"]));
        check("Device", "Observation", Some(&["subject", "device"]));
        assert_eq!(members(kind("Patient")).count(), 66);
    }

    #[test]
    fn membership_names_the_record_by_every_parameter() {
        let id = LogicalId::parse("7").unwrap();
        let of = |name: &str| membership(ResourceType::PATIENT, &id, kind(name));
        let observation = of("Observation").unwrap();
        assert_eq!(observation.alternatives.len(), 2);
        let term = |code: &str, who: &str| super::super::search::Term {
            param: params::find(ResourceType::OBSERVATION, code).unwrap().number,
            value: reference::record(ResourceType::PATIENT, who),
        };
        assert!(observation.matches(&[term("subject", "7")]));
        assert!(observation.matches(&[term("subject", "8"), term("performer", "7")]));
        assert!(!observation.matches(&[term("subject", "8")]));
        assert!(!observation.matches(&[term("encounter", "7")]));
        let any = membership_of_any(ResourceType::PATIENT, ResourceType::OBSERVATION).unwrap();
        assert!(any.matches(&[term("subject", "8")]) && !any.matches(&[term("encounter", "8")]));
        assert_eq!(of("Organization"), None);
        let own = super::super::search::Term { param: params::ID, value: uri::encode("7") };
        assert!(of("Patient").unwrap().matches(&[own]));
    }
}

//! MRG: two numbers that turned out to be one patient. Nothing is deleted: the record under the old number becomes
//! inactive and points to the one that stays, so that the step can be taken back (decision 0086).

use crate::hl7::Segment;
use crate::hl7::structure::{Class, Event};
use crate::json::{Object, Value};

use super::book::Book;
use super::draft::{Draft, Drafts};
use super::identity::{PatientIdentifier, PatientIdentity};
use super::ids;
use super::types::{self, Scope};
use super::{Party, Role};

/// The patients under old numbers, each joined to the one that stays.
pub(super) fn merged<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    patient: &mut Draft,
    about: &[Segment<'a>],
    event: Event,
) -> Vec<Party> {
    if event.class() != Class::Merge {
        return Vec::new();
    }
    about.iter().filter(|s| s.is("MRG")).filter_map(|mrg| one(book, scope, drafts, patient, *mrg)).collect()
}

fn one<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    patient: &mut Draft,
    mrg: Segment<'a>,
) -> Option<Party> {
    let f = |n| book.field(mrg, n);
    let mut spots = Vec::new();
    for n in [1, 4, 2] {
        for spot in f(n).reps() {
            if let Some(found) = types::cx(scope, spot) {
                spots.push((found, spot));
            }
        }
    }
    let (first, _) = spots.first()?;
    let id = ids::stable("Patient", &[&first.system, &first.value]);
    if id == patient.id {
        f(1).warn("mergedWithItself", "The old number is the patient's own; there is nothing to merge.");
        return None;
    }
    let mut old = Draft::partial("Patient", id);
    let mut identity = PatientIdentity::default();
    for (found, spot) in spots {
        old.push("identifier", Some(found.json()), spot);
        identity.identifiers.push(PatientIdentifier {
            system: found.system,
            value: found.value,
            kind: found.kind,
            assumed: found.assumed,
        });
    }
    old.put("active", false);
    if let Some(name) = types::xpn(f(7)) {
        identity.family = name.family;
        identity.given = name.given;
        old.push("name", Some(name.json), f(7));
    }
    let link = |kind: &str, to: Value| Object::new().with("other", to).with("type", kind);
    old.append("link", link("replaced-by", patient.reference()));
    patient.append("link", link("replaces", old.reference()));
    let party = Party { patient_id: old.id.clone(), patient: identity, role: Role::Merged };
    drafts.add(old);
    Some(party)
}

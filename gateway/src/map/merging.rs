//! MRG: two numbers that turned out to be one patient. Nothing is deleted: the record under the old number becomes
//! inactive and points to the one that stays, so that the step can be taken back (decision 0086).

use crate::hl7::Segment;
use crate::hl7::structure::{Class, Event};
use crate::json::{Object, Value};

use super::apply::Around;
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
    match event.class() {
        Class::Merge => {}
        Class::Move => return moved(book, scope, drafts, about).into_iter().collect(),
        _ => return Vec::new(),
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

/// ADT A24: two records that belong together point to each other; both stay in use.
pub(super) fn linked(drafts: &mut Drafts, parties: &[Party]) {
    let [one, other] = parties else { return };
    for (here, there) in [(one, other), (other, one)] {
        let to = super::draft::reference("Patient", &there.patient_id);
        let link = Object::new().with("other", to).with("type", "seealso");
        if let Some(draft) = drafts.0.iter_mut().find(|d| d.kind == "Patient" && d.id == here.patient_id) {
            draft.append("link", link);
        }
    }
}

/// ADT A47: the old numbers stay with the patient, marked as old, and the patient is found by them.
pub(super) fn renumbered<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    patient: &mut Draft,
    identity: &mut PatientIdentity,
    about: &[Segment<'a>],
) {
    for mrg in about.iter().filter(|s| s.is("MRG")) {
        for spot in [1, 4].into_iter().flat_map(|n| book.field(*mrg, n).reps()) {
            let Some(found) = types::cx(scope, spot) else { continue };
            if identity.identifiers.iter().any(|i| i.system == found.system && i.value == found.value) {
                continue;
            }
            let mut json = found.json();
            if let Some(object) = json.as_object_mut() {
                object.insert_at(0, "use", "old");
            }
            patient.push("identifier", Some(json), spot);
            identity.identifiers.push(PatientIdentifier {
                system: found.system,
                value: found.value,
                kind: found.kind,
                assumed: found.assumed,
            });
        }
    }
}

/// ADT A41: the account of MRG-3 becomes inactive, a part of the one that stays.
pub(super) fn account<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    about: &[Segment<'a>],
    stays: Option<Value>,
) {
    let Some(mrg) = about.iter().find(|s| s.is("MRG")) else { return };
    let spot = around.book.field(*mrg, 3);
    let Some(stays) = stays else {
        let text = "No account stays: PID-18 names none. The old account was left as it is.";
        return spot.warn("noAccountStays", text);
    };
    let Some(mut old) = around.resource_as(drafts, *mrg, "MRGA", "PID") else { return };
    if Some(old.id.as_str()) == stays.str("reference").and_then(|r| r.strip_prefix("Account/")) {
        return spot.warn("mergedWithItself", "The old account is the one that stays; nothing was merged.");
    }
    old.put("status", "inactive");
    old.put("partOf", stays);
    drafts.add(old);
}

/// ADT A45: the visit of MRG-5 was never that patient's. Its record stays, marked so, under the patient it was
/// booked for; the visit of PV1-19 belongs to the patient of the PID.
fn moved<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    about: &[Segment<'a>],
) -> Option<Party> {
    let mrg = *about.iter().find(|s| s.is("MRG"))?;
    let pv1 = about.iter().find(|s| s.is("PV1"));
    let new = pv1.and_then(|s| types::cx(scope, book.field(*s, 19)));
    let spot = book.field(mrg, 5);
    spot.warn("filedBefore", "What was filed for the visit stays with the patient it was filed for.");
    spot.c(1).peek()?;
    let mut identity = PatientIdentity::default();
    let mut person: Option<Draft> = None;
    for spot in [1, 4].into_iter().flat_map(|n| book.field(mrg, n).reps()) {
        let Some(found) = types::cx(scope, spot) else { continue };
        let person = person.get_or_insert_with(|| {
            Draft::partial("Patient", ids::stable("Patient", &[&found.system, &found.value]))
        });
        person.push("identifier", Some(found.json()), spot);
        identity.identifiers.push(PatientIdentifier {
            system: found.system,
            value: found.value,
            kind: found.kind,
            assumed: found.assumed,
        });
    }
    let person = person?;
    let old = types::cx(scope, spot)?;
    if new.is_some_and(|n| n.system == old.system && n.value == old.value) {
        // The visit keeps its number and only changes its patient; who had it is the visit's former subject.
        let text = "The visit keeps its number; the patient who had it before is not changed.";
        drafts.add(person);
        spot.warn("samePlace", text);
        return None;
    }
    let mut visit = Draft::partial("Encounter", ids::stable("Encounter", &[&old.system, &old.value]));
    let json = types::Identified { kind: Some("VN".to_owned()), ..old }.json();
    visit.push("identifier", Some(json), spot);
    visit.put("status", "entered-in-error");
    visit.put("subject", person.reference());
    let class = Object::new().with("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
    visit.assume("class", class.with("code", "AMB").with("display", "ambulatory"));
    drafts.add(visit);
    let party = Party { patient_id: person.id.clone(), patient: identity, role: Role::Subject };
    drafts.add(person);
    Some(party)
}

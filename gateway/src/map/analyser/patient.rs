//! P to Patient and to who it is.

use crate::hl7::datetime::Precision;
use crate::json::{Object, Value};

use super::super::clinic::Maps;
use super::super::codes;
use super::super::identity::{PatientIdentifier, PatientIdentity};
use super::super::ids;
use super::Scope;
use super::account::{Account, Spot};
use super::build::Draft;

/// The patient of the first P record; `None` when it names nobody.
pub(super) fn patient<'m>(account: &'m Account<'m>, scope: &Scope<'_>) -> Option<(Draft, PatientIdentity)> {
    let record = account.message.records().find(|r| r.kind() == 'P')?;
    let f = |n| account.field(record, n);
    account.structural(record, &[1, 2]);
    let mut who = PatientIdentity::default();
    let mut draft = Draft::partial("Patient", String::new(), record.index());
    // The practice's number, the laboratory's, and a third one.
    for (field, kind) in [(3, Some("PI")), (4, Some("PI")), (5, None)] {
        if let Some(value) = f(field).c(1).take() {
            let identifier =
                Object::new().with("system", scope.system.as_str()).with("value", value.as_str());
            draft.push("identifier", Some(identifier), f(field));
            who.identifiers.push(PatientIdentifier {
                system: scope.system.clone(),
                value,
                kind: kind.map(str::to_owned),
                assumed: true,
            });
        }
    }
    name(&mut draft, &mut who, f(6));
    let when = f(8).when();
    who.birth = when.as_ref().map(|w| w.date());
    if when.as_ref().is_some_and(|w| w.precision > Precision::Day) {
        f(8).warn("timeOfBirth", "The time of birth has no place in the record; the day was kept.");
    }
    draft.set("birthDate", who.birth.clone(), f(8));
    if let Some(sent) = f(9).c(1).peek() {
        who.sex = codes::gender(Maps::none(), &sent);
        match who.sex {
            Some(_) => f(9).c(1).mark(),
            None => f(9).c(1).unknown_code(&sent),
        }
    }
    draft.set("gender", who.sex, f(9));
    address(&mut draft, f(11));
    for spot in f(13).reps() {
        let number = spot.c(1).take();
        who.phones.extend(number.clone());
        let telecom = number.map(|n| Object::new().with("system", "phone").with("value", n));
        draft.push("telecom", telecom, spot);
    }
    let named = draft.body.len() > 2;
    draft.id = match who.identifiers.first() {
        Some(first) => ids::stable("Patient", &[&first.system, &first.value]),
        None => {
            let birth = who.birth.clone().unwrap_or_default();
            ids::stable("Patient", &[&scope.system, "name", &who.name(), &birth, &scope.sent])
        }
    };
    draft.body.insert("id", draft.id.as_str());
    named.then_some((draft, who))
}

/// P-6: family, given, middle, suffix, title.
fn name(draft: &mut Draft, who: &mut PatientIdentity, spot: Spot<'_>) {
    let family = spot.c(1).take();
    let given: Vec<String> = [spot.c(2).take(), spot.c(3).take()].into_iter().flatten().collect();
    let list = |text: Option<String>| text.map(|t| vec![Value::from(t)]);
    let (suffix, prefix) = (list(spot.c(4).take()), list(spot.c(5).take()));
    who.family.clone_from(&family);
    who.given.clone_from(&given);
    let json = Object::new()
        .with_some("family", family)
        .with_some(
            "given",
            (!given.is_empty()).then(|| given.into_iter().map(Value::from).collect::<Vec<_>>()),
        )
        .with_some("prefix", prefix)
        .with_some("suffix", suffix);
    draft.push("name", (!json.is_empty()).then_some(json), spot);
}

/// P-11: street, city, state, postcode, country.
fn address(draft: &mut Draft, spot: Spot<'_>) {
    let json = Object::new()
        .with_some("line", spot.c(1).take().map(|line| vec![Value::from(line)]))
        .with_some("city", spot.c(2).take())
        .with_some("state", spot.c(3).take())
        .with_some("postalCode", spot.c(4).take())
        .with_some("country", spot.c(5).take());
    draft.push("address", (!json.is_empty()).then_some(json), spot);
}

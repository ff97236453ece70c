//! Encounter to PV1 and PV2.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::kind::Kind;
use super::rules::{fill, fill_but};
use super::segment::{Segment, repeats};
use super::surroundings;
use super::types::{Scope, code_of, cwe, cwe_of, cwes, dtm, identifier_type, period};

/// PV1 and, where there is something for it, PV2, with ROL where the message has them.
pub(super) fn visit(scope: &Scope<'_>, kind: Kind, encounter: &Value, who: &Value, out: &mut Vec<Segment>) {
    let mut pv1 = Segment::numbered("PV1", 0);
    pv1.set(2, class(encounter.get("class")));
    let expected = code_of_class(encounter) == Some("PRENC");
    let mut stays = Stays::of(encounter, expected);
    let mut place = |status: &str| stays.next(status).map_or(Content::Empty, |l| scope.pl(l));
    pv1.set(3, place(if expected { "planned" } else { "active" }));
    pv1.set(11, place("active"));
    pv1.set(6, place("completed")).set(42, place("reserved")).set(43, place("completed"));
    let pending = place("planned");
    pv1.set(4, encounter.items("type").first().map_or(Content::Empty, cwe));
    let roles = surroundings::has_roles(kind);
    for (field, code) in [(7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM")] {
        pv1.set(field, repeats(people(scope, encounter, code, roles).map(|p| scope.xcn(p))));
    }
    pv1.set(10, cwe_of(encounter, "serviceType"));
    let stay = encounter.get("hospitalization");
    let of_stay = |key| stay.map_or(Content::Empty, |s| cwe_of(s, key));
    pv1.set(14, of_stay("admitSource")).set(36, of_stay("dischargeDisposition"));
    pv1.set(13, of_stay("reAdmission"));
    let all_of_stay = |key| stay.map_or(Content::Empty, |s| cwes(s, key));
    pv1.set(15, all_of_stay("specialArrangement")).set(16, all_of_stay("specialCourtesy"));
    pv1.set(38, all_of_stay("dietPreference"));
    let before = stay.and_then(|s| s.get("preAdmissionIdentifier"));
    pv1.set(5, before.map_or(Content::Empty, |i| scope.cx(i)));
    let to = stay.and_then(|s| s.get("destination"));
    pv1.set(37, to.map_or(Content::Empty, |place| scope.named_place(place)));
    let numbers = encounter.items("identifier").iter();
    let own = numbers.clone().find(|i| identifier_type(i) == Some("VN")).or_else(|| numbers.clone().next());
    pv1.set(19, own.map_or(Content::Empty, |i| scope.cx(&visit_number(i))));
    pv1.set(50, repeats(numbers.filter(|i| Some(*i) != own).map(|i| scope.cx(i))));
    let (start, end) = period(encounter.get("period"));
    pv1.set(44, dtm(start)).set(45, dtm(end));
    for episode in scope.set.all_of(encounter.items("episodeOfCare")) {
        fill(scope, &mut pv1, "PV1E", episode);
    }
    fill_but(scope, &mut pv1, "PV1+", encounter, &[42, 43]);
    fill(scope, &mut pv1, "PV1P", who);
    out.push(pv1);
    let mut pv2 = Segment::new("PV2").with(1, pending);
    pv2.set(3, cwes(encounter, "reasonCode"));
    // Who refers stands in PV1-8.
    fill_but(scope, &mut pv2, "PV2+", encounter, &[1, 13]);
    if (1..=38).any(|field| pv2.has(field)) {
        out.push(pv2);
    }
    if roles {
        let all = encounter.items("participant").iter().filter(|p| in_role(scope, p));
        let found = all.filter_map(|p| scope.set.get(p.get("individual")));
        out.extend(found.map(|role| surroundings::role(scope, role)));
    }
}

/// The places of a visit, each told once.
struct Stays<'a> {
    all: Vec<(&'a str, &'a Value)>,
}

impl<'a> Stays<'a> {
    fn of(encounter: &'a Value, expected: bool) -> Self {
        let status = |l: &'a Value| l.str("status").unwrap_or(if expected { "planned" } else { "active" });
        let all = encounter.items("location").iter();
        Self { all: all.filter_map(|l| Some((status(l), l.get("location")?))).collect() }
    }

    fn next(&mut self, status: &str) -> Option<&'a Value> {
        let at = self.all.iter().position(|(own, _)| *own == status)?;
        Some(self.all.remove(at).1)
    }
}

fn code_of_class(encounter: &Value) -> Option<&str> {
    encounter.get("class").and_then(|c| c.str("code"))
}

/// A visit number with the kind that its sender gave it beside that of being one.
fn visit_number(identifier: &Value) -> Value {
    let mut out = identifier.clone();
    let kind = out.get_mut("type").and_then(|t| t.get_mut("coding")).and_then(Value::as_array_mut);
    if let Some(codings) = kind.filter(|codings| codings.len() > 1) {
        codings.retain(|c| c.str("code") != Some("VN"));
    }
    out
}

/// PV1 of a person who is on no visit, where a message cannot do without one.
pub(super) fn none(scope: &Scope<'_>, who: &Value) -> Segment {
    let mut pv1 = Segment::numbered("PV1", 0).with(2, "N");
    fill(scope, &mut pv1, "PV1P", who);
    pv1
}

/// PV1-2; a visit without a class has none that is known.
fn class(coding: Option<&Value>) -> Content {
    let code = coding.and_then(|c| c.str("code"));
    let of_table = coding.and_then(|c| c.str("system")).is_some_and(|s| s.ends_with("v2-0004"));
    match code {
        Some(code) if of_table => code.into(),
        Some(code) => codes::patient_class(code).unwrap_or(code).into(),
        None => "U".into(),
    }
}

/// Whether a participant is a person in a role of its own, which ROL tells.
pub(super) fn in_role(scope: &Scope<'_>, participant: &Value) -> bool {
    let kinds = || participant.items("type").iter().filter_map(|t| code_of(Some(t)));
    let of_visit =
        kinds().any(|code| matches!(code, "ATND" | "REF" | "CON" | "ADM" | "PPRF" | "SPRF" | "PART"));
    let role = participant.get("individual").is_some_and(|who| scope.is(who, "PractitionerRole"));
    role && !of_visit && kinds().next().is_some()
}

/// Who takes part in a role of v3-ParticipationType. Those without a role attend; other participants stand in PV1-52.
fn people<'a>(
    scope: &'a Scope<'a>,
    encounter: &'a Value,
    role: &'a str,
    roles: bool,
) -> impl Iterator<Item = &'a Value> + 'a {
    let all = encounter.items("participant").iter();
    let plays = move |p: &&Value| match p.items("type") {
        [] => role == "ATND",
        types => types.iter().any(|t| {
            let code = code_of(Some(t));
            let other = t.str("text") == Some("Participation");
            code == Some(role) || (role == "ATND" && !other && matches!(code, Some("PPRF" | "SPRF" | "PART")))
        }),
    };
    all.filter(move |p| plays(p) && !(roles && in_role(scope, p))).filter_map(|p| p.get("individual"))
}

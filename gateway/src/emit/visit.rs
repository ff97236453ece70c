//! Encounter to PV1 and PV2.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, code_of, cwe, cwe_of, cwes, dtm, identifier_type, period};

/// PV1 and, where there is something for it, PV2.
pub(super) fn visit(scope: &Scope<'_>, encounter: &Value, out: &mut Vec<Segment>) {
    let mut pv1 = Segment::numbered("PV1", 0);
    pv1.set(2, class(encounter.get("class")));
    let places = encounter.items("location");
    let left = |l: &&Value| matches!(l.str("status"), Some("completed"));
    let mut now = places.iter().filter(|l| !left(l)).filter_map(|l| l.get("location")).map(|l| scope.pl(l));
    pv1.set(3, now.next().unwrap_or(Content::Empty));
    pv1.set(11, now.next().unwrap_or(Content::Empty));
    let before = places.iter().find(left).and_then(|l| l.get("location"));
    pv1.set(6, before.map_or(Content::Empty, |l| scope.pl(l)));
    pv1.set(4, encounter.items("type").first().map_or(Content::Empty, cwe));
    for (field, code) in [(7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM")] {
        pv1.set(field, repeats(people(encounter, code).map(|p| scope.xcn(p))));
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
    pv1.set(37, to.map_or(Content::Empty, |place| scope.pl(place)));
    let mut numbers = encounter.items("identifier").iter();
    let own = numbers.clone().find(|i| identifier_type(i) == Some("VN")).or_else(|| numbers.clone().next());
    pv1.set(19, own.map_or(Content::Empty, |i| scope.cx(i)));
    pv1.set(50, numbers.find(|i| Some(*i) != own).map_or(Content::Empty, |i| scope.cx(i)));
    let (start, end) = period(encounter.get("period"));
    pv1.set(44, dtm(start)).set(45, dtm(end));
    out.push(pv1);
    let mut pv2 = Segment::new("PV2");
    pv2.set(3, cwes(encounter, "reasonCode"));
    let days = encounter.get("length").filter(|l| l.str("unit").is_some_and(|u| u.starts_with('d')));
    pv2.set(11, text(days.and_then(|l| l.get("value")?.as_number()).map(|n| n.as_str())));
    pv2.set(25, cwe_of(encounter, "priority"));
    if pv2.says_something() {
        out.push(pv2);
    }
}

/// PV1 of a person who is on no visit, where a message cannot do without one.
pub(super) fn none() -> Segment {
    Segment::numbered("PV1", 0).with(2, "N")
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

/// Who takes part in a role of v3-ParticipationType. Those without a role attend.
fn people<'a>(encounter: &'a Value, role: &'a str) -> impl Iterator<Item = &'a Value> + 'a {
    let all = encounter.items("participant").iter();
    let plays = move |p: &&Value| match p.items("type") {
        [] => role == "ATND",
        types => types.iter().any(|t| {
            let code = code_of(Some(t));
            code == Some(role) || (role == "ATND" && matches!(code, Some("PPRF" | "SPRF" | "PART")))
        }),
    };
    all.filter(plays).filter_map(|p| p.get("individual"))
}

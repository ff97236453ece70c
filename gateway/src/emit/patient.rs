//! Patient to PID, PD1, NK1 and MRG.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, cwe, day, dtm, period, table_code, xad, xpn, xtn};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const US: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";

/// PID.
pub(super) fn pid(scope: &Scope<'_>, patient: &Value) -> Segment {
    let mut pid = Segment::numbered("PID", 0);
    let all = |key: &str| patient.items(key).iter();
    pid.set(3, repeats(all("identifier").map(|i| scope.cx(i))));
    pid.set(5, repeats(all("name").map(xpn)));
    let mother = extension(patient, &format!("{CORE}patient-mothersMaidenName"));
    pid.set(6, text(mother.and_then(|e| e.str("valueString"))));
    let time = patient.get("_birthDate").map(|b| b.items("extension")).unwrap_or_default();
    let time = time.iter().find_map(|e| e.str("valueDateTime"));
    pid.set(7, dtm(time.or_else(|| patient.str("birthDate"))));
    let sent = extension(patient, "urn:x-hl7v2:PID-8").and_then(|e| e.str("valueString"));
    pid.set(8, text(patient.str("gender").and_then(codes::sex).or(sent)));
    pid.set(10, repeats(texts(patient, &format!("{US}us-core-race"))));
    pid.set(11, repeats(all("address").map(xad)));
    let work = |t: &&Value| t.str("use") == Some("work");
    pid.set(13, repeats(all("telecom").filter(|t| !work(t)).map(xtn)));
    pid.set(14, repeats(all("telecom").filter(work).map(xtn)));
    let spoken = all("communication").find(|c| c.get("preferred").and_then(Value::as_bool) == Some(true));
    let spoken = spoken.or_else(|| all("communication").next()).and_then(|c| c.get("language"));
    pid.set(15, spoken.map_or(Content::Empty, cwe));
    if let Some(marital) = patient.get("maritalStatus") {
        match table_code(marital, "0002", codes::marital) {
            Some(code) => pid.set(16, code),
            None => pid.set(16, cwe(marital)),
        };
    }
    let religion = extension(patient, &format!("{CORE}patient-religion"));
    pid.set(17, religion.and_then(|e| e.get("valueCodeableConcept")).map_or(Content::Empty, cwe));
    pid.set(22, repeats(texts(patient, &format!("{US}us-core-ethnicity"))));
    let place = extension(patient, &format!("{CORE}patient-birthPlace")).and_then(|e| e.get("valueAddress"));
    pid.set(23, text(place.and_then(|a| a.str("text").or_else(|| a.str("city")))));
    if let Some(order) = patient.get("multipleBirthInteger").and_then(Value::as_number) {
        pid.set(24, "Y").set(25, order.as_str());
    } else if let Some(yes) = patient.get("multipleBirthBoolean").and_then(Value::as_bool) {
        pid.set(24, yes_no(yes));
    }
    let citizen = |e: &&Value| e.str("url") == Some(&format!("{CORE}patient-citizenship"));
    let citizen = all("extension").filter(citizen).flat_map(|e| e.items("extension"));
    pid.set(26, repeats(citizen.filter_map(|e| e.get("valueCodeableConcept")).map(cwe)));
    if let Some(died) = patient.str("deceasedDateTime") {
        pid.set(29, dtm(Some(died))).set(30, "Y");
    } else if let Some(dead) = patient.get("deceasedBoolean").and_then(Value::as_bool) {
        pid.set(30, yes_no(dead));
    }
    pid
}

/// What follows PID about the person: PD1 and NK1.
pub(super) fn about(scope: &Scope<'_>, patient: &Value, out: &mut Vec<Segment>) {
    let mut pd1 = Segment::new("PD1");
    let doctors = patient.items("generalPractitioner");
    pd1.set(3, repeats(doctors.iter().filter(|d| scope.is(d, "Organization")).map(|d| scope.xon(d))));
    pd1.set(4, repeats(doctors.iter().filter(|d| !scope.is(d, "Organization")).map(|d| scope.xcn(d))));
    if pd1.says_something() {
        out.push(pd1);
    }
    for (n, contact) in patient.items("contact").iter().enumerate() {
        let mut nk1 = Segment::numbered("NK1", n);
        nk1.set(2, contact.get("name").map_or(Content::Empty, xpn));
        let relation = |n: usize| contact.items("relationship").get(n).map_or(Content::Empty, cwe);
        nk1.set(3, relation(0)).set(7, relation(1));
        nk1.set(4, contact.get("address").map_or(Content::Empty, xad));
        let work = |t: &&Value| t.str("use") == Some("work");
        let telecom = contact.items("telecom").iter();
        nk1.set(5, repeats(telecom.clone().filter(|t| !work(t)).map(xtn)));
        nk1.set(6, repeats(telecom.filter(work).map(xtn)));
        let (from, to) = period(contact.get("period"));
        nk1.set(8, day(from)).set(9, day(to));
        nk1.set(13, contact.get("organization").map_or(Content::Empty, |o| scope.xon(o)));
        nk1.set(15, text(contact.str("gender").and_then(codes::sex)));
        out.push(nk1);
    }
}

/// MRG: who the patient was before.
pub(super) fn mrg(scope: &Scope<'_>, before: &Value) -> Segment {
    Segment::new("MRG")
        .with(1, repeats(before.items("identifier").iter().map(|i| scope.cx(i))))
        .with(7, repeats(before.items("name").iter().map(xpn)))
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "Y" } else { "N" }
}

fn extension<'a>(patient: &'a Value, url: &str) -> Option<&'a Value> {
    patient.items("extension").iter().find(|e| e.str("url") == Some(url))
}

/// The words of an extension's parts, as the US core profiles state race and ethnicity.
fn texts<'a>(patient: &'a Value, url: &'a str) -> impl Iterator<Item = Content> + 'a {
    let found = patient.items("extension").iter().filter(move |e| e.str("url") == Some(url));
    let words = found.flat_map(|e| e.items("extension")).filter_map(|e| e.str("valueString"));
    words.map(|words| super::segment::parts(vec![Content::Empty, words.into()]))
}

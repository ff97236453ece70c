//! Patient to PID, PD1 and MRG.

use crate::hl7::encode::Content;
use crate::json::{Object, Value};
use crate::map::concepts;

use super::codes;
use super::contact::{xad, xpn, xtn};
use super::kin;
use super::rules::{fill, fill_but, mapped};
use super::segment::{Segment, parts, repeats, text};
use super::surroundings;
use super::types::{self, Scope, cwe, day, dtm, identifier_type, local_name, period, table_code};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const US: &str = "http://hl7.org/fhir/us/core/StructureDefinition/";

/// PID.
pub(super) fn pid(scope: &Scope<'_>, patient: &Value) -> Segment {
    let mut pid = Segment::numbered("PID", 0);
    let all = |key: &str| patient.items(key).iter();
    let place = |i: &&Value| number_field(i);
    pid.set(3, repeats(all("identifier").filter(|i| place(i) == 3).map(|i| scope.cx(i))));
    pid.set(18, repeats(accounts(scope, patient)));
    pid.set(19, text(all("identifier").find(|i| place(i) == 19).and_then(|i| i.str("value"))));
    pid.set(20, all("identifier").find(|i| place(i) == 20).map_or(Content::Empty, licence));
    pid.set(21, kin::mothers(scope, patient));
    if !pid.has(3) {
        // Required: without another number the record's own.
        pid.set(3, text(patient.str("id")));
    }
    pid.set(5, repeats(all("name").map(xpn)));
    if !pid.has(5) {
        // Required: no name is known, which is a name of the type that says so (table 0200).
        let mut unknown = vec![Content::Empty; 6];
        unknown.push("U".into());
        pid.set(5, Content::Parts(unknown));
    }
    let mother = extension(patient, &format!("{CORE}patient-mothersMaidenName"));
    pid.set(6, text(mother.and_then(|e| e.str("valueString"))));
    let time = patient.get("_birthDate").map(|b| b.items("extension")).unwrap_or_default();
    let time = time.iter().find_map(|e| e.str("valueDateTime"));
    pid.set(7, dtm(time.or_else(|| patient.str("birthDate"))));
    let sent = extension(patient, "urn:x-hl7v2:PID-8").and_then(|e| e.str("valueString"));
    pid.set(8, text(patient.str("gender").and_then(codes::sex).or(sent)));
    pid.set(10, group(patient, "us-core-race"));
    pid.set(11, repeats(all("address").map(xad)));
    let work = |t: &&Value| t.str("use") == Some("work");
    pid.set(13, repeats(all("telecom").filter(|t| !work(t)).map(xtn)));
    pid.set(14, repeats(all("telecom").filter(work).map(xtn)));
    let spoken = all("communication").find(|c| c.get("preferred").and_then(Value::as_bool) == Some(true));
    let spoken = spoken.or_else(|| all("communication").next()).and_then(|c| c.get("language"));
    pid.set(15, spoken.map_or(Content::Empty, |l| mapped("language", l)));
    if let Some(marital) = patient.get("maritalStatus") {
        // The sender's own codings where the record keeps more of them than a code.
        let found = |c: &&Value| c.str("system").is_some_and(|s| s.ends_with("v3-MaritalStatus"));
        let mut own: Vec<Value> = marital.items("coding").iter().filter(|c| !found(c)).cloned().collect();
        let more =
            own.len() > 1 || own.iter().any(|c| c.str("display").is_some()) || marital.str("text").is_some();
        if own.is_empty() {
            own = marital.items("coding").to_vec();
        }
        match table_code(marital, "0002", codes::marital).filter(|_| !more) {
            Some(code) => pid.set(16, code),
            None => pid.set(
                16,
                cwe(&Object::new().with("coding", own).with_some("text", marital.str("text")).into()),
            ),
        };
    }
    let religion = extension(patient, &format!("{CORE}patient-religion"));
    pid.set(
        17,
        religion
            .and_then(|e| e.get("valueCodeableConcept"))
            .map_or(Content::Empty, |r| mapped("religion", r)),
    );
    pid.set(22, group(patient, "us-core-ethnicity"));
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
    // Every citizenship stands in PID-26.
    fill_but(scope, &mut pid, "PID+", patient, &[39]);
    pid
}

/// What follows PID about the person: PD1, and ROL where the message has them.
pub(super) fn about(scope: &Scope<'_>, patient: &Value, roles: bool, out: &mut Vec<Segment>) {
    let in_role = |d: &&Value| roles && scope.is(d, "PractitionerRole");
    let mut pd1 = Segment::new("PD1");
    let doctors = || patient.items("generalPractitioner").iter().filter(|d| !in_role(d));
    pd1.set(3, repeats(doctors().filter(|d| scope.is(d, "Organization")).map(|d| scope.xon(d))));
    pd1.set(4, repeats(doctors().filter(|d| !scope.is(d, "Organization")).map(|d| scope.xcn(d))));
    fill(scope, &mut pd1, "PD1+", patient);
    if pd1.says_something() {
        out.push(pd1);
    }
    let named = patient.items("generalPractitioner").iter().filter(in_role);
    out.extend(named.filter_map(|d| scope.set.get(Some(d))).map(|role| surroundings::role(scope, role)));
}

/// MRG: who the patient was before.
pub(super) fn mrg(scope: &Scope<'_>, before: &Value) -> Segment {
    let numbers = repeats(before.items("identifier").iter().map(|i| scope.cx(i)));
    Segment::new("MRG")
        .with(1, text(before.str("id")))
        .with(1, numbers)
        .with(7, repeats(before.items("name").iter().map(xpn)))
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "Y" } else { "N" }
}

fn extension<'a>(patient: &'a Value, url: &str) -> Option<&'a Value> {
    patient.items("extension").iter().find(|e| e.str("url") == Some(url))
}

/// PID-10 and PID-22: race and ethnicity as the US core profiles state them, a repetition for each text where the texts
/// and the codes go together.
fn group(patient: &Value, name: &str) -> Content {
    let found = extension(patient, &format!("{US}{name}")).map(|e| e.items("extension")).unwrap_or_default();
    let words = found.iter().find_map(|e| e.str("valueString"));
    let codings: Vec<Value> = found.iter().filter_map(|e| e.get("valueCoding")).map(own_coding).collect();
    if codings.is_empty() {
        return parts(vec![Content::Empty, text(words)]);
    }
    let texts: Vec<&str> = words.map(|w| w.split(", ").collect()).unwrap_or_default();
    let together = match codings.len().checked_div(texts.len()) {
        Some(n @ 1..=3) if n * texts.len() == codings.len() => n,
        _ => 1,
    };
    let groups: Vec<&[Value]> = codings.chunks(together).collect();
    let shown = |n: usize| match groups.len() {
        1 => words,
        many => texts.get(n).copied().filter(|_| many == texts.len()),
    };
    let concept = |(n, codings): (usize, &&[Value])| {
        let all = Object::new().with("coding", codings.to_vec()).with_some("text", shown(n));
        cwe(&all.into())
    };
    repeats(groups.iter().enumerate().map(concept))
}

/// A coding of the extension in the terms of table 0189, where it is of that and names no version of its own.
fn own_coding(coding: &Value) -> Value {
    let code = coding.str("code").unwrap_or_default();
    let own = concepts::back("ethnicity", code).next().filter(|sent| {
        coding.get("version").is_none()
            && concepts::find("ethnicity", sent).is_some_and(|c| Some(c.system) == coding.str("system"))
    });
    match own {
        Some(sent) => Object::new()
            .with("system", "http://terminology.hl7.org/CodeSystem/v2-0189")
            .with("code", sent)
            .with_some("display", coding.str("display"))
            .into(),
        None => coding.clone(),
    }
}

/// Where a number of a patient stands: social security and licence numbers have fields of their own.
fn number_field(identifier: &Value) -> usize {
    let system = identifier.str("system").unwrap_or_default();
    match identifier_type(identifier) {
        Some("SS") if system == "http://hl7.org/fhir/sid/us-ssn" => 19,
        Some("DL") if licensed(system).is_some() => 20,
        _ => 3,
    }
}

/// The state that gave a driver's licence.
fn licensed(system: &str) -> Option<String> {
    Some(local_name(system)?.strip_prefix("licence")?.trim().to_owned())
}

/// PID-20: number, state, expiry.
fn licence(identifier: &Value) -> Content {
    let state = licensed(identifier.str("system").unwrap_or_default());
    let (_, until) = period(identifier.get("period"));
    parts(vec![text(identifier.str("value")), text(state.as_deref()), day(until)])
}

/// PID-18: the numbers of the patient's accounts.
fn accounts<'a>(scope: &'a Scope<'a>, patient: &'a Value) -> impl Iterator<Item = Content> + 'a {
    types::about(scope, patient, "Account").flat_map(|a| a.items("identifier")).map(|i| scope.cx(i))
}

//! What stands beside the segments that a message is about: who takes part, when, who wrote a note, who read a result.

use super::*;

const HEAD: &str = "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ORU^R01^ORU_R01|P1|P|2.8\n\
    PID|1||88120^^^CITYPATH^PI||THORAT^G R||1955|M\n";

fn result(lines: &str) -> Mapped {
    map(&format!("{HEAD}{lines}"))
}

fn leads_to<'v>(mapped: &'v Mapped, reference: &str) -> &'v Value {
    let (kind, id) = reference.split_once('/').unwrap();
    resources(mapped, kind).into_iter().find(|r| r.str("id") == Some(id)).unwrap()
}

#[test]
fn who_takes_part_is_joined_to_what_the_segment_before_it_became() {
    let mapped = result(
        "ORC|RE|O1|F1\nOBR|1|O1|F1|GLU^Glucose^99CP|||20261121081500+0530||||||||||||||||||F\n\
         PRT|1|AD||PH^Pharmacist^HL70912|77^Rao^Asha|PPT^Point^99CP||City Lab|Bench 2\n\
         PRT|2|AD||PRI^Reader^HL70912|78^Sen^Ila\n\
         OBX|1|NM|GLU^Glucose^99CP||5.1|mmol/L|||||F\n\
         PRT|3|AD||EQUIP^Equipment^HL70912||||||DEV-9|||||||20260101|20270101|LOT7|SER8",
    );
    let request = resources(&mapped, "ServiceRequest")[0];
    let role = leads_to(&mapped, at(request, "/supportingInfo/0/reference"));
    assert_eq!(at(role, "/code/0/coding/0/code"), "PH");
    assert_eq!(at(role, "/specialty/0/coding/0/code"), "PPT");
    assert_eq!(at(leads_to(&mapped, at(role, "/practitioner/reference")), "/name/0/family"), "Rao");
    assert_eq!(at(leads_to(&mapped, at(role, "/organization/reference")), "/name"), "City Lab");
    let report = resources(&mapped, "DiagnosticReport")[0];
    let reader = leads_to(&mapped, at(report, "/resultsInterpreter/0/reference"));
    assert_eq!(at(leads_to(&mapped, at(reader, "/practitioner/reference")), "/name/0/family"), "Sen");
    let device = leads_to(&mapped, at(resources(&mapped, "Observation")[0], "/device/reference"));
    assert_eq!(at(device, "/identifier/0/value"), "DEV-9");
    assert_eq!([at(device, "/lotNumber"), at(device, "/serialNumber")], ["LOT7", "SER8"]);
    assert_eq!(at(device, "/expirationDate"), "2027-01-01");
}

#[test]
fn a_reader_of_results_has_a_role_with_a_time_and_a_place() {
    let mapped = result(
        "OBR|1|O1|F1|XR^Chest^99CP|||20261121081500+0530||||||||||||||||||F|||||||\
         9&Bose&Uma&&&Dr^20261121^20261122^XRAY^R2|||12&Nair&Om\n",
    );
    let report = resources(&mapped, "DiagnosticReport")[0];
    let reader = leads_to(&mapped, at(report, "/resultsInterpreter/0/reference"));
    assert_eq!(at(reader, "/code/0/coding/0/code"), "PRI");
    assert_eq!([at(reader, "/period/start"), at(reader, "/period/end")], ["2026-11-21", "2026-11-22"]);
    let room = leads_to(&mapped, at(reader, "/location/0/reference"));
    assert_eq!([at(room, "/name"), at(room, "/physicalType/coding/0/code")], ["R2", "ro"]);
    let typist = leads_to(&mapped, at(report, "/performer/0/reference"));
    assert_eq!(at(typist, "/code/0/coding/0/code"), "TR");
}

#[test]
fn a_note_keeps_who_wrote_it_and_when() {
    let mapped = result(
        "OBR|1|O1|F1|GLU^Glucose^99CP|||20261121||||||||||||||||||F\n\
         OBX|1|NM|GLU^Glucose^99CP||5.1|mmol/L|||||F\nNTE|1||Repeated||44^Iyer^Anu|20261121100000+0530",
    );
    let note = resources(&mapped, "Observation")[0].items("note").first().unwrap();
    assert_eq!(at(note, "/time"), "2026-11-21T10:00:00+05:30");
    let author = leads_to(&mapped, at(note, "/authorReference/reference"));
    assert_eq!(at(author, "/name/0/family"), "Iyer");
}

#[test]
fn when_an_order_is_to_be_done_is_a_timing() {
    let order = |tq1: &str| {
        let mapped = map(&format!(
            "MSH|^~\\&|A|F|B|C|20261121113802+0530||OML^O21^OML_O21|P2|P|2.8\nPID|1||88120^^^CITYPATH^PI||T^G\n\
             ORC|NW|O1\nTQ1|1|{tq1}\nOBR|1|O1||GLU^Glucose^99CP"
        ));
        let request = resources(&mapped, "ServiceRequest")[0].clone();
        (request, mapped.report.unmapped.iter().map(|u| u.path.clone()).collect::<Vec<_>>())
    };
    let (request, left) = order("|BID^^^^12^h^^PC^2^hr||||||||||15^min|4");
    let when = request.get("occurrenceTiming").unwrap();
    assert_eq!(at(when, "/code/coding/0/code"), "BID");
    assert_eq!([at(when, "/repeat/period"), at(when, "/repeat/periodUnit")], ["12", "h"]);
    assert_eq!([at(when, "/repeat/when/0"), at(when, "/repeat/offset")], ["PC", "120"]);
    assert_eq!([at(when, "/repeat/duration"), at(when, "/repeat/durationUnit")], ["15", "min"]);
    assert_eq!(at(when, "/repeat/count"), "4");
    assert_eq!(
        left,
        ["MSH-9.3"].map(String::from).into_iter().filter(|p| left.contains(p)).collect::<Vec<_>>()
    );
    // An offset that is no whole number of minutes, and one of a meal itself, stand in the report.
    for odd in ["|^^^^^^^PC^90^s", "|^^^^^^^C^5^min", "|^^^^3^fortnights"] {
        let (request, left) = order(odd);
        let repeat = request.get("occurrenceTiming").and_then(|t| t.get("repeat"));
        assert!(repeat.is_none_or(|r| r.get("offset").is_none() && r.get("period").is_none()), "{odd}");
        assert!(left.iter().any(|path| path.starts_with("TQ1-3")), "{odd}: {left:?}");
    }
}

#[test]
fn what_is_said_of_a_visit_without_an_event_follows_its_class() {
    let status = |class: &str| {
        let mapped = result(&format!("PV1|1|{class}|WARD||||||||||||||||V77\nOBR|1|O1|F1|GLU^Glucose^99CP"));
        at(resources(&mapped, "Encounter")[0], "/status").to_owned()
    };
    assert_eq!(["P", "I", "O", "U"].map(status), ["planned", "in-progress", "in-progress", "unknown"]);
}

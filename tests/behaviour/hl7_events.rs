//! HL7 v2 events beside results and registrations: merges, orders, appointments, documents, vaccinations, medicines.

use std::time::{Duration, Instant};

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

/// Messages are applied after they are acknowledged; this is how long a test waits for it.
const APPLIED_WITHIN: Duration = Duration::from_secs(20);

/// Asks the FHIR face until it counts so many, or fails; answers the first one.
fn first(clinic: &Clinic, query: &str, total: u64) -> Value {
    let began = Instant::now();
    loop {
        let found = clinic.fhir().get(&format!("/fhir/{query}&_total=accurate")).expect(200).json();
        if found["total"] == json!(total) {
            return found["entry"][0]["resource"].clone();
        }
        assert!(began.elapsed() < APPLIED_WITHIN, "{query}: {found} instead of {total}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A message of the hospital about patient 88120, from its segments behind the PID.
fn message(kind: &str, id: &str, number: &str, segments: &[&str]) -> String {
    let head = format!("MSH|^~\\&|HIS|CITYHOSP|CLINICVAULT|CLINIC|20260203100000+0530||{kind}|{id}|P|2.5.1");
    let pid = format!("PID|1||{number}^^^CITYHOSP^MR||Sathe^Uma||19840307|F");
    let (before, after): (Vec<&str>, Vec<&str>) =
        segments.iter().partition(|s| s.starts_with("EVN") || s.starts_with("SCH"));
    let all: Vec<&str> = std::iter::once(head.as_str())
        .chain(before)
        .chain(std::iter::once(pid.as_str()))
        .chain(after)
        .collect();
    all.join("\r") + "\r"
}

fn register(clinic: &Clinic, id: &str, number: &str, family: &str, given: &str, phone: &str) {
    assert_eq!(clinic.mllp().send(&sample::adt("A04", id, number, family, given, phone)).code, "AA");
}

#[test]
fn a_merge_joins_two_records_and_deletes_none() {
    let clinic = Clinic::open();
    register(&clinic, "M-1", "88120", "Sathe", "Uma", "9822012345");
    let stays = first(&clinic, "Patient?identifier=88120", 1);
    // The same person was registered a second time under a name that was misheard.
    register(&clinic, "M-2", "99001", "Saathi", "Umaa", "9822099999");
    let old = first(&clinic, "Patient?identifier=99001", 1);
    let merge =
        message("ADT^A40^ADT_A39", "M-3", "88120", &["EVN|A40|20260203100000", "MRG|99001^^^CITYHOSP^MR"]);
    assert_eq!(clinic.mllp().send(&merge).code, "AA");
    let merged = first(&clinic, "Patient?identifier=99001&active=false", 1);
    assert_eq!(merged["id"], old["id"], "the old record is there, inactive");
    assert_eq!(merged["link"][0]["type"], "replaced-by");
    assert_eq!(merged["link"][0]["other"]["reference"], format!("Patient/{}", stays["id"].as_str().unwrap()));
    let stays = first(&clinic, "Patient?identifier=88120", 1);
    assert_eq!(stays["link"][0]["type"], "replaces");
    // What comes later under the old number is about the record that stays.
    let result = sample::oru("M-4", "99001", "Sathe", "Uma", "131").replace("CITYPATH^MR", "CITYHOSP^MR");
    assert_eq!(clinic.mllp().send(&result).code, "AA");
    let glucose = first(&clinic, "Observation?code=2339-0", 1);
    assert_eq!(glucose["subject"]["reference"], format!("Patient/{}", stays["id"].as_str().unwrap()));
    assert_eq!(clinic.mllp().send(&merge).code, "AA", "a repetition gets the stored answer");
}

#[test]
fn what_peers_send_beside_results_is_in_the_record() {
    let clinic = Clinic::open();
    register(&clinic, "E-1", "88120", "Sathe", "Uma", "9822012345");
    first(&clinic, "Patient?identifier=88120", 1);
    let mut peer = clinic.mllp();
    for (kind, id, segments) in [
        (
            "SIU^S12^SIU_S12",
            "E-2",
            vec![
                "SCH|P-1|F-1|||||FOLLOWUP^Follow-up^HL70276|ROUTINE^Routine^HL70277|30|MIN|^^30^20260210090000+0530^20260210093000+0530||||||||||||||Booked",
                "RGS|1|A",
                "AIP|1|A|D7^Kulkarni^Meera^^^Dr",
            ],
        ),
        (
            "VXU^V04^VXU_V04",
            "E-3",
            vec![
                "ORC|RE|VP-1|VF-1",
                "RXA|0|1|20260203||20^DTaP^CVX|0.5|mL||||||||LOT77|20270101||||CP",
                "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163",
            ],
        ),
        (
            "MDM^T02^MDM_T02",
            "E-4",
            vec![
                "EVN|T02|20260203100000",
                "PV1|1|O",
                "TXA|1|DS^Discharge summary^HL70270|TX|20260203||20260203|||D7^Kulkarni^Meera^^^Dr|||DOC-1^CITYHOSP|||||AU||AV",
                "OBX|1|TX|DS^Discharge summary^L||Well again.||||||F",
            ],
        ),
        (
            "RDE^O11^RDE_O11",
            "E-5",
            vec![
                "ORC|NW|RX-1|||IP",
                "RXE||312615^Paracetamol 500 mg^RXNORM|500||mg|TAB||||20|TAB|2",
                "RXR|PO^Oral^HL70162",
            ],
        ),
        (
            "OML^O21^OML_O21",
            "E-6",
            vec!["ORC|NW|L-1", "OBR|1|L-1||2339-0^Glucose^LN|||20260203080000", "SPM|1|||BLD^Blood^HL70487"],
        ),
    ] {
        let answer = peer.send(&message(kind, id, "88120", &segments));
        assert_eq!(answer.code, "AA", "{kind}: {}", answer.text);
    }
    let appointment = first(&clinic, "Appointment?date=2026-02-10", 1);
    assert_eq!(
        (&appointment["status"], &appointment["start"]),
        (&json!("booked"), &json!("2026-02-10T09:00:00+05:30"))
    );
    let vaccination = first(&clinic, "Immunization?vaccine-code=20", 1);
    assert_eq!((&vaccination["lotNumber"], &vaccination["status"]), (&json!("LOT77"), &json!("completed")));
    let document = first(&clinic, "DocumentReference?status=current", 1);
    assert_eq!(document["content"][0]["attachment"]["data"], "V2VsbCBhZ2Fpbi4=");
    let prescription = first(&clinic, "MedicationRequest?status=active", 1);
    assert_eq!(prescription["dosageInstruction"][0]["route"]["coding"][0]["code"], "PO");
    let order = first(&clinic, "ServiceRequest?code=2339-0", 1);
    assert_eq!((&order["status"], order["specimen"].as_array().map(Vec::len)), (&json!("active"), Some(1)));
}

/// A message with one glucose result in the given state about order G-1 of patient 88120.
fn glucose(id: &str, state: &str, value: &str) -> String {
    let order = format!("OBR|1|G-1|G-F1|GLU^Glucose^L|||20260203080000+0530||||||||||||||||||{state}");
    let result = format!("OBX|1|NM|2339-0^Glucose^LN||{value}|mg/dL|70-140||||{state}|||20260203080000+0530");
    message("ORU^R01^ORU_R01", id, "88120", &[&order, &result])
}

#[test]
fn a_result_only_moves_forward() {
    let clinic = Clinic::open();
    register(&clinic, "R-1", "88120", "Sathe", "Uma", "9822012345");
    first(&clinic, "Patient?identifier=88120", 1);
    let mut peer = clinic.mllp();
    // Preliminary, final, a late preliminary one, a correction, and at last a cancellation of the same result.
    for (id, state, sent, stored, status) in [
        ("R-2", "P", "130", 130, "preliminary"),
        ("R-3", "F", "131", 131, "final"),
        ("R-4", "P", "129", 131, "final"),
        ("R-5", "C", "113", 113, "corrected"),
        ("R-6", "X", "113", 113, "cancelled"),
        ("R-7", "P", "140", 113, "cancelled"),
    ] {
        assert_eq!(peer.send(&glucose(id, state, sent)).code, "AA");
        // A message of another patient's is applied in its own time; this one's are in order.
        let other = message(
            "ORU^R01^ORU_R01",
            &format!("{id}-after"),
            "88120",
            &[
                &format!("OBR|1|H-{id}|H-F{id}|HB^Haemoglobin^L|||20260203080000+0530||||||||||||||||||F"),
                "OBX|1|NM|718-7^Haemoglobin^LN||12.4|g/dL|||||F",
            ],
        );
        assert_eq!(peer.send(&other).code, "AA");
        first(&clinic, &format!("ServiceRequest?identifier=H-{id}"), 1);
        let glucose = first(&clinic, "Observation?code=2339-0", 1);
        assert_eq!(
            (&glucose["status"], &glucose["valueQuantity"]["value"]),
            (&json!(status), &json!(stored)),
            "after {id}"
        );
    }
}

#[test]
fn a_merge_is_taken_back_by_taking_its_two_links_away() {
    let clinic = Clinic::open();
    register(&clinic, "U-1", "88120", "Sathe", "Uma", "9822012345");
    register(&clinic, "U-2", "99001", "Saathi", "Umaa", "9822099999");
    first(&clinic, "Patient?identifier=88120", 1);
    first(&clinic, "Patient?identifier=99001", 1);
    let merge =
        message("ADT^A40^ADT_A39", "U-3", "88120", &["EVN|A40|20260203100000", "MRG|99001^^^CITYHOSP^MR"]);
    assert_eq!(clinic.mllp().send(&merge).code, "AA");
    let mut old = first(&clinic, "Patient?identifier=99001&active=false", 1);
    let mut stays = first(&clinic, "Patient?identifier=88120", 1);
    old["active"] = json!(true);
    for one in [&mut old, &mut stays] {
        one.as_object_mut().unwrap().remove("link");
        let path = format!("/fhir/Patient/{}", one["id"].as_str().unwrap());
        clinic.fhir().put_fhir(&path, one).expect(200);
    }
    // What comes under the old number is about the old record again.
    let result = sample::oru("U-4", "99001", "Saathi", "Umaa", "131").replace("CITYPATH^MR", "CITYHOSP^MR");
    assert_eq!(clinic.mllp().send(&result).code, "AA");
    let glucose = first(&clinic, "Observation?code=2339-0", 1);
    assert_eq!(glucose["subject"]["reference"], format!("Patient/{}", old["id"].as_str().unwrap()));
}

#[test]
fn a_changed_number_leads_to_the_same_patient() {
    let clinic = Clinic::open();
    register(&clinic, "N-1", "88120", "Sathe", "Uma", "9822012345");
    let before = first(&clinic, "Patient?identifier=88120", 1);
    let renumber =
        message("ADT^A47^ADT_A30", "N-2", "88777", &["EVN|A47|20260203100000", "MRG|88120^^^CITYHOSP^MR"]);
    assert_eq!(clinic.mllp().send(&renumber).code, "AA");
    let after = first(&clinic, "Patient?identifier=88777", 1);
    assert_eq!(after["id"], before["id"]);
    let old = after["identifier"].as_array().unwrap().iter().find(|i| i["value"] == "88120").unwrap();
    assert_eq!(old["use"], "old");
}

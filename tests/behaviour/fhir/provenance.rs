//! Where records came from: the Provenance of what integrations write, and who sees it.

use clinicvault_tests::Clinic;
use serde_json::{Value, json};

use super::{issue, send};

const ADT: &str = "MSH|^~\\&|LAB|NORTH|||20261122100000||ADT^A04|CTRL-77|P|2.5\rEVN|A04|20261122100000\rPID|1||55^^^NORTH^MR||THORAT^GANPAT||19700101|M\rPV1|1|O\r";

fn provenances(found: &Value) -> Vec<Value> {
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    let all = entries.into_iter().map(|entry| entry["resource"].clone());
    all.filter(|resource| resource["resourceType"] == "Provenance").collect()
}

#[test]
fn a_message_leaves_a_provenance_that_stays_as_it_is() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    clinic.mllp().send(ADT);
    let begun = std::time::Instant::now();
    let found = loop {
        let found = fhir.get("/fhir/Patient?_revinclude=Provenance:target").expect(200).json();
        if !provenances(&found).is_empty() || begun.elapsed().as_secs() > 60 {
            break found;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    let [made] = provenances(&found).try_into().unwrap_or_else(|_| panic!("{found}"));
    let target = made["target"][0]["reference"].as_str().unwrap();
    assert!(target.contains("/_history/1"), "{made}");
    fhir.get(&format!("/fhir/{target}")).expect(200);
    assert_eq!(made["entity"][0]["what"]["identifier"]["value"], "CTRL-77", "{made}");
    let patient = found["entry"][0]["resource"]["id"].as_str().unwrap();
    for query in [
        format!("target=Patient/{patient}"),
        "agent:identifier=urn:clinicvault:sender|NORTH".to_owned(),
        "recorded=gt2026-01-01".to_owned(),
    ] {
        let found = fhir.get(&format!("/fhir/Provenance?{query}")).expect(200).json();
        assert_eq!(provenances(&found).len(), 1, "{query} {found}");
    }

    let path = format!("/fhir/Provenance/{}", made["id"].as_str().unwrap());
    let mut changed = made.clone();
    changed["recorded"] = json!("2020-01-01T00:00:00Z");
    issue(send(&mut fhir, "PUT", &path, &[], &changed), 405, "not-supported");
    issue(fhir.delete(&path), 405, "not-supported");
    assert_eq!(fhir.get(&path).expect(200).json(), made);

    // Who does not see the Provenance does not get it along; who does not see the target does not find it.
    let mut reception = clinic.staff("maya", &["reception"]);
    let seen = reception.http.get("/fhir/Patient?_revinclude=Provenance:target").expect(200).json();
    assert!(provenances(&seen).is_empty(), "{seen}");
    let mut doctor = clinic.staff("asha", &["doctor"]);
    let seen = doctor.http.get("/fhir/Patient?_revinclude=Provenance:target").expect(200).json();
    assert_eq!(provenances(&seen).len(), 1);
}

#[test]
fn a_provenance_of_a_client_is_made_once_and_an_own_write_leaves_none() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    fhir.put_fhir("/fhir/Patient/a", &json!({"resourceType": "Patient", "id": "a"})).expect(201);
    assert!(provenances(&fhir.get("/fhir/Provenance").expect(200).json()).is_empty());
    let own = json!({"resourceType": "Provenance", "id": "own", "target": [{"reference": "Patient/a"}],
        "recorded": "2026-11-22T10:00:00Z", "agent": [{"who": {"display": "x"}}]});
    fhir.put_fhir("/fhir/Provenance/own", &own).expect(201);
    fhir.put_fhir("/fhir/Provenance/own", &own).expect(200);
    let mut changed = own.clone();
    changed["agent"][0]["who"]["display"] = json!("y");
    issue(send(&mut fhir, "PUT", "/fhir/Provenance/own", &[], &changed), 405, "not-supported");
    issue(fhir.delete("/fhir/Provenance/own"), 405, "not-supported");
}

//! Queries of other systems: demographics (IHE PDQ), numbers (IHE PIX) and the orders of a sample (IHE LAW), answered from our
//! own records to whom a channel's document allows it, and to nobody beyond a consent.

use clinicvault_tests::mllp::Ack;
use clinicvault_tests::{Clinic, Http, sample};
use serde_json::json;

use super::{connect, create, listener};

fn query(trigger: &str, id: &str, rest: &str) -> String {
    let head = "MSH|^~\\&|PORTAL|HOSPITAL|CLINICVAULT|BOX|20260301080000||";
    format!("{head}QBP^{trigger}^QBP_Q21|{id}|P|2.5.1||||||UNICODE UTF-8\r{}\r", rest.replace('\n', "\r"))
}

/// The segments of a response that have this name.
fn lines<'a>(ack: &'a Ack, name: &str) -> Vec<&'a str> {
    ack.text.split('\r').filter(|line| line.starts_with(name)).collect()
}

fn field<'a>(ack: &'a Ack, name: &str, number: usize) -> &'a str {
    lines(ack, name).first().and_then(|line| line.split('|').nth(number)).unwrap_or_default()
}

fn person(fhir: &mut Http, family: &str, given: &str, number: &str) -> String {
    let mut patient = sample::patient(family, given, "9822012345", number);
    let more = json!({"system": "urn:x-hl7v2:HOSPITAL", "value": format!("H{number}")});
    patient["identifier"].as_array_mut().unwrap().push(more);
    let made = fhir.post_fhir("/fhir/Patient", &patient).expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_portal_finds_people_page_by_page_and_each_of_them_is_in_the_log() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let ids: Vec<String> = [("Zadbuke", "Uma", "1"), ("Zadbuke", "Rama", "2"), ("Zadbuke", "Sita", "3")]
        .iter()
        .map(|(family, given, number)| person(&mut fhir, family, given, number))
        .collect();
    person(&mut fhir, "Kale", "Uma", "4");
    let mut owner = clinic.owner();
    create(&mut owner, &listener("portal", json!({"answers": ["patients"]})));
    let mut portal = connect(&mut owner, "portal");

    let asked = "QPD|IHE PDQ Query|tag-1|@PID.5.1.1^ZADBUKE*~@PID.7^19840307~@PID.8^F\nRCP|I|2^RD";
    let first = portal.send(&query("Q22", "Q-1", asked));
    assert_eq!((first.code.as_str(), first.control_id.as_str()), ("AA", "Q-1"));
    assert!(first.text.contains("|RSP^K22^RSP_K21|"), "{}", first.text);
    assert_eq!(lines(&first, "QAK"), ["QAK|tag-1|OK|IHE PDQ Query|3|2|1"]);
    assert_eq!(lines(&first, "QPD"), [asked.split('\n').next().unwrap()]);
    assert_eq!((lines(&first, "PID").len(), lines(&first, "QRI")[0]), (2, "QRI||NA~DB"));
    assert!(first.text.contains("Zadbuke^"), "{}", first.text);
    let pointer = field(&first, "DSC", 1).to_owned();
    let second = portal.send(&query("Q22", "Q-2", &format!("{asked}\nDSC|{pointer}|I")));
    assert_eq!(
        (field(&second, "QAK", 2), lines(&second, "PID").len(), lines(&second, "DSC").len()),
        ("OK", 1, 0)
    );
    let other = asked.replace("ZADBUKE", "KALE");
    let wrong = portal.send(&query("Q22", "Q-3", &format!("{other}\nDSC|{pointer}|I")));
    assert_eq!((wrong.code.as_str(), field(&wrong, "QAK", 2)), ("AE", "AE"), "a pointer of another query");

    let none = portal.send(&query("Q22", "Q-4", "QPD|IHE PDQ Query|t|@PID.5.1^Nobody"));
    assert_eq!((none.code.as_str(), lines(&none, "QAK")[0]), ("AA", "QAK|t|NF|IHE PDQ Query|0|0"));
    let vague = portal.send(&query("Q22", "Q-5", "QPD|IHE PDQ Query|t|@PID.8^F"));
    assert_eq!((vague.code.as_str(), field(&vague, "QAK", 2)), ("AE", "AE"));
    assert!(field(&vague, "ERR", 2).starts_with("QPD^1^3"), "{}", vague.text);

    let mut auditor = clinic.http().bearer(&clinic.new_token("system/AuditEvent.rs"));
    for id in &ids {
        let told = auditor.get(&format!("/fhir/AuditEvent?patient={id}&_count=50")).expect(200).text();
        assert!(told.contains("channel:portal"), "{told}");
    }
    let orders = portal.send(&query("Q11", "Q-6", "QPD|WOS^Work Order Step^IHELAW|t|S-1"));
    assert_eq!(
        (orders.code.as_str(), field(&orders, "QAK", 2)),
        ("AR", "AR"),
        "not what the channel answers"
    );
    assert!(orders.text.contains("rules.answers"), "{}", orders.text);
}

#[test]
fn a_number_leads_to_the_other_numbers_and_a_consent_withholds_the_person() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    person(&mut fhir, "Zadbuke", "Uma", "1");
    let hidden = person(&mut fhir, "Zadbuke", "Rama", "2");
    let mut owner = clinic.owner();
    create(&mut owner, &listener("portal", json!({"answers": ["patients"]})));
    create(&mut owner, &listener("plain", json!({})));
    let mut portal = connect(&mut owner, "portal");

    let asked = |number: &str| {
        format!("QPD|IHE PIX Query|t|{number}^^^HOSPITAL^PI|^^^&http://tests.example/number&URI")
    };
    let found = portal.send(&query("Q23", "X-1", &asked("H1")));
    assert_eq!((found.code.as_str(), field(&found, "QAK", 2)), ("AA", "OK"), "{}", found.text);
    assert_eq!(lines(&found, "PID"), ["PID|||1^^^&http://tests.example/number&URI||~^^^^^^S"]);
    let unknown = portal.send(&query("Q23", "X-2", &asked("H9")));
    assert_eq!((unknown.code.as_str(), field(&unknown, "ERR", 2)), ("AE", "QPD^1^3^1^1"));
    let domain = portal.send(&query("Q23", "X-3", "QPD|IHE PIX Query|t|H1^^^HOSPITAL|^^^NOWHERE"));
    assert_eq!((domain.code.as_str(), field(&domain, "ERR", 2)), ("AE", "QPD^1^4^1^4"));
    let one = portal.send(&query("Q21", "X-4", "QPD|Q21^Get Person Demographics^HL7|t|H2^^^HOSPITAL"));
    assert!(one.text.contains("|RSP^K21^RSP_K21|") && one.text.contains("Zadbuke^Rama"), "{}", one.text);

    let consent = json!({"resourceType": "Consent", "id": "wish", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{hidden}")},
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny"}});
    clinic.fhir().put_fhir("/fhir/Consent/wish", &consent).expect(201);
    let gone = portal.send(&query("Q21", "X-5", "QPD|Q21^Get Person Demographics^HL7|t|H2^^^HOSPITAL"));
    assert_eq!((gone.code.as_str(), field(&gone, "QAK", 2)), ("AA", "NF"), "{}", gone.text);
    let people = portal.send(&query("Q22", "X-6", "QPD|IHE PDQ Query|t|@PID.5.1^Zadbuke"));
    assert_eq!((lines(&people, "PID").len(), field(&people, "QAK", 4)), (1, "1"), "{}", people.text);
    let pix = portal.send(&query("Q23", "X-7", &asked("H2")));
    assert_eq!((pix.code.as_str(), field(&pix, "ERR", 2)), ("AE", "QPD^1^3^1^1"), "as one whom nobody knows");

    let mut plain = connect(&mut owner, "plain");
    let refused = plain.send(&query("Q22", "X-8", "QPD|IHE PDQ Query|t|@PID.5.1^Zadbuke"));
    assert_eq!(refused.code, "AR");
    assert!(!refused.text.contains("PID|") && refused.text.contains("rules.answers"), "{}", refused.text);
}

#[test]
fn an_analyser_asks_for_the_orders_of_a_sample_and_a_program_asks_over_http() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let id = person(&mut fhir, "Zadbuke", "Uma", "1");
    let order = json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "identifier": [{"system": "urn:clinic:sample", "value": "S-17"}], "subject": {"reference": format!("Patient/{id}")},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3", "display": "Potassium"}]}});
    fhir.post_fhir("/fhir/ServiceRequest", &order).expect(201);
    let mut owner = clinic.owner();
    create(&mut owner, &listener("bench", json!({"answers": ["orders"]})));
    let mut bench = connect(&mut owner, "bench");
    let asked = "QPD|WOS^Work Order Step^IHELAW|t|S-17";
    let found = bench.send(&query("Q11", "B-1", asked));
    assert!(found.text.contains("|RSP^K11^RSP_K11|"), "{}", found.text);
    assert_eq!((found.code.as_str(), field(&found, "QAK", 2), lines(&found, "PID").len()), ("AA", "OK", 1));
    assert!(field(&found, "OBR", 4).starts_with("2823-3^Potassium"), "{}", found.text);
    let none = bench.send(&query("Q11", "B-2", "QPD|WOS^Work Order Step^IHELAW|t|S-18"));
    assert_eq!((none.code.as_str(), field(&none, "QAK", 2)), ("AA", "NF"));

    let wish = json!({"name": "portal", "scope": "system/Patient.r", "ttlHours": 1});
    let made = owner.post("/api/tokens", &wish).expect(201).json();
    let (token, program) = (made["token"].as_str().unwrap().to_owned(), made["id"].clone());
    let web = json!({"name": "web", "source": {"kind": "http", "tokens": [program]}, "rules": {"answers": ["patients"]}});
    create(&mut owner, &web);
    super::wait_for(&mut owner, "web", "running");
    let message = query("Q22", "B-3", "QPD|IHE PDQ Query|t|@PID.5.1^Zadbuke");
    let typed = [("Content-Type", "application/hl7-v2")];
    let answer =
        clinic.http().bearer(&token).send("POST", "/hl7/v2/web", &typed, message.as_bytes()).expect(200);
    assert!(answer.text().contains("RSP^K22") && answer.text().contains("Zadbuke^Uma"), "{}", answer.text());
    let folder = json!({"name": "drop", "source": {"kind": "folder", "path": "/tmp/drop"}, "rules": {"answers": ["patients"]}});
    let refused = super::put(&mut owner, &folder, None).expect(422).text();
    assert!(refused.contains("rules.answers"), "nobody waits for an answer there: {refused}");
}

//! What lies in the box: two patients' records that refer to one another, each with a word of its own (`Zmark` and its
//! id) in its texts, so that a word of a hidden record is recognised wherever it turns up.

use clinicvault_tests::Http;
use serde_json::{Value, json};

/// A record, and what decides who sees it.
pub struct Record {
    pub kind: String,
    pub id: String,
    /// Whose compartments it lies in.
    pub of: Vec<&'static str>,
    /// Code of the category, for an Observation.
    pub category: Option<&'static str>,
    /// Whether it is deleted after it was written.
    pub gone: bool,
    body: Value,
}

impl Record {
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// The word that stands in its texts.
    pub fn word(&self) -> String {
        word(&self.id)
    }

    pub fn is(&self, kinds: &[&str]) -> bool {
        kinds.contains(&self.kind.as_str())
    }

    /// Writes it; a second version of it when it says so.
    pub fn put(&self, fhir: &mut Http) {
        let path = format!("/fhir/{}", self.name());
        let answer = fhir.put_fhir(&path, &self.body);
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        if self.id.starts_with("lab") {
            let mut again = self.body.clone();
            again["status"] = json!("amended");
            fhir.put_fhir(&path, &again).expect(200);
        }
        if self.gone {
            fhir.delete(&path).expect(204);
        }
    }
}

/// The word that stands in the texts of the record with this id.
pub fn word(id: &str) -> String {
    format!("Zmark{}", id.replace('-', ""))
}

const PATIENTS: [(&str, &str); 2] = [("a", "b"), ("b", "a")];

/// Everything, what concerns `b` before what concerns `a` as often as behind it.
pub fn records() -> Vec<Record> {
    let mut all = directory();
    for (p, _) in PATIENTS {
        all.extend(person(p));
        all.push(bytes(p));
        all.extend(results(p));
    }
    for (p, other) in [PATIENTS[1], PATIENTS[0]] {
        all.extend(care(p));
        all.extend(papers(p, other));
    }
    let members = json!([{"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}}]);
    all.push(record(
        &["a", "b"],
        json!({"resourceType": "Group", "id": "grp", "type": "person", "actual": true,
        "name": word("grp"), "member": members}),
    ));
    all
}

fn record(of: &[&'static str], mut body: Value) -> Record {
    let text = |name: &str| body[name].as_str().expect("a name and an id").to_owned();
    let (kind, id) = (text("resourceType"), text("id"));
    body["meta"] = json!({"tag": [{"system": "http://t.example", "code": word(&id)}]});
    if !matches!(kind.as_str(), "Binary") {
        body["text"] = json!({"status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", word(&id))});
    }
    Record { kind, id, of: of.to_vec(), category: None, gone: false, body }
}

fn to(name: &str) -> Value {
    json!({"reference": name})
}

fn number(id: &str) -> Value {
    json!([{"system": "http://n.example", "value": word(id)}])
}

fn directory() -> Vec<Record> {
    vec![
        record(&[], json!({"resourceType": "Organization", "id": "org", "name": word("org")})),
        record(
            &[],
            json!({"resourceType": "Practitioner", "id": "doc-d", "name": [{"family": word("doc-d")}]}),
        ),
        record(
            &[],
            json!({"resourceType": "Practitioner", "id": "doc-e", "name": [{"family": word("doc-e")}]}),
        ),
        record(&[], json!({"resourceType": "Medication", "id": "drug", "code": {"text": word("drug")}})),
        record(&[], json!({"resourceType": "Device", "id": "dev", "serialNumber": word("dev")})),
        terminology("ValueSet", "vs-d"),
        terminology("CodeSystem", "cs-d"),
        terminology("ConceptMap", "map-d"),
        terminology("ValueSet", "vs-e"),
        terminology("CodeSystem", "cs-e"),
        terminology("ConceptMap", "map-e"),
        record(
            &[],
            json!({"resourceType": "Binary", "id": "bin", "contentType": "text/plain", "data": "Wm1hcmtiaW4="}),
        ),
    ]
}

/// The address of a stored definition.
pub fn address(id: &str) -> String {
    format!("http://c.example/{id}")
}

/// A code system of the clinic's own, a value set of its codes and of one that results have, and a map from one to the
/// other; `d` and `e` alike.
fn terminology(kind: &str, id: &str) -> Record {
    let which = id.rsplit('-').next().expect("a part");
    let system = address(&format!("cs-{which}"));
    let mut body =
        json!({"resourceType": kind, "id": id, "url": address(id), "status": "active", "title": word(id)});
    let loinc = json!({"system": "http://loinc.org", "concept": [{"code": "2339-0", "display": word(id)}]});
    match kind {
        "CodeSystem" => {
            body["content"] = json!("complete");
            body["hierarchyMeaning"] = json!("is-a");
            body["concept"] = json!([{"code": "top", "display": word(id), "concept": [{"code": "low", "display": word(id)}]}]);
        }
        "ValueSet" => body["compose"] = json!({"include": [{"system": system}, loinc]}),
        _ => {
            let target = json!([{"code": "2339-0", "display": word(id), "equivalence": "equivalent"}]);
            body["group"] = json!([{"source": system, "target": "http://loinc.org",
                "element": [{"code": "low", "target": target}]}]);
        }
    }
    record(&[], body)
}

/// A search parameter of the clinic's own, the same on both sides: what it is asked for is what records say.
pub fn own_parameters() -> [Value; 3] {
    [
        ("own-word", "Patient", "string", "Patient.name.family"),
        ("own-doctor", "Patient", "reference", "Patient.generalPractitioner"),
        ("own-number", "Observation", "token", "Observation.identifier"),
    ]
    .map(|(code, base, kind, expression)| {
        json!({"resourceType": "SearchParameter", "id": code, "url": address(code), "name": "Own", "status": "active",
            "description": "x", "code": code, "base": [base], "type": kind, "expression": expression,
            "target": if kind == "reference" { json!(["Practitioner"]) } else { Value::Null }})
    })
    .map(without_nulls)
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}

/// A patient who lets no program see anything of theirs.
pub fn wish(p: &str) -> Value {
    json!({"resourceType": "Consent", "id": "wish", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": to(&format!("Patient/{p}")),
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny"}})
}

/// Bytes that belong to a patient without saying so but by their context (R4, Binary.securityContext).
fn bytes(p: &str) -> Record {
    let id = format!("bnd-{p}");
    let data = data_encoding::BASE64.encode(word(&id).as_bytes());
    record(
        &[],
        json!({"resourceType": "Binary", "id": id, "contentType": "text/plain", "data": data,
            "securityContext": to(&format!("Patient/{p}"))}),
    )
}

fn person(p: &'static str) -> Vec<Record> {
    let doctor = if p == "a" { "Practitioner/doc-d" } else { "Practitioner/doc-e" };
    let (me, enc, rel) = (format!("Patient/{p}"), format!("enc-{p}"), format!("rel-{p}"));
    let mut patient = json!({"resourceType": "Patient", "id": p, "identifier": number(p), "active": true,
        "name": [{"family": word(p), "given": ["Same"]}], "gender": "female",
        "birthDate": if p == "a" { "1984-03-07" } else { "1950-01-01" },
        "managingOrganization": to("Organization/org"), "generalPractitioner": [to(doctor)]});
    let mut of = vec![p];
    if p == "a" {
        // The link puts this record into the compartment of the other (CompartmentDefinition/patient).
        patient["link"] = json!([{"other": to("Patient/b"), "type": "seealso"}]);
        of.push("b");
    }
    let start = if p == "a" { "2024-05-01" } else { "2024-06-01" };
    let class = json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"});
    vec![
        record(&of, patient),
        record(
            &[p],
            json!({"resourceType": "RelatedPerson", "id": rel, "patient": to(&me), "name": [{"family": word(&rel)}]}),
        ),
        record(
            &[p],
            json!({"resourceType": "Encounter", "id": enc, "status": "finished", "identifier": number(&enc),
                "class": class, "subject": to(&me), "serviceProvider": to("Organization/org"),
                "participant": [{"individual": to(doctor)}], "period": {"start": start, "end": "2024-07-01"}}),
        ),
    ]
}

fn results(p: &'static str) -> Vec<Record> {
    let (enc, vit) = (format!("Encounter/enc-{p}"), format!("Observation/vit-{p}"));
    let value = |of_a: f64, of_b: f64| if p == "a" { of_a } else { of_b };
    let mut all = Vec::new();
    for (name, category, code, day, value) in [
        ("lab", "laboratory", "2339-0", "2024-05-02", value(5.5, 1.5)),
        ("old", "laboratory", "2339-0", "2023-05-02", value(7.5, 99.5)),
        ("vit", "vital-signs", "8867-4", "2024-05-03", value(3.5, 0.5)),
        ("gone", "laboratory", "2339-0", "2022-05-03", value(4.5, 2.5)),
        ("lost", "vital-signs", "8867-4", "2022-05-03", value(4.5, 2.5)),
    ] {
        let id = format!("{name}-{p}");
        let system = "http://terminology.hl7.org/CodeSystem/observation-category";
        let mut body = json!({"resourceType": "Observation", "id": id, "status": "final", "identifier": number(&id),
            "category": [{"coding": [{"system": system, "code": category}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": word(&id)},
            "subject": to(&format!("Patient/{p}")), "encounter": to(&enc), "effectiveDateTime": day,
            "performer": [to("Practitioner/doc-d"), to("Organization/org")],
            "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
            "note": [{"text": word(&id)}]});
        if name == "lab" {
            body["derivedFrom"] = json!([to(&vit)]);
            body["device"] = to("Device/dev");
        }
        let mut one = record(&[p], body);
        one.category = Some(category);
        one.gone = matches!(name, "gone" | "lost");
        all.push(one);
    }
    all
}

fn care(p: &'static str) -> Vec<Record> {
    let me = to(&format!("Patient/{p}"));
    let id = |name: &str| format!("{name}-{p}");
    let active = |system: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
        json!({"coding": [{"system": system, "code": "active"}]})
    };
    vec![
        record(
            &[p],
            json!({"resourceType": "Condition", "id": id("con"), "subject": me, "identifier": number(&id("con")),
            "clinicalStatus": active("condition-clinical"), "code": {"text": word(&id("con"))},
            "encounter": to(&format!("Encounter/enc-{p}")), "recorder": to("Practitioner/doc-d"),
            "onsetDateTime": "2021-01-01"}),
        ),
        record(
            &[p],
            json!({"resourceType": "AllergyIntolerance", "id": id("alg"), "patient": me,
            "clinicalStatus": active("allergyintolerance-clinical"), "code": {"text": word(&id("alg"))}}),
        ),
        record(
            &[p],
            json!({"resourceType": "MedicationRequest", "id": id("med"), "status": "active", "intent": "order",
            "subject": me, "medicationReference": to("Medication/drug"), "requester": to("Practitioner/doc-d"),
            "authoredOn": "2024-05-02", "note": [{"text": word(&id("med"))}]}),
        ),
        record(
            &[p],
            json!({"resourceType": "DiagnosticReport", "id": id("rep"), "status": "final", "subject": me,
            "identifier": number(&id("rep")), "code": {"text": word(&id("rep"))}, "effectiveDateTime": "2024-05-02",
            "result": [to(&format!("Observation/lab-{p}")), to(&format!("Observation/vit-{p}"))]}),
        ),
        record(
            &[p],
            json!({"resourceType": "Appointment", "id": id("apt"), "status": "booked",
            "start": "2024-05-01T09:00:00Z", "end": "2024-05-01T09:10:00Z", "comment": word(&id("apt")),
            "participant": [{"actor": me, "status": "accepted"}]}),
        ),
    ]
}

fn papers(p: &'static str, other: &str) -> Vec<Record> {
    let me = to(&format!("Patient/{p}"));
    let id = |name: &str| format!("{name}-{p}");
    let entry: Vec<Value> = ["Observation/lab", "Condition/con", "AllergyIntolerance/alg"]
        .iter()
        .map(|name| to(&format!("{name}-{p}")))
        .collect();
    let listed =
        [format!("Observation/lab-{p}"), format!("Observation/lab-{other}"), format!("Patient/{other}")];
    let listed: Vec<Value> = listed.iter().map(|name| json!({"item": to(name)})).collect();
    vec![
        record(
            &[p],
            json!({"resourceType": "Composition", "id": id("cmp"), "status": "final", "subject": me,
            "identifier": number(&id("cmp"))[0], "type": {"text": "x"}, "date": "2024-05-02", "title": word(&id("cmp")),
            "author": [to("Practitioner/doc-d")], "section": [{"title": "x", "entry": entry}]}),
        ),
        record(
            &[p],
            json!({"resourceType": "DocumentReference", "id": id("ref"), "status": "current", "subject": me,
            "content": [{"attachment": {"title": word(&id("ref")), "url": "Binary/bin"}}]}),
        ),
        record(
            &[p],
            json!({"resourceType": "List", "id": id("lst"), "status": "current", "mode": "working",
            "title": word(&id("lst")), "subject": me, "entry": listed}),
        ),
        record(
            &[p],
            json!({"resourceType": "QuestionnaireResponse", "id": id("qre"), "status": "completed",
            "subject": me, "item": [{"linkId": "1", "answer": [{"valueString": word(&id("qre"))}]}]}),
        ),
        record(
            &[],
            json!({"resourceType": "Task", "id": id("tsk"), "status": "requested", "intent": "order", "for": me,
            "focus": to(&format!("Observation/lab-{p}")), "description": word(&id("tsk"))}),
        ),
        record(
            &[p],
            // A wish about research that is not decided: a record like any other.
            json!({"resourceType": "Consent", "id": id("cst"), "status": "draft", "patient": me,
            "identifier": number(&id("cst")), "dateTime": "2024-05-02",
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]},
            "category": [{"text": word(&id("cst"))}], "policyRule": {"text": word(&id("cst"))},
            "provision": {"data": [{"meaning": "instance", "reference": to(&format!("Observation/lab-{p}"))}]}}),
        ),
        record(
            &[p],
            json!({"resourceType": "Provenance", "id": id("prv"), "recorded": "2024-05-02T09:00:00Z",
            "target": [to(&format!("Observation/lab-{p}")), me], "agent": [{"who": to("Practitioner/doc-d")}]}),
        ),
    ]
}

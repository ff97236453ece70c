//! The questions: every way into the records, about what is visible and what is hidden alike.

use clinicvault_tests::smart::escaped;
use serde_json::{Value, json};

use super::house::{Record, word};

/// One request.
#[derive(Clone)]
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Ask {
    pub fn new(method: &'static str, path: impl Into<String>) -> Ask {
        Ask { method, path: path.into(), headers: Vec::new(), body: String::new() }
    }

    pub fn get(path: impl Into<String>) -> Ask {
        Ask::new("GET", path)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }

    pub fn json(mut self, body: &Value) -> Ask {
        self.body = body.to_string();
        self.with("Content-Type", "application/fhir+json")
    }

    /// Whether a word stands in the question, so that an answer may repeat it.
    pub fn names(&self, word: &str) -> bool {
        let (path, word) = (self.path.to_lowercase(), word.to_lowercase());
        path.contains(&word) || self.body.to_lowercase().contains(&word)
    }
}

/// Every question that only looks.
pub fn looks(all: &[Record]) -> Vec<Ask> {
    let mut asks: Vec<Ask> = all.iter().flat_map(of_one).collect();
    let mut kinds: Vec<&str> = all.iter().map(|record| record.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in &kinds {
        asks.extend(of_type(kind, all));
    }
    for owner in ["Patient/a", "Patient/b", "Encounter/enc-a", "Encounter/enc-b", "Practitioner/doc-d"] {
        let members = ["*", "Observation", "Condition", "Encounter", "DiagnosticReport", "Composition"];
        asks.extend(members.map(|member| Ask::get(format!("/fhir/{owner}/{member}?_count=3"))));
    }
    asks.extend(SEARCHES.iter().map(|query| Ask::get(format!("/fhir/{query}"))));
    for (kind, form) in
        [("Patient", "name=Same"), ("Observation", "code=2339-0&_include=Observation:subject")]
    {
        let posted = Ask::new("POST", format!("/fhir/{kind}/_search"));
        let mut posted = posted.with("Content-Type", "application/x-www-form-urlencoded");
        posted.body = form.to_owned();
        asks.push(posted);
    }
    asks.extend(operations());
    asks.extend(
        GRAPHS.map(|(place, query)| Ask::get(format!("/fhir{place}/$graphql?query={}", escaped(query)))),
    );
    asks.extend(bundles(all));
    asks
}

fn of_one(record: &Record) -> Vec<Ask> {
    let name = record.name();
    let mut asks: Vec<Ask> =
        ["", "/_history", "/_history/1", "/_history/2", "/_history/9", "/$meta", "/$validate"]
            .iter()
            .map(|rest| Ask::get(format!("/fhir/{name}{rest}")))
            .collect();
    asks.push(Ask::new("HEAD", format!("/fhir/{name}")));
    asks.push(Ask::get(format!("/fhir/{name}?_summary=true")));
    asks.push(Ask::get(format!("/fhir/{name}")).with("If-None-Match", "W/\"1\""));
    asks.push(Ask::get(format!("/fhir/{name}/$graphql?query={}", escaped("{ id meta { versionId } }"))));
    asks.push(Ask::get(format!("/fhir/{}?_tag={}", record.kind, record.word())));
    asks
}

fn of_type(kind: &str, all: &[Record]) -> Vec<Ask> {
    let ids: Vec<&str> = all.iter().filter(|r| r.kind == kind).map(|r| r.id.as_str()).collect();
    let queries = [
        String::new(),
        "_summary=count".to_owned(),
        "_total=accurate&_count=1".to_owned(),
        "_total=estimate&_count=2".to_owned(),
        "_total=none&_count=1&_sort=-_lastUpdated".to_owned(),
        "_sort=_id&_count=1".to_owned(),
        "_include=*".to_owned(),
        "_revinclude=*".to_owned(),
        "_id:missing=false&_summary=text".to_owned(),
        "_tag:missing=true".to_owned(),
        format!("_id={}", ids.join(",")),
        format!("_id:not={}", ids.first().unwrap_or(&"x")),
        format!(
            "_filter={}",
            escaped(&format!("_id eq {} or _lastUpdated ge 2020-01-01", ids.join(" or _id eq ")))
        ),
    ];
    let mut asks: Vec<Ask> = queries.iter().map(|query| Ask::get(format!("/fhir/{kind}?{query}"))).collect();
    asks.push(Ask::get(format!("/fhir/{kind}/_history")));
    asks.push(Ask::get(format!("/fhir/{kind}/_history?_count=1")));
    asks.push(Ask::get(format!("/fhir/{kind}/$meta")));
    asks
}

/// Criteria, chains, what comes along, orders: each asks for something that lies on both sides.
const SEARCHES: &[&str] = &[
    "?_type=Patient,Observation,Condition&_count=2",
    "?_tag=http://t.example|Zmarkb,http://t.example|Zmarklabb,http://t.example|Zmarka",
    "_history?_count=5",
    "_history",
    "$meta",
    "Patient?name=Zmark",
    "Patient?family:exact=Zmarkb",
    "Patient?family:contains=mark",
    "Patient?gender=female&_sort=birthdate&_count=1",
    "Patient?gender=female&_sort=-birthdate&_total=accurate",
    "Patient?birthdate=lt1960",
    "Patient?identifier=http://n.example|Zmarkb",
    "Patient?identifier:missing=true",
    "Patient?organization=Organization/org",
    "Patient?organization.name=Zmark",
    "Patient?general-practitioner.name=Zmarkdoce",
    "Patient?general-practitioner:Practitioner.name=Zmark",
    "Patient?link=Patient/b",
    "Patient?link:Patient.name=Zmarkb",
    "Patient?link:Patient.general-practitioner.name=Zmark",
    "Patient?_has:Observation:patient:code=2339-0",
    "Patient?_has:Observation:patient:code=8867-4",
    "Patient?_has:Observation:patient:value-quantity=lt3",
    "Patient?_has:Observation:subject:_has:DiagnosticReport:result:status=final",
    "Patient?_has:Condition:patient:code:text=Zmark",
    "Patient?_has:Group:member:type=person",
    "Patient?_has:MedicationRequest:patient:status=active",
    "Patient?_has:Provenance:target:agent=Practitioner/doc-d",
    "Patient?_has:Patient:link:name=Zmark",
    "Patient?_list=lst-a",
    "Patient?_list=lst-b",
    "Patient?_include=Patient:general-practitioner&_include=Patient:link&_include:iterate=Patient:link",
    "Patient?_revinclude=Observation:patient&_revinclude:iterate=DiagnosticReport:result",
    "Patient?_revinclude=Provenance:target&_revinclude=Group:member&_revinclude=Task:subject",
    "Patient?_filter=name%20co%20%22mark%22%20and%20not%20(birthdate%20lt%201960-01-01)",
    "Patient?_filter=general-practitioner.name%20sw%20%22Zmark%22",
    "Observation?code=2339-0",
    "Observation?code=http://loinc.org|2339-0&_sort=value-quantity&_count=1",
    "Observation?_sort=-value-quantity",
    "Observation?_sort=date,-_id&_count=2&_total=accurate",
    "Observation?_sort=patient",
    "Observation?value-quantity=lt3",
    "Observation?value-quantity=gt1&_summary=count",
    "Observation?category=vital-signs",
    "Observation?category:not=laboratory",
    "Observation?category:not=vital-signs&_summary=count",
    "Observation?category:missing=true",
    "Observation?code:text=Zmark",
    "Observation?code:not=2339-0&_total=accurate",
    "Observation?status=amended",
    "Observation?date=ge2023-01-01&patient=Patient/b",
    "Observation?patient=b&_total=accurate",
    "Observation?patient.name=Zmarkb",
    "Observation?patient.birthdate=lt1960&_summary=count",
    "Observation?subject:Patient.organization.name=Zmark",
    "Observation?patient.link.name=Zmarka",
    "Observation?patient.general-practitioner.name=Zmarkdoce",
    "Observation?encounter.participant.name=Zmark",
    "Observation?encounter.date=ge2024-05-15",
    "Observation?device.device-name:missing=true&_summary=count",
    "Observation?device:Device.identifier:missing=true",
    "Observation?performer:Practitioner.name=Zmark",
    "Observation?derived-from:Observation.category=vital-signs",
    "Observation?derived-from:Observation.value-quantity=lt1",
    "Observation?_has:DiagnosticReport:result:code:text=Zmark",
    "Observation?_has:Observation:derived-from:status=amended",
    "Observation?_has:Provenance:target:recorded=2024-05-02",
    "Observation?_has:List:item:title:missing=false",
    "Observation?_list=lst-a&_total=accurate",
    "Observation?_list=lst-b&_total=accurate",
    "Observation?code-value-quantity=2339-0$lt3",
    "Observation?_include=Observation:patient&_include=Observation:encounter&_include=Observation:performer",
    "Observation?_include=Observation:derived-from&_include=Observation:device",
    "Observation?_include=Observation:patient&_include:iterate=Patient:link&_include:iterate=Patient:organization",
    "Observation?_revinclude=DiagnosticReport:result&_revinclude=Provenance:target&_revinclude=List:item",
    "Observation?_filter=code%20eq%202339-0%20and%20(value-quantity%20lt%203%20or%20category%20eq%20vital-signs)",
    "Observation?_filter=patient.name%20eq%20Zmarkb&_summary=count",
    "Observation?_filter=not%20(category%20eq%20laboratory)&_total=accurate",
    "Encounter?_sort=-date&_count=1",
    "Encounter?patient.name=Zmarkb",
    "Encounter?participant.name=Zmarkdoce",
    "Condition?encounter.date=ge2024-05-15&_total=accurate",
    "DiagnosticReport?result.code=8867-4",
    "DiagnosticReport?result.value-quantity=lt1",
    "DiagnosticReport?_include=DiagnosticReport:result&_include:iterate=Observation:derived-from",
    "Practitioner?_has:Patient:general-practitioner:name=Zmarkb",
    "Practitioner?_has:Observation:performer:code=8867-4",
    "Practitioner?_revinclude=Patient:general-practitioner",
    "Organization?_has:Patient:organization:birthdate=lt1960",
    "Group?member=Patient/b",
    "Group?member.name=Zmarkb",
    "List?item=Observation/lab-b",
    "List?_include=List:item",
    "Composition?entry=Observation/lab-b&_include=Composition:entry",
    "MedicationRequest?medication.code:text=Zmarkdrug",
];

/// Questions of the graph, with links to and from both sides.
const GRAPHS: [(&str, &str); 9] = [
    (
        "",
        "{ PatientList { id name { family } link { other { reference resource { ... on Patient { id birthDate } } } } } }",
    ),
    (
        "",
        "{ PatientConnection(_count: 1, _sort: \"birthdate\") { count offset pagesize edges { mode resource { id } } } }",
    ),
    (
        "",
        "{ ObservationConnection(code: \"2339-0\") { count edges { resource { id valueQuantity { value } } } } }",
    ),
    (
        "",
        "{ ObservationList(_sort: \"value-quantity\") { id subject { resource { ... on Patient { id } } } derivedFrom { resource { ... on Observation { id } } } device { resource { ... on Device { id serialNumber } } } } }",
    ),
    ("", "{ Patient(id: \"b\") { id birthDate ObservationList(_reference: patient) { id } } }"),
    ("", "{ Observation(id: \"lab-b\") { id } }"),
    (
        "/Patient/a",
        "{ id ObservationList(_reference: patient) { id } ConditionList(_reference: patient) { id } GroupList(_reference: member) { id member { entity { resource { ... on Patient { id } } } } } PatientList(_reference: link) { id } }",
    ),
    (
        "/Observation/lab-a",
        "{ id DiagnosticReportList(_reference: result) { id } TaskList(_reference: focus) { id } ProvenanceList(_reference: target) { id } encounter { resource { ... on Encounter { id } } } }",
    ),
    ("/Group/grp", "{ id member { entity { resource { ... on Patient { id name { family } } } } } }"),
];

fn view(kind: &str, columns: &[&str]) -> Value {
    let columns: Vec<Value> = columns
        .iter()
        .enumerate()
        .map(|(at, path)| json!({"name": format!("c{at}"), "path": path, "collection": false}))
        .collect();
    let view = json!({"resourceType": "ViewDefinition", "status": "active", "resource": kind, "select": [{"column": columns}]});
    json!({"resourceType": "Parameters", "parameter": [{"name": "viewResource", "resource": view}]})
}

fn operations() -> Vec<Ask> {
    let mut asks = Vec::new();
    for id in ["a", "b", "none"] {
        for rest in ["$everything", "$everything?_count=2", "$everything?_type=Observation,Group", "$summary"]
        {
            asks.push(Ask::get(format!("/fhir/Patient/{id}/{rest}")));
        }
        for rest in ["$document", "$everything"] {
            asks.push(Ask::get(format!("/fhir/Composition/cmp-{id}/{rest}")));
        }
        asks.push(Ask::get(format!("/fhir/Encounter/enc-{id}/$everything")));
        asks.push(Ask::get(format!(
            "/fhir/Observation/$lastn?subject=Patient/{id}&max=1&category=laboratory,vital-signs"
        )));
        asks.push(Ask::get(format!("/fhir/Observation/$lastn?patient=Patient/{id}&max=2")));
        asks.push(Ask::get(format!(
            "/fhir/Observation/$stats?subject=Patient/{id}&code=2339-0&system=http://loinc.org&statistic=count&statistic=average&duration=100000"
        )));
    }
    asks.push(Ask::get("/fhir/Patient/$everything?_count=3"));
    asks.push(Ask::get("/fhir/Composition/$document?id=cmp-b"));
    asks.push(Ask::get("/fhir/Observation/$lastn?code=http://loinc.org|2339-0&max=1"));
    let views = [
        ("Patient", &["getResourceKey()", "birthDate"][..]),
        (
            "Patient",
            &[
                "getResourceKey()",
                "link.other.getReferenceKey(Patient).first()",
                "link.other.resolve().birthDate.first()",
            ],
        ),
        (
            "Observation",
            &["getResourceKey()", "subject.getReferenceKey(Patient)", "value.ofType(Quantity).value"],
        ),
        ("Condition", &["getResourceKey()"]),
    ];
    for (kind, columns) in views {
        asks.push(Ask::new("POST", "/fhir/$viewdefinition-run").json(&view(kind, columns)));
    }
    let mut of_b = view("Observation", &["getResourceKey()"]);
    if let Some(list) = of_b["parameter"].as_array_mut() {
        list.push(json!({"name": "patient", "valueReference": {"reference": "Patient/b"}}));
    }
    asks.push(Ask::new("POST", "/fhir/ViewDefinition/$run").json(&of_b));
    for (family, birth) in [("Zmarkb", "1950-01-01"), ("Zmarka", "1984-03-07"), ("Nobody", "1990-01-01")] {
        let someone = json!({"resourceType": "Patient", "name": [{"family": family, "given": ["Same"]}], "birthDate": birth,
            "identifier": [{"system": "http://n.example", "value": family}], "gender": "female"});
        let given = json!([{"name": "resource", "resource": someone}]);
        let given = json!({"resourceType": "Parameters", "parameter": given});
        asks.push(Ask::new("POST", "/fhir/Patient/$match").json(&given));
    }
    for id in ["bin", "bnd-a", "bnd-b"] {
        asks.push(Ask::get(format!("/fhir/Binary/{id}")).with("Accept", "text/plain"));
    }
    let observation = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/b"}, "derivedFrom": [{"reference": "Observation/vit-b"}]});
    asks.push(Ask::new("POST", "/fhir/Observation/$validate").json(&observation));
    asks.push(Ask::get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"));
    asks
}

/// Bundles of questions.
fn bundles(all: &[Record]) -> Vec<Ask> {
    let get = |url: String| json!({"request": {"method": "GET", "url": url}});
    let mut entries: Vec<Value> = all.iter().map(|record| get(record.name())).collect();
    let searches = [
        "Patient?name=Zmark",
        "Observation?value-quantity=lt3",
        "Observation?patient.name=Zmarkb",
        "_history",
    ];
    entries.extend(searches.map(|query| get(query.to_owned())));
    entries.extend(
        ["Observation/lab-b/_history", "Patient/b/_history/1", "Patient/b/Observation"]
            .map(|url| get(url.to_owned())),
    );
    let bundle =
        |kind: &str, entry: Vec<Value>| json!({"resourceType": "Bundle", "type": kind, "entry": entry});
    let mut asks = vec![Ask::new("POST", "/fhir").json(&bundle("batch", entries))];
    for url in ["Observation/lab-b", "Patient/b", "Patient?name=Zmark", "Observation?value-quantity=lt3"] {
        asks.push(Ask::new("POST", "/fhir").json(&bundle("transaction", vec![get(url.to_owned())])));
    }
    asks
}

/// The questions of the screens.
pub const SCREENS: [&str; 17] = [
    "/api/search?q=Zmark",
    "/api/search?q=Zmarkb",
    "/api/patients/recent",
    "/api/patients/a/chart",
    "/api/patients/b/chart",
    "/api/patients/none/chart",
    "/api/patients/a/results/2339-0",
    "/api/patients/b/results/8867-4",
    "/api/patients/a/results/8867-4",
    "/api/patients/a/documents/ref-a",
    "/api/patients/a/documents/cmp-a",
    "/api/results/critical",
    "/api/inbox",
    "/api/users",
    "/api/tokens",
    "/api/clients",
    "/api/jobs",
];

/// Writes that ask something on the way: conditions, versions, references. What they leave is the same on both sides.
pub fn writes() -> Vec<Ask> {
    let system = "http://terminology.hl7.org/CodeSystem/observation-category";
    let result = |more: Value| {
        let mut body = json!({"resourceType": "Observation", "status": "final", "code": {"text": "new"},
            "category": [{"coding": [{"system": system, "code": "laboratory"}]}], "subject": {"reference": "Patient/a"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let plain = result(json!({}));
    let patch = json!([{"op": "test", "path": "/status", "value": "final"}, {"op": "replace", "path": "/status", "value": "amended"}]);
    let patched = |target: &str| {
        let mut ask = Ask::new("PATCH", format!("/fhir/{target}"));
        ask.body = patch.to_string();
        ask.with("Content-Type", "application/json-patch+json")
    };
    let meta = json!({"resourceType": "Parameters", "parameter": [{"name": "meta",
        "valueMeta": {"tag": [{"system": "http://t.example", "code": "new"}]}}]});
    let mut asks = Vec::new();
    for id in ["vit-b", "lost-b", "vit-a", "none"] {
        let word = word(id);
        let by = format!("identifier=http://n.example|{word}");
        asks.push(Ask::new("POST", "/fhir/Observation").json(&plain).with("If-None-Exist", by.as_str()));
        asks.push(patched(&format!("Observation/{id}")));
        asks.push(patched(&format!("Observation/{id}")).with("If-Match", "W/\"1\""));
        asks.push(patched(&format!("Observation?{by}")));
        asks.push(Ask::new("POST", format!("/fhir/Observation/{id}/$meta-add")).json(&meta));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation?{by}")));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation/{id}")));
        asks.push(Ask::new("DELETE", format!("/fhir/Observation/{id}")).with("If-Match", "W/\"7\""));
        asks.push(Ask::new("PUT", format!("/fhir/Observation?{by}")).json(&plain));
        for reference in [format!("Observation?{by}"), format!("Observation/{id}")] {
            let body = result(json!({"derivedFrom": [{"reference": reference}]}));
            let entry = json!([{"request": {"method": "POST", "url": "Observation"}, "resource": body}]);
            let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entry});
            asks.push(Ask::new("POST", "/fhir").json(&bundle));
        }
        let entry = json!([{"request": {"method": "POST", "url": "Observation", "ifNoneExist": by}, "resource": plain},
            {"request": {"method": "DELETE", "url": format!("Observation/{id}")}},
            {"request": {"method": "GET", "url": format!("Observation/{id}")}}]);
        for kind in ["batch", "transaction"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": entry});
            asks.push(Ask::new("POST", "/fhir").json(&bundle));
        }
    }
    let about_b = result(json!({"subject": {"reference": "Patient?identifier=http://n.example|Zmarkb"}}));
    let entry = json!([{"request": {"method": "POST", "url": "Observation"}, "resource": about_b}]);
    asks.push(
        Ask::new("POST", "/fhir")
            .json(&json!({"resourceType": "Bundle", "type": "transaction", "entry": entry})),
    );
    asks.push(Ask::get("/fhir/Observation?_sort=_lastUpdated&_total=accurate"));
    asks.push(Ask::get("/fhir/Observation/_history"));
    asks
}

/// Exports, for who may have them.
pub const EXPORTS: [&str; 6] = [
    "/fhir/$export",
    "/fhir/$export?_since=2020-01-01T00:00:00Z",
    "/fhir/Patient/$export",
    "/fhir/Patient/$export?_type=Patient",
    "/fhir/Group/grp/$export",
    "/fhir/$export?_type=Observation&_typeFilter=Observation%3Fpatient.name%3DZmarkb",
];

/// Questions that are answered later.
pub const LATER: [&str; 4] = [
    "/fhir/Observation?_total=accurate&_include=*",
    "/fhir/Patient/b/$everything",
    "/fhir/Observation/lab-b",
    "/fhir/Patient?_has:Observation:patient:value-quantity=lt3",
];

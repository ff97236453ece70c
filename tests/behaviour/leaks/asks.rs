//! The questions: every way into the records, about what is visible and what is hidden alike.

mod codes;
mod searches;
mod writes;

use clinicvault_tests::smart::escaped;
use serde_json::{Value, json};

use super::house::Record;
use codes::terminology;
use searches::{GRAPHS, SEARCHES};
pub use writes::writes;

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
    asks.extend(terminology());
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
pub const SCREENS: [&str; 20] = [
    "/api/changes?since=1",
    "/api/changes",
    "/api/subscriptions",
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

/// Exports, for who may have them.
pub const EXPORTS: [&str; 13] = [
    "/fhir/$export",
    "/fhir/$export?_type=Observation,Patient&_elements=id,code",
    "/fhir/$export?_type=Consent,Provenance,ValueSet,CodeSystem",
    "/fhir/$export?_type=Observation&_typeFilter=Observation%3Fcode:in%3Dhttp://c.example/vs-e",
    "/fhir/Patient/$export?_type=Observation&_typeFilter=Observation%3Fcode%3D2339-0,Observation%3Fcategory%3Dvital-signs",
    "/fhir/Patient/$export?_typeFilter=Patient%3F_has:Observation:patient:code%3D8867-4",
    "/fhir/Group/grp/$export?_type=Observation&_typeFilter=Observation%3Fvalue-quantity%3Dlt3",
    "/fhir/Group/none/$export",
    "/fhir/$export?_since=2020-01-01T00:00:00Z",
    "/fhir/Patient/$export",
    "/fhir/Patient/$export?_type=Patient",
    "/fhir/Group/grp/$export",
    "/fhir/$export?_type=Observation&_typeFilter=Observation%3Fpatient.name%3DZmarkb",
];

/// An export that names its patients.
pub fn export_of_one() -> Ask {
    let named = ["a", "b"]
        .map(|id| json!({"name": "patient", "valueReference": {"reference": format!("Patient/{id}")}}));
    Ask::new("POST", "/fhir/Patient/$export").json(&json!({"resourceType": "Parameters", "parameter": named}))
}

/// Questions that are answered later.
pub const LATER: [&str; 4] = [
    "/fhir/Observation?_total=accurate&_include=*",
    "/fhir/Patient/b/$everything",
    "/fhir/Observation/lab-b",
    "/fhir/Patient?_has:Observation:patient:value-quantity=lt3",
];

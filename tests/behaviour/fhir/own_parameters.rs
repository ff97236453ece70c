//! Search parameters of the clinic's own: stored, asked, changed, taken away; with records from before, over restarts
//! and pulled plugs.

use clinicvault_tests::{Answer, Clinic, Http};
use serde_json::{Value, json};

use super::links::link;
use super::{issue, send};

const FLAG: &str = "http://e.example/flag";

fn definition(id: &str, kind: &str, base: &str, expression: &str) -> Value {
    json!({"resourceType": "SearchParameter", "id": id, "url": format!("http://c.example/sp/{id}"), "name": "Own",
        "status": "active", "description": "Of this clinic", "code": id, "base": [base], "type": kind,
        "expression": expression})
}

fn put(fhir: &mut Http, body: &Value) -> Answer {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    send(fhir, "PUT", &path, &[], body)
}

fn store(fhir: &mut Http, body: &Value) {
    let answer = put(fhir, body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.json());
}

fn patient(id: &str, flag: &str) -> Value {
    json!({"resourceType": "Patient", "id": id,
        "extension": [{"url": FLAG, "valueCode": flag}, {"url": "http://e.example/n", "valueInteger": flag.len()}]})
}

/// The answer to a search, once its parameters know every record; until then each answer says that they do not.
#[track_caller]
fn settled(fhir: &mut Http, query: &str) -> Value {
    for _ in 0..3_000 {
        let answer = fhir.get(&format!("/fhir/{query}"));
        if answer.status != 503 {
            return answer.expect(200).json();
        }
        assert!(answer.header("retry-after").is_some());
        issue(answer, 503, "transient");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{query} is never answered");
}

fn of_mode(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let entries = entries.filter(|entry| entry["search"]["mode"] == mode);
    entries.map(|entry| entry["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[track_caller]
fn finds(fhir: &mut Http, query: &str, expected: &[&str]) {
    let mut ids = of_mode(&settled(fhir, query), "match");
    ids.sort_unstable();
    assert_eq!(ids, expected, "{query}");
}

/// Patients `p0`…, every tenth with the flag `red`, the others `blue`.
fn crowd(fhir: &mut Http, count: usize) {
    for from in (0..count).step_by(200) {
        let entries: Vec<Value> = (from..count.min(from + 200))
            .map(|n| {
                let body = patient(&format!("p{n}"), if n % 10 == 0 { "red" } else { "blue" });
                json!({"resource": body, "request": {"method": "PUT", "url": format!("Patient/p{n}")}})
            })
            .collect();
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
        send(fhir, "POST", "/fhir", &[], &bundle).expect(200);
    }
}

#[test]
fn a_stored_parameter_is_asked_like_any_other() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for (id, flag) in [("a", "red"), ("b", "blue"), ("c", "red")] {
        store(&mut fhir, &patient(id, flag));
    }
    let observation = |id: &str, of: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient/{of}")},
            "extension": [{"url": "http://e.example/see", "valueReference": {"reference": format!("Patient/{of}")}}]})
    };
    store(&mut fhir, &observation("o1", "a"));
    store(&mut fhir, &observation("o2", "b"));
    issue(
        fhir.send("GET", "/fhir/Patient?flag=red", &[("Prefer", "handling=strict")], b""),
        400,
        "not-supported",
    );

    let flag =
        definition("flag", "token", "Patient", &format!("Patient.extension.where(url='{FLAG}').value"));
    store(&mut fhir, &flag);
    finds(&mut fhir, "Patient?flag=red", &["a", "c"]);
    // Written behind it, found at once.
    store(&mut fhir, &patient("d", "red"));
    let found = fhir.get("/fhir/Patient?flag=red&_sort=-_id").expect(200).json();
    assert_eq!(
        (of_mode(&found, "match"), found["total"].as_u64()),
        (vec!["d".into(), "c".into(), "a".into()], Some(3))
    );
    store(&mut fhir, &patient("d", "blue"));
    finds(&mut fhir, "Patient?flag=red", &["a", "c"]);
    finds(&mut fhir, "Patient?flag:not=red", &["b", "d"]);
    store(&mut fhir, &json!({"resourceType": "Patient", "id": "e"}));
    finds(&mut fhir, "Patient?flag:missing=true", &["e"]);
    finds(&mut fhir, "Observation?subject:Patient.flag=red", &["o1"]);
    finds(&mut fhir, "Patient?_filter=flag%20eq%20red", &["a", "c"]);

    let mut see = definition(
        "see",
        "reference",
        "Observation",
        "Observation.extension.where(url='http://e.example/see').value",
    );
    see["target"] = json!(["Patient"]);
    store(&mut fhir, &see);
    store(
        &mut fhir,
        &definition(
            "size",
            "number",
            "Patient",
            "Patient.extension.where(url='http://e.example/n').value.ofType(integer)",
        ),
    );
    finds(&mut fhir, "Observation?see=Patient/a", &["o1"]);
    finds(&mut fhir, "Observation?see.flag=blue", &["o2"]);
    finds(&mut fhir, "Patient?_has:Observation:see:status=final", &["a", "b"]);
    let with = settled(&mut fhir, "Observation?see=Patient/a&_include=Observation:see");
    assert_eq!(of_mode(&with, "include"), ["a"]);
    let with = settled(&mut fhir, "Patient?_id=b&_revinclude=Observation:see");
    assert_eq!(of_mode(&with, "include"), ["o2"]);
    assert_eq!(
        of_mode(&settled(&mut fhir, "Patient?_sort=-size,_id&size=ge1"), "match"),
        ["b", "d", "a", "c"]
    );

    let statement = clinic.http().get("/fhir/metadata").expect(200).json();
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let of = |kind: &str| resources.iter().find(|r| r["type"] == kind).unwrap();
    let listed =
        of("Patient")["searchParam"].as_array().unwrap().iter().find(|p| p["name"] == "flag").unwrap();
    assert_eq!(
        (&listed["type"], &listed["definition"]),
        (&json!("token"), &json!("http://c.example/sp/flag"))
    );
    assert!(of("Observation")["searchInclude"].to_string().contains("Observation:see"));

    // Retired it is no more, and its definition stays.
    let mut retired = flag.clone();
    retired["status"] = json!("retired");
    store(&mut fhir, &retired);
    issue(
        fhir.send("GET", "/fhir/Patient?flag=red", &[("Prefer", "handling=strict")], b""),
        400,
        "not-supported",
    );
    fhir.get("/fhir/SearchParameter/flag").expect(200);
    let statement = clinic.http().get("/fhir/metadata").expect(200).text();
    assert!(!statement.contains("http://c.example/sp/flag"));
    store(&mut fhir, &flag);
    finds(&mut fhir, "Patient?flag=red", &["a", "c"]);
    fhir.delete("/fhir/SearchParameter/flag").expect(204);
    issue(
        fhir.send("GET", "/fhir/Patient?flag=red", &[("Prefer", "handling=strict")], b""),
        400,
        "not-supported",
    );
}

#[test]
fn a_parameter_that_cannot_be_used_is_refused_and_who_may_not_store_one_cannot() {
    let mut clinic = Clinic::create();
    let settings = clinic.scratch().join("settings.toml");
    std::fs::write(&settings, "[fhir]\nsearch_parameters = 2\n").unwrap();
    clinic.serve_with(&["--config", settings.to_str().unwrap()]);
    clinic.start();
    let mut fhir = clinic.fhir();
    let good = definition("own", "string", "Patient", "Patient.name.text");
    for (member, value, place) in [
        ("expression", json!("Patient.name.("), "SearchParameter.expression"),
        ("expression", json!("Patient.colour"), "SearchParameter.expression"),
        ("code", json!("name"), "SearchParameter.code"),
        ("type", json!("composite"), "SearchParameter.component"),
        ("type", json!("special"), "SearchParameter.type"),
        ("base", json!(["Nothing"]), "SearchParameter.base"),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        let outcome = put(&mut fhir, &bad).expect(422).json();
        assert!(outcome["issue"][0]["expression"][0].as_str().unwrap().starts_with(place), "{outcome}");
        let entry = json!({"resource": bad, "request": {"method": "PUT", "url": "SearchParameter/own"}});
        let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
        let outcome = send(&mut fhir, "POST", "/fhir", &[], &bundle).expect(422).json();
        assert!(
            outcome["issue"][0]["expression"][0].as_str().unwrap().starts_with("Bundle.entry[0]"),
            "{outcome}"
        );
    }
    fhir.get("/fhir/SearchParameter/own").expect(404);
    store(&mut fhir, &good);
    let mut same = good.clone();
    same["id"] = json!("other");
    let outcome = issue(put(&mut fhir, &same), 422, "duplicate");
    assert!(outcome.to_string().contains("SearchParameter/own"));
    store(&mut fhir, &definition("second", "string", "Patient", "Patient.name.text"));
    let outcome = issue(
        put(&mut fhir, &definition("third", "string", "Patient", "Patient.name.text")),
        422,
        "too-costly",
    );
    assert!(outcome.to_string().contains("fhir.search_parameters"), "{outcome}");
    let mut draft = definition("third", "string", "Patient", "Patient.name.(");
    draft["status"] = json!("draft");
    store(&mut fhir, &draft);

    let token = clinic.new_token("system/Patient.cruds system/SearchParameter.rs");
    let mut reader = clinic.http().bearer(&token);
    put(&mut reader, &definition("mine", "string", "Patient", "Patient.name.text")).expect(403);
}

#[test]
fn records_from_before_are_indexed_over_restarts_and_pulled_plugs() {
    let mut clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    crowd(&mut fhir, 1_000);
    let value = format!("Patient.extension.where(url='{FLAG}').value");
    store(&mut fhir, &definition("flag", "token", "Patient", &value));
    // Not one answer is less than whole, however early it is asked for and whatever happens meanwhile.
    clinic.kill();
    clinic.start();
    let mut fhir = clinic.fhir();
    let early = fhir.get("/fhir/Patient?flag=red&_count=0");
    if early.status == 200 {
        assert_eq!(early.json()["total"], 100);
    }
    store(&mut fhir, &patient("late", "red"));
    clinic.stop();
    clinic.start();
    let mut fhir = clinic.fhir();
    assert_eq!(settled(&mut fhir, "Patient?flag=red&_count=0")["total"], 101);
    assert_eq!(settled(&mut fhir, "Patient?flag:missing=false&_count=0")["total"], 1_001);

    // Another expression: the first page of before leads nowhere else than to its own records, or is refused.
    let first = fhir.get("/fhir/Patient?flag=red&_count=60").expect(200).json();
    let next = link(&first, "next").unwrap();
    let next = next[next.find("/fhir").unwrap()..].to_owned();
    let mut changed = definition(
        "flag",
        "token",
        "Patient",
        &format!("Patient.extension.where(url='{FLAG}' and value = 'blue').value"),
    );
    store(&mut fhir, &changed);
    assert!(matches!(fhir.get(&next).status, 503 | 410));
    // A condition by it waits.
    let body = json!({"resourceType": "Patient"});
    let made = send(&mut fhir, "POST", "/fhir/Patient", &[("If-None-Exist", "flag=green")], &body);
    assert!(matches!(made.status, 503 | 201), "{}", made.status);
    clinic.kill();
    clinic.start();
    let mut fhir = clinic.fhir();
    assert_eq!(settled(&mut fhir, "Patient?flag=blue&_count=0")["total"], 900);
    assert_eq!(settled(&mut fhir, "Patient?flag=red&_count=0")["total"], 0);
    fhir.get(&next).expect(410);
    // Only its description: nothing is indexed again.
    changed["description"] = json!("Another text");
    store(&mut fhir, &changed);
    assert_eq!(fhir.get("/fhir/Patient?flag=blue&_count=0").expect(200).json()["total"], 900);

    // History knows nothing of all that, and the vault is sound.
    let history = fhir.get("/fhir/Patient/p0/_history").expect(200).json();
    assert_eq!(history["total"], 1);
    drop(fhir);
    clinic.stop();
    clinic.cli_ok(&["verify"]);
}

#[test]
fn pages_that_were_begun_stay_as_they_were() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    crowd(&mut fhir, 60);
    store(
        &mut fhir,
        &definition("flag", "token", "Patient", &format!("Patient.extension.where(url='{FLAG}').value")),
    );
    let first = settled(&mut fhir, "Patient?flag=red&_count=2&_sort=_id");
    let mut ids = of_mode(&first, "match");
    store(&mut fhir, &patient("p20", "blue"));
    store(&mut fhir, &patient("p21", "red"));
    // Another parameter comes and is filled meanwhile.
    store(
        &mut fhir,
        &definition(
            "size",
            "number",
            "Patient",
            "Patient.extension.where(url='http://e.example/n').value.ofType(integer)",
        ),
    );
    settled(&mut fhir, "Patient?size=4&_count=0");
    let mut page = first;
    while let Some(next) = link(&page, "next") {
        page = fhir.get(&next[next.find("/fhir").unwrap()..]).expect(200).json();
        ids.extend(of_mode(&page, "match"));
    }
    assert_eq!(ids, ["p0", "p10", "p20", "p30", "p40", "p50"]);
    finds(&mut fhir, "Patient?flag=red", &["p0", "p10", "p21", "p30", "p40", "p50"]);
}

#[test]
fn a_record_that_cannot_be_evaluated_is_stored_and_the_search_says_so() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    store(&mut fhir, &definition("only", "string", "Patient", "Patient.name.single().family"));
    store(&mut fhir, &json!({"resourceType": "Patient", "id": "one", "name": [{"family": "Rao"}]}));
    let quiet = settled(&mut fhir, "Patient?only=rao");
    assert_eq!((of_mode(&quiet, "match"), of_mode(&quiet, "outcome").len()), (vec!["one".to_owned()], 0));
    store(
        &mut fhir,
        &json!({"resourceType": "Patient", "id": "two", "name": [{"family": "Rao"}, {"family": "Roy"}]}),
    );
    let told = settled(&mut fhir, "Patient?only=rao");
    assert_eq!(of_mode(&told, "match"), ["one"]);
    assert!(told.to_string().contains("could not be evaluated"), "{told}");
    let other = fhir.get("/fhir/Patient?family=rao").expect(200).json();
    assert!(!other.to_string().contains("could not be evaluated"));
    assert_eq!(of_mode(&other, "match").len(), 2);
}

//! Terminology over HTTP: the embedded definitions, those that a client stores, closure tables.

use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

use super::{issue, send};

fn parameter(answer: &Value, name: &str) -> Value {
    let list = answer["parameter"].as_array().unwrap();
    let found = list.iter().find(|p| p["name"] == name).cloned().unwrap_or_default();
    found
        .as_object()
        .and_then(|o| o.iter().find(|(k, _)| k.starts_with("value")))
        .map(|(_, v)| v.clone())
        .unwrap_or_default()
}

fn store(fhir: &mut Http, body: &Value) {
    let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
    let answer = send(fhir, "PUT", &path, &[], body);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.json());
}

fn food(version: &str, more: &str) -> Value {
    let mut concepts = json!([{"code": "plant", "display": "Plant", "concept": [{"code": "rice", "display": "Rice"}]}, {"code": "egg"}]);
    if !more.is_empty() {
        concepts.as_array_mut().unwrap().push(json!({"code": more}));
    }
    json!({"resourceType": "CodeSystem", "id": "food", "url": "http://c.example/food", "version": version, "name": "Food",
        "status": "active", "content": "complete", "concept": concepts})
}

fn all_food() -> Value {
    json!({"resourceType": "ValueSet", "id": "all", "url": "http://v.example/food", "status": "active",
        "compose": {"include": [{"system": "http://c.example/food"}]}})
}

fn codes(answer: &Value) -> Vec<String> {
    let contains = answer["expansion"]["contains"].as_array().cloned().unwrap_or_default();
    contains.iter().map(|c| c["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_stored_value_set_is_expanded_and_follows_its_code_system() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    issue(fhir.get("/fhir/ValueSet/$expand?url=http://v.example/food"), 404, "not-found");
    store(&mut fhir, &food("1", ""));
    store(&mut fhir, &all_food());
    let by_url = fhir.get("/fhir/ValueSet/$expand?url=http://v.example/food&count=2").expect(200).json();
    assert_eq!(
        (codes(&by_url), by_url["expansion"]["total"].as_u64()),
        (vec!["plant".to_owned(), "rice".to_owned()], Some(3))
    );
    assert!(by_url["expansion"]["identifier"].as_str().unwrap().starts_with("urn:uuid:"));
    // What is committed holds at once.
    store(&mut fhir, &food("2", "dal"));
    let by_id = fhir.get("/fhir/ValueSet/all/$expand").expect(200).json();
    assert_eq!(codes(&by_id), ["plant", "rice", "egg", "dal"]);
    assert!(by_id.to_string().contains("http://c.example/food|2"));
    let mut old = food("1", "");
    old["id"] = json!("food-old");
    store(&mut fhir, &old);
    let newest = fhir.get("/fhir/ValueSet/all/$expand").expect(200).json();
    assert_eq!(codes(&newest).len(), 4, "the higher version is meant where none is named");
    let forced = fhir
        .get("/fhir/ValueSet/all/$expand?force-system-version=http://c.example/food%7C1")
        .expect(200)
        .json();
    assert_eq!(codes(&forced).len(), 3);
    fhir.delete("/fhir/CodeSystem/food").expect(204);
    fhir.delete("/fhir/CodeSystem/food-old").expect(204);
    issue(fhir.get("/fhir/ValueSet/all/$expand"), 422, "not-found");
    fhir.delete("/fhir/ValueSet/all").expect(204);
    issue(fhir.get("/fhir/ValueSet/all/$expand"), 410, "deleted");
    let sent = json!({"resourceType": "ValueSet", "status": "draft", "compose": {"include": [{"system": "http://hl7.org/fhir/administrative-gender"}]}});
    assert_eq!(
        codes(&send(&mut fhir, "POST", "/fhir/ValueSet/$expand", &[], &sent).expect(200).json()),
        ["male", "female", "other", "unknown"]
    );
    issue(
        fhir.get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender&context=x"),
        400,
        "not-supported",
    );
}

#[test]
fn codes_are_validated_looked_up_compared_and_translated() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    store(&mut fhir, &food("1", ""));
    store(&mut fhir, &all_food());
    let get = |fhir: &mut Http, path: &str| fhir.get(&format!("/fhir/{path}")).expect(200).json();
    let yes = get(
        &mut fhir,
        "ValueSet/$validate-code?url=http://v.example/food&system=http://c.example/food&code=rice",
    );
    assert_eq!((parameter(&yes, "result"), parameter(&yes, "display")), (json!(true), json!("Rice")));
    let no = get(&mut fhir, "ValueSet/all/$validate-code?system=http://c.example/food&code=ham");
    assert_eq!(parameter(&no, "result"), json!(false));
    assert!(parameter(&no, "message").as_str().unwrap().contains("ham"));
    let wrong = get(&mut fhir, "CodeSystem/food/$validate-code?code=rice&display=Wheat");
    assert!(parameter(&wrong, "message").as_str().unwrap().contains("Rice"), "{wrong}");
    issue(fhir.get("/fhir/CodeSystem/$validate-code?url=http://loinc.org&code=2823-3"), 404, "not-found");
    let asked = json!({"resourceType": "Parameters", "parameter": [
        {"name": "coding", "valueCoding": {"system": "http://c.example/food", "code": "rice"}}, {"name": "property", "valueCode": "parent"}]});
    let found = send(&mut fhir, "POST", "/fhir/CodeSystem/$lookup", &[], &asked).expect(200).json();
    assert_eq!((parameter(&found, "name"), parameter(&found, "display")), (json!("Food"), json!("Rice")));
    assert!(found.to_string().contains("plant"));
    issue(fhir.get("/fhir/CodeSystem/$lookup?system=http://c.example/food&code=ham"), 404, "not-found");
    let above = get(&mut fhir, "CodeSystem/$subsumes?system=http://c.example/food&codeA=plant&codeB=rice");
    assert_eq!(parameter(&above, "outcome"), "subsumes");
    let female = get(
        &mut fhir,
        "ConceptMap/$translate?system=http://hl7.org/fhir/administrative-gender&code=female&targetsystem=http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender",
    );
    assert_eq!(parameter(&female, "result"), json!(true));
    assert!(female.to_string().contains("\"F\""));
    let map = json!({"resourceType": "ConceptMap", "id": "m", "url": "http://m.example/1", "status": "active", "group": [
        {"source": "http://c.example/food", "target": "http://x.example", "element": [{"code": "egg", "target": [{"code": "e", "equivalence": "wider"}]}]}]});
    store(&mut fhir, &map);
    let back = get(&mut fhir, "ConceptMap/m/$translate?system=http://x.example&code=e&reverse=true");
    assert!(back.to_string().contains("\"narrower\""), "{back}");
}

#[test]
fn a_closure_table_belongs_to_its_client_and_outlives_a_restart() {
    let mut clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    store(&mut fhir, &food("1", ""));
    let call = |fhir: &mut Http, more: Value| {
        let mut all = vec![json!({"name": "name", "valueString": "problems"})];
        all.extend(more.as_array().unwrap().iter().cloned());
        send(fhir, "POST", "/fhir/$closure", &[], &json!({"resourceType": "Parameters", "parameter": all}))
    };
    let concept = |code: &str| json!({"name": "concept", "valueCoding": {"system": "http://c.example/food", "code": code}});
    issue(call(&mut fhir, json!([concept("rice")])), 404, "not-found");
    assert_eq!(call(&mut fhir, json!([])).expect(200).json()["version"], "1");
    assert!(call(&mut fhir, json!([concept("rice")])).expect(200).json()["group"].is_null());
    let two = call(&mut fhir, json!([concept("plant")])).expect(200).json();
    assert_eq!(two["group"][0]["element"][0]["code"], "rice");
    assert_eq!(
        two["group"][0]["element"][0]["target"][0],
        json!({"code": "plant", "equivalence": "subsumes"})
    );
    clinic.stop();
    clinic.start();
    let mut fhir = clinic.fhir();
    let again = call(&mut fhir, json!([{"name": "version", "valueString": "1"}])).expect(200).json();
    assert_eq!((&again["group"], again["version"].as_str()), (&two["group"], Some("3")));
    let mut other = clinic.http().bearer(&clinic.new_token("system/*.cruds"));
    issue(call(&mut other, json!([concept("rice")])), 404, "not-found");
    let refused = fhir.get("/fhir/$closure?name=problems");
    assert_eq!(refused.status, 405);
}

#[test]
fn what_terminology_can_do_is_told_and_who_may_not_read_may_not_ask() {
    let clinic = Clinic::open();
    let told = clinic.http().get("/fhir/metadata?mode=terminology").expect(200).json();
    assert_eq!(told["resourceType"], "TerminologyCapabilities");
    let statement = clinic.http().get("/fhir/metadata").expect(200).json();
    let types = statement["rest"][0]["resource"].as_array().unwrap();
    let sets = types.iter().find(|t| t["type"] == "ValueSet").unwrap();
    let names: Vec<&str> =
        sets["operation"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    for name in ["expand", "validate-code", "validate"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(statement["rest"][0]["operation"].to_string().contains("ConceptMap-closure"));
    let mut narrow = clinic.http().bearer(&clinic.new_token("system/Patient.rs"));
    issue(
        narrow.get("/fhir/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"),
        403,
        "forbidden",
    );
}

#[test]
fn a_large_code_system_is_loaded_from_a_table_while_the_box_runs() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let lookup = "/fhir/CodeSystem/$lookup?system=http://loinc.example&code=L00500";
    issue(fhir.get(lookup), 404, "not-found");
    let table = clinic.scratch().join("loinc.csv");
    let lines: String = (0..2_000)
        .map(|n| {
            format!(
                "L{n:05},\"Test, number {n}\",{}\n",
                if n > 9 { format!("L{:05}", n / 10) } else { String::new() }
            )
        })
        .collect();
    std::fs::write(&table, format!("code,display,parent\n{lines}")).unwrap();
    let path = table.to_str().unwrap();
    let told = clinic.cli_ok(&[
        "terminology",
        "load",
        "--system",
        "http://loinc.example",
        "--system-version",
        "2.77",
        path,
    ]);
    assert!(told.contains("2000 concepts, 1990 stand below another"), "{told}");
    let found = fhir.get(lookup).expect(200).json();
    assert_eq!(
        (parameter(&found, "display"), parameter(&found, "version")),
        (json!("Test, number 500"), json!("2.77"))
    );
    assert!(found.to_string().contains("L00050"));
    let below = json!({"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": "http://loinc.example",
        "filter": [{"property": "concept", "op": "descendent-of", "value": "L00005"}]}]}});
    let listed = send(&mut fhir, "POST", "/fhir/ValueSet/$expand?count=3", &[], &below).expect(200).json();
    assert_eq!(
        (codes(&listed), listed["expansion"]["total"].as_u64()),
        (vec!["L00050".to_owned(), "L00051".to_owned(), "L00052".to_owned()], Some(110))
    );
    let above = fhir
        .get("/fhir/CodeSystem/$subsumes?system=http://loinc.example&codeA=L00005&codeB=L00555")
        .expect(200)
        .json();
    assert_eq!(parameter(&above, "outcome"), "subsumes");
    std::fs::write(&table, "code,display\na,b\na,c\n").unwrap();
    let twice = clinic.cli(&["terminology", "load", "--system", "http://x.example", path]);
    assert!(!twice.status.success() && String::from_utf8_lossy(&twice.stderr).contains("stands twice"));
    let unnamed = clinic.cli(&["terminology", "load", path]);
    assert_eq!(unnamed.status.code(), Some(2));
}

#[test]
fn a_search_finds_the_codes_of_a_stored_value_set() {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    store(&mut fhir, &food("1", ""));
    store(&mut fhir, &all_food());
    for (system, code) in
        [("http://c.example/food", "rice"), ("http://c.example/food", "ham"), ("http://x.example", "rice")]
    {
        let observation = json!({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": system, "code": code}]}});
        fhir.post_fhir("/fhir/Observation", &observation).expect(201);
    }
    let mut total =
        |query: &str| fhir.get(&format!("/fhir/Observation?{query}")).expect(200).json()["total"].clone();
    assert_eq!(total("code:in=http://v.example/food"), 1);
    assert_eq!(total("code:not-in=http://v.example/food"), 2);
    assert_eq!(total("code:below=http://c.example/food%7Cplant"), 1);
}

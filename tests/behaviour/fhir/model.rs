//! Random transactions and batches against a model in memory: what the box answers, and what stands afterwards, is what the
//! model says. `CLINICVAULT_SEED` and `CLINICVAULT_STEPS` choose others than the usual.

use std::collections::{BTreeMap, BTreeSet};

use clinicvault_tests::canary::Dice;
use clinicvault_tests::{Clinic, Http};
use serde_json::{Value, json};

/// Bundles in an ordinary run; each has up to seven entries.
const BUNDLES: u64 = 800;
const SYSTEM: &str = "http://tests.example/number";
/// Numbers that records may have; conditional creates meet none, one or several.
const NUMBERS: u64 = 40;

/// A record as it should stand.
#[derive(Clone, Debug)]
struct Record {
    version: u64,
    /// None after a delete.
    body: Option<Body>,
}

#[derive(Clone, Debug, PartialEq)]
struct Body {
    number: u64,
    /// Changes with each write.
    stamp: u64,
    subject: Option<String>,
}

/// Everything, by `Type/id`.
type Model = BTreeMap<String, Record>;

/// What an entry does.
#[derive(Clone, Debug)]
enum Deed {
    Create { kind: &'static str, body: Body, url: String, about: Option<String>, unless: bool },
    Update { name: String, body: Body, expected: Option<u64> },
    Delete { name: String },
    Read { name: String },
}

/// What an entry should be answered.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    status: u64,
    version: Option<u64>,
}

fn answer(status: u64, version: Option<u64>) -> Answer {
    Answer { status, version }
}

impl Deed {
    /// The order of processing (R4, http.html#trules).
    fn rank(&self) -> u8 {
        match self {
            Self::Delete { .. } => 0,
            Self::Create { .. } => 1,
            Self::Update { .. } => 2,
            Self::Read { .. } => 3,
        }
    }

    fn entry(&self) -> Value {
        match self {
            Self::Create { kind, body, url, about, unless } => {
                let mut resource = resource(kind, None, body);
                if let Some(about) = about {
                    resource["subject"] = json!({"reference": about});
                }
                let mut entry =
                    json!({"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": kind}});
                if *unless {
                    entry["request"]["ifNoneExist"] = json!(format!("identifier={SYSTEM}|{}", body.number));
                }
                entry
            }
            Self::Update { name, body, expected } => {
                let (kind, id) = name.split_once('/').expect("a type and an id");
                let mut entry = json!({"resource": resource(kind, Some(id), body), "request": {"method": "PUT", "url": name}});
                if let Some(expected) = expected {
                    entry["request"]["ifMatch"] = json!(format!("W/\"{expected}\""));
                }
                entry
            }
            Self::Delete { name } => json!({"request": {"method": "DELETE", "url": name}}),
            Self::Read { name } => json!({"request": {"method": "GET", "url": name}}),
        }
    }
}

fn resource(kind: &str, id: Option<&str>, body: &Body) -> Value {
    let mut json = json!({"resourceType": kind,
        "identifier": [{"system": SYSTEM, "value": body.number.to_string()}, {"value": format!("stamp-{}", body.stamp)}]});
    if let Some(id) = id {
        json["id"] = json!(id);
    }
    if kind == "Observation" {
        json["status"] = json!("final");
        json["code"] = json!({"text": "x"});
    }
    if let Some(subject) = &body.subject {
        json["subject"] = json!({"reference": subject});
    }
    json
}

/// Those of a type and number that stand.
fn with_number(model: &Model, kind: &str, number: u64) -> Vec<String> {
    let fits = |(name, record): &(&String, &Record)| {
        name.starts_with(&format!("{kind}/"))
            && record.body.as_ref().is_some_and(|body| body.number == number)
    };
    model.iter().filter(fits).map(|(name, _)| name.clone()).collect()
}

/// One bundle: its deeds, of which no two touch the same record or number.
struct Maker<'a> {
    dice: &'a mut Dice,
    model: &'a Model,
    stamp: &'a mut u64,
    touched: BTreeSet<String>,
    numbers: BTreeSet<(&'static str, u64)>,
    urls: Vec<String>,
}

const KINDS: [&str; 2] = ["Patient", "Observation"];

impl Maker<'_> {
    fn stamp(&mut self) -> u64 {
        *self.stamp += 1;
        *self.stamp
    }

    fn uuid(&mut self) -> String {
        let n = self.dice.next();
        format!("urn:uuid:5f0a1c62-0a4b-4a44-9f8e-{:012x}", n & 0xffff_ffff_ffff)
    }

    /// A record that no deed of this bundle touches by its name or its number.
    fn untouched(&mut self) -> Option<String> {
        let names: Vec<&String> = self.model.keys().collect();
        for _ in 0..8 {
            let name = names.get(self.dice.below(names.len().max(1) as u64) as usize)?.to_string();
            let kind = if name.starts_with("Patient/") { KINDS[0] } else { KINDS[1] };
            let number = self.model[&name].body.as_ref().map(|body| body.number);
            if self.touched.contains(&name)
                || number.is_some_and(|number| self.numbers.contains(&(kind, number)))
            {
                continue;
            }
            self.numbers.extend(number.map(|number| (kind, number)));
            self.touched.insert(name.clone());
            return Some(name);
        }
        None
    }

    fn deed(&mut self) -> Option<Deed> {
        match self.dice.below(10) {
            0..=4 => {
                let kind = KINDS[self.dice.below(2) as usize];
                let number = self.dice.below(NUMBERS);
                if !self.numbers.insert((kind, number)) {
                    return None;
                }
                let url = self.uuid();
                let about = match self.dice.below(4) {
                    _ if kind == "Patient" => None,
                    0 => None,
                    // One that is written in the same bundle, if any is.
                    1 | 2 => self.urls.get(self.dice.below(self.urls.len().max(1) as u64) as usize).cloned(),
                    _ => {
                        let patient = self.untouched().filter(|name| name.starts_with("Patient/"));
                        patient.or(Some("Patient/nobody".to_owned())).filter(|name| {
                            // Seldom one that is not there.
                            name != "Patient/nobody" || self.dice.below(6) == 0
                        })
                    }
                };
                if kind == "Patient" {
                    self.urls.push(url.clone());
                }
                let body = Body { number, stamp: self.stamp(), subject: None };
                Some(Deed::Create { kind, body, url, about, unless: self.dice.below(2) == 0 })
            }
            5 => {
                // Under an id that nobody has.
                let kind = KINDS[self.dice.below(2) as usize];
                let number = self.dice.below(NUMBERS);
                if !self.numbers.insert((kind, number)) {
                    return None;
                }
                let stamp = self.stamp();
                let expected = if self.dice.below(10) == 0 { Some(1) } else { None };
                Some(Deed::Update {
                    name: format!("{kind}/own-{stamp}"),
                    body: Body { number, stamp, subject: None },
                    expected,
                })
            }
            6 | 7 => {
                let name = self.untouched()?;
                let (kind, version) = (
                    if name.starts_with("Patient/") { KINDS[0] } else { KINDS[1] },
                    self.model[&name].version,
                );
                let number = self.model[&name]
                    .body
                    .as_ref()
                    .map_or_else(|| self.dice.below(NUMBERS), |body| body.number);
                if self.model[&name].body.is_none() && !self.numbers.insert((kind, number)) {
                    return None;
                }
                let stamp = self.stamp();
                let expected = match self.dice.below(8) {
                    0 => Some(version + 1),
                    1..=4 => Some(version),
                    _ => None,
                };
                Some(Deed::Update { name, body: Body { number, stamp, subject: None }, expected })
            }
            8 => self.untouched().map(|name| Deed::Delete { name }),
            _ => {
                let name = self.untouched()?;
                // A read of what is not there fails a whole transaction: seldom.
                let there = self.model[&name].body.is_some();
                (there || self.dice.below(8) == 0).then_some(Deed::Read { name })
            }
        }
    }
}

/// What one deed is answered, and what it leaves; `ids` are those that the box gave, by `fullUrl`.
fn done(model: &mut Model, deed: &Deed, ids: &BTreeMap<String, String>, batch: bool) -> Answer {
    match deed {
        Deed::Create { kind, body, url, about, unless } => {
            let linked = about.as_ref().is_some_and(|about| about.starts_with("urn:"));
            if batch && linked {
                return answer(400, None);
            }
            if *unless {
                let matches = with_number(model, kind, body.number);
                match matches.as_slice() {
                    [] => {}
                    [one] => return answer(200, Some(model[one].version)),
                    _ => return answer(412, None),
                }
            }
            let subject = about.as_ref().map(|about| ids.get(about).unwrap_or(about).clone());
            if let Some(name) = ids.get(url) {
                model.insert(
                    name.clone(),
                    Record { version: 1, body: Some(Body { subject, ..body.clone() }) },
                );
            }
            answer(201, Some(1))
        }
        Deed::Update { name, body, expected } => {
            let before = model.get(name).cloned();
            let stands = before.as_ref().filter(|record| record.body.is_some()).map(|record| record.version);
            if expected.is_some() && *expected != stands {
                return answer(412, None);
            }
            let version = before.map_or(1, |record| record.version + 1);
            model.insert(name.clone(), Record { version, body: Some(body.clone()) });
            answer(if stands.is_some() { 200 } else { 201 }, Some(version))
        }
        Deed::Delete { name } => {
            let record = model.get_mut(name).expect("a known record");
            if record.body.take().is_some() {
                record.version += 1;
            }
            answer(204, Some(record.version))
        }
        Deed::Read { name } => match &model[name] {
            Record { body: Some(_), version } => answer(200, Some(*version)),
            Record { body: None, .. } => answer(410, None),
        },
    }
}

/// Ids that the box gave or found, by the `fullUrl` of their entries.
fn given(deeds: &[Deed], entries: &[Value]) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (deed, entry) in deeds.iter().zip(entries) {
        let Deed::Create { url, .. } = deed else { continue };
        let Some(location) = entry["response"]["location"].as_str() else { continue };
        let parts: Vec<&str> = location.rsplit('/').collect();
        let name = format!("{}/{}", parts[3], parts[2]);
        ids.insert(url.clone(), name);
    }
    ids
}

fn told(entry: &Value) -> Answer {
    let response = &entry["response"];
    let status =
        response["status"].as_str().and_then(|text| text.get(..3)).and_then(|text| text.parse().ok());
    let etag =
        response["etag"].as_str().map(|tag| tag.trim_matches(['W', '/', '"']).parse().expect("a version"));
    answer(status.expect("a status"), etag)
}

/// Everything as the model says.
fn check(fhir: &mut Http, model: &Model, at: &str) {
    for kind in KINDS {
        let standing = model
            .iter()
            .filter(|(name, record)| name.starts_with(&format!("{kind}/")) && record.body.is_some());
        let total = fhir.get(&format!("/fhir/{kind}?_summary=count")).expect(200).json()["total"].clone();
        assert_eq!(total, standing.count(), "{at}: {kind}");
    }
    for (name, record) in model {
        let Some(body) = &record.body else {
            fhir.get(&format!("/fhir/{name}")).expect(410);
            continue;
        };
        let stands = fhir.get(&format!("/fhir/{name}")).expect(200).json();
        let subject = stands["subject"]["reference"].as_str();
        let found =
            (stands["meta"]["versionId"].as_str(), stands["identifier"][1]["value"].as_str(), subject);
        let (version, stamp) = (record.version.to_string(), format!("stamp-{}", body.stamp));
        assert_eq!(
            found,
            (Some(version.as_str()), Some(stamp.as_str()), body.subject.as_deref()),
            "{at}: {name}"
        );
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn random_transactions_and_batches_do_what_a_model_in_memory_does() {
    let (seed, bundles) = (setting("CLINICVAULT_SEED", 20_261_122), setting("CLINICVAULT_STEPS", BUNDLES));
    let mut dice = Dice(seed);
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    let (mut model, mut stamp) = (Model::new(), 0);
    let (mut entries, mut undone) = (0, 0);
    for step in 0..bundles {
        let at = format!("seed {seed}, step {step}");
        let batch = dice.below(3) == 0;
        let mut maker = Maker {
            dice: &mut dice,
            model: &model,
            stamp: &mut stamp,
            touched: BTreeSet::new(),
            numbers: BTreeSet::new(),
            urls: Vec::new(),
        };
        let many = 1 + maker.dice.below(7);
        let deeds: Vec<Deed> = (0..many).filter_map(|_| maker.deed()).collect();
        if deeds.is_empty() {
            continue;
        }
        entries += deeds.len();
        let sent = json!({"resourceType": "Bundle", "type": if batch { "batch" } else { "transaction" },
            "entry": deeds.iter().map(Deed::entry).collect::<Vec<_>>()});
        let answered = fhir.post_fhir("/fhir", &sent);
        let mut order: Vec<usize> = (0..deeds.len()).collect();
        order.sort_by_key(|at| deeds[*at].rank());
        let mut next = model.clone();
        // Deletes come before conditional creates and reads see all, but no two deeds touch one another's records.
        let list = if answered.status == 200 {
            answered.json()["entry"].as_array().expect("entries").clone()
        } else {
            Vec::new()
        };
        let ids = given(&deeds, &list);
        let mut expected: Vec<Option<Answer>> = vec![None; deeds.len()];
        for at in order {
            expected[at] = Some(done(&mut next, &deeds[at], &ids, batch));
        }
        let expected: Vec<Answer> = expected.into_iter().flatten().collect();
        let mut failures: BTreeSet<u16> = expected
            .iter()
            .filter(|answer| answer.status >= 400)
            .map(|answer| answer.status as u16)
            .collect();
        let dangling = |deed: &&Deed| match deed {
            Deed::Create { about: Some(about), unless, body, kind, .. } => {
                // A create that found its record refers to nothing.
                let found = *unless && with_number(&model, kind, body.number).len() == 1;
                let there = next.get(about).is_some_and(|record| record.body.is_some());
                !found && !about.starts_with("urn:") && !there
            }
            _ => false,
        };
        if !batch && deeds.iter().any(|deed| dangling(&deed)) {
            failures.insert(422);
        }
        if !batch && !failures.is_empty() {
            assert!(
                failures.contains(&answered.status),
                "{at}: {failures:?}, not {}: {sent}",
                answered.text()
            );
            undone += 1;
        } else {
            assert_eq!(answered.status, 200, "{at}: {} to {sent}", answered.text());
            let told: Vec<Answer> = list.iter().map(told).collect();
            assert_eq!(told, expected, "{at}: {sent}");
            model = next;
        }
        if step % 100 == 99 {
            check(&mut fhir, &model, &at);
        }
    }
    check(&mut fhir, &model, &format!("seed {seed}, the end"));
    assert!(undone > 0, "seed {seed}: no transaction failed, so nothing was undone");
    eprintln!(
        "seed {seed}: {entries} entries in {bundles} bundles, {undone} transactions undone, {} records",
        model.len()
    );
}

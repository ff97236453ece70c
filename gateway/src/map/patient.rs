//! PID, PD1 and NK1 to Patient, and who the message says the patient is.

use crate::hl7::Segment;
use crate::hl7::datetime::Precision;
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::{Book, Spot};
use super::codes;
use super::draft::{Draft, Drafts};
use super::identity::{PatientIdentifier, PatientIdentity};
use super::ids;
use super::people;
use super::telecom;
use super::types::{self, Scope};

const EXT: &str = "http://hl7.org/fhir/StructureDefinition/";

/// The Patient of a message and the identity it states.
pub(super) fn patient<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    pid: Segment<'a>,
    about: &[Segment<'a>],
) -> (Draft, PatientIdentity) {
    let f = |n| book.field(pid, n);
    book.structural(pid, &[1]);
    let mut identity = PatientIdentity { identifiers: identifiers(scope, f), ..PatientIdentity::default() };
    let mut draft = Draft::partial("Patient", id(scope, &identity, book));
    for (identifier, spot) in &identity_spots(scope, f) {
        draft.push("identifier", Some(identifier.json()), *spot);
    }
    names(&mut draft, &mut identity, f(5), f(9));
    birth(&mut draft, &mut identity, f(7));
    gender(&mut draft, &mut identity, f(8));
    for spot in f(11).reps() {
        let address = types::xad(spot);
        if identity.place.is_none() {
            identity.place = address.as_ref().and_then(|a| a.str("city")).map(str::to_owned);
        }
        draft.push("address", address, spot);
    }
    if let Some(county) = f(12).c(1).peek() {
        match draft.body.get_mut("address").and_then(Value::as_array_mut).and_then(|a| a.first_mut()) {
            Some(Value::Object(first)) if !first.contains_key("district") => {
                first.insert("district", county);
                f(12).c(1).mark();
            }
            _ => {}
        }
    }
    for (n, used) in [(13, Some("home")), (14, Some("work")), (40, None)] {
        for spot in f(n).reps() {
            if let Some((value, json)) = telecom::xtn(spot, used) {
                identity.phones.push(value);
                draft.push("telecom", Some(json), spot);
            } else {
                draft.push("telecom", None::<Value>, spot);
            }
        }
    }
    if let Some(language) = super::apply::mapped(f(15), "language") {
        draft.push(
            "communication",
            Some(Object::new().with("language", language).with("preferred", true)),
            f(15),
        );
    }
    marital(&mut draft, f(16));
    extensions(&mut draft, f);
    multiple_birth(&mut draft, f(24), f(25));
    deceased(&mut draft, f(29), f(30));
    for pd1 in about.iter().filter(|s| s.is("PD1")) {
        care(book, scope, drafts, &mut draft, *pd1);
    }
    for nk1 in about.iter().filter(|s| s.is("NK1")) {
        contact(book, scope, drafts, &mut draft, *nk1);
    }
    (draft, identity)
}

/// PID-3, then the withdrawn PID-2 and PID-4 of old senders, then social security and licence numbers.
fn identity_spots<'a>(scope: &Scope<'_>, f: impl Fn(u16) -> Spot<'a>) -> Vec<(types::Identified, Spot<'a>)> {
    let mut all: Vec<(types::Identified, Spot<'a>)> = Vec::new();
    for (field, kind) in [(3, None), (2, None), (4, None), (19, Some("SS")), (20, Some("DL"))] {
        for spot in f(field).reps() {
            // A driver's licence number has its own layout: number, state, expiry.
            let found = if field == 20 {
                spot.c(1).take().map(|value| {
                    let state = spot.c(2).take().unwrap_or_default();
                    let system = ids::local_system(&format!("licence {state}"));
                    let until = spot.c(3).when().map(|w| Object::new().with("end", w.date()).into());
                    types::Identified { period: until, ..types::Identified::plain(system, value, None) }
                })
            } else {
                types::cx(scope, spot)
            };
            if let Some(mut found) = found {
                if let (None, Some(kind)) = (&found.kind, kind) {
                    found.kind = Some(kind.to_owned());
                    if kind == "SS" && found.assumed {
                        // What PID-19 is for (the guide's PID map).
                        found.system = "http://hl7.org/fhir/sid/us-ssn".to_owned();
                    }
                }
                if !all.iter().any(|(a, _)| a.system == found.system && a.value == found.value) {
                    all.push((found, spot));
                }
            }
        }
    }
    all
}

fn identifiers<'a>(scope: &Scope<'_>, f: impl Fn(u16) -> Spot<'a>) -> Vec<PatientIdentifier> {
    identity_spots(scope, f)
        .into_iter()
        .map(|(i, _)| PatientIdentifier {
            system: i.system,
            value: i.value,
            kind: i.kind,
            assumed: i.assumed,
        })
        .collect()
}

/// The id follows the first identifier; without any, the sender and the control id, so that at least a replay is one.
fn id(scope: &Scope<'_>, identity: &PatientIdentity, book: &Book<'_>) -> String {
    match identity.identifiers.first() {
        Some(first) => ids::stable("Patient", &[&first.system, &first.value]),
        None => {
            let control = String::from_utf8_lossy(book.message.header().control_id());
            ids::stable("Patient", &[&scope.sender_system(), "message", &control])
        }
    }
}

fn names(draft: &mut Draft, identity: &mut PatientIdentity, name: Spot<'_>, alias: Spot<'_>) {
    for spot in name.reps() {
        let named = types::xpn(spot);
        if let (Some(named), None, false) =
            (&named, &identity.family, identity.given.iter().any(|g| !g.is_empty()))
        {
            identity.family.clone_from(&named.family);
            identity.given.clone_from(&named.given);
        }
        let said = named.is_some();
        draft.push("name", named.map(|n| n.json), spot);
        if let Some(called) = types::called(spot).filter(|_| said) {
            draft.push("name", Some(called), spot);
        }
    }
    for spot in alias.reps() {
        if let Some(named) = types::xpn(spot) {
            let mut json = named.json;
            if let Some(object) = json.as_object_mut().filter(|o| !o.contains_key("use")) {
                object.insert_at(0, "use", "nickname");
            }
            draft.push("name", Some(json), spot);
        }
    }
}

fn birth(draft: &mut Draft, identity: &mut PatientIdentity, spot: Spot<'_>) {
    let when = spot.when();
    if let Some(when) = &when {
        identity.birth = Some(when.date());
        if when.precision > Precision::Day {
            let extension = Object::new()
                .with("url", format!("{EXT}patient-birthTime"))
                .with("valueDateTime", when.date_time(&spot.book.fallback));
            draft.put("_birthDate", Object::new().with("extension", vec![Value::from(extension)]));
        }
    }
    draft.set("birthDate", when.map(|w| w.date()), spot);
}

fn gender(draft: &mut Draft, identity: &mut PatientIdentity, spot: Spot<'_>) {
    let sent = spot.c(1).take();
    let mapped = sent.as_deref().and_then(|s| codes::gender(spot.book.maps, s));
    if let (Some(sent), None) = (&sent, mapped) {
        spot.unknown_code(sent);
        draft.append(
            "extension",
            Object::new().with("url", "urn:x-hl7v2:PID-8").with("valueString", sent.as_str()),
        );
    }
    identity.sex = mapped;
    draft.set("gender", mapped, spot);
}

fn marital(draft: &mut Draft, spot: Spot<'_>) {
    let Some(sent) = spot.c(1).peek() else {
        draft.set("maritalStatus", types::cwe(spot), spot);
        return;
    };
    let value = match codes::marital(spot.book.maps, &sent) {
        Some(found) => {
            let plain = (2..=14).all(|n| !spot.c(n).has_content());
            let own = if plain { None } else { types::cwe_of(spot, "v2-0002") };
            spot.c(1).mark();
            Some(types::joined(types::concept(found, &sent, "0002"), own))
        }
        None => {
            spot.unknown_code(&sent);
            types::cwe(spot)
        }
    };
    draft.set("maritalStatus", value, spot);
}

fn extensions<'a>(draft: &mut Draft, f: impl Fn(u16) -> Spot<'a>) {
    if let Some(mother) = f(6).reps().first() {
        let parts: Vec<String> = (1..=15).filter_map(|n| mother.c(n).take()).collect();
        if !parts.is_empty() {
            let text = parts.join(" ");
            let extension = Object::new()
                .with("url", format!("{EXT}patient-mothersMaidenName"))
                .with("valueString", text);
            draft.push("extension", Some(extension), f(6));
        }
    }
    if let Some(religion) = super::apply::mapped(f(17), "religion") {
        let extension = Object::new()
            .with("url", format!("{EXT}patient-religion"))
            .with("valueCodeableConcept", religion);
        draft.push("extension", Some(extension), f(17));
    }
    for (field, url) in [(10, "us-core-race"), (22, "us-core-ethnicity")] {
        group(draft, f(field), url);
    }
    if let Some(place) = f(23).c(1).take() {
        let extension = Object::new()
            .with("url", format!("{EXT}patient-birthPlace"))
            .with("valueAddress", Object::new().with("text", place));
        draft.push("extension", Some(extension), f(23));
    }
    for spot in f(26).reps() {
        if let Some(code) = types::cwe(spot) {
            let inner = Object::new().with("url", "code").with("valueCodeableConcept", code);
            let extension = Object::new()
                .with("extension", vec![Value::from(inner)])
                .with("url", format!("{EXT}patient-citizenship"));
            draft.push("extension", Some(extension), spot);
        }
    }
}

/// PID-10 and PID-22: one extension with a coding for each repetition and the texts of all.
fn group(draft: &mut Draft, spot: Spot<'_>, url: &str) {
    let concepts: Vec<Value> = spot.reps().into_iter().filter_map(types::cwe).collect();
    if concepts.is_empty() {
        return;
    }
    let texts: Vec<String> = concepts.iter().map(super::value::shown_concept).collect();
    let mut inner: Vec<Value> = Vec::new();
    for coding in concepts.iter().flat_map(|c| c.items("coding")) {
        let mut coding = coding.clone();
        // Table 0189 by the codes that the extension wants.
        if url == "us-core-ethnicity"
            && let Some(found) = coding.str("code").and_then(|c| spot.book.maps.find("ethnicity", c))
        {
            let target = Object::new()
                .with("system", found.system)
                .with("code", found.code)
                .with("display", found.display);
            inner.push(Object::new().with("url", "ombCategory").with("valueCoding", target).into());
            continue;
        }
        // Table 0005 is the CDC's list of race and ethnicity under another name.
        let cdc = coding.str("code").is_some_and(|c| c.len() == 6 && c.as_bytes().get(4) == Some(&b'-'));
        if let (true, Some(object)) = (cdc, coding.as_object_mut()) {
            object.insert("system", "urn:oid:2.16.840.1.113883.6.238");
        }
        inner.push(Object::new().with("url", "ombCategory").with("valueCoding", coding).into());
    }
    inner.push(Object::new().with("url", "text").with("valueString", texts.join(", ")).into());
    let extension = Object::new()
        .with("extension", inner)
        .with("url", format!("http://hl7.org/fhir/us/core/StructureDefinition/{url}"));
    draft.push("extension", Some(extension), spot);
}

fn multiple_birth(draft: &mut Draft, flag: Spot<'_>, order: Spot<'_>) {
    if let Some(n) = order.c(1).peek().and_then(|t| t.parse::<u32>().ok()).filter(|n| *n > 0) {
        order.c(1).mark();
        flag.c(1).mark();
        draft.set("multipleBirthInteger", Some(n), order);
    } else if let Some(yes) = flag.c(1).peek().and_then(|t| codes::yes_no(&t)) {
        flag.c(1).mark();
        draft.set("multipleBirthBoolean", Some(yes), flag);
    }
}

fn deceased(draft: &mut Draft, at: Spot<'_>, flag: Spot<'_>) {
    let yes = flag.c(1).peek().and_then(|t| codes::yes_no(&t));
    if yes.is_some() {
        flag.c(1).mark();
    }
    match (at.date_time(), yes) {
        (Some(when), None | Some(true)) => {
            draft.set("deceasedDateTime", Some(when), at);
        }
        (Some(_), Some(false)) => {
            at.warn(
                "contradiction",
                "A time of death is sent together with the flag that the patient lives.",
            );
            draft.set("deceasedBoolean", Some(false), flag);
        }
        (None, Some(yes)) => {
            at.deleted();
            draft.set("deceasedBoolean", Some(yes), flag);
        }
        (None, None) => {
            draft.set("deceasedDateTime", None::<Value>, at);
            draft.set("deceasedBoolean", None::<Value>, flag);
        }
    }
}

fn care<'a>(book: &'a Book<'a>, scope: &Scope<'_>, drafts: &mut Drafts, draft: &mut Draft, pd1: Segment<'a>) {
    for spot in book.field(pd1, 3).reps() {
        draft.push("generalPractitioner", people::organization(scope, drafts, spot), spot);
    }
    for spot in book.field(pd1, 4).reps() {
        draft.push("generalPractitioner", people::practitioner(scope, drafts, spot), spot);
    }
}

fn contact<'a>(
    book: &'a Book<'a>,
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    draft: &mut Draft,
    nk1: Segment<'a>,
) {
    let f = |n| book.field(nk1, n);
    book.structural(nk1, &[1]);
    if ![2, 4, 5, 6, 13, 40, 41].into_iter().any(|n| f(n).has_content()) {
        return;
    }
    let mut names = f(2).reps().into_iter().filter_map(types::xpn);
    let name = names.next().map(|n| n.json);
    let mut telecom = Vec::new();
    for (n, used) in [(5, Some("home")), (6, Some("work")), (40, None), (41, None)] {
        telecom.extend(f(n).reps().into_iter().filter_map(|s| telecom::xtn(s, used)).map(|(_, json)| json));
    }
    let address = types::xad(f(4));
    let organization = f(13).reps().into_iter().find_map(|s| people::organization(scope, drafts, s));
    if let Some(organization) = &organization {
        // Who speaks for it.
        let around = Around { book, scope, refs: Default::default() };
        around.add_to(drafts, organization.str("reference"), nk1, "NK1O");
    }
    // Without a name, a number or an organisation FHIR has no contact (invariant pat-1): the rest stays unread.
    if name.is_none() && telecom.is_empty() && address.is_none() && organization.is_none() {
        return;
    }
    let relationship: Vec<Value> =
        [types::cwe(f(3)), types::cwe_of(f(7), "v2-0131")].into_iter().flatten().collect();
    let gender = f(15).c(1).peek().and_then(|t| codes::gender(book.maps, &t));
    if gender.is_some() {
        f(15).c(1).mark();
    }
    let body = Object::new()
        .with_some("relationship", (!relationship.is_empty()).then_some(relationship))
        .with_some("name", name)
        .with_some("telecom", (!telecom.is_empty()).then_some(telecom))
        .with_some("address", address)
        .with_some("gender", gender)
        .with_some("organization", organization)
        .with_some("period", types::period(f(8), f(9)));
    draft.push("contact", Some(body), f(2));
}

//! What the generators make as whole records, or parts of them, that the message does not say: the rules of decision 0087 that look at
//! a record, not at a value.

use std::collections::{BTreeMap, BTreeSet};

use super::guide::{Aside, Guide, Said};
use super::*;

/// What a message says, as far as whole records depend on it.
pub(super) struct Sent {
    /// Its visit has a number, or it is a visit's message.
    visit: bool,
    /// It is no order, or an order with results.
    reports: bool,
    /// PID-24 and PID-25 are empty.
    unsaid: bool,
    /// It is about a document.
    document: bool,
    /// It is an appointment that no order was given for (SCH-26, SCH-27).
    unordered: bool,
}

impl Sent {
    pub fn of(m: &Message, event: Event) -> Self {
        let any = |name: &str, fields: &[usize]| {
            m.all(name).any(|s| fields.iter().any(|n| !s.field(*n).component(1).text().trim().is_empty()))
        };
        let asks = matches!(event.class(), Class::Order | Class::Reply);
        Self {
            visit: event.has_visit() || m.first("PV1").is_none() || any("PV1", &[19, 50]),
            reports: !asks || any("OBR", &[22, 25]),
            unsaid: !any("PID", &[24, 25]),
            document: event.class() == Class::Document,
            unordered: event.class() == Class::Schedule && !any("SCH", &[26, 27]),
        }
    }
}

type Gone = BTreeMap<Aside, usize>;

/// The bundle without what rules set aside as a whole.
pub(super) fn without(guide: &Guide, bundle: &Value, sent: &Sent, said: &Said) -> (Value, Gone) {
    let mut gone = Gone::new();
    let mut names = BTreeSet::new();
    // Roles that say nothing but who: the guide names the person (XCN map).
    let mut roles = BTreeMap::new();
    let mut bundle = bundle.clone();
    let reached = reached(&bundle);
    let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) else { return (bundle, gone) };
    let mut at = 0;
    entries.retain(|entry| {
        at += 1;
        let Some(resource) = entry.get("resource").filter(|_| reached.contains(&(at - 1))) else {
            return false;
        };
        let kind = resource.str("resourceType").unwrap_or_default();
        let mut own = vec![format!("{kind}/{}", resource.str("id").unwrap_or_default())];
        own.extend(entry.str("fullUrl").map(str::to_owned));
        if kind == "PractitionerRole"
            && members(resource) == ["practitioner"]
            && let Some(person) = resource.get("practitioner").and_then(|p| p.str("reference"))
        {
            roles.extend(own.into_iter().map(|name| (name, person.to_owned())));
            return false;
        }
        let unknown = (!guide.has(kind)).then_some(Aside::NoResource);
        let Some(rule) = unknown.or_else(|| made_up(resource, sent)) else { return true };
        names.extend(own);
        *gone.entry(rule).or_default() += 1;
        false
    });
    for entry in entries.iter_mut() {
        if let Some(resource) = entry.get_mut("resource") {
            // What stays belongs to the visit alone when nothing but its reference leads there.
            unlink(resource, &names, &roles);
            *gone.entry(Aside::EmptyIdentifier).or_default() += unnumbered(resource);
            codings(guide, said, resource, &mut gone);
            others(guide, said, resource, &mut gone);
            let kind = resource.str("resourceType").unwrap_or_default().to_owned();
            numbers(guide, said, &kind, "", resource, &mut gone);
            members_of(resource, sent, said, &mut gone);
        }
    }
    (bundle, gone)
}

/// The members of a resource that say something of it.
fn members(resource: &Value) -> Vec<&str> {
    let nothing = ["resourceType", "id", "meta", "text"];
    let all = resource.as_object().into_iter().flat_map(|o| o.iter());
    all.map(|(key, _)| key).filter(|key| !nothing.contains(key)).collect()
}

/// The rule by which a resource is set aside as a whole.
fn made_up(resource: &Value, sent: &Sent) -> Option<Aside> {
    let members = members(resource);
    let only = |known: &[&str]| members.iter().all(|key| known.contains(key));
    let has = |key: &str| members.contains(&key);
    let named = ["identifier", "subject", "patient", "status", "intent", "extension"];
    match resource.str("resourceType")? {
        "Specimen" if only(&["extension", "subject"]) => Some(Aside::EmptySpecimen),
        "Encounter" if !sent.visit => Some(Aside::UnnamedVisit),
        "EpisodeOfCare" if !has("identifier") => Some(Aside::UnnamedVisit),
        "Observation" if sent.document => Some(Aside::TextOfDocument),
        "DiagnosticReport" if !sent.reports => Some(Aside::OrderIsNoReport),
        "Procedure" | "Condition" | "Specimen" | "ServiceRequest" | "MedicationRequest"
            if has("identifier") && only(&named) =>
        {
            Some(Aside::OnlyNamed)
        }
        "ServiceRequest" if sent.unordered && !has("identifier") => Some(Aside::NoOrder),
        "Organization" if !has("identifier") && !has("name") => Some(Aside::NoName),
        _ => None,
    }
}

/// Members that rules set aside.
fn members_of(resource: &mut Value, sent: &Sent, said: &Said, gone: &mut Gone) {
    let kind = resource.str("resourceType").unwrap_or_default().to_owned();
    let floor = resource.str("name").map(|name| is_floor(said, &name.to_lowercase()));
    let preliminary = resource.str("docStatus") == Some("preliminary");
    let Some(object) = resource.as_object_mut() else { return };
    let mut drop = |key: &str, rule: Aside, gone: &mut Gone| {
        *gone.entry(rule).or_default() += usize::from(object.remove(key).is_some());
    };
    match kind.as_str() {
        "Patient" if sent.unsaid => {
            drop("active", Aside::Unsaid, gone);
            drop("multipleBirthBoolean", Aside::Unsaid, gone);
        }
        "Appointment" => drop("supportingInformation", Aside::Contact, gone),
        // AU is authenticated: `final`, as R4 has it (composition-status), not `preliminary`.
        "DocumentReference" if authenticated(said) && preliminary => {
            drop("docStatus", Aside::OtherCode, gone)
        }
        "Location" if floor == Some(false) => {
            let codings = object.get_mut("physicalType").and_then(|t| t.get_mut("coding"));
            let codings = codings.and_then(Value::as_array_mut).into_iter().flatten();
            for coding in codings.filter_map(Value::as_object_mut) {
                if coding.get("code").and_then(Value::as_str) == Some("lvl") {
                    coding.remove("code");
                    *gone.entry(Aside::PointOfCare).or_default() += 1;
                }
            }
        }
        _ => {}
    }
}

/// TXA-17 is AU.
fn authenticated(said: &Said) -> bool {
    said.fields.iter().any(|(segment, n, text)| (segment.as_str(), *n, text.as_str()) == ("TXA", 17, "au"))
}

/// Whether a name stands where PL and NDL have the floor.
fn is_floor(said: &Said, name: &str) -> bool {
    let at = |rep: &str, n: usize| {
        rep.split('^').nth(n).and_then(|c| c.split('&').next()).map(str::trim) == Some(name)
    };
    said.fields.iter().flat_map(|(_, _, text)| text.split('~')).any(|rep| at(rep, 7) || at(rep, 10))
}

/// Takes away systems that are a generator's own, and codes that no table of the guide leads to.
fn codings(guide: &Guide, said: &Said, value: &mut Value, gone: &mut Gone) {
    match value {
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
            if let Some(system) = text("system") {
                if let Some(table) = table_of(&system) {
                    // R4 has an address for the table: that is what is compared.
                    object.insert("system", format!("http://terminology.hl7.org/CodeSystem/v2-{table}"));
                } else if system.contains("example.com") && is_own(&system, said) {
                    object.remove("system");
                    *gone.entry(Aside::OwnSystem).or_default() += 1;
                } else if let Some(code) = text("code")
                    && guide.never(&system, &code)
                    && !sent(said, &system, &code.to_lowercase())
                {
                    ["system", "code", "display"].iter().for_each(|key| drop(object.remove(key)));
                    *gone.entry(Aside::NoCode).or_default() += 1;
                }
            }
            object.iter_mut().for_each(|(_, member)| codings(guide, said, member, gone));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| codings(guide, said, item, gone)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes away uses of cellular phones, values of extensions under other types, and OIDs that are none.
fn others(guide: &Guide, said: &Said, value: &mut Value, gone: &mut Gone) {
    match value {
        Value::Object(object) => {
            let [number, used, url, system] = ["value", "use", "url", "system"]
                .map(|key| object.get(key).and_then(Value::as_str).map(str::to_owned).unwrap_or_default());
            if matches!(used.as_str(), "home" | "work") && is_cell(said, &number) {
                object.remove("use");
                *gone.entry(Aside::CellUse).or_default() += 1;
            }
            let keys: Vec<String> = object.iter().map(|(key, _)| key.to_owned()).collect();
            for key in keys.iter().filter(|k| k.starts_with("value") && guide.of_other_type(&url, k)) {
                object.remove(key);
                *gone.entry(Aside::OtherType).or_default() += 1;
            }
            if system.strip_prefix("urn:oid:").is_some_and(|oid| no_oid(said, oid)) {
                object.remove("system");
                *gone.entry(Aside::NoOid).or_default() += 1;
            }
            object.iter_mut().for_each(|(_, member)| others(guide, said, member, gone));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| others(guide, said, item, gone)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a number stands in an XTN of a cellular phone, and in none of other equipment.
fn is_cell(said: &Said, number: &str) -> bool {
    let number = number.to_lowercase();
    let holds = |rep: &&str| rep.split('^').any(|c| !number.is_empty() && c.trim() == number);
    let mut reps = said.fields.iter().flat_map(|(_, _, text)| text.split('~')).filter(holds).peekable();
    reps.peek().is_some() && reps.all(|rep| rep.split('^').nth(2).map(str::trim) == Some("cp"))
}

/// Whether the text of an OID is none, or the message gives it a type that is not ISO wherever it stands.
fn no_oid(said: &Said, oid: &str) -> bool {
    if !oid.contains('.') || !oid.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return true;
    }
    let types = said.fields.iter().flat_map(|(_, _, text)| {
        let parts: Vec<&str> = text.split(['^', '&', '~']).map(str::trim).collect();
        let typed = parts.windows(2).filter(|pair| pair.first() == Some(&oid));
        typed.filter_map(|pair| pair.get(1).map(|t| (*t).to_owned())).collect::<Vec<_>>()
    });
    let types: Vec<String> = types.filter(|t| !t.is_empty()).collect();
    !types.is_empty() && types.iter().all(|t| t != "iso")
}

/// Whether a message holds a code; that of a religion in its field.
fn sent(said: &Said, system: &str, code: &str) -> bool {
    if !system.ends_with("v3-ReligiousAffiliation") {
        return said.words.contains(code);
    }
    let mut religion = said.fields.iter().filter(|(segment, n, _)| (segment.as_str(), *n) == ("PID", 17));
    religion.any(|(_, _, text)| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == code))
}

/// The number of the HL7 table that a generator's own address ends with.
fn table_of(system: &str) -> Option<&str> {
    let name = system.strip_prefix("http://example.com/")?.rsplit('/').next()?;
    let number = name.strip_prefix("HL7").or_else(|| name.strip_prefix("hl7"))?;
    (number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

/// A system under the generator's own address that the message does not name.
fn is_own(system: &str, said: &Said) -> bool {
    let name = system.rsplit('/').next().unwrap_or_default().to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    !words.all(|word| said.words.contains(word))
}

/// Takes away identifiers whose value is set aside, with all their parts.
fn numbers(guide: &Guide, said: &Said, kind: &str, path: &str, value: &mut Value, gone: &mut Gone) {
    match value {
        Value::Object(object) => {
            for (key, member) in object.iter_mut() {
                let here = format!("{path}.{key}");
                if matches!(key, "identifier" | "valueIdentifier" | "masterIdentifier") {
                    let all: Vec<&mut Value> = match &mut *member {
                        Value::Array(items) => items.iter_mut().collect(),
                        one => vec![one],
                    };
                    for one in all.into_iter().filter_map(Value::as_object_mut) {
                        let number = one.get("value").and_then(Value::as_str).map(|v| normal("", v));
                        let rule = number.and_then(|n| guide.aside(kind, &format!("{here}.value"), &n, said));
                        if let Some(rule) = rule {
                            *gone.entry(rule).or_default() += 1;
                            *gone.entry(Aside::PartOf).or_default() += one.len().saturating_sub(1);
                            *one = crate::json::Object::new();
                        }
                    }
                }
                numbers(guide, said, kind, &here, member, gone);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| numbers(guide, said, kind, path, item, gone)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Removes identifiers without a value; answers how many there were.
fn unnumbered(value: &mut Value) -> usize {
    match value {
        Value::Object(object) => {
            let mut gone = 0;
            if let Some(all) = object.get_mut("identifier").and_then(Value::as_array_mut) {
                let before = all.len();
                all.retain(|one| one.get("value").is_some());
                gone += before - all.len();
            }
            gone + object.iter_mut().map(|(_, member)| unnumbered(member)).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(unnumbered).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Removes references to what has gone, with the extensions that hold nothing else; a role that only names a person becomes that
/// person.
fn unlink(value: &mut Value, names: &BTreeSet<String>, roles: &BTreeMap<String, String>) {
    let leads = |v: &Value| v.str("reference").is_some_and(|r| names.contains(r));
    let gone = |v: &Value| leads(v) || v.get("valueReference").is_some_and(leads);
    match value {
        Value::Object(object) => {
            let person = object.get("reference").and_then(Value::as_str).and_then(|r| roles.get(r)).cloned();
            if let Some(person) = person {
                object.insert("reference", person);
            }
            let keys: Vec<String> =
                object.iter().filter(|(_, v)| leads(v)).map(|(key, _)| key.to_owned()).collect();
            keys.iter().for_each(|key| drop(object.remove(key)));
            object.iter_mut().for_each(|(_, member)| unlink(member, names, roles));
        }
        Value::Array(items) => {
            items.retain(|item| !gone(item));
            items.iter_mut().for_each(|item| unlink(item, names, roles));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

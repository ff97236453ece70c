//! Persons, organisations and places that a message mentions, each once: XCN, XON and PL to Practitioner,
//! Organization and Location.

use crate::json::{Object, Value};

use super::book::Spot;
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::types::{self, Identified, Scope, name_parts};

/// XCN: the Practitioner and a reference to it with the name as display.
pub(super) fn practitioner(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let number = spot.c(1).take();
    let named = name_parts(spot, 2);
    if number.is_none() && named.is_none() {
        return None;
    }
    let display = named.as_ref().map(|n| {
        let prefix = n.json.items("prefix").iter().filter_map(Value::as_str);
        let given = n.given.iter().map(String::as_str);
        prefix.chain(given).chain(n.family.as_deref()).collect::<Vec<_>>().join(" ")
    });
    let (system, author) = if number.is_some() { scope.authority(spot.c(9)) } else { (None, None) };
    let system = system.unwrap_or_else(|| scope.sender_system());
    let used = spot.c(10).peek().and_then(|k| codes::name_use(spot.book.maps, &k));
    if used.is_some() && named.is_some() {
        spot.c(10).mark();
    }
    let kind = spot.c(13).peek().filter(|_| number.is_some()).inspect(|_| spot.c(13).mark());
    let by = if author.is_none() && number.is_some() { spot.c(14).s(1).take() } else { None };
    let assigner = author.or_else(|| by.map(|by| Object::new().with("display", by).into()));
    // XCN.17 is the older range, 19 and 20 the newer moments.
    let held =
        || types::period(spot.c(19), spot.c(20)).or_else(|| types::period(spot.c(17).s(1), spot.c(17).s(2)));
    let name_period = if named.is_some() { held() } else { None };
    let id = match (&number, &display) {
        (Some(n), _) => ids::stable("Practitioner", &[&system, n]),
        (None, name) => {
            ids::stable("Practitioner", &[&scope.sender_system(), "name", name.as_deref().unwrap_or("")])
        }
    };
    let mut draft = Draft::partial("Practitioner", id);
    if let Some(n) = number {
        let check = types::check_digit(spot.c(11), spot.c(12));
        let identifier = Identified { assigner, check, ..Identified::plain(system, n, kind) };
        draft.push("identifier", Some(identifier.json()), spot);
    }
    if let Some(n) = named {
        let mut name = n.json;
        if let Some(object) = name.as_object_mut() {
            if let Some(order) = types::assembly_order(spot.c(18)) {
                object.insert_at(0, "extension", vec![order]);
            }
            if let Some(used) = used {
                object.insert_at(0, "use", used);
            }
            if let Some(period) = name_period {
                object.insert("period", period);
            }
        }
        draft.push("name", Some(name), spot);
    }
    Some(with_display(drafts.add(draft), display.as_deref()))
}

/// What a person does for a result or an order: the guide's coding first, that of table 0443 behind it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// OBX-16.
    Observer,
    /// OBX-25.
    Director,
    /// ORC-12 with the fields of the ordering facility.
    Orderer,
    /// OBR-32.
    Interpreter,
    /// OBR-33.
    Assistant,
    /// OBR-34.
    Technician,
    /// OBR-35.
    Transcriber,
}

/// The PractitionerRole of a person, for an organisation where one is named.
pub(super) fn role(
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    task: Task,
    person: Value,
    organization: Option<Value>,
) -> Value {
    let shown = person.str("display").map(str::to_owned);
    let draft = role_draft(scope, task, person, organization);
    with_display(drafts.add(draft), shown.as_deref())
}

fn role_draft(scope: &Scope<'_>, task: Task, person: Value, organization: Option<Value>) -> Draft {
    const TABLE: &str = "http://terminology.hl7.org/CodeSystem/v2-0443";
    let (system, code, own, display) = match task {
        Task::Observer => (
            "http://terminology.hl7.org/CodeSystem/practitioner-role",
            "responsibleObserver",
            "RO",
            "Responsible Observer",
        ),
        Task::Director => {
            ("http://terminology.hl7.org/CodeSystem/v2-0912", "MDIR", "MDIR", "Medical Director")
        }
        Task::Orderer => (TABLE, "OP", "OP", "Ordering Provider"),
        Task::Interpreter => (TABLE, "PRI", "PRI", "Principal Result Interpreter"),
        Task::Assistant => (TABLE, "ARI", "ARI", "Assistant Result Interpreter"),
        Task::Technician => (TABLE, "TN", "TN", "Technician"),
        Task::Transcriber => (TABLE, "TR", "TR", "Transcriptionist"),
    };
    let coding = |system: &str, code: &str| {
        Value::from(Object::new().with("system", system).with("code", code).with("display", display))
    };
    let mut codings = vec![coding(system, code)];
    if system != TABLE {
        codings.push(coding(TABLE, own));
    }
    let reference = |v: &Value| v.str("reference").unwrap_or_default().to_owned();
    let of = organization.as_ref().map(reference).unwrap_or_default();
    let id = ids::stable("PractitionerRole", &[&scope.sender_system(), own, &reference(&person), &of]);
    let mut draft = Draft::partial("PractitionerRole", id);
    draft.put("practitioner", person);
    if let Some(organization) = organization {
        draft.put("organization", organization);
    }
    draft.append("code", Object::new().with("coding", codings));
    draft
}

/// NDL of OBR-32 to 35: who, from when to when, and where (the guide's NDL map); or an XCN, as many write it.
pub(super) fn interpreter(
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    task: Task,
    spot: Spot<'_>,
) -> Option<Value> {
    if (2..=6).all(|n| spot.c(1).s(n).peek().is_none()) {
        let person = practitioner(scope, drafts, spot)?;
        return Some(role(scope, drafts, task, person, None));
    }
    let person = named_person(scope, drafts, spot)?;
    let mut draft = role_draft(scope, task, person, None);
    if let Some(period) = types::period(spot.c(2), spot.c(3)) {
        draft.put("period", period);
    }
    if let Some(place) = location_from(scope, drafts, spot, 3) {
        draft.append("location", place);
    }
    Some(drafts.add(draft))
}

/// CNN: a person in the sub-components of component 1.
fn named_person(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let part = spot.c(1);
    let [number, family, given, middle, suffix, prefix, degree] =
        [1, 2, 3, 4, 5, 6, 7].map(|n| part.s(n).take());
    let given: Vec<String> = [given, middle].into_iter().flatten().collect();
    let display: Vec<&str> = prefix
        .as_deref()
        .into_iter()
        .chain(given.iter().map(String::as_str))
        .chain(family.as_deref())
        .collect();
    let display = display.join(" ");
    let (system, assigner) = match number {
        Some(_) => scope.resolve([part.s(9), part.s(10), part.s(11)]),
        None => (None, None),
    };
    let system = system.unwrap_or_else(|| scope.sender_system());
    let id = match &number {
        Some(n) => ids::stable("Practitioner", &[&system, n]),
        None => ids::stable("Practitioner", &[&scope.sender_system(), "name", &display]),
    };
    let mut draft = Draft::partial("Practitioner", id);
    if let Some(value) = number {
        let identifier = Identified { assigner, ..Identified::plain(system, value, None) };
        draft.push("identifier", Some(identifier.json()), spot);
    }
    let suffixes: Vec<String> = [suffix, degree].into_iter().flatten().collect();
    let texts = |v: Vec<String>| v.into_iter().map(Value::from).collect::<Vec<_>>();
    let name = Object::new()
        .with_some("family", family)
        .with_some("given", (!given.is_empty()).then(|| texts(given)))
        .with_some("prefix", prefix.map(|p| texts(vec![p])))
        .with_some("suffix", (!suffixes.is_empty()).then(|| texts(suffixes)));
    draft.push("name", (!name.is_empty()).then_some(name), spot);
    Some(drafts.add(draft))
}

/// XON: the Organization.
pub(super) fn organization(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let name = spot.c(1).take();
    let number = spot.c(10).take().or_else(|| spot.c(3).take());
    let number = number.map(|n| {
        let (system, assigner) = scope.authority(spot.c(6));
        let system = system.unwrap_or_else(|| scope.sender_system());
        let kind = spot.c(7).take();
        let check = types::check_digit(spot.c(4), spot.c(5));
        Identified { assigner, check, ..Identified::plain(system, n, kind) }
    });
    organization_of(scope, drafts, name, number, spot)
}

/// An Organization from a name and a number with its authority.
pub(super) fn organization_of(
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    name: Option<String>,
    number: Option<Identified>,
    from: Spot<'_>,
) -> Option<Value> {
    if name.is_none() && number.is_none() {
        return None;
    }
    let id = match (&number, &name) {
        (Some(n), _) => ids::stable("Organization", &[&n.system, &n.value]),
        (None, name) => {
            ids::stable("Organization", &[&scope.sender_system(), "name", name.as_deref().unwrap_or("")])
        }
    };
    let mut draft = Draft::partial("Organization", id);
    if let Some(number) = number {
        draft.push("identifier", Some(number.json()), from);
    }
    let display = name.clone();
    draft.set("name", name, from);
    Some(with_display(drafts.add(draft), display.as_deref()))
}

/// EI of a device: the Device.
pub(super) fn device(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let number = types::ei(scope, spot, "")?;
    let json = types::ei_typed(&number, spot);
    let mut draft = Draft::partial("Device", ids::stable("Device", &[&number.system, &number.value]));
    draft.push("identifier", Some(json), spot);
    Some(with_display(drafts.add(draft), Some(&number.value)))
}

/// CWE of a device: what the sender calls it, by code and by name.
pub(super) fn device_named(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let (code, name) = (spot.c(1).take(), spot.c(2).take());
    let shown = name.clone().or_else(|| code.clone())?;
    let system = scope.sender_system();
    let id = match &code {
        Some(code) => ids::stable("Device", &[&system, code]),
        None => ids::stable("Device", &[&system, "name", &shown]),
    };
    let mut draft = Draft::partial("Device", id);
    if let Some(code) = code {
        draft.push("identifier", Some(Identified::plain(system, code, None).json()), spot);
    }
    let named = name.map(|name| Object::new().with("name", name).with("type", "user-friendly-name"));
    draft.push("deviceName", named.map(Value::from), spot);
    Some(with_display(drafts.add(draft), Some(&shown)))
}

/// PL: a Location for each level it names, from the facility to the bed, each part of the one around it. Answers the
/// innermost one.
pub(super) fn location(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    location_from(scope, drafts, spot, 0)
}

/// The same where the components stand `behind` others, as in NDL; those have no description and no number of the place.
fn location_from(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>, behind: u16) -> Option<Value> {
    // Facility, building, floor, point of care, room, bed (the guide's PL map).
    const LEVELS: [(u16, &str); 6] = [(4, "si"), (7, "bu"), (8, "lvl"), (1, "wa"), (2, "ro"), (3, "bd")];
    const PHYSICAL: &str = "http://terminology.hl7.org/CodeSystem/location-physical-type";
    let part = |n: u16| spot.c(n + behind);
    let whole = behind == 0;
    let described = if whole { spot.c(9).take() } else { None };
    let mut chain = vec![scope.sender_system()];
    let mut names: Vec<String> = Vec::new();
    let mut around: Option<Value> = None;
    let last = LEVELS.iter().rposition(|(n, _)| part(*n).s(1).has_content());
    for (i, (n, physical)) in LEVELS.into_iter().enumerate() {
        let Some(name) = part(n).s(1).take() else { continue };
        let (authority, kind) = (part(n).s(2).peek(), part(n).s(3).peek());
        chain.push(format!("{physical}={name}"));
        names.insert(0, name.clone());
        let parts: Vec<&str> = chain.iter().map(String::as_str).collect();
        let mut draft = Draft::partial("Location", ids::stable("Location", &parts));
        // A place is known by its name only: the guide's HD map makes it the identifier.
        let own = Identified::plain(scope.sender_system(), name.clone(), None);
        draft.push("identifier", Some(own.json()), spot);
        if let Some(uri) = authority.and_then(|a| ids::authority("", &a, kind.as_deref().unwrap_or_default()))
        {
            let identifier = Object::new().with("system", "urn:ietf:rfc:3986").with("value", uri);
            draft.push("identifier", Some(identifier), spot);
            part(n).s(2).mark();
            if matches!(kind.as_deref(), Some("ISO" | "UUID" | "GUID" | "DNS" | "URI" | "URL")) {
                part(n).s(3).mark();
            }
        }
        draft.set("name", Some(name), spot);
        if Some(i) == last {
            if whole && let Some(number) = comprehensive(scope, spot.c(10), spot.c(11)) {
                draft.push("identifier", Some(number.json()), spot);
            }
            if let Some(text) = described.as_deref() {
                draft.put("description", text);
            }
        }
        draft.put("mode", "instance");
        let coding = Object::new().with("system", PHYSICAL).with("code", physical);
        draft.put("physicalType", Object::new().with("coding", vec![Value::from(coding)]));
        if let Some(around) = around.take() {
            draft.put("partOf", around);
        }
        around = Some(drafts.add(draft));
    }
    match (around, described) {
        (Some(inner), described) => {
            let shown = described.unwrap_or_else(|| names.join(", "));
            Some(with_display(inner, Some(&shown)))
        }
        (None, Some(text)) => Some(named_place(scope, drafts, text, None, spot)),
        (None, None) => None,
    }
}

/// PL.10 in its sub-components, given by PL.11 where that is sent (the guide's map of PL).
fn comprehensive(scope: &Scope<'_>, number: Spot<'_>, author: Spot<'_>) -> Option<Identified> {
    let value = number.s(1).take()?;
    let (system, assigner) = match scope.authority(author) {
        (None, None) => scope.resolve([number.s(2), number.s(3), number.s(4)]),
        given => given,
    };
    let system = system.unwrap_or_else(|| scope.sender_system());
    Some(Identified { assigner, ..Identified::plain(system, value, None) })
}

/// A place by its code and name (DLD, HD, CWE).
pub(super) fn place_named(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    // DLD.1 and others hold code, text and system as sub-components.
    let (code, inner) = (spot.c(1).s(1).take(), spot.c(1).s(2).peek());
    let inner = inner.inspect(|_| spot.c(1).s(2).mark());
    let name = inner.or_else(|| {
        spot.c(2).peek().filter(|n| n.chars().any(char::is_alphabetic)).inspect(|_| spot.c(2).mark())
    });
    match (name, code) {
        (Some(name), code) => Some(named_place(scope, drafts, name, code, spot)),
        (None, Some(code)) => Some(named_place(scope, drafts, code, None, spot)),
        (None, None) => None,
    }
}

/// XAD: the place of an address.
pub(super) fn place_at(scope: &Scope<'_>, drafts: &mut Drafts, spot: Spot<'_>) -> Option<Value> {
    let address = types::xad(spot)?;
    let lines = address.items("line").iter().filter_map(Value::as_str);
    let name = lines.chain(["city", "state"].iter().filter_map(|key| address.str(key)));
    let name = name.collect::<Vec<_>>().join(", ");
    let id = ids::stable("Location", &[&scope.sender_system(), "at", &spot.raw_text()]);
    let mut draft = Draft::partial("Location", id);
    draft.put("mode", "instance");
    draft.set("address", Some(address), spot);
    Some(with_display(drafts.add(draft), Some(name.as_str()).filter(|name| !name.is_empty())))
}

fn named_place(
    scope: &Scope<'_>,
    drafts: &mut Drafts,
    name: String,
    code: Option<String>,
    spot: Spot<'_>,
) -> Value {
    let id = ids::stable("Location", &[&scope.sender_system(), "name", &name]);
    let mut draft = Draft::partial("Location", id);
    if let Some(code) = code {
        let identifier = Identified::plain(scope.sender_system(), code, None);
        draft.push("identifier", Some(identifier.json()), spot);
    }
    draft.set("name", Some(name.as_str()), spot);
    with_display(drafts.add(draft), Some(&name))
}

fn with_display(mut reference: Value, display: Option<&str>) -> Value {
    if let (Some(object), Some(display)) = (reference.as_object_mut(), display) {
        object.insert("display", display);
    }
    reference
}

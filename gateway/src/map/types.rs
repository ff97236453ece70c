//! Data types of HL7 v2 to data types of FHIR: identifiers, names, addresses, telephone numbers, coded values.
//!
//! Each function reads one repetition and answers `None` when it says nothing.

use std::cell::RefCell;

use jiff::tz::TimeZone;

use crate::fhir::datetime::Moment;
use crate::json::{Object, Value};

use super::book::Spot;
use super::codes;
use super::concepts::Concept;
use super::draft::{Draft, Drafts};
use super::ids;

/// What a message assumes about names that it does not qualify, and whom it names by the way.
pub(super) struct Scope<'a> {
    /// The authorities that gave numbers, as organisations.
    pub authors: RefCell<Drafts>,
    /// The sending facility (or application), which stands in for a missing assigning authority.
    pub sender: String,
    /// Names of assigning authorities that this clinic has given a URI.
    pub authorities: &'a [(String, String)],
}

impl Scope<'_> {
    /// The URI of an HD and the organisation behind it; the places read are marked.
    pub fn authority(&self, hd: Spot<'_>) -> (Option<String>, Option<Value>) {
        self.resolve([hd.s(1), hd.s(2), hd.s(3)])
    }

    /// The URI of an authority by its namespace, universal id and the kind of it; with a universal id also the
    /// organisation, kept once, whoever's numbers it gave.
    pub fn resolve(&self, [namespace, universal, kind]: [Spot<'_>; 3]) -> (Option<String>, Option<Value>) {
        let text = |s: Spot<'_>| s.peek().unwrap_or_default();
        let (name, uid, uid_kind) = (text(namespace), text(universal), text(kind));
        let uri = self.named(&name).or_else(|| ids::authority(&name, &uid, &uid_kind));
        if uri.is_some() {
            namespace.mark();
        }
        let author = self.assigner(&name, &uid, &uid_kind);
        if author.is_some() {
            [namespace, universal, kind].iter().for_each(Spot::mark);
        }
        (uri, author)
    }

    fn assigner(&self, name: &str, universal: &str, kind: &str) -> Option<Value> {
        if universal.is_empty() {
            return None;
        }
        let name = (!name.is_empty()).then(|| name.to_owned());
        let uri = ids::authority(name.as_deref().unwrap_or_default(), universal, kind)?;
        let mut draft = Draft::partial("Organization", ids::stable("Organization", &["authority", &uri]));
        if let Some(name) = &name {
            let identifier =
                Object::new().with("system", ids::local_system(name)).with("value", name.as_str());
            draft.append("identifier", identifier);
        }
        let typed = (!kind.is_empty()).then(|| {
            let coding = Object::new().with("system", V2_0301).with("code", code_text(kind));
            Object::new().with("coding", vec![Value::from(coding)])
        });
        // A universal id of a kind that has no URI stays under the name of its kind.
        let own = uri.starts_with("urn:x-hl7v2:");
        let system =
            if own && !kind.is_empty() { ids::local_system(kind) } else { "urn:ietf:rfc:3986".to_owned() };
        let value = if own { universal.to_owned() } else { uri };
        let identifier = Object::new().with_some("type", typed).with("system", system).with("value", value);
        draft.append("identifier", identifier);
        if let Some(name) = &name {
            draft.put("name", name.as_str());
        }
        let reference = self.authors.borrow_mut().add(draft);
        Some(match (reference, name) {
            (Value::Object(reference), Some(name)) => reference.with("display", name).into(),
            (reference, _) => reference,
        })
    }

    /// The URI that stands for the sender.
    pub fn sender_system(&self) -> String {
        self.named(&self.sender).unwrap_or_else(|| ids::local_system(&self.sender))
    }

    fn named(&self, namespace: &str) -> Option<String> {
        self.authorities.iter().find(|(n, _)| n == namespace).map(|(_, uri)| uri.clone())
    }
}

/// A CX, EI or like identifier with its parts.
pub(super) struct Identified {
    pub system: String,
    pub value: String,
    /// Table 0203.
    pub kind: Option<String>,
    /// No authority was sent; the sender stands in for it.
    pub assumed: bool,
    /// From when to when it holds.
    pub period: Option<Value>,
    /// Who gave it, by name.
    pub assigner: Option<Value>,
    /// Its check digit and the scheme of that, as extensions.
    pub check: Vec<Value>,
}

impl Identified {
    /// A plain number under a system.
    pub fn plain(system: String, value: String, kind: Option<String>) -> Self {
        Self { system, value, kind, assumed: false, period: None, assigner: None, check: Vec::new() }
    }

    pub fn json(&self) -> Value {
        let kind = self.kind.as_ref().map(|k| {
            let coding = Object::new().with("system", V2_0203).with("code", code_text(k));
            Object::new().with("coding", vec![Value::from(coding)])
        });
        Object::new()
            .with_some("extension", (!self.check.is_empty()).then(|| self.check.clone()))
            .with_some("type", kind)
            .with("system", self.system.as_str())
            .with("value", self.value.as_str())
            .with_some("period", self.period.clone())
            .with_some("assigner", self.assigner.clone())
            .into()
    }
}

const V2_0301: &str = "http://terminology.hl7.org/CodeSystem/v2-0301";
const V2_0203: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The check digit of an identifier and its scheme, as the guide's extensions.
pub(super) fn check_digit(digit: Spot<'_>, scheme: Spot<'_>) -> Vec<Value> {
    let text = |url: &str, spot: Spot<'_>| {
        let url = format!("http://hl7.org/fhir/StructureDefinition/{url}");
        spot.take().map(|text| Value::from(Object::new().with("url", url).with("valueString", text)))
    };
    [text("identifier-checkDigit", digit), text("namingsystem-checkDigit", scheme)]
        .into_iter()
        .flatten()
        .collect()
}

/// The order in which the parts of a name are written (table 0444), as an extension of the name.
pub(super) fn assembly_order(spot: Spot<'_>) -> Option<Value> {
    let sent = spot.peek()?;
    if !matches!(sent.as_str(), "G" | "F") {
        return None;
    }
    spot.mark();
    let url = "http://hl7.org/fhir/StructureDefinition/humanname-assembly-order";
    Some(Object::new().with("url", url).with("valueCode", sent).into())
}

/// CX: id, check digit, scheme, authority, type, facility, from, to.
pub(super) fn cx(scope: &Scope<'_>, spot: Spot<'_>) -> Option<Identified> {
    let value = spot.c(1).take()?;
    let (authority, author) = scope.authority(spot.c(4));
    let assumed = authority.is_none();
    let kind = spot.c(5).take();
    let by = if author.is_none() { spot.c(6).s(1).take() } else { None };
    let assigner = author.or_else(|| by.map(|by| Object::new().with("display", by).into()));
    let period = period(spot.c(7), spot.c(8));
    let system = authority.unwrap_or_else(|| scope.sender_system());
    let check = check_digit(spot.c(2), spot.c(3));
    Some(Identified { system, value, kind, assumed, period, assigner, check })
}

/// EI: id, namespace, universal id, type of it.
pub(super) fn ei(scope: &Scope<'_>, spot: Spot<'_>, kind: &str) -> Option<Identified> {
    let value = spot.c(1).take()?;
    let (authority, assigner) = scope.resolve([spot.c(2), spot.c(3), spot.c(4)]);
    let assumed = authority.is_none();
    let system = authority.unwrap_or_else(|| scope.sender_system());
    let kind = (!kind.is_empty()).then(|| kind.to_owned());
    Some(Identified { system, value, kind, assumed, period: None, assigner, check: Vec::new() })
}

/// An EI as identifier that names the kind of its universal id, as the guide's EI map has it (EI.4, table 0301).
pub(super) fn ei_typed(number: &Identified, spot: Spot<'_>) -> Value {
    let kind = spot.c(4).take().filter(|_| number.kind.is_none());
    let mut json = number.json();
    if let (Some(kind), Some(object)) = (kind, json.as_object_mut()) {
        let coding = Object::new().with("system", V2_0301).with("code", code_text(&kind));
        object.insert_at(0, "type", Object::new().with("coding", vec![Value::from(coding)]));
    }
    json
}

/// The name parts of an XPN, or of an XCN from its component 2 on.
pub(super) struct Named {
    pub family: Option<String>,
    pub given: Vec<String>,
    pub json: Value,
}

/// XPN: family, given, middle, suffix, prefix, degree, type.
pub(super) fn xpn(spot: Spot<'_>) -> Option<Named> {
    let named = name_parts(spot, 1)?;
    let kind = spot.c(7).take();
    let used = kind.as_deref().and_then(|k| codes::name_use(spot.book.maps, k));
    if let (Some(kind), None) = (&kind, used) {
        spot.c(7).unknown_code(kind);
    }
    let order = assembly_order(spot.c(11)).map(|e| vec![e]);
    let mut json = Object::new().with_some("extension", order).with_some("use", used);
    if let Value::Object(parts) = named.json {
        for (key, value) in parts {
            json.insert(key, value);
        }
    }
    // XPN.10 is the older range, 12 and 13 the newer moments.
    let period = period(spot.c(12), spot.c(13)).or_else(|| period(spot.c(10).s(1), spot.c(10).s(2)));
    Some(Named { json: json.with_some("period", period).into(), ..named })
}

/// XPN.15: what the person is called, as a name of its own.
pub(super) fn called(spot: Spot<'_>) -> Option<Value> {
    let name = spot.c(15).take()?;
    Some(Object::new().with("use", "nickname").with("given", vec![Value::from(name)]).into())
}

/// Family, given, middle, suffix, prefix and degree from component `first` on.
pub(super) fn name_parts(spot: Spot<'_>, first: u16) -> Option<Named> {
    let any = [spot.c(first).s(1), spot.c(first + 1), spot.c(first + 2), spot.c(first + 4)];
    if any.iter().all(|s| s.peek().is_none()) {
        return None;
    }
    let family = spot.c(first).s(1).take();
    let own = spot.c(first).s(2).peek();
    let mut given: Vec<String> = Vec::new();
    given.extend(spot.c(first + 1).take());
    if let Some(middle) = spot.c(first + 2).take() {
        given.extend(middle.split_whitespace().map(str::to_owned));
    }
    // XPN.14 and XCN.21: the professional suffix.
    let profession = if first == 1 { 14 } else { 21 };
    let suffix: Vec<Value> = [first + 3, first + 5, profession]
        .into_iter()
        .filter_map(|n| spot.c(n).take())
        .map(Value::from)
        .collect();
    let prefix = spot.c(first + 4).take();
    let given_json: Vec<Value> = given.iter().map(Value::from).collect();
    let family_full = match (&own, &family) {
        // Own-surname prefixes (`van` in sub-component 2) are part of the surname when it is not.
        (Some(prefix), Some(f)) if !f.starts_with(prefix.as_str()) => Some(format!("{prefix} {f}")),
        _ => family.clone(),
    };
    // FN: the parts of a surname, as extensions of it.
    const PARTS: [(u16, &str); 4] =
        [(2, "own-prefix"), (3, "own-name"), (4, "partner-prefix"), (5, "partner-name")];
    let parts: Vec<Value> = PARTS
        .into_iter()
        .filter(|_| family.is_some())
        .filter_map(|(n, part)| {
            let text = spot.c(first).s(n).take()?;
            let url = format!("http://hl7.org/fhir/StructureDefinition/humanname-{part}");
            Some(Object::new().with("url", url).with("valueString", text).into())
        })
        .collect();
    let parts = (!parts.is_empty()).then(|| Object::new().with("extension", parts));
    let json = Object::new()
        .with_some("family", family_full.clone())
        .with_some("_family", parts)
        .with_some("given", (!given_json.is_empty()).then_some(given_json))
        .with_some("prefix", prefix.map(|p| vec![Value::from(p)]))
        .with_some("suffix", (!suffix.is_empty()).then_some(suffix));
    Some(Named { family: family_full, given, json: json.into() })
}

/// XAD: street, other, city, state, postcode, country, type, other designation, county.
pub(super) fn xad(spot: Spot<'_>) -> Option<Value> {
    let whole = spot.c(1).s(1).take();
    // Street name and house number as parts, unless the whole line holds them.
    let part = |n| spot.c(1).s(n).take().filter(|p| !whole.as_ref().is_some_and(|w| w.contains(p.as_str())));
    let (name, number) = (part(2), part(3));
    let street: Vec<String> =
        [whole.clone(), number, name, spot.c(2).take(), spot.c(8).take(), spot.c(19).take()]
            .into_iter()
            .flatten()
            .collect();
    let line: Vec<Value> = street.iter().map(Value::from).collect();
    let kind = spot.c(7).peek();
    let used = kind.as_deref().and_then(|k| codes::address_use(spot.book.maps, k));
    let postal = kind.as_deref().and_then(|k| match k {
        "M" | "SH" => Some("postal"),
        _ => None,
    });
    if let (Some(k), None, None) = (&kind, used, postal) {
        spot.c(7).unknown_code(k);
    }
    spot.c(7).mark();
    let body = Object::new()
        .with_some("line", (!line.is_empty()).then_some(line))
        .with_some("city", spot.c(3).take())
        .with_some("district", spot.c(9).s(2).take().or_else(|| spot.c(9).s(1).take()))
        .with_some("state", spot.c(4).take())
        .with_some("postalCode", spot.c(5).take())
        .with_some("country", spot.c(6).take());
    if body.is_empty() {
        return None;
    }
    // XAD.12 is the older range, 13 and 14 the newer moments.
    let period = period(spot.c(13), spot.c(14)).or_else(|| period(spot.c(12).s(1), spot.c(12).s(2)));
    let tract = spot.c(10).s(1).take().map(|code| {
        let url = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-censusTract";
        vec![Value::from(Object::new().with("url", url).with("valueString", code))]
    });
    let head = Object::new().with_some("extension", tract).with_some("use", used).with_some("type", postal);
    let all: Object = head.into_iter().chain(body).collect();
    Some(all.with_some("period", period).into())
}

/// CE, CWE, CNE: code, text, system, and the same again as an alternative; original text in component 9.
pub(super) fn cwe(spot: Spot<'_>) -> Option<Value> {
    cwe_or(spot, None)
}

/// A CWE; `table` names the codes that say no system. The clinic's own codings stand behind those that were sent: an id
/// that follows from a code stays the same whatever the clinic adds.
fn cwe_or(spot: Spot<'_>, table: Option<&str>) -> Option<Value> {
    let own = [1, 4, 10].map(|first| own_coding(spot, first, table));
    let first = coding(spot, 1);
    let second = coding(spot, 4);
    let third = coding(spot, 10);
    let original = spot.c(9).take();
    let text = original.or_else(|| display(&first)).or_else(|| display(&second)).or_else(|| code_of(&first));
    let said =
        |c: &Object| c.contains_key("code") || c.get("display").and_then(Value::as_str) != text.as_deref();
    let mut codings: Vec<Value> =
        [first, second, third].into_iter().flatten().filter(said).map(Value::from).collect();
    for own in own.into_iter().flatten() {
        let same = |c: &Value| c.str("system") == own.str("system") && c.str("code") == own.str("code");
        if !codings.iter().any(same) {
            codings.push(own);
        }
    }
    if codings.is_empty() && text.is_none() {
        return None;
    }
    Some(
        Object::new()
            .with_some("coding", (!codings.is_empty()).then_some(codings))
            .with_some("text", text)
            .into(),
    )
}

/// A CWE whose codes are of an HL7 table where it names no system.
pub(super) fn cwe_of(spot: Spot<'_>, table: &str) -> Option<Value> {
    let mut concept = cwe_or(spot, Some(table))?;
    let codings = concept.get_mut("coding").and_then(Value::as_array_mut);
    for coding in codings.into_iter().flatten().filter_map(Value::as_object_mut) {
        if coding.contains_key("code") && !coding.contains_key("system") {
            coding.insert_at(0, "system", format!("http://terminology.hl7.org/CodeSystem/{table}"));
        }
    }
    Some(concept)
}

fn display(coding: &Option<Object>) -> Option<String> {
    coding.as_ref()?.get("display")?.as_str().map(str::to_owned)
}

fn code_of(coding: &Option<Object>) -> Option<String> {
    coding.as_ref()?.get("code")?.as_str().map(str::to_owned)
}

/// Where the clinic's own entry for a code leads.
fn own_coding(spot: Spot<'_>, first: u16, table: Option<&str>) -> Option<Value> {
    let maps = spot.book.maps;
    if maps.is_empty() {
        return None;
    }
    let code = spot.c(first).peek()?;
    let found = match (spot.c(first + 2).peek(), table) {
        (Some(system), _) => maps.of_system(&system, &code),
        (None, Some(table)) => maps.own(table, &code),
        (None, None) => None,
    };
    found.map(Concept::coding)
}

pub(super) fn coding(spot: Spot<'_>, first: u16) -> Option<Object> {
    let (code, display) = (spot.c(first).take(), spot.c(first + 1).take());
    if code.is_none() && display.is_none() {
        return None;
    }
    let system = spot.c(first + 2).take();
    let version = spot.c(match first {
        1 => 7,
        4 => 8,
        _ => 13,
    });
    let version = version.take();
    let uri = system.as_ref().map(|s| codes::code_system(s).unwrap_or_else(|| ids::local_system(s)));
    Some(
        Object::new()
            .with_some("system", uri)
            .with_some("version", version)
            .with_some("code", code.map(|c| code_text(&c)))
            .with_some("display", display),
    )
}

/// A concept from a plain code of a table: the FHIR coding when the table is known, and always the code as sent.
pub(super) fn concept(found: Concept<'_>, sent: &str, table: &str) -> Value {
    let mut codings = vec![found.coding()];
    if sent != found.code {
        codings.push(
            Object::new()
                .with("system", format!("http://terminology.hl7.org/CodeSystem/v2-{table}"))
                .with("code", code_text(sent))
                .into(),
        );
    }
    Object::new().with("coding", codings).into()
}

/// A concept with what the sender's own coding says beyond it: other codings, what its code is called, its text.
pub(super) fn joined(mut concept: Value, own: Option<Value>) -> Value {
    let Some(own) = own else { return concept };
    let same = |a: &Value, b: &Value| a.str("system") == b.str("system") && a.str("code") == b.str("code");
    if let Some(codings) = concept.get_mut("coding").and_then(Value::as_array_mut) {
        for coding in own.items("coding") {
            match codings.iter_mut().find(|c| same(c, coding)) {
                Some(there) if there.str("display").is_none() => *there = coding.clone(),
                Some(_) => {}
                None => codings.push(coding.clone()),
            }
        }
    }
    let said = |t: &&str| {
        !concept.items("coding").iter().any(|c| [c.str("code"), c.str("display")].contains(&Some(*t)))
    };
    if let Some(text) = own.str("text").filter(said).map(str::to_owned)
        && let Some(object) = concept.as_object_mut()
    {
        object.insert("text", text);
    }
    concept
}

/// A FHIR `code` has no leading, trailing or double blanks.
pub(super) fn code_text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A concept that is only text.
pub(super) fn text_concept(text: &str) -> Value {
    Object::new().with("text", text).into()
}

/// A `Period` from two timestamps.
pub(super) fn period(from: Spot<'_>, to: Spot<'_>) -> Option<Value> {
    let (start, end) = (from.date_time(), to.date_time());
    stretch(start, end, &to)
}

/// A `Period`; an end before the start is left out with a warning at `to`, because R4 forbids such a period (per-1).
pub(super) fn stretch(start: Option<String>, end: Option<String>, to: &Spot<'_>) -> Option<Value> {
    let at = |text: &Option<String>| Some(Moment::date_time(text.as_deref()?)?.span(&TimeZone::UTC));
    let reversed = at(&start).zip(at(&end)).is_some_and(|(start, end)| start.low >= end.high);
    if reversed {
        to.warn("endsBeforeStart", "The end lies before the start; it was left out.");
    }
    let end = end.filter(|_| !reversed);
    (start.is_some() || end.is_some())
        .then(|| Object::new().with_some("start", start).with_some("end", end).into())
}

//! Data types of FHIR to data types of HL7 v2: numbers with their authorities, coded values, times. Each function makes
//! one repetition.

use crate::hl7::encode::Content;
use crate::json::Value;
use crate::map::ids;

use super::codes;
use super::segment::{parts, repeats, text};
use super::set::Set;

const LOCAL: &str = "urn:x-hl7v2:";
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// What names of authorities mean here and there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Names of assigning authorities with their URIs.
    pub authorities: &'a [(String, String)],
    pub set: &'a Set<'a>,
}

/// The name that `urn:x-hl7v2:NAME` stands for.
pub(super) fn local_name(uri: &str) -> Option<String> {
    let escaped = uri.strip_prefix(LOCAL)?;
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut nibble = || char::from(rest.next()?).to_digit(16).and_then(|d| u8::try_from(d).ok());
            bytes.push(nibble()? << 4 | nibble()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

impl Scope<'_> {
    /// HD: the parts of an assigning authority.
    pub fn authority(&self, system: Option<&str>) -> Vec<Content> {
        let Some(uri) = system else { return Vec::new() };
        if let Some((name, _)) = self.authorities.iter().find(|(_, known)| known == uri) {
            return vec![name.as_str().into()];
        }
        if let Some(name) = local_name(uri) {
            return vec![name.as_str().into()];
        }
        let (universal, kind) = match uri.split_once(':') {
            Some(("urn", rest)) => match rest.split_once(':') {
                Some(("oid", oid)) => (oid, "ISO"),
                Some(("uuid", uuid)) => (uuid, "UUID"),
                _ => (uri, "URI"),
            },
            _ => (uri, "URI"),
        };
        vec![Content::Empty, universal.into(), kind.into()]
    }

    /// HD of an identifier: its system, and the name and the kind of number of the one that gave it.
    pub fn assigned(&self, identifier: &Value) -> Vec<Content> {
        let system = identifier.str("system");
        let assigner = identifier.get("assigner");
        let giver = self.set.get(assigner).and_then(Designator::of).map(|giver| giver.called(assigner));
        let means = |d: &Designator<'_>| {
            let named = self.authorities.iter().find(|(name, _)| Some(name.as_str()) == d.name);
            let uri = ids::authority(d.name.unwrap_or_default(), d.universal, d.kind.unwrap_or_default());
            system.is_some() && (named.map(|(_, uri)| uri.as_str()) == system || uri.as_deref() == system)
        };
        match giver.filter(means) {
            Some(giver) => vec![text(giver.name), giver.universal.into(), text(giver.kind)],
            None => self.authority(system),
        }
    }

    /// CX.
    pub fn cx(&self, identifier: &Value) -> Content {
        let Some(value) = identifier.str("value") else { return Content::Empty };
        let (from, to) = period(identifier.get("period"));
        let [digit, scheme] = check_digit(identifier);
        parts(vec![
            value.into(),
            digit,
            scheme,
            parts(self.assigned(identifier)),
            text(identifier_type(identifier)),
            self.assigner_name(identifier),
            dtm(from),
            dtm(to),
        ])
    }

    /// The name of the one that gave a number, where no record of it is here.
    pub fn assigner_name(&self, identifier: &Value) -> Content {
        let giver = identifier.get("assigner").filter(|g| self.set.get(Some(g)).is_none());
        text(giver.and_then(|g| g.str("display")))
    }

    /// EI.
    pub fn ei(&self, identifier: &Value) -> Content {
        let Some(value) = identifier.str("value") else { return Content::Empty };
        parts(std::iter::once(value.into()).chain(self.assigned(identifier)).collect())
    }

    /// The identifier of a kind as EI.
    pub fn ei_of(&self, resource: &Value, kind: &str) -> Content {
        let found = resource.items("identifier").iter().find(|i| identifier_type(i) == Some(kind));
        found.map_or(Content::Empty, |i| self.ei(i))
    }

    /// Whether a reference names something of this type.
    pub fn is(&self, reference: &Value, kind: &str) -> bool {
        match self.set.get(Some(reference)) {
            Some(found) => found.str("resourceType") == Some(kind),
            None => reference.str("reference").is_some_and(|r| r.starts_with(&format!("{kind}/"))),
        }
    }
}

/// The kind of a universal id (table 0301).
fn universal_kind(identifier: &Value) -> Option<&str> {
    let coding = identifier.get("type").and_then(|t| t.items("coding").first())?;
    coding.str("code").filter(|_| coding.str("system").is_some_and(|s| s.ends_with("v2-0301")))
}

/// An organisation that gives numbers, as an HD has it: its name, its universal id and the kind of that.
struct Designator<'v> {
    name: Option<&'v str>,
    universal: &'v str,
    kind: Option<&'v str>,
}

impl<'v> Designator<'v> {
    fn of(giver: &'v Value) -> Option<Self> {
        let all = giver.items("identifier");
        let uri = |i: &Value| i.str("system") == Some("urn:ietf:rfc:3986");
        let found = all.iter().find(|i| universal_kind(i).is_some() || uri(i))?;
        let (value, kind) = (found.str("value")?, universal_kind(found));
        let plain = value.strip_prefix("urn:oid:").or_else(|| value.strip_prefix("urn:uuid:"));
        let host = value.strip_prefix("http://").filter(|_| kind == Some("DNS"));
        let local = |i: &Value| i.str("system").is_some_and(|s| s.starts_with(LOCAL));
        let name = all.iter().find(|i| universal_kind(i).is_none() && local(i)).and_then(|i| i.str("value"));
        Some(Self { name, universal: plain.or(host).unwrap_or(value), kind })
    }

    /// The same under the name that one number calls it by: senders know one authority by several. A universal id that
    /// says enough needs none.
    fn called(self, assigner: Option<&'v Value>) -> Self {
        let shown = assigner.and_then(|a| a.str("display"));
        let known = ids::authority("", self.universal, self.kind.unwrap_or_default());
        let enough = known.is_some_and(|uri| !uri.starts_with(LOCAL));
        Self { name: shown.or(self.name.filter(|_| !enough)), ..self }
    }
}

/// The check digit of an identifier and its scheme.
pub(super) fn check_digit(identifier: &Value) -> [Content; 2] {
    ["identifier-checkDigit", "namingsystem-checkDigit"].map(|url| text(extension(identifier, url)))
}

/// The string or code of an extension that the FHIR core defines.
pub(super) fn extension<'v>(element: &'v Value, name: &str) -> Option<&'v str> {
    let is = |e: &&Value| e.str("url").and_then(|url| url.strip_prefix(CORE)) == Some(name);
    let found = element.items("extension").iter().find(is)?;
    found.str("valueString").or_else(|| found.str("valueCode"))
}

/// The resources of a type that are about a patient.
pub(super) fn about<'a>(
    scope: &Scope<'a>,
    who: &'a Value,
    kind: &'a str,
) -> impl Iterator<Item = &'a Value> + 'a {
    let set = scope.set;
    set.of_kind(kind).filter(move |resource| {
        let whose = ["subject", "patient", "beneficiary"].into_iter().find_map(|key| resource.get(key));
        // The subjects of an Account are a list.
        let first = whose.and_then(Value::as_array).and_then(<[Value]>::first);
        set.get(first.or(whose)).is_some_and(|found| found.get("id") == who.get("id"))
    })
}

/// The code of an identifier's type (table 0203 where it names one).
pub(super) fn identifier_type(identifier: &Value) -> Option<&str> {
    let codings = identifier.get("type").map(|t| t.items("coding")).unwrap_or_default();
    let of_table = codings.iter().find(|c| c.str("system").is_some_and(|s| s.ends_with("v2-0203")));
    of_table.or_else(|| codings.first()).and_then(|c| c.str("code"))
}

/// CWE: code, text, system, the same again for a second and a third coding, versions, and the words as they were said.
pub(super) fn cwe(concept: &Value) -> Content {
    let codings = concept.items("coding");
    let words = concept.str("text");
    if codings.is_empty() {
        return parts(vec![Content::Empty, text(words)]);
    }
    let part = |n: usize, key: &str| codings.get(n).and_then(|c| c.str(key));
    let one = |n: usize| {
        let system = part(n, "system").map(codes::system_name);
        [text(part(n, "code")), text(part(n, "display")), text(system.as_deref())]
    };
    let understood = part(0, "display").or_else(|| part(1, "display")).or_else(|| part(0, "code"));
    let original = words.filter(|words| Some(*words) != understood);
    let mut all: Vec<Content> = one(0).into_iter().chain(one(1)).collect();
    all.extend([text(part(0, "version")), text(part(1, "version")), text(original)]);
    all.extend(one(2));
    all.push(text(part(2, "version")));
    parts(all)
}

/// CWE of a member; nothing without it.
pub(super) fn cwe_of(resource: &Value, key: &str) -> Content {
    resource.get(key).map_or(Content::Empty, cwe)
}

/// All concepts of a list.
pub(super) fn cwes(resource: &Value, key: &str) -> Content {
    repeats(resource.items(key).iter().map(cwe))
}

/// The code of the first coding.
pub(super) fn code_of(concept: Option<&Value>) -> Option<&str> {
    concept?.items("coding").first()?.str("code")
}

/// The code that a concept has in a table of HL7 v2, or that a function finds for its others.
pub(super) fn table_code<'a>(
    concept: &'a Value,
    table: &str,
    known: impl Fn(&str) -> Option<&'static str>,
) -> Option<&'a str> {
    let codings = concept.items("coding");
    let system = format!("http://terminology.hl7.org/CodeSystem/v2-{table}");
    let own = codings.iter().find(|c| c.str("system") == Some(system.as_str()));
    own.and_then(|c| c.str("code")).or_else(|| codings.iter().find_map(|c| known(c.str("code")?)))
}

/// Start and end of a `Period`.
pub(super) fn period(period: Option<&Value>) -> (Option<&str>, Option<&str>) {
    (period.and_then(|p| p.str("start")), period.and_then(|p| p.str("end")))
}

/// DTM of a FHIR `date`, `dateTime` or `instant`, with the precision and the offset that it states; a fraction is cut to
/// the four digits that HL7 v2 has.
pub(super) fn dtm(moment: Option<&str>) -> Content {
    let Some(moment) = moment else { return Content::Empty };
    let (date, clock) = moment.split_once('T').unwrap_or((moment, ""));
    let mut out: String = date.chars().filter(char::is_ascii_digit).collect();
    let zone = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (time, zone) = clock.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    out.extend(time.chars().filter(char::is_ascii_digit));
    if !fraction.is_empty() {
        out.push('.');
        out.extend(fraction.chars().take(4));
    }
    match zone {
        "" => {}
        "Z" => out.push_str("+0000"),
        zone => out.extend(zone.chars().filter(|c| *c != ':')),
    }
    out.as_str().into()
}

/// The day of a moment.
pub(super) fn day(moment: Option<&str>) -> Content {
    dtm(moment.and_then(|m| m.split('T').next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content: Content) -> String {
        match content {
            Content::Text(text) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn moments_keep_precision_and_offset() {
        for (moment, expected) in [
            ("1955", "1955"),
            ("1955-04", "195504"),
            ("1955-04-30", "19550430"),
            ("2026-11-21T11:38:00+05:30", "20261121113800+0530"),
            ("2026-11-21T11:38:00.123456-00:30", "20261121113800.1234-0030"),
            ("2026-11-21T11:38:00Z", "20261121113800+0000"),
        ] {
            assert_eq!(shown(dtm(Some(moment))), expected);
        }
        assert_eq!(shown(day(Some("2026-11-21T11:38:00Z"))), "20261121");
    }

    #[test]
    fn local_names_come_back() {
        for name in ["CITY", "City Lab", "राम", "100%"] {
            assert_eq!(local_name(&crate::map::ids::local_system(name)).as_deref(), Some(name));
        }
        assert_eq!(local_name("urn:oid:1.2"), None);
        assert_eq!(local_name("urn:x-hl7v2:%F"), None);
    }
}

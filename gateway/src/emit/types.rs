//! Data types of FHIR to data types of HL7 v2: each function makes one repetition.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{parts, repeats, text};
use super::set::Set;

/// What names of authorities mean here and there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Names of assigning authorities with their URIs.
    pub authorities: &'a [(String, String)],
    pub set: &'a Set<'a>,
}

/// The name that `urn:x-hl7v2:NAME` stands for.
pub(super) fn local_name(uri: &str) -> Option<String> {
    let escaped = uri.strip_prefix("urn:x-hl7v2:")?;
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

    /// HD of an identifier, with the name of the one that gave it.
    fn assigned(&self, identifier: &Value) -> Vec<Content> {
        let mut parts = self.authority(identifier.str("system"));
        let named = |i: &&Value| i.str("system").is_some_and(|s| s.starts_with("urn:x-hl7v2:"));
        let author = self.set.get(identifier.get("assigner"));
        let author = author.and_then(|o| o.items("identifier").iter().find(named));
        if let (Some(name), Some(first @ Content::Empty)) =
            (author.and_then(|i| i.str("value")), parts.first_mut())
        {
            *first = name.into();
        }
        parts
    }

    /// CX.
    pub fn cx(&self, identifier: &Value) -> Content {
        let Some(value) = identifier.str("value") else { return Content::Empty };
        let kind = identifier_type(identifier);
        let (from, to) = period(identifier.get("period"));
        let giver = identifier.get("assigner");
        let place = giver.filter(|g| self.set.get(Some(g)).is_none()).and_then(|g| g.str("display"));
        parts(vec![
            value.into(),
            Content::Empty,
            Content::Empty,
            parts(self.assigned(identifier)),
            text(kind),
            text(place),
            day(from),
            day(to),
        ])
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

    /// XCN of a person that a reference names.
    pub fn xcn(&self, reference: &Value) -> Content {
        let Some(person) = self.person(reference) else {
            return parts(vec![Content::Empty, text(reference.str("display"))]);
        };
        let identifier = person.items("identifier").first();
        let name = person.items("name").first();
        let mut all = vec![text(identifier.and_then(|i| i.str("value")))];
        all.extend(name.map_or_else(
            || {
                vec![
                    text(reference.str("display")),
                    Content::Empty,
                    Content::Empty,
                    Content::Empty,
                    Content::Empty,
                    Content::Empty,
                ]
            },
            name_parts,
        ));
        all.push(Content::Empty);
        all.push(parts(self.authority(identifier.and_then(|i| i.str("system")))));
        all.extend([Content::Empty, Content::Empty, Content::Empty]);
        all.push(text(identifier.and_then(identifier_type)));
        parts(all)
    }

    /// NDL: a person in the sub-components of its first component.
    pub fn ndl(&self, reference: &Value) -> Content {
        let Some(person) = self.person(reference) else {
            return parts(vec![parts(vec![Content::Empty, text(reference.str("display"))])]);
        };
        let number = person.items("identifier").first().and_then(|i| i.str("value"));
        let mut all = vec![text(number)];
        all.extend(person.items("name").first().map(name_parts).unwrap_or_default());
        parts(vec![parts(all)])
    }

    /// The Practitioner of a reference, through its role where it names one.
    fn person(&self, reference: &Value) -> Option<&Value> {
        let found = self.set.get(Some(reference))?;
        match found.str("resourceType") {
            Some("PractitionerRole") => self.set.get(found.get("practitioner")),
            Some("Practitioner" | "Patient" | "RelatedPerson") => Some(found),
            _ => None,
        }
    }

    /// XON of an organization that a reference names.
    pub fn xon(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let name = found.and_then(|o| o.str("name")).or_else(|| reference.str("display"));
        let identifier = found.and_then(|o| o.items("identifier").first());
        let mut all = vec![text(name)];
        all.extend(std::iter::repeat_n(Content::Empty, 4));
        all.push(parts(self.authority(identifier.and_then(|i| i.str("system")))));
        all.extend(std::iter::repeat_n(Content::Empty, 3));
        all.push(text(identifier.and_then(|i| i.str("value"))));
        parts(all)
    }

    /// OBX-15: an organization as a coded value.
    pub fn producer(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let name = found.and_then(|o| o.str("name")).or_else(|| reference.str("display"));
        let number = found.and_then(|o| o.items("identifier").first()).and_then(|i| i.str("value"));
        parts(vec![text(number), text(name)])
    }

    /// PL of a place that a reference names: its level and those around it where they are known, else its name as the
    /// point of care. A name of several levels stands as description, because which level it names is not known.
    pub fn pl(&self, reference: &Value) -> Content {
        const LEVELS: [(&str, usize); 6] =
            [("si", 3), ("bu", 6), ("lvl", 7), ("wa", 0), ("ro", 1), ("bd", 2)];
        let found = self.set.get(Some(reference));
        let Some(name) = found.and_then(|l| l.str("name")).or_else(|| reference.str("display")) else {
            return Content::Empty;
        };
        let mut all = vec![Content::Empty; 9];
        let (mut place, mut known) = (found, false);
        for _ in 0..LEVELS.len() {
            let Some(here) = place else { break };
            let level = LEVELS.iter().find(|(code, _)| code_of(here.get("physicalType")) == Some(code));
            if let (Some(at), Some(name)) = (level.and_then(|(_, at)| all.get_mut(*at)), here.str("name")) {
                *at = name.into();
                known = true;
            }
            place = self.set.get(here.get("partOf"));
        }
        let (at, words) = match known {
            true => (8, found.and_then(|l| l.str("description"))),
            false => (if name.contains(',') { 8 } else { 0 }, Some(name)),
        };
        if let (Some(at), Some(words)) = (all.get_mut(at), words) {
            *at = words.into();
        }
        parts(all)
    }

    /// Whether a reference names something of this type.
    pub fn is(&self, reference: &Value, kind: &str) -> bool {
        match self.set.get(Some(reference)) {
            Some(found) => found.str("resourceType") == Some(kind),
            None => reference.str("reference").is_some_and(|r| r.starts_with(&format!("{kind}/"))),
        }
    }
}

/// The code of an identifier's type (table 0203 where it names one).
pub(super) fn identifier_type(identifier: &Value) -> Option<&str> {
    let codings = identifier.get("type").map(|t| t.items("coding")).unwrap_or_default();
    let of_table = codings.iter().find(|c| c.str("system").is_some_and(|s| s.ends_with("v2-0203")));
    of_table.or_else(|| codings.first()).and_then(|c| c.str("code"))
}

fn strings(value: &Value, key: &str) -> Vec<String> {
    value.items(key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Family, given, middle, suffix, prefix, degree.
pub(super) fn name_parts(name: &Value) -> Vec<Content> {
    const DEGREES: &[&str] =
        &["MD", "M.D.", "MBBS", "PHD", "PH.D.", "RN", "DO", "NP", "PA", "BDS", "MS", "DNB", "DDS", "PHARMD"];
    let given = strings(name, "given");
    let (first, middle) = given.split_first().map_or((None, &[][..]), |(f, m)| (Some(f.as_str()), m));
    let suffixes = strings(name, "suffix");
    let (suffix, degree) = match suffixes.as_slice() {
        [] => (None, None),
        [one] if DEGREES.contains(&one.to_ascii_uppercase().as_str()) => (None, Some(one.clone())),
        [one] => (Some(one.clone()), None),
        [suffix, rest @ ..] => (Some(suffix.clone()), Some(rest.join(" "))),
    };
    let plain = name.str("family").is_none() && given.is_empty();
    let family = name.str("family").or_else(|| name.str("text").filter(|_| plain));
    vec![
        text(family),
        text(first),
        middle.join(" ").as_str().into(),
        text(suffix.as_deref()),
        strings(name, "prefix").join(" ").as_str().into(),
        text(degree.as_deref()),
    ]
}

/// XPN.
pub(super) fn xpn(name: &Value) -> Content {
    let mut all = name_parts(name);
    if all.iter().all(|part| *part == Content::Empty) {
        return Content::Empty;
    }
    all.push(text(name.str("use").and_then(codes::name_type)));
    all.extend(std::iter::repeat_n(Content::Empty, 4));
    let (from, to) = period(name.get("period"));
    all.extend([dtm(from), dtm(to)]);
    parts(all)
}

/// XAD.
pub(super) fn xad(address: &Value) -> Content {
    let lines = strings(address, "line");
    let line = |n: usize| text(lines.get(n).map(String::as_str));
    let more = lines.get(2..).unwrap_or_default().join(", ");
    let plain = lines.is_empty() && address.str("city").is_none();
    let street = if plain { text(address.str("text")) } else { line(0) };
    let kind = address.str("use").and_then(codes::address_type);
    let kind = kind.or_else(|| (address.str("type") == Some("postal")).then_some("M"));
    let (from, to) = period(address.get("period"));
    let part = |key| text(address.str(key));
    parts(vec![
        street,
        line(1),
        part("city"),
        part("state"),
        part("postalCode"),
        part("country"),
        text(kind),
        more.as_str().into(),
        part("district"),
        Content::Empty,
        Content::Empty,
        Content::Empty,
        dtm(from),
        dtm(to),
    ])
}

/// XTN.
pub(super) fn xtn(telecom: &Value) -> Content {
    let Some(value) = telecom.str("value") else { return Content::Empty };
    let system = telecom.str("system").unwrap_or("phone");
    if system == "email" {
        return parts(vec![Content::Empty, "NET".into(), "Internet".into(), value.into()]);
    }
    let used = telecom.str("use");
    let mobile = used == Some("mobile") && system == "phone";
    let equipment = if mobile { Some("CP") } else { codes::telecom_equipment(system) };
    parts(vec![value.into(), text(used.and_then(codes::telecom_use)), text(equipment)])
}

/// CWE: code, text, system, the same again for a second coding, versions, and the words as they were said.
pub(super) fn cwe(concept: &Value) -> Content {
    let codings = concept.items("coding");
    let one = |n: usize| {
        let coding = codings.get(n);
        let get = |key| coding.and_then(|c| c.str(key));
        let system = get("system").map(codes::system_name);
        (get("code"), get("display"), system, get("version"))
    };
    let (first, second) = (one(0), one(1));
    let words = concept.str("text");
    if codings.is_empty() {
        return parts(vec![Content::Empty, text(words)]);
    }
    let understood = first.1.or(second.1).or(first.0);
    let original = words.filter(|words| Some(*words) != understood);
    parts(vec![
        text(first.0),
        text(first.1),
        text(first.2.as_deref()),
        text(second.0),
        text(second.1),
        text(second.2.as_deref()),
        text(first.3),
        text(second.3),
        text(original),
    ])
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

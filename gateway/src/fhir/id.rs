//! Names of things: resource types by number, logical ids, references.

use std::fmt;

pub use super::types::ResourceType;

/// A logical id: `[A-Za-z0-9\-.]{1,64}` (R4 datatype id).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId(Box<str>);

impl LogicalId {
    /// Takes a text that is a legal id; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        legal.then(|| Self(text.into()))
    }

    /// The id as a version 7 UUID: time first, so that new records lie together in the index.
    pub fn generated(now: jiff::Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let [r0, r1, r2, r3, tail @ ..] = random;
        let third = 0x7000 | (u16::from_be_bytes([r0, r1]) & 0x0fff);
        let fourth = 0x8000 | (u16::from_be_bytes([r2, r3]) & 0x3fff);
        let tail = tail.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
        let (high, low) = ((millis >> 16) & 0xffff_ffff, millis & 0xffff);
        Self(format!("{high:08x}-{low:04x}-{third:04x}-{fourth:04x}-{tail:012x}").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version id as it stands in `meta.versionId`, an ETag or a history address: 1, 2, 3 ...
pub fn version_id(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// What a `Reference.reference` points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `#id`: a contained resource; `#` alone is the container.
    Fragment(String),
    /// `Type/id` or `Type/id/_history/v`, with the base in front of it when it was absolute.
    Record {
        /// Everything before the type, without the last slash; `None` when relative.
        base: Option<String>,
        /// Type of the record.
        kind: ResourceType,
        /// Its logical id.
        id: LogicalId,
        /// The version named, if one was.
        version: Option<String>,
    },
    /// `Type?query`: to be resolved by a transaction.
    Conditional {
        /// Type of the record.
        kind: ResourceType,
        /// The query, without the question mark.
        query: String,
    },
    /// Any other absolute URI: `urn:uuid:`, `urn:oid:`, a web address that is no record.
    Uri(String),
}

impl Reference {
    /// Reads a reference text. `None` when it is none of the shapes R4 allows.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(fragment) = text.strip_prefix('#') {
            return (fragment.is_empty() || LogicalId::parse(fragment).is_some())
                .then(|| Self::Fragment(fragment.to_owned()));
        }
        if let Some((kind, query)) = text.split_once('?')
            && let Some(kind) = ResourceType::parse(kind)
        {
            return (!query.is_empty()).then(|| Self::Conditional { kind, query: query.to_owned() });
        }
        Self::record(text).or_else(|| has_scheme(text).then(|| Self::Uri(text.to_owned())))
    }

    fn record(text: &str) -> Option<Self> {
        let (path, version) = match text.rsplit_once("/_history/") {
            Some((path, version)) => (path, Some(LogicalId::parse(version)?.as_str().to_owned())),
            None => (text, None),
        };
        let (rest, id) = path.rsplit_once('/')?;
        let (base, kind) = match rest.rsplit_once('/') {
            Some((base, kind)) => (Some(base), kind),
            None => (None, rest),
        };
        if base.is_some_and(|base| !has_scheme(base)) {
            return None;
        }
        let (kind, id) = (ResourceType::parse(kind)?, LogicalId::parse(id)?);
        Some(Self::Record { base: base.map(str::to_owned), kind, id, version })
    }

    /// Type and id of a record of this server: relative, or under one of `bases`.
    pub fn local(&self, bases: &[&str]) -> Option<(ResourceType, &LogicalId)> {
        match self {
            Self::Record { base: None, kind, id, .. } => Some((*kind, id)),
            Self::Record { base: Some(base), kind, id, .. } => {
                bases.iter().any(|own| own.trim_end_matches('/') == base).then_some((*kind, id))
            }
            Self::Fragment(_) | Self::Conditional { .. } | Self::Uri(_) => None,
        }
    }
}

/// Whether a text starts with a URI scheme (RFC 3986 section 3.1).
pub(crate) fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_pattern() {
        for good in ["a", "A-1.b", &"x".repeat(64)] {
            assert_eq!(LogicalId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a_b", "a/b", "é", "..\n", &"x".repeat(65)] {
            assert_eq!(LogicalId::parse(bad), None, "{bad}");
        }
        let now: jiff::Timestamp = "2026-11-21T19:50:00.123Z".parse().unwrap();
        let id = LogicalId::generated(now, [0xff; 10]);
        assert_eq!(id.as_str(), "01a1ffa8-92bb-7fff-bfff-ffffffffffff");
        assert_eq!(id.as_str().len(), 36);
    }

    #[test]
    fn numbers_and_names_agree() {
        assert_eq!(ResourceType::parse("Patient"), Some(ResourceType::PATIENT));
        assert_eq!(ResourceType::PATIENT.as_str(), "Patient");
        assert_eq!(ResourceType::parse("patient"), None);
        assert_eq!(ResourceType::parse("Resource"), None);
        let mut seen = std::collections::HashSet::new();
        for kind in ResourceType::all() {
            assert!(seen.insert(kind.number()) && seen.len() < 1000);
            assert_eq!(ResourceType::parse(kind.as_str()), Some(kind));
            assert_eq!(ResourceType::from_number(kind.number()), Some(kind));
        }
        assert_eq!(seen.len(), 146);
    }

    #[test]
    fn references_are_told_apart() {
        let check =
            |text: &str, expected: &str| assert_eq!(format!("{:?}", Reference::parse(text)), expected);
        check("#", "Some(Fragment(\"\"))");
        check("#p1", "Some(Fragment(\"p1\"))");
        check("Patient/1", "Some(Record { base: None, kind: Patient, id: LogicalId(\"1\"), version: None })");
        check(
            "https://a.b/fhir/Patient/1/_history/2",
            "Some(Record { base: Some(\"https://a.b/fhir\"), kind: Patient, id: LogicalId(\"1\"), version: Some(\"2\") })",
        );
        check("Patient?identifier=a|b", "Some(Conditional { kind: Patient, query: \"identifier=a|b\" })");
        check("urn:uuid:5e6", "Some(Uri(\"urn:uuid:5e6\"))");
        check("http://x.y/z", "Some(Uri(\"http://x.y/z\"))");
        for bad in ["Patient", "Patient/", "Patien/1", "x/Patient/1", "Patient/a b", "Patient?", ""] {
            check(bad, "None");
        }
        let reference = Reference::parse("https://a.b/fhir/Patient/1").unwrap();
        assert!(reference.local(&["https://a.b/fhir/"]).is_some());
        assert!(reference.local(&["https://a.b/other"]).is_none());
    }

    #[test]
    fn version_ids_are_plain_numbers() {
        assert_eq!(version_id("12"), Some(12));
        for bad in ["", "0", "01", "-1", "a", "99999999999999999999999"] {
            assert_eq!(version_id(bad), None);
        }
    }
}

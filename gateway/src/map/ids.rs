//! Ids and systems that are the same every time the same thing is named, so that a replayed message updates what it
//! made and makes nothing twice.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// A FHIR id made from the parts that name a thing: the first 128 bits of SHA-256 in the form of a UUID (version 8).
/// Each part goes in with its length, so no two lists of parts run together.
pub fn stable(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut out = String::with_capacity(36);
    for (i, byte) in hash.finalize().iter().take(16).enumerate() {
        let byte = match i {
            6 => (byte & 0x0f) | 0x80,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A URI for a name that only its sender knows: `urn:x-hl7v2:CITYPATH`.
pub fn local_system(name: &str) -> String {
    let mut out = String::from("urn:x-hl7v2:");
    for byte in name.trim().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The URI of a hierarchic designator (HD): a universal id where there is one, else the namespace as a local name.
pub fn authority(namespace: &str, universal: &str, kind: &str) -> Option<String> {
    let universal = universal.trim();
    let plain = !universal.is_empty() && !universal.contains(char::is_whitespace);
    match kind.trim().to_ascii_uppercase().as_str() {
        "ISO" if plain && universal.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            Some(format!("urn:oid:{universal}"))
        }
        "UUID" | "GUID" if plain => Some(format!("urn:uuid:{}", universal.to_ascii_lowercase())),
        "URI" | "URL" if plain => Some(universal.to_owned()),
        "DNS" if plain => Some(format!("http://{universal}")),
        _ if !namespace.trim().is_empty() => Some(local_system(namespace)),
        _ if plain => Some(local_system(universal)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_give_the_same_id_and_others_another() {
        let id = stable("patient", &["urn:x-hl7v2:CITY", "88120"]);
        assert_eq!(id, stable("patient", &["urn:x-hl7v2:CITY", "88120"]));
        assert_ne!(id, stable("patient", &["urn:x-hl7v2:CITY8", "8120"]));
        assert_ne!(id, stable("observation", &["urn:x-hl7v2:CITY", "88120"]));
        assert_eq!(id.len(), 36);
        assert_eq!(id.get(14..15), Some("8"));
    }

    #[test]
    fn authorities_become_uris() {
        for (hd, expected) in [
            (("CITY", "1.2.3", "ISO"), Some("urn:oid:1.2.3")),
            (("CITY", "", ""), Some("urn:x-hl7v2:CITY")),
            (("City Lab", "", ""), Some("urn:x-hl7v2:City%20Lab")),
            (("", "http://a.example/ids", "URI"), Some("http://a.example/ids")),
            (("", "not an oid", "ISO"), None),
            (("", "", ""), None),
        ] {
            assert_eq!(authority(hd.0, hd.1, hd.2).as_deref(), expected);
        }
    }
}

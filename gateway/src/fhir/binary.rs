//! Binary: bytes of any type as a resource, and back (R4, Binary).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::{Object, Value};

/// Longest media type that is taken, bytes.
pub const LONGEST_TYPE: usize = 255;

/// A Binary that holds these bytes. `context` is the reference of its `securityContext`.
pub fn of_bytes(content_type: &str, context: Option<&str>, bytes: &[u8]) -> Value {
    let context = context.map(|reference| Value::from([("reference", reference)]));
    Value::Object(
        Object::new()
            .with("resourceType", "Binary")
            .with("contentType", content_type)
            .with_some("securityContext", context)
            .with("data", STANDARD.encode(bytes)),
    )
}

/// The bytes of a Binary; none when it has no data, or when they are not base64.
pub fn bytes(binary: &Value) -> Option<Vec<u8>> {
    let plain: Vec<u8> = binary.str("data")?.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(&plain).ok()
}

/// The type of its bytes as a header can carry it: a type and a subtype, perhaps with parameters. What is not one is
/// `application/octet-stream`.
pub fn content_type(binary: &Value) -> &str {
    binary.str("contentType").filter(|text| is_media_type(text)).unwrap_or("application/octet-stream")
}

/// Whether a text is a media type (RFC 9110 section 8.3.1), at most [`LONGEST_TYPE`] long.
pub fn is_media_type(text: &str) -> bool {
    let name = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part != "*" && part.bytes().all(plain)
    };
    let two = name.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    two && text.len() <= LONGEST_TYPE && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        for bytes in [&b"\x00\xff%PDF"[..], b"", b"plain"] {
            let binary = of_bytes("application/pdf", Some("Patient/7"), bytes);
            assert_eq!(super::bytes(&binary).as_deref(), Some(bytes));
            assert_eq!(content_type(&binary), "application/pdf");
        }
        let folded = Value::from([("data", "cGxh\r\n aW4=")]);
        assert_eq!(bytes(&folded).as_deref(), Some(&b"plain"[..]));
        assert_eq!(bytes(&Value::from([("data", "§")])), None);
        assert_eq!(bytes(&Value::from([("id", "x")])), None);
    }

    #[test]
    fn only_a_media_type_becomes_a_header() {
        for (text, fits) in [
            ("application/pdf", true),
            ("text/plain; charset=utf-8", true),
            ("image/svg+xml", true),
            ("pdf", false),
            ("*/*", false),
            ("image/*", false),
            ("text/html\r\nSet-Cookie: a=b", false),
            ("text/plain; x=é", false),
            ("", false),
        ] {
            assert_eq!(is_media_type(text), fits, "{text}");
        }
        assert_eq!(
            content_type(&Value::from([("contentType", "text/html\r\nx: y")])),
            "application/octet-stream"
        );
        assert!(!is_media_type(&format!("text/{}", "x".repeat(300))));
    }
}

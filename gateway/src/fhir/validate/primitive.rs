//! Formats of the primitive types (R4 datatypes, section 2.24.0.1), matched from end to end.

use crate::fhir::datetime::{Moment, is_time};
use crate::fhir::definitions::Primitive;
use crate::fhir::id::LogicalId;
use crate::json::Value;

/// Longest string, bytes (R4 datatypes: 1 MB).
const MOST_STRING: usize = 1024 * 1024;

/// Why a value is not of a primitive type; `None` when it is.
pub fn problem(value: &Value, kind: Primitive) -> Option<String> {
    match (kind, value) {
        (Primitive::Boolean, Value::Bool(_)) => None,
        (Primitive::Boolean, other) => Some(format!("must be true or false, not {}", name_of(other))),
        (Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt, Value::Number(number)) => {
            integer(number.as_str(), kind)
        }
        (Primitive::Decimal, Value::Number(_)) => None,
        (
            Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal,
            other,
        ) => Some(format!("must be a number, not {}", name_of(other))),
        (_, Value::String(text)) => text_problem(text, kind),
        (_, other) => Some(format!("must be a string, not {}", name_of(other))),
    }
}

/// What a JSON value is, in words.
pub fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn integer(text: &str, kind: Primitive) -> Option<String> {
    let least = match kind {
        Primitive::PositiveInt => 1,
        Primitive::UnsignedInt => 0,
        _ => i32::MIN,
    };
    match text.parse::<i32>() {
        Ok(number) if number >= least => None,
        _ => Some(format!("must be a whole number from {least} to {}", i32::MAX)),
    }
}

fn text_problem(text: &str, kind: Primitive) -> Option<String> {
    if text.is_empty() {
        return Some("must not be empty".to_owned());
    }
    if text.len() > MOST_STRING && kind != Primitive::Base64Binary {
        return Some(format!("must not be longer than {MOST_STRING} bytes"));
    }
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return Some("must not hold the characters U+FFFE and U+FFFF, which XML cannot carry".to_owned());
    }
    let fits = match kind {
        Primitive::String | Primitive::Markdown | Primitive::Xhtml => {
            !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{80}'..='\u{9f}'))
        }
        Primitive::Code => is_code(text),
        Primitive::Id => LogicalId::parse(text).is_some(),
        Primitive::Uri | Primitive::Url | Primitive::Canonical => {
            !text.chars().any(|c| c.is_whitespace() || c.is_control())
        }
        Primitive::Oid => is_oid(text),
        Primitive::Uuid => is_uuid(text),
        Primitive::Date => Moment::date(text).is_some(),
        Primitive::DateTime => Moment::date_time(text).is_some(),
        Primitive::Instant => Moment::instant(text).is_some(),
        Primitive::Time => is_time(text),
        Primitive::Base64Binary => is_base64(text),
        Primitive::Boolean
        | Primitive::Integer
        | Primitive::PositiveInt
        | Primitive::UnsignedInt
        | Primitive::Decimal => true,
    };
    (!fits).then(|| format!("is not a valid {}: {}", kind.as_str(), hint(kind)))
}

const fn hint(kind: Primitive) -> &'static str {
    match kind {
        Primitive::Code => "no white space at the ends, single spaces inside",
        Primitive::Id => "1 to 64 letters, digits, hyphens and dots",
        Primitive::Uri | Primitive::Url | Primitive::Canonical => "no white space",
        Primitive::Oid => "urn:oid: and numbers separated by dots",
        Primitive::Uuid => "urn:uuid: and a UUID in lower case",
        Primitive::Date => "YYYY, YYYY-MM or YYYY-MM-DD, a day that exists",
        Primitive::DateTime => "a date, or a date with time to the second and a zone",
        Primitive::Instant => "a date with time to the second and a zone",
        Primitive::Time => "hh:mm:ss, from 00:00:00",
        Primitive::Base64Binary => "groups of four characters of base64",
        Primitive::String
        | Primitive::Markdown
        | Primitive::Xhtml
        | Primitive::Boolean
        | Primitive::Integer
        | Primitive::PositiveInt
        | Primitive::UnsignedInt
        | Primitive::Decimal => "no control characters",
    }
}

fn is_code(text: &str) -> bool {
    text.split([' ', '\t', '\n', '\r']).all(|part| !part.is_empty())
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

fn is_oid(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("urn:oid:") else { return false };
    let mut parts = numbers.split('.');
    let root = parts.next().is_some_and(|first| matches!(first, "0" | "1" | "2"));
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    root && numbers.contains('.') && parts.all(plain)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(n, b)| match n {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

fn is_base64(text: &str) -> bool {
    let mut count = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count > 0 && count.is_multiple_of(4) && padding <= 2
}

//! Token parameters: codes with their systems.
//!
//! Values, by their first byte: 1 code in any system; 2 hash of the system, code (empty where a system stands alone);
//! 3 code without a system. Codes end with 0x00.

use super::index::{self, TermRange};
use super::params::Datatype;
use crate::json::Value;

const ANY_SYSTEM: u8 = 1;
const IN_SYSTEM: u8 = 2;
const NO_SYSTEM: u8 = 3;

/// Values of an element of a data type; `implied` is the system of a bound code.
pub fn values(element: &Value, datatype: Datatype, implied: Option<&str>, out: &mut Vec<Vec<u8>>) {
    match (element, datatype) {
        (Value::Object(_), Datatype::CodeableConcept) => {
            for coding in element.items("coding") {
                pair(coding.str("system"), coding.str("code"), out);
            }
        }
        (Value::Object(_), Datatype::Coding) => pair(element.str("system"), element.str("code"), out),
        (Value::Object(_), Datatype::Identifier) => pair(element.str("system"), element.str("value"), out),
        (Value::Object(_), Datatype::ContactPoint) => pair(None, element.str("value"), out),
        (Value::Bool(_), Datatype::Deceased) => {
            pair(None, element.as_bool().map(|b| if b { "true" } else { "false" }), out)
        }
        // A date of death says as much as `true`.
        (Value::String(_), Datatype::Deceased) => pair(None, Some("true"), out),
        (Value::Bool(flag), _) => pair(None, Some(if *flag { "true" } else { "false" }), out),
        (Value::String(code), _) => pair(implied, Some(code), out),
        _ => {}
    }
}

fn pair(system: Option<&str>, code: Option<&str>, out: &mut Vec<Vec<u8>>) {
    let code = code.filter(|c| !c.is_empty());
    if let Some(code) = code {
        out.push(with_code(&[ANY_SYSTEM], code));
    }
    match (system.filter(|s| !s.is_empty()), code) {
        (Some(system), code) => out.push(with_code(&tagged(system), code.unwrap_or_default())),
        (None, Some(code)) => out.push(with_code(&[NO_SYSTEM], code)),
        (None, None) => {}
    }
}

fn tagged(system: &str) -> Vec<u8> {
    let mut out = vec![IN_SYSTEM];
    out.extend_from_slice(&index::short_hash(system));
    out
}

fn with_code(head: &[u8], code: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + code.len() + 1);
    out.extend_from_slice(head);
    index::push_exact(code, &mut out);
    out
}

/// The range of `code` (system not named), `system|code`, `|code` (system empty) or `system|` (code empty).
pub fn range(param: u16, system: Option<&str>, code: &str) -> Option<TermRange> {
    let value = match (system, code) {
        (None | Some(""), "") => return None,
        (None, code) => with_code(&[ANY_SYSTEM], code),
        (Some(""), code) => with_code(&[NO_SYSTEM], code),
        (Some(system), "") => tagged(system),
        (Some(system), code) => with_code(&tagged(system), code),
    };
    Some(TermRange::prefix(param, value))
}

/// The values to sort by: codes.
pub fn sorted(param: u16) -> TermRange {
    TermRange::prefix(param, vec![ANY_SYSTEM])
}

//! A universal test id (R-3, O-5): the analyser's own code, LOINC where it sends it, what the channel's table says.

use crate::json::{Object, Value};

use super::Scope;
use super::account::Spot;

/// A test as a concept, and what tells it from the analyser's others.
pub(super) struct Test {
    pub concept: Value,
    /// The analyser's own code: the components without LOINC, empty ones at both ends left out.
    pub key: String,
    pub shown: String,
}

/// The test at a place; `None` when the place is empty. All components go into the code.
pub(super) fn test(scope: &Scope<'_>, spot: Spot<'_>) -> Option<Test> {
    if !spot.has_content() {
        return None;
    }
    spot.mark();
    let parts = spot.parts();
    let loinc = parts.iter().find(|part| is_loinc(part)).cloned();
    let own: Vec<&str> = parts.iter().map(String::as_str).map(|p| if is_loinc(p) { "" } else { p }).collect();
    let first = own.iter().position(|p| !p.is_empty()).unwrap_or(0);
    let last = own.iter().rposition(|p| !p.is_empty()).map_or(0, |at| at + 1);
    let words = own.get(first..last).unwrap_or_default();
    let key = code_text(&words.join("^"));
    let number = |word: &&str| word.bytes().all(|b| b.is_ascii_digit());
    let filled: Vec<&str> = words.iter().copied().filter(|w| !w.is_empty()).collect();
    // Counters and dilutions stand behind the name; they are in the code.
    let named: Vec<&str> = filled.iter().copied().filter(|w| !number(w)).collect();
    let shown = if named.is_empty() { filled.join(" ") } else { named.join(" ") };
    let shown = if shown.is_empty() { loinc.clone().unwrap_or_default() } else { shown };
    let mut codings = Vec::new();
    if let Some(code) = &loinc {
        codings
            .push(Value::from(Object::new().with("system", "http://loinc.org").with("code", code.as_str())));
    }
    let known = scope.context.codes.iter().find(|code| code.local == key);
    if let Some(known) = known {
        let coding = Object::new()
            .with("system", known.system.as_str())
            .with("code", known.code.as_str())
            .with("display", known.display.as_str());
        codings.push(coding.into());
    }
    if !key.is_empty() {
        let own = Object::new().with("system", scope.system.as_str()).with("code", key.as_str());
        codings.push(own.with("display", shown.as_str()).into());
    }
    if loinc.is_none() && known.is_none() {
        spot.unknown_code(&key);
    }
    let key = if key.is_empty() { loinc.unwrap_or_default() } else { key };
    let concept = Object::new().with("coding", codings).with("text", shown.as_str());
    Some(Test { concept: concept.into(), key, shown })
}

/// A LOINC code with its check digit (mod 10, LOINC Users' Guide).
fn is_loinc(text: &str) -> bool {
    let Some((number, check)) = text.split_once('-') else { return false };
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    if digits.len() != number.len() || !(3..=7).contains(&digits.len()) || check.len() != 1 {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, d)| if at % 2 == 0 { d * 2 / 10 + d * 2 % 10 } else { *d })
        .sum();
    check.chars().next().and_then(|c| c.to_digit(10)) == Some((10 - sum % 10) % 10)
}

/// A FHIR `code` has no leading, trailing or double blanks.
pub(super) fn code_text(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loinc_is_known_by_its_check_digit() {
        for (text, expected) in [
            ("718-7", true),
            ("2823-3", true),
            ("21000-5", true),
            ("5905-5", true),
            ("2823-4", false),
            ("24-0370", false),
            ("RDW-CV", false),
            ("1-8", false),
            ("-3", false),
        ] {
            assert_eq!(is_loinc(text), expected, "{text}");
        }
    }
}

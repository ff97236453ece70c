//! OBX-5 by the type that OBX-2 states, with unit and reference range.
//!
//! Digits are kept as they were sent. What does not read as its type becomes text with a warning, never a guess.

use crate::hl7::datetime;
use crate::json::{Number, Object, Value};

use super::book::Spot;
use super::codes;
use super::draft::Draft;
use super::types;

const UCUM: &str = "http://unitsofmeasure.org";

/// An attachment found in an OBX, for the report.
pub(super) struct Attached<'a> {
    pub json: Value,
    pub spot: Spot<'a>,
}

/// What OBX-5 said, for a person: the text without the unit.
#[derive(Default)]
pub(super) struct Shown<'a> {
    pub text: Option<String>,
    pub attached: Option<Attached<'a>>,
}

/// Sets `value[x]` of an Observation from OBX-2, OBX-5 and OBX-6.
pub(super) fn set<'a>(draft: &mut Draft, kind: Spot<'a>, value: Spot<'a>, unit: Spot<'a>) -> Shown<'a> {
    let stated = kind.c(1).take().map(|t| t.to_ascii_uppercase());
    if !value.has_content() {
        value.deleted();
        return Shown::default();
    }
    let text = match stated.as_deref() {
        Some("NM") => number(draft, value, unit, true),
        Some("SN") => structured(draft, value, unit),
        Some("ST" | "TX" | "FT" | "SI") => string(draft, value),
        Some("CE" | "CWE" | "CNE" | "CF" | "IS" | "ID") => coded(draft, value),
        Some("DT" | "TS" | "DTM") => moment(draft, value),
        Some("TM") => time(draft, value),
        Some("DR") => {
            let period = types::period(value.c(1), value.c(2));
            let shown = period
                .as_ref()
                .map(|p| format!("{} / {}", p.str("start").unwrap_or(""), p.str("end").unwrap_or("")));
            draft.set("valuePeriod", period, value);
            shown
        }
        Some("NR") => range(draft, value.c(1), value.c(2), unit, value),
        Some("ED") => return Shown { text: None, attached: data(value) },
        Some("RP") => return Shown { text: None, attached: pointer(value) },
        None => {
            kind.warn(
                "typeMissing",
                "The type of the value is missing; a number is taken as one, all else as text.",
            );
            number(draft, value, unit, false).or_else(|| string(draft, value))
        }
        Some(_) => {
            kind.warn("typeUnknown", "The type of the value is not mapped here; it is kept as text.");
            string(draft, value)
        }
    };
    Shown { text, attached: None }
}

/// What an OBX of a document holds.
pub(super) enum Content<'a> {
    Attached(Attached<'a>),
    Text(String),
    Nothing,
}

/// OBX-5 as content of a document: data, a pointer to it, or lines of text.
pub(super) fn content<'a>(kind: Spot<'a>, value: Spot<'a>) -> Content<'a> {
    let stated = kind.c(1).take().map(|t| t.to_ascii_uppercase());
    if !value.has_content() {
        return Content::Nothing;
    }
    let attached = match stated.as_deref() {
        Some("ED") => data(value),
        Some("RP") => pointer(value),
        Some(_) | None => {
            let lines: Vec<String> = value.reps().iter().map(|s| s.peek().unwrap_or_default()).collect();
            value.mark();
            return Content::Text(lines.join("\n"));
        }
    };
    attached.map_or(Content::Nothing, Content::Attached)
}

/// A quantity with the digits as sent; `<5` and `>100` become comparators.
fn number(draft: &mut Draft, value: Spot<'_>, unit: Spot<'_>, stated: bool) -> Option<String> {
    let text = value.c(1).peek()?;
    let single = value.reps().len() == 1;
    if !single && let Some(shown) = numbers(draft, value, unit) {
        return Some(shown);
    }
    match split_number(&text).filter(|_| single) {
        Some((comparator, digits)) => {
            value.c(1).mark();
            let quantity = quantity(&digits, comparator, unit);
            draft.set("valueQuantity", Some(quantity), value);
            if unit.has_content() {
                draft.link(unit, "/valueQuantity/unit");
            }
            Some(text)
        }
        None if stated => {
            value.warn("notANumber", "The value is stated to be a number and is none; it is kept as text.");
            string(draft, value)
        }
        None => None,
    }
}

/// Several numbers, each a component with the code of the whole; `None` when one of them is no number.
fn numbers(draft: &mut Draft, value: Spot<'_>, unit: Spot<'_>) -> Option<String> {
    let spots = value.reps();
    let all: Option<Vec<_>> = spots.iter().map(|s| split_number(&s.c(1).peek()?)).collect();
    let mut shown = Vec::new();
    for ((comparator, digits), spot) in all?.into_iter().zip(spots) {
        shown.push(spot.c(1).take().unwrap_or_default());
        let code = draft.body.get("code").cloned().unwrap_or_default();
        let quantity = quantity(&digits, comparator, unit);
        draft.push("component", Some(Object::new().with("code", code).with("valueQuantity", quantity)), spot);
    }
    Some(shown.join(", "))
}

/// A comparator and a JSON number; `None` when the text is no plain number. `1,234.5` is none: a comma is a decimal
/// point in some countries and a separator in others.
pub(super) fn split_number(text: &str) -> Option<(Option<&'static str>, Number)> {
    let (comparator, rest) =
        [("<=", "<="), (">=", ">="), ("<", "<"), (">", ">"), ("\u{2264}", "<="), ("\u{2265}", ">=")]
            .into_iter()
            .find_map(|(mark, code)| text.strip_prefix(mark).map(|rest| (Some(code), rest)))
            .unwrap_or((None, text));
    Some((comparator, json_number(rest.trim())?))
}

/// `+5`, `.5`, `5.` and `007` in the spelling that JSON allows; the value and its decimals stay.
pub(super) fn json_number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') || digits.len() > 40 {
        return None;
    }
    let (whole, fraction) = match digits.split_once('.') {
        Some((w, f)) if !f.contains('.') => (w, f),
        Some(_) => return None,
        None => (digits, ""),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let dot = if fraction.is_empty() { "" } else { "." };
    Number::parse(&format!("{sign}{whole}{dot}{fraction}"))
}

fn quantity(number: &Number, comparator: Option<&str>, unit: Spot<'_>) -> Object {
    let base = Object::new().with("value", number.clone()).with_some("comparator", comparator);
    with_unit(base, unit)
}

pub(super) fn with_unit(base: Object, unit: Spot<'_>) -> Object {
    let (code, text) = (unit.c(1).peek(), unit.c(2).take());
    let system = unit.c(3).peek().filter(|_| code.is_some()).inspect(|_| unit.c(3).mark());
    let Some(shown) = text.clone().or_else(|| code.clone()) else { return base };
    if let Some(own) = code.as_ref().and_then(|c| unit.book.maps.own("unit", c)) {
        // The clinic says what the sender means by it; the words stay.
        unit.c(1).mark();
        return base.with("unit", shown).with("system", own.system).with("code", own.code);
    }
    let uri = match (&code, &system) {
        (Some(_), Some(s)) => codes::code_system(s).or_else(|| Some(super::ids::local_system(s))),
        (Some(c), None) if codes::is_common_ucum(c) => Some(UCUM.to_owned()),
        (_, _) => None,
    };
    if uri.is_some() || text.is_none() {
        unit.c(1).mark();
    }
    let base = base.with("unit", shown);
    match (uri, code) {
        (Some(uri), Some(code)) => base.with("system", uri).with("code", types::code_text(&code)),
        (_, _) => base,
    }
}

/// SN: comparator, number, separator, number: a quantity, a range, a ratio, or text.
fn structured(draft: &mut Draft, value: Spot<'_>, unit: Spot<'_>) -> Option<String> {
    let parts: Vec<String> = (1..=4).map(|n| value.c(n).peek().unwrap_or_default()).collect();
    let shown = parts.concat();
    let get = |n: usize| parts.get(n).map(String::as_str).unwrap_or_default();
    let (first, second) = (json_number(get(1)), json_number(get(3)));
    let comparator = match get(0) {
        "" | "=" => Some(None),
        "<" => Some(Some("<")),
        ">" => Some(Some(">")),
        "<=" => Some(Some("<=")),
        ">=" => Some(Some(">=")),
        _ => None,
    };
    let mark = || (1..=4).for_each(|n| value.c(n).mark());
    match (comparator, get(2), first, second) {
        (Some(comparator), "", Some(n), None) if get(3).is_empty() => {
            mark();
            draft.set("valueQuantity", Some(quantity(&n, comparator, unit)), value);
        }
        (Some(None), "-", Some(_), Some(_)) => {
            return range(draft, value.c(2), value.c(4), unit, value).map(|_| {
                mark();
                shown
            });
        }
        (Some(None), ":" | "/", Some(a), Some(b)) => {
            mark();
            let part = |n: Number| Object::new().with("value", n);
            let ratio = Object::new().with("numerator", part(a)).with("denominator", part(b));
            draft.set("valueRatio", Some(ratio), value);
            unit.c(1).peek().inspect(|_| unit.warn("unitOfRatio", "A ratio has no unit in the record."));
        }
        (_, _, _, _) => {
            mark();
            draft.set("valueString", (!shown.is_empty()).then_some(shown.as_str()), value);
        }
    }
    (!shown.is_empty()).then_some(shown)
}

fn range(
    draft: &mut Draft,
    low: Spot<'_>,
    high: Spot<'_>,
    unit: Spot<'_>,
    value: Spot<'_>,
) -> Option<String> {
    let read = |s: Spot<'_>| s.peek().and_then(|t| json_number(&t)).inspect(|_| s.mark());
    let (a, b) = (read(low), read(high));
    if a.is_none() && b.is_none() {
        return string(draft, value);
    }
    let text = |n: &Option<Number>| n.as_ref().map(Number::as_str).unwrap_or_default().to_owned();
    let shown = format!("{}-{}", text(&a), text(&b));
    let part = |n: Option<Number>| n.map(|n| with_unit(Object::new().with("value", n), unit));
    draft.set("valueRange", Some(Object::new().with_some("low", part(a)).with_some("high", part(b))), value);
    Some(shown)
}

/// All repetitions as lines of one text; components that a text should not have stay in it as they were sent.
fn string(draft: &mut Draft, value: Spot<'_>) -> Option<String> {
    let lines: Vec<String> = value.reps().iter().filter_map(Spot::peek).collect();
    value.mark();
    let text = lines.join("\n");
    draft.set("valueString", (!text.is_empty()).then_some(text.as_str()), value);
    (!text.is_empty()).then_some(text)
}

/// One coded value; further repetitions become components, as each is a value of its own.
fn coded(draft: &mut Draft, value: Spot<'_>) -> Option<String> {
    let concepts: Vec<(Value, Spot<'_>)> =
        value.reps().into_iter().filter_map(|s| Some((types::cwe(s)?, s))).collect();
    let shown: Vec<String> = concepts.iter().map(|(c, _)| shown_concept(c)).collect();
    let several = concepts.len() > 1;
    for (concept, spot) in concepts {
        if several {
            let code = draft.body.get("code").cloned().unwrap_or_default();
            draft.push(
                "component",
                Some(Object::new().with("code", code).with("valueCodeableConcept", concept)),
                spot,
            );
        } else {
            draft.set("valueCodeableConcept", Some(concept), spot);
        }
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// A concept as a person reads it.
pub(super) fn shown_concept(concept: &Value) -> String {
    let code = || concept.items("coding").first().and_then(|c| c.str("code"));
    concept.str("text").or_else(code).unwrap_or("").to_owned()
}

fn moment(draft: &mut Draft, value: Spot<'_>) -> Option<String> {
    match value.date_time() {
        Some(when) => {
            draft.set("valueDateTime", Some(when.as_str()), value);
            Some(when)
        }
        None => string(draft, value),
    }
}

fn time(draft: &mut Draft, value: Spot<'_>) -> Option<String> {
    match value.c(1).peek().as_deref().and_then(datetime::time_of_day) {
        Some(time) => {
            value.c(1).mark();
            draft.set("valueTime", Some(time.as_str()), value);
            Some(time)
        }
        None => {
            value.warn("badTime", "The value is stated to be a time and is none; it is kept as text.");
            string(draft, value)
        }
    }
}

/// ED: source, type, subtype, encoding, data.
fn data<'a>(value: Spot<'a>) -> Option<Attached<'a>> {
    let source = value.c(1).take();
    let content = content_type(value);
    let encoding = value.c(4).take().unwrap_or_default();
    let data = value.c(5).peek()?;
    let body = Object::new().with_some("contentType", content);
    let body = match encoding.to_ascii_uppercase().as_str() {
        "BASE64" => {
            let compact: String = data.chars().filter(|c| !c.is_whitespace()).collect();
            let valid = compact.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
            if !valid || !compact.len().is_multiple_of(4) {
                value.warn("badBase64", "The attached data is not valid base64; it was left out.");
                return None;
            }
            body.with("data", compact)
        }
        "HEX" => match hex_bytes(&data) {
            Some(bytes) => body.with("data", base64(&bytes)),
            None => {
                value.warn("badHex", "The attached data is not valid hexadecimal; it was left out.");
                return None;
            }
        },
        _ => body.with("data", base64(data.as_bytes())),
    };
    value.c(5).mark();
    Some(Attached { json: body.with_some("title", source).into(), spot: value })
}

/// RP: pointer, application, type, subtype.
fn pointer<'a>(value: Spot<'a>) -> Option<Attached<'a>> {
    let url = value.c(1).take()?;
    value.c(2).take();
    let kind = [value.c(3).take(), value.c(4).take()];
    let [Some(main), Some(sub)] = kind else {
        return Some(Attached { json: Object::new().with("url", url).into(), spot: value });
    };
    let json = Object::new().with("contentType", mime(&main, &sub)).with("url", url);
    Some(Attached { json: json.into(), spot: value })
}

fn content_type(value: Spot<'_>) -> Option<String> {
    let (main, sub) = (value.c(2).take(), value.c(3).take());
    match (main, sub) {
        (Some(main), Some(sub)) => Some(mime(&main, &sub)),
        (Some(one), None) | (None, Some(one)) => Some(mime("AP", &one)),
        (None, None) => None,
    }
}

fn mime(main: &str, sub: &str) -> String {
    let main = match main.to_ascii_uppercase().as_str() {
        "IM" | "IMAGE" => "image",
        "AU" | "AUDIO" => "audio",
        "TEXT" | "TX" | "FT" => "text",
        "MULTIPART" => "multipart",
        _ => "application",
    };
    format!("{main}/{}", sub.to_ascii_lowercase())
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    digits.chunks(2).map(|p| Some(nibble(p.first()?)? << 4 | nibble(p.get(1)?)?)).collect()
}

/// RFC 4648 base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let six = (n >> (18 - 6 * i)) & 63;
            let letter = ALPHABET.get(six as usize).copied().unwrap_or(b'A');
            out.push(if i <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// OBX-7: `3.5-5.1`, `<5`, `>60` and the like as limits, and always the text as sent.
pub(super) fn reference_range(spot: Spot<'_>, unit: Spot<'_>) -> Option<Value> {
    let text = spot.c(1).peek()?;
    spot.c(1).mark();
    let limit = |n: Number| Value::from(with_unit(Object::new().with("value", n), unit));
    let (low, high) = limits(&text);
    Some(
        Object::new()
            .with_some("low", low.map(limit))
            .with_some("high", high.map(limit))
            .with("text", text)
            .into(),
    )
}

pub(super) fn limits(text: &str) -> (Option<Number>, Option<Number>) {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("<=").or_else(|| text.strip_prefix('<')) {
        return (None, json_number(rest.trim()));
    }
    if let Some(rest) = text.strip_prefix(">=").or_else(|| text.strip_prefix('>')) {
        return (json_number(rest.trim()), None);
    }
    // The dash that separates is not the sign of the first number.
    let dash = text.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '\u{2013}'));
    let parts = dash
        .map(|(at, c)| (text.get(..at), text.get(at + c.len_utf8()..)))
        .or_else(|| text.split_once(" to ").map(|(a, b)| (Some(a), Some(b))));
    let Some((Some(low), Some(high))) = parts else { return (None, None) };
    match (json_number(low.trim()), json_number(high.trim())) {
        (Some(low), Some(high)) => (Some(low), Some(high)),
        (_, _) => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for (text, expected) in [
            ("5.10", Some("5.10")),
            ("+5", Some("5")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("007", Some("7")),
            ("-0.50", Some("-0.50")),
            ("0", Some("0")),
            ("1,234", None),
            ("1:40", None),
            ("1.2.3", None),
            (".", None),
            ("-", None),
            ("५", None),
        ] {
            assert_eq!(json_number(text).as_ref().map(Number::as_str), expected, "{text}");
        }
        assert_eq!(
            split_number("<15").map(|(c, n)| (c, n.as_str().to_owned())),
            Some((Some("<"), "15".into()))
        );
        assert_eq!(split_number(">= 100").map(|(c, _)| c), Some(Some(">=")));
        assert!(split_number("positive").is_none());
    }

    #[test]
    fn ranges_are_read_when_they_are_ranges() {
        let read = |t| {
            let (a, b) = limits(t);
            (a.map(|n| n.as_str().to_owned()), b.map(|n| n.as_str().to_owned()))
        };
        let s = |t: &str| Some(t.to_owned());
        assert_eq!(read("3.5-5.1"), (s("3.5"), s("5.1")));
        assert_eq!(read("3.5 - 5.30"), (s("3.5"), s("5.30")));
        assert_eq!(read("-2.0-2.0"), (s("-2.0"), s("2.0")));
        assert_eq!(read("<5"), (None, s("5")));
        assert_eq!(read(">60"), (s("60"), None));
        assert_eq!(read("70 to 100"), (s("70"), s("100")));
        assert_eq!(read("[ ]"), (None, None));
        assert_eq!(read("negative"), (None, None));
    }

    #[test]
    fn bytes_become_base64() {
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }
}

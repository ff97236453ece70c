//! `value[x]` to OBX-2, OBX-5 and OBX-6, and reference ranges to OBX-7.

use crate::hl7::encode::Content;
use crate::json::Value;

use crate::map::order::VALUE;

use super::codes;
use super::segment::{parts, repeats, text};
use super::types::{cwe, dtm, period};

/// OBX-2, OBX-5, OBX-6.
pub(super) struct Typed {
    pub kind: &'static str,
    pub value: Content,
    pub unit: Content,
}

impl Typed {
    fn of(kind: &'static str, value: Content) -> Self {
        Self { kind, value, unit: Content::Empty }
    }
}

/// The value of an Observation or of a component; `None` when it has none of a type that HL7 v2 knows.
pub(super) fn typed(holder: &Value) -> Option<Typed> {
    let get = |key: &str| holder.get(key);
    let document = holder.items("extension").iter().find(|e| e.str("url") == Some(VALUE));
    if let Some(document) = document.and_then(|e| e.get("valueAttachment")) {
        return attachment(document);
    }
    if let Some(quantity) = get("valueQuantity") {
        let value = digits(quantity.get("value"));
        let unit = unit(quantity);
        return Some(match quantity.str("comparator") {
            None => Typed { kind: "NM", value, unit },
            Some(comparator) => Typed { kind: "SN", value: parts(vec![comparator.into(), value]), unit },
        });
    }
    if let Some(concept) = get("valueCodeableConcept") {
        return Some(Typed::of("CWE", cwe(concept)));
    }
    if let Some(words) = holder.str("valueString") {
        let kind = if words.contains('\n') { "FT" } else { "ST" };
        return Some(Typed::of(kind, words.into()));
    }
    if let Some(number) = get("valueInteger") {
        return Some(Typed::of("NM", digits(Some(number))));
    }
    if let Some(yes) = get("valueBoolean").and_then(Value::as_bool) {
        let (code, display) = if yes { ("Y", "Yes") } else { ("N", "No") };
        return Some(Typed::of("CWE", Content::from([code, display, "HL70136"])));
    }
    if let Some(moment) = holder.str("valueDateTime") {
        let kind = if moment.contains('T') { "TS" } else { "DT" };
        return Some(Typed::of(kind, dtm(Some(moment))));
    }
    if let Some(time) = holder.str("valueTime") {
        let digits: String = time.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        return Some(Typed::of("TM", digits.as_str().into()));
    }
    if let Some(stretch) = get("valuePeriod") {
        let (from, to) = period(Some(stretch));
        return Some(Typed::of("DR", parts(vec![dtm(from), dtm(to)])));
    }
    if let Some(range) = get("valueRange") {
        let limit = |key| range.get(key);
        let number = |key| digits(limit(key).and_then(|q| q.get("value")));
        let unit = limit("low").or_else(|| limit("high")).map_or(Content::Empty, unit);
        return Some(Typed { kind: "NR", value: parts(vec![number("low"), number("high")]), unit });
    }
    if let Some(ratio) = get("valueRatio") {
        let number = |key| digits(ratio.get(key).and_then(|q| q.get("value")));
        let value = parts(vec![Content::Empty, number("numerator"), ":".into(), number("denominator")]);
        return Some(Typed::of("SN", value));
    }
    if let Some(sampled) = get("valueSampledData") {
        let data = sampled.str("data").unwrap_or_default();
        return Some(Typed::of("NA", parts(data.split(' ').map(Content::from).collect())));
    }
    None
}

/// Several values of one question: repetitions of one OBX.
pub(super) fn repeated(observation: &Value) -> Option<Typed> {
    let components = observation.items("component");
    let code = observation.get("code");
    let all_are = |key: &str| components.iter().all(|c| c.get("code") == code && c.get(key).is_some());
    let values = |key: &'static str| components.iter().filter_map(move |c| c.get(key));
    if components.is_empty() {
        None
    } else if all_are("valueCodeableConcept") {
        Some(Typed::of("CWE", repeats(values("valueCodeableConcept").map(cwe))))
    } else if all_are("valueQuantity") {
        let number = |q: &Value| match (q.str("comparator"), digits(q.get("value"))) {
            (Some(sign), Content::Text(digits)) => Content::from(format!("{sign}{digits}").as_str()),
            (_, digits) => digits,
        };
        let unit = values("valueQuantity").next().map_or(Content::Empty, unit);
        Some(Typed { kind: "NM", value: repeats(values("valueQuantity").map(number)), unit })
    } else {
        None
    }
}

/// A number as it is spelled.
pub(super) fn digits(number: Option<&Value>) -> Content {
    text(number.and_then(Value::as_number).map(|n| n.as_str()))
}

/// OBX-6 of a quantity.
pub(super) fn unit(quantity: &Value) -> Content {
    let (shown, code) = (quantity.str("unit"), quantity.str("code"));
    match (code, quantity.str("system")) {
        (Some(code), Some(system)) => parts(vec![
            code.into(),
            text(shown.filter(|shown| *shown != code)),
            codes::system_name(system).as_str().into(),
        ]),
        (_, _) => text(shown.or(code)),
    }
}

/// OBX-7: the words of a range, or its limits.
pub(super) fn range(range: &Value) -> Option<String> {
    if let Some(words) = range.str("text") {
        return Some(words.to_owned());
    }
    let limit = |key| Some(range.get(key)?.get("value")?.as_number()?.as_str());
    match (limit("low"), limit("high")) {
        (Some(low), Some(high)) => Some(format!("{low}-{high}")),
        (Some(low), None) => Some(format!(">={low}")),
        (None, Some(high)) => Some(format!("<={high}")),
        (None, None) => None,
    }
}

/// ED or RP of an attachment: the bytes themselves, or where they lie.
pub(super) fn attachment(attachment: &Value) -> Option<Typed> {
    let (main, sub) = attachment.str("contentType").unwrap_or("application/octet-stream").split_once('/')?;
    let sub = sub.split(';').next().unwrap_or_default().trim();
    let main = match main {
        "image" => "IM",
        "audio" => "AU",
        "text" => "TEXT",
        "multipart" => "multipart",
        _ => "AP",
    };
    if let Some(data) = attachment.str("data") {
        let all = vec![Content::Empty, main.into(), sub.into(), "Base64".into(), data.into()];
        return Some(Typed::of("ED", parts(all)));
    }
    let url = attachment.str("url")?;
    Some(Typed::of("RP", parts(vec![url.into(), Content::Empty, main.into(), sub.into()])))
}

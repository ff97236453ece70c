//! What form the peer sends and wants: `Content-Type`, `Accept`, `_format`, `_pretty`, `Prefer`.
//!
//! Rules of the FHIR RESTful API, R4 section 3.1.0.1: `_format` wins over `Accept`; unsupported content is 415, an
//! unacceptable answer is 406; a browser's `Accept` gets JSON.

use http::{HeaderMap, StatusCode, header};

use crate::http::error::HttpError;

/// Media type of every FHIR answer.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// What the peer wants back after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Minimal,
    Representation,
    OperationOutcome,
}

/// How strictly search parameters are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    Strict,
    Lenient,
}

/// What the peer stated about the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub pretty: bool,
    /// None when the peer did not say; the interaction has its own default then.
    pub back: Option<Return>,
    pub handling: Handling,
}

/// Reads the wish from headers and general parameters; 406 when no form that the box has is acceptable.
pub fn wish(headers: &HeaderMap, parameters: &[(String, String)]) -> Result<Wish, HttpError> {
    let last = |name: &str| parameters.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    match last("_format") {
        Some(format) if !json_type(format, true) => return Err(not_acceptable(format)),
        Some(_) => {}
        None => accept(headers)?,
    }
    let (mut back, mut handling) = (None, Handling::Lenient);
    for preference in list(headers, "prefer") {
        match preference.split_once('=').map(|(k, v)| (k.trim(), v.trim().trim_matches('"'))) {
            Some(("return", "minimal")) => back = Some(Return::Minimal),
            Some(("return", "representation")) => back = Some(Return::Representation),
            Some(("return", "OperationOutcome")) => back = Some(Return::OperationOutcome),
            Some(("handling", "strict")) => handling = Handling::Strict,
            Some(("handling", "lenient")) => handling = Handling::Lenient,
            // RFC 7240: preferences that are not known are ignored.
            _ => {}
        }
    }
    Ok(Wish { pretty: last("_pretty") == Some("true"), back, handling })
}

/// Refuses a body that is not FHIR JSON in UTF-8.
pub fn content(headers: &HeaderMap) -> Result<(), HttpError> {
    let refuse = |shown: &str| {
        let message = format!("The box takes application/fhir+json in UTF-8, not \"{}\".", shorten(shown));
        HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupportedType", "not-supported", message)
    };
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Err(refuse("no type")) };
    let value = value.to_str().map_err(|_| refuse("an unreadable type"))?;
    if json_type(value, false) { Ok(()) } else { Err(refuse(value)) }
}

fn accept(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut any = false;
    for range in list(headers, "accept") {
        any = true;
        let refused = range.split(';').skip(1).any(|p| is_zero_quality(p.trim()));
        if !refused && json_range(range) {
            return Ok(());
        }
    }
    if !any {
        return Ok(());
    }
    let shown = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("this");
    Err(not_acceptable(shown))
}

fn is_zero_quality(parameter: &str) -> bool {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    value.is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
}

fn json_range(range: &str) -> bool {
    let name = range.split(';').next().unwrap_or_default().trim();
    matches!(name, "*/*" | "application/*") || json_type(range, false)
}

/// Whether a media type (with parameters) means FHIR JSON of R4. `_format` knows short words too.
fn json_type(text: &str, short: bool) -> bool {
    let mut parts = text.split(';');
    // In a query `+` may have been read as a space.
    let name = parts.next().unwrap_or_default().trim().replace(' ', "+").to_ascii_lowercase();
    let known = matches!(
        name.as_str(),
        "application/fhir+json" | "application/json" | "application/json+fhir" | "text/json"
    );
    (known || short && name == "json")
        && parts.all(|parameter| match parameter.trim().split_once('=') {
            Some((key, value)) => match key.trim().to_ascii_lowercase().as_str() {
                "charset" => value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"),
                "fhirversion" => matches!(value.trim().trim_matches('"'), "4.0" | "4.0.1"),
                _ => true,
            },
            None => true,
        })
}

fn not_acceptable(shown: &str) -> HttpError {
    let message = format!("The box answers application/fhir+json of FHIR 4.0, not \"{}\".", shorten(shown));
    HttpError::new(StatusCode::NOT_ACCEPTABLE, "notAcceptable", "not-supported", message)
}

fn list<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|part| !part.is_empty())
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_answer_is_json_or_a_refusal() {
        let check = |accept: Option<&str>, format: Option<&str>, expected: u16| {
            let headers = accept.map(|a| headers("accept", a)).unwrap_or_default();
            let parameters: Vec<_> =
                format.map(|f| ("_format".to_owned(), f.to_owned())).into_iter().collect();
            let got = wish(&headers, &parameters).map_or_else(|e| e.status.as_u16(), |_| 200);
            assert_eq!(got, expected, "{accept:?} {format:?}");
        };
        check(None, None, 200);
        check(Some("*/*"), None, 200);
        check(Some("application/fhir+json"), None, 200);
        check(Some("application/fhir+json; fhirVersion=4.0"), None, 200);
        check(Some("application/fhir+json; fhirVersion=5.0"), None, 406);
        check(Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), None, 200);
        check(Some("application/fhir+xml"), None, 406);
        check(Some("application/fhir+xml, application/json;q=0"), None, 406);
        check(Some("application/fhir+xml"), Some("json"), 200);
        check(Some("application/fhir+json"), Some("xml"), 406);
        check(None, Some("application/fhir json"), 200);
    }

    #[test]
    fn a_body_is_fhir_json_in_utf8() {
        let check = |value: &str, expected: bool| {
            assert_eq!(content(&headers("content-type", value)).is_ok(), expected, "{value}");
        };
        check("application/fhir+json", true);
        check("application/fhir+json; charset=UTF-8", true);
        check("application/json;charset=\"utf-8\"", true);
        check("application/fhir+json; charset=iso-8859-1", false);
        check("application/fhir+json; fhirVersion=5.0", false);
        check("application/fhir+xml", false);
        check("text/plain", false);
        assert_eq!(content(&HeaderMap::new()).unwrap_err().status, 415);
    }

    #[test]
    fn preferences_are_read_and_unknown_ones_ignored() {
        let wish =
            wish(&headers("prefer", "return=minimal, handling=strict, respond-async, x=1"), &[]).unwrap();
        assert_eq!((wish.back, wish.handling), (Some(Return::Minimal), Handling::Strict));
    }
}

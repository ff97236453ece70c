//! What form the peer sends and wants: `Content-Type`, `Accept`, `_format`, `_pretty`, `Prefer`.
//!
//! Rules of the FHIR RESTful API, R4 section 3.1.0.1: `_format` wins over `Accept`; unsupported content is 415, an
//! unacceptable answer is 406; a browser's `Accept` gets JSON.

use http::{HeaderMap, StatusCode, header};

use super::media::{Accepted, Form, accepted, list};
use crate::http::error::HttpError;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    pub form: Form,
    pub pretty: bool,
}

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
    pub shape: Shape,
    /// None when the peer did not say; the interaction has its own default then.
    pub back: Option<Return>,
    pub handling: Handling,
}

/// The form of the answer by general parameters and headers; 406 when no form that the box has is acceptable.
pub fn shape(headers: &HeaderMap, parameters: &[(String, String)]) -> Result<Shape, HttpError> {
    let last = |name: &str| parameters.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let form = match last("_format") {
        Some(format) => Form::of_parameter(format).ok_or_else(|| not_acceptable(format))?,
        None => match accepted(headers) {
            Accepted::Anything => Form::Json,
            Accepted::Form(form) => form,
            Accepted::Nothing => {
                let shown = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("this");
                return Err(not_acceptable(shown));
            }
        },
    };
    Ok(Shape { form, pretty: last("_pretty") == Some("true") })
}

/// Reads the wish from headers and general parameters; 406 when no form that the box has is acceptable.
pub fn wish(headers: &HeaderMap, parameters: &[(String, String)]) -> Result<Wish, HttpError> {
    Ok(Wish { shape: shape(headers, parameters)?, ..preferred(headers, parameters) })
}

/// The same where the answer may have another form than FHIR's; FHIR answers are JSON then.
pub fn preferred(headers: &HeaderMap, parameters: &[(String, String)]) -> Wish {
    let shape = shape(headers, parameters).unwrap_or_default();
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
    Wish { shape, back, handling }
}

/// The form of a body; 415 when it is none that the box takes.
pub fn content(headers: &HeaderMap) -> Result<Form, HttpError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Err(not_taken("no type")) };
    let value = value.to_str().map_err(|_| not_taken("an unreadable type"))?;
    Form::of(value).ok_or_else(|| not_taken(value))
}

/// 415 for a body of this type.
pub fn not_taken(shown: &str) -> HttpError {
    let message = format!(
        "The box takes application/fhir+json, application/fhir+xml and application/fhir+ndjson of FHIR 4.0 in UTF-8 \
         here, not \"{}\".",
        shorten(shown)
    );
    HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupportedType", "not-supported", message)
}

fn not_acceptable(shown: &str) -> HttpError {
    let message = format!(
        "The box answers application/fhir+json, application/fhir+xml or application/fhir+ndjson of FHIR 4.0, not \"{}\".",
        shorten(shown)
    );
    HttpError::new(StatusCode::NOT_ACCEPTABLE, "notAcceptable", "not-supported", message)
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
    fn the_answer_has_a_form_or_is_a_refusal() {
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
        check(Some("application/fhir+xml"), None, 200);
        check(Some("image/png"), None, 406);
        check(Some("image/png"), Some("json"), 200);
        check(Some("application/fhir+json"), Some("turtle"), 406);
        check(None, Some("application/fhir json"), 200);
    }

    #[test]
    fn a_body_is_fhir_in_utf8() {
        let check = |value: &str, expected: bool| {
            assert_eq!(content(&headers("content-type", value)).is_ok(), expected, "{value}");
        };
        check("application/fhir+json", true);
        check("application/fhir+json; charset=UTF-8", true);
        check("application/json;charset=\"utf-8\"", true);
        check("application/fhir+json; charset=iso-8859-1", false);
        check("application/fhir+json; fhirVersion=5.0", false);
        check("application/fhir+xml", true);
        check("application/fhir+ndjson", true);
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

//! Conditional headers: `If-Match`, `If-None-Match`, `If-Modified-Since`, and the dates and tags that go with them.

use clinicvault_gateway::fhir::id::version_id;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::http::error::HttpError;
use crate::records::change::Expected;

/// The tag of a version: `W/"3"`.
pub fn etag(version: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("W/\"{version}\"")).unwrap_or(HeaderValue::from_static("W/\"0\""))
}

/// A time as HTTP writes it (RFC 9110 section 5.6.7); it has whole seconds.
pub fn http_date(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The version that `If-Match` asks for; none when the header is absent.
///
/// 400 when it is neither `W/"n"` nor `"n"`.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Expected>, HttpError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Some(Expected::Any));
    }
    match tag_version(text) {
        Some(version) => Ok(Some(Expected::Version(version))),
        None => Err(HttpError::bad_request("If-Match must be one version tag such as W/\"3\".")),
    }
}

/// What an update expects: `If-Match`, or `If-None-Match: *`, which only creates.
///
/// 400 when both are there, or when `If-None-Match` names a version: a write can only ask that there is none.
pub fn of_update(headers: &HeaderMap) -> Result<Option<Expected>, HttpError> {
    let expected = if_match(headers)?;
    match (headers.get(header::IF_NONE_MATCH), expected) {
        (None, expected) => Ok(expected),
        (Some(value), None) if value == "*" => Ok(Some(Expected::Nothing)),
        (Some(_), None) => Err(HttpError::bad_request(
            "If-None-Match of an update must be *: it asks that there is no record yet.",
        )),
        (Some(_), Some(_)) => Err(HttpError::bad_request("If-Match and If-None-Match cannot both hold.")),
    }
}

/// Whether the peer already has this version (304). `If-None-Match` wins over `If-Modified-Since`.
pub fn unchanged(headers: &HeaderMap, version: u64, time: Timestamp) -> bool {
    if let Some(tags) = headers.get(header::IF_NONE_MATCH) {
        let tags = tags.to_str().unwrap_or_default();
        return tags.split(',').map(str::trim).any(|tag| tag == "*" || tag_version(tag) == Some(version));
    }
    let since = headers.get(header::IF_MODIFIED_SINCE).and_then(|value| value.to_str().ok());
    since.and_then(parse_http_date).is_some_and(|since| time.as_second() <= since.as_second())
}

/// The version in a tag such as `W/"3"`.
pub fn tag_version(tag: &str) -> Option<u64> {
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    version_id(opaque.strip_prefix('"')?.strip_suffix('"')?)
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    zoned.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn if_match_is_one_tag() {
        let check = |value: &str, expected: Option<Expected>| {
            let got = if_match(&headers(header::IF_MATCH, value)).ok().flatten();
            assert_eq!(got, expected, "{value}");
        };
        check("W/\"3\"", Some(Expected::Version(3)));
        check("\"3\"", Some(Expected::Version(3)));
        check("*", Some(Expected::Any));
        check("3", None);
        check("W/\"abc\"", None);
        check("W/\"1\", W/\"2\"", None);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn dates_go_there_and_back() {
        let time: Timestamp = "2026-11-21T19:50:07.9Z".parse().unwrap();
        assert_eq!(http_date(time), "Sat, 21 Nov 2026 19:50:07 GMT");
        assert_eq!(parse_http_date(&http_date(time)).unwrap().as_second(), time.as_second());
        assert_eq!(parse_http_date("yesterday"), None);
    }

    #[test]
    fn what_the_peer_has_is_not_sent_again() {
        let time: Timestamp = "2026-11-21T19:50:07.9Z".parse().unwrap();
        let none_match = |value: &str| unchanged(&headers(header::IF_NONE_MATCH, value), 3, time);
        assert!(none_match("W/\"3\"") && none_match("W/\"1\", W/\"3\"") && none_match("*"));
        assert!(!none_match("W/\"2\""));
        let since = |value: &str| unchanged(&headers(header::IF_MODIFIED_SINCE, value), 3, time);
        assert!(since("Sat, 21 Nov 2026 19:50:07 GMT"));
        assert!(!since("Sat, 21 Nov 2026 19:50:06 GMT"));
        assert!(!since("nonsense"));
    }
}

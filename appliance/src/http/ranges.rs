//! Parts of files that are asked for with `Range` (RFC 9110 section 14).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::error::HttpError;

/// Which bytes of a file are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All.
    Whole,
    /// From the first to before the second.
    Part(u64, u64),
    /// None that the file has.
    Beyond,
}

/// Reads `Range` (RFC 9110 section 14.2): one range of bytes. Several, and another unit, are passed over, as is a range of
/// a file that is not the one of `If-Range`.
pub(super) fn range(headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Wanted::Whole;
    }
    let Some(range) = text(header::RANGE).and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.split_once('-') else { return Wanted::Whole };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim().is_empty(), number(first), number(last)) {
        (true, _, Some(0)) => Wanted::Beyond,
        (true, _, Some(end)) if length > 0 => Wanted::Part(length.saturating_sub(end), length),
        (true, _, Some(_)) => Wanted::Beyond,
        (false, Some(first), _) if first >= length => Wanted::Beyond,
        (false, Some(first), None) if last.trim().is_empty() => Wanted::Part(first, length),
        (false, Some(first), Some(last)) if first <= last => {
            Wanted::Part(first, last.saturating_add(1).min(length))
        }
        _ => Wanted::Whole,
    }
}

/// The refusal of a part that a file of this length does not have.
pub(super) fn beyond(length: u64) -> HttpError {
    let message = "The file does not have these bytes.";
    let mut refused = HttpError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", "value", message);
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        refused.headers.push((header::CONTENT_RANGE, value));
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_understood() {
        let check = |value: &str, expected: Wanted| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_str(value).unwrap());
            assert_eq!(range(&headers, "\"t\"", 10), expected, "{value}");
            headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
            assert_eq!(range(&headers, "\"t\"", 10), Wanted::Whole, "{value}");
        };
        check("bytes=0-3", Wanted::Part(0, 4));
        check("bytes=4-", Wanted::Part(4, 10));
        check("bytes=-3", Wanted::Part(7, 10));
        check("bytes=-30", Wanted::Part(0, 10));
        check("bytes=5-100", Wanted::Part(5, 10));
        check("bytes=10-", Wanted::Beyond);
        check("bytes=-0", Wanted::Beyond);
        check("bytes=3-1", Wanted::Whole);
        check("bytes=0-1,4-5", Wanted::Whole);
        check("lines=0-1", Wanted::Whole);
        check("bytes=x", Wanted::Whole);
    }
}

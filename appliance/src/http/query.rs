//! Query strings and form bodies as decoded pairs, in the order in which they were sent.

use super::error::HttpError;

/// Most pairs of one query.
const MOST_PAIRS: usize = 256;

/// Decodes `application/x-www-form-urlencoded` text. 400 when an escape is broken or the result is not UTF-8: a
/// parameter that was misread would be a filter dropped in silence.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, HttpError> {
    let mut pairs = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        if pairs.len() == MOST_PAIRS {
            return Err(HttpError::bad_request(format!(
                "A query may have at most {MOST_PAIRS} parameters; this limit is fixed."
            )));
        }
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match (decode(name), decode(value)) {
            (Some(name), Some(value)) => pairs.push((name, value)),
            _ => return Err(HttpError::bad_request("The query has a broken escape or is not UTF-8.")),
        }
    }
    Ok(pairs)
}

/// Encodes pairs for a link that the box makes.
pub fn encode(pairs: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push(name, &mut out);
        out.push('=');
        push(value, &mut out);
    }
    out
}

fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let (high, low) = (bytes.next()?, bytes.next()?);
                let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
                out.push(digit(high)? << 4 | digit(low)?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

fn push(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:,|".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let check = |text: &str, expected: Option<&[(&str, &str)]>| {
            let got = pairs(text).ok();
            let got: Option<Vec<(&str, &str)>> =
                got.as_ref().map(|pairs| pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect());
            assert_eq!(got.as_deref(), expected, "{text}");
        };
        check("", Some(&[]));
        check("a=1&b=2&a=3", Some(&[("a", "1"), ("b", "2"), ("a", "3")]));
        check("a=x+y%2Bz&b", Some(&[("a", "x y+z"), ("b", "")]));
        check("a=%E0%A4%95", Some(&[("a", "क")]));
        check("a=%", None);
        check("a=%G0", None);
        check("a=%ff", None);
        assert!(pairs(&"a=1&".repeat(300)).is_err());
    }

    #[test]
    fn what_is_encoded_decodes_the_same() {
        let given = vec![("name:exact".to_owned(), "क & b=c+d%".to_owned()), ("x".to_owned(), String::new())];
        assert_eq!(pairs(&encode(&given)).unwrap(), given);
    }
}

//! `Subscription.channel.header`: lines that are sent along with each notification. Their values are secrets.
//!
//! A record keeps the names only; the values are kept apart by whoever stores it. A line whose value is [`MASK`] means
//! the value that is kept already.

use std::fmt;

use crate::fhir::outcome::{Issue, IssueCode};
use crate::json::Value;

/// Stands in a record where the value was.
pub const MASK: &str = "***";
/// Most lines.
const MOST: usize = 20;
/// Longest line, bytes.
const LONGEST: usize = 4_096;

/// One line.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// As written.
    pub name: String,
    /// The value; none means that the one which is kept stays.
    pub value: Option<String>,
}

/// Prints the name only.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {MASK}", self.name)
    }
}

/// Names that the connection itself, or the form of what is sent, decides about.
const OWN: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "connection",
    "keep-alive",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Reads the lines of a channel.
///
/// # Errors
/// Every line that cannot be sent, with its place.
pub fn read(channel: &Value) -> Result<Vec<Header>, Vec<Issue>> {
    let lines = channel.items("header");
    let at = |index: usize| format!("Subscription.channel.header[{index}]");
    if lines.len() > MOST {
        let text = format!("A channel has at most {MOST} headers.");
        return Err(vec![Issue::error(IssueCode::TooLong, text).at("Subscription.channel.header")]);
    }
    let (mut headers, mut issues) = (Vec::new(), Vec::new());
    for (index, line) in lines.iter().enumerate() {
        match one(line.as_str().unwrap_or_default()) {
            Ok(header) => headers.push(header),
            Err(why) => issues.push(Issue::error(IssueCode::Value, why).at(at(index))),
        }
    }
    if issues.is_empty() { Ok(headers) } else { Err(issues) }
}

fn one(line: &str) -> Result<Header, String> {
    if line.len() > LONGEST {
        return Err(format!("A header has at most {LONGEST} bytes."));
    }
    let (name, value) = line.split_once(':').ok_or("A header is written \"Name: value\".")?;
    let (name, value) = (name.trim(), value.trim());
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("The name of the header cannot be sent.".to_owned());
    }
    if !value.bytes().all(|b| b.is_ascii_graphic() || b == b' ' || b == b'\t') {
        return Err("The value of the header holds characters that cannot be sent.".to_owned());
    }
    if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!("The header {name} is set by the box."));
    }
    Ok(Header { name: name.to_owned(), value: (value != MASK).then(|| value.to_owned()) })
}

/// Takes the values out of a Subscription: from then on it holds names only.
pub fn mask(subscription: &mut Value) {
    let channel = subscription.get_mut("channel");
    let lines = channel.and_then(|channel| channel.get_mut("header")).and_then(Value::as_array_mut);
    for line in lines.into_iter().flatten() {
        let name = line.as_str().and_then(|line| line.split_once(':')).map(|(name, _)| name.trim());
        let masked = format!("{}: {MASK}", name.unwrap_or_default());
        *line = Value::from(masked);
    }
}

/// The lines to send: values that were given, and for the others those kept before under the same name. A name whose
/// value nobody knows is left out of the answer and told of.
///
/// # Errors
/// The first name without a value.
pub fn resolve(headers: &[Header], kept: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let known = |name: &str| kept.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    let one = |header: &Header| match (&header.value, known(&header.name)) {
        (Some(value), _) => Ok((header.name.clone(), value.clone())),
        (None, Some((_, value))) => Ok((header.name.clone(), value.clone())),
        (None, None) => Err(header.name.clone()),
    };
    headers.iter().map(one).collect()
}

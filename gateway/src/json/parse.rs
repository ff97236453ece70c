//! Reading: one pass over checked UTF-8, depth counted, every refusal with its place.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{JsonError, Key, Number, Object, Reason, Value, line_and_column, number};

/// What a text may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest text, bytes.
    pub max_bytes: usize,
    /// Deepest nesting of arrays and objects; at most [`Limits::MOST_DEPTH`] is granted.
    pub max_depth: usize,
}

impl Limits {
    /// Nesting beyond this is refused whatever the caller asked for, because reading and dropping are recursive.
    pub const MOST_DEPTH: usize = 256;

    /// Limits with another text length.
    #[must_use]
    pub const fn bytes(max_bytes: usize) -> Self {
        Self { max_bytes, max_depth: 64 }
    }
}

/// 16 MiB and 64 levels.
impl Default for Limits {
    fn default() -> Self {
        Self::bytes(16 << 20)
    }
}

/// Reads one JSON value. A byte order mark before it is skipped, white space around it too.
///
/// # Errors
/// [`JsonError`] with the place, for anything RFC 8259 does not allow, and for duplicate keys and broken limits.
pub fn parse(input: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if input.len() > limits.max_bytes {
        return Err(located(input, Fail::new(limits.max_bytes, Reason::TooLong { limit: limits.max_bytes })));
    }
    let text = std::str::from_utf8(input)
        .map_err(|e| located(input, Fail::new(e.valid_up_to(), Reason::NotUtf8)))?;
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let max_depth = limits.max_depth.min(Limits::MOST_DEPTH);
    let mut parser = Parser { text, bytes: input, at: start, depth: 0, max_depth };
    parser.document().map_err(|fail| located(input, *fail))
}

struct Fail {
    at: usize,
    reason: Reason,
    /// Steps from the failing value outwards.
    path: Vec<String>,
}

impl Fail {
    const fn new(at: usize, reason: Reason) -> Self {
        Self { at, reason, path: Vec::new() }
    }
}

type Read<T> = Result<T, Box<Fail>>;

fn located(input: &[u8], fail: Fail) -> JsonError {
    let (line, column) = line_and_column(input, fail.at);
    let path: String = fail.path.iter().rev().map(String::as_str).collect();
    JsonError {
        offset: fail.at,
        line,
        column,
        reason: fail.reason,
        path: path.trim_start_matches('.').to_owned(),
    }
}

/// At most this much of a key is quoted in an error.
fn shortened(key: &str) -> String {
    key.chars().take(64).collect()
}

/// Objects with more members than this are checked for duplicates through a set.
const SMALL_OBJECT: usize = 24;

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Read<Value> {
        let value = self.value()?;
        self.space();
        if self.at < self.bytes.len() {
            return self.fail(Reason::TrailingData);
        }
        Ok(value)
    }

    fn value(&mut self) -> Read<Value> {
        match self.next_token() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => self.fail(Reason::Expected("a value")),
            None => self.fail(Reason::Truncated),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == self.max_depth {
            return self.fail(Reason::TooDeep { limit: self.max_depth });
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Read<Value> {
        let mut members: Vec<(Key, Value)> = Vec::new();
        let mut seen: HashSet<Cow<'a, str>> = HashSet::new();
        if self.next_token() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object::new()));
        }
        loop {
            if self.next_token() != Some(b'"') {
                return self.expected("a key in quotes");
            }
            let key_at = self.at;
            let key = self.key()?;
            self.refuse_duplicate(&key, key_at, &members, &mut seen)?;
            if self.next_token() != Some(b':') {
                return self.expected("a colon");
            }
            self.at += 1;
            match self.value() {
                Ok(value) => members.push((key, value)),
                Err(mut fail) => {
                    fail.path.push(format!(".{}", shortened(&key)));
                    return Err(fail);
                }
            }
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Object(Object::of(members)));
                }
                _ => return self.expected("a comma or a closing brace"),
            }
        }
    }

    fn refuse_duplicate(
        &mut self,
        key: &str,
        key_at: usize,
        members: &[(Key, Value)],
        seen: &mut HashSet<Cow<'a, str>>,
    ) -> Read<()> {
        let duplicate = members.iter().take(SMALL_OBJECT).any(|(k, _)| k == key)
            || (!seen.is_empty() && seen.contains(key));
        if duplicate {
            return Err(Box::new(Fail::new(key_at, Reason::DuplicateKey { key: shortened(key) })));
        }
        if members.len() >= SMALL_OBJECT {
            let raw = self.slice(key_at + 1, self.at.saturating_sub(1));
            seen.insert(if raw == key { Cow::Borrowed(raw) } else { Cow::Owned(key.to_owned()) });
        }
        Ok(())
    }

    fn array(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        if self.next_token() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            match self.value() {
                Ok(value) => items.push(value),
                Err(mut fail) => {
                    fail.path.push(format!("[{}]", items.len()));
                    return Err(fail);
                }
            }
            match self.next_token() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return self.expected("a comma or a closing bracket"),
            }
        }
    }

    fn number(&mut self) -> Read<Value> {
        let number = number::length_at(self.bytes, self.at)
            .filter(|end| {
                !matches!(
                    self.bytes.get(*end),
                    Some(b'.' | b'+' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
                )
            })
            .and_then(|end| Some((end, self.text.get(self.at..end)?)));
        match number {
            Some((end, text)) => {
                self.at = end;
                Ok(Value::Number(Number::of(text)))
            }
            None => self.fail(Reason::BadNumber),
        }
    }

    fn word(&mut self, word: &'static str, value: Value) -> Read<Value> {
        if self.bytes.get(self.at..).unwrap_or_default().starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.fail(Reason::Expected("true, false or null"))
    }

    /// Reads the key whose opening quote is at `at`.
    fn key(&mut self) -> Read<Key> {
        let start = self.at + 1;
        let end = self.plain_end(start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Key::new(self.slice(start, end)));
        }
        self.string().map(Key::from)
    }

    /// Reads the string whose opening quote is at `at`.
    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let start = self.at;
        let end = self.plain_end(start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(self.slice(start, end).to_owned());
        }
        let mut out = self.slice(start, end).to_owned();
        self.at = end;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(byte) if *byte < 0x20 => return self.fail(Reason::ControlCharacter(u32::from(*byte))),
                Some(_) => {
                    let end = self.plain_end(self.at);
                    out.push_str(self.slice(self.at, end));
                    self.at = end;
                }
                None => return self.fail(Reason::Truncated),
            }
        }
    }

    fn plain_end(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20).unwrap_or(rest.len())
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    fn escape(&mut self) -> Read<char> {
        let plain = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) => return self.fail(Reason::BadEscape),
            None => return self.fail(Reason::Truncated),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Read<char> {
        let first = self.hex4(self.at + 2)?;
        let code = if (0xD800..0xDC00).contains(&first) {
            if self.bytes.get(self.at + 6..self.at + 8) != Some(b"\\u") {
                return self.fail(Reason::LoneSurrogate);
            }
            let second = self.hex4(self.at + 8)?;
            if !(0xDC00..0xE000).contains(&second) {
                return self.fail(Reason::LoneSurrogate);
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(c) => {
                self.at += if code >= 0x10000 { 12 } else { 6 };
                Ok(c)
            }
            None => self.fail(Reason::LoneSurrogate),
        }
    }

    fn hex4(&self, from: usize) -> Read<u32> {
        let digits = self.bytes.get(from..from + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u32::from_str_radix(d, 16).ok()) {
            Some(code) => Ok(code),
            None => self.fail(Reason::BadEscape),
        }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn next_token(&mut self) -> Option<u8> {
        self.space();
        self.bytes.get(self.at).copied()
    }

    fn expected<T>(&self, what: &'static str) -> Read<T> {
        self.fail(if self.at < self.bytes.len() { Reason::Expected(what) } else { Reason::Truncated })
    }

    fn fail<T>(&self, reason: Reason) -> Read<T> {
        Err(Box::new(Fail::new(self.at, reason)))
    }
}

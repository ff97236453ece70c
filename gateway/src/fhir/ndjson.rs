//! NDJSON (`application/fhir+ndjson`): one compact resource a line.
//!
//! Lines are found and read here, one by one, so that a long text never stands in memory as trees. What a resource
//! means is left to `resource`.

use crate::json::{self, JsonError, Limits, Value};

/// Reads the lines of a text: each filled line with its number, counted from 1, and its tree or why it has none.
/// Lines that hold only white space are passed over; a carriage return before the line's end is allowed.
pub fn lines<'a>(
    text: &'a [u8],
    limits: &'a Limits,
) -> impl Iterator<Item = (usize, Result<Value, JsonError>)> + 'a {
    let filled = |line: &[u8]| line.iter().any(|b| !b.is_ascii_whitespace());
    let numbered = text.split(|b| *b == b'\n').enumerate().filter(move |(_, line)| filled(line));
    numbered.map(|(n, line)| (n + 1, json::parse(line, limits)))
}

/// Appends one resource as a line. Compact JSON has no line break inside: those of strings are escaped.
pub fn write(resource: &Value, out: &mut Vec<u8>) {
    resource.write_to(out);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_written_back() {
        let text = b"\xef\xbb\xbf{\"a\":\"x\\ny\"}\r\n\n  \n{\"b\":1.00}\n{";
        let limits = Limits::default();
        let read: Vec<_> = lines(text, &limits).collect();
        assert_eq!(read.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 4, 5]);
        assert!(read[2].1.is_err());
        let mut out = Vec::new();
        for (_, value) in read.iter().take(2) {
            write(value.as_ref().unwrap(), &mut out);
        }
        assert_eq!(out, b"{\"a\":\"x\\ny\"}\n{\"b\":1.00}\n");
        assert_eq!(lines(b"", &limits).count(), 0);
    }

    #[test]
    fn each_line_has_the_limits() {
        let limits = Limits { max_bytes: 4, max_depth: 1 };
        let read: Vec<bool> = lines(b"[1]\n[12345]\n[[]]\n", &limits).map(|(_, line)| line.is_ok()).collect();
        assert_eq!(read, [true, false, false]);
    }
}

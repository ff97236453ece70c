//! Files into parts: where each record of a bundle or an ndjson file begins, and on which line.
//!
//! A bundle is cut at the borders of its entries without reading what is inside, so that one broken entry does not
//! take the file with it and every problem can be told with its line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use clinicvault_gateway::json::{self, Limits};
use sha2::{Digest, Sha256};

use crate::records::import::{Form, MOST_ENTRIES, Part};

/// Records of one part of an ndjson file or a collection.
const PART: usize = 500;
/// Largest bundle file, in bytes. Longer data comes as ndjson.
const LONGEST: u64 = 1 << 30;

/// Whether the name of a file says that it can be imported.
pub fn is_known(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "json" || end == "ndjson")
}

/// Cuts a file and hands on each part with its share of the file's bytes, until `take` answers no.
pub fn parts(path: &Path, take: &mut dyn FnMut(Part, u64) -> bool) -> anyhow::Result<()> {
    if path.extension().is_some_and(|end| end == "ndjson") {
        return lines(path, take);
    }
    let length = path.metadata()?.len();
    anyhow::ensure!(length <= LONGEST, "larger than 1 GiB; send it as ndjson");
    let text = std::fs::read(path)?;
    let file = Sha256::digest(&text).into();
    let cut = match cut(&text) {
        Some(cut) => cut,
        // Not to be cut: the parser tells why, with its place.
        None => {
            json::parse(&text, &Limits::bytes(usize::MAX))?;
            anyhow::bail!("neither a bundle nor a resource");
        }
    };
    let most = if cut.form == Form::Requests { MOST_ENTRIES } else { PART };
    for (number, entries) in (0u32..).zip(cut.entries.chunks(most)) {
        let entries: Vec<(u64, Vec<u8>)> =
            entries.iter().map(|(line, text)| (*line, wrapped(text, cut.bare))).collect();
        let bytes = entries.iter().map(|(_, text)| text.len() as u64).sum();
        if !take(Part { file, number, form: cut.form, entries }, bytes) {
            return Ok(());
        }
    }
    Ok(())
}

/// One resource a line.
fn lines(path: &Path, take: &mut dyn FnMut(Part, u64) -> bool) -> anyhow::Result<()> {
    let mut digest = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        digest.update(bytes);
        let length = bytes.len();
        reader.consume(length);
    }
    let file: [u8; 32] = digest.finalize().into();
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut line, mut number, mut bytes) = (0u64, 0u32, 0u64);
    let mut entries = Vec::new();
    loop {
        let mut text = Vec::new();
        let read = reader.read_until(b'\n', &mut text)?;
        line += 1;
        bytes += read as u64;
        if !text.trim_ascii().is_empty() {
            entries.push((line, wrapped(text.trim_ascii(), true)));
        }
        if entries.len() >= PART || (read == 0 && !entries.is_empty()) {
            let part = Part { file, number, form: Form::Plain, entries: std::mem::take(&mut entries) };
            if !take(part, bytes) {
                return Ok(());
            }
            (number, bytes) = (number + 1, 0);
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn wrapped(text: &[u8], bare: bool) -> Vec<u8> {
    if bare { [b"{\"resource\":".as_slice(), text, b"}"].concat() } else { text.to_vec() }
}

#[derive(Debug, PartialEq)]
struct Cut<'a> {
    form: Form,
    /// The texts are resources, not entries.
    bare: bool,
    entries: Vec<(u64, &'a [u8])>,
}

/// Cuts the text of a JSON file; none when its outer form is broken.
fn cut(text: &[u8]) -> Option<Cut<'_>> {
    let mut at = Cursor { text, at: 0, line: 1 };
    if text.starts_with(b"\xef\xbb\xbf") {
        at.at = 3;
    }
    at.blank();
    let start = (at.at, at.line);
    at.take(b'{')?;
    let (mut kind, mut form, mut entries) = (None, None, None);
    loop {
        at.blank();
        if at.peek()? == b'}' {
            at.at += 1;
            break;
        }
        let key = at.value()?;
        at.blank();
        at.take(b':')?;
        at.blank();
        if key == b"\"entry\"" && at.peek()? == b'[' {
            entries = Some(at.items()?);
        } else {
            let value = at.value()?;
            match key {
                b"\"resourceType\"" => kind = Some(value),
                b"\"type\"" => form = Some(value),
                _ => {}
            }
        }
        at.blank();
        match at.peek()? {
            b',' => at.at += 1,
            b'}' => {}
            _ => return None,
        }
    }
    at.blank();
    if at.at != text.len() {
        return None;
    }
    if kind == Some(b"\"Bundle\"") {
        let form = match form {
            Some(b"\"transaction\"" | b"\"batch\"") => Form::Requests,
            _ => Form::Plain,
        };
        return Some(Cut { form, bare: false, entries: entries.unwrap_or_default() });
    }
    let whole = text.get(start.0..at.at)?.trim_ascii();
    Some(Cut { form: Form::Plain, bare: true, entries: vec![(start.1, whole)] })
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn blank(&mut self) {
        while let Some(byte) = self.peek().filter(u8::is_ascii_whitespace) {
            self.line += u64::from(byte == b'\n');
            self.at += 1;
        }
    }

    /// Steps over one value of any kind, by brackets and quotes only.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':' | b'}' | b']') | None if depth == 0 => break,
                None => return None,
                Some(byte) => {
                    self.line += u64::from(byte == b'\n');
                    self.at += 1;
                }
            }
            if depth == 0 && self.text.get(self.at - 1).is_some_and(|b| matches!(b, b'"' | b'}' | b']')) {
                break;
            }
        }
        let value = self.text.get(start..self.at)?.trim_ascii_end();
        (!value.is_empty()).then_some(value)
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                byte => {
                    self.line += u64::from(byte == b'\n');
                    self.at += 1;
                }
            }
        }
    }

    /// The items of an array with their lines.
    fn items(&mut self) -> Option<Vec<(u64, &'a [u8])>> {
        self.take(b'[')?;
        let mut items = Vec::new();
        self.blank();
        if self.take(b']').is_some() {
            return Some(items);
        }
        loop {
            self.blank();
            let line = self.line;
            items.push((line, self.value()?));
            self.blank();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(items);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_cut_at_its_entries_with_their_lines() {
        let text = br#"{
 "resourceType": "Bundle", "type" : "transaction",
 "entry": [
  {"a": "}\"]"},
  {"b": [1, {"c":
     null}]} ,
  3
 ]
}
"#;
        let cut = cut(text).unwrap();
        assert_eq!((cut.form, cut.bare), (Form::Requests, false));
        let lines: Vec<u64> = cut.entries.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [4, 5, 7]);
        assert_eq!(cut.entries[0].1, br#"{"a": "}\"]"}"#);
        assert_eq!(cut.entries[2].1, b"3");
    }

    #[test]
    fn a_bare_resource_is_one_part_and_broken_forms_are_none() {
        let text = b"\n{\"resourceType\":\"Patient\",\"id\":\"1\"}\n";
        let one = cut(text).unwrap();
        assert_eq!((one.form, one.bare, one.entries[0].0), (Form::Plain, true, 2));
        for broken in
            ["", "[", "{", "{\"a\"}", "{\"a\":1", "{\"entry\":[1,2}", "{} x", "{\"a\":\"", "{\"entry\":[\"\\"]
        {
            assert_eq!(cut(broken.as_bytes()), None, "{broken}");
        }
        assert_eq!(cut(b"{\"resourceType\":\"Bundle\",\"entry\":[]}").unwrap().entries, []);
    }

    #[test]
    fn lines_become_parts_of_bounded_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.ndjson");
        let text: String = (0..PART + 3).map(|n| format!("{{\"n\":{n}}}\n\n")).collect();
        std::fs::write(&path, text).unwrap();
        let mut seen = Vec::new();
        parts(&path, &mut |part, _| {
            seen.push((part.number, part.entries.len(), part.entries[0].0));
            true
        })
        .unwrap();
        assert_eq!(seen, [(0, PART, 1), (1, 3, 2 * PART as u64 + 1)]);
    }
}

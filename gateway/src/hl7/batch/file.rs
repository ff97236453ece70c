//! A file of messages: which batches it has, whether its counts are right, and its answer.
//!
//! `FHS BHS MSH.. BTS .. FTS`, each wrapper optional. Counts in BTS-1 and FTS-1 are often wrong, so they are told and
//! never believed. The answer holds one acknowledgement for each message, batch by batch (deferred batch
//! acknowledgement).

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::hl7::datetime;
use crate::hl7::delimiters::Delimiters;
use crate::hl7::lines;

/// Most warnings about one file.
const MOST_WARNINGS: usize = 50;

/// A file, read as far as its wrappers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// The messages in order, as byte ranges.
    pub messages: Vec<Range<usize>>,
    /// The batches in order. A file without BHS has one without a header.
    pub batches: Vec<Batch>,
    /// What does not fit, one sentence each: a wrong count, a wrapper that is missing, lines that belong to nothing.
    pub warnings: Vec<String>,
    /// The line of FHS.
    head: Option<Range<usize>>,
    ended: bool,
    wrappers: bool,
}

/// A batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The line of BHS.
    head: Option<Range<usize>>,
    /// Which messages of the file, by position.
    pub messages: Range<usize>,
    ended: bool,
}

impl File {
    /// Reads the wrappers of a file.
    pub fn read(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let mut open: Option<usize> = None;
        let mut stray = 0usize;
        let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        while let Some(line) = lines::line(bytes, at) {
            at = line.next;
            let text = bytes.get(line.start..line.end).unwrap_or_default();
            let Some(name) = header(text) else {
                let blank = text.iter().all(u8::is_ascii_whitespace);
                stray += usize::from(open.is_none() && !blank);
                continue;
            };
            if let Some(start) = open.take() {
                file.messages.push(start..line.start);
            }
            file.take(name, text, line.start..line.end);
            if name == *b"MSH" {
                open = Some(line.start);
            }
        }
        if let Some(start) = open {
            file.messages.push(start..bytes.len());
        }
        file.close(stray);
        file
    }

    fn take(&mut self, name: [u8; 3], text: &[u8], at: Range<usize>) {
        let here = self.messages.len();
        self.wrappers |= name != *b"MSH";
        match &name {
            b"FHS" => self.head = Some(at),
            b"BHS" => {
                self.end_batch(false);
                self.batches.push(Batch { head: Some(at), messages: here..here, ended: false });
            }
            b"BTS" => {
                let number = self.batches.len();
                let found = self.batches.last().map_or(here, |batch| here - batch.messages.start);
                self.count(text, &format!("BTS-1 of batch {}", number.max(1)), found, "messages");
                self.end_batch(true);
            }
            b"FTS" => {
                self.end_batch(false);
                self.ended = true;
                let found = self.batches.len();
                self.count(text, "FTS-1", found, "batches");
            }
            _ => {
                // Messages before any BHS, or after a BTS, are a batch of their own.
                if self.batches.last().is_none_or(|batch| batch.ended) {
                    self.batches.push(Batch { head: None, messages: here..here, ended: false });
                }
            }
        }
    }

    fn count(&mut self, text: &[u8], place: &str, found: usize, what: &str) {
        let separator = text.get(3).copied().unwrap_or(b'|');
        let declared = text.split(|b| *b == separator).nth(1).unwrap_or_default().trim_ascii();
        if declared.is_empty() {
            return;
        }
        let number = std::str::from_utf8(declared).ok().and_then(|text| text.parse::<usize>().ok());
        match number {
            Some(number) if number == found => {}
            Some(number) => self.warn(format!("{place} says {number} {what}, and there are {found}.")),
            None => self.warn(format!("{place} is not a number.")),
        }
    }

    fn end_batch(&mut self, told: bool) {
        let here = self.messages.len();
        let number = self.batches.len();
        let Some(batch) = self.batches.last_mut().filter(|batch| !batch.ended) else { return };
        batch.ended = true;
        batch.messages.end = here;
        if !told && batch.head.is_some() {
            self.warn(format!("Batch {number} has no BTS; it may have been cut short."));
        }
    }

    fn close(&mut self, stray: usize) {
        self.end_batch(false);
        if self.head.is_some() && !self.ended {
            self.warn("The file has no FTS; it may have been cut short.".to_owned());
        }
        if stray > 0 {
            self.warn(format!("{stray} lines belong to no message and were not used."));
        }
    }

    fn warn(&mut self, text: String) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(text);
        }
    }

    /// Whether any line of a wrapper is there.
    pub fn has_wrappers(&self) -> bool {
        self.wrappers
    }

    /// Whether the file says FHS or BHS.
    pub fn is_wrapped(&self) -> bool {
        self.head.is_some() || self.batches.iter().any(|batch| batch.head.is_some())
    }

    /// The answer to the file: for each batch its acknowledgements between BHS and BTS, all of it between FHS and FTS
    /// when the file has FHS. `bytes` is what was read, `answers` has one entry for each message in order, empty where its
    /// sender wants none; `id` becomes the control id of the headers with a number behind it.
    pub fn answer(
        &self,
        bytes: &[u8],
        answers: &[Vec<u8>],
        id: &str,
        now: Timestamp,
        offset: Offset,
    ) -> Vec<u8> {
        let now = datetime::write(now, offset);
        let mut out = Vec::new();
        let head = |name: &str, from: &Option<Range<usize>>, number: usize, out: &mut Vec<u8>| -> u8 {
            let line = from.clone().and_then(|range| bytes.get(range)).unwrap_or_default();
            let (separator, declared) = delimiters(line);
            let field = |n: usize| line.split(|b| *b == separator).nth(n - 1).unwrap_or_default();
            out.extend_from_slice(name.as_bytes());
            out.push(separator);
            out.extend_from_slice(&declared);
            for part in [field(5), field(6), field(3), field(4), now.as_bytes(), b"", b"", b""] {
                out.push(separator);
                out.extend_from_slice(part);
            }
            out.push(separator);
            out.extend_from_slice(format!("{id}{number}").as_bytes());
            out.push(separator);
            out.extend_from_slice(field(11));
            out.push(b'\r');
            separator
        };
        let whole = self.head.is_some().then(|| head("FHS", &self.head, 0, &mut out));
        for (number, batch) in self.batches.iter().enumerate() {
            let separator = head("BHS", &batch.head, number + 1, &mut out);
            let own = answers.get(batch.messages.clone()).unwrap_or_default();
            let told = own.iter().filter(|answer| !answer.is_empty());
            out.extend(told.clone().flatten());
            out.extend_from_slice(b"BTS");
            out.push(separator);
            out.extend_from_slice(told.count().to_string().as_bytes());
            out.push(b'\r');
        }
        if let Some(separator) = whole {
            out.extend_from_slice(b"FTS");
            out.push(separator);
            out.extend_from_slice(self.batches.len().to_string().as_bytes());
            out.push(b'\r');
        }
        out
    }
}

/// The name of a line that begins a message or a wrapper, in capitals.
fn header(text: &[u8]) -> Option<[u8; 3]> {
    let name: [u8; 3] = text.get(..3)?.try_into().ok()?;
    let name = name.map(|b| b.to_ascii_uppercase());
    let bounded = text.get(3).is_none_or(u8::is_ascii_punctuation);
    (bounded && [b"FHS", b"BHS", b"MSH", b"BTS", b"FTS"].contains(&&name)).then_some(name)
}

/// The separator and the encoding characters of a header; the usual ones where it declares none that can be used.
fn delimiters(line: &[u8]) -> (u8, Vec<u8>) {
    let found = Delimiters::read(line).unwrap_or_default();
    (found.field, found.declared())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<&str>, Vec<Range<usize>>, Vec<String>) {
        let file = File::read(text.as_bytes());
        let messages = file.messages.iter().map(|range| &text[range.clone()]).collect();
        (messages, file.batches.iter().map(|b| b.messages.clone()).collect(), file.warnings)
    }

    #[test]
    fn batches_are_found_and_their_counts_are_checked() {
        let (messages, batches, warnings) =
            read("FHS|^~\\&|a\rBHS|^~\\&|b\rMSH|1\rPID|1\rMSH|2\rBTS|2\rBHS|^~\\&|c\rMSH|3\rBTS|9\rFTS|2\r");
        assert_eq!(messages, ["MSH|1\rPID|1\r", "MSH|2\r", "MSH|3\r"]);
        assert_eq!(batches, [0..2, 2..3]);
        assert_eq!(warnings, ["BTS-1 of batch 2 says 9 messages, and there are 1."]);
        for (text, expected) in [
            ("MSH|1\rMSH|2\r", vec![]),
            ("BHS|b\rMSH|1\r", vec!["Batch 1 has no BTS; it may have been cut short."]),
            ("FHS|b\rMSH|1\r", vec!["The file has no FTS; it may have been cut short."]),
            ("FHS|b\rMSH|1\rFTS|x\r", vec!["FTS-1 is not a number."]),
            ("hello\r\r\nMSH|1\rMSHX is text\r", vec!["1 lines belong to no message and were not used."]),
            ("", vec![]),
        ] {
            assert_eq!(read(text).2, expected, "{text}");
        }
    }

    #[test]
    fn the_answer_holds_one_acknowledgement_for_each_message() {
        let text = "FHS|^~\\&|LIS|LAB|BOX|CLINIC|1||||F7\rBHS|^~\\&|LIS|LAB|BOX|CLINIC|1||||B1\rMSH|1\rMSH|2\rBTS|2\rFTS|1\r";
        let file = File::read(text.as_bytes());
        let now = "2026-11-21T06:08:02Z".parse().unwrap();
        let answers = [b"MSH|A\rMSA|AA|1\r".to_vec(), Vec::new()];
        let answer =
            file.answer(text.as_bytes(), &answers, "CV1-", now, Offset::from_seconds(19_800).unwrap());
        assert_eq!(
            String::from_utf8(answer).unwrap().replace('\r', "\n"),
            "FHS|^~\\&|BOX|CLINIC|LIS|LAB|20261121113802+0530||||CV1-0|F7\n\
             BHS|^~\\&|BOX|CLINIC|LIS|LAB|20261121113802+0530||||CV1-1|B1\nMSH|A\nMSA|AA|1\nBTS|1\nFTS|1\n"
        );
        assert!(file.is_wrapped() && !File::read(b"MSH|1\rMSH|2").is_wrapped());
    }
}

//! Changing a message by a short list of field operations, before it is read: set, copy, map by a table, delete, move.
//!
//! Places are [`Path`]s. Only the places named change; every other byte stays as it came. The message as received is kept
//! elsewhere, so nothing is lost by a change that was wrong.

use std::collections::BTreeMap;

use super::charset::{self, Charset};
use super::delimiters::Delimiters;
use super::error::{ErrorCode, Problem};
use super::escape;
use super::message::Message;
use super::parse::{Limits, Mode, parse};
use super::path::Path;

/// Most operations of one list.
pub const MOST: usize = 200;
/// Highest number of a repetition, component or sub-component that an operation may make.
const HIGHEST: u32 = 500;
/// Most segments that one operation changes.
const MOST_SEGMENTS: usize = 10_000;

/// What is done at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The place gets this text.
    Set(String),
    /// The place gets what stands at another one, in the same segment where both name the same kind of segment.
    Copy(Path),
    /// The same, and the other one is emptied.
    Move(Path),
    /// The text is looked up.
    Map {
        /// What stands for what.
        table: BTreeMap<String, String>,
        /// What a text becomes that is not in the table; without it, it stays.
        otherwise: Option<String>,
    },
    /// The place is emptied; a whole segment is taken out.
    Delete,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Where.
    pub at: Path,
    /// In every segment of that name, not only in the one that the path names.
    pub each: bool,
    /// What.
    pub deed: Deed,
}

/// Why an operation cannot be carried out on any message; for whoever writes the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongOperation {
    /// The place is a whole segment.
    #[error("name a field, such as PID-3: only deleting works on a whole segment")]
    WholeSegment,
    /// The place is where a message says how it is read.
    #[error("MSH-1, MSH-2 and the segment MSH itself cannot be changed: they say how the message is read")]
    Header,
    /// A number is too high.
    #[error("a field, repetition, component or sub-component above {HIGHEST} is not made")]
    TooHigh,
}

impl Operation {
    /// Checks what holds for every message.
    ///
    /// # Errors
    /// A whole segment where a field is needed, the delimiters of the header, numbers that are too high.
    pub fn check(&self) -> Result<(), WrongOperation> {
        let deletes = self.deed == Deed::Delete;
        let other = match &self.deed {
            Deed::Copy(from) | Deed::Move(from) => Some(from),
            Deed::Set(_) | Deed::Map { .. } | Deed::Delete => None,
        };
        for path in std::iter::once(&self.at).chain(other) {
            if path.segment == "MSH" && path.field <= 2 {
                return Err(WrongOperation::Header);
            }
            if path.field == 0 && !deletes {
                return Err(WrongOperation::WholeSegment);
            }
            let numbers = [path.field, path.repetition, path.component, path.subcomponent];
            if numbers.iter().any(|n| *n > HIGHEST) {
                return Err(WrongOperation::TooHigh);
            }
        }
        Ok(())
    }
}

/// The message after all operations, in their order, and what could not be done, one sentence each (a segment that is not
/// there, a text that the character set cannot write).
///
/// # Errors
/// A [`Problem`] when the changed message cannot be read or is beyond the limits.
pub fn apply(
    message: &Message,
    operations: &[Operation],
    limits: &Limits,
    mode: Mode,
) -> Result<(Message, Vec<String>), Problem> {
    let mut draft = Draft::of(message);
    for (number, operation) in operations.iter().enumerate().take(MOST) {
        draft.carry_out(number + 1, operation);
        if draft.size() > limits.bytes {
            return Err(too_long(number + 1, limits));
        }
    }
    draft.finish(limits, mode)
}

/// The refusal of a message that an operation made too long.
pub fn too_long(number: usize, limits: &Limits) -> Problem {
    let why =
        format!("Operation {number} of the channel makes the message longer than {} bytes.", limits.bytes);
    Problem::reject(ErrorCode::Internal, None, why)
}

/// Most sentences about what could not be done.
const MOST_NOTES: usize = 100;

/// A copy of a message that is being changed: its segments, each by its name.
pub struct Draft {
    segments: Vec<(String, Vec<u8>)>,
    delimiters: Delimiters,
    charset: Charset,
    notes: Vec<String>,
}

/// Shows the shape only.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} segments)", self.segments.len())
    }
}

impl Draft {
    /// A copy of this message.
    pub fn of(message: &Message) -> Self {
        Self {
            segments: message.segments().map(|s| (s.name(), s.raw().to_vec())).collect(),
            delimiters: *message.delimiters(),
            charset: message.charset(),
            notes: Vec::new(),
        }
    }

    /// The text at a place, escapes resolved; empty where there is none, for a whole segment, and for MSH-1 and MSH-2.
    pub fn text(&self, path: &Path) -> String {
        if path.field == 0 || (path.segment == "MSH" && path.field <= 2) {
            return String::new();
        }
        let Some(position) = self.positions(path, false).first().copied() else { return String::new() };
        let raw = self.get(position, path);
        if raw == b"\"\"" {
            return String::new();
        }
        escape::decode(&raw, &self.delimiters, self.charset).into_owned()
    }

    /// How many segments of a name there are.
    pub fn count(&self, name: &str) -> usize {
        self.segments.iter().filter(|(own, _)| own == name).count()
    }

    /// The changed message, and what could not be done.
    ///
    /// # Errors
    /// When it cannot be read or is beyond the limits.
    pub fn finish(self, limits: &Limits, mode: Mode) -> Result<(Message, Vec<String>), Problem> {
        let assigned = charset::by_name(self.charset.name());
        let changed = parse(self.bytes(), limits, mode, assigned)?;
        Ok((changed, self.notes))
    }

    fn note(&mut self, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(text);
        }
    }

    /// Its length in bytes.
    pub fn size(&self) -> usize {
        self.segments.iter().map(|(_, raw)| raw.len() + 1).sum()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        for (_, raw) in &self.segments {
            out.extend_from_slice(raw);
            out.push(b'\r');
        }
        out
    }

    /// Positions of the segments that an operation is about.
    fn positions(&self, path: &Path, each: bool) -> Vec<usize> {
        let own =
            self.segments.iter().enumerate().filter(|(_, (name, _))| *name == path.segment).map(|(at, _)| at);
        if each {
            own.take(MOST_SEGMENTS).collect()
        } else {
            own.skip(path.occurrence.saturating_sub(1) as usize).take(1).collect()
        }
    }

    /// Carries out an operation that [`Operation::check`] has found right; `number` names it in what could not be done.
    pub fn carry_out(&mut self, number: usize, operation: &Operation) {
        let positions = self.positions(&operation.at, operation.each);
        if positions.is_empty() {
            self.note(format!("Operation {number}: there is no segment {}.", operation.at.segment));
            return;
        }
        if operation.at.field == 0 {
            let mut at = 0;
            self.segments.retain(|_| {
                at += 1;
                !positions.contains(&(at - 1))
            });
            return;
        }
        for position in positions {
            let value = match &operation.deed {
                Deed::Set(text) => self.written(number, text),
                Deed::Delete => Some(Vec::new()),
                Deed::Map { table, otherwise } => {
                    let raw = self.get(position, &operation.at);
                    let text = escape::decode(&raw, &self.delimiters, self.charset).into_owned();
                    match table.get(text.trim()).or(otherwise.as_ref()) {
                        Some(new) => self.written(number, new),
                        None => continue,
                    }
                }
                Deed::Copy(from) | Deed::Move(from) => {
                    // Between segments of one name each stays with its own.
                    let same = operation.each && from.segment == operation.at.segment;
                    let source =
                        if same { Some(position) } else { self.positions(from, false).first().copied() };
                    let Some(source) = source else {
                        self.note(format!("Operation {number}: there is no segment {}.", from.segment));
                        continue;
                    };
                    let raw = self.get(source, from);
                    if matches!(operation.deed, Deed::Move(_)) {
                        self.put(source, from, &[]);
                    }
                    Some(raw)
                }
            };
            if let Some(value) = value {
                self.put(position, &operation.at, &value);
            }
        }
    }

    /// A text as the message writes it.
    fn written(&mut self, number: usize, text: &str) -> Option<Vec<u8>> {
        let escaped = escape::encode(text, &self.delimiters);
        let bytes = self.charset.encode(&escaped).map(std::borrow::Cow::into_owned);
        if bytes.is_none() {
            let why = format!(
                "Operation {number}: the character set {} cannot write the text.",
                self.charset.name()
            );
            self.note(why);
        }
        bytes
    }

    /// The separators from the outside in, with the number of the part at each; a part that is not written is the first.
    fn steps(&self, path: &Path) -> Vec<(Option<u8>, usize)> {
        let shift = usize::from(path.segment == "MSH");
        let mut steps = vec![(Some(self.delimiters.field), path.field as usize - shift)];
        let inner = [
            (self.delimiters.repetition, path.repetition),
            (self.delimiters.component, path.component),
            (self.delimiters.subcomponent, path.subcomponent),
        ];
        let last = inner.iter().rposition(|(_, number)| *number > 0).map_or(0, |at| at + 1);
        steps.extend(inner.iter().take(last).map(|(by, number)| (*by, number.saturating_sub(1) as usize)));
        steps
    }

    fn get(&self, position: usize, path: &Path) -> Vec<u8> {
        let mut part = self.segments.get(position).map(|(_, raw)| raw.as_slice()).unwrap_or_default();
        for (by, number) in self.steps(path) {
            part = match by {
                Some(by) => part.split(|b| *b == by).nth(number).unwrap_or_default(),
                None if number == 0 => part,
                None => &[],
            };
        }
        part.to_vec()
    }

    fn put(&mut self, position: usize, path: &Path, value: &[u8]) {
        let steps = self.steps(path);
        if let Some((_, raw)) = self.segments.get_mut(position) {
            *raw = replaced(raw, &steps, value);
        }
    }
}

/// `whole` with one part replaced; parts before it that are not there are made empty, empty ones at the end left out.
fn replaced(whole: &[u8], steps: &[(Option<u8>, usize)], value: &[u8]) -> Vec<u8> {
    let Some(((by, number), deeper)) = steps.split_first() else { return value.to_vec() };
    let Some(by) = by else {
        // The sender has no such delimiter: there is only the first part.
        return if *number == 0 { replaced(whole, deeper, value) } else { whole.to_vec() };
    };
    let mut parts: Vec<Vec<u8>> = whole.split(|b| b == by).map(<[u8]>::to_vec).collect();
    let before = parts.len();
    if parts.len() <= *number {
        parts.resize(*number + 1, Vec::new());
    }
    if let Some(part) = parts.get_mut(*number) {
        *part = replaced(part, deeper, value);
    }
    while parts.len() > before.max(1) && parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    parts.join(by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "MSH|^~\\&|LIS|LAB|C|D|1||ORU^R01|1|P|2.5\rPID|1||10^^^H~20^^^S||DOE^J\rOBX|1|NM|GLU^Glucose||5|mg/dl\rOBX|2|NM|NA||138|x\r";

    fn operation(at: &str, each: bool, deed: Deed) -> Operation {
        Operation { at: at.parse().unwrap(), each, deed }
    }

    fn done(operations: &[Operation]) -> (String, Vec<String>) {
        let message = crate::hl7::parse::read(TEXT.as_bytes(), Mode::Tolerant).unwrap();
        let (changed, notes) = apply(&message, operations, &Limits::default(), Mode::Tolerant).unwrap();
        (String::from_utf8(changed.bytes().to_vec()).unwrap().replace('\r', "\n"), notes)
    }

    #[test]
    fn only_the_named_places_change() {
        let table = [("mg/dl".to_owned(), "mg/dL".to_owned())].into();
        for (operation, line) in [
            (
                operation("MSH-4", false, Deed::Set("City & Co".into())),
                "MSH|^~\\&|LIS|City \\T\\ Co|C|D|1||ORU^R01|1|P|2.5",
            ),
            (operation("PID-3[2].1", false, Deed::Set("7".into())), "PID|1||10^^^H~7^^^S||DOE^J"),
            (operation("PID-3.4.2", false, Deed::Set("1.2".into())), "PID|1||10^^^H&1.2~20^^^S||DOE^J"),
            (operation("PID-8", false, Deed::Set("F".into())), "PID|1||10^^^H~20^^^S||DOE^J|||F"),
            (operation("PID-3", false, Deed::Delete), "PID|1||||DOE^J"),
            (operation("PID-2", false, Deed::Move("PID-3".parse().unwrap())), "PID|1|10^^^H~20^^^S|||DOE^J"),
            (
                operation("OBX-6", true, Deed::Map { table, otherwise: Some("?".into()) }),
                "OBX|2|NM|NA||138|?",
            ),
            (
                operation("OBX[2]-3.2", false, Deed::Copy("OBX-3.2".parse().unwrap())),
                "OBX|2|NM|NA^Glucose||138|x",
            ),
            (operation("OBX-4", true, Deed::Copy("OBX-3.1".parse().unwrap())), "OBX|2|NM|NA|NA|138|x"),
        ] {
            let (text, notes) = done(std::slice::from_ref(&operation));
            assert!(text.lines().any(|l| l == line), "{operation:?}: {text}");
            assert!(notes.is_empty(), "{notes:?}");
            let changed = text.lines().zip(TEXT.split('\r')).filter(|(a, b)| a != b).count();
            assert!(changed <= if operation.each { 2 } else { 1 }, "{text}");
        }
        let (text, _) = done(&[operation("OBX", true, Deed::Delete)]);
        assert!(!text.contains("OBX"));
        assert_eq!(
            done(&[operation("PV1-2", false, Deed::Set("I".into()))]).1,
            ["Operation 1: there is no segment PV1."]
        );
    }

    #[test]
    fn what_no_message_allows_is_refused_when_it_is_written() {
        for (at, deed, expected) in [
            ("MSH-2", Deed::Set("x".into()), WrongOperation::Header),
            ("MSH", Deed::Delete, WrongOperation::Header),
            ("PID", Deed::Set("x".into()), WrongOperation::WholeSegment),
            ("PID-3[900]", Deed::Set("x".into()), WrongOperation::TooHigh),
            ("PID-3", Deed::Copy("MSH-1".parse().unwrap()), WrongOperation::Header),
        ] {
            assert_eq!(operation(at, false, deed).check(), Err(expected), "{at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_set_reads_back(text in "[ -~\u{900}-\u{950}]{1,20}", field in 3u32..40, part in 1u32..6) {
            prop_assume!(text != "\"\"" && text.trim() == text && !text.is_empty());
            let message = crate::hl7::parse::read(TEXT.as_bytes(), Mode::Tolerant).unwrap();
            let at = format!("PID-{field}[2].{part}.2").parse::<Path>().unwrap();
            let operation = Operation { at: at.clone(), each: false, deed: Deed::Set(text.clone()) };
            let (changed, _) = apply(&message, &[operation], &Limits::default(), Mode::Tolerant).unwrap();
            let segment = at.segment(&changed).unwrap();
            prop_assert_eq!(at.within(segment).unwrap().text(), text.as_str());
        }
    }
}

//! Naming a place in a message: `PID-3[2].4.2`, `OBX[3]-5`, `PV1`.
//!
//! Settings, the message screen and the mapping report all name places this way. A path that is not wholly understood
//! is refused; nothing after a valid beginning is ignored.

use std::fmt;
use std::str::FromStr;

use super::message::{Message, Part, Segment};

/// A place: segment, then as deep as wanted. All numbers count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Segment name in upper case.
    pub segment: String,
    /// Which segment of that name; 1 when not written.
    pub occurrence: u32,
    /// Field, repetition, component, sub-component; 0 means not written, a repetition not written means the first.
    pub field: u32,
    /// See [`Self::field`].
    pub repetition: u32,
    /// See [`Self::field`].
    pub component: u32,
    /// See [`Self::field`].
    pub subcomponent: u32,
}

/// A path that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a message: write it like PID-3[2].4.2")]
pub struct PathError;

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let name = text.get(..3).ok_or(PathError)?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric())
            || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            return Err(PathError);
        }
        let mut rest = text.get(3..).ok_or(PathError)?;
        let occurrence = bracket(&mut rest)?.unwrap_or(1);
        let mut path = Self {
            segment: name.to_ascii_uppercase(),
            occurrence,
            field: 0,
            repetition: 0,
            component: 0,
            subcomponent: 0,
        };
        if rest.is_empty() {
            return Ok(path);
        }
        rest = rest.strip_prefix(['-', '.']).ok_or(PathError)?;
        path.field = number(&mut rest)?;
        path.repetition = bracket(&mut rest)?.unwrap_or(0);
        for slot in [&mut path.component, &mut path.subcomponent] {
            match rest.strip_prefix(['.', '-']) {
                Some(deeper) => {
                    rest = deeper;
                    *slot = number(&mut rest)?;
                }
                None => break,
            }
        }
        if rest.is_empty() { Ok(path) } else { Err(PathError) }
    }
}

fn number(rest: &mut &str) -> Result<u32, PathError> {
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(len);
    let n = digits.parse().map_err(|_| PathError)?;
    *rest = after;
    if n == 0 { Err(PathError) } else { Ok(n) }
}

fn bracket(rest: &mut &str) -> Result<Option<u32>, PathError> {
    let Some(inner) = rest.strip_prefix('[') else { return Ok(None) };
    *rest = inner;
    let n = number(rest)?;
    *rest = rest.strip_prefix(']').ok_or(PathError)?;
    Ok(Some(n))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segment)?;
        if self.occurrence > 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        if self.field > 0 {
            write!(f, "-{}", self.field)?;
        }
        if self.repetition > 1 {
            write!(f, "[{}]", self.repetition)?;
        }
        if self.component > 0 {
            write!(f, ".{}", self.component)?;
        }
        if self.subcomponent > 0 {
            write!(f, ".{}", self.subcomponent)?;
        }
        Ok(())
    }
}

impl Path {
    /// The segment this path names.
    pub fn segment<'m>(&'m self, message: &'m Message) -> Option<Segment<'m>> {
        message.all(&self.segment).nth(self.occurrence.saturating_sub(1) as usize)
    }

    /// The part of a segment this path names, whatever the segment's name; `None` for a path to a whole segment.
    pub fn within<'m>(&self, segment: Segment<'m>) -> Option<Part<'m>> {
        if self.field == 0 {
            return None;
        }
        let field = segment.field(self.field as usize);
        Some(match (self.repetition, self.component, self.subcomponent) {
            (0, 0, 0) => field,
            (r, 0, _) => field.repeat(r as usize),
            (r, c, 0) => field.repeat(r.max(1) as usize).component(c as usize),
            (r, c, s) => field.repeat(r.max(1) as usize).component(c as usize).sub(s as usize),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::parse::{Mode, read};

    #[test]
    fn paths_are_read_and_written() {
        for text in ["PID", "PID-3", "PID-3[2].4.2", "OBX[12]-5", "Z01-1.2", "PID-3[2]"] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
        assert_eq!("pid.3.1".parse::<Path>().unwrap().to_string(), "PID-3.1");
        for text in [
            "",
            "PI",
            "PID-",
            "PID-0",
            "PID-3[]",
            "PID-3[0]",
            "OBX[*].5",
            "PID-3.1.2.3",
            "PID3",
            "P|D-1",
            "éé",
        ] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }

    #[test]
    fn paths_find_their_place() {
        let m = read(
            b"MSH|^~\\&|A|B|C|D|1||ORU^R01|1|P|2.5\rPID|1||10^^^H&1.2~20^^^S&9\rOBX|1|NM\rOBX|2|ST",
            Mode::Tolerant,
        )
        .unwrap();
        for (text, expected) in
            [("PID-3[2].4.2", "9"), ("PID-3.4.1", "H"), ("OBX[2]-2", "ST"), ("MSH-9.2", "R01"), ("PID-9", "")]
        {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.within(path.segment(&m).unwrap()).unwrap().text(), expected, "{text}");
        }
    }
}

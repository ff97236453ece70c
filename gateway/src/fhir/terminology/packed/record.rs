//! The record of one concept: lengths as numbers of seven bits a byte, the low ones first.

use super::super::concept::{Concept, Designation, Property};
use crate::json::Number;

const ABSTRACT: u8 = 1;
const INACTIVE: u8 = 2;
const DISPLAY: u8 = 4;
const DEFINITION: u8 = 8;

/// Code, texts and properties; who stands above and below comes behind it.
pub(super) fn write(concept: &Concept, out: &mut Vec<u8>) {
    text(&concept.code, out);
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(
        bit(concept.is_abstract, ABSTRACT)
            | bit(concept.inactive, INACTIVE)
            | bit(concept.display.is_some(), DISPLAY)
            | bit(concept.definition.is_some(), DEFINITION),
    );
    for optional in [&concept.display, &concept.definition].into_iter().flatten() {
        text(optional, out);
    }
    number(concept.designations.len() as u64, out);
    for designation in &concept.designations {
        text(designation.language.as_deref().unwrap_or_default(), out);
        let (system, code) = designation.usage.clone().unwrap_or_default();
        text(&system, out);
        text(&code, out);
        text(&designation.value, out);
    }
    number(concept.properties.len() as u64, out);
    for (name, value) in &concept.properties {
        text(name, out);
        let (mark, value) = match value {
            Property::Code(code) => (b'c', code.clone()),
            Property::Text(text) => (b's', text.clone()),
            Property::Time(text) => (b't', text.clone()),
            Property::Flag(flag) => (b'b', flag.to_string()),
            Property::Number(number) => (b'n', number.to_string()),
            Property::Coding { system, code } => {
                out.push(b'q');
                text(system, out);
                text(code, out);
                continue;
            }
        };
        out.push(mark);
        text(&value, out);
    }
}

/// Numbers of other concepts.
pub(super) fn numbers(list: &[u32], out: &mut Vec<u8>) {
    number(list.len() as u64, out);
    for one in list {
        number(u64::from(*one), out);
    }
}

/// Reads a whole record; `None` when it is not one.
pub(super) fn read(bytes: &[u8]) -> Option<Concept> {
    let mut from = Reader(bytes);
    let code = from.text()?;
    let flags = from.byte()?;
    let mut concept = Concept {
        code,
        is_abstract: flags & ABSTRACT != 0,
        inactive: flags & INACTIVE != 0,
        ..Concept::default()
    };
    if flags & DISPLAY != 0 {
        concept.display = Some(from.text()?);
    }
    if flags & DEFINITION != 0 {
        concept.definition = Some(from.text()?);
    }
    for _ in 0..from.number()? {
        let language = Some(from.text()?).filter(|l| !l.is_empty());
        let (system, code) = (from.text()?, from.text()?);
        let usage = (!code.is_empty()).then_some((system, code));
        concept.designations.push(Designation { language, usage, value: from.text()? });
    }
    for _ in 0..from.number()? {
        let name = from.text()?;
        let mark = from.byte()?;
        let text = from.text()?;
        let value = match mark {
            b'c' => Property::Code(text),
            b's' => Property::Text(text),
            b't' => Property::Time(text),
            b'b' => Property::Flag(text == "true"),
            b'n' => Property::Number(Number::parse(&text)?),
            b'q' => Property::Coding { system: text, code: from.text()? },
            _ => return None,
        };
        concept.properties.push((name, value));
    }
    concept.parents = from.list()?;
    concept.children = from.list()?;
    Some(concept)
}

/// The code at the beginning of a record, as far as it is there.
pub(super) fn code(bytes: &[u8]) -> Option<&[u8]> {
    let mut from = Reader(bytes);
    let length = usize::try_from(from.number()?).ok()?;
    from.0.get(..length)
}

fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn list(&mut self) -> Option<Vec<u32>> {
        (0..self.number()?).map(|_| self.number().and_then(|n| u32::try_from(n).ok())).collect()
    }
}

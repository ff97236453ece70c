//! Writing a packed file: concepts come in any order and go to a spool at once; only codes and places stay in memory.

use std::io::{self, Write};

use super::super::concept::Concept;
use super::{MAGIC, MOST_RECORD, Slab, record};
use crate::json::Object;

/// Gathers concepts. About thirty bytes and the code of each are kept in memory, besides eight for each pair of one
/// above another.
pub struct Packer<S> {
    spool: S,
    written: u64,
    case_sensitive: bool,
    /// All codes, one behind the other.
    codes: Vec<u8>,
    rows: Vec<Row>,
    /// Concept, and where the code above it stands in `codes`.
    above: Vec<(u32, Span)>,
}

/// Where a text stands in `codes`.
#[derive(Clone, Copy)]
struct Span(u32, u32);

struct Row {
    code: Span,
    at: u64,
    length: u32,
}

/// What became of the concepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many were written.
    pub concepts: u32,
    /// How often one stands above another.
    pub links: u64,
    /// Codes that stood above another and are not there themselves.
    pub missing: u64,
}

fn refused(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

impl<S: Write + Slab> Packer<S> {
    /// A packer that keeps what it gathers in `spool`, which is empty.
    pub const fn new(spool: S, case_sensitive: bool) -> Self {
        Self { spool, written: 0, case_sensitive, codes: Vec::new(), rows: Vec::new(), above: Vec::new() }
    }

    /// How many concepts were added.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Adds a concept and the codes right above it, which may come later.
    ///
    /// # Errors
    /// When the spool cannot be written, the record is too long, or there are more concepts than a file holds.
    pub fn add(&mut self, concept: &Concept, parents: &[String]) -> io::Result<()> {
        let number = u32::try_from(self.rows.len()).map_err(|_| refused("too many concepts"))?;
        let mut bytes = Vec::new();
        record::write(concept, &mut bytes);
        if bytes.len() > MOST_RECORD / 2 {
            return Err(refused(format!("the concept \"{}\" is too long", concept.code)));
        }
        self.spool.write_all(&bytes)?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let code = self.keep(&concept.code)?;
        self.rows.push(Row { code, at: self.written, length });
        self.written += u64::from(length);
        for parent in parents.iter().filter(|parent| **parent != concept.code) {
            let span = self.keep(parent)?;
            self.above.push((number, span));
        }
        Ok(())
    }

    fn keep(&mut self, code: &str) -> io::Result<Span> {
        let from = u32::try_from(self.codes.len()).ok();
        let full = || refused("the codes together take more than 4 GiB");
        if self.case_sensitive {
            self.codes.extend_from_slice(code.as_bytes());
        } else {
            self.codes.extend_from_slice(code.to_lowercase().as_bytes());
        }
        let to = u32::try_from(self.codes.len()).ok();
        Ok(Span(from.ok_or_else(full)?, to.ok_or_else(full)?))
    }

    fn text(&self, span: Span) -> &[u8] {
        self.codes.get(span.0 as usize..span.1 as usize).unwrap_or_default()
    }

    /// Writes the file. `head` holds the elements of the CodeSystem but its concepts.
    ///
    /// # Errors
    /// When a code stands twice, or reading the spool or writing fails.
    pub fn finish(mut self, head: Object, out: &mut impl Write) -> io::Result<Summary> {
        self.spool.flush()?;
        let mut order: Vec<u32> = (0..).take(self.rows.len()).collect();
        let key = |n: &u32| self.rows.get(*n as usize).map(|row| self.text(row.code)).unwrap_or_default();
        order.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        let twice = order.iter().zip(order.iter().skip(1)).find(|(a, b)| key(a) == key(b));
        if let Some((twice, _)) = twice {
            let code = String::from_utf8_lossy(key(twice)).into_owned();
            return Err(refused(format!("the code \"{code}\" stands twice")));
        }
        let (by_lower, missing) = self.links(&order);
        let mut by_upper: Vec<(u32, u32)> = by_lower.iter().map(|(lower, upper)| (*upper, *lower)).collect();
        by_upper.sort_unstable();
        self.write(head, &order, &by_lower, &by_upper, out)?;
        let concepts = u32::try_from(order.len()).map_err(|_| refused("too many concepts"))?;
        Ok(Summary { concepts, links: by_lower.len() as u64, missing })
    }

    /// Pairs of lower and upper concept by their numbers in the file, in order; and how many codes led nowhere.
    fn links(&self, order: &[u32]) -> (Vec<(u32, u32)>, u64) {
        let key = |n: &u32| self.rows.get(*n as usize).map(|row| self.text(row.code)).unwrap_or_default();
        let mut number = vec![0u32; order.len()];
        for (new, old) in (0u32..).zip(order) {
            if let Some(slot) = number.get_mut(*old as usize) {
                *slot = new;
            }
        }
        let mut missing = 0;
        let mut pairs = Vec::with_capacity(self.above.len());
        for (lower, upper) in &self.above {
            let wanted = self.text(*upper);
            match order.binary_search_by(|n| key(n).cmp(wanted)) {
                Ok(upper) => pairs.push((
                    number.get(*lower as usize).copied().unwrap_or_default(),
                    u32::try_from(upper).unwrap_or_default(),
                )),
                Err(_) => missing += 1,
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        (pairs, missing)
    }

    fn write(
        &self,
        head: Object,
        order: &[u32],
        by_lower: &[(u32, u32)],
        by_upper: &[(u32, u32)],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut starts = Vec::with_capacity(order.len());
        let mut at = 0u64;
        for (number, tail) in (0u32..).zip(tails(order.len(), by_lower, by_upper)) {
            starts.push(at);
            let row = order.get(number as usize).and_then(|old| self.rows.get(*old as usize));
            at += row.map_or(0, |row| u64::from(row.length)) + tail.len() as u64;
        }
        let head = placed(head, order.len(), at);
        let length = u32::try_from(head.len()).map_err(|_| refused("the head is too long"))?;
        out.write_all(MAGIC)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&head)?;
        let before = 12 + u64::from(length) + 8 * starts.len() as u64;
        for start in starts {
            out.write_all(&(before + start).to_le_bytes())?;
        }
        let mut bytes = Vec::new();
        for (old, tail) in order.iter().zip(tails(order.len(), by_lower, by_upper)) {
            let Some(row) = self.rows.get(*old as usize) else { continue };
            bytes.resize(row.length as usize, 0);
            if !self.spool.read(row.at, &mut bytes) {
                return Err(refused("the spool cannot be read back"));
            }
            out.write_all(&bytes)?;
            out.write_all(&tail)?;
        }
        out.flush()
    }
}

/// The end of each record: numbers of the concepts above and below.
fn tails<'a>(
    count: usize,
    by_lower: &'a [(u32, u32)],
    by_upper: &'a [(u32, u32)],
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let (mut above, mut below) = (by_lower, by_upper);
    (0u32..).take(count).map(move |number| {
        let mut out = Vec::new();
        record::numbers(&taken(&mut above, number), &mut out);
        record::numbers(&taken(&mut below, number), &mut out);
        out
    })
}

/// The second halves of the pairs at the front that begin with `number`.
fn taken(pairs: &mut &[(u32, u32)], number: u32) -> Vec<u32> {
    let own = pairs.iter().take_while(|(first, _)| *first == number).count();
    let (front, rest) = pairs.split_at(own);
    *pairs = rest;
    front.iter().map(|(_, second)| *second).collect()
}

/// The head as bytes; its own length is part of the size that it states.
fn placed(head: Object, count: usize, records: u64) -> Vec<u8> {
    let mut size = 0;
    loop {
        let bytes = crate::json::Value::Object(head.clone().with("count", count).with("size", size)).to_vec();
        let whole = 12 + bytes.len() as u64 + 8 * count as u64 + records;
        if whole == size {
            return bytes;
        }
        size = whole;
    }
}

//! WebP: a RIFF file of exactly its length, chunk by chunk (RFC 9649).

use super::reader::Reader;
use super::{Kind, Unfit, fits, foreign};

const DAMAGED: Unfit = Unfit::Damaged(Kind::Webp);
const UNUSUAL: Unfit = Unfit::Unusual(Kind::Webp);

/// Walks a file that begins as a WebP.
pub(super) fn walk(file: &[u8]) -> Result<(), Unfit> {
    let mut reader = Reader::new(file);
    reader.take(4).ok_or(DAMAGED)?;
    let stated = usize::try_from(reader.le32().ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
    reader.take(4).ok_or(DAMAGED)?;
    match stated.checked_add(8).ok_or(DAMAGED)?.cmp(&file.len()) {
        std::cmp::Ordering::Less => return Err(Unfit::Trailing(Kind::Webp)),
        std::cmp::Ordering::Greater => return Err(DAMAGED),
        std::cmp::Ordering::Equal => {}
    }
    let (name, content) = chunk(&mut reader)?;
    match &name {
        b"VP8 " => lossy(content).map(drop)?,
        b"VP8L" => lossless(content).map(drop)?,
        b"VP8X" => return extended(content, reader),
        _ => return Err(DAMAGED),
    }
    if reader.rest().is_empty() { Ok(()) } else { Err(Unfit::Trailing(Kind::Webp)) }
}

/// A canvas with one picture on it, and what is said beside it.
fn extended(head: &[u8], mut reader: Reader<'_>) -> Result<(), Unfit> {
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2]: [u8; 10] = head.try_into().map_err(|_| DAMAGED)?;
    let side = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) + 1;
    let canvas = (side(w0, w1, w2), side(h0, h1, h2));
    fits(canvas.0, canvas.1)?;
    // Section 2.7.1: the second bit says that it moves.
    if flags & 0b10 != 0 {
        return Err(UNUSUAL);
    }
    let mut drawn = None;
    while !reader.rest().is_empty() {
        let (name, content) = chunk(&mut reader)?;
        match &name {
            b"VP8 " if drawn.is_none() => drawn = Some(lossy(content)?),
            b"VP8L" if drawn.is_none() => drawn = Some(lossless(content)?),
            b"ALPH" if drawn.is_none() => {}
            b"ICCP" | b"EXIF" | b"XMP " => {
                if foreign::holds(content) {
                    return Err(Unfit::Hidden(Kind::Webp));
                }
            }
            b"ANIM" | b"ANMF" => return Err(UNUSUAL),
            _ => return Err(DAMAGED),
        }
    }
    if drawn == Some(canvas) { Ok(()) } else { Err(DAMAGED) }
}

/// Name and content of a chunk; an odd one is followed by a zero.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), Unfit> {
    let name = reader.array().ok_or(DAMAGED)?;
    let length = usize::try_from(reader.le32().ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
    let content = reader.take(length).ok_or(DAMAGED)?;
    if length % 2 == 1 && reader.byte() != Some(0) {
        return Err(DAMAGED);
    }
    Ok((name, content))
}

/// Width and height of a key frame (RFC 6386 section 9.1).
fn lossy(content: &[u8]) -> Result<(u32, u32), Unfit> {
    let [tag, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] = content else { return Err(DAMAGED) };
    if tag & 1 != 0 {
        return Err(DAMAGED);
    }
    let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3FFF);
    let size = (side(w0, w1), side(h0, h1));
    fits(size.0, size.1)?;
    Ok(size)
}

/// Width and height of a lossless picture (RFC 9649 section 3.4).
fn lossless(content: &[u8]) -> Result<(u32, u32), Unfit> {
    let [0x2F, a, b, c, d, ..] = content else { return Err(DAMAGED) };
    let bits = u32::from_le_bytes([*a, *b, *c, *d]);
    let size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
    // Three bits of version, which is 0.
    if bits >> 29 != 0 {
        return Err(DAMAGED);
    }
    fits(size.0, size.1)?;
    Ok(size)
}

//! JPEG: segment by segment to the end of the image (ISO/IEC 10918-1, annex B).

use super::reader::Reader;
use super::{Kind, Unfit, fits, foreign};

const DAMAGED: Unfit = Unfit::Damaged(Kind::Jpeg);
const UNUSUAL: Unfit = Unfit::Unusual(Kind::Jpeg);

/// Walks a file that begins as a JPEG.
pub(super) fn walk(file: &[u8]) -> Result<(), Unfit> {
    let mut reader = Reader::new(file);
    reader.take(2).ok_or(DAMAGED)?;
    let (mut first, mut framed, mut scanned) = (true, false, false);
    loop {
        match marker(&mut reader)? {
            // End of image.
            0xD9 if framed && scanned => break,
            // Frames of the baseline, extended and progressive kinds.
            0xC0..=0xC2 if !framed => {
                frame(segment(&mut reader)?)?;
                framed = true;
            }
            // Lossless, hierarchical and arithmetic ones; a height that comes later.
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCF | 0xDC | 0xDE | 0xDF => return Err(UNUSUAL),
            // A scan: its head, then dots until the next marker.
            0xDA if framed => {
                segment(&mut reader)?;
                dots(&mut reader)?;
                scanned = true;
            }
            // Tables and restart intervals.
            0xC4 | 0xDB | 0xDD => {
                segment(&mut reader)?;
            }
            // What programs and people write beside the picture.
            0xE0..=0xEF | 0xFE => {
                let said = segment(&mut reader)?;
                // Read as a script, such a length opens a comment that hides the picture.
                let as_comment = first && matches!(said.len() + 2, 0x2F2A | 0x2F2F);
                if as_comment || foreign::holds(said) {
                    return Err(Unfit::Hidden(Kind::Jpeg));
                }
            }
            _ => return Err(DAMAGED),
        }
        first = false;
    }
    if reader.rest().is_empty() { Ok(()) } else { Err(Unfit::Trailing(Kind::Jpeg)) }
}

/// The next marker; it may be filled up in front with FF.
fn marker(reader: &mut Reader<'_>) -> Result<u8, Unfit> {
    if reader.byte() != Some(0xFF) {
        return Err(DAMAGED);
    }
    loop {
        match reader.byte().ok_or(DAMAGED)? {
            0xFF => {}
            code => return Ok(code),
        }
    }
}

fn segment<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Unfit> {
    let length = reader.be16().ok_or(DAMAGED)?;
    let content = usize::from(length).checked_sub(2).ok_or(DAMAGED)?;
    reader.take(content).ok_or(DAMAGED)
}

fn frame(segment: &[u8]) -> Result<(), Unfit> {
    let mut reader = Reader::new(segment);
    let precision = reader.byte().ok_or(DAMAGED)?;
    let (height, width) = (reader.be16().ok_or(DAMAGED)?, reader.be16().ok_or(DAMAGED)?);
    let components = reader.byte().ok_or(DAMAGED)?;
    if !matches!(components, 1 | 3 | 4) || reader.rest().len() != usize::from(components) * 3 {
        return Err(DAMAGED);
    }
    if precision != 8 && precision != 12 {
        return Err(UNUSUAL);
    }
    fits(width.into(), height.into())
}

/// Skips coded dots up to the next marker that is no restart.
fn dots(reader: &mut Reader<'_>) -> Result<(), Unfit> {
    loop {
        let rest = reader.rest();
        let at = memchr::memchr(0xFF, rest).ok_or(DAMAGED)?;
        match rest.get(at + 1).ok_or(DAMAGED)? {
            0x00 | 0xD0..=0xD7 => reader.take(at + 2).ok_or(DAMAGED)?,
            0xFF => reader.take(at + 1).ok_or(DAMAGED)?,
            _ => {
                reader.take(at).ok_or(DAMAGED)?;
                return Ok(());
            }
        };
    }
}

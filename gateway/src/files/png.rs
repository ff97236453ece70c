//! PNG: chunk by chunk, each with its check number, to the one that ends the picture (PNG, third edition, section 5).

use flate2::Crc;

use super::reader::Reader;
use super::{Kind, Unfit, fits, foreign};

const DAMAGED: Unfit = Unfit::Damaged(Kind::Png);
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What must stand in order.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Stage {
    Head,
    Before,
    Dots,
    After,
}

/// Walks a file that begins as a PNG.
pub(super) fn walk(file: &[u8]) -> Result<(), Unfit> {
    let mut reader = Reader::new(file);
    if reader.array() != Some(SIGNATURE) {
        return Err(DAMAGED);
    }
    let mut stage = Stage::Head;
    loop {
        let (name, content) = chunk(&mut reader)?;
        stage = match (&name, stage) {
            (b"IHDR", Stage::Head) => head(content).map(|()| Stage::Before)?,
            (_, Stage::Head) => return Err(DAMAGED),
            (b"PLTE", Stage::Before)
                if matches!(content.len(), 3..=768) && content.len().is_multiple_of(3) =>
            {
                stage
            }
            (b"IDAT", Stage::Before | Stage::Dots) => Stage::Dots,
            (b"IEND", Stage::Dots | Stage::After) if content.is_empty() => break,
            // A chunk without which the picture is understood begins with a small letter.
            ([b'a'..=b'z', ..], _) => {
                if foreign::holds(content) {
                    return Err(Unfit::Hidden(Kind::Png));
                }
                if stage == Stage::Before { stage } else { Stage::After }
            }
            _ => return Err(DAMAGED),
        };
    }
    if reader.rest().is_empty() { Ok(()) } else { Err(Unfit::Trailing(Kind::Png)) }
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), Unfit> {
    let length = usize::try_from(reader.be32().ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
    let name: [u8; 4] = reader.array().ok_or(DAMAGED)?;
    let content = reader.take(length).ok_or(DAMAGED)?;
    let stated = reader.be32().ok_or(DAMAGED)?;
    let mut sum = Crc::new();
    sum.update(&name);
    sum.update(content);
    let whole = sum.sum() == stated && name.iter().all(u8::is_ascii_alphabetic);
    if whole { Ok((name, content)) } else { Err(DAMAGED) }
}

fn head(content: &[u8]) -> Result<(), Unfit> {
    let mut reader = Reader::new(content);
    let (width, height) = (reader.be32().ok_or(DAMAGED)?, reader.be32().ok_or(DAMAGED)?);
    let [depth, colour, compression, filter, interlace] = reader.array().ok_or(DAMAGED)?;
    let depths: &[u8] = match colour {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => &[],
    };
    let known = depths.contains(&depth) && compression == 0 && filter == 0 && interlace <= 1;
    if !known || !reader.rest().is_empty() {
        return Err(DAMAGED);
    }
    fits(width, height)
}

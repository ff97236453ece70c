//! Files that people send: pictures and PDF documents, told by their content and walked from the first byte to the last.
//!
//! Owns what is taken and what is not, with a sentence that says what to do: JPEG, PNG and WebP whose parts follow each other
//! from the first byte to the end and nothing after it; PDF without programs, other files or a lock inside. A name or a type
//! that somebody states counts for nothing. Leaves to others: how much one person may send, where it is kept, how it is served.
//! Nothing is drawn or decoded here: a picture's dots stay as they are.

mod foreign;
mod jpeg;
mod name;
mod pdf;
mod png;
mod reader;
#[cfg(test)]
mod tests;
mod webp;

use thiserror::Error;

pub use foreign::Foreign;
pub use name::{MOST_NAME, clean};

/// Most bytes of one file.
pub const MOST_BYTES: usize = 10 << 20;
/// Longest side of a picture, in dots.
pub const LONGEST_SIDE: u32 = 12_000;
/// Most dots of a picture.
pub const MOST_DOTS: u64 = 100_000_000;

/// What is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A photo (ISO/IEC 10918-1).
    Jpeg,
    /// A picture (PNG, third edition).
    Png,
    /// A picture (RFC 9649).
    Webp,
    /// A document (ISO 32000).
    Pdf,
}

impl Kind {
    /// Every one.
    pub const ALL: [Kind; 4] = [Kind::Jpeg, Kind::Png, Kind::Webp, Kind::Pdf];

    /// The type under which it is stored and served.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::Webp => "image/webp",
            Kind::Pdf => "application/pdf",
        }
    }

    /// How its name ends.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Kind::Jpeg => "jpg",
            Kind::Png => "png",
            Kind::Webp => "webp",
            Kind::Pdf => "pdf",
        }
    }

    /// The one that is stored under this type.
    #[must_use]
    pub fn stored_as(media_type: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.media_type() == media_type)
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Jpeg => "JPEG",
            Kind::Png => "PNG",
            Kind::Webp => "WebP",
            Kind::Pdf => "PDF",
        }
    }
}

/// Why a file is not taken, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// There is nothing.
    #[error("The file is empty. Choose it again.")]
    Empty,
    /// More than [`MOST_BYTES`].
    #[error("A file may have 10 MiB at most. Send a smaller picture, or the pages in parts.")]
    TooLarge,
    /// Something else.
    #[error("{} is not taken. {}", .0.what(), .0.advice())]
    Type(Foreign),
    /// A part is missing, is wrong, or has the wrong check number.
    #[error("This {} is cut short or damaged. Send it again, or a screenshot of it.", .0.word())]
    Damaged(Kind),
    /// Something follows the end.
    #[error(
        "Something else follows the end of this {}. Save it anew or take a screenshot of it, and send that.",
        .0.word()
    )]
    Trailing(Kind),
    /// It is, or holds, something else as well.
    #[error("This {} holds something else inside. Take a screenshot of it, or print it to a new PDF, and send that.", .0.word())]
    Hidden(Kind),
    /// More dots than [`LONGEST_SIDE`] or [`MOST_DOTS`], or none.
    #[error(
        "The picture has too many dots, or none: 12000 on a side and 100 million in all are the most. Make it smaller."
    )]
    Dots,
    /// A form of the type that few programs know, or one that moves.
    #[error("This kind of {} is not taken. Save it as a plain still picture and send that.", .0.word())]
    Unusual(Kind),
    /// A PDF that does something.
    #[error("This PDF does more than show pages ({0}). Print it to a new PDF, or send photos of the pages.")]
    Active(&'static str),
    /// A PDF with a password or with limits on its use.
    #[error("This PDF is locked. Remove its password, or print it to a new PDF, and send that.")]
    Locked,
    /// A PDF with parts that cannot be looked into.
    #[error("Parts of this PDF cannot be looked into. Print it to a new PDF, or send photos of the pages.")]
    Closed,
}

impl Unfit {
    /// A word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Unfit::Empty => "fileEmpty",
            Unfit::TooLarge => "fileTooLarge",
            Unfit::Type(_) => "fileType",
            Unfit::Damaged(_) => "fileDamaged",
            Unfit::Trailing(_) => "fileTrailing",
            Unfit::Hidden(_) => "fileHidden",
            Unfit::Dots => "fileDots",
            Unfit::Unusual(_) => "fileUnusual",
            Unfit::Active(_) => "pdfActive",
            Unfit::Locked => "pdfLocked",
            Unfit::Closed => "pdfClosed",
        }
    }
}

/// Looks at a whole file: what it is.
///
/// # Errors
/// Why it is not taken.
pub fn look(file: &[u8]) -> Result<Kind, Unfit> {
    if file.is_empty() {
        return Err(Unfit::Empty);
    }
    if file.len() > MOST_BYTES {
        return Err(Unfit::TooLarge);
    }
    let kind = begins(file).ok_or_else(|| Unfit::Type(foreign::tell(file)))?;
    match kind {
        Kind::Jpeg => jpeg::walk(file)?,
        Kind::Png => png::walk(file)?,
        Kind::Webp => webp::walk(file)?,
        Kind::Pdf => pdf::walk(file)?,
    }
    if foreign::ends_as_archive(file) {
        return Err(Unfit::Hidden(kind));
    }
    Ok(kind)
}

fn begins(file: &[u8]) -> Option<Kind> {
    match file {
        [0xFF, 0xD8, 0xFF, ..] => Some(Kind::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Some(Kind::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::Webp),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Kind::Pdf),
        _ => None,
    }
}

/// Refuses a picture of no or too many dots.
fn fits(width: u32, height: u32) -> Result<(), Unfit> {
    let sides = 1..=LONGEST_SIDE;
    let fits = sides.contains(&width)
        && sides.contains(&height)
        && u64::from(width) * u64::from(height) <= MOST_DOTS;
    if fits { Ok(()) } else { Err(Unfit::Dots) }
}

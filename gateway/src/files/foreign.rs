//! What else a file may be: to say so, and to find it inside of what is taken.

use memchr::{memchr_iter, memmem};

/// What a file is that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A drawing that may carry programs.
    Svg,
    /// A page of the web, or XML.
    Page,
    /// An archive, or a document of an office program in one.
    Archive,
    /// A picture that may move.
    Gif,
    /// A photo of some phones.
    Heic,
    /// A picture of scanners and old programs.
    OldPicture,
    /// Sound or a film.
    Film,
    /// Pictures of a scanner of people.
    Dicom,
    /// A document of an office program.
    Office,
    /// A program.
    Program,
    /// Nobody knows.
    Unknown,
}

impl Foreign {
    /// The beginning of a sentence.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Foreign::Svg => "An SVG drawing",
            Foreign::Page => "A web page",
            Foreign::Archive => "An archive or office document",
            Foreign::Gif => "A GIF",
            Foreign::Heic => "A photo of this kind (HEIC, AVIF)",
            Foreign::OldPicture => "A picture of this kind (TIFF, BMP)",
            Foreign::Film => "Sound or film",
            Foreign::Dicom => "A DICOM file",
            Foreign::Office => "An office document",
            Foreign::Program => "A program",
            Foreign::Unknown => "This kind of file",
        }
    }

    /// What to do instead.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Foreign::Svg | Foreign::Gif | Foreign::OldPicture => "Save it as JPEG or PNG and send that.",
            Foreign::Heic => "Save it as JPEG, or take a screenshot of it, and send that.",
            Foreign::Page | Foreign::Office => "Print it to a PDF and send that.",
            Foreign::Archive => "Send each picture by itself, and documents as PDF.",
            Foreign::Film | Foreign::Dicom => "Send a photo or a screenshot of it.",
            Foreign::Program | Foreign::Unknown => "Send a photo (JPEG, PNG, WebP) or a PDF.",
        }
    }
}

/// How far into a file text is looked at.
const HEAD: usize = 1024;

/// Says what a file is that does not begin as anything that is taken.
pub(super) fn tell(file: &[u8]) -> Foreign {
    let head = file.get(..HEAD).unwrap_or(file);
    match file {
        [b'P', b'K', 3 | 5 | 7, ..] | [b'R', b'a', b'r', b'!', ..] | [b'7', b'z', 0xBC, 0xAF, ..] => {
            Foreign::Archive
        }
        [0x1F, 0x8B, ..] => Foreign::Archive,
        [b'G', b'I', b'F', b'8', ..] => Foreign::Gif,
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif" | b"avis") => {
                Foreign::Heic
            }
            _ => Foreign::Film,
        },
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] | [b'B', b'M', ..] => Foreign::OldPicture,
        [b'R', b'I', b'F', b'F', ..] | [b'I', b'D', b'3', ..] | [b'O', b'g', b'g', b'S', ..] => Foreign::Film,
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Foreign::Film,
        [0xD0, 0xCF, 0x11, 0xE0, ..] | [b'{', b'\\', b'r', b't', b'f', ..] => Foreign::Office,
        [b'M', b'Z', ..] | [0x7F, b'E', b'L', b'F', ..] | [b'#', b'!', ..] => Foreign::Program,
        _ if file.get(128..132) == Some(b"DICM".as_slice()) => Foreign::Dicom,
        _ if has_tag(head, b"svg") => Foreign::Svg,
        _ if has_markup(head) || has_tag(head, b"?xml") => Foreign::Page,
        _ => Foreign::Unknown,
    }
}

/// Whether what stands beside a picture is, or holds, something that another program would open.
pub(super) fn holds(part: &[u8]) -> bool {
    has_markup(part)
        || memmem::find(part, b"%PDF-").is_some()
        || memmem::find(part, b"PK\x03\x04").is_some()
        || memmem::find(part, b"PK\x05\x06").is_some()
        || memmem::find(part, b"javascript:").is_some()
}

/// Whether there is a tag of a web page that browsers look for.
pub(super) fn has_markup(part: &[u8]) -> bool {
    const TAGS: [&[u8]; 7] = [b"script", b"html", b"svg", b"!doctype", b"iframe", b"body", b"?php"];
    TAGS.iter().any(|tag| has_tag(part, tag))
}

fn has_tag(part: &[u8], tag: &[u8]) -> bool {
    let behind = |at: usize| part.get(at + 1..)?.get(..tag.len());
    memchr_iter(b'<', part).filter_map(behind).any(|name| name.eq_ignore_ascii_case(tag))
}

/// Whether the end of the file is the end of a ZIP archive: programs that open archives look for it from behind, whatever
/// stands before (APPNOTE 4.3.16).
pub(super) fn ends_as_archive(file: &[u8]) -> bool {
    let from = file.len().saturating_sub(22 + 0xFFFF);
    let Some(tail) = file.get(from..) else { return false };
    memmem::find_iter(tail, b"PK\x05\x06").any(|at| {
        let number = |offset: usize| {
            let four = tail.get(at + offset..)?.first_chunk::<4>()?;
            Some(u64::from(u32::from_le_bytes(*four)))
        };
        let (Some(size), Some(offset)) = (number(12), number(16)) else { return false };
        let far = u64::from(u32::MAX);
        size == far || offset == far || size + offset <= file.len() as u64
    })
}

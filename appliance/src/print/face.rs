//! The fonts that pages are printed in, and text as glyphs of them: Noto Sans for Latin, Noto Sans Devanagari for Hindi and
//! Marathi, both under the SIL Open Font License. They come from packages of the web UI and are built in where these are
//! there; a box built without them prints no PDF and says so.

use std::sync::LazyLock;

use rustybuzz::{UnicodeBuffer, ttf_parser};

/// A font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaceId {
    /// Latin.
    Latin,
    /// Latin, bold.
    LatinBold,
    /// Devanagari.
    Devanagari,
    /// Devanagari, bold.
    DevanagariBold,
}

impl FaceId {
    /// Every font.
    pub const ALL: [FaceId; 4] =
        [FaceId::Latin, FaceId::LatinBold, FaceId::Devanagari, FaceId::DevanagariBold];

    /// Its name in a file.
    pub const fn name(self) -> &'static str {
        match self {
            FaceId::Latin => "NotoSans-Regular",
            FaceId::LatinBold => "NotoSans-Bold",
            FaceId::Devanagari => "NotoSansDevanagari-Regular",
            FaceId::DevanagariBold => "NotoSansDevanagari-Bold",
        }
    }
}

/// The fonts' files as built in.
struct Files {
    latin: Option<&'static [u8]>,
    latin_bold: Option<&'static [u8]>,
    devanagari: Option<&'static [u8]>,
    devanagari_bold: Option<&'static [u8]>,
}

static FILES: Files = include!(concat!(env!("OUT_DIR"), "/fonts.rs"));

/// One font, read.
pub struct Face {
    /// The file.
    pub data: &'static [u8],
    shaper: rustybuzz::Face<'static>,
}

/// All fonts.
pub struct Faces([Face; 4]);

static OWN: LazyLock<Option<Faces>> = LazyLock::new(|| {
    let read = |data: Option<&'static [u8]>| {
        let data = data?;
        Some(Face { data, shaper: rustybuzz::Face::from_slice(data, 0)? })
    };
    Some(Faces([
        read(FILES.latin)?,
        read(FILES.latin_bold)?,
        read(FILES.devanagari)?,
        read(FILES.devanagari_bold)?,
    ]))
});

/// A glyph with its place; lengths in thousandths of the font's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Glyph {
    /// Of which font.
    pub face: FaceId,
    /// Which.
    pub id: u16,
    /// How far the next one is.
    pub advance: f32,
    /// Where it is drawn, from its place.
    pub offset: (f32, f32),
    /// What it says; empty for the later glyphs of one cluster.
    pub text: String,
}

/// A text in glyphs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shaped {
    /// From left to right.
    pub glyphs: Vec<Glyph>,
}

impl Shaped {
    /// Its width at a size.
    pub fn width(&self, size: f32) -> f32 {
        self.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>() * size / 1000.0
    }
}

impl Faces {
    /// The fonts that are built in; none where the build had none.
    pub fn own() -> Option<&'static Faces> {
        OWN.as_ref()
    }

    /// One of them.
    pub fn face(&self, id: FaceId) -> &Face {
        let [latin, latin_bold, devanagari, devanagari_bold] = &self.0;
        match id {
            FaceId::Latin => latin,
            FaceId::LatinBold => latin_bold,
            FaceId::Devanagari => devanagari,
            FaceId::DevanagariBold => devanagari_bold,
        }
    }

    /// A line of text as glyphs. Signs that no font has are drawn as the font's empty box.
    pub fn shape(&self, text: &str, bold: bool) -> Shaped {
        let mut shaped = Shaped::default();
        for (face, run) in runs(text, bold) {
            self.run(face, run, &mut shaped.glyphs);
        }
        shaped
    }

    fn run(&self, id: FaceId, text: &str, glyphs: &mut Vec<Glyph>) {
        let face = self.face(id);
        let scale = 1000.0 / f32::from(face.em());
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        let shaped = rustybuzz::shape(&face.shaper, &[], buffer);
        let infos = shaped.glyph_infos();
        for (at, (info, place)) in infos.iter().zip(shaped.glyph_positions()).enumerate() {
            let start = info.cluster as usize;
            let first = at == 0 || infos.get(at - 1).is_some_and(|before| before.cluster != info.cluster);
            let later = infos.iter().skip(at).map(|other| other.cluster as usize);
            let end = later.filter(|cluster| *cluster > start).min().unwrap_or(text.len());
            let said = if first { text.get(start..end).unwrap_or_default() } else { "" };
            glyphs.push(Glyph {
                face: id,
                id: u16::try_from(info.glyph_id).unwrap_or(0),
                advance: place.x_advance as f32 * scale,
                offset: (place.x_offset as f32 * scale, place.y_offset as f32 * scale),
                text: said.to_owned(),
            });
        }
    }
}

impl Face {
    fn parsed(&self) -> &ttf_parser::Face<'static> {
        &self.shaper
    }

    fn em(&self) -> u16 {
        self.parsed().units_per_em().max(1)
    }

    fn scaled(&self, value: i16) -> f32 {
        f32::from(value) * 1000.0 / f32::from(self.em())
    }

    /// Highest and lowest line, in thousandths.
    pub fn height(&self) -> (f32, f32) {
        (self.scaled(self.parsed().ascender()), self.scaled(self.parsed().descender()))
    }

    /// Height of capitals, in thousandths.
    pub fn capitals(&self) -> f32 {
        self.scaled(self.parsed().capital_height().unwrap_or(700))
    }

    /// The box that holds every glyph, in thousandths: left, bottom, right, top.
    pub fn bounds(&self) -> [f32; 4] {
        let bounds = self.parsed().global_bounding_box();
        [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|value| self.scaled(value))
    }

    /// The width of a glyph as the file says it, in thousandths.
    pub fn width(&self, glyph: u16) -> f32 {
        let width = self.parsed().glyph_hor_advance(ttf_parser::GlyphId(glyph)).unwrap_or(0);
        f32::from(width) * 1000.0 / f32::from(self.em())
    }
}

/// Pieces of a text that one font draws. What belongs to no script stays with the piece before it.
fn runs(text: &str, bold: bool) -> Vec<(FaceId, &str)> {
    let devanagari =
        |c: char| matches!(c, '\u{0900}'..='\u{097F}' | '\u{A8E0}'..='\u{A8FF}' | '\u{1CD0}'..='\u{1CFF}');
    let joins = |c: char| matches!(c, '\u{200C}' | '\u{200D}' | ' ');
    let mut found: Vec<(bool, usize)> = Vec::new();
    for (at, c) in text.char_indices() {
        let hindi = devanagari(c) || (joins(c) && found.last().is_some_and(|(hindi, _)| *hindi));
        if found.last().is_none_or(|(before, _)| *before != hindi) {
            found.push((hindi, at));
        }
    }
    let ends = found.iter().skip(1).map(|(_, at)| *at).chain([text.len()]);
    let pieces = found.iter().zip(ends).map(|((hindi, start), end)| {
        let face = match (hindi, bold) {
            (false, false) => FaceId::Latin,
            (false, true) => FaceId::LatinBold,
            (true, false) => FaceId::Devanagari,
            (true, true) => FaceId::DevanagariBold,
        };
        (face, text.get(*start..end).unwrap_or_default())
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_has_its_font() {
        let faces = |text| {
            runs(text, false).into_iter().map(|(face, run)| (face, run.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(faces("abc 1"), [(FaceId::Latin, "abc 1".to_owned())]);
        assert_eq!(
            faces("सुबह 1 गोली"),
            [
                (FaceId::Devanagari, "सुबह ".to_owned()),
                (FaceId::Latin, "1 ".to_owned()),
                (FaceId::Devanagari, "गोली".to_owned())
            ]
        );
        assert_eq!(faces(""), []);
    }

    #[test]
    fn hindi_is_shaped() {
        let Some(own) = Faces::own() else { return };
        // The vowel sign i stands before its consonant, a conjunct is fewer glyphs than letters.
        let shaped = own.shape("दिन", false);
        assert_eq!(shaped.glyphs.iter().map(|glyph| glyph.text.as_str()).collect::<String>(), "दिन");
        let conjunct = own.shape("क्ष", false);
        assert!(conjunct.glyphs.len() < 3, "{conjunct:?}");
        assert!(shaped.glyphs.iter().chain(&conjunct.glyphs).all(|glyph| glyph.id != 0));
        assert!(own.shape("WWW", true).width(10.0) > own.shape("iii", true).width(10.0));
    }
}

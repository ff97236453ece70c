//! A PDF file: pages of text, lines and filled boxes, with the parts of the fonts that are used.
//!
//! Places are in points from the upper left corner. The text can be searched and copied: every glyph says what it stands for.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Content, Filter, Name, Pdf, Rect, Ref, Str, TextStr};
use subsetter::GlyphRemapper;
use thiserror::Error;

use super::face::{FaceId, Faces, Shaped};

/// Points of a millimetre.
pub const MM: f32 = 72.0 / 25.4;

/// A font could not be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the font {0} cannot be written into a page")]
pub struct BadFont(&'static str);

/// What of a font is used.
struct Used {
    glyphs: GlyphRemapper,
    /// New id to what it says and how wide it is.
    says: BTreeMap<u16, (String, f32)>,
}

/// A file that grows.
pub struct Document<'f> {
    faces: &'f Faces,
    size: (f32, f32),
    pages: Vec<Content>,
    used: BTreeMap<FaceId, Used>,
}

impl<'f> Document<'f> {
    /// A file of pages of a size, in points.
    pub fn new(faces: &'f Faces, size: (f32, f32)) -> Self {
        Self { faces, size, pages: Vec::new(), used: BTreeMap::new() }
    }

    /// Begins the next page.
    pub fn page(&mut self) {
        self.pages.push(Content::new());
    }

    /// Draws text with its line of writing at `y`, in a grey from 0 (black) to 1.
    pub fn text(&mut self, (x, y): (f32, f32), size: f32, text: &Shaped, grey: f32) {
        let height = self.size.1;
        let faces = self.faces;
        let Some(page) = self.pages.last_mut() else { return };
        page.set_fill_gray(grey);
        page.begin_text();
        let (mut at, mut face) = (x, None);
        for (place, glyph) in text.glyphs.iter().enumerate() {
            if face != Some(glyph.face) {
                if face.is_some() {
                    page.end_marked_content();
                }
                // Glyphs of an Indic script are no letters and stand in another order: the run says what it is as a whole.
                let run = text.glyphs.iter().skip(place).take_while(|other| other.face == glyph.face);
                let said: String = run.map(|other| other.text.as_str()).collect();
                let mut mark = page.begin_marked_content_with_properties(Name(b"Span"));
                mark.properties().actual_text(TextStr(&said));
                drop(mark);
                page.set_font(Name(resource(glyph.face)), size);
                face = Some(glyph.face);
            }
            let used = self
                .used
                .entry(glyph.face)
                .or_insert_with(|| Used { glyphs: GlyphRemapper::new(), says: BTreeMap::new() });
            let id = used.glyphs.remap(glyph.id);
            let said = used
                .says
                .entry(id)
                .or_insert_with(|| (String::new(), faces.face(glyph.face).width(glyph.id)));
            if said.0.is_empty() {
                said.0.clone_from(&glyph.text);
            }
            let unit = size / 1000.0;
            let place = (at + glyph.offset.0 * unit, height - y + glyph.offset.1 * unit);
            page.set_text_matrix([1.0, 0.0, 0.0, 1.0, place.0, place.1]);
            page.show(Str(&id.to_be_bytes()));
            at += glyph.advance * unit;
        }
        if face.is_some() {
            page.end_marked_content();
        }
        page.end_text();
    }

    /// Draws a line.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32) {
        let height = self.size.1;
        let Some(page) = self.pages.last_mut() else { return };
        page.set_stroke_gray(0.0).set_line_width(width);
        page.move_to(from.0, height - from.1).line_to(to.0, height - to.1).stroke();
    }

    /// Fills boxes with black: upper left corner and size of each.
    pub fn boxes(&mut self, boxes: impl IntoIterator<Item = (f32, f32, f32, f32)>) {
        let height = self.size.1;
        let Some(page) = self.pages.last_mut() else { return };
        page.set_fill_gray(0.0);
        for (x, y, wide, high) in boxes {
            page.rect(x, height - y - high, wide, high);
        }
        page.fill_nonzero();
    }

    /// The file.
    ///
    /// # Errors
    /// [`BadFont`].
    pub fn finish(self, title: &str) -> Result<Vec<u8>, BadFont> {
        let mut next = 0;
        let mut fresh = || {
            next += 1;
            Ref::new(next)
        };
        let (catalog, tree, info) = (fresh(), fresh(), fresh());
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info).title(TextStr(title)).producer(TextStr("ClinicVault"));
        let mut fonts = Vec::new();
        for (face, used) in &self.used {
            let font = fresh();
            let parts = [fresh(), fresh(), fresh(), fresh()];
            embed(&mut pdf, self.faces, (*face, used), font, parts)?;
            fonts.push((*face, font));
        }
        let pages: Vec<(Ref, Ref, Content)> =
            self.pages.into_iter().map(|content| (fresh(), fresh(), content)).collect();
        let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
        pdf.pages(tree).kids(pages.iter().map(|(page, ..)| *page)).count(count);
        for (id, stream, content) in pages {
            let mut page = pdf.page(id);
            page.parent(tree).media_box(Rect::new(0.0, 0.0, self.size.0, self.size.1)).contents(stream);
            let mut resources = page.resources();
            let mut named = resources.fonts();
            for (face, font) in &fonts {
                named.pair(Name(resource(*face)), *font);
            }
            drop(named);
            drop(resources);
            drop(page);
            let packed = packed(content.finish().as_slice());
            pdf.stream(stream, &packed).filter(Filter::FlateDecode);
        }
        Ok(pdf.finish())
    }
}

fn resource(face: FaceId) -> &'static [u8] {
    match face {
        FaceId::Latin => b"L",
        FaceId::LatinBold => b"LB",
        FaceId::Devanagari => b"D",
        FaceId::DevanagariBold => b"DB",
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Writes the used part of a font (ISO 32000-1, 9.7 and 9.9).
fn embed(
    pdf: &mut Pdf,
    faces: &Faces,
    (id, used): (FaceId, &Used),
    font: Ref,
    [cid, descriptor, unicode, file]: [Ref; 4],
) -> Result<(), BadFont> {
    const IDENTITY: SystemInfo<'static> =
        SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
    let face = faces.face(id);
    let subset = subsetter::subset(face.data, 0, &used.glyphs).map_err(|_| BadFont(id.name()))?;
    let name = format!("CVAULT+{}", id.name());
    let name = Name(name.as_bytes());
    pdf.type0_font(font)
        .base_font(name)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(unicode);
    let mut written = pdf.cid_font(cid);
    written
        .subtype(CidFontType::Type2)
        .base_font(name)
        .system_info(IDENTITY)
        .font_descriptor(descriptor)
        .default_width(0.0)
        .cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = written.widths();
    for (glyph, (_, width)) in &used.says {
        widths.consecutive(*glyph, [*width]);
    }
    drop(widths);
    drop(written);
    let [left, bottom, right, top] = face.bounds();
    let (ascent, descent) = face.height();
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(left, bottom, right, top))
        .italic_angle(0.0)
        .ascent(ascent)
        .descent(descent)
        .cap_height(face.capitals())
        .stem_v(if matches!(id, FaceId::LatinBold | FaceId::DevanagariBold) { 140.0 } else { 80.0 })
        .font_file2(file);
    let mut cmap = UnicodeCmap::new(Name(b"ClinicVault"), IDENTITY);
    for (glyph, (said, _)) in used.says.iter().filter(|(_, (said, _))| !said.is_empty()) {
        cmap.pair_with_multiple(*glyph, said.chars());
    }
    let cmap = cmap.finish();
    pdf.cmap(unicode, cmap.as_slice());
    let length = i32::try_from(subset.len()).unwrap_or(i32::MAX);
    let packed = packed(&subset);
    let mut stream = pdf.stream(file, &packed);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), length);
    Ok(())
}

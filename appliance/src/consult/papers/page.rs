//! The page of a signed paper as PDF, A4 or A5: everything that clinic-workflow.md section 7.2 asks for, made from the signed
//! sheet alone. A block (a medicine, a line of text, the signature) is drawn on one page or on the next, never on both; name,
//! age, number and "page x of y" stand on every page; black on white.

use std::sync::Arc;

use jiff::tz::TimeZone;
use qrcode::{EcLevel, QrCode};

use super::kept::{Signed, Stands};
use super::note::Vital;
use super::paper::Kind;
use super::sign::Sheet;
use super::words::{Language, directions};
use crate::consult::ask::Mode;
use crate::consult::prescribe::Book;
use crate::consult::prescribe::line::{Line, Quantity};
use crate::print::face::{Faces, Shaped};
use crate::print::pdf::{BadFont, Document, MM};

/// Sizes of paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// 210 × 297 mm.
    A4,
    /// 148 × 210 mm.
    A5,
}

impl Paper {
    /// Width, height and margin in points, and size of the letters.
    fn measures(self) -> (f32, f32, f32, f32) {
        match self {
            Paper::A4 => (210.0 * MM, 297.0 * MM, 15.0 * MM, 10.0),
            Paper::A5 => (148.0 * MM, 210.0 * MM, 10.0 * MM, 8.5),
        }
    }
}

/// How a page is printed.
#[derive(Debug, Clone)]
pub struct Look {
    /// On which paper.
    pub paper: Paper,
    /// Millimetres that a printed letterhead takes at the top of the first page; the own head is left out then.
    pub letterhead: Option<u8>,
    /// Language of the patient's part.
    pub language: Language,
    /// Printed again: by whom and when.
    pub duplicate: Option<String>,
    /// The address that the QR code holds.
    pub verify: String,
    /// The clinic's zone.
    pub zone: TimeZone,
    /// The medicines that are known: lines are read by them.
    pub book: Arc<Book>,
}

/// Side of the QR code (clinic-workflow.md section 8: at least 20 mm).
const QR: f32 = 24.0 * MM;
/// Width of the headings beside their text, in letters' sizes.
const TITLE: f32 = 6.5;
/// Height of the foot of a page, and its distance from what stands above.
const FOOT: f32 = 10.0 * MM;

/// Something drawn inside a block, from the block's upper left corner.
enum Stroke {
    Text { at: (f32, f32), size: f32, shaped: Shaped },
    Line { from: (f32, f32), to: (f32, f32), width: f32 },
    Boxes(Vec<(f32, f32, f32, f32)>),
}

/// What is not split.
struct Block {
    height: f32,
    strokes: Vec<Stroke>,
}

/// The page or pages.
///
/// # Errors
/// [`BadFont`].
pub(super) fn render(faces: &Faces, sheet: &Sheet, signed: &Signed, look: &Look) -> Result<Vec<u8>, BadFont> {
    let (width, height, margin, size) = look.paper.measures();
    let mut layout = Layout { faces, wide: width - 2.0 * margin, size, blocks: Vec::new() };
    let head = match look.letterhead {
        Some(space) => Block { height: (f32::from(space) * MM - margin).max(0.0), strokes: Vec::new() },
        None => layout.head(sheet),
    };
    let strip = layout.strip(sheet, look);
    layout.body(sheet, signed, look);
    layout.signature(sheet, signed, look);
    let Layout { blocks, .. } = layout;
    let next = margin + strip.height;
    let heights: Vec<f32> = blocks.iter().map(|block| block.height).collect();
    let places = flow(&heights, (next + head.height, next), height - margin - FOOT);
    let pages = places.last().map_or(1, |(page, _)| page + 1);

    let mut document = Document::new(faces, (width, height));
    for number in 0..pages {
        document.page();
        let mut top = margin;
        if number == 0 {
            draw(&mut document, &head, margin, top);
            top += head.height;
        }
        draw(&mut document, &strip, margin, top);
        for ((_, place), block) in places.iter().zip(&blocks).filter(|((page, _), _)| *page == number) {
            draw(&mut document, block, margin, *place);
        }
        foot(&mut document, faces, sheet, look, (number + 1, pages));
    }
    document.finish(match signed.kind {
        Kind::Note => "Consultation note",
        Kind::Prescription => "Prescription",
    })
}

/// On which page each block stands, and where: the next page when it does not fit any more, alone where it fits nowhere.
fn flow(heights: &[f32], (first, next): (f32, f32), bottom: f32) -> Vec<(usize, f32)> {
    let (mut page, mut top, mut at) = (0, first, first);
    let place = |height: &f32| {
        if at + height > bottom && at > top {
            page += 1;
            top = next;
            at = next;
        }
        at += height;
        (page, at - height)
    };
    heights.iter().map(place).collect()
}

fn draw(document: &mut Document<'_>, block: &Block, left: f32, top: f32) {
    for stroke in &block.strokes {
        match stroke {
            Stroke::Text { at, size, shaped } => {
                document.text((left + at.0, top + at.1), *size, shaped, 0.0);
            }
            Stroke::Line { from, to, width } => {
                document.line((left + from.0, top + from.1), (left + to.0, top + to.1), *width);
            }
            Stroke::Boxes(boxes) => {
                document.boxes(boxes.iter().map(|(x, y, w, h)| (left + x, top + y, *w, *h)));
            }
        }
    }
}

fn foot(
    document: &mut Document<'_>,
    faces: &Faces,
    sheet: &Sheet,
    look: &Look,
    (number, pages): (usize, usize),
) {
    let (width, height, margin, size) = look.paper.measures();
    let small = size * 0.8;
    let y = height - margin;
    document.line((margin, y - small * 1.6), (width - margin, y - small * 1.6), 0.5);
    let patient = &sheet.patient;
    let who = format!("{}, {}, {}", patient.name, patient.age, patient.number);
    document.text((margin, y), small, &faces.shape(&cut(&who, 70), false), 0.0);
    let mut right = format!("page {number} of {pages}");
    if let Some(duplicate) = &look.duplicate {
        right = format!("DUPLICATE {duplicate} · {right}");
    }
    let shaped = faces.shape(&right, look.duplicate.is_some());
    document.text((width - margin - shaped.width(small), y), small, &shaped, 0.0);
}

/// At most so many letters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

struct Layout<'f> {
    faces: &'f Faces,
    wide: f32,
    size: f32,
    blocks: Vec<Block>,
}

impl Layout<'_> {
    fn lead(&self) -> f32 {
        self.size * 1.4
    }

    /// Lines that fit a width, the text cut at spaces, a word that is too long anywhere.
    fn wrapped(&self, text: &str, bold: bool, size: f32, width: f32) -> Vec<Shaped> {
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split_whitespace() {
                let with = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
                if self.faces.shape(&with, bold).width(size) <= width {
                    line = with;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for letter in word.chars() {
                    line.push(letter);
                    if self.faces.shape(&line, bold).width(size) > width {
                        let last = line.pop();
                        if !line.is_empty() {
                            lines.push(std::mem::take(&mut line));
                        }
                        line.extend(last);
                    }
                }
            }
            if !line.is_empty() {
                lines.push(line);
            }
        }
        lines.iter().map(|line| self.faces.shape(line, bold)).collect()
    }

    /// The head of the first page: doctor on the left, clinic on the right.
    fn head(&self, sheet: &Sheet) -> Block {
        let (doctor, clinic) = (&sheet.doctor, &sheet.clinic);
        let mut strokes = Vec::new();
        let half = self.wide / 2.0 - 2.0 * MM;
        let mut column = |lines: Vec<(String, bool, f32)>, right: bool| {
            let mut y = 0.0;
            for (text, bold, size) in lines.into_iter().filter(|(text, ..)| !text.trim().is_empty()) {
                for shaped in self.wrapped(&text, bold, size, half) {
                    y += size * 1.35;
                    let x = if right { self.wide - shaped.width(size) } else { 0.0 };
                    strokes.push(Stroke::Text { at: (x, y), size, shaped });
                }
            }
            y
        };
        let size = self.size;
        let left = column(
            vec![
                (doctor.name.clone(), true, size * 1.35),
                (doctor.qualification.clone().unwrap_or_default(), false, size),
                (format!("Reg. No. {}", doctor.registration), false, size),
            ],
            false,
        );
        let registration = match clinic.registration.trim() {
            "" => String::new(),
            number => format!("Clinic reg. {number}"),
        };
        let phone = match clinic.phone.trim() {
            "" => String::new(),
            number => format!("Phone {number}"),
        };
        let right = column(
            vec![
                (clinic.name.clone(), true, size * 1.15),
                (clinic.place.clone(), false, size),
                (phone, false, size),
                (registration, false, size),
            ],
            true,
        );
        let height = left.max(right) + size * 0.8;
        strokes.push(Stroke::Line { from: (0.0, height), to: (self.wide, height), width: 1.2 });
        Block { height: height + 1.0 * MM, strokes }
    }

    /// The patient, on every page.
    fn strip(&self, sheet: &Sheet, look: &Look) -> Block {
        let patient = &sheet.patient;
        let when = sheet.at.to_zoned(look.zone.clone()).strftime("%d-%m-%Y %H:%M").to_string();
        let sex = match patient.sex.as_str() {
            "F" => "female",
            "M" => "male",
            "O" => "other",
            _ => "sex not known",
        };
        let mut facts = vec![patient.age.clone(), sex.to_owned(), patient.number.clone()];
        facts.extend(patient.phone.as_ref().map(|phone| format!("Phone {phone}")));
        facts.extend(patient.place.clone());
        if let Some(note) = &sheet.note {
            let weight = note.vitals.iter().find(|vital| vital.kind == "weight");
            facts.extend(weight.map(Vital::printed));
            facts.extend(note.lmp.as_ref().map(|day| format!("LMP {day}")));
        }
        facts.retain(|fact| !fact.trim().is_empty());
        let mut strokes = Vec::new();
        let date = self.faces.shape(&when, false);
        let room = self.wide - date.width(self.size) - 4.0 * MM;
        let mut y = self.lead();
        strokes.push(Stroke::Text {
            at: (self.wide - date.width(self.size), y),
            size: self.size,
            shaped: date,
        });
        for shaped in self.wrapped(&cut(&patient.name, 120), true, self.size * 1.1, room) {
            strokes.push(Stroke::Text { at: (0.0, y), size: self.size * 1.1, shaped });
            y += self.lead();
        }
        for shaped in self.wrapped(&facts.join(" · "), false, self.size, self.wide) {
            strokes.push(Stroke::Text { at: (0.0, y), size: self.size, shaped });
            y += self.lead();
        }
        y -= self.lead() * 0.5;
        strokes.push(Stroke::Line { from: (0.0, y), to: (self.wide, y), width: 0.5 });
        Block { height: y + 1.5 * MM, strokes }
    }

    fn body(&mut self, sheet: &Sheet, signed: &Signed, look: &Look) {
        match signed.stands {
            Stands::Signed => {}
            Stands::Superseded => self.banner("SUPERSEDED: a newer paper takes the place of this one"),
            Stands::Cancelled => self.banner("CANCELLED: do not use"),
        }
        if let Some(how) = match sheet.mode {
            Mode::InPerson => None,
            Mode::Video => Some("video"),
            Mode::Audio => Some("audio"),
            Mode::Chat => Some("chat"),
        } {
            self.lines(&format!("Teleconsultation by {how}"), false, 0.0);
        }
        let note = sheet.note.clone().unwrap_or_default();
        let vitals = note.vitals.iter().map(Vital::printed).collect::<Vec<_>>().join(", ");
        self.section("Complaints", &note.complaint);
        if signed.kind == Kind::Note {
            self.section("History", &note.history);
        }
        self.section("Findings", &[vitals.as_str(), note.examination.as_str()].join("\n"));
        self.section("Diagnosis", &note.assessment);
        self.section("Tests", &note.tests);
        if signed.kind == Kind::Prescription {
            self.medicines(sheet, look);
        } else {
            self.section("Plan", &note.plan);
        }
        self.section("Advice", &note.advice);
        self.section("Follow-up", note.follow_up_on.as_deref().unwrap_or_default());
    }

    fn banner(&mut self, text: &str) {
        let size = self.size * 1.2;
        let shaped = self.faces.shape(text, true);
        let stroke = Stroke::Text { at: (0.0, size * 1.2), size, shaped };
        self.blocks.push(Block { height: size * 1.8, strokes: vec![stroke] });
    }

    /// Text as one block a line.
    fn lines(&mut self, text: &str, bold: bool, indent: f32) {
        let (size, lead) = (self.size, self.lead());
        for shaped in self.wrapped(text, bold, size, self.wide - indent) {
            let stroke = Stroke::Text { at: (indent, lead * 0.8), size, shaped };
            self.blocks.push(Block { height: lead, strokes: vec![stroke] });
        }
    }

    /// A heading in the margin of its text's first line.
    fn section(&mut self, title: &str, text: &str) {
        let from = self.blocks.len();
        self.lines(text, false, TITLE * self.size);
        let shaped = self.faces.shape(title, true);
        let stroke = Stroke::Text { at: (0.0, self.lead() * 0.8), size: self.size, shaped };
        // Without a line of text there is no heading.
        let Some(first) = self.blocks.get_mut(from) else { return };
        first.strokes.push(stroke);
        if let Some(last) = self.blocks.last_mut() {
            last.height += self.size * 0.4;
        }
    }

    fn medicines(&mut self, sheet: &Sheet, look: &Look) {
        let size = self.size;
        let shaped = self.faces.shape("Rx", true);
        let head = Stroke::Text { at: (0.0, size * 1.5), size: size * 1.6, shaped };
        let mut row = Block { height: size * 2.1, strokes: vec![head] };
        for (at, written) in sheet.lines.iter().enumerate() {
            let block = match look.book.signed_line(written) {
                Some(line) => self.medicine(at + 1, &line, look.language),
                // A list that changed since does not change what was signed: it is printed as it was written.
                None => self.plain(at + 1, written),
            };
            // The first row stays with its heading.
            let down = row.height;
            row.height += block.height;
            row.strokes.extend(block.strokes.into_iter().map(|stroke| lowered(stroke, down)));
            self.blocks.push(std::mem::replace(&mut row, Block { height: 0.0, strokes: Vec::new() }));
        }
        if !row.strokes.is_empty() {
            self.blocks.push(row);
        }
    }

    fn plain(&self, number: usize, text: &str) -> Block {
        let mut block = Block { height: 0.0, strokes: Vec::new() };
        self.put(&mut block, &format!("{number}. {text}"), true, 0.0, self.wide);
        block.height += self.size * 0.6;
        block
    }

    /// Number, medicine and quantity; how it is taken in English; the same for the patient, with the doctor's words.
    fn medicine(&self, number: usize, line: &Line, language: Language) -> Block {
        let size = self.size;
        let indent = 6.0 * MM;
        let mut block = Block { height: 0.0, strokes: Vec::new() };
        let quantity = line.quantity().as_ref().map(Quantity::to_string).unwrap_or_default();
        let quantity = self.faces.shape(&quantity, false);
        let room = quantity.width(size) + if quantity.glyphs.is_empty() { 0.0 } else { 4.0 * MM };
        let lead = self.lead();
        let mark = self.faces.shape(&format!("{number}."), true);
        block.strokes.push(Stroke::Text { at: (0.0, lead * 0.8), size, shaped: mark });
        let right = self.wide - quantity.width(size);
        block.strokes.push(Stroke::Text { at: (right, lead * 0.8), size, shaped: quantity });
        self.put(&mut block, &line.medicine(), true, indent, self.wide - indent - room);
        self.put(&mut block, &line.directions(), false, indent, self.wide - indent);
        let patients = directions(line, language);
        if language != Language::English {
            self.put(&mut block, &patients, false, indent, self.wide - indent);
        }
        if let Some(words) = &line.instruction {
            self.put(&mut block, words, false, indent, self.wide - indent);
        }
        block.height += size * 0.6;
        let y = block.height - size * 0.25;
        block.strokes.push(Stroke::Line { from: (0.0, y), to: (self.wide, y), width: 0.3 });
        block
    }

    /// Adds lines of text to a block.
    fn put(&self, block: &mut Block, text: &str, bold: bool, indent: f32, width: f32) {
        for shaped in self.wrapped(text, bold, self.size, width) {
            let at = (indent, block.height + self.lead() * 0.8);
            block.strokes.push(Stroke::Text { at, size: self.size, shaped });
            block.height += self.lead();
        }
    }

    /// Who signed and when, and the code that verifies it.
    fn signature(&mut self, sheet: &Sheet, signed: &Signed, look: &Look) {
        let mut block = Block { height: self.size, strokes: Vec::new() };
        if let Some(modules) = qr(&look.verify) {
            let top = block.height;
            let boxes = modules.into_iter().map(|(x, y, w, h)| (x, y + top, w, h)).collect();
            block.strokes.push(Stroke::Boxes(boxes));
        }
        let when = signed.at.to_zoned(look.zone.clone()).strftime("%d-%m-%Y %H:%M %Z").to_string();
        let indent = QR + 5.0 * MM;
        let mut words = Block { height: self.size, strokes: Vec::new() };
        let width = self.wide - indent;
        self.put(&mut words, &format!("Signed electronically by {}", sheet.doctor.name), true, indent, width);
        self.put(
            &mut words,
            &format!("Reg. No. {} · {when}", sheet.doctor.registration),
            false,
            indent,
            width,
        );
        self.put(&mut words, &format!("Verify: {}", look.verify), false, indent, width);
        let print = signed.sha256.get(..32).unwrap_or_default();
        self.put(&mut words, &format!("SHA-256 {print}…"), false, indent, width);
        block.height = (self.size + QR).max(words.height) + self.size * 0.5;
        block.strokes.extend(words.strokes);
        self.blocks.push(block);
    }
}

/// A stroke further down.
fn lowered(stroke: Stroke, down: f32) -> Stroke {
    match stroke {
        Stroke::Text { at, size, shaped } => Stroke::Text { at: (at.0, at.1 + down), size, shaped },
        Stroke::Line { from, to, width } => {
            Stroke::Line { from: (from.0, from.1 + down), to: (to.0, to.1 + down), width }
        }
        Stroke::Boxes(boxes) => {
            Stroke::Boxes(boxes.into_iter().map(|(x, y, w, h)| (x, y + down, w, h)).collect())
        }
    }
}

/// The dark fields of a QR code, [`QR`] wide without its margin.
fn qr(address: &str) -> Option<Vec<(f32, f32, f32, f32)>> {
    let code = QrCode::with_error_correction_level(address.as_bytes(), EcLevel::M).ok()?;
    let side = code.width();
    let field = QR / side as f32;
    let colors = code.to_colors();
    let mut boxes = Vec::new();
    for (row, fields) in colors.chunks(side).enumerate() {
        let mut at = 0;
        while at < fields.len() {
            let dark = fields.iter().skip(at).take_while(|color| **color == qrcode::Color::Dark).count();
            if dark > 0 {
                boxes.push((at as f32 * field, row as f32 * field, dark as f32 * field, field));
            }
            at += dark.max(1);
        }
    }
    Some(boxes)
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;

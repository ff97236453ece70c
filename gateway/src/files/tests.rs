//! Files as phones and programs write them, and as somebody writes them who means harm.

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use proptest::prelude::*;

use super::*;

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(content);
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length, name.as_slice(), content, &sum.sum().to_be_bytes()].concat()
}

fn head(width: u32, height: u32) -> Vec<u8> {
    [&width.to_be_bytes(), &height.to_be_bytes(), [8, 0, 0, 0, 0].as_slice()].concat()
}

/// A grey picture with more chunks before its dots.
fn png_with(head: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let dots = deflated(&[0, 1, 2, 0, 3, 4]);
    let parts = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", head), more.concat(), chunk(b"IDAT", &dots)];
    [parts.concat(), chunk(b"IEND", &[])].concat()
}

fn png() -> Vec<u8> {
    png_with(&head(2, 2), &[])
}

fn segment(code: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, code], length.as_slice(), content].concat()
}

const JFIF: &[u8] = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

fn jpeg_with(first: &[u8], more: &[Vec<u8>], size: [u8; 4]) -> Vec<u8> {
    let frame = [&[8], size.as_slice(), &[1, 1, 0x11, 0]].concat();
    let parts = [
        vec![0xFF, 0xD8],
        segment(0xE0, first),
        more.concat(),
        segment(0xDB, &[0; 65]),
        segment(0xC0, &frame),
        segment(0xC4, &[0; 17]),
        segment(0xDA, &[1, 1, 0, 0, 63, 0]),
        // A stuffed byte, a restart, a fill byte.
        vec![0x12, 0xFF, 0x00, 0x34, 0xFF, 0xD0, 0x56, 0xFF, 0xFF, 0xD9],
    ];
    parts.concat()
}

fn jpeg() -> Vec<u8> {
    jpeg_with(JFIF, &[], [0, 2, 0, 2])
}

fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, content) in chunks {
        body.extend_from_slice(*name);
        body.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF".as_slice(), &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

const LOSSLESS: &[u8] = &[0x2F, 1, 0x40, 0, 0, 7, 7];
const LOSSY: &[u8] = &[0x30, 1, 0, 0x9D, 0x01, 0x2A, 2, 0, 2, 0, 9, 9];

fn webp() -> Vec<u8> {
    riff(&[(b"VP8L", LOSSLESS)])
}

/// A PDF of one page with more objects; the table at its end is not looked at.
fn pdf_with(more: &[u8]) -> Vec<u8> {
    let head = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/OpenAction [3 0 R /Fit]>>\nendobj\n\
        2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R>>\nendobj\n";
    [head.as_slice(), more, b"trailer\n<</Root 1 0 R/Size 4>>\nstartxref\n9\n%%EOF\n"].concat()
}

fn object(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("9 0 obj\n<<{dictionary}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream\nendobj\n"].concat()
}

/// A PDF with packed objects.
fn packed(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let table = object("/Type/XRef/W[1 2 1]/Size 9/Filter/FlateDecode", &deflated(&[1, 0, 9, 0]));
    pdf_with(&[object(dictionary, content), table].concat())
}

const PACKED: &str = "/Type/ObjStm/N 1/First 4/Filter/FlateDecode";

/// The smallest archive: only its end.
const ARCHIVE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn what_is_taken_is_told_by_its_content() {
    let check = |file: Vec<u8>, expected: Result<Kind, Unfit>| assert_eq!(look(&file), expected);
    check(png(), Ok(Kind::Png));
    check(png_with(&head(2, 2), &[chunk(b"tEXt", b"Comment\0a < b")]), Ok(Kind::Png));
    check(jpeg(), Ok(Kind::Jpeg));
    check(
        jpeg_with(JFIF, &[segment(0xE1, b"Exif\0\0MM"), segment(0xFE, b"hi")], [0, 2, 0, 2]),
        Ok(Kind::Jpeg),
    );
    check(webp(), Ok(Kind::Webp));
    check(riff(&[(b"VP8 ", LOSSY)]), Ok(Kind::Webp));
    let canvas: &[u8] = &[0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
    check(riff(&[(b"VP8X", canvas), (b"VP8 ", LOSSY), (b"EXIF", b"MM")]), Ok(Kind::Webp));
    check(
        riff(&[(b"VP8X", &[2, 0, 0, 0, 1, 0, 0, 1, 0, 0]), (b"VP8 ", LOSSY)]),
        Err(Unfit::Unusual(Kind::Webp)),
    );
    check(riff(&[(b"VP8X", canvas)]), Err(Unfit::Damaged(Kind::Webp)));
    check(riff(&[(b"VP8X", canvas), (b"VP8 ", LOSSY), (b"html", b"hi")]), Err(Unfit::Damaged(Kind::Webp)));
    check(pdf_with(b""), Ok(Kind::Pdf));
    check(packed(PACKED, &deflated(b"5 0 <</Title(hi)>>")), Ok(Kind::Pdf));
    check(Vec::new(), Err(Unfit::Empty));
    check(vec![0; MOST_BYTES + 1], Err(Unfit::TooLarge));
}

#[test]
fn other_files_are_called_by_their_name() {
    let check = |file: &[u8], expected: Foreign| {
        let refused = look(file).unwrap_err();
        assert_eq!(refused, Unfit::Type(expected));
        assert!(refused.to_string().contains(". "), "{refused} does not say what to do");
    };
    check(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", Foreign::Svg);
    check(b"\xEF\xBB\xBF<?xml version='1.0'?>\n<!-- a -->\n<SVG/>", Foreign::Svg);
    check(b" <!DOCTYPE html><p>hi", Foreign::Page);
    check(b"<html><script>1</script>", Foreign::Page);
    check(b"PK\x03\x04", Foreign::Archive);
    check(b"GIF89a\x01\0\x01\0", Foreign::Gif);
    check(b"\0\0\0\x18ftypheic", Foreign::Heic);
    check(b"\0\0\0\x18ftypmp42", Foreign::Film);
    check(b"MM\0*", Foreign::OldPicture);
    check(b"\xD0\xCF\x11\xE0", Foreign::Office);
    check(b"MZ\x90", Foreign::Program);
    check(b" %PDF-1.7 not at the beginning %%EOF", Foreign::Unknown);
    check(b"hello", Foreign::Unknown);
}

#[test]
fn one_file_is_one_thing() {
    let hidden = |kind, file: &[u8]| assert_eq!(look(file), Err(Unfit::Hidden(kind)), "{file:.200?}");
    let trailing = |kind, file: &[u8]| assert_eq!(look(file), Err(Unfit::Trailing(kind)));
    for (kind, file) in [(Kind::Png, png()), (Kind::Jpeg, jpeg()), (Kind::Webp, webp())] {
        for more in [ARCHIVE, b"<script>alert(1)</script>", b"\0", b"%PDF-1.7"] {
            trailing(kind, &[file.as_slice(), more].concat());
        }
    }
    trailing(Kind::Pdf, &[pdf_with(b"").as_slice(), ARCHIVE].concat());
    trailing(Kind::Pdf, &[pdf_with(b"").as_slice(), b"<script>alert(1)</script>"].concat());
    // Inside of what programs skip.
    for bad in
        [ARCHIVE, b"<ScRiPt>alert(1)</script>", b"PK\x03\x04", b"%PDF-1.4", b"<?php 1?>", b"<svg onload=a>"]
    {
        hidden(Kind::Png, &png_with(&head(2, 2), &[chunk(b"tEXt", bad)]));
        hidden(Kind::Png, &png_with(&head(2, 2), &[chunk(b"exIf", bad)]));
        hidden(Kind::Jpeg, &jpeg_with(JFIF, &[segment(0xFE, bad)], [0, 2, 0, 2]));
        hidden(Kind::Jpeg, &jpeg_with(bad, &[], [0, 2, 0, 2]));
        let canvas: &[u8] = &[0, 0, 0, 0, 1, 0, 0, 1, 0, 0];
        hidden(Kind::Webp, &riff(&[(b"VP8X", canvas), (b"VP8 ", LOSSY), (b"XMP ", bad)]));
    }
    // The end of an archive as the comment of the picture's last bytes, and before the end of a PDF.
    let archive = [b"PK\x05\x06".as_slice(), &[0; 16], &[9, 0]].concat();
    let dots = [b"\x12".as_slice(), &archive].concat();
    let mut file = jpeg();
    let end = file.len() - 3;
    file.splice(end..end, dots);
    hidden(Kind::Jpeg, &file);
    hidden(Kind::Pdf, &pdf_with(&[b"% ".as_slice(), ARCHIVE, b"\n"].concat()));
    hidden(Kind::Pdf, &pdf_with(b"% <script>alert(1)</script>\n"));
    // A picture that is a script: the length of its first segment reads as the beginning of a comment.
    hidden(Kind::Jpeg, &jpeg_with(&vec![b' '; 0x2F2A - 2], &[], [0, 2, 0, 2]));
}

#[test]
fn pictures_have_dots_but_not_too_many() {
    for (width, height) in [(0, 2), (2, 0), (12_001, 1), (1, 12_001), (12_000, 12_000), (u32::MAX, u32::MAX)]
    {
        assert_eq!(look(&png_with(&head(width, height), &[])), Err(Unfit::Dots));
    }
    assert_eq!(look(&png_with(&head(12_000, 8_333), &[])), Ok(Kind::Png));
    assert_eq!(look(&jpeg_with(JFIF, &[], [0, 0, 0, 2])), Err(Unfit::Dots));
    assert_eq!(look(&jpeg_with(JFIF, &[], [0x2E, 0xE1, 0, 2])), Err(Unfit::Dots));
    assert_eq!(look(&riff(&[(b"VP8L", &[0x2F, 0xFF, 0xFF, 0xFF, 0x0F, 0])])), Err(Unfit::Dots));
    // A lossless JPEG, a frame that comes twice.
    let mut lossless = jpeg();
    let frame = lossless.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    lossless[frame + 1] = 0xC3;
    assert_eq!(look(&lossless), Err(Unfit::Unusual(Kind::Jpeg)));
    let twice = segment(0xC0, &[8, 0, 2, 0, 2, 1, 1, 0x11, 0]);
    assert_eq!(look(&jpeg_with(JFIF, &[twice], [0, 2, 0, 2])), Err(Unfit::Damaged(Kind::Jpeg)));
}

#[test]
fn a_pdf_that_acts_is_refused_wherever_it_says_so() {
    let active = |file: &[u8], what: &'static str| {
        assert_eq!(look(file), Err(Unfit::Active(what)), "{}", String::from_utf8_lossy(file));
    };
    for (said, what) in [
        ("/S/JavaScript/JS(app.alert(1))", "JavaScript"),
        ("/S/J#61vaScrip#74", "JavaScript"),
        ("/JS 5 0 R", "JS"),
        ("/J#53 5 0 R", "JS"),
        ("/AA<</O 5 0 R>>", "AA"),
        ("/S/Launch/F(calc.exe)", "Launch"),
        ("/Names<</EmbeddedFiles 6 0 R>>", "EmbeddedFiles"),
        ("/Type/EmbeddedFile", "EmbeddedFile"),
        ("/Subtype/FileAttachment", "FileAttachment"),
        ("/Subtype/RichMedia", "RichMedia"),
        ("/AcroForm<</XFA 7 0 R>>", "XFA"),
        ("/S/SubmitForm", "SubmitForm"),
        ("/S/GoToR/F(a.pdf)", "GoToR"),
        ("/OpenAction<</S/URI>>", "OpenAction"),
        ("/OpenAction 5 0 R", "OpenAction"),
    ] {
        let dictionary = format!("<</Type/Action{said}>>");
        active(&pdf_with(format!("5 0 obj\n{dictionary}\nendobj\n").as_bytes()), what);
        // A table that points into a comment or a string finds it there too.
        active(&pdf_with(format!("% {dictionary}\n").as_bytes()), what);
        active(&pdf_with(format!("5 0 obj ({dictionary}) endobj\n").as_bytes()), what);
        let content = format!("5 0 {dictionary}");
        active(&packed(PACKED, &deflated(content.as_bytes())), what);
        active(&packed("/Type/ObjStm/N 1/First 4", content.as_bytes()), what);
        // Not said to be packed objects.
        active(&packed("/N 1/First 4/Filter/FlateDecode", &deflated(content.as_bytes())), what);
    }
    assert_eq!(look(&pdf_with(b"trailer <</Encrypt 8 0 R>>\n")), Err(Unfit::Locked));
    assert_eq!(look(&pdf_with(b"5 0 obj <</URI(https://clinic.example/JS)>> endobj\n")), Ok(Kind::Pdf));
    // By chance in a picture.
    assert_eq!(look(&pdf_with(&object("/Subtype/Image", b"\xFF\xD8 /JS /AA "))), Ok(Kind::Pdf));
}

#[test]
fn packed_objects_are_looked_into_or_refused() {
    let closed = |file: &[u8]| assert_eq!(look(file), Err(Unfit::Closed));
    let script = b"5 0 <</S/JavaScript>>";
    closed(&packed("/Type/ObjStm/N 1/First 4/Filter/LZWDecode", b"\x80\x0B\x60\x50"));
    closed(&packed("/Type/ObjStm/N 1/First 4/Filter[/ASCIIHexDecode/FlateDecode]", b"789C"));
    closed(&packed(
        "/N 1/First 4/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 1>>",
        &deflated(b"\x02a"),
    ));
    closed(&packed("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", b"not compressed"));
    closed(&packed("/Type/ObjStm/N 1/First 4/Filter/FlateDecode/X(stream\n)", &deflated(script)));
    let active = |file: &[u8]| assert_eq!(look(file), Err(Unfit::Active("JavaScript")));
    // The word that opens a stream, in a string before the dictionary ends, and with something behind it.
    active(&packed("/X(stream\n)/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &deflated(script)));
    let mut file = packed(PACKED, &deflated(script));
    let at = file.windows(7).position(|word| word == b"stream\n").unwrap();
    file.splice(at + 6..at + 6, *b" % \t");
    active(&file);
    // Too much.
    let mut bomb = b"5 0 ".to_vec();
    bomb.resize(17 << 20, b' ');
    closed(&packed(PACKED, &deflated(&bomb)));
    let small = object(PACKED, &deflated(&bomb[..10 << 20]));
    closed(&packed(PACKED, &[small.repeat(12), deflated(b"5 0 1")].concat()));
}

#[test]
fn names_are_made_safe_to_show_and_to_save() {
    let check = |given: &str, kind: Kind, expected: &str| assert_eq!(clean(given, kind), expected, "{given}");
    check("xray.JPG", Kind::Jpeg, "xray.jpg");
    check("report.html", Kind::Pdf, "report.pdf");
    check("../../etc/passwd", Kind::Png, "passwd.png");
    check("C:\\Users\\a\\b.png", Kind::Png, "b.png");
    check("रिपोर्ट क्ष.pdf", Kind::Pdf, "रिपोर्ट क्ष.pdf");
    check("a\u{202E}gpj.exe", Kind::Jpeg, "agpj.jpg");
    check("a\r\nSet-Cookie: b", Kind::Png, "aSet-Cookie_ b.png");
    check("  ..  ", Kind::Webp, "photo.webp");
    check("", Kind::Pdf, "document.pdf");
    check("Dr. A. Rao", Kind::Pdf, "Dr. A. Rao.pdf");
}

fn begins() -> impl Strategy<Value = Vec<u8>> {
    let any_file = prop_oneof![
        Just(Vec::new()),
        Just(png()),
        Just(jpeg()),
        Just(webp()),
        Just(riff(&[(b"VP8X", &[0, 0, 0, 0, 1, 0, 0, 1, 0, 0]), (b"VP8 ", LOSSY)])),
        Just(packed(PACKED, &deflated(b"5 0 <</Title(hi)>>"))),
    ];
    (any_file, any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(mut file, at, noise)| {
            let at = at.index(file.len() + 1);
            let end = (at + noise.len()).min(file.len());
            file.splice(at..end, noise);
            file
        },
    )
}

proptest! {
    #[test]
    fn anything_is_answered(file in begins()) {
        if let Err(refused) = look(&file) {
            prop_assert!(refused.to_string().len() > 20 && !refused.code().is_empty());
        }
    }

    #[test]
    fn half_a_picture_and_more_than_one_are_refused(which in 0usize..3, cut in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 1..60)) {
        let file = [png(), jpeg(), webp()].into_iter().nth(which).unwrap();
        prop_assert!(look(&file[..cut.index(file.len())]).is_err());
        prop_assert!(look(&[file, more].concat()).is_err());
    }

    #[test]
    fn a_png_with_one_bit_changed_is_refused(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut file = png();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        prop_assert!(look(&file).is_err());
    }

    #[test]
    fn a_script_is_found_however_it_is_escaped(escaped in prop::collection::vec(any::<bool>(), 10), upper in any::<bool>()) {
        let letter = |(letter, escaped): (u8, &bool)| match (*escaped, upper) {
            (true, true) => format!("#{letter:02X}"),
            (true, false) => format!("#{letter:02x}"),
            (false, _) => char::from(letter).to_string(),
        };
        let name: String = b"JavaScript".iter().copied().zip(&escaped).map(letter).collect();
        let said = format!("5 0 <</S /{name}>>");
        prop_assert_eq!(look(&pdf_with(said.as_bytes())), Err(Unfit::Active("JavaScript")));
        prop_assert_eq!(look(&packed(PACKED, &deflated(said.as_bytes()))), Err(Unfit::Active("JavaScript")));
    }

    #[test]
    fn every_name_becomes_one_that_can_be_saved(given in ".{0,200}", which in 0usize..4) {
        let kind = Kind::ALL[which];
        let name = clean(&given, kind);
        prop_assert!(name.len() <= MOST_NAME && name.ends_with(kind.ending()));
        prop_assert!(!name.starts_with('.') && !name.contains(['/', '\\', '"', ';']) && !name.chars().any(char::is_control));
        prop_assert_eq!(clean(&name, kind), name);
    }
}

//! Paper that came along: small real PDF files and a plain text letter.
//!
//! Owns a minimal PDF 1.4 writer (one font, one page per block of lines), enough for a viewer to open the file.

use std::fmt::Write as _;

use super::file::File;

/// The eye report of the design's chart, two pages.
pub fn eye_report(file: &mut File<'_>, days: i64) {
    let name = file.person.name;
    let pages = [
        vec![
            "Shree Netralaya, Sangamner",
            "Eye examination report",
            name,
            "",
            "Vision: right 6/9, left 6/9 with glasses.",
            "Pressure: right 15, left 16 mmHg.",
        ],
        vec![
            "Fundus, both eyes: no diabetic retinopathy.",
            "Lens: early changes.",
            "",
            "Repeat in 12 months.",
            "Dr A. Kale, ophthalmologist",
        ],
    ];
    file.document(
        days,
        "Eye report, Shree Netralaya",
        "No diabetic retinopathy. Repeat in 12 months.",
        ("application/pdf", &pdf(&pages)),
    );
}

/// A film report of both knees.
pub fn knee_film(file: &mut File<'_>, days: i64) {
    let name = file.person.name;
    let page = vec![
        "City Imaging, Sangamner",
        "X-ray both knees, standing",
        name,
        "",
        "Joint space narrowed on the inner side, both knees.",
        "Small bony spurs. No fracture.",
    ];
    file.document(
        days,
        "X-ray report, both knees",
        "Joint space narrowed on the inner side.",
        ("application/pdf", &pdf(&[page])),
    );
}

/// A hospital letter as plain text.
pub fn discharge_note(file: &mut File<'_>, days: i64) {
    let body = format!(
        "Nashik General Hospital\nDischarge note\n{}\n\nTreated for five days. Stable at discharge.\nContinue medicines as listed. Review at the clinic in two weeks.\n",
        file.person.name
    );
    file.document(
        days,
        "Discharge note, Nashik General Hospital",
        "Stable at discharge. Review in two weeks.",
        ("text/plain", body.as_bytes()),
    );
}

/// A PDF with one page for each block of lines. Characters outside printable ASCII become a question mark, because the
/// standard fonts have no others.
#[must_use]
pub fn pdf(pages: &[Vec<&str>]) -> Vec<u8> {
    let first_page = 4;
    let kids: Vec<String> = (0..pages.len()).map(|at| format!("{} 0 R", first_page + at * 2)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (at, lines) in pages.iter().enumerate() {
        let content = first_page + at * 2 + 1;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        ));
        let stream = stream(lines);
        objects.push(format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
    }
    assemble(&objects)
}

fn stream(lines: &[&str]) -> String {
    let mut out = String::from("BT /F1 12 Tf 18 TL 72 770 Td");
    for line in lines {
        let _ = write!(out, " ({}) Tj T*", escape(line));
    }
    out.push_str(" ET");
    out
}

fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '(' | ')' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

fn assemble(objects: &[String]) -> Vec<u8> {
    let mut out = String::from("%PDF-1.4\n");
    let mut offsets = Vec::with_capacity(objects.len());
    for (at, body) in objects.iter().enumerate() {
        offsets.push(out.len());
        let _ = write!(out, "{} 0 obj\n{body}\nendobj\n", at + 1);
    }
    let start = out.len();
    let _ = write!(out, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _ = writeln!(out, "{offset:010} 00000 n ");
    }
    let _ =
        write!(out, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_reference_points_at_the_objects() {
        let bytes = pdf(&[vec!["A (b) \\ c", "é"], vec!["second"]]);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("(A \\(b\\) \\\\ c)"));
        assert!(text.contains("(?)"));
        let table = text.split("xref\n").nth(1).unwrap();
        let offsets: Vec<usize> =
            table.lines().skip(2).take(7).map(|line| line[..10].parse().unwrap()).collect();
        for (at, offset) in offsets.iter().enumerate() {
            assert!(text[*offset..].starts_with(&format!("{} 0 obj", at + 1)), "object {}", at + 1);
        }
        let start: usize = text.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[start..].starts_with("xref"));
    }
}

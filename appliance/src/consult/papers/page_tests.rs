use jiff::Timestamp;
use proptest::prelude::*;

use super::super::note::Note;
use super::super::sign::{ClinicFacts, DoctorFacts, PatientFacts};
use super::*;
use crate::consult::prescribe::parse;

fn sheet(lines: &[&str]) -> Sheet {
    let lines = lines.iter().map(|line| parse(line, &Book::own().formulary).unwrap().written());
    Sheet {
        format: "clinicvault-paper/1".into(),
        id: "p1".into(),
        consultation: "c1".into(),
        mode: Mode::Video,
        at: Timestamp::from_second(1_795_000_000).unwrap(),
        clinic: ClinicFacts {
            name: "Navjeevan Clinic".into(),
            place: "12 Station Road, Nashik 422001".into(),
            phone: "0253 2345678".into(),
            registration: "NMC/2019/77".into(),
        },
        doctor: DoctorFacts {
            id: "d1".into(),
            name: "Dr Meera Kulkarni".into(),
            qualification: Some("MBBS, MD (Medicine)".into()),
            registration: "MMC 2011/04/1234".into(),
        },
        patient: PatientFacts {
            id: "q1".into(),
            name: "सुनीता गायकवाड".into(),
            age: "34 years".into(),
            sex: "F".into(),
            number: "NC-000001".into(),
            phone: Some("7000045518".into()),
            place: Some("Sinnar".into()),
        },
        note: Some(Note {
            complaint: "Fever and cough for three days".into(),
            examination: "Throat congested. Chest clear.".into(),
            assessment: "Acute upper respiratory infection (provisional)".into(),
            tests: "CBC if fever beyond 3 days".into(),
            advice: "खूब पानी पिएँ और आराम करें। Warm saline gargles.".into(),
            vitals: vec![
                Vital { kind: "bp".into(), value: "120/80".into(), unit: "mm[Hg]".into() },
                Vital { kind: "weight".into(), value: "61.5".into(), unit: "kg".into() },
            ],
            follow_up_on: Some("2026-11-30".into()),
            ..Note::default()
        }),
        sources: Vec::new(),
        lines: lines.collect(),
        reasons: Vec::new(),
        classified: Vec::new(),
        checked_with: None,
        language: Some("hi".into()),
        replaces: None,
        code: "abcdefghjkmn".into(),
    }
}

fn signed(sheet: &Sheet) -> Signed {
    Signed {
        id: sheet.id.clone(),
        kind: Kind::Prescription,
        consultation: sheet.consultation.clone(),
        patient: sheet.patient.id.clone(),
        signer: sheet.doctor.id.clone(),
        signer_name: sheet.doctor.name.clone(),
        registration: sheet.doctor.registration.clone(),
        at: sheet.at,
        sha256: "ab".repeat(32),
        bytes: String::new(),
        code: sheet.code.clone(),
        initials: "स.ग.".into(),
        lines: sheet.lines.len(),
        stands: Stands::Signed,
        reason: None,
        printed: None,
    }
}

fn look(paper: Paper) -> Look {
    Look {
        paper,
        letterhead: None,
        language: Language::Hindi,
        duplicate: None,
        verify: "https://clinicvault.local:8443/verify/abcdefghjkmn".into(),
        zone: TimeZone::get("Asia/Kolkata").unwrap(),
        book: std::sync::Arc::new(Book::own()),
    }
}

fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page\n").count()
}

const LINES: [&str; 4] = [
    "para (Crocin) 650 1-0-1 pc 5d -- बुखार होने पर ही",
    "azithro 500 od 3d",
    "syp ambroxol 30mg/5ml 5ml tds 5d",
    "levocet 5 hs 5d -- नींद आ सकती है; गाड़ी न चलाएँ",
];

#[test]
fn a_page_is_a_pdf_and_the_same_twice() {
    let Some(faces) = Faces::own() else { return };
    let sheet = sheet(&LINES);
    for paper in [Paper::A4, Paper::A5] {
        let one = render(faces, &sheet, &signed(&sheet), &look(paper)).unwrap();
        let two = render(faces, &sheet, &signed(&sheet), &look(paper)).unwrap();
        assert!(one.starts_with(b"%PDF-1.") && one == two);
        assert_eq!(pages(&one), 1, "{paper:?}");
        assert!(one.len() < 120_000, "{} bytes: only what is used of a font is embedded", one.len());
    }
}

#[test]
fn a_long_prescription_goes_on_over_pages() {
    let Some(faces) = Faces::own() else { return };
    let many: Vec<&str> = LINES.iter().copied().cycle().take(40).collect();
    let sheet = sheet(&many);
    let a4 = render(faces, &sheet, &signed(&sheet), &look(Paper::A4)).unwrap();
    let a5 = render(faces, &sheet, &signed(&sheet), &look(Paper::A5)).unwrap();
    assert!(pages(&a4) >= 2 && pages(&a5) > pages(&a4), "{} {}", pages(&a4), pages(&a5));
}

#[test]
fn the_code_is_large_enough_to_be_read() {
    let boxes = qr(&look(Paper::A5).verify).unwrap();
    let right = boxes.iter().map(|(x, _, w, _)| x + w).fold(0.0, f32::max);
    assert!(right >= 20.0 * MM && (right - QR).abs() < 0.01, "{right}");
}

proptest! {
    /// A block stands whole on one page wherever one can hold it; pages fill in order and nothing overlaps.
    #[test]
    fn no_block_is_split(
        heights in proptest::collection::vec(1.0_f32..400.0, 0..80),
        first in 20.0_f32..200.0,
        next in 20.0_f32..100.0,
    ) {
        let bottom = 600.0;
        let places = flow(&heights, (first, next), bottom);
        prop_assert_eq!(places.len(), heights.len());
        let mut before: Option<(usize, f32)> = None;
        for ((page, at), height) in places.into_iter().zip(&heights) {
            let top = if page == 0 { first } else { next };
            prop_assert!(at + height <= bottom + 0.01 || (at - top).abs() < 0.01);
            match before {
                Some((last, end)) if last == page => prop_assert!(at >= end - 0.01),
                Some((last, _)) => prop_assert_eq!(page, last + 1),
                None => prop_assert_eq!(page, 0),
            }
            before = Some((page, at + height));
        }
    }
}

//! Diseases that stay: blood pressure, blood, thyroid, lungs, valves, gout.

use crate::demo::document;
use crate::demo::file::{DR_IMRAN, DR_MEERA, Drug, File};
use crate::demo::labs::{
    ALT, CREATININE, FERRITIN, FREE_T4, HAEMOGLOBIN, INR, MCV, PLATELETS, POTASSIUM, SODIUM, TSH, Test,
    URIC_ACID, VITAMIN_B12, WHITE_CELLS,
};
use crate::demo::people::Sex;
use crate::demo::vitals::Vitals;

pub(super) const BY_MOUTH: &str = "by mouth";

pub(super) const TELMISARTAN: Drug =
    Drug { what: "Telmisartan 40 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (90, Some(90)) };
const AMLODIPINE: Drug =
    Drug { what: "Amlodipine 5 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (60, Some(60)) };

/// Pressure comes down as the dose is raised.
pub fn hypertension(file: &mut File<'_>) {
    let since = birth_year_plus(file, 41);
    file.problem("Essential hypertension", "I10", since, true);
    let (start, weight) = (164 + file.rng.wobble(8), 720 + file.rng.wobble(90));
    for (step, (days, summary)) in [
        (310, "Salt advice. AMLODIPINE started."),
        (221, "Better, not at target. TELMISARTAN added."),
        (128, "At target. Continue."),
        (39, "At target. Blood tests next time."),
    ]
    .into_iter()
    .enumerate()
    {
        let step = step as i64;
        let visit = file.visit(
            days,
            if step == 2 { DR_IMRAN } else { DR_MEERA },
            "Blood pressure review",
            if step == 0 { "Headache in the mornings." } else { "" },
            summary,
        );
        let pressure = (start - step * 10 + file.rng.wobble(4), 100 - step * 5 + file.rng.wobble(3));
        file.vitals(
            &visit,
            Vitals {
                pressure: Some(pressure),
                pulse: Some(78 + file.rng.wobble(6)),
                weight: Some(weight),
                height: Some(163),
                oxygen: Some(98),
                ..Vitals::default()
            },
        );
        if step % 2 == 0 {
            let potassium = 41 + file.rng.wobble(3);
            file.report(
                &visit,
                "Kidney function",
                &[(CREATININE, 10), (POTASSIUM, potassium), (SODIUM, 140)],
            );
        }
        file.medicine(&visit, &AMLODIPINE, step == 3);
        if step > 0 {
            file.medicine(&visit, &TELMISARTAN, step == 3);
        }
    }
}

/// Haemoglobin from 7.9 to normal on iron.
pub fn anaemia(file: &mut File<'_>) {
    file.problem("Iron deficiency anaemia", "D50.9", file.today.year() - 1, true);
    let iron = Drug {
        what: "Ferrous ascorbate 100 mg tablet",
        dose: "0-1-0",
        how: (BY_MOUTH, "after food, not with tea"),
        given: (30, Some(30)),
    };
    let start = 78 + file.rng.wobble(4);
    for (step, days) in [200_i64, 165, 120, 61, 14].into_iter().enumerate() {
        let step = step as i64;
        let complaint = if step == 0 { "Tired, breathless on the stairs since two months." } else { "" };
        let visit = file.visit(
            days,
            DR_MEERA,
            "Anaemia review",
            complaint,
            if step < 3 {
                "Iron tolerated. Diet: leafy vegetables, jaggery, eggs."
            } else {
                "Much better. Iron for three more months."
            },
        );
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((112 + file.rng.wobble(6), 72 + file.rng.wobble(4))),
                pulse: Some(98 - step * 4),
                weight: Some(508 + step * 4),
                height: Some(156),
                oxygen: Some(99),
                ..Vitals::default()
            },
        );
        file.report(
            &visit,
            "Blood count",
            &[
                (HAEMOGLOBIN, start + step * 11),
                (MCV, 68 + step * 4),
                (WHITE_CELLS, 66),
                (PLATELETS, 320 - step * 12),
            ],
        );
        if step == 0 {
            file.report(&visit, "Iron stores", &[(FERRITIN, 6), (VITAMIN_B12, 310)]);
        }
        file.medicine(&visit, &iron, step == 4);
    }
}

/// TSH from 18 down to normal as the dose is found.
pub fn thyroid(file: &mut File<'_>) {
    file.problem("Hypothyroidism", "E03.9", file.today.year() - 3, true);
    let doses = [
        "Levothyroxine 25 mcg tablet",
        "Levothyroxine 50 mcg tablet",
        "Levothyroxine 75 mcg tablet",
        "Levothyroxine 75 mcg tablet",
    ];
    for (step, (days, what)) in [290_i64, 221, 140, 47].into_iter().zip(doses).enumerate() {
        let step = step as i64;
        let visit = file.visit(
            days,
            DR_MEERA,
            "Thyroid review",
            if step == 0 { "Weight gain, feels cold, hair falls." } else { "" },
            "Tablet on waking, nothing else for half an hour.",
        );
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((122 + file.rng.wobble(6), 78 + file.rng.wobble(4))),
                pulse: Some(64 + step * 4),
                weight: Some(662 - step * 8),
                height: Some(155),
                ..Vitals::default()
            },
        );
        let tsh = [182, 96, 51, 28].get(step as usize).copied().unwrap_or(30) + file.rng.wobble(5);
        file.report(&visit, "Thyroid function", &[(TSH, tsh), (FREE_T4, 6 + step * 2)]);
        let drug =
            Drug { what, dose: "1-0-0", how: (BY_MOUTH, "on waking, empty stomach"), given: (90, Some(90)) };
        file.medicine(&visit, &drug, step == 3);
    }
}

/// Saturation and breathlessness through the seasons.
pub fn lungs(file: &mut File<'_>) {
    file.problem("Chronic obstructive pulmonary disease", "J44.9", file.today.year() - 6, true);
    let inhaler = Drug {
        what: "Tiotropium 18 mcg inhaler",
        dose: "1-0-0",
        how: ("inhaled", "one puff a day"),
        given: (30, Some(30)),
    };
    let reliever = Drug {
        what: "Salbutamol 100 mcg inhaler",
        dose: "as needed",
        how: ("inhaled", "two puffs when breathless"),
        given: (1, None),
    };
    for (step, (days, oxygen, summary)) in [
        (313, 91, "Winter flare. Five days of PREDNISOLONE."),
        (230, 94, "Stable. Inhaler technique shown again."),
        (20, 93, "Smoke from the stove; chimney advised."),
    ]
    .into_iter()
    .enumerate()
    {
        let visit = file.visit(
            days,
            DR_IMRAN,
            "Breathing review",
            if step == 0 { "Cough with yellow phlegm, cannot sleep flat." } else { "" },
            summary,
        );
        let breaths = 24 - step as i64 * 2;
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((132 + file.rng.wobble(6), 80)),
                pulse: Some(92 - step as i64 * 4),
                oxygen: Some(oxygen),
                weight: Some(498),
                height: Some(if file.person.sex == Sex::Male { 164 } else { 150 }),
                breaths: Some(breaths),
                ..Vitals::default()
            },
        );
        if step == 0 {
            let course = Drug {
                what: "Prednisolone 40 mg tablet",
                dose: "1-0-0",
                how: (BY_MOUTH, "after breakfast"),
                given: (5, Some(5)),
            };
            file.medicine(&visit, &course, false);
        }
        file.medicine(&visit, &inhaler, step == 2);
        file.medicine(&visit, &reliever, step == 2);
    }
}

/// INR every few weeks, once far too high.
pub fn warfarin(file: &mut File<'_>) {
    file.problem("Mitral valve replacement", "Z95.2", file.today.year() - 9, true);
    file.problem("Atrial fibrillation", "I48.9", file.today.year() - 11, true);
    let drug = Drug {
        what: "Warfarin 2 mg tablet",
        dose: "0-0-1",
        how: (BY_MOUTH, "at the same time every evening"),
        given: (60, Some(60)),
    };
    let high = 43 + file.rng.wobble(3);
    for (days, inr, summary) in [
        (300, 24, "In range."),
        (241, 27, "In range."),
        (185, high, "Too high after ten days of an antibiotic. Two doses left out."),
        (171, 28, "Back in range."),
        (110, 18, "Low; missed tablets at a wedding."),
        (46, 25, "In range."),
    ] {
        let visit = file.visit(days, DR_MEERA, "INR check", "", summary);
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((128 + file.rng.wobble(6), 78)),
                pulse: Some(74 + file.rng.wobble(8)),
                weight: Some(612),
                height: Some(162),
                ..Vitals::default()
            },
        );
        file.report(&visit, "Clotting", &[(INR, inr)]);
        file.medicine(&visit, &drug, days == 46);
    }
    document::discharge_note(file, 520);
}

/// Uric acid under allopurinol.
pub fn gout(file: &mut File<'_>) {
    file.problem("Gout", "M10.9", file.today.year() - 2, true);
    let drug = Drug {
        what: "Allopurinol 100 mg tablet",
        dose: "0-1-0",
        how: (BY_MOUTH, "after food, with plenty of water"),
        given: (60, Some(60)),
    };
    for (step, (days, uric)) in [(260, 92), (170, 74), (70, 61)].into_iter().enumerate() {
        let visit = file.visit(
            days,
            DR_IMRAN,
            "Gout review",
            if step == 0 { "Great toe red and painful since yesterday." } else { "" },
            "Less red meat and beer. Drink water through the day.",
        );
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((134 + file.rng.wobble(6), 84)),
                pulse: Some(78),
                weight: Some(812 - step as i64 * 10),
                height: Some(171),
                ..Vitals::default()
            },
        );
        let results: [(Test, i64); 3] = [(URIC_ACID, uric), (CREATININE, 11), (ALT, 34 + file.rng.wobble(8))];
        file.report(&visit, "Uric acid", &results);
        file.medicine(&visit, &drug, step == 2);
    }
}

pub(super) fn birth_year_plus(file: &File<'_>, years: i16) -> i16 {
    (file.birth().year() + years).min(file.today.year() - 1)
}

//! What comes and goes: fevers, coughs, sore knees, a certificate.

use crate::demo::document;
use crate::demo::file::{DR_IMRAN, DR_MEERA, Drug, File};
use crate::demo::labs::{HAEMOGLOBIN, PLATELETS, VITAMIN_D, WHITE_CELLS};
use crate::demo::vitals::Vitals;

const BY_MOUTH: &str = "by mouth";
const PARACETAMOL: Drug = Drug {
    what: "Paracetamol 650 mg tablet",
    dose: "1-1-1",
    how: (BY_MOUTH, "after food"),
    given: (9, Some(3)),
};

struct Illness {
    title: &'static str,
    complaint: &'static str,
    summary: &'static str,
    temperature: i64,
    drug: Drug,
}

const ILLNESSES: &[Illness] = &[
    Illness {
        title: "Fever, 2 days",
        complaint: "Fever with chills since two days.",
        summary: "Viral fever. Fluids, rest, return if not better in 3 days.",
        temperature: 386,
        drug: PARACETAMOL,
    },
    Illness {
        title: "Sore throat",
        complaint: "Throat pain, cannot swallow.",
        summary: "Tonsils red, white spots. Antibiotic for 5 days.",
        temperature: 379,
        drug: Drug {
            what: "Azithromycin 500 mg tablet",
            dose: "1-0-0",
            how: (BY_MOUTH, "before food"),
            given: (5, Some(5)),
        },
    },
    Illness {
        title: "Loose motions",
        complaint: "Six loose motions since last night.",
        summary: "Mild dehydration. Salts after each motion. No antibiotic.",
        temperature: 372,
        drug: Drug {
            what: "Oral rehydration salts 21 g sachet",
            dose: "after each motion",
            how: (BY_MOUTH, "in 1 litre of clean water"),
            given: (6, Some(3)),
        },
    },
    Illness {
        title: "Skin rash",
        complaint: "Itching in the groin since three weeks.",
        summary: "Ringworm. Keep dry, cotton clothes, treat the family.",
        temperature: 368,
        drug: Drug {
            what: "Luliconazole 1 % cream",
            dose: "0-0-1",
            how: ("on the skin", "thin layer at night"),
            given: (1, Some(28)),
        },
    },
    Illness {
        title: "Cough, 5 days",
        complaint: "Dry cough, worse at night.",
        summary: "Chest clear. Steam, honey. Sputum test if it lasts 2 weeks.",
        temperature: 371,
        drug: Drug {
            what: "Cetirizine 10 mg tablet",
            dose: "0-0-1",
            how: (BY_MOUTH, "may cause sleep"),
            given: (5, Some(5)),
        },
    },
];

/// One to four short illnesses.
pub fn short_illness(file: &mut File<'_>) {
    let count = file.rng.between(1, 4);
    let mut days = 330;
    for _ in 0..count {
        days -= file.rng.between(35, 90);
        let Some(illness) = file.rng.pick(ILLNESSES) else { return };
        let by = if file.rng.chance(50) { DR_MEERA } else { DR_IMRAN };
        let visit = file.visit(days, by, illness.title, illness.complaint, illness.summary);
        let pressure = (118 + file.rng.wobble(8), 76 + file.rng.wobble(5));
        let temperature = illness.temperature + file.rng.wobble(3);
        file.vitals(
            &visit,
            Vitals {
                pressure: Some(pressure),
                pulse: Some(84 + (temperature - 370)),
                temperature: Some(temperature),
                weight: Some(600 + file.rng.wobble(60)),
                oxygen: Some(98),
                ..Vitals::default()
            },
        );
        if illness.temperature > 380 {
            let platelets = 170 + file.rng.wobble(40);
            file.report(
                &visit,
                "Fever panel",
                &[(HAEMOGLOBIN, 138 + file.rng.wobble(8)), (WHITE_CELLS, 52), (PLATELETS, platelets)],
            );
        }
        file.medicine(&visit, &illness.drug, false);
    }
}

/// Knees and back, with a radiograph report.
pub fn joints(file: &mut File<'_>) {
    file.problem("Osteoarthritis of knee", "M17.9", file.today.year() - 4, true);
    let gel = Drug {
        what: "Diclofenac 1 % gel",
        dose: "1-0-1",
        how: ("on the skin", "rub gently on the knee"),
        given: (1, Some(20)),
    };
    let pain = Drug {
        what: "Paracetamol 650 mg tablet",
        dose: "as needed",
        how: (BY_MOUTH, "at most 3 a day"),
        given: (15, None),
    };
    for (step, days) in [280_i64, 150, 18].into_iter().enumerate() {
        let visit = file.visit(
            days,
            DR_IMRAN,
            "Knee pain",
            if step == 0 { "Both knees hurt on getting up." } else { "" },
            "Thigh exercises, sit on a chair for meals, lose 3 kg.",
        );
        file.vitals(
            &visit,
            Vitals {
                pressure: Some((126 + file.rng.wobble(8), 80)),
                pulse: Some(76),
                weight: Some(714 - step as i64 * 9),
                height: Some(158),
                ..Vitals::default()
            },
        );
        if step == 0 {
            let vitamin_d = 17 + file.rng.wobble(4);
            file.report(&visit, "Vitamin D", &[(VITAMIN_D, vitamin_d)]);
        }
        file.medicine(&visit, &gel, step == 2);
        file.medicine(&visit, &pain, step == 2);
    }
    document::knee_film(file, 276);
}

/// One visit.
pub fn once(file: &mut File<'_>) {
    let days = file.rng.between(3, 250);
    let visit = file.visit(
        days,
        DR_MEERA,
        "Fitness certificate",
        "Needs a certificate for work.",
        "Fit for work. Certificate given.",
    );
    file.vitals(
        &visit,
        Vitals {
            pressure: Some((120 + file.rng.wobble(6), 78)),
            pulse: Some(72),
            weight: Some(660 + file.rng.wobble(60)),
            height: Some(170),
            ..Vitals::default()
        },
    );
}

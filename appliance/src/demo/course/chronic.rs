//! Diseases that stay: diabetes, blood pressure, blood, thyroid, lungs, valves, gout.

use crate::demo::document;
use crate::demo::file::{DR_IMRAN, DR_MEERA, Drug, File, Visit};
use crate::demo::labs::{
    ALT, CHOLESTEROL, CREATININE, FERRITIN, FREE_T4, GLUCOSE_FASTING, GLUCOSE_MEAL, HAEMOGLOBIN, HBA1C, HDL,
    INR, LDL, MCV, PLATELETS, POTASSIUM, SODIUM, TRIGLYCERIDES, TSH, Test, URIC_ACID, URINE_ACR, VITAMIN_B12,
    WHITE_CELLS,
};
use crate::demo::people::Sex;
use crate::demo::vitals::Vitals;

const BY_MOUTH: &str = "by mouth";

const METFORMIN: Drug = Drug {
    what: "Metformin 500 mg tablet",
    dose: "1-0-1",
    how: (BY_MOUTH, "after food"),
    given: (180, Some(90)),
};
const GLIMEPIRIDE: Drug = Drug {
    what: "Glimepiride 1 mg tablet",
    dose: "1-0-0",
    how: (BY_MOUTH, "before food"),
    given: (90, Some(90)),
};
const TELMISARTAN: Drug =
    Drug { what: "Telmisartan 40 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (90, Some(90)) };
const TELMISARTAN_20: Drug =
    Drug { what: "Telmisartan 20 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (90, Some(90)) };
const AMLODIPINE: Drug =
    Drug { what: "Amlodipine 5 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (60, Some(60)) };
const ATORVASTATIN: Drug = Drug {
    what: "Atorvastatin 10 mg tablet",
    dose: "0-0-1",
    how: (BY_MOUTH, "at night"),
    given: (90, Some(90)),
};
const PARACETAMOL_AS_NEEDED: Drug = Drug {
    what: "Paracetamol 650 mg tablet",
    dose: "as needed",
    how: (BY_MOUTH, "when in pain, at most 3 a day"),
    given: (10, None),
};

/// The chart of the design: five visits, a video call, an eye report, potassium rising on telmisartan.
pub fn diabetes_with_potassium(file: &mut File<'_>) {
    for (name, code, since) in [
        ("Type 2 diabetes mellitus", "E11.9", 2019),
        ("Essential hypertension", "I10", 2017),
        ("Dyslipidaemia", "E78.5", 2021),
        ("Left knee osteoarthritis", "M17.1", 2024),
    ] {
        file.problem(name, code, since, true);
    }
    let height = Some(154);
    let first = file.visit(
        372,
        DR_MEERA,
        "Fever, 3 days",
        "Fever and body ache since three days.",
        "Viral fever. Dengue NS1 and malaria tests negative.",
    );
    file.vitals(
        &first,
        Vitals {
            pressure: Some((146, 88)),
            pulse: Some(96),
            temperature: Some(384),
            weight: Some(701),
            height,
            ..Vitals::default()
        },
    );
    file.medicine(
        &first,
        &Drug {
            what: "Paracetamol 650 mg tablet",
            dose: "1-1-1",
            how: (BY_MOUTH, "after food"),
            given: (9, Some(3)),
        },
        false,
    );
    file.report(&first, "Fever panel", &[(WHITE_CELLS, 38), (PLATELETS, 168), (HAEMOGLOBIN, 124)]);
    diabetes_panel(file, &first, [76, 152, 8, 42, 128]);

    let second = file.visit(
        274,
        DR_MEERA,
        "Diabetes review",
        "Sugars between 140 and 190 at home.",
        "HbA1c 7.6 %. TELMISARTAN raised from 20 mg to 40 mg.",
    );
    file.vitals(
        &second,
        Vitals {
            pressure: Some((138, 86)),
            pulse: Some(82),
            weight: Some(698),
            oxygen: Some(97),
            ..Vitals::default()
        },
    );
    diabetes_panel(file, &second, [78, 158, 8, 46, 118]);
    file.medicine(&second, &TELMISARTAN_20, false);

    let call = file.visit_as(
        176,
        DR_IMRAN,
        ("Left knee pain", "finished", "VR"),
        "Pain on stairs since two weeks.",
        "No swelling. Exercises shown. X-ray if no better in 4 weeks.",
    );
    file.medicine(&call, &PARACETAMOL_AS_NEEDED, false);
    let spring =
        file.visit(184, DR_MEERA, "Blood pressure check", "", "Blood pressure at target. No change.");
    file.vitals(
        &spring,
        Vitals { pressure: Some((134, 84)), pulse: Some(80), weight: Some(690), ..Vitals::default() },
    );
    diabetes_panel(file, &spring, [75, 144, 9, 45, 110]);

    let last = file.visit(
        95,
        DR_MEERA,
        "Diabetes and hypertension review",
        "Sugars better on 1-0-1.",
        "Walks 20 minutes. BP still above target; salt advice given.",
    );
    file.vitals(
        &last,
        Vitals {
            pressure: Some((142, 90)),
            pulse: Some(78),
            weight: Some(687),
            oxygen: Some(98),
            ..Vitals::default()
        },
    );
    diabetes_panel(file, &last, [77, 150, 9, 48, 99]);
    for drug in [&METFORMIN, &TELMISARTAN, &ATORVASTATIN, &PARACETAMOL_AS_NEEDED] {
        file.medicine(&last, drug, true);
    }

    let now =
        file.visit_as(0, DR_MEERA, ("Waiting", "arrived", "AMB"), "Feet burn at night since two weeks.", "");
    file.vitals(
        &now,
        Vitals {
            pressure: Some((152, 94)),
            pulse: Some(84),
            oxygen: Some(97),
            weight: Some(684),
            ..Vitals::default()
        },
    );
    diabetes_panel(file, &now, [81, 164, 9, 61, 96]);
    document::eye_report(file, 445);
}

/// HbA1c, fasting glucose, creatinine, potassium and LDL, in that order, with what usually comes along.
fn diabetes_panel(file: &mut File<'_>, visit: &Visit, values: [i64; 5]) {
    let [hba1c, glucose, creatinine, potassium, ldl] = values;
    let after_meal = glucose + 48 + file.rng.wobble(16);
    let sodium = 139 + file.rng.wobble(3);
    file.report(
        visit,
        "Diabetes panel",
        &[
            (HBA1C, hba1c),
            (GLUCOSE_FASTING, glucose),
            (GLUCOSE_MEAL, after_meal),
            (CREATININE, creatinine),
            (POTASSIUM, potassium),
            (SODIUM, sodium),
            (LDL, ldl),
        ],
    );
}

/// HbA1c falls from about 9.4 to about 7 over the year.
pub fn diabetes_improving(file: &mut File<'_>) {
    let since = birth_year_plus(file, 48);
    file.problem("Type 2 diabetes mellitus", "E11.9", since, true);
    file.problem("Dyslipidaemia", "E78.5", since + 2, true);
    let weight = 700 + file.rng.wobble(80);
    for (step, (days, summary)) in [
        (330, "HbA1c far above target. GLIMEPIRIDE added, diet sheet given in Marathi."),
        (238, "Better. Walks every morning. Feet normal."),
        (147, "No low sugars. Continue."),
        (52, "Close to target. Eye examination advised."),
    ]
    .into_iter()
    .enumerate()
    {
        let step = step as i64;
        let visit = file.visit(
            days,
            DR_MEERA,
            "Diabetes review",
            if step == 0 { "Thirst, passes urine at night." } else { "" },
            summary,
        );
        let pressure = (136 - step * 3 + file.rng.wobble(4), 86 - step + file.rng.wobble(3));
        file.vitals(
            &visit,
            Vitals {
                pressure: Some(pressure),
                pulse: Some(80 + file.rng.wobble(6)),
                weight: Some(weight - step * 9),
                height: Some(160),
                oxygen: Some(98),
                ..Vitals::default()
            },
        );
        let hba1c = 94 - step * 8 + file.rng.wobble(2);
        let glucose = 210 - step * 26 + file.rng.wobble(8);
        let potassium = 42 + file.rng.wobble(3);
        diabetes_panel(file, &visit, [hba1c, glucose, 9, potassium, 142 - step * 12]);
        if step % 2 == 1 {
            file.report(
                &visit,
                "Lipid profile",
                &[(CHOLESTEROL, 214 - step * 10), (HDL, 40 + step), (TRIGLYCERIDES, 190 - step * 12)],
            );
        }
        for drug in [&METFORMIN, &GLIMEPIRIDE, &ATORVASTATIN] {
            file.medicine(&visit, drug, step == 3);
        }
    }
}

/// Creatinine and urine albumin rise; potassium follows.
pub fn diabetes_kidneys(file: &mut File<'_>) {
    let since = birth_year_plus(file, 52);
    file.problem("Type 2 diabetes mellitus", "E11.2", since, true);
    file.problem("Chronic kidney disease, stage 3", "N18.3", file.today.year() - 1, true);
    file.problem("Essential hypertension", "I10", since + 1, true);
    for (step, days) in [350_i64, 260, 171, 80, 12].into_iter().enumerate() {
        let step = step as i64;
        let visit = file.visit(
            days,
            DR_MEERA,
            "Kidney and diabetes review",
            if step == 3 { "Ankles swell in the evening." } else { "" },
            "Salt and protein advice. Referred to the kidney clinic at Nashik.",
        );
        let pressure = (150 + file.rng.wobble(8), 88 + file.rng.wobble(5));
        file.vitals(
            &visit,
            Vitals {
                pressure: Some(pressure),
                pulse: Some(76 + file.rng.wobble(5)),
                weight: Some(640 + step * 6),
                height: Some(166),
                oxygen: Some(96),
                ..Vitals::default()
            },
        );
        let glucose = 160 + file.rng.wobble(20);
        diabetes_panel(file, &visit, [82 + file.rng.wobble(3), glucose, 15 + step * 2, 46 + step, 104]);
        file.report(&visit, "Urine albumin", &[(URINE_ACR, 110 + step * 45)]);
        let haemoglobin = 112 - step * 3;
        file.report(
            &visit,
            "Blood count",
            &[(HAEMOGLOBIN, haemoglobin), (WHITE_CELLS, 72), (PLATELETS, 238)],
        );
        let insulin = Drug {
            what: "Insulin glargine 100 units/mL pen",
            dose: "0-0-14 units",
            how: ("under the skin", "at night"),
            given: (2, Some(90)),
        };
        for drug in [&TELMISARTAN, &insulin] {
            file.medicine(&visit, drug, step == 4);
        }
    }
    document::discharge_note(file, 402);
}

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

fn birth_year_plus(file: &File<'_>, years: i16) -> i16 {
    (file.birth().year() + years).min(file.today.year() - 1)
}

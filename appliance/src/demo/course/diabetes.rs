//! Diabetes and what comes with it: pressure, lipids, eyes, kidneys.

use super::chronic::{BY_MOUTH, TELMISARTAN, birth_year_plus};
use crate::demo::document;
use crate::demo::file::{DR_IMRAN, DR_MEERA, Drug, File, Visit};
use crate::demo::labs::{
    CHOLESTEROL, CREATININE, GLUCOSE_FASTING, GLUCOSE_MEAL, HAEMOGLOBIN, HBA1C, HDL, LDL, PLATELETS,
    POTASSIUM, SODIUM, TRIGLYCERIDES, URINE_ACR, WHITE_CELLS,
};
use crate::demo::vitals::Vitals;

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
const TELMISARTAN_20: Drug =
    Drug { what: "Telmisartan 20 mg tablet", dose: "1-0-0", how: (BY_MOUTH, ""), given: (90, Some(90)) };
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
pub fn with_potassium(file: &mut File<'_>) {
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
    panel(file, &first, [76, 152, 8, 42, 128]);

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
    panel(file, &second, [78, 158, 8, 46, 118]);
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
    panel(file, &spring, [75, 144, 9, 45, 110]);

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
    panel(file, &last, [77, 150, 9, 48, 99]);
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
    panel(file, &now, [81, 164, 9, 61, 96]);
    document::eye_report(file, 445);
}

/// HbA1c, fasting glucose, creatinine, potassium and LDL, in that order, with what usually comes along.
fn panel(file: &mut File<'_>, visit: &Visit, values: [i64; 5]) {
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
pub fn improving(file: &mut File<'_>) {
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
        panel(file, &visit, [hba1c, glucose, 9, potassium, 142 - step * 12]);
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
pub fn kidneys(file: &mut File<'_>) {
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
        panel(file, &visit, [82 + file.rng.wobble(3), glucose, 15 + step * 2, 46 + step, 104]);
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

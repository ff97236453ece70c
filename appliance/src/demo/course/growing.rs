//! Pregnancy and childhood.

use jiff::ToSpan;

use crate::demo::file::{DR_MEERA, Drug, File};
use crate::demo::labs::{GLUCOSE_MEAL, HAEMOGLOBIN_FROM_11, PLATELETS, TSH, WHITE_CELLS};
use crate::demo::people::Sex;
use crate::demo::vitals::Vitals;

const BY_MOUTH: &str = "by mouth";

/// Antenatal visits up to `weeks` today.
pub fn pregnancy(file: &mut File<'_>, weeks: i64) {
    file.problem("Pregnancy", "Z34.9", file.today.year(), true);
    let iron = Drug {
        what: "Ferrous sulfate 60 mg and folic acid 0.5 mg tablet",
        dose: "0-1-0",
        how: (BY_MOUTH, "after food"),
        given: (30, Some(30)),
    };
    let calcium = Drug {
        what: "Calcium carbonate 500 mg tablet",
        dose: "1-0-1",
        how: (BY_MOUTH, "with food, not with iron"),
        given: (60, Some(30)),
    };
    let start = 520 + file.rng.wobble(60);
    let mut at_week = 8;
    while at_week <= weeks {
        let days = (weeks - at_week) * 7 + 2;
        let title = format!("Antenatal visit, {at_week} weeks");
        let summary = if at_week < 12 {
            "Dating scan advised. Folic acid."
        } else {
            "Baby moves well. Fundal height matches."
        };
        let visit = file.visit(days, DR_MEERA, &title, "", summary);
        let pressure = (110 + at_week / 4 + file.rng.wobble(5), 70 + at_week / 6 + file.rng.wobble(4));
        file.vitals(
            &visit,
            Vitals {
                pressure: Some(pressure),
                pulse: Some(82 + file.rng.wobble(5)),
                weight: Some(start + (at_week - 8) * 4),
                height: Some(154),
                ..Vitals::default()
            },
        );
        if at_week == 8 || at_week == 24 {
            let results = [
                (HAEMOGLOBIN_FROM_11, 108 - at_week / 4 + file.rng.wobble(3)),
                (PLATELETS, 230),
                (WHITE_CELLS, 92),
            ];
            file.report(&visit, "Antenatal blood count", &results);
            file.report(&visit, "Antenatal screening", &[(GLUCOSE_MEAL, 118 + at_week / 2), (TSH, 22)]);
        }
        let last = at_week + 4 > weeks;
        file.medicine(&visit, &iron, last);
        if at_week >= 14 {
            file.medicine(&visit, &calcium, last);
        }
        at_week += 4;
    }
    file.vaccine(file.ago((weeks - 12).max(1) * 7), "Tetanus and diphtheria (Td)", "09");
}

/// Vaccines of the national schedule: weeks after birth, name, CVX code.
const SCHEDULE: &[(i64, &str, &str)] = &[
    (0, "BCG", "19"),
    (0, "Hepatitis B, birth dose", "08"),
    (0, "Oral polio, birth dose", "02"),
    (6, "Pentavalent 1", "198"),
    (6, "Rotavirus 1", "116"),
    (10, "Pentavalent 2", "198"),
    (14, "Pentavalent 3", "198"),
    (39, "Measles and rubella 1", "04"),
    (70, "Measles and rubella 2", "04"),
    (74, "DPT booster 1", "20"),
];

/// Weight and length along the middle of the WHO 2006 curves, vaccines as they fall due.
pub fn well_child(file: &mut File<'_>) {
    let birth = file.birth();
    let age = i64::from((file.today - birth).get_days());
    for (weeks, name, cvx) in SCHEDULE {
        if let Some(due) = birth.checked_add((weeks * 7 + 1).days()).ok().filter(|due| *due <= file.today) {
            file.vaccine(due, name, cvx);
        }
    }
    let spread = file.rng.wobble(6);
    for back in [340_i64, 250, 160, 70, 5] {
        let days_old = age - back;
        if days_old < 1 {
            continue;
        }
        let visit = file.visit(back, DR_MEERA, "Child health visit", "", feeding(days_old));
        let months = days_old * 10 / 304;
        let girl = file.person.sex == Sex::Female;
        let weight = median_weight(months, girl) * (100 + spread) / 100;
        file.vitals(
            &visit,
            Vitals {
                weight: Some(weight),
                height: Some(median_length(months)),
                temperature: Some(367 + file.rng.wobble(2)),
                ..Vitals::default()
            },
        );
        if days_old > 300 && back == 160 {
            file.report(
                &visit,
                "Blood count",
                &[(HAEMOGLOBIN_FROM_11, 106 + file.rng.wobble(6)), (PLATELETS, 340), (WHITE_CELLS, 98)],
            );
        }
    }
}

fn feeding(days_old: i64) -> &'static str {
    match days_old {
        ..=180 => "Breast milk only. Gains well.",
        181..=365 => "Khichdi and mashed banana beside breast milk.",
        _ => "Eats with the family. Speaks in short sentences for the age.",
    }
}

/// Median weight in 0.1 kg by completed months (WHO Child Growth Standards 2006, rounded).
fn median_weight(months: i64, girl: bool) -> i64 {
    const BOYS: &[(i64, i64)] = &[
        (0, 33),
        (1, 45),
        (3, 64),
        (6, 79),
        (9, 89),
        (12, 96),
        (18, 109),
        (24, 122),
        (36, 143),
        (48, 163),
        (60, 183),
    ];
    let boy = along(BOYS, months);
    if girl { boy * 95 / 100 } else { boy }
}

/// Median length in cm by completed months (WHO 2006, rounded, both sexes).
fn median_length(months: i64) -> i64 {
    along(
        &[
            (0, 50),
            (1, 54),
            (3, 61),
            (6, 67),
            (9, 71),
            (12, 75),
            (18, 82),
            (24, 87),
            (36, 96),
            (48, 103),
            (60, 110),
        ],
        months,
    )
}

fn along(curve: &[(i64, i64)], at: i64) -> i64 {
    for pair in curve.windows(2) {
        if let [(x0, y0), (x1, y1)] = pair
            && (*x0..=*x1).contains(&at)
        {
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0);
        }
    }
    curve.last().map_or(0, |(_, y)| *y)
}

/// Wheeze in the rains and in winter.
pub fn asthma(file: &mut File<'_>) {
    file.problem("Asthma", "J45.9", file.today.year() - 3, true);
    let preventer = Drug {
        what: "Budesonide 100 mcg inhaler",
        dose: "1-0-1",
        how: ("inhaled", "with spacer, rinse mouth after"),
        given: (1, Some(60)),
    };
    let reliever = Drug {
        what: "Salbutamol 100 mcg inhaler",
        dose: "as needed",
        how: ("inhaled", "two puffs with spacer"),
        given: (1, None),
    };
    let weight = 60 + i64::from(file.age_years()) * 24;
    for (step, (days, oxygen, summary)) in [
        (322, 95, "Wheeze on both sides, settled after nebuliser."),
        (140, 96, "Rains: two puffs twice a week. Preventer restarted."),
        (33, 98, "Runs and plays. No night cough. Continue."),
    ]
    .into_iter()
    .enumerate()
    {
        let step = step as i64;
        let visit = file.visit(
            days,
            DR_MEERA,
            "Asthma review",
            if step == 0 { "Cough at night, chest whistles." } else { "" },
            summary,
        );
        file.vitals(
            &visit,
            Vitals {
                pulse: Some(112 - step * 6),
                oxygen: Some(oxygen),
                breaths: Some(28 - step * 2),
                weight: Some(weight + step * 6),
                height: Some(78 + i64::from(file.age_years()) * 6),
                temperature: Some(369),
                ..Vitals::default()
            },
        );
        file.medicine(&visit, &preventer, step == 2);
        file.medicine(&visit, &reliever, step == 2);
    }
    file.vaccine(file.ago(60), "Influenza", "158");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_grows_along_the_curve() {
        for (months, expected) in [(0, 33), (2, 54), (12, 96), (30, 132), (60, 183), (90, 183)] {
            assert_eq!(median_weight(months, false), expected, "{months}");
        }
        assert!((0..60).all(|month| median_length(month) <= median_length(month + 1)));
    }
}

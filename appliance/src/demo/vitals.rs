//! What the nurse measures, as Observations of the category vital-signs.

use super::file::{File, NURSE_REKHA, Visit, flag};
use super::labs::{self, LOINC, Test};
use crate::clinic::make::{coding, concept, list, obj};

/// What the nurse measured; `None` was not taken. Weights in hundreds of grams, temperatures in tenths of a degree.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vitals {
    /// Systolic and diastolic pressure, mmHg.
    pub pressure: Option<(i64, i64)>,
    /// Beats a minute.
    pub pulse: Option<i64>,
    /// Oxygen saturation, per cent.
    pub oxygen: Option<i64>,
    /// Weight, 0.1 kg.
    pub weight: Option<i64>,
    /// Height or length, cm.
    pub height: Option<i64>,
    /// Temperature, 0.1 °C.
    pub temperature: Option<i64>,
    /// Breaths a minute.
    pub breaths: Option<i64>,
}

impl File<'_> {
    /// Everything the nurse measured at a visit. The body mass index follows from weight and height.
    pub fn vitals(&mut self, visit: &Visit, vitals: Vitals) {
        if let Some((systolic, diastolic)) = vitals.pressure {
            self.pressure(visit, systolic, diastolic);
        }
        self.height = vitals.height.or(self.height);
        for (value, vital) in [
            (vitals.pulse, &PULSE),
            (vitals.oxygen, &OXYGEN),
            (vitals.temperature, &TEMPERATURE),
            (vitals.breaths, &BREATHS),
            (vitals.height, &HEIGHT),
            (vitals.weight, &WEIGHT),
            (
                vitals.weight.zip(self.height).and_then(|(weight, height)| body_mass_index(weight, height)),
                &BMI,
            ),
        ] {
            let child = self.age_years() < 18;
            if let Some(value) = value.filter(|_| !(child && vital.code == BMI.code)) {
                self.measure(visit, vital, value, child);
            }
        }
    }

    fn measure(&mut self, visit: &Visit, vital: &Test, value: i64, child: bool) {
        let mut fields = self.observed(visit, "vital-signs", vital.concept(), NURSE_REKHA);
        fields.push(("valueQuantity", vital.quantity(value)));
        if let Some(range) = vital.reference_range(self.person.sex).filter(|_| !child) {
            fields.push(("interpretation", flag(vital.interpretation(value, self.person.sex))));
            fields.push(("referenceRange", range));
        }
        self.add("Observation", fields);
    }

    fn pressure(&mut self, visit: &Visit, systolic: i64, diastolic: i64) {
        let part = |code, name, value: i64| {
            obj([
                ("code", concept([coding(LOINC, code, name)], name)),
                ("valueQuantity", labs::quantity(&value.to_string(), "mmHg", "mm[Hg]")),
            ])
        };
        let code = concept([coding(LOINC, "85354-9", "Blood pressure panel")], "Blood pressure");
        let mut fields = self.observed(visit, "vital-signs", code, NURSE_REKHA);
        let word = match (systolic, diastolic) {
            (180.., _) | (_, 120..) => "HH",
            (140.., _) | (_, 90..) => "H",
            (..90, _) => "L",
            _ => "N",
        };
        fields.push(("interpretation", flag(word)));
        fields.push((
            "component",
            list([
                part("8480-6", "Systolic blood pressure", systolic),
                part("8462-4", "Diastolic blood pressure", diastolic),
            ]),
        ));
        self.add("Observation", fields);
    }
}

/// Weight in 0.1 kg over height in cm squared, in 0.1 kg/m².
fn body_mass_index(weight: i64, height: i64) -> Option<i64> {
    (weight * 10_000 + height * height / 2).checked_div(height * height)
}

const fn vital(
    code: &'static str,
    name: &'static str,
    unit: (&'static str, &'static str),
    digits: u32,
    range: (i64, i64),
) -> Test {
    let range = (Some(range.0), Some(range.1));
    Test {
        code,
        name,
        unit: unit.0,
        ucum: unit.1,
        digits,
        female: range,
        male: range,
        critical: (None, None),
    }
}

const PULSE: Test = vital("8867-4", "Pulse", ("/min", "/min"), 0, (55, 100));
const BREATHS: Test = vital("9279-1", "Respiration", ("/min", "/min"), 0, (12, 20));
const OXYGEN: Test = Test {
    female: (Some(94), None),
    male: (Some(94), None),
    ..vital("59408-5", "SpO₂", ("%", "%"), 0, (94, 100))
};
const TEMPERATURE: Test = vital("8310-5", "Temperature", ("°C", "Cel"), 1, (360, 377));
const BMI: Test = vital("39156-5", "BMI", ("kg/m²", "kg/m2"), 1, (185, 250));
const WEIGHT: Test =
    Test { female: (None, None), male: (None, None), ..vital("29463-7", "Weight", ("kg", "kg"), 1, (0, 1)) };
const HEIGHT: Test =
    Test { female: (None, None), male: (None, None), ..vital("8302-2", "Height", ("cm", "cm"), 0, (0, 1)) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_mass_index_is_rounded() {
        assert_eq!(body_mass_index(684, 154), Some(288));
        assert_eq!(body_mass_index(684, 0), None);
    }
}

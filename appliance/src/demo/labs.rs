//! The tests a clinic in Sangamner orders, as data.
//!
//! Owns the LOINC code, the printed name, the UCUM unit, the usual range by sex and the limits beyond which a value is
//! critical. The demo clinic writes its laboratory results from this table; real results bring their own ranges.
//! Ranges are those commonly printed on Indian laboratory reports for adults.

use clinicvault_gateway::json::Value;

use super::people::Sex;
use crate::clinic::make::{coding, concept, list, number, obj, text};

/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// UCUM, the unit codes of `valueQuantity`.
pub const UCUM: &str = "http://unitsofmeasure.org";

/// One kind of measurement. Values are whole numbers in units of `10^-digits`, so no floating point is involved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// LOINC code.
    pub code: &'static str,
    /// The name a doctor reads.
    pub name: &'static str,
    /// The unit in print.
    pub unit: &'static str,
    /// The unit in UCUM.
    pub ucum: &'static str,
    /// Digits after the decimal point.
    pub digits: u32,
    /// Usual range for women, lower and upper, where there is one.
    pub female: (Option<i64>, Option<i64>),
    /// Usual range for men.
    pub male: (Option<i64>, Option<i64>),
    /// Critical at or below, and at or above.
    pub critical: (Option<i64>, Option<i64>),
}

impl Test {
    /// The usual range for this person.
    #[must_use]
    pub fn range(&self, sex: Sex) -> (Option<i64>, Option<i64>) {
        if sex == Sex::Male { self.male } else { self.female }
    }

    /// `HH`, `H`, `N`, `L` or `LL` of the HL7 interpretation table (v3 ObservationInterpretation).
    #[must_use]
    pub fn interpretation(&self, value: i64, sex: Sex) -> &'static str {
        let (low, high) = self.range(sex);
        if self.critical.1.is_some_and(|limit| value >= limit) {
            "HH"
        } else if self.critical.0.is_some_and(|limit| value <= limit) {
            "LL"
        } else if high.is_some_and(|limit| value > limit) {
            "H"
        } else if low.is_some_and(|limit| value < limit) {
            "L"
        } else {
            "N"
        }
    }

    /// The value in print: `61` with one digit is `6.1`.
    #[must_use]
    pub fn show(&self, value: i64) -> String {
        decimal(value, self.digits)
    }

    /// `valueQuantity` of an Observation.
    #[must_use]
    pub fn quantity(&self, value: i64) -> Value {
        quantity(&self.show(value), self.unit, self.ucum)
    }

    /// `referenceRange` of an Observation, absent where nobody has stated one.
    #[must_use]
    pub fn reference_range(&self, sex: Sex) -> Option<Value> {
        let (low, high) = self.range(sex);
        let words = match (low, high) {
            (Some(low), Some(high)) => format!("{} to {}", self.show(low), self.show(high)),
            (None, Some(high)) => format!("up to {}", self.show(high)),
            (Some(low), None) => format!("{} or more", self.show(low)),
            (None, None) => return None,
        };
        let mut fields = Vec::new();
        if let Some(low) = low {
            fields.push(("low", self.quantity(low)));
        }
        if let Some(high) = high {
            fields.push(("high", self.quantity(high)));
        }
        fields.push(("text", text(words)));
        Some(list([obj(fields)]))
    }

    /// `code` of an Observation.
    #[must_use]
    pub fn concept(&self) -> Value {
        concept([coding(LOINC, self.code, self.name)], self.name)
    }
}

/// A UCUM quantity.
#[must_use]
pub fn quantity(value: &str, unit: &str, ucum: &str) -> Value {
    obj([("value", number(value)), ("unit", text(unit)), ("system", text(UCUM)), ("code", text(ucum))])
}

/// `1234` with two digits is `12.34`; with none it is `1234`.
#[must_use]
pub fn decimal(value: i64, digits: u32) -> String {
    if digits == 0 {
        return value.to_string();
    }
    let scale = 10_i64.saturating_pow(digits);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = ((value / scale).abs(), (value % scale).abs());
    format!("{sign}{whole}.{rest:0width$}", width = digits as usize)
}

const fn both(
    code: &'static str,
    name: &'static str,
    unit: (&'static str, &'static str),
    digits: u32,
    range: (Option<i64>, Option<i64>),
    critical: (Option<i64>, Option<i64>),
) -> Test {
    Test { code, name, unit: unit.0, ucum: unit.1, digits, female: range, male: range, critical }
}

const MG_DL: (&str, &str) = ("mg/dL", "mg/dL");
const MMOL_L: (&str, &str) = ("mmol/L", "mmol/L");
const NONE: (Option<i64>, Option<i64>) = (None, None);

/// Haemoglobin A1c.
pub const HBA1C: Test = both("4548-4", "HbA1c", ("%", "%"), 1, (Some(40), Some(56)), NONE);
/// Fasting glucose.
pub const GLUCOSE_FASTING: Test =
    both("1558-6", "Glucose, fasting", MG_DL, 0, (Some(70), Some(100)), (Some(40), Some(400)));
/// Glucose two hours after a meal.
pub const GLUCOSE_MEAL: Test =
    both("1521-4", "Glucose, after meal", MG_DL, 0, (Some(70), Some(140)), (Some(40), Some(450)));
/// Serum creatinine.
pub const CREATININE: Test = Test {
    female: (Some(6), Some(11)),
    male: (Some(7), Some(13)),
    ..both("2160-0", "Creatinine", MG_DL, 1, NONE, (None, Some(50)))
};
/// Serum potassium.
pub const POTASSIUM: Test =
    both("2823-3", "Potassium", MMOL_L, 1, (Some(35), Some(51)), (Some(25), Some(60)));
/// Serum sodium.
pub const SODIUM: Test = both("2951-2", "Sodium", MMOL_L, 0, (Some(135), Some(145)), (Some(120), Some(160)));
/// Low density lipoprotein cholesterol.
pub const LDL: Test = both("13457-7", "LDL cholesterol", MG_DL, 0, (None, Some(100)), NONE);
/// High density lipoprotein cholesterol.
pub const HDL: Test = Test {
    female: (Some(50), None),
    male: (Some(40), None),
    ..both("2085-9", "HDL cholesterol", MG_DL, 0, NONE, NONE)
};
/// Triglycerides.
pub const TRIGLYCERIDES: Test = both("2571-8", "Triglycerides", MG_DL, 0, (None, Some(150)), NONE);
/// Total cholesterol.
pub const CHOLESTEROL: Test = both("2093-3", "Cholesterol, total", MG_DL, 0, (None, Some(200)), NONE);
/// Haemoglobin.
pub const HAEMOGLOBIN: Test = Test {
    female: (Some(120), Some(150)),
    male: (Some(130), Some(170)),
    ..both("718-7", "Haemoglobin", ("g/dL", "g/dL"), 1, NONE, (Some(60), Some(200)))
};
/// Haemoglobin in children and in pregnancy is judged from 11 g/dL up.
pub const HAEMOGLOBIN_FROM_11: Test =
    both("718-7", "Haemoglobin", ("g/dL", "g/dL"), 1, (Some(110), Some(150)), (Some(60), Some(200)));
/// Mean corpuscular volume.
pub const MCV: Test = both("787-2", "MCV", ("fL", "fL"), 0, (Some(80), Some(100)), NONE);
/// Serum ferritin.
pub const FERRITIN: Test = Test {
    female: (Some(15), Some(150)),
    male: (Some(30), Some(400)),
    ..both("2276-4", "Ferritin", ("ng/mL", "ng/mL"), 0, NONE, NONE)
};
/// White cell count.
pub const WHITE_CELLS: Test =
    both("6690-2", "White cells", ("10*3/µL", "10*3/uL"), 1, (Some(40), Some(110)), (Some(15), Some(300)));
/// Platelets.
pub const PLATELETS: Test =
    both("777-3", "Platelets", ("10*3/µL", "10*3/uL"), 0, (Some(150), Some(410)), (Some(20), Some(1000)));
/// Thyroid stimulating hormone.
pub const TSH: Test = both("3016-3", "TSH", ("mIU/L", "m[IU]/L"), 1, (Some(4), Some(45)), NONE);
/// Free thyroxine.
pub const FREE_T4: Test = both("3024-7", "Free T4", ("ng/dL", "ng/dL"), 1, (Some(8), Some(18)), NONE);
/// Urine albumin to creatinine.
pub const URINE_ACR: Test =
    both("9318-7", "Urine albumin/creatinine", ("mg/g", "mg/g"), 0, (None, Some(30)), NONE);
/// 25-hydroxy vitamin D.
pub const VITAMIN_D: Test = both("1989-3", "Vitamin D", ("ng/mL", "ng/mL"), 0, (Some(30), Some(100)), NONE);
/// Vitamin B12.
pub const VITAMIN_B12: Test =
    both("2132-9", "Vitamin B12", ("pg/mL", "pg/mL"), 0, (Some(200), Some(900)), NONE);
/// Alanine aminotransferase.
pub const ALT: Test = both("1742-6", "ALT", ("U/L", "U/L"), 0, (None, Some(40)), (None, Some(1000)));
/// Uric acid.
pub const URIC_ACID: Test = both("3084-1", "Uric acid", MG_DL, 1, (Some(26), Some(72)), NONE);
/// International normalised ratio.
pub const INR: Test = both("6301-6", "INR", ("INR", "{INR}"), 1, (Some(20), Some(30)), (None, Some(50)));

/// Every test, for the walk that checks the table.
pub const ALL: &[Test] = &[
    HBA1C,
    GLUCOSE_FASTING,
    GLUCOSE_MEAL,
    CREATININE,
    POTASSIUM,
    SODIUM,
    LDL,
    HDL,
    TRIGLYCERIDES,
    CHOLESTEROL,
    HAEMOGLOBIN,
    HAEMOGLOBIN_FROM_11,
    MCV,
    FERRITIN,
    WHITE_CELLS,
    PLATELETS,
    TSH,
    FREE_T4,
    URINE_ACR,
    VITAMIN_D,
    VITAMIN_B12,
    ALT,
    URIC_ACID,
    INR,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_without_floating_point() {
        for (value, digits, expected) in
            [(61, 1, "6.1"), (5, 1, "0.5"), (164, 0, "164"), (-4, 1, "-0.4"), (1005, 2, "10.05")]
        {
            assert_eq!(decimal(value, digits), expected);
        }
    }

    #[test]
    fn interpretation_knows_its_limits() {
        for (value, expected) in
            [(24, "LL"), (25, "LL"), (34, "L"), (35, "N"), (51, "N"), (52, "H"), (60, "HH"), (61, "HH")]
        {
            assert_eq!(POTASSIUM.interpretation(value, Sex::Female), expected, "{value}");
        }
        assert_eq!(HAEMOGLOBIN.interpretation(125, Sex::Female), "N");
        assert_eq!(HAEMOGLOBIN.interpretation(125, Sex::Male), "L");
    }

    #[test]
    fn ranges_are_in_order_and_inside_the_critical_limits() {
        for test in ALL {
            for sex in [Sex::Female, Sex::Male] {
                let (low, high) = test.range(sex);
                assert!(low.zip(high).is_none_or(|(low, high)| low < high), "{}", test.name);
                assert!(test.critical.0.zip(low).is_none_or(|(limit, low)| limit < low), "{}", test.name);
                assert!(test.critical.1.zip(high).is_none_or(|(limit, high)| limit > high), "{}", test.name);
            }
        }
    }
}

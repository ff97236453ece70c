//! Medicines: what should be in the house today, and what ran out.

use std::collections::BTreeMap;

use clinicvault_gateway::json::Value;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::dto::{Medicine, MedicineStatus};
use crate::clinic::read::{day, words};

/// A supply this short was a course, not a standing medicine.
const COURSE_DAYS: i64 = 14;
/// A course is shown this long after its last day.
const COURSE_SHOWN_DAYS: i64 = 3;
/// A standing medicine that ran out is asked about for so long.
const RAN_OUT_SHOWN_DAYS: i64 = 400;

/// The latest order of each medicine that is still meant to be taken, standing medicines before those as needed.
pub fn list(requests: &[Value], now: Timestamp, zone: &TimeZone) -> Vec<Medicine> {
    let today = now.to_zoned(zone.clone()).date();
    let mut latest: BTreeMap<String, Order> = BTreeMap::new();
    for order in requests.iter().filter_map(|request| Order::read(request, zone)) {
        let key = order.medicine.name.to_lowercase();
        let newer = latest.get(&key).is_none_or(|known| known.written < order.written);
        if newer {
            latest.insert(key, order);
        }
    }
    let mut shown: Vec<Medicine> = latest.into_values().filter_map(|order| order.today(today)).collect();
    shown.sort_by_key(|medicine| medicine.status == MedicineStatus::AsNeeded);
    shown
}

struct Order {
    medicine: Medicine,
    stands: bool,
    as_needed: bool,
    written: String,
    from: Option<Date>,
    until: Option<Date>,
}

impl Order {
    fn read(request: &Value, zone: &TimeZone) -> Option<Self> {
        let status = request.str("status").unwrap_or("unknown");
        if matches!(status, "entered-in-error" | "draft") {
            return None;
        }
        let label = label(request)?;
        let (name, strength, form) = split_label(&label);
        let dosage = request.items("dosageInstruction").first();
        let instructions: Vec<String> = dosage
            .map(|dosage| {
                dosage
                    .items("additionalInstruction")
                    .iter()
                    .filter_map(|words_of| words(Some(words_of)))
                    .collect()
            })
            .unwrap_or_default();
        let as_needed = dosage.is_some_and(|dosage| {
            dosage.get("asNeededBoolean").and_then(Value::as_bool) == Some(true)
                || dosage.get("asNeededCodeableConcept").is_some()
        });
        let written =
            request.str("authoredOn").or_else(|| request.get("meta")?.str("lastUpdated")).unwrap_or_default();
        let from: Option<Date> = day(written, zone).parse().ok();
        let until = until(request, from);
        let quantity = request
            .get("dispenseRequest")
            .and_then(|dispense| dispense.get("quantity")?.get("value")?.as_number());
        Some(Self {
            medicine: Medicine {
                id: request.str("id").unwrap_or_default().to_owned(),
                name,
                strength,
                form,
                dose: dosage.and_then(dose),
                route: dosage.and_then(|dosage| words(dosage.get("route"))),
                timing: Some(instructions.join(", ")).filter(|all| !all.is_empty()),
                given: quantity.map(|number| number.as_str().to_owned()),
                given_on: from.map(|date| date.to_string()),
                until: until.map(|date| date.to_string()),
                status: if status == "on-hold" { MedicineStatus::OnHold } else { MedicineStatus::Current },
            },
            stands: matches!(status, "active" | "on-hold" | "unknown"),
            as_needed,
            written: written.to_owned(),
            from,
            until,
        })
    }

    fn today(mut self, today: Date) -> Option<Medicine> {
        if !self.stands {
            return None;
        }
        if self.medicine.status == MedicineStatus::OnHold {
            return Some(self.medicine);
        }
        if self.as_needed {
            self.medicine.status = MedicineStatus::AsNeeded;
            return Some(self.medicine);
        }
        let Some(until) = self.until.filter(|until| *until < today) else { return Some(self.medicine) };
        let over = days_between(until, today);
        let course = self.from.is_some_and(|from| days_between(from, until) <= COURSE_DAYS);
        if over > if course { COURSE_SHOWN_DAYS } else { RAN_OUT_SHOWN_DAYS } {
            return None;
        }
        self.medicine.status = MedicineStatus::RanOut;
        Some(self.medicine)
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}

/// The words for the medicine: those of the concept, of the reference, or of a contained Medication.
pub fn label(request: &Value) -> Option<String> {
    let contained = || request.items("contained").iter().find_map(|medication| words(medication.get("code")));
    words(request.get("medicationCodeableConcept"))
        .or_else(|| request.get("medicationReference")?.str("display").map(str::to_owned))
        .or_else(contained)
}

/// The dose as it was written, else from its parts.
pub fn dose(dosage: &Value) -> Option<String> {
    if let Some(text) = dosage.str("text") {
        return Some(text.to_owned());
    }
    let quantity = dosage.items("doseAndRate").iter().find_map(|rate| rate.get("doseQuantity"))?;
    let value = quantity.get("value")?.as_number()?.as_str();
    let repeat = dosage.get("timing").and_then(|timing| words(timing.get("code"))).unwrap_or_default();
    let unit = quantity.str("unit").unwrap_or_default();
    Some(format!("{value} {unit} {repeat}").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `Metformin 500 mg tablet` in name, strength and form. Words without a number stay a name.
fn split_label(label: &str) -> (String, Option<String>, Option<String>) {
    let parts: Vec<&str> = label.split_whitespace().collect();
    let is_number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
    let Some(first) = parts.iter().position(is_number).filter(|at| *at > 0) else {
        return (label.trim().to_owned(), None, None);
    };
    let Some(last) = parts.iter().rposition(is_number) else {
        return (label.to_owned(), None, None);
    };
    // The unit follows the last number, unless it is written against it ("500mg").
    let glued = parts.get(last).is_some_and(|part| part.ends_with(|c: char| c.is_alphabetic() || c == '%'));
    let end = (last + if glued { 1 } else { 2 }).min(parts.len());
    let join = |range: Option<&[&str]>| range.map(|parts| parts.join(" ")).filter(|text| !text.is_empty());
    (join(parts.get(..first)).unwrap_or_default(), join(parts.get(first..end)), join(parts.get(end..)))
}

fn until(request: &Value, from: Option<Date>) -> Option<Date> {
    let dispense = request.get("dispenseRequest");
    let end =
        dispense.and_then(|dispense| dispense.get("validityPeriod")?.str("end")?.get(..10)?.parse().ok());
    end.or_else(|| {
        let days = dispense?.get("expectedSupplyDuration")?;
        let value: f64 = days.get("value")?.as_number()?.as_f64()?;
        let each = match days.str("code").or_else(|| days.str("unit")) {
            Some("d" | "day" | "days") | None => 1.0,
            Some("wk" | "week" | "weeks") => 7.0,
            Some("mo" | "month" | "months") => 30.0,
            Some(_) => return None,
        };
        let days = (value * each).clamp(0.0, 3_660.0) as i64;
        from?.checked_add(days.days()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_split_into_name_strength_and_form() {
        for (label, name, strength, form) in [
            ("Metformin 500 mg tablet", "Metformin", Some("500 mg"), Some("tablet")),
            ("Insulin glargine 100 units/mL pen", "Insulin glargine", Some("100 units/mL"), Some("pen")),
            (
                "Ferrous sulfate 60 mg and folic acid 0.5 mg tablet",
                "Ferrous sulfate",
                Some("60 mg and folic acid 0.5 mg"),
                Some("tablet"),
            ),
            ("Amoxicillin 500mg capsule", "Amoxicillin", Some("500mg"), Some("capsule")),
            ("Luliconazole 1 % cream", "Luliconazole", Some("1 %"), Some("cream")),
            ("Calamine lotion", "Calamine lotion", None, None),
            ("5-fluorouracil cream", "5-fluorouracil cream", None, None),
        ] {
            let found = split_label(label);
            assert_eq!(
                (found.0.as_str(), found.1.as_deref(), found.2.as_deref()),
                (name, strength, form),
                "{label}"
            );
        }
    }
}

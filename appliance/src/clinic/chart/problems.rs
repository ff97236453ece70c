//! Problems: what the patient lives with.

use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dto::Problem;
use crate::clinic::make::{coded, list, obj, reference, text, words as plain};
use crate::clinic::read::{day, has_code, words};

/// Active problems first, then by name. What was entered in error or refuted is left out.
pub fn standing(conditions: &[Value], zone: &TimeZone) -> Vec<Problem> {
    let mut problems: Vec<Problem> = conditions
        .iter()
        .filter(|condition| !has_code(condition, "verificationStatus", &["entered-in-error", "refuted"]))
        .filter_map(|condition| problem(condition, zone))
        .collect();
    problems.sort_by(|a, b| {
        b.active.cmp(&a.active).then_with(|| a.text.cmp(&b.text)).then_with(|| a.id.cmp(&b.id))
    });
    problems
}

fn problem(condition: &Value, zone: &TimeZone) -> Option<Problem> {
    let since = ["onsetDateTime", "recordedDate"].into_iter().find_map(|key| condition.str(key));
    let since = since.or_else(|| condition.get("onsetPeriod")?.str("start")).map(|date| day(date, zone));
    Some(Problem {
        id: condition.str("id").unwrap_or_default().to_owned(),
        text: words(condition.get("code"))?,
        since: since.or_else(|| condition.str("onsetString").map(str::to_owned)),
        active: !has_code(condition, "clinicalStatus", &["inactive", "remission", "resolved"]),
    })
}

/// A Condition from what was typed.
#[must_use]
pub fn problem_resource(patient: &str, words: &str, since: Option<&str>, now: Timestamp) -> Value {
    let mut fields = vec![
        ("resourceType", text("Condition")),
        ("clinicalStatus", coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")),
        (
            "verificationStatus",
            coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        ),
        (
            "category",
            list([coded("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")]),
        ),
        ("code", plain(words)),
        ("subject", reference(&format!("Patient/{patient}"))),
    ];
    if let Some(since) = since {
        fields.push(("onsetDateTime", text(since)));
    }
    fields.push(("recordedDate", text(clinicvault_gateway::fhir::datetime::instant(now))));
    obj(fields)
}

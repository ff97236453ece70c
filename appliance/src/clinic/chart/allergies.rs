//! Allergies: four states that are never confused.

use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::dto::{Allergies, AllergyItem, AllergyState};
use crate::clinic::make::{coded, coding, concept, list, obj, reference, text, words as plain};
use crate::clinic::read::{day, has_code, words};

/// SNOMED CT "no known allergy" and its children for drugs, food and environment.
const NONE_KNOWN: &[&str] = &["716186003", "409137002", "429625007", "428607008", "no-known-allergies"];

/// The state from the stored allergies. A listed allergy outweighs an entry that says none are known.
pub fn state(resources: &[Value], hidden: bool, zone: &TimeZone) -> Allergies {
    if hidden {
        return Allergies { state: AllergyState::Unknown, since: None, items: Vec::new() };
    }
    let standing: Vec<&Value> = resources.iter().filter(|allergy| stands(allergy)).collect();
    let (none, listed): (Vec<&Value>, Vec<&Value>) =
        standing.into_iter().partition(|allergy| says_none(allergy));
    let mut items: Vec<AllergyItem> = listed.into_iter().map(item).collect();
    items.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.substance.cmp(&b.substance)));
    let since = none.iter().filter_map(|allergy| recorded(allergy)).max().map(|date| day(date, zone));
    let state = match (items.is_empty(), none.is_empty()) {
        (false, _) => AllergyState::Listed,
        (true, false) => AllergyState::NoneKnown,
        (true, true) => AllergyState::NotAsked,
    };
    let since = since.filter(|_| state == AllergyState::NoneKnown);
    Allergies { state, since, items }
}

fn stands(allergy: &Value) -> bool {
    !has_code(allergy, "verificationStatus", &["refuted", "entered-in-error"])
        && !has_code(allergy, "clinicalStatus", &["inactive", "resolved"])
}

fn says_none(allergy: &Value) -> bool {
    has_code(allergy, "code", NONE_KNOWN)
}

fn recorded(allergy: &Value) -> Option<&str> {
    allergy.str("recordedDate").or_else(|| allergy.get("meta")?.str("lastUpdated"))
}

fn item(allergy: &Value) -> AllergyItem {
    let reactions = allergy.items("reaction");
    let manifestations: Vec<String> = reactions
        .iter()
        .flat_map(|reaction| reaction.items("manifestation"))
        .filter_map(|what| words(Some(what)))
        .collect();
    let severity = ["severe", "moderate", "mild"]
        .into_iter()
        .find(|word| reactions.iter().any(|reaction| reaction.str("severity") == Some(word)))
        .or_else(|| allergy.str("criticality").filter(|word| *word == "high"));
    let year = allergy
        .str("onsetDateTime")
        .or_else(|| recorded(allergy))
        .and_then(|date| date.get(..4)?.parse().ok());
    let certainty = allergy
        .items("verificationStatus")
        .iter()
        .find_map(|status| status.items("coding").iter().find_map(|coding| coding.str("code")));
    let reaction_substance = || reactions.iter().find_map(|reaction| words(reaction.get("substance")));
    AllergyItem {
        id: allergy.str("id").unwrap_or_default().to_owned(),
        substance: words(allergy.get("code")).or_else(reaction_substance).unwrap_or_default(),
        reaction: Some(manifestations.join(", ")).filter(|all| !all.is_empty()),
        severity: severity.map(str::to_owned),
        year,
        certainty: certainty.map(str::to_owned),
    }
}

fn weight(item: &AllergyItem) -> u8 {
    match item.severity.as_deref() {
        Some("severe" | "high") => 3,
        Some("moderate") => 2,
        Some("mild") => 1,
        Some(_) | None => 0,
    }
}

/// An AllergyIntolerance from what was typed; without a substance it says that none are known.
#[must_use]
pub fn allergy_resource(
    patient: &str,
    substance: Option<&str>,
    reaction: Option<&str>,
    severity: Option<&str>,
    certainty: &str,
    now: Timestamp,
) -> Value {
    let code = substance.map_or_else(
        || concept([coding("http://snomed.info/sct", "716186003", "No known allergy")], "No known allergy"),
        plain,
    );
    let mut fields = vec![
        ("resourceType", text("AllergyIntolerance")),
        (
            "clinicalStatus",
            coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
        ),
        (
            "verificationStatus",
            coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", certainty),
        ),
        ("code", code),
        ("patient", reference(&format!("Patient/{patient}"))),
        ("recordedDate", text(clinicvault_gateway::fhir::datetime::instant(now))),
    ];
    if let Some(manifestation) = reaction.map(plain).or_else(|| severity.map(|_| plain("not recorded"))) {
        let mut reaction = vec![("manifestation", list([manifestation]))];
        if let Some(severity) = severity {
            reaction.push(("severity", text(severity)));
        }
        fields.push(("reaction", list([obj(reaction)])));
    }
    obj(fields)
}

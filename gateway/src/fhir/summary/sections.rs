//! The sections of the International Patient Summary: which records belong to each.

use crate::fhir::id::ResourceType;
use crate::fhir::views::Concept;
use crate::json::Value;

/// One section.
pub struct Section {
    /// Heading.
    pub title: &'static str,
    /// LOINC code and its name.
    pub code: &'static str,
    /// Name of the code.
    pub display: &'static str,
    /// Present even when there is nothing to show.
    pub required: bool,
    /// Types of its records.
    pub kinds: &'static [&'static str],
    /// Most records shown, the newest.
    pub most: usize,
    belongs: fn(&Value) -> bool,
}

impl Section {
    /// Whether a record belongs here.
    fn takes(&self, record: &Value) -> bool {
        record.str("resourceType").is_some_and(|name| self.kinds.contains(&name)) && (self.belongs)(record)
    }
}

/// Types that a summary is made of.
pub fn kinds() -> Vec<ResourceType> {
    let mut kinds: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.kinds)
        .filter_map(|name| ResourceType::parse(name))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// In the order of the guide: required ones first. Two of its sections are not here: functional status, because nothing in
/// a record says that it is about that, and the patient's story, which only a person can write.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Problems",
        code: "11450-4",
        display: "Problem list - Reported",
        required: true,
        kinds: &["Condition"],
        most: 200,
        belongs: |r| stands(r) && is_problem(r) && !is_past(r),
    },
    Section {
        title: "Allergies and intolerances",
        code: "48765-2",
        display: "Allergies and adverse reactions Document",
        required: true,
        kinds: &["AllergyIntolerance"],
        most: 200,
        belongs: stands,
    },
    Section {
        title: "Medicines",
        code: "10160-0",
        display: "History of Medication use Narrative",
        required: true,
        kinds: &["MedicationRequest", "MedicationStatement"],
        most: 200,
        belongs: |r| status(r, &["active", "on-hold", "intended", "unknown"]) && is_order(r),
    },
    Section {
        title: "Immunizations",
        code: "11369-6",
        display: "History of Immunization note",
        required: false,
        kinds: &["Immunization"],
        most: 200,
        belongs: |r| status(r, &["completed"]),
    },
    Section {
        title: "Procedures",
        code: "47519-4",
        display: "History of Procedures Document",
        required: false,
        kinds: &["Procedure"],
        most: 100,
        belongs: |r| status(r, &["completed", "in-progress", "on-hold", "stopped", "unknown"]),
    },
    Section {
        title: "Medical devices",
        code: "46264-8",
        display: "History of medical device use",
        required: false,
        kinds: &["DeviceUseStatement"],
        most: 100,
        belongs: |r| status(r, &["active", "completed", "on-hold"]),
    },
    Section {
        title: "Results",
        code: "30954-2",
        display: "Relevant diagnostic tests/laboratory data note",
        required: false,
        kinds: &["Observation", "DiagnosticReport"],
        most: 100,
        belongs: |r| {
            is_final(r) && (is_report(r) || category(r, &["laboratory", "imaging", "procedure", "exam"]))
        },
    },
    Section {
        title: "Vital signs",
        code: "8716-3",
        display: "Vital signs note",
        required: false,
        kinds: &["Observation"],
        most: 50,
        belongs: |r| is_final(r) && category(r, &["vital-signs"]),
    },
    Section {
        title: "Past illness",
        code: "11348-0",
        display: "History of Past illness note",
        required: false,
        kinds: &["Condition"],
        most: 100,
        belongs: |r| stands(r) && is_problem(r) && is_past(r),
    },
    Section {
        title: "Plan of care",
        code: "18776-5",
        display: "Plan of care note",
        required: false,
        kinds: &["CarePlan", "ImmunizationRecommendation"],
        most: 50,
        // A recommendation has no status.
        belongs: |r| r.str("resourceType") != Some("CarePlan") || status(r, &["active", "on-hold"]),
    },
    Section {
        title: "Social history",
        code: "29762-2",
        display: "Social history note",
        required: false,
        kinds: &["Observation"],
        most: 50,
        belongs: |r| is_final(r) && category(r, &["social-history"]) && !code(r, PREGNANCY),
    },
    Section {
        title: "Pregnancies",
        code: "10162-6",
        display: "History of pregnancies Narrative",
        required: false,
        kinds: &["Observation"],
        most: 50,
        belongs: |r| is_final(r) && code(r, PREGNANCY),
    },
    Section {
        title: "Alerts",
        code: "104605-1",
        display: "Alert",
        required: false,
        kinds: &["Flag"],
        most: 50,
        belongs: |r| status(r, &["active"]),
    },
    Section {
        title: "Advance directives",
        code: "42348-3",
        display: "Advance healthcare directives",
        required: false,
        kinds: &["Consent"],
        most: 20,
        belongs: |r| status(r, &["active"]) && r.get("scope").map(Concept).is_some_and(|s| s.has_code("adr")),
    },
];

/// LOINC codes of which the newest record alone is shown: the guide has room for one use of tobacco and one of alcohol.
const ONCE: &[&str] = &["72166-2", "74013-4"];

/// LOINC codes of the guide's observations on pregnancies: status, expected date of delivery, outcomes.
const PREGNANCY: &[&str] = &[
    "82810-3", "11778-8", "11779-6", "11780-4", "11636-8", "11637-6", "11638-4", "11639-2", "11640-0",
    "11612-9", "11613-7", "11614-5", "33065-4",
];

/// The records that a section shows, by their places: newest first, as they come.
pub fn taken<'r>(section: &Section, records: &'r [Value]) -> Vec<(usize, &'r Value)> {
    let mut met = Vec::new();
    let mut is_first = |record: &Value| {
        let Some(known) = ONCE.iter().find(|known| code(record, &[**known])) else { return true };
        let first = !met.contains(known);
        met.push(*known);
        first
    };
    let of_section = records.iter().enumerate().filter(|(_, record)| section.takes(record));
    of_section.filter(|(_, record)| is_first(record)).collect()
}

fn code(record: &Value, codes: &[&str]) -> bool {
    let own = record.get("code").map(Concept);
    own.is_some_and(|own| codes.iter().any(|code| own.has_code(code)))
}

fn status(record: &Value, of: &[&str]) -> bool {
    record.str("status").is_some_and(|status| of.contains(&status))
}

fn is_final(record: &Value) -> bool {
    status(record, &["final", "amended", "corrected"])
}

fn is_report(record: &Value) -> bool {
    record.str("resourceType") == Some("DiagnosticReport")
}

fn category(record: &Value, codes: &[&str]) -> bool {
    record.items("category").iter().any(|c| codes.iter().any(|code| Concept(c).has_code(code)))
}

/// Neither entered in error nor refuted.
fn stands(record: &Value) -> bool {
    let verification = record.get("verificationStatus").map(Concept);
    !verification.is_some_and(|v| v.has_code("entered-in-error") || v.has_code("refuted"))
}

/// A diagnosis of one visit only is no problem of the list, unless it says that it is one too.
fn is_problem(record: &Value) -> bool {
    !category(record, &["encounter-diagnosis"]) || category(record, &["problem-list-item", "health-concern"])
}

fn is_past(record: &Value) -> bool {
    let clinical = record.get("clinicalStatus").map(Concept);
    clinical.is_some_and(|c| ["inactive", "remission", "resolved"].iter().any(|code| c.has_code(code)))
}

/// A proposal is not yet a medicine that is taken.
fn is_order(record: &Value) -> bool {
    !matches!(record.str("intent"), Some("proposal" | "plan" | "option"))
}

//! Problems, allergies, medicines, visits, reports and documents.

use super::{Concept, Stretch, target};
use crate::fhir::id::{LogicalId, ResourceType};
use crate::json::Value;

/// The patient that a record is about, by its `patient` or `subject`, when that is a Patient of this server.
pub fn subject(json: &Value) -> Option<LogicalId> {
    ["patient", "subject"].iter().find_map(|key| {
        let (kind, id) = target(json.get(key)?)?;
        (kind == ResourceType::PATIENT).then_some(id)
    })
}

macro_rules! views {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a>(pub &'a Value);

        impl<'a> $name<'a> {
            /// Logical id.
            pub fn id(&self) -> Option<&'a str> {
                self.0.str("id")
            }

            /// `status`, where the type has one.
            pub fn status(&self) -> Option<&'a str> {
                self.0.str("status")
            }
        }
    )*};
}

views! {
    /// A Condition: a problem or diagnosis.
    Condition,
    /// An AllergyIntolerance.
    AllergyIntolerance,
    /// A MedicationRequest: a prescription line.
    MedicationRequest,
    /// An Encounter: a visit.
    Encounter,
    /// A DocumentReference.
    Document,
    /// A DiagnosticReport.
    DiagnosticReport
}

/// First code of a CodeableConcept member.
fn code<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.get(key).and_then(|c| Concept(c).codings().next()).map(|c| c.code)
}

/// What a person reads of a CodeableConcept member, the first one of a list.
fn label<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.items(key).first().and_then(|c| Concept(c).label())
}

impl<'a> Condition<'a> {
    /// What it is.
    pub fn code(&self) -> Option<Concept<'a>> {
        self.0.get("code").map(Concept)
    }

    /// `active`, `recurrence`, `relapse`, `inactive`, `remission` or `resolved`
    pub fn clinical_status(&self) -> Option<&'a str> {
        code(self.0, "clinicalStatus")
    }

    /// `confirmed`, `provisional`, `refuted`, `entered-in-error` …
    pub fn verification(&self) -> Option<&'a str> {
        code(self.0, "verificationStatus")
    }

    /// Whether it is a present problem: not over, not refuted, not entered in error.
    pub fn is_active(&self) -> bool {
        !matches!(self.clinical_status(), Some("inactive" | "remission" | "resolved"))
            && !matches!(self.verification(), Some("refuted" | "entered-in-error"))
    }

    /// When it began; else when it was recorded.
    pub fn since(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0, &["onsetDateTime", "onsetPeriod", "recordedDate"])
    }
}

impl<'a> AllergyIntolerance<'a> {
    /// To what.
    pub fn code(&self) -> Option<Concept<'a>> {
        self.0.get("code").map(Concept)
    }

    /// `active`, `inactive` or `resolved`
    pub fn clinical_status(&self) -> Option<&'a str> {
        code(self.0, "clinicalStatus")
    }

    /// `unconfirmed`, `confirmed`, `refuted` or `entered-in-error`
    pub fn verification(&self) -> Option<&'a str> {
        code(self.0, "verificationStatus")
    }

    /// `low`, `high` or `unable-to-assess`
    pub fn criticality(&self) -> Option<&'a str> {
        self.0.str("criticality")
    }

    /// What happens, as people read it.
    pub fn reactions(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let reactions = self.0.items("reaction").iter();
        reactions.flat_map(|r| r.items("manifestation")).filter_map(|m| Concept(m).label())
    }

    /// Severity of the first reaction that tells: `mild`, `moderate` or `severe`.
    pub fn severity(&self) -> Option<&'a str> {
        self.0.items("reaction").iter().find_map(|r| r.str("severity"))
    }

    /// When it began; else when it was recorded.
    pub fn since(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0, &["onsetDateTime", "onsetPeriod", "recordedDate"])
    }
}

/// One dosage instruction.
#[derive(Debug, Clone, Copy)]
pub struct Dose<'a>(pub &'a Value);

impl<'a> Dose<'a> {
    /// The instruction in words.
    pub fn text(&self) -> Option<&'a str> {
        self.0.str("text")
    }

    /// By which way.
    pub fn route(&self) -> Option<&'a str> {
        self.0.get("route").and_then(|r| Concept(r).label())
    }

    /// How much at a time, when that is a single amount.
    pub fn amount(&self) -> Option<super::Quantity<'a>> {
        self.0.items("doseAndRate").iter().find_map(|d| d.get("doseQuantity")).map(super::Quantity)
    }

    /// How often, in words.
    pub fn timing(&self) -> Option<&'a str> {
        self.0.get("timing")?.get("code").and_then(|c| Concept(c).label())
    }

    /// From when and until when, when the timing is bounded.
    pub fn bounds(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0.get("timing")?.get("repeat")?, &["boundsPeriod"])
    }
}

impl<'a> MedicationRequest<'a> {
    /// Which medicine: its concept, or the name beside the reference.
    pub fn medicine(&self) -> Option<&'a str> {
        let concept = self.0.get("medicationCodeableConcept").and_then(|c| Concept(c).label());
        concept.or_else(|| self.0.get("medicationReference")?.str("display"))
    }

    /// Which medicine, coded.
    pub fn concept(&self) -> Option<Concept<'a>> {
        self.0.get("medicationCodeableConcept").map(Concept)
    }

    /// The Medication that is referred to.
    pub fn reference(&self) -> Option<(ResourceType, LogicalId)> {
        target(self.0.get("medicationReference")?)
    }

    /// `order`, `plan` …
    pub fn intent(&self) -> Option<&'a str> {
        self.0.str("intent")
    }

    /// When it was written.
    pub fn authored(&self) -> Option<&'a str> {
        self.0.str("authoredOn")
    }

    /// Instructions.
    pub fn doses(&self) -> impl Iterator<Item = Dose<'a>> + use<'a> {
        self.0.items("dosageInstruction").iter().map(Dose)
    }

    /// Who prescribed it.
    pub fn requester(&self) -> Option<&'a str> {
        self.0.get("requester")?.str("display")
    }
}

impl<'a> Encounter<'a> {
    /// From when to when.
    pub fn period(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0, &["period"])
    }

    /// `AMB`, `EMER`, `VR` …
    pub fn class(&self) -> Option<&'a str> {
        self.0.get("class")?.str("code")
    }

    /// What kind of visit.
    pub fn kind(&self) -> Option<&'a str> {
        label(self.0, "type")
    }

    /// Why.
    pub fn reason(&self) -> Option<&'a str> {
        label(self.0, "reasonCode")
    }

    /// Who took part, by name.
    pub fn participants(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.items("participant").iter().filter_map(|p| p.get("individual")?.str("display"))
    }

    /// Whose house.
    pub fn provider(&self) -> Option<&'a str> {
        self.0.get("serviceProvider")?.str("display")
    }
}

impl<'a> Document<'a> {
    /// What kind of document.
    pub fn kind(&self) -> Option<&'a str> {
        label(self.0, "type")
    }

    /// Its title: the description, else the title of the first attachment.
    pub fn title(&self) -> Option<&'a str> {
        self.0.str("description").or_else(|| self.attachments().find_map(|a| a.str("title")))
    }

    /// When the reference was made.
    pub fn date(&self) -> Option<&'a str> {
        self.0.str("date")
    }

    /// Attachments in order.
    pub fn attachments(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.0.items("content").iter().filter_map(|c| c.get("attachment"))
    }
}

impl<'a> DiagnosticReport<'a> {
    /// What was examined.
    pub fn code(&self) -> Option<Concept<'a>> {
        self.0.get("code").map(Concept)
    }

    /// When it was so.
    pub fn effective(&self) -> Option<Stretch<'a>> {
        Stretch::first_of(self.0, &["effectiveDateTime", "effectivePeriod"])
    }

    /// When it was released.
    pub fn issued(&self) -> Option<&'a str> {
        self.0.str("issued")
    }

    /// The finding in words.
    pub fn conclusion(&self) -> Option<&'a str> {
        self.0.str("conclusion")
    }

    /// Observations that belong to it, on this server.
    pub fn results(&self) -> impl Iterator<Item = LogicalId> + use<'a> {
        self.0.items("result").iter().filter_map(target).map(|(_, id)| id)
    }

    /// Who says so: the first performer that has a name.
    pub fn performer(&self) -> Option<&'a str> {
        self.0.items("performer").iter().find_map(|p| p.str("display"))
    }
}

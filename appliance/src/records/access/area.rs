//! Areas of the record, and the subject of a decision.
//!
//! The areas are the rows of clinic-workflow.md section 2. A few are split or added where a FHIR type or a screen needs
//! its own answer; `docs/decisions/0051-who-may-do-what.md` gives the reasons.

use super::Purpose;

/// One row of the permission matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// Who the patient is: names, birth date, phone, address, guardian.
    Demographics,
    /// Joining two records of one person.
    Merge,
    /// Today's queue and its tokens.
    Queue,
    /// Booked times.
    Appointments,
    /// That a visit took place, when and with whom.
    Visits,
    /// Triage and vital signs.
    Vitals,
    /// Problems and diagnoses.
    Problems,
    /// Allergies (split from problems: the dispenser reads them).
    Allergies,
    /// Notes, certificates and documents.
    Notes,
    /// Medicines ordered, given and stopped.
    Prescriptions,
    /// Lab orders and results.
    Results,
    /// Marking a result as looked at.
    Review,
    /// Transcripts and recordings.
    Transcript,
    /// Messages from other systems, and settling those which are held.
    Inbox,
    /// Bills and payments.
    Invoices,
    /// Refunds, waivers, discounts.
    Refunds,
    /// Practitioners, organisations, places and code tables.
    Directory,
    /// Users, devices, tokens and settings.
    Settings,
    /// Who opened one patient's record.
    AccessLog,
    /// The whole audit trail.
    Audit,
    /// Where records came from (split from the trail: it is read beside the records).
    Origin,
    /// Export of everything, backup.
    Export,
    /// What a patient reaches of the own affairs; no member of the clinic does by this way.
    Portal,
    /// Every other FHIR type.
    Other,
}

impl Area {
    /// Every area.
    pub const ALL: [Area; 24] = [
        Area::Demographics,
        Area::Merge,
        Area::Queue,
        Area::Appointments,
        Area::Visits,
        Area::Vitals,
        Area::Problems,
        Area::Allergies,
        Area::Notes,
        Area::Prescriptions,
        Area::Results,
        Area::Review,
        Area::Transcript,
        Area::Inbox,
        Area::Invoices,
        Area::Refunds,
        Area::Directory,
        Area::Settings,
        Area::AccessLog,
        Area::Audit,
        Area::Origin,
        Area::Export,
        Area::Portal,
        Area::Other,
    ];

    /// The name used in answers to the user interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Area::Demographics => "demographics",
            Area::Merge => "merge",
            Area::Queue => "queue",
            Area::Appointments => "appointments",
            Area::Visits => "visits",
            Area::Vitals => "vitals",
            Area::Problems => "problems",
            Area::Allergies => "allergies",
            Area::Notes => "notes",
            Area::Prescriptions => "prescriptions",
            Area::Results => "results",
            Area::Review => "review",
            Area::Transcript => "transcript",
            Area::Inbox => "inbox",
            Area::Invoices => "invoices",
            Area::Refunds => "refunds",
            Area::Directory => "directory",
            Area::Settings => "settings",
            Area::AccessLog => "accessLog",
            Area::Audit => "audit",
            Area::Origin => "origin",
            Area::Export => "export",
            Area::Portal => "portal",
            Area::Other => "other",
        }
    }

    /// The area of a FHIR type. An Observation is a vital sign only when its category says so.
    pub fn of_type(kind: &str, vital_sign: bool) -> Area {
        match kind {
            "Patient" | "RelatedPerson" | "Person" | "Consent" => Area::Demographics,
            "Encounter" | "EpisodeOfCare" => Area::Visits,
            "Appointment" | "AppointmentResponse" | "Schedule" | "Slot" => Area::Appointments,
            "Observation" if vital_sign => Area::Vitals,
            "Observation" | "DiagnosticReport" | "ServiceRequest" | "Specimen" | "ImagingStudy" | "Media"
            | "MolecularSequence" | "BodyStructure" => Area::Results,
            "Condition" | "FamilyMemberHistory" | "Flag" | "RiskAssessment" | "DetectedIssue" => {
                Area::Problems
            }
            "AllergyIntolerance" | "AdverseEvent" => Area::Allergies,
            "MedicationRequest"
            | "MedicationStatement"
            | "MedicationDispense"
            | "MedicationAdministration"
            | "Immunization"
            | "ImmunizationEvaluation"
            | "ImmunizationRecommendation" => Area::Prescriptions,
            "Composition"
            | "DocumentReference"
            | "DocumentManifest"
            | "Binary"
            | "Bundle"
            | "Procedure"
            | "CarePlan"
            | "CareTeam"
            | "Goal"
            | "ClinicalImpression"
            | "Communication"
            | "CommunicationRequest"
            | "QuestionnaireResponse"
            | "List"
            | "Task" => Area::Notes,
            "Invoice"
            | "Account"
            | "ChargeItem"
            | "Claim"
            | "ClaimResponse"
            | "Coverage"
            | "CoverageEligibilityRequest"
            | "CoverageEligibilityResponse"
            | "ExplanationOfBenefit"
            | "PaymentNotice"
            | "PaymentReconciliation" => Area::Invoices,
            "Organization"
            | "Practitioner"
            | "PractitionerRole"
            | "Location"
            | "HealthcareService"
            | "Endpoint"
            | "Medication"
            | "Substance"
            | "CodeSystem"
            | "ValueSet"
            | "ConceptMap"
            | "NamingSystem"
            | "StructureDefinition"
            | "SearchParameter"
            | "OperationDefinition"
            | "CapabilityStatement"
            | "Questionnaire"
            | "ChargeItemDefinition" => Area::Directory,
            "Device" | "DeviceDefinition" | "DeviceMetric" | "Subscription" => Area::Settings,
            "AuditEvent" => Area::Audit,
            "Provenance" => Area::Origin,
            _ => Area::Other,
        }
    }

    /// Why this area is normally touched.
    pub fn purpose(self) -> Purpose {
        match self {
            Area::Invoices | Area::Refunds => Purpose::Billing,
            Area::Directory | Area::Settings | Area::AccessLog | Area::Audit | Area::Export => {
                Purpose::Operations
            }
            Area::Demographics
            | Area::Merge
            | Area::Queue
            | Area::Appointments
            | Area::Visits
            | Area::Vitals
            | Area::Problems
            | Area::Allergies
            | Area::Notes
            | Area::Prescriptions
            | Area::Results
            | Area::Review
            | Area::Transcript
            | Area::Inbox
            | Area::Origin
            | Area::Portal
            | Area::Other => Purpose::Treatment,
        }
    }
}

/// What is about to be touched, as far as the policy cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    area: Area,
    kind: Option<String>,
    theirs: bool,
    in_care: bool,
}

impl Subject {
    /// A part of the box that is not one FHIR type: a screen, the settings, the audit trail.
    pub fn area_only(area: Area) -> Subject {
        Subject { area, kind: None, theirs: false, in_care: false }
    }

    /// A FHIR type; `vital_sign` says that an Observation carries the category `vital-signs`.
    pub fn of_type(kind: &str, vital_sign: bool) -> Subject {
        Subject {
            area: Area::of_type(kind, vital_sign),
            kind: Some(kind.to_owned()),
            theirs: false,
            in_care: false,
        }
    }

    /// States that the actor wrote it (or that it is about the actor).
    pub fn theirs(mut self, yes: bool) -> Subject {
        self.theirs = yes;
        self
    }

    /// States that the patient is in the actor's present queue or care team.
    pub fn in_care(mut self, yes: bool) -> Subject {
        self.in_care = yes;
        self
    }

    /// The area that decides.
    pub fn area(&self) -> Area {
        self.area
    }

    /// The FHIR type, when it is one.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    pub(super) fn is_theirs(&self) -> bool {
        self.theirs
    }

    pub(super) fn is_in_care(&self) -> bool {
        self.in_care
    }
}

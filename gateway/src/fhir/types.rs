//! Resource types by number. The numbers are written into stored keys: append only, never renumber.

use std::fmt;

/// One of the 146 concrete resource types of R4, as a stable number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u16);

impl ResourceType {
    /// The number written into keys.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The type of a number; `None` for a number this program does not know.
    pub fn from_number(number: u16) -> Option<Self> {
        NAMES.get(usize::from(number).checked_sub(1)?).map(|_| Self(number))
    }

    /// The type of a name, in the standard's spelling.
    pub fn parse(name: &str) -> Option<Self> {
        // The list is in the order of the alphabet up to `SORTED`; later additions stand behind it.
        let (sorted, added) = NAMES.split_at_checked(SORTED)?;
        let place = sorted.binary_search(&name).ok();
        let place = place.or_else(|| added.iter().position(|n| *n == name).map(|n| n + SORTED))?;
        u16::try_from(place + 1).ok().map(Self)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        usize::from(self.0).checked_sub(1).and_then(|n| NAMES.get(n)).copied().unwrap_or_default()
    }

    /// Every type, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=u16::try_from(NAMES.len()).unwrap_or_default()).map(Self)
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const SORTED: usize = 146;

macro_rules! resource_types {
    ($($number:literal $name:ident $text:literal,)*) => {
        const NAMES: &[&str] = &[$($text),*];
        #[allow(missing_docs)] // Each is the type of its own name.
        impl ResourceType { $(pub const $name: Self = Self($number);)* }
    };
}

resource_types! {
    1 ACCOUNT "Account",
    2 ACTIVITY_DEFINITION "ActivityDefinition",
    3 ADVERSE_EVENT "AdverseEvent",
    4 ALLERGY_INTOLERANCE "AllergyIntolerance",
    5 APPOINTMENT "Appointment",
    6 APPOINTMENT_RESPONSE "AppointmentResponse",
    7 AUDIT_EVENT "AuditEvent",
    8 BASIC "Basic",
    9 BINARY "Binary",
    10 BIOLOGICALLY_DERIVED_PRODUCT "BiologicallyDerivedProduct",
    11 BODY_STRUCTURE "BodyStructure",
    12 BUNDLE "Bundle",
    13 CAPABILITY_STATEMENT "CapabilityStatement",
    14 CARE_PLAN "CarePlan",
    15 CARE_TEAM "CareTeam",
    16 CATALOG_ENTRY "CatalogEntry",
    17 CHARGE_ITEM "ChargeItem",
    18 CHARGE_ITEM_DEFINITION "ChargeItemDefinition",
    19 CLAIM "Claim",
    20 CLAIM_RESPONSE "ClaimResponse",
    21 CLINICAL_IMPRESSION "ClinicalImpression",
    22 CODE_SYSTEM "CodeSystem",
    23 COMMUNICATION "Communication",
    24 COMMUNICATION_REQUEST "CommunicationRequest",
    25 COMPARTMENT_DEFINITION "CompartmentDefinition",
    26 COMPOSITION "Composition",
    27 CONCEPT_MAP "ConceptMap",
    28 CONDITION "Condition",
    29 CONSENT "Consent",
    30 CONTRACT "Contract",
    31 COVERAGE "Coverage",
    32 COVERAGE_ELIGIBILITY_REQUEST "CoverageEligibilityRequest",
    33 COVERAGE_ELIGIBILITY_RESPONSE "CoverageEligibilityResponse",
    34 DETECTED_ISSUE "DetectedIssue",
    35 DEVICE "Device",
    36 DEVICE_DEFINITION "DeviceDefinition",
    37 DEVICE_METRIC "DeviceMetric",
    38 DEVICE_REQUEST "DeviceRequest",
    39 DEVICE_USE_STATEMENT "DeviceUseStatement",
    40 DIAGNOSTIC_REPORT "DiagnosticReport",
    41 DOCUMENT_MANIFEST "DocumentManifest",
    42 DOCUMENT_REFERENCE "DocumentReference",
    43 EFFECT_EVIDENCE_SYNTHESIS "EffectEvidenceSynthesis",
    44 ENCOUNTER "Encounter",
    45 ENDPOINT "Endpoint",
    46 ENROLLMENT_REQUEST "EnrollmentRequest",
    47 ENROLLMENT_RESPONSE "EnrollmentResponse",
    48 EPISODE_OF_CARE "EpisodeOfCare",
    49 EVENT_DEFINITION "EventDefinition",
    50 EVIDENCE "Evidence",
    51 EVIDENCE_VARIABLE "EvidenceVariable",
    52 EXAMPLE_SCENARIO "ExampleScenario",
    53 EXPLANATION_OF_BENEFIT "ExplanationOfBenefit",
    54 FAMILY_MEMBER_HISTORY "FamilyMemberHistory",
    55 FLAG "Flag",
    56 GOAL "Goal",
    57 GRAPH_DEFINITION "GraphDefinition",
    58 GROUP "Group",
    59 GUIDANCE_RESPONSE "GuidanceResponse",
    60 HEALTHCARE_SERVICE "HealthcareService",
    61 IMAGING_STUDY "ImagingStudy",
    62 IMMUNIZATION "Immunization",
    63 IMMUNIZATION_EVALUATION "ImmunizationEvaluation",
    64 IMMUNIZATION_RECOMMENDATION "ImmunizationRecommendation",
    65 IMPLEMENTATION_GUIDE "ImplementationGuide",
    66 INSURANCE_PLAN "InsurancePlan",
    67 INVOICE "Invoice",
    68 LIBRARY "Library",
    69 LINKAGE "Linkage",
    70 LIST "List",
    71 LOCATION "Location",
    72 MEASURE "Measure",
    73 MEASURE_REPORT "MeasureReport",
    74 MEDIA "Media",
    75 MEDICATION "Medication",
    76 MEDICATION_ADMINISTRATION "MedicationAdministration",
    77 MEDICATION_DISPENSE "MedicationDispense",
    78 MEDICATION_KNOWLEDGE "MedicationKnowledge",
    79 MEDICATION_REQUEST "MedicationRequest",
    80 MEDICATION_STATEMENT "MedicationStatement",
    81 MEDICINAL_PRODUCT "MedicinalProduct",
    82 MEDICINAL_PRODUCT_AUTHORIZATION "MedicinalProductAuthorization",
    83 MEDICINAL_PRODUCT_CONTRAINDICATION "MedicinalProductContraindication",
    84 MEDICINAL_PRODUCT_INDICATION "MedicinalProductIndication",
    85 MEDICINAL_PRODUCT_INGREDIENT "MedicinalProductIngredient",
    86 MEDICINAL_PRODUCT_INTERACTION "MedicinalProductInteraction",
    87 MEDICINAL_PRODUCT_MANUFACTURED "MedicinalProductManufactured",
    88 MEDICINAL_PRODUCT_PACKAGED "MedicinalProductPackaged",
    89 MEDICINAL_PRODUCT_PHARMACEUTICAL "MedicinalProductPharmaceutical",
    90 MEDICINAL_PRODUCT_UNDESIRABLE_EFFECT "MedicinalProductUndesirableEffect",
    91 MESSAGE_DEFINITION "MessageDefinition",
    92 MESSAGE_HEADER "MessageHeader",
    93 MOLECULAR_SEQUENCE "MolecularSequence",
    94 NAMING_SYSTEM "NamingSystem",
    95 NUTRITION_ORDER "NutritionOrder",
    96 OBSERVATION "Observation",
    97 OBSERVATION_DEFINITION "ObservationDefinition",
    98 OPERATION_DEFINITION "OperationDefinition",
    99 OPERATION_OUTCOME "OperationOutcome",
    100 ORGANIZATION "Organization",
    101 ORGANIZATION_AFFILIATION "OrganizationAffiliation",
    102 PARAMETERS "Parameters",
    103 PATIENT "Patient",
    104 PAYMENT_NOTICE "PaymentNotice",
    105 PAYMENT_RECONCILIATION "PaymentReconciliation",
    106 PERSON "Person",
    107 PLAN_DEFINITION "PlanDefinition",
    108 PRACTITIONER "Practitioner",
    109 PRACTITIONER_ROLE "PractitionerRole",
    110 PROCEDURE "Procedure",
    111 PROVENANCE "Provenance",
    112 QUESTIONNAIRE "Questionnaire",
    113 QUESTIONNAIRE_RESPONSE "QuestionnaireResponse",
    114 RELATED_PERSON "RelatedPerson",
    115 REQUEST_GROUP "RequestGroup",
    116 RESEARCH_DEFINITION "ResearchDefinition",
    117 RESEARCH_ELEMENT_DEFINITION "ResearchElementDefinition",
    118 RESEARCH_STUDY "ResearchStudy",
    119 RESEARCH_SUBJECT "ResearchSubject",
    120 RISK_ASSESSMENT "RiskAssessment",
    121 RISK_EVIDENCE_SYNTHESIS "RiskEvidenceSynthesis",
    122 SCHEDULE "Schedule",
    123 SEARCH_PARAMETER "SearchParameter",
    124 SERVICE_REQUEST "ServiceRequest",
    125 SLOT "Slot",
    126 SPECIMEN "Specimen",
    127 SPECIMEN_DEFINITION "SpecimenDefinition",
    128 STRUCTURE_DEFINITION "StructureDefinition",
    129 STRUCTURE_MAP "StructureMap",
    130 SUBSCRIPTION "Subscription",
    131 SUBSTANCE "Substance",
    132 SUBSTANCE_NUCLEIC_ACID "SubstanceNucleicAcid",
    133 SUBSTANCE_POLYMER "SubstancePolymer",
    134 SUBSTANCE_PROTEIN "SubstanceProtein",
    135 SUBSTANCE_REFERENCE_INFORMATION "SubstanceReferenceInformation",
    136 SUBSTANCE_SOURCE_MATERIAL "SubstanceSourceMaterial",
    137 SUBSTANCE_SPECIFICATION "SubstanceSpecification",
    138 SUPPLY_DELIVERY "SupplyDelivery",
    139 SUPPLY_REQUEST "SupplyRequest",
    140 TASK "Task",
    141 TERMINOLOGY_CAPABILITIES "TerminologyCapabilities",
    142 TEST_REPORT "TestReport",
    143 TEST_SCRIPT "TestScript",
    144 VALUE_SET "ValueSet",
    145 VERIFICATION_RESULT "VerificationResult",
    146 VISION_PRESCRIPTION "VisionPrescription",
}

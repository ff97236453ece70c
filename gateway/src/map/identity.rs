//! Who a message says its patient is: what matching works on.

/// One identifier of a patient as a message states it.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientIdentifier {
    /// The URI of the assigning authority.
    pub system: String,
    /// The number.
    pub value: String,
    /// Table 0203 (`MR`, `PI`, `SS` ...).
    pub kind: Option<String>,
    /// No authority was sent; the sender stands in for it.
    pub assumed: bool,
}

impl std::fmt::Debug for PatientIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PatientIdentifier({} characters)", self.value.len())
    }
}

/// The patient that a message is about.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PatientIdentity {
    /// All identifiers, the sender's own order.
    pub identifiers: Vec<PatientIdentifier>,
    /// Family name.
    pub family: Option<String>,
    /// Given names.
    pub given: Vec<String>,
    /// FHIR `date`, of the precision sent.
    pub birth: Option<String>,
    /// administrative-gender.
    pub sex: Option<&'static str>,
    /// Telephone numbers and the like.
    pub phones: Vec<String>,
    /// City or village.
    pub place: Option<String>,
}

impl std::fmt::Debug for PatientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PatientIdentity({} identifiers)", self.identifiers.len())
    }
}

impl PatientIdentity {
    /// Given names and family name as one text.
    pub fn name(&self) -> String {
        self.given.iter().chain(&self.family).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

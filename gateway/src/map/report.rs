//! What became of each field of a message: used, or listed here. Nothing is dropped without a line in this report.

/// A field or component that has no place in what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// Where it is, such as `PID-18` or `OBX[3]-17.2`.
    pub path: String,
    /// What it says, escapes resolved.
    pub value: String,
}

/// Something that a person may want to know about the mapping of one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it is; empty for the message as a whole.
    pub path: String,
    /// A short stable word for translation, such as `unknownCode`.
    pub code: &'static str,
    /// One sentence in English, without patient data.
    pub text: String,
}

/// The account of one mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingReport {
    /// Number of components that went into resources or into the decision about them.
    pub used: usize,
    /// Every component with content that did not.
    pub unmapped: Vec<Unmapped>,
    /// Codes that are in no table known here: kept as text with their original coding.
    pub unknown_codes: Vec<Unmapped>,
    /// Warnings, in the order in which they were met.
    pub warnings: Vec<Warning>,
}

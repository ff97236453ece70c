//! What a clinic adds to the map: codes of its peers, and places for the fields of their Z-segments (decision 0082).
//!
//! Both are data, checked as a whole when they are read ([`Maps::read`]); a message is mapped by values that are already
//! right. The clinic's codes go before ours. What no rule reads is reported as ever.

mod check;
mod read;
pub(super) mod zsegments;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::concepts::{self, Concept};

pub use check::{LONGEST_DOCUMENT, MOST_CONCEPTS, MOST_RULES};

/// Something in a document of maps that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFault {
    /// Where it stands, such as `zsegments[2].extension.url`; empty for the document as a whole.
    pub place: String,
    /// What is wrong and what would be right, in one sentence.
    pub reason: String,
}

/// A clinic's own maps. A clone is another handle to the same ones.
#[derive(Debug, Clone, Default)]
pub struct Maps(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By table, then by the sent code in small letters.
    tables: BTreeMap<String, BTreeMap<String, Target>>,
    rules: Vec<Rule>,
}

/// Where a code of the clinic's leads.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    system: String,
    code: String,
    /// Empty when there is none.
    display: String,
}

/// One rule for a field of a Z-segment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    segment: String,
    /// Field, component, sub-component; 0 for all of it.
    source: (u16, u16, u16),
    form: Form,
}

/// What a field becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// An extension of a resource of the message.
    Extension { resource: String, url: String, kind: Kind },
    /// An identifier of it.
    Identifier { resource: String, system: String },
    /// An Observation of its own.
    Observation { code: Target, kind: Kind, unit: Option<String> },
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Code,
    DateTime,
    Integer,
    Decimal,
    Boolean,
}

impl Kind {
    const ALL: [(&'static str, Self); 6] = [
        ("string", Self::String),
        ("code", Self::Code),
        ("dateTime", Self::DateTime),
        ("integer", Self::Integer),
        ("decimal", Self::Decimal),
        ("boolean", Self::Boolean),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| *name)
    }
}

impl Maps {
    /// The maps of a clinic that has none of its own.
    pub(super) fn none() -> &'static Self {
        static NONE: LazyLock<Maps> = LazyLock::new(Maps::default);
        &NONE
    }

    /// Whether the clinic has added nothing.
    pub fn is_empty(&self) -> bool {
        self.0.tables.is_empty() && self.0.rules.is_empty()
    }

    /// Where a code of one of our tables leads: by the clinic's entry, else by ours.
    pub(super) fn find(&self, table: &str, code: &str) -> Option<Concept<'_>> {
        self.own(table, code).or_else(|| concepts::find(table, code))
    }

    /// Where the clinic's own entry for a code of a table leads.
    pub(super) fn own(&self, table: &str, code: &str) -> Option<Concept<'_>> {
        let target = self.0.tables.get(table)?.get(&code.trim().to_lowercase())?;
        Some(target.concept())
    }

    /// Where the clinic's entry leads for a code of a coding system, as the sender names that (CWE-3).
    pub(super) fn of_system(&self, name: &str, code: &str) -> Option<Concept<'_>> {
        if self.0.tables.is_empty() {
            return None;
        }
        self.own(&system_table(name), code)
    }
}

impl Target {
    fn concept(&self) -> Concept<'_> {
        Concept { system: &self.system, code: &self.code, display: &self.display }
    }
}

/// The table of a coding system's codes: that of HL7 where it names one, else a table of its own.
fn system_table(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    match name.strip_prefix("HL7") {
        Some(digits) if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            format!("v2-{digits}")
        }
        _ => format!("system {name}"),
    }
}

//! What a query found, before it is written.

use clinicvault_gateway::emit::{Set, Told};
use clinicvault_gateway::json::{self, Limits, Value};
use sha2::{Digest, Sha256};

use crate::records::error::Error;
use crate::records::read::Stored;

/// A person who is told of.
pub(super) struct Hit {
    /// Logical id.
    pub id: String,
    /// The version that is told.
    pub version: u64,
    /// The Patient.
    pub patient: Value,
    /// Orders that are told with it.
    pub requests: Vec<Value>,
    /// Specimens that the orders name.
    pub specimens: Vec<Value>,
}

impl Hit {
    /// The patient of a stored version.
    pub fn of(stored: &Stored) -> Result<Self, Error> {
        let patient = json::parse(&stored.body, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged(format!("Patient record {}", stored.head.rid.0)))?;
        let (id, version) = (stored.head.id.clone(), stored.head.version);
        Ok(Self { id, version, patient, requests: Vec::new(), specimens: Vec::new() })
    }

    /// Takes one number out.
    pub fn forget(&mut self, system: Option<&str>, value: &str) {
        let all = self.patient.get_mut("identifier").and_then(Value::as_array_mut);
        if let Some(all) = all {
            all.retain(|one| one.str("system") != system || one.str("value") != Some(value));
        }
    }

    /// Whether there is a number of these systems, or any where none are named.
    pub fn has_numbers(&self, systems: &[String]) -> bool {
        let wanted = |system: Option<&str>| systems.iter().any(|one| Some(one.as_str()) == system);
        self.patient.items("identifier").iter().any(|one| systems.is_empty() || wanted(one.str("system")))
    }

    /// Its PID and orders.
    pub fn write_orders(&self, told: &mut Told<'_>) {
        let set = Set::new(self.specimens.iter());
        told.orders(&self.patient, &self.requests.iter().collect::<Vec<_>>(), &set);
    }
}

/// What a query found.
#[derive(Default)]
pub(super) struct Found {
    /// Who is told of.
    pub hits: Vec<Hit>,
    /// How many there are in all, where it is known.
    pub total: Option<u64>,
    /// How many were told before these; `None` when that is not known.
    pub before: Option<u64>,
    /// Where to go on.
    pub next: Option<String>,
    /// Only numbers of these systems are told; empty for all.
    pub domains: Vec<String>,
    /// Why they were found (table 0392).
    pub reasons: Vec<&'static str>,
}

impl Found {
    /// How many are left behind these.
    pub fn left(&self) -> Option<u64> {
        if self.hits.is_empty() {
            return None;
        }
        if self.next.is_none() {
            return Some(0);
        }
        let told = self.before?.saturating_add(self.hits.len() as u64);
        Some(self.total?.saturating_sub(told))
    }
}

/// What ties a continuation pointer to its query.
pub(super) fn mark(qpd: &[u8]) -> String {
    Sha256::digest(qpd).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A continuation pointer.
pub(super) fn pointer(mark: &str, cursor: &str) -> String {
    format!("{mark}.{cursor}")
}

/// The cursor of a pointer of this query.
pub(super) fn cursor<'p>(mark: &str, pointer: &'p str) -> Option<&'p str> {
    pointer.strip_prefix(mark)?.strip_prefix('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_belongs_to_its_query() {
        let (one, other) = (mark(b"QPD|a"), mark(b"QPD|b"));
        let made = pointer(&one, "cursor");
        assert_eq!(cursor(&one, &made), Some("cursor"));
        assert_eq!(cursor(&other, &made), None);
        assert_eq!(cursor(&one, &one), None);
    }
}

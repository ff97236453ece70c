//! Search terms in the vault's words. What the terms of a resource are is the gateway's knowledge; that the vault and
//! the gateway do not know each other is why they are carried over here.

use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_vault::{Term, TermRange};
use jiff::Timestamp;

/// All terms of a resource but `_lastUpdated`.
pub fn of(resource: &Resource, context: &Context) -> Vec<Term> {
    all(search::terms(resource, context))
}

/// Terms in the vault's words.
pub fn all(terms: Vec<search::Term>) -> Vec<Term> {
    terms.into_iter().map(term).collect()
}

/// The `_lastUpdated` term, known only inside the writer.
pub fn last_updated(at: Timestamp) -> Term {
    term(search::terms::last_updated(at))
}

/// A range for the vault; the condition that a range may carry stays with the caller.
pub fn range(range: &search::TermRange) -> TermRange {
    TermRange { param: range.param, low: range.low.clone(), high: range.high.clone() }
}

fn term(term: search::Term) -> Term {
    Term { param: term.param, value: term.value }
}

/// A stored term in the gateway's words, to check a condition on it.
pub fn back(term: Term) -> search::Term {
    search::Term { param: term.param, value: term.value }
}

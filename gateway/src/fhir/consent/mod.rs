//! Consents evaluated: what a patient's Consent (R4, Consent) denies or permits to one who asks.
//!
//! [`Rule::read`] takes an active Consent about privacy; [`Rule::denied`] and [`Rule::permitted`] answer with conditions on
//! a record's own search terms, so that a search can be kept to them and a single record be judged by them, with one
//! answer. Who the asker is, and what holds when no consent speaks, is left to the caller.
//!
//! A part of a rule that cannot be judged (an actor nobody knows, a code of an unknown system) counts against a careful
//! asker and for one that is not: see [`Asking::careful`].

mod compile;
mod read;

use jiff::Timestamp;

use super::datetime::Span;
use super::id::{LogicalId, ResourceType};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// `permit`, or a base policy of opting in.
    Permit,
    /// `deny`, or a base policy of opting out.
    Deny,
}

/// Whom a provision names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// The literal reference, such as `Practitioner/7`.
    pub reference: Option<String>,
    /// System and value of the logical reference.
    pub identifier: Option<(String, String)>,
}

/// A consent that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    patient: LogicalId,
    base: Option<Effect>,
    root: Provision,
}

/// A provision: within one list any entry fits, and every list that is there has to fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Provision {
    effect: Option<Effect>,
    period: Option<Span>,
    parties: Vec<Party>,
    actions: Vec<Code>,
    labels: Vec<Code>,
    purposes: Vec<Code>,
    classes: Vec<Code>,
    codes: Vec<Code>,
    data_period: Option<(Option<String>, Option<String>)>,
    data: Vec<Data>,
    /// Something that is not understood narrows it.
    unclear: bool,
    nested: Vec<Provision>,
}

/// A code; without one, only words that nobody can judge.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Code {
    system: Option<String>,
    code: Option<String>,
}

/// A record that a provision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Data {
    record: Option<(ResourceType, LogicalId)>,
    /// Only the record itself (`instance`), not what belongs to it.
    alone: bool,
}

/// Who asks, and for what.
pub struct Asking<'a> {
    /// Whether what cannot be judged counts against the asker: a deny that may fit does, a permit that may not fit does not.
    /// Otherwise the other way round.
    pub careful: bool,
    /// Purpose of use (HL7 v3 ActReason); none when it is not known.
    pub purpose: Option<&'a str>,
    /// What is done, in codes of `consentaction`: any of them fits.
    pub actions: &'a [&'a str],
    /// The time of the request.
    pub now: Timestamp,
    /// Whether a party is the asker; none when that is not known.
    pub is: &'a dyn Fn(&Party) -> Option<bool>,
}

impl Rule {
    /// The patient whose consent it is.
    pub fn patient(&self) -> &LogicalId {
        &self.patient
    }

    /// Everyone that it names.
    pub fn parties(&self) -> Vec<&Party> {
        let mut found = Vec::new();
        let mut open = vec![&self.root];
        while let Some(provision) = open.pop() {
            found.extend(&provision.parties);
            open.extend(&provision.nested);
        }
        found
    }
}

#[cfg(test)]
mod tests;

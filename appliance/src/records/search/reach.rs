//! What a caller may see of each type, as a condition that a search is kept to.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::params::{self, Asked};
use clinicvault_gateway::fhir::search::{Criterion, Node, Refers, TermRange};

use super::super::access::Op;
use super::super::sight::{Sight, contexts};

/// The rights of one caller, for every hop of a search.
pub struct Reaches(Sight);

impl Reaches {
    pub fn new(sight: Sight) -> Self {
        Self(sight)
    }

    /// What records of `kind` must fulfil to be seen in a search; none when nothing of the type may be.
    pub fn of(&self, kind: ResourceType) -> Option<Node> {
        let look = self.0.look(Op::Search, kind);
        let own = look.condition()?;
        if look.context(ResourceType::PATIENT).is_none() {
            return Some(own);
        }
        Some(Node::All(vec![own, self.context()]))
    }

    /// What a Binary must fulfil: it names no record whose rights hold for it, or one that may be seen.
    fn context(&self) -> Node {
        let number = params::SECURITY_CONTEXT;
        let none = Criterion {
            param: number,
            name: "securityContext:missing".to_owned(),
            alternatives: vec![TermRange::all(number)],
            negate: true,
        };
        let targets = contexts().filter_map(|kind| Some((kind, self.of(kind)?))).collect();
        let stored = vec![Asked { number, only: None }];
        let seen = Node::Refers(Refers { stored, name: "securityContext".to_owned(), targets });
        // A record of an older program may name one without a term that says so.
        if self.0.is_indexed() { Node::Any(vec![Node::Is(none), seen]) } else { seen }
    }
}

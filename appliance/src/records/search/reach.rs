//! What a caller may see of each type, as a condition that a search is kept to.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Node;

use super::super::access::Op;
use super::super::sight::{Reach, Sight};

/// The rights of one caller, for every hop of a search.
pub struct Reaches(Sight);

impl Reaches {
    pub fn new(sight: Sight) -> Self {
        Self(sight)
    }

    /// What records of `kind` must fulfil to be seen in a search; none when nothing of the type may be.
    pub fn of(&self, kind: ResourceType) -> Option<Node> {
        match self.0.look(Op::Search, kind).reach() {
            Reach::Nothing(_) => None,
            Reach::Everything => Some(Node::All(Vec::new())),
            Reach::Any(lists) => {
                Some(Node::Any(lists.iter().map(|list| Node::all(list.iter().cloned())).collect()))
            }
        }
    }
}

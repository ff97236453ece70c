//! ORC-12 and ORC-21 to 24: who orders, in whose name.

use crate::hl7::Segment;
use crate::json::Value;

use super::apply::Around;
use super::draft::Drafts;
use super::order::Orders;
use super::people::{self, Task};

impl<'a> Orders<'a, '_> {
    /// Who orders: the person, in the name of the facility of ORC-21 to 23 where one is sent.
    pub(super) fn orderer(
        &self,
        drafts: &mut Drafts,
        person: Value,
        orc: Option<Segment<'a>>,
        around: &Around<'a, '_>,
    ) -> Value {
        let Some(orc) = orc else { return people::role(self.scope, drafts, Task::Orderer, person, None) };
        around.add_to(drafts, person.str("reference"), orc, "ORC24");
        let facility = self.facility(drafts, orc, around);
        people::role(self.scope, drafts, Task::Orderer, person, facility)
    }

    /// ORC-21 to 23: the facility that orders.
    pub(super) fn facility(
        &self,
        drafts: &mut Drafts,
        orc: Segment<'a>,
        around: &Around<'a, '_>,
    ) -> Option<Value> {
        let named = self.book.field(orc, 21).reps();
        let facility = named.into_iter().find_map(|s| people::organization(self.scope, drafts, s))?;
        around.add_to(drafts, facility.str("reference"), orc, "ORC22");
        Some(facility)
    }
}

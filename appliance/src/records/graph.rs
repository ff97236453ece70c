//! What a GraphQL query is told of the store: reads and searches on behalf of one caller, each decided and each with its
//! line in the audit log like any other.
//!
//! Owns carrying the gateway's questions to `read` and `search`. What a query means is the gateway's part.

use std::rc::Rc;

use clinicvault_gateway::fhir::graphql::{Page, Source, Trouble};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::json::{self, Limits, Value};

use super::access::Op;
use super::error::Error;
use super::read::Stored;
use super::search::Asked;
use super::{Caller, Records};

/// The store as one caller sees it.
pub struct Graph<'a> {
    records: &'a Records,
    caller: &'a Caller,
    most_rows: usize,
    /// What failed, for the one who asked for the answer.
    failed: Option<Error>,
}

impl<'a> Graph<'a> {
    /// For a caller; searches answer at most `most_rows` at once.
    pub fn new(records: &'a Records, caller: &'a Caller, most_rows: usize) -> Self {
        Self { records, caller, most_rows, failed: None }
    }

    /// Why the store could not be read, after [`Trouble::Failed`].
    pub fn failed(self) -> Option<Error> {
        self.failed
    }

    fn tree(&mut self, stored: &Stored) -> Result<Rc<Value>, Trouble> {
        match json::parse(&stored.body, &Limits::bytes(usize::MAX)) {
            Ok(value) => Ok(Rc::new(value)),
            Err(_) => Err(self.fail(Error::Damaged(format!("record {}", stored.head.rid.0)))),
        }
    }

    fn fail(&mut self, error: Error) -> Trouble {
        self.failed = Some(error);
        Trouble::Failed
    }

    /// Whether the type as a whole is closed to the caller.
    fn is_closed(&self, kind: ResourceType) -> Result<bool, Error> {
        Ok(!self.records.sight(&self.caller.who)?.look(Op::Read, kind).gate().allowed())
    }
}

impl Source for Graph<'_> {
    /// A record that the caller may not see is not there; a type that is closed altogether is said to be so.
    fn read(&mut self, kind: ResourceType, id: &str) -> Result<Option<Rc<Value>>, Trouble> {
        match self.records.read(&self.caller.who, kind, id) {
            Ok(stored) => self.tree(&stored).map(Some),
            Err(Error::NotFound(_) | Error::Gone { .. }) => Ok(None),
            Err(Error::Refused(why)) => match self.is_closed(kind) {
                Ok(true) => Err(Trouble::Forbidden(why.to_string())),
                Ok(false) => Ok(None),
                Err(error) => Err(self.fail(error)),
            },
            Err(other) => Err(self.fail(other)),
        }
    }

    fn search(
        &mut self,
        kind: ResourceType,
        parameters: &[(String, String)],
        cursor: Option<&str>,
    ) -> Result<Page, Trouble> {
        let mut parameters = parameters.to_vec();
        if !parameters.iter().any(|(name, _)| name == "_count") {
            parameters.push(("_count".to_owned(), self.most_rows.to_string()));
        }
        let found = match cursor {
            Some(cursor) => self.records.next_page(self.caller, kind, cursor, self.most_rows),
            None => {
                let most_rows = self.most_rows;
                let asked = Asked { kind, parameters: &parameters, handling: Handling::Strict, most_rows };
                self.records.search(self.caller, &asked)
            }
        };
        let page = match found {
            Ok(page) => page,
            Err(Error::Refused(why)) => return Err(Trouble::Forbidden(why.to_string())),
            Err(Error::Unreadable(outcome) | Error::Broken(outcome)) => {
                return Err(Trouble::Unusable(outcome.to_string()));
            }
            Err(Error::NotFound(_)) => {
                return Err(Trouble::Unusable("the cursor leads to no page".to_owned()));
            }
            Err(other) => return Err(self.fail(other)),
        };
        let size = page.search.count.map_or(self.most_rows, |count| self.most_rows.min(count as usize));
        let mut rows = Vec::with_capacity(page.rows.len());
        for stored in &page.rows {
            rows.push(self.tree(stored)?);
        }
        Ok(Page { total: page.total, rows, size, next: page.next })
    }

    fn is_own_base(&self, base: &str) -> bool {
        self.caller.base.as_deref() == Some(base)
    }
}

//! Own search parameters that could not be evaluated for some records: a search by one says so, if the caller may see
//! such a record.

use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::search::own;
use clinicvault_vault::Dir;

use super::super::error::Error;
use super::page::Part;
use super::view::View;

impl View<'_> {
    /// A warning when a search asks for what is not known of every record.
    pub fn undecided(&self, parts: &[Part]) -> Result<Option<Issue>, Error> {
        let mut asked: Vec<_> = parts.iter().flat_map(|part| part.search.unsure(self.context)).collect();
        asked.sort_unstable();
        asked.dedup();
        for (kind, number) in asked {
            let Some(reach) = self.reach(kind) else { continue };
            let range = own::undecided(number);
            for row in self.scan(kind, &range, Dir::Ascending, None)? {
                if self.stands(kind, row?.1, &reach)? {
                    let text = "A search parameter of this search could not be evaluated for some records, or has more \
                                values or words there than are kept; whether those records belong to this answer is not known.";
                    return Ok(Some(Issue::warning(IssueCode::Incomplete, text)));
                }
            }
        }
        self.refund();
        Ok(None)
    }
}

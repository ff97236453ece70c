//! Entries of a batch stand apart: one that refers to what another is to create cannot be carried out, since which record
//! that will be is known to nobody but the other (R4, http.html#transaction: such references are not conformant).

use std::collections::BTreeSet;

use super::links::reference_texts;
use super::{Bundle, Method};
use crate::fhir::outcome::{Issue, IssueCode, Outcome};

/// Moves entries that refer to the `fullUrl` of a POST of the same batch to those that are refused.
pub fn set_apart(bundle: &mut Bundle) {
    let created = bundle.entries.iter().filter(|entry| entry.method == Method::Post);
    let created: BTreeSet<String> = created.filter_map(|entry| entry.full_url.clone()).collect();
    if created.is_empty() {
        return;
    }
    let refused = &mut bundle.refused;
    bundle.entries.retain(|entry| {
        let found = entry.resource.iter().flat_map(reference_texts).filter(|(_, text)| created.contains(text));
        let issues: Vec<Issue> = found
            .map(|(place, _)| {
                let inner = place.split_once('.').map_or("", |(_, inner)| inner);
                let text = "Entries of a batch do not know one another: what this refers to has no id yet. Send a \
                            transaction, or create that record first.";
                let place = format!("{}.resource.{inner}", entry.expression());
                Issue::error(IssueCode::Invalid, text).at(place)
            })
            .collect();
        if issues.is_empty() {
            return true;
        }
        refused.push((entry.index, Outcome::of(issues)));
        false
    });
}

//! Records that come along with a page: what it refers to (`_include`) and what refers to it (`_revinclude`).
//!
//! Each comes once, none that is on the page itself, none that the caller may not see. Their number is bounded; what was
//! left out is said.

use std::collections::HashSet;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::search::{Include, reference};
use clinicvault_vault::{Dir, Rid};

use super::super::error::Error;
use super::holds::pointing_at;
use super::view::View;

/// A record with its type.
pub type Found = (ResourceType, Rid);

struct Walk<'a, 'v> {
    view: &'a View<'v>,
    seen: HashSet<Rid>,
    out: Vec<Found>,
    full: bool,
}

impl View<'_> {
    /// What comes along with `page`, and a warning when something was left out.
    pub fn included(
        &self,
        page: &[Found],
        includes: &[Include],
    ) -> Result<(Vec<Found>, Option<Issue>), Error> {
        self.refund();
        let seen = page.iter().map(|(_, rid)| *rid).collect();
        let mut walk = Walk { view: self, seen, out: Vec::new(), full: false };
        let mut wave = page.to_vec();
        let mut first = true;
        while !wave.is_empty() && !walk.full {
            let from = walk.out.len();
            for (kind, rid) in wave {
                for include in includes.iter().filter(|include| first || include.iterate) {
                    walk.follow(kind, rid, include)?;
                }
            }
            first = false;
            wave = walk.out.get(from..).unwrap_or_default().to_vec();
        }
        let warning = walk.full.then(|| {
            let text = format!(
                "Not all records that were to be included are here: at most {} come with a page, and finding them \
                 is bounded (limits.included, limits.search_rows). Ask for fewer rows with _count.",
                self.bounds.included
            );
            Issue { severity: Severity::Warning, ..Issue::error(IssueCode::TooCostly, text) }
        });
        Ok((walk.out, warning))
    }
}

impl Walk<'_, '_> {
    fn follow(&mut self, kind: ResourceType, rid: Rid, include: &Include) -> Result<(), Error> {
        if self.full {
            return Ok(());
        }
        if include.reverse {
            if include.target.is_none_or(|target| target == kind) {
                self.backwards(kind, rid, include)?;
            }
        } else if include.follows(kind) {
            self.forwards(kind, rid, include)?;
        }
        Ok(())
    }

    fn forwards(&mut self, kind: ResourceType, rid: Rid, include: &Include) -> Result<(), Error> {
        let own = self.view.terms(rid)?;
        let wanted = |kind: ResourceType| include.target.is_none_or(|target| target == kind);
        for param in include.params(kind, self.view.context) {
            for asked in param.stored() {
                for term in own.iter().filter(|term| term.param == asked.number) {
                    if let Some((target, id)) = reference::record_of(&term.value) {
                        if wanted(target)
                            && asked.counts(target)
                            && let Some(rid) = self.view.find(target, id)?
                        {
                            self.take(target, rid)?;
                        }
                    } else if let Some(url) = reference::uri_of(&term.value) {
                        for target in param.targets().into_iter().filter(|target| wanted(*target)) {
                            for rid in self.view.canonical(target, url)? {
                                self.take(target, rid)?;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn backwards(&mut self, kind: ResourceType, rid: Rid, include: &Include) -> Result<(), Error> {
        let own = self.view.terms(rid)?;
        let sources: Vec<ResourceType> = match include.source {
            Some(source) => vec![source],
            None => ResourceType::all().collect(),
        };
        for source in sources.into_iter().filter(|source| self.view.reach(*source).is_some()) {
            for range in pointing_at(kind, &own, &include.stored(source, self.view.context)) {
                for row in self.view.scan(source, &range, Dir::Ascending, None)? {
                    self.take(source, row?.1)?;
                    if self.full {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: ResourceType, rid: Rid) -> Result<(), Error> {
        if self.full || self.seen.contains(&rid) {
            return Ok(());
        }
        let Some(reach) = self.view.reach(kind) else { return Ok(()) };
        if !self.view.stands(kind, rid, &reach)? {
            return Ok(());
        }
        if self.out.len() >= self.view.bounds.included || self.view.is_tired() {
            self.full = true;
            return Ok(());
        }
        self.seen.insert(rid);
        self.out.push((kind, rid));
        Ok(())
    }
}

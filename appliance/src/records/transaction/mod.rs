//! Transactions: all entries or none, in one unit of work (fhir-server reference, section 6).
//!
//! `plan` turns entries into steps and the conditions they depend on; `build` gives ids, rewrites references, checks
//! and seals; `carry` writes. Building is done before the writer, on what a snapshot says about the conditions. The
//! writer looks at the conditions again and, if one has changed, builds anew from the same entries.

mod build;
mod carry;
mod plan;

use std::sync::Arc;

use clinicvault_gateway::fhir::bundle::{Answer, Bundle};
use clinicvault_gateway::fhir::search::Context;
use clinicvault_vault::Tx;

use super::error::Error;
use super::unit::Work;
use super::{Caller, Records};
use plan::Plan;

/// How a transaction is taken.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether a reference to a record of this box must lead somewhere.
    pub check_references: bool,
    /// Whether answers carry the stored resource.
    pub representation: bool,
    /// Whether an entry that breaks a rule is left out and answered with its problems, instead of undoing everything.
    /// For imports, where nine hundred good records must not wait for one bad one.
    pub skip_broken: bool,
}

impl Records {
    /// Carries out a transaction; answers stand in the order of the entries. Searches and histories among the entries
    /// are not carried out here: their answers are left empty for the caller, who sees the committed state.
    pub async fn transaction(
        &self,
        from: &Caller,
        bundle: Bundle,
        rules: Rules,
    ) -> Result<(Vec<Answer>, Tx), Error> {
        self.transaction_and(from, bundle, rules, |_, _| Ok(())).await
    }

    /// The same, with more work in the same unit: what a message or an import remembers of having been applied.
    pub async fn transaction_and<F>(
        &self,
        from: &Caller,
        bundle: Bundle,
        rules: Rules,
        and: F,
    ) -> Result<(Vec<Answer>, Tx), Error>
    where
        F: FnOnce(&mut Work<'_, '_>, &[Answer]) -> Result<(), Error> + Send + 'static,
    {
        let job = self.prepare(from, bundle, rules)?;
        self.unit(from.who.clone(), move |work| {
            let answers = job.run(work)?;
            and(work, &answers)?;
            Ok(answers)
        })
        .await
    }

    /// Everything of a transaction that can be done before the writer. Long for a long bundle: not for the threads
    /// that serve everybody.
    pub fn prepare(&self, from: &Caller, bundle: Bundle, rules: Rules) -> Result<Job, Error> {
        let context = self.context(from);
        let plan = plan::plan(self, from, bundle, rules, &context)?;
        let sight = self.sight(&from.who)?;
        let resolved = plan.resolve(&self.vault().snapshot()?, &sight)?;
        let built = build::build(&plan, &resolved, &sight, &context)?;
        Ok(Job { plan: Arc::new(plan), resolved, built, context })
    }
}

/// A transaction that is ready for the writer.
pub struct Job {
    plan: Arc<Plan>,
    resolved: Vec<plan::Found>,
    built: Vec<build::Built>,
    context: Context,
}

impl Job {
    /// Writes everything inside a unit of work.
    pub fn run(self, work: &mut Work<'_, '_>) -> Result<Vec<Answer>, Error> {
        let sight = work.sight().clone();
        let now = self.plan.resolve(work.unit(), &sight)?;
        let built = if now == self.resolved {
            self.built
        } else {
            build::build(&self.plan, &now, &sight, &self.context)?
        };
        carry::carry(work, &self.plan, built, &self.context)
    }
}

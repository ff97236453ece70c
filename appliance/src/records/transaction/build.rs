//! Steps become sealed records: ids are given, references rewritten, rules and rights checked.

use std::collections::{BTreeSet, HashSet};

use clinicvault_gateway::fhir::bundle::{Links, references};
use clinicvault_gateway::fhir::id::{LogicalId, Reference, ResourceType};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::patch::Patch;
use clinicvault_gateway::fhir::resource::Resource;
use clinicvault_gateway::fhir::search::{self, Context};
use clinicvault_gateway::json::{Limits, Value};

use super::super::access::Op;
use super::super::error::Error;
use super::super::matching;
use super::super::sight::Sight;
use super::super::write::{Draft, Sealed};
use super::plan::{Condition, Found, Plan, Step, What, Whom};

/// Most problems that one refused transaction lists.
const MOST_ISSUES: usize = 100;

/// What a step came to.
pub enum Built {
    /// Write this record.
    Put {
        sealed: Box<Sealed>,
        local: Vec<(String, ResourceType, LogicalId)>,
        /// Whether its condition named none: then no record may stand under its id.
        unmatched: bool,
    },
    /// Patch this one; none when a condition named none.
    Patch {
        id: Option<LogicalId>,
        patch: Box<Patch>,
        /// References in it that lead nowhere; told after a stale tag.
        broken: Vec<Issue>,
    },
    /// A conditional create found this one; nothing is written.
    Standing(LogicalId),
    /// Delete this one; none when a condition named none.
    Remove(Option<LogicalId>),
    /// Left out, for these problems.
    Broken(Outcome),
    /// Nothing to build.
    Nothing,
}

/// Builds every step. `found` answers the plan's conditions.
pub fn build(plan: &Plan, found: &[Found], sight: &Sight, context: &Context) -> Result<Vec<Built>, Error> {
    let ids: Vec<Option<(LogicalId, bool)>> = plan.steps.iter().map(|step| id_of(step, found)).collect();
    refuse_repeated(plan, &ids)?;
    let mut links = Links::new(&context.bases);
    for (step, id) in plan.steps.iter().zip(&ids) {
        if let (Some(url), Some((id, _))) = (&step.full_url, id) {
            links.add(url, step.kind, id);
        }
    }
    for (condition, found) in plan.conditions.iter().zip(found) {
        if let Some(text) = &condition.reference {
            let id = referred(plan, condition, found.as_ref(), &ids, &links, context)?;
            links.add(text, condition.kind, &id);
        }
    }
    let mut issues = Vec::new();
    let mut built = Vec::with_capacity(plan.steps.len());
    for (step, id) in plan.steps.iter().zip(&ids) {
        match build_one(step, id.as_ref(), found, plan, &links, sight, context) {
            Ok(one) => built.push(one),
            Err(Error::Broken(outcome) | Error::Unreadable(outcome)) if plan.rules.skip_broken => {
                built.push(Built::Broken(outcome));
            }
            // Every broken rule of every entry is told at once, like every broken rule of one resource.
            Err(Error::Broken(outcome)) => issues.extend(outcome.issues),
            Err(other) => return Err(other),
        }
    }
    if issues.is_empty() {
        return Ok(built);
    }
    issues.truncate(MOST_ISSUES);
    Err(Error::Broken(Outcome::of(issues)))
}

/// The id of what a step writes or deletes, and whether it already stands (conditional create).
fn id_of(step: &Step, found: &[Found]) -> Option<(LogicalId, bool)> {
    let hit = |condition: usize| found.get(condition).cloned().flatten();
    match &step.what {
        What::Create { fresh, unless, .. } => match unless.and_then(hit) {
            Some(id) => Some((id, true)),
            None => Some((fresh.clone(), false)),
        },
        What::Update { whom, .. } => Some(match whom {
            Whom::Named(id) => (id.clone(), false),
            Whom::Matching { condition, fresh, .. } => {
                (hit(*condition).unwrap_or_else(|| fresh.clone()), false)
            }
        }),
        What::Delete { whom, .. } | What::Patch { whom, .. } => match whom {
            Whom::Named(id) => Some((id.clone(), false)),
            Whom::Matching { condition, .. } => hit(*condition).map(|id| (id, false)),
        },
        What::Read { .. } | What::Later => None,
    }
}

/// Two entries may not change one record, however they name it.
fn refuse_repeated(plan: &Plan, ids: &[Option<(LogicalId, bool)>]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for (step, id) in plan.steps.iter().zip(ids) {
        let Some((id, false)) = id else { continue };
        if !seen.insert((step.kind, id)) {
            let message = format!("Another entry of the transaction changes {}/{id} too.", step.kind);
            let issue =
                Issue::error(IssueCode::Duplicate, message).at(format!("Bundle.entry[{}]", step.index));
            return Err(Error::Unreadable(issue.into()));
        }
    }
    Ok(())
}

/// The record that a conditional reference names: one that stands and is not touched here, or one written here.
fn referred(
    plan: &Plan,
    condition: &Condition,
    standing: Option<&LogicalId>,
    ids: &[Option<(LogicalId, bool)>],
    links: &Links,
    context: &Context,
) -> Result<LogicalId, Error> {
    let touched = |id: &LogicalId| {
        plan.steps.iter().zip(ids).any(|(step, own)| {
            // What a patch makes of a record is known only inside the writer; it is taken as it stands.
            let changed = !matches!(step.what, What::Patch { .. });
            changed
                && step.kind == condition.kind
                && own.as_ref().is_some_and(|(own, stands)| own == id && !stands)
        })
    };
    refuse_unsettled(plan, condition, ids)?;
    let mut hits: Vec<LogicalId> = standing.filter(|id| !touched(id)).cloned().into_iter().collect();
    for (step, id) in plan.steps.iter().zip(ids) {
        let (What::Create { resource, .. } | What::Update { resource, .. }) = &step.what else { continue };
        let Some((id, false)) = id else { continue };
        if step.kind != condition.kind {
            continue;
        }
        match will_match(resource, step, id, condition, links, context) {
            Some(true) => hits.push(id.clone()),
            Some(false) => {}
            None => return Err(unsettled(condition, step)),
        }
    }
    match hits.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let issue = Issue::error(IssueCode::NotFound, "No record matches this conditional reference.");
            Err(Error::Precondition(issue.at(condition.place.clone()).into()))
        }
        _ => Err(matching::several().within(&condition.place)),
    }
}

/// What stands at the other end of a link is decided before the transaction; what the transaction itself makes of it cannot
/// be followed, because references in it may hang on this very condition.
fn refuse_unsettled(
    plan: &Plan,
    condition: &Condition,
    ids: &[Option<(LogicalId, bool)>],
) -> Result<(), Error> {
    let mut through = BTreeSet::new();
    condition.search.further.iter().for_each(|node| node.linked(&mut through));
    let written =
        plan.steps.iter().zip(ids).find(|(step, id)| {
            through.contains(&step.kind) && id.as_ref().is_some_and(|(_, stands)| !stands)
        });
    written.map_or(Ok(()), |(step, _)| Err(unsettled(condition, step)))
}

fn unsettled(condition: &Condition, step: &Step) -> Error {
    let text = format!(
        "This conditional reference follows links, and Bundle.entry[{}] writes a {} that may be at one of their ends: \
         which record is meant would hang on the transaction itself. Refer to what it writes by its fullUrl, or send \
         that before.",
        step.index, step.kind
    );
    Error::Unreadable(Issue::error(IssueCode::NotSupported, text).at(condition.place.clone()).into())
}

/// Whether what a step writes fulfils the condition; none where a link would have to be followed.
fn will_match(
    resource: &Value,
    step: &Step,
    id: &LogicalId,
    condition: &Condition,
    links: &Links,
    context: &Context,
) -> Option<bool> {
    let mut resource = resource.clone();
    links.rewrite(&mut resource, step.full_url.as_deref());
    // A resource that breaks a rule is refused with all its problems a little later.
    let Ok(mut resource) = Resource::from_value(resource) else { return Some(false) };
    resource.set_id(id);
    let own = search::terms(&resource, context);
    let mut decided = Some(condition.search.matches(&own));
    for node in &condition.search.further {
        match (decided, node.holds(&own)) {
            (Some(false), _) | (_, Some(false)) => return Some(false),
            (_, None) => decided = None,
            (_, Some(true)) => {}
        }
    }
    decided
}

fn build_one(
    step: &Step,
    id: Option<&(LogicalId, bool)>,
    found: &[Found],
    plan: &Plan,
    links: &Links,
    sight: &Sight,
    context: &Context,
) -> Result<Built, Error> {
    let (resource, op) = match (&step.what, id) {
        (What::Create { .. }, Some((id, true))) => return Ok(Built::Standing(id.clone())),
        (What::Create { resource, .. }, _) => (resource, Op::Create),
        (What::Update { resource, .. }, _) => (resource, Op::Update),
        (What::Delete { .. }, id) => return Ok(Built::Remove(id.map(|(id, _)| id.clone()))),
        (What::Patch { patch, .. }, id) => {
            let (patch, broken) = linked(patch, step, links)
                .map_err(|error| error.within(&format!("Bundle.entry[{}].resource", step.index)))?;
            return Ok(Built::Patch { id: id.map(|(id, _)| id.clone()), patch: Box::new(patch), broken });
        }
        (What::Read { .. } | What::Later, _) => return Ok(Built::Nothing),
    };
    let Some((id, _)) = id else { return Ok(Built::Nothing) };
    let place = format!("Bundle.entry[{}].resource", step.index);
    let unmatched = match &step.what {
        What::Update { whom: Whom::Matching { condition, fresh, stated }, .. } => {
            if *stated && id != fresh {
                let message = "The id in the body differs from that of the record that matches.";
                let issue = Issue::error(IssueCode::Invalid, message).at(format!("{place}.id"));
                return Err(Error::Unreadable(issue.into()));
            }
            found.get(*condition).is_none_or(Option::is_none)
        }
        _ => false,
    };
    let mut resource = resource.clone();
    let broken = links.rewrite(&mut resource, step.full_url.as_deref());
    if !broken.is_empty() {
        return Err(Error::Broken(Outcome::of(broken)).within(&place));
    }
    let local = if plan.rules.check_references { local(&resource, context, &place) } else { Vec::new() };
    let checked = Draft::of(resource)
        .and_then(|draft| draft.check(&plan.checks))
        .map_err(|error| error.within(&place))?;
    let sealed = checked.seal(id, context);
    sealed.decide(sight, op).check()?;
    Ok(Built::Put { sealed: Box::new(sealed), local, unmatched })
}

/// A patch with the references that it brings rewritten, and those that lead nowhere; what is stored stays as it is.
fn linked(patch: &Value, step: &Step, links: &Links) -> Result<(Patch, Vec<Issue>), Error> {
    let (mut patch, full_url) = (patch.clone(), step.full_url.as_deref());
    let mut broken = links.rewrite(&mut patch, full_url);
    let mut patch = Patch::of_entry(&patch, &Limits::default())?;
    broken.extend(patch.rewrite(step.kind, links, full_url));
    Ok((patch, broken))
}

/// References to records of this box, with their places.
pub fn local(resource: &Value, context: &Context, place: &str) -> Vec<(String, ResourceType, LogicalId)> {
    let bases: Vec<&str> = context.bases.iter().map(String::as_str).collect();
    let each = references(resource).into_iter().filter_map(|(expression, reference)| match &reference {
        Reference::Record { .. } => {
            let (kind, id) = reference.local(&bases)?;
            let rest = expression.split_once('.').map_or("", |(_, rest)| rest);
            Some((format!("{place}.{rest}"), kind, id.clone()))
        }
        Reference::Fragment(_) | Reference::Conditional { .. } | Reference::Uri(_) => None,
    });
    each.collect()
}

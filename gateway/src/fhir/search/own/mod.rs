//! The clinic's own search parameters: SearchParameter resources that are in use.
//!
//! `definition` reads and judges a resource, `values` evaluates its expressions for a record; here stands which
//! parameters there are, under which numbers, and from when on each knows every record. Keeping them and indexing what
//! was there before is left to the store.

mod definition;
mod values;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};

use super::params::{Component, OWN, OWN_END, Param, ParamType, UNDECIDED};
use super::{Term, TermRange};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::fhirpath::Expression;

pub use definition::{Definition, Part};
pub(super) use values::terms;
pub use values::{MOST_IN_ALL, MOST_STEPS, MOST_VALUES};

/// One parameter in use.
#[derive(Debug)]
pub struct OwnParam {
    /// What queries need to know of it.
    pub param: Param,
    /// What it was made of.
    pub definition: Definition,
    /// The transaction since which every record has its terms; none while they are still being made.
    pub since: Option<u64>,
    kinds: Vec<ResourceType>,
    expression: Expression,
    parts: Vec<Expression>,
}

impl OwnParam {
    /// A parameter under its number.
    ///
    /// # Errors
    /// The [`Issue`] of an expression that does not parse.
    pub fn new(definition: Definition, number: u16, since: Option<u64>) -> Result<Self, Issue> {
        let expression = definition::expression(&definition.expression, "SearchParameter.expression")?;
        let mut parts = Vec::with_capacity(definition.parts.len());
        for (n, part) in definition.parts.iter().enumerate() {
            let place = format!("SearchParameter.component[{n}].expression");
            parts.push(definition::expression(&part.expression, &place)?);
        }
        let component = |part: &Part| Component {
            code: part.code.clone().into(),
            kind: part.kind,
            targets: part.targets.clone(),
            paths: Vec::new(),
        };
        let param = Param {
            number,
            code: definition.code.clone().into(),
            kind: definition.kind,
            paths: Vec::new(),
            asks: Vec::new(),
            root: Vec::new(),
            components: definition.parts.iter().map(component).collect(),
            targets: definition.targets.clone(),
        };
        let kinds = definition.kinds();
        Ok(Self { param, definition, since, kinds, expression, parts })
    }

    /// The types that have it.
    pub fn kinds(&self) -> &[ResourceType] {
        &self.kinds
    }
}

/// All of them, as of one state of the store.
#[derive(Debug, Default)]
pub struct Own {
    epoch: u64,
    params: Arc<Vec<OwnParam>>,
    by_kind: Arc<HashMap<ResourceType, Vec<usize>>>,
    percent: Arc<AtomicU8>,
    at: Option<u64>,
}

static NONE: LazyLock<Arc<Own>> = LazyLock::new(Arc::default);

/// No own parameters.
pub(super) fn none() -> Arc<Own> {
    NONE.clone()
}

impl Own {
    /// Those of a state, which `epoch` names; `percent` says how far the records are indexed by those that are new.
    pub fn new(epoch: u64, params: Vec<OwnParam>, percent: Arc<AtomicU8>) -> Self {
        let mut by_kind: HashMap<ResourceType, Vec<usize>> = HashMap::new();
        for (at, own) in params.iter().enumerate() {
            for kind in &own.kinds {
                by_kind.entry(*kind).or_default().push(at);
            }
        }
        Self { epoch, params: Arc::new(params), by_kind: Arc::new(by_kind), percent, at: None }
    }

    /// Which state it is.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The same for a search that is answered as of a transaction: what knows every record only since a later one
    /// cannot be asked.
    #[must_use]
    pub fn as_of(&self, at: u64) -> Self {
        Self {
            epoch: self.epoch,
            params: self.params.clone(),
            by_kind: self.by_kind.clone(),
            percent: self.percent.clone(),
            at: Some(at),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[OwnParam] {
        &self.params
    }

    /// Those of a type.
    pub fn of(&self, kind: ResourceType) -> impl Iterator<Item = &OwnParam> {
        let places = self.by_kind.get(&kind).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|at| self.params.get(*at))
    }

    /// Those of a type that can be asked.
    pub fn ready(&self, kind: ResourceType) -> impl Iterator<Item = &Param> {
        self.of(kind).filter(|own| self.knows_all(own)).map(|own| &own.param)
    }

    /// The one of a type with this name.
    ///
    /// # Errors
    /// An [`Issue`] (`transient`) while records are still being indexed by it, or (`deleted`) when the search is as of
    /// a transaction before that was done.
    pub fn find(&self, kind: ResourceType, code: &str) -> Result<Option<&Param>, Issue> {
        let Some(own) = self.of(kind).find(|own| own.param.code == code) else { return Ok(None) };
        if self.knows_all(own) { Ok(Some(&own.param)) } else { Err(self.refusal(own, kind)) }
    }

    /// Whether all references of a type, or of every type, can be followed.
    ///
    /// # Errors
    /// As [`Own::find`].
    pub fn references_are_ready(&self, kind: Option<ResourceType>) -> Result<(), Issue> {
        let concerned = |own: &&OwnParam| {
            own.param.kind == ParamType::Reference && kind.is_none_or(|kind| own.kinds.contains(&kind))
        };
        let open = self.params.iter().filter(concerned).find(|own| !self.knows_all(own));
        let first = open.and_then(|own| Some((own, kind.or(own.kinds.first().copied())?)));
        first.map_or(Ok(()), |(own, kind)| Err(self.refusal(own, kind)))
    }

    fn refusal(&self, own: &OwnParam, kind: ResourceType) -> Issue {
        let code = &own.param.code;
        match own.since {
            None => Issue::error(
                IssueCode::Transient,
                format!(
                    "The search parameter \"{code}\" of {kind} is new or was changed, and the records of the box are \
                     being indexed by it (about {} % are); ask again when that is done.",
                    self.percent.load(Ordering::Relaxed)
                ),
            ),
            Some(_) => Issue::error(
                IssueCode::Deleted,
                format!(
                    "The search parameter \"{code}\" of {kind} was changed after this search began; search again."
                ),
            ),
        }
    }

    /// What `_include` takes on a type: `Type:code` of the references that can be asked.
    pub fn forwards(&self, kind: ResourceType) -> Vec<String> {
        self.references(|own| own.kinds.contains(&kind))
            .map(|own| format!("{kind}:{}", own.param.code))
            .collect()
    }

    /// What `_revinclude` takes on a type, as far as the references name it as a target.
    pub fn backwards(&self, kind: ResourceType) -> Vec<String> {
        let named = self.references(|own| own.param.targets.contains(&kind));
        named.flat_map(|own| own.kinds.iter().map(|source| format!("{source}:{}", own.param.code))).collect()
    }

    fn references(&self, which: impl Fn(&OwnParam) -> bool) -> impl Iterator<Item = &OwnParam> {
        let all = self.params.iter().filter(|own| own.param.kind == ParamType::Reference);
        all.filter(move |own| self.knows_all(own) && which(own))
    }

    fn knows_all(&self, own: &OwnParam) -> bool {
        own.since.is_some_and(|since| self.at.is_none_or(|at| since <= at))
    }
}

/// Whether a number is that of an own parameter, of now or of before.
pub const fn is_own(number: u16) -> bool {
    number >= OWN && number < OWN_END
}

/// The records of a type that a parameter could not be evaluated for.
pub fn undecided(number: u16) -> TermRange {
    TermRange::prefix(UNDECIDED, number.to_be_bytes().to_vec())
}

/// The terms of a record that was indexed before, with those of the own parameters made anew. References to own records
/// by absolute address are known by the terms of the standard's parameters, which were made when the record came.
pub fn renewed(
    resource: &crate::fhir::resource::Resource,
    context: &super::Context,
    old: &[Term],
) -> Vec<Term> {
    let mut out = without(old);
    let mut context = context.clone();
    context.bases.extend(values::bases(resource.json(), &out));
    terms(resource, &context, &mut out);
    out.sort_unstable();
    out.dedup();
    out
}

/// The terms of a record that cannot be read: it keeps those of the standard, and no own parameter is decided.
pub fn unreadable(kind: ResourceType, context: &super::Context, old: &[Term]) -> Vec<Term> {
    let mut out = without(old);
    out.extend(context.own.of(kind).map(|own| undecided_by(own.param.number)));
    out.sort_unstable();
    out.dedup();
    out
}

fn without(old: &[Term]) -> Vec<Term> {
    let of_own = |term: &&Term| {
        let number = term.value.first_chunk::<2>().map(|number| u16::from_be_bytes(*number));
        is_own(term.param) || (term.param == UNDECIDED && number.is_some_and(is_own))
    };
    old.iter().filter(|term| !of_own(term)).cloned().collect()
}

pub(super) fn undecided_by(number: u16) -> Term {
    Term { param: UNDECIDED, value: number.to_be_bytes().to_vec() }
}

#[cfg(test)]
mod tests;

//! Whether a change concerns a subscription: its criteria as parsed queries, held against the terms of one record.
//!
//! Nothing else is looked at than the record itself, so criteria that follow links (chains, `_has`, `_list`) are
//! refused: whether they hold may change without the record changing.

use super::topic::{Topic, Trigger};
use super::wish::Criteria;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::search::query::{self, Handling};
use crate::fhir::search::{Context, Node, Term};

/// What was done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interaction {
    /// It came into being, or back after a delete.
    Create,
    /// It got a new version.
    Update,
    /// It was deleted.
    Delete,
}

impl Interaction {
    /// The code of a SubscriptionTopic.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The member of a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete].into_iter().find(|one| one.as_str() == code)
    }
}

/// A change of one record.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Its type.
    pub kind: ResourceType,
    /// What was done.
    pub interaction: Interaction,
    /// The terms of the version that was written; none of a delete.
    pub current: Option<&'a [Term]>,
    /// Those of the version before; none when there was none, or it was a delete.
    pub previous: Option<&'a [Term]>,
}

/// The criteria of one subscription, ready to be asked.
#[derive(Debug, Clone)]
pub struct Watch {
    triggers: Vec<Compiled>,
    own: Option<u64>,
}

#[derive(Debug, Clone)]
struct Compiled {
    kind: ResourceType,
    on: Vec<Interaction>,
    previous: Option<Node>,
    create_passes: bool,
    current: Option<Node>,
    delete_passes: bool,
    both: bool,
    /// What the subscriber asks besides; for a delete of the version before it.
    filter: Node,
}

impl Watch {
    /// Prepares criteria. `topic` finds a topic by its canonical address.
    ///
    /// # Errors
    /// What is not understood or not served, with its place in the Subscription.
    pub fn new(
        criteria: &Criteria,
        context: &Context,
        topic: impl FnOnce(&str) -> Option<Topic>,
    ) -> Result<Self, Outcome> {
        match criteria {
            Criteria::Query(text) => {
                let (kind, condition) =
                    typed(text, context).map_err(|outcome| at(outcome, "Subscription.criteria"))?;
                let trigger = Compiled {
                    kind,
                    on: vec![Interaction::Create, Interaction::Update],
                    previous: None,
                    create_passes: true,
                    current: None,
                    delete_passes: false,
                    both: false,
                    filter: condition,
                };
                Ok(Self::of(vec![trigger], context))
            }
            Criteria::Topic { url, filters } => {
                let topic = topic(url).ok_or_else(|| {
                    let text = "This topic is not known here; /fhir/metadata lists those that are built in.";
                    Outcome::from(Issue::error(IssueCode::NotFound, text).at("Subscription.criteria"))
                })?;
                Self::of_topic(&topic, filters, context)
            }
        }
    }

    /// Prepares a topic with a subscriber's filters.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub fn of_topic(topic: &Topic, filters: &[String], context: &Context) -> Result<Self, Outcome> {
        let mut triggers = Vec::new();
        for trigger in &topic.triggers {
            triggers
                .push(compiled(trigger, context).map_err(|outcome| at(outcome, "Subscription.criteria"))?);
        }
        for (index, filter) in filters.iter().enumerate() {
            let place = format!("Subscription.criteria.extension[{index}]");
            apply(topic, &mut triggers, filter, context).map_err(|outcome| at(outcome, &place))?;
        }
        Ok(Self::of(triggers, context))
    }

    fn of(triggers: Vec<Compiled>, context: &Context) -> Self {
        let asks = |trigger: &Compiled| {
            let whole = [Some(&trigger.filter), trigger.previous.as_ref(), trigger.current.as_ref()];
            whole.into_iter().flatten().any(|node| node.asks_own(trigger.kind))
        };
        let own = triggers.iter().any(asks).then(|| context.own.epoch());
        Self { triggers, own }
    }

    /// The state of the clinic's own parameters that the criteria were read by, if they ask for any.
    pub const fn own(&self) -> Option<u64> {
        self.own
    }

    /// Types of records that may concern it.
    pub fn kinds(&self) -> impl Iterator<Item = ResourceType> {
        self.triggers.iter().map(|trigger| trigger.kind)
    }

    /// Whether a change of this type may concern it.
    pub fn looks_at(&self, kind: ResourceType, interaction: Interaction) -> bool {
        self.triggers.iter().any(|trigger| trigger.kind == kind && trigger.on.contains(&interaction))
    }

    /// Whether the version before has to be known.
    pub fn looks_back(&self, kind: ResourceType, interaction: Interaction) -> bool {
        interaction == Interaction::Delete
            || self.triggers.iter().any(|trigger| trigger.kind == kind && trigger.previous.is_some())
    }

    /// Whether a change concerns it.
    pub fn matches(&self, change: &Change<'_>) -> bool {
        self.triggers.iter().any(|trigger| trigger.matches(change))
    }
}

impl Compiled {
    fn matches(&self, change: &Change<'_>) -> bool {
        if self.kind != change.kind || !self.on.contains(&change.interaction) {
            return false;
        }
        let shown = change.current.or(change.previous);
        if !shown.is_some_and(|terms| holds(&self.filter, terms)) {
            return false;
        }
        let before = |node: &Node| change.previous.map_or(self.create_passes, |terms| holds(node, terms));
        let after = |node: &Node| change.current.map_or(self.delete_passes, |terms| holds(node, terms));
        match (&self.previous, &self.current) {
            (None, None) => true,
            (Some(previous), None) => before(previous),
            (None, Some(current)) => after(current),
            (Some(previous), Some(current)) if self.both => before(previous) && after(current),
            (Some(previous), Some(current)) => before(previous) || after(current),
        }
    }
}

/// Whether a condition without links holds for a record with these terms.
fn holds(node: &Node, terms: &[Term]) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| holds(node, terms)),
        Node::Any(nodes) => nodes.iter().any(|node| holds(node, terms)),
        Node::Not(node) => !holds(node, terms),
        Node::Is(criterion) => criterion.matches(terms),
        // Refused when the criteria were read.
        Node::Refers(_) | Node::Referred(_) | Node::Long(_) => false,
    }
}

fn compiled(trigger: &Trigger, context: &Context) -> Result<Compiled, Outcome> {
    let read = |query: &Option<String>| {
        query.as_deref().map(|query| {
            let query = query.strip_prefix(&format!("{}?", trigger.kind)).unwrap_or(query);
            condition(trigger.kind, query, context)
        })
    };
    Ok(Compiled {
        kind: trigger.kind,
        on: trigger.on.clone(),
        previous: read(&trigger.previous).transpose()?,
        create_passes: trigger.create_passes,
        current: read(&trigger.current).transpose()?,
        delete_passes: trigger.delete_passes,
        both: trigger.both,
        filter: Node::All(Vec::new()),
    })
}

/// Puts one filter on every trigger that it is about.
fn apply(topic: &Topic, triggers: &mut [Compiled], filter: &str, context: &Context) -> Result<(), Outcome> {
    let (kind, query) = match filter.split_once('?') {
        Some((kind, query)) => (Some(kind_of(kind)?), query),
        None => (None, filter),
    };
    if let Some(allowed) = &topic.filters {
        for (name, _) in query::decode(query)? {
            let base = name.split(':').next().unwrap_or_default();
            let known = |(of, name): &(Option<ResourceType>, String)| {
                name == base && (kind.is_none() || of.is_none() || *of == kind)
            };
            if !allowed.iter().any(known) {
                let text = format!("The topic does not let subscribers filter by \"{}\".", shown(base));
                return Err(Outcome::error(IssueCode::NotSupported, text));
            }
        }
    }
    let mut used = false;
    for trigger in triggers.iter_mut().filter(|trigger| kind.is_none_or(|kind| kind == trigger.kind)) {
        let more = condition(trigger.kind, query, context)?;
        if let Node::All(nodes) = &mut trigger.filter {
            nodes.push(more);
        }
        used = true;
    }
    if !used {
        return Err(Outcome::error(IssueCode::Value, "The topic is not about this type."));
    }
    Ok(())
}

fn kind_of(name: &str) -> Result<ResourceType, Outcome> {
    let unknown = || Outcome::error(IssueCode::Value, format!("\"{}\" is no type of R4.", shown(name)));
    ResourceType::parse(name).ok_or_else(unknown)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// `Type` or `Type?query`.
fn typed(text: &str, context: &Context) -> Result<(ResourceType, Node), Outcome> {
    let text = text.strip_prefix('/').unwrap_or(text);
    let (kind, query) = text.split_once('?').unwrap_or((text, ""));
    let kind = kind_of(kind)?;
    Ok((kind, condition(kind, query, context)?))
}

/// A query as a condition on a record alone.
fn condition(kind: ResourceType, text: &str, context: &Context) -> Result<Node, Outcome> {
    let pairs = query::decode(text)?;
    let search = query::parse(kind, &pairs, Handling::Strict, context)?;
    let shapes = ["_include", "_revinclude", "_sort", "_count", "_total", "_summary", "_elements"];
    let is_shape = |name: &str| shapes.contains(&name.split(':').next().unwrap_or_default());
    let shape = pairs.iter().find(|(name, _)| is_shape(name));
    if shape.is_some() || search.applied.len() != pairs.len() {
        let text = "Criteria say which records concern a subscription; parameters that shape an answer have no meaning.";
        return Err(Outcome::error(IssueCode::NotSupported, text));
    }
    let condition = search.condition();
    if !condition.is_local() {
        let text = "Criteria are held against the changed record alone: chained parameters, _has and _list are not \
                    served in a subscription.";
        return Err(Outcome::error(IssueCode::NotSupported, text));
    }
    Ok(condition)
}

/// Every issue at one place.
fn at(mut outcome: Outcome, place: &str) -> Outcome {
    for issue in &mut outcome.issues {
        issue.expression = vec![place.to_owned()];
    }
    outcome
}

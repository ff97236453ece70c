//! What an evaluation may know besides its expression and its focus: documents, variables, the time, and a host that
//! answers what lies outside the document.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::item::{Collection, Item};
use super::node::Node;
use super::temporal::Temporal;
use crate::fhir::definitions::{self, Kind};
use crate::fhir::id::ResourceType;
use crate::fhir::near::Near;
use crate::json::Value;

/// What a reference leads to.
#[derive(Debug, Clone, Copy)]
pub enum Resolved<'a> {
    /// The resource itself.
    Resource(&'a Value),
    /// A resource of this type that is not loaded: `is` is answered, its elements are empty.
    OfType(ResourceType),
}

/// Answers what lies outside the document. Each method has an answer for a host that does not know.
pub trait Host<'a> {
    /// What a reference leads to that neither the resource nor a bundle around it holds.
    fn resolve(&self, reference: &str) -> Option<Resolved<'a>> {
        by_type(reference)
    }

    /// Whether a code, Coding or CodeableConcept is in a value set; `None` when the value set is not known.
    fn member_of(&self, item: &Item<'a>, value_set: &str) -> Option<bool> {
        let _ = (item, value_set);
        None
    }

    /// Whether one Coding or code subsumes another; `None` when their system is not known.
    fn subsumes(&self, general: &Item<'a>, special: &Item<'a>) -> Option<bool> {
        let _ = (general, special);
        None
    }

    /// Whether an element conforms to a profile; `None` when the profile is not known. Only asked for profiles that are
    /// not types of the standard.
    fn conforms_to(&self, node: Node<'a>, profile: &str) -> Option<bool> {
        let _ = (node, profile);
        None
    }

    /// Whether a FHIR base, such as `https://box/fhir`, is where the resources at hand are kept. Asked for absolute
    /// references, when the key of their target is wanted.
    fn is_own_base(&self, base: &str) -> bool {
        let _ = base;
        false
    }

    /// Takes note of what `trace` saw.
    fn trace(&self, name: &str, items: &[Item<'a>]) {
        let _ = (name, items);
    }
}

/// A host that knows nothing but what a reference says about the type of its target.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl<'a> Host<'a> for NoHost {}

/// The type that a literal reference such as `Patient/7` or `http://x/fhir/Patient/7/_history/1` names.
pub fn by_type<'a>(reference: &str) -> Option<Resolved<'a>> {
    let address = reference.split(['?', '#']).next().unwrap_or_default();
    let address = address.split("/_history/").next().unwrap_or_default();
    let mut steps = address.rsplit('/');
    let (_, kind) = (steps.next().filter(|id| !id.is_empty())?, steps.next()?);
    ResourceType::parse(kind).map(Resolved::OfType)
}

/// What an evaluation may know.
pub struct Context<'a> {
    pub(super) resource: Option<Node<'a>>,
    pub(super) root: Option<Node<'a>>,
    pub(super) variables: Vec<(String, Collection<'a>)>,
    pub(super) now: Option<Temporal>,
    pub(super) host: &'a dyn Host<'a>,
    pub(super) strict: bool,
    pub(super) as_filters: bool,
    pub(super) most_steps: u64,
    /// Work that the last evaluation did.
    pub(super) spent: Cell<u64>,
    near_resource: OnceCell<Rc<Near<'a>>>,
    near_root: OnceCell<Rc<Near<'a>>>,
}

impl<'a> Context<'a> {
    /// Work that one evaluation may do unless the caller says otherwise: elements visited, items made and compared.
    pub const MOST_STEPS: u64 = 4_000_000;

    /// For expressions about a resource: `%resource` and `%rootResource` are that resource.
    pub fn new(resource: &'a Value) -> Self {
        Self::of(Some(Node::resource(resource)))
    }

    /// For expressions that need no document.
    pub fn empty() -> Self {
        Self::of(None)
    }

    fn of(resource: Option<Node<'a>>) -> Self {
        Self {
            resource,
            root: resource,
            variables: Vec::new(),
            now: None,
            host: &NoHost,
            strict: false,
            as_filters: false,
            most_steps: Self::MOST_STEPS,
            spent: Cell::new(0),
            near_resource: OnceCell::new(),
            near_root: OnceCell::new(),
        }
    }

    /// The resource that the focus belongs to (`%resource`), where it is contained in another one.
    #[must_use]
    pub fn with_resource(mut self, resource: Node<'a>) -> Self {
        self.resource = Some(resource);
        self.near_resource = OnceCell::new();
        self
    }

    /// The document around (`%rootResource`): the container of a contained resource, or the Bundle whose entries
    /// `resolve()` may find.
    #[must_use]
    pub fn with_root(mut self, root: &'a Value) -> Self {
        self.root = Some(Node::resource(root));
        self.near_root = OnceCell::new();
        self
    }

    /// The document around, and the resource at hand or its container, as they were looked into for other evaluations.
    #[must_use]
    pub(crate) fn with_near(mut self, container: &Rc<Near<'a>>, root: &Rc<Near<'a>>) -> Self {
        self.root = Some(Node::resource(root.resource()));
        self.near_resource = OnceCell::from(Rc::clone(container));
        self.near_root = OnceCell::from(Rc::clone(root));
        self
    }

    /// Work that the last evaluation did, in the same steps as its bound.
    pub const fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// A variable `%name`.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: Collection<'a>) -> Self {
        self.variables.push((name.into(), value));
        self
    }

    /// Sets a variable `%name`, in the place of the one that has the name.
    pub fn set_variable(&mut self, name: &str, value: Collection<'a>) {
        match self.variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// The time that `now()`, `today()` and `timeOfDay()` answer. Without it they are errors.
    #[must_use]
    pub fn with_now(mut self, now: jiff::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        self.now = Some(Temporal::at(now, zone));
        self
    }

    /// Who answers what lies outside the document.
    #[must_use]
    pub const fn with_host(mut self, host: &'a dyn Host<'a>) -> Self {
        self.host = host;
        self
    }

    /// An element that the type does not have is an error instead of empty.
    #[must_use]
    pub const fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// `as` over several items keeps those of the type instead of being an error, as search parameters of the standard
    /// and its invariant dom-3 expect it.
    #[must_use]
    pub const fn for_search(mut self) -> Self {
        self.as_filters = true;
        self
    }

    /// Another bound on the work of one evaluation.
    #[must_use]
    pub const fn with_most_steps(mut self, steps: u64) -> Self {
        self.most_steps = steps;
        self
    }

    /// Another bound on the work of the next evaluation, for several that share one.
    pub const fn set_most_steps(&mut self, steps: u64) {
        self.most_steps = steps;
    }

    /// The target of a reference: contained, beside it in a bundle, or what the host answers; and the steps that looking
    /// for it is worth.
    pub(super) fn resolve(&self, reference: &str) -> (Option<Node<'a>>, usize) {
        let each = 1 + reference.len() / 64;
        if let Some(id) = reference.strip_prefix('#') {
            let found = match self.near(&self.near_resource, self.resource).filter(|_| !id.is_empty()) {
                Some(near) => near.contained(id).map(Node::resource),
                None => self.root.filter(|_| id.is_empty()),
            };
            let around = || self.near(&self.near_root, self.root)?.contained(id).map(Node::resource);
            return (found.or_else(around), each);
        }
        let (mut found, mut looked) = (None, 1);
        if let Some(near) = self.near(&self.near_root, self.root) {
            let plain = reference.split("/_history/").next().unwrap_or(reference);
            let mut entries = near.entries(plain);
            found = entries
                .by_ref()
                .inspect(|_| looked += 1)
                .find(|e| is_at(e, plain))
                .and_then(|e| e.get("resource"));
        }
        let found = match found {
            Some(resource) => Some(Node::resource(resource)),
            None => match self.host.resolve(reference) {
                Some(Resolved::Resource(value)) => Some(Node::resource(value)),
                Some(Resolved::OfType(kind)) => definitions::id_of(kind.as_str()).map(Node::placeholder),
                None => None,
            },
        };
        (found, each.saturating_mul(looked))
    }

    /// What is near a document, looked into when it is first asked for.
    fn near<'s>(&self, held: &'s OnceCell<Rc<Near<'a>>>, of: Option<Node<'a>>) -> Option<&'s Rc<Near<'a>>> {
        let value = of?.value()?;
        Some(held.get_or_init(|| Near::new(value)))
    }
}

/// Whether the full address of an entry is the reference, or ends with a relative one.
fn is_at(entry: &Value, plain: &str) -> bool {
    let Some(url) = entry.str("fullUrl") else { return false };
    let ends = || url.strip_suffix(plain).is_some_and(|base| base.is_empty() || base.ends_with('/'));
    url == plain || (!plain.contains(':') && ends())
}

/// The kind of a type of the standard by its canonical address, such as `…/StructureDefinition/Patient`.
pub(super) fn standard_type(profile: &str) -> Option<super::types::FhirType> {
    let name = profile.strip_prefix("http://hl7.org/fhir/StructureDefinition/")?;
    let name = name.split('|').next().unwrap_or(name);
    if let Some(primitive) = definitions::Primitive::parse(name) {
        return Some(super::types::FhirType::Primitive(primitive));
    }
    definitions::id_of(name).map(super::types::FhirType::Complex)
}

/// Whether an element has a kind at all; a node without one conforms to nothing.
pub(super) fn conforms(node: Node<'_>, wanted: super::types::FhirType) -> bool {
    let kind: Option<Kind> = node.kind();
    kind.is_some_and(|kind| super::types::kind_is(kind, wanted, true))
}

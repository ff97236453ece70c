//! The resource at hand and what is around it: its container, the bundle it stands in, and the work that is left.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::fhir::near::{Near, Place};
use crate::json::Value;

/// The work that one check may do, shared by everything that it looks at.
#[derive(Debug)]
pub struct Budget {
    most: u64,
    left: Cell<u64>,
    /// Values that `conformsTo` is holding against a profile.
    open: RefCell<Vec<(*const Value, String)>>,
    too_deep: Cell<bool>,
}

/// Most questions of `conformsTo` within one another.
pub const MOST_OPEN: usize = 4;

/// A question of `conformsTo` that is being answered.
pub struct Open<'b>(&'b Budget);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.borrow_mut().pop();
    }
}

impl Budget {
    /// Steps of one check, whatever the resource: entries of a Bundle and contained resources share them.
    pub const MOST_STEPS: u64 = 64_000_000;

    /// So many steps.
    pub const fn of(steps: u64) -> Self {
        let open = RefCell::new(Vec::new());
        Self { most: steps, left: Cell::new(steps), open, too_deep: Cell::new(false) }
    }

    /// Begins to hold a value against a profile; none when just that is being done already, or when profiles ask for one
    /// another too deeply, which ends the whole check.
    pub fn open(&self, value: &Value, profile: &str) -> Option<Open<'_>> {
        let mut open = self.open.borrow_mut();
        let at = std::ptr::from_ref(value);
        if open.iter().any(|(value, url)| *value == at && url == profile) {
            return None;
        }
        if open.len() >= MOST_OPEN {
            self.too_deep.set(true);
            self.left.set(0);
            return None;
        }
        open.push((at, profile.to_owned()));
        Some(Open(self))
    }

    /// Whether profiles asked for one another too deeply.
    pub const fn is_too_deep(&self) -> bool {
        self.too_deep.get()
    }

    /// Takes steps; false when there are none left.
    pub fn take(&self, steps: u64) -> bool {
        self.left.set(self.left.get().saturating_sub(steps));
        self.left.get() > 0
    }

    /// Steps that are left.
    pub const fn left(&self) -> u64 {
        self.left.get()
    }

    /// Steps that there were.
    pub const fn most(&self) -> u64 {
        self.most
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(Self::MOST_STEPS)
    }
}

/// What references within a resource may lead to.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// The resource at hand.
    pub resource: Option<&'a Value>,
    /// The resource that contains it, or itself.
    container: Option<Rc<Near<'a>>>,
    /// The bundle around it.
    bundle: Option<Rc<Near<'a>>>,
    /// Its full address in that bundle.
    full_url: Option<&'a str>,
    /// The work that is left.
    pub budget: Rc<Budget>,
}

impl<'a> Surroundings<'a> {
    /// Nothing yet, with the work that is left.
    pub fn with(budget: Rc<Budget>) -> Self {
        Self { budget, ..Self::default() }
    }

    /// A resource within the one at hand: contained, or an entry; or the first one.
    #[must_use]
    pub fn within(&self, resource: &'a Value) -> Self {
        let place = self.container.as_ref().and_then(|container| container.place(resource));
        if let Some(Place::Contained) = place {
            return Self { resource: Some(resource), ..self.clone() };
        }
        let place = place.or_else(|| self.bundle.as_ref().and_then(|bundle| bundle.place(resource)));
        let near = Near::new(resource);
        let is_bundle = resource.str("resourceType") == Some("Bundle");
        Self {
            resource: Some(resource),
            bundle: if is_bundle { Some(Rc::clone(&near)) } else { self.bundle.clone() },
            container: Some(near),
            full_url: if let Some(Place::Entry(url)) = place { url } else { None },
            budget: Rc::clone(&self.budget),
        }
    }

    /// Whether the resource at hand is contained in another one.
    pub fn is_contained(&self) -> bool {
        self.resource.zip(self.container.as_ref()).is_some_and(|(own, container)| !container.is(own))
    }

    /// The resource that contains the one at hand, or itself.
    pub fn container(&self) -> Option<&Rc<Near<'a>>> {
        self.container.as_ref()
    }

    /// The document around: the container of a contained resource, or else the bundle, or else the resource itself.
    pub fn root(&self) -> Option<&Rc<Near<'a>>> {
        let bundle = if self.is_contained() { None } else { self.bundle.as_ref() };
        bundle.or(self.container.as_ref())
    }

    /// The resource that a reference leads to, when it is contained or stands in the same bundle.
    pub fn resolve(&self, reference: &str) -> Option<&'a Value> {
        if let Some(id) = reference.strip_prefix('#') {
            let container = self.container.as_ref()?;
            return if id.is_empty() { Some(container.resource()) } else { container.contained(id) };
        }
        self.in_bundle(reference)
    }

    /// The entry of the bundle that a reference means, by the rules of R4 Bundle, "Resolving references in Bundles".
    fn in_bundle(&self, reference: &str) -> Option<&'a Value> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        let plain = plain.split('#').next().unwrap_or(plain);
        let target = self.absolute(plain);
        let relative = !plain.contains(':');
        let cost = u64::try_from(1 + plain.len() / 64).unwrap_or(u64::MAX);
        for entry in self.bundle.as_ref()?.entries(plain) {
            if !self.budget.take(cost) {
                return None;
            }
            let Some(resource) = entry.get("resource") else { continue };
            let hit = match (entry.str("fullUrl"), &target) {
                (Some(url), Some(target)) => url == target,
                (Some(url), None) => !relative && url == plain || relative && ends_with(url, plain),
                (None, _) => relative && is_named(resource, plain),
            };
            if hit {
                return Some(resource);
            }
        }
        None
    }

    /// The full address of a relative reference, by the base of the entry it stands in.
    fn absolute(&self, reference: &str) -> Option<String> {
        if reference.contains(':') {
            return Some(reference.to_owned());
        }
        let resource = self.container.as_ref()?.resource();
        let (kind, id) = (resource.str("resourceType")?, resource.str("id")?);
        let base = self.full_url?.strip_suffix(&format!("{kind}/{id}"))?;
        (!base.is_empty()).then(|| format!("{base}{reference}"))
    }
}

fn ends_with(url: &str, relative: &str) -> bool {
    url.strip_suffix(relative).is_some_and(|base| base.is_empty() || base.ends_with('/'))
}

fn is_named(resource: &Value, relative: &str) -> bool {
    let named = relative.split_once('/');
    named.is_some_and(|(kind, id)| {
        resource.str("resourceType") == Some(kind) && resource.str("id") == Some(id)
    })
}

//! Where resources come from: what a query asks of the store, and what it is told.

use std::rc::Rc;

use crate::fhir::id::ResourceType;
use crate::json::Value;

/// Why the store gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The caller may not look for this type.
    Forbidden(String),
    /// A search parameter or its value cannot be used.
    Unusable(String),
    /// The store failed; the caller of [`super::answer`] knows more.
    Failed,
}

/// One page of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// How many resources match, where it is known.
    pub total: Option<u64>,
    /// Resources of this page.
    pub rows: Vec<Rc<Value>>,
    /// Most rows of a page as it was asked.
    pub size: usize,
    /// What leads to the next page.
    pub next: Option<String>,
}

/// The store as one caller sees it. What the caller may not see is not there.
pub trait Source {
    /// A resource; `None` when it is not there.
    ///
    /// # Errors
    /// [`Trouble`]
    fn read(&mut self, kind: ResourceType, id: &str) -> Result<Option<Rc<Value>>, Trouble>;

    /// A page of a search: parameters as in a query string, decoded, or the cursor of an earlier page.
    ///
    /// # Errors
    /// [`Trouble`]
    fn search(
        &mut self,
        kind: ResourceType,
        parameters: &[(String, String)],
        cursor: Option<&str>,
    ) -> Result<Page, Trouble>;

    /// Whether an absolute reference is to this store: its base, such as `https://box/fhir`.
    fn is_own_base(&self, base: &str) -> bool;
}

//! FHIRPath (normative release N1, with FHIR R4's additions): expressions over documents, read once and evaluated often.
//!
//! Owns the language: [`Expression::parse`], [`Expression::evaluate`]. The document is a JSON tree typed by the tables of
//! `fhir::definitions`. What lies outside it (other resources, terminology, profiles) is asked from a [`Host`], the time
//! comes with the [`Context`]. Everything is bounded: length and nesting of an expression when it is read, the work of
//! an evaluation by [`Context::with_most_steps`].

mod check;
mod context;
mod error;
mod eval;
mod function;
mod item;
mod kept;
mod lexer;
mod node;
mod parse;
mod pattern;
mod temporal;
mod tree;
mod types;
mod variables;

pub use context::{Context, Host, NoHost, Resolved, by_type};
pub use error::{Error, ErrorKind};
pub use item::{Collection, Item, Quantity};
pub use node::Node;
pub use parse::{MOST_DEPTH, MOST_LENGTH};
pub use temporal::{Part, Span, Temporal, TemporalKind};
pub use types::{SystemType, TypeInfo};

/// An expression that has been read.
#[derive(Debug)]
pub struct Expression {
    text: Box<str>,
    tree: tree::Tree,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`Error`] with the place: what is not FHIRPath, functions and types that do not exist, broken limits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.into(), tree: parse::parse(text)? })
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Checks, without a document, that the elements it names exist for a focus of type `root`, such as `Patient` or
    /// `Observation.component`, and that what needs an order has one.
    ///
    /// # Errors
    /// [`ErrorKind::Semantic`] with the place of the first that does not, or at 0 for a type that does not exist.
    pub fn check(&self, root: &str) -> Result<(), Error> {
        let unknown = || Error::semantic(0, format!("there is no type \"{root}\""));
        check::check(&self.tree, &[crate::fhir::definitions::id_of(root).ok_or_else(unknown)?])
    }

    /// The same for a focus that is of one of several types: what is named has to exist in at least one of them.
    ///
    /// # Errors
    /// As [`Expression::check`].
    pub fn check_any<'t>(&self, roots: impl IntoIterator<Item = &'t str>) -> Result<(), Error> {
        let mut ids = Vec::new();
        for root in roots {
            let unknown = || Error::semantic(0, format!("there is no type \"{root}\""));
            ids.push(crate::fhir::definitions::id_of(root).ok_or_else(unknown)?);
        }
        check::check(&self.tree, &ids)
    }

    /// The variables that it asks for and does not define itself, without the `%`, each with the byte offset of its
    /// first place.
    pub fn variables(&self) -> Vec<(&str, usize)> {
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        variables::asked(&self.tree).into_iter().map(|(name, at)| (name, place(at))).collect()
    }

    /// Evaluates it for a focus, usually the resource or an element of it.
    ///
    /// # Errors
    /// [`Error`] where the language asks for one (several items where one is allowed, types that do not go together),
    /// for unknown variables, and when the work exceeds the context's bound.
    pub fn evaluate<'a>(
        &'a self,
        context: &Context<'a>,
        focus: impl Into<Item<'a>>,
    ) -> Result<Collection<'a>, Error> {
        eval::evaluate(&self.tree, context, Some(&focus.into()))
    }

    /// Evaluates it as a condition, as an invariant is: `None` when the answer is empty.
    ///
    /// # Errors
    /// Those of [`Expression::evaluate`], and several items as an answer.
    pub fn test<'a>(
        &'a self,
        context: &Context<'a>,
        focus: impl Into<Item<'a>>,
    ) -> Result<Option<bool>, Error> {
        eval::test(&self.tree, context, Some(&focus.into()))
    }

    /// Evaluates it without a focus, for expressions that need no document.
    ///
    /// # Errors
    /// Those of [`Expression::evaluate`].
    pub fn evaluate_alone<'a>(&'a self, context: &Context<'a>) -> Result<Collection<'a>, Error> {
        eval::evaluate(&self.tree, context, None)
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod official;
#[cfg(test)]
mod tests;

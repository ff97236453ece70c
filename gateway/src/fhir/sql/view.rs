//! A view that has been read: what is iterated, which columns are filled, what filters the resources.

use super::column::Column;
use crate::fhir::definitions::Kind;
use crate::fhir::id::ResourceType;
use crate::fhirpath::Expression;
use crate::json::Value;

/// A ViewDefinition, ready to run.
#[derive(Debug)]
pub struct View {
    /// `name`, the table's own.
    pub name: Option<String>,
    /// The type of the resources that give rows.
    pub kind: ResourceType,
    /// All columns, in the order of the standard.
    pub columns: Vec<Column>,
    /// Values behind `%name`.
    pub(super) constants: Vec<Constant>,
    /// Every one must hold for a resource to give rows.
    pub(super) filters: Vec<Located>,
    /// Joined with one another.
    pub(super) selects: Vec<Select>,
}

/// A named value.
#[derive(Debug)]
pub(super) struct Constant {
    pub name: String,
    pub kind: Kind,
    pub value: Value,
}

/// An expression and where it stands in the view, such as `ViewDefinition.select[0].forEach`.
#[derive(Debug)]
pub(super) struct Located {
    pub expression: Expression,
    pub place: String,
}

/// One `select`. Its columns are its own, then those of its nested ones, then those of its union.
#[derive(Debug)]
pub(super) struct Select {
    pub iterate: Iterate,
    pub own: Vec<Own>,
    pub selects: Vec<Select>,
    pub union: Vec<Select>,
}

/// A column of a select itself.
#[derive(Debug)]
pub(super) struct Own {
    pub column: Column,
    pub path: Located,
}

/// What a select is evaluated for.
#[derive(Debug)]
pub(super) enum Iterate {
    /// The focus of what is around it.
    Once,
    /// `forEach`: every item; no row when there is none.
    Each(Located),
    /// `forEachOrNull`: every item; one row of nothing when there is none.
    EachOrNull(Located),
    /// `repeat`: what the paths find, what they find in that, and so on.
    Repeat(Vec<Located>),
}

//! Which fields of a selection apply to a type: fragments are spread, `@skip` and `@include` decided, and fields of one
//! key joined (GraphQL, section 6.3.2).

use super::document::{Document, Field, Selection};
use super::error::{Cause, GraphError};
use super::schema::{is_known, type_of_graph};
use super::variables::Variables;
use crate::fhir::definitions;

/// Directives of fields.
const FIELD: [&str; 6] = ["skip", "include", "flatten", "first", "singleton", "slice"];

/// Fields of one key, with everything that is selected below.
#[derive(Debug)]
pub(super) struct Joined<'q> {
    pub field: &'q Field,
    pub below: Vec<&'q Selection>,
}

/// Directives of every selection.
const COMMON: [&str; 2] = ["skip", "include"];

/// Reads a selection for a type.
pub(super) struct Collector<'q> {
    pub document: &'q Document,
    pub variables: &'q Variables,
}

impl<'q> Collector<'q> {
    /// The fields for a focus of type `kind`, such as `Patient` or `HumanName`.
    pub fn fields(&self, selections: &[&'q Selection], kind: &str) -> Result<Vec<Joined<'q>>, GraphError> {
        let mut out = Vec::new();
        let mut open = Vec::new();
        for selection in selections.iter().copied() {
            self.collect(selection, kind, &mut open, &mut out)?;
        }
        Ok(out)
    }

    fn collect(
        &self,
        selection: &'q Selection,
        kind: &str,
        open: &mut Vec<&'q str>,
        out: &mut Vec<Joined<'q>>,
    ) -> Result<(), GraphError> {
        match selection {
            Selection::Field(field) => {
                if self.included(&field.directives, &FIELD)? {
                    join(out, field)?;
                }
                Ok(())
            }
            Selection::Inline { on, directives, selections, at } => {
                let applies = self.included(directives, &COMMON)?
                    && on.as_deref().map_or(Ok(true), |on| is_type(kind, on).map_err(|e| e.at(*at)))?;
                if applies {
                    for selection in selections {
                        self.collect(selection, kind, open, out)?;
                    }
                }
                Ok(())
            }
            Selection::Spread { name, directives, at } => {
                let wrong = |text: String| Err(GraphError::new(Cause::Query, text).at(*at));
                if open.contains(&name.as_str()) {
                    return wrong(format!("the fragment \"{name}\" leads to itself"));
                }
                let Some(fragment) = self.document.fragments.iter().find(|f| f.name == *name) else {
                    return wrong(format!("there is no fragment \"{name}\""));
                };
                let applies = self.included(directives, &COMMON)?
                    && is_type(kind, &fragment.on).map_err(|e| e.at(fragment.at))?;
                if applies {
                    open.push(name);
                    for selection in &fragment.selections {
                        self.collect(selection, kind, open, out)?;
                    }
                    open.pop();
                }
                Ok(())
            }
        }
    }

    /// Whether `@skip` and `@include` let a selection in; an error for directives that are not known here.
    fn included(
        &self,
        directives: &[super::document::Directive],
        known: &[&str],
    ) -> Result<bool, GraphError> {
        let mut included = true;
        for directive in directives {
            let wrong = |text: String| GraphError::new(Cause::Query, text).at(directive.at);
            if !known.contains(&directive.name.as_str()) {
                return Err(wrong(format!("there is no directive @{} here", directive.name)));
            }
            if !matches!(directive.name.as_str(), "skip" | "include") {
                continue;
            }
            let [(name, condition)] = directive.arguments.as_slice() else {
                return Err(wrong(format!("@{} takes the argument \"if\"", directive.name)));
            };
            let condition = self.variables.value(condition).map_err(|e| e.at(directive.at))?;
            match condition.and_then(|value| value.as_bool()).filter(|_| name == "if") {
                Some(condition) => included &= condition == (directive.name == "include"),
                None => {
                    return Err(wrong(format!("@{}(if:) is true or false", directive.name)));
                }
            }
        }
        Ok(included)
    }
}

/// Adds a field, to one of the same key where there is one. Two of a key must ask for the same.
fn join<'q>(out: &mut Vec<Joined<'q>>, field: &'q Field) -> Result<(), GraphError> {
    let twin = out.iter_mut().find(|joined| joined.field.key() == field.key());
    // `resource(type: A)` and `resource(type: B)` stand beside one another in the standard's own examples.
    let beside =
        field.name == "resource" && twin.as_ref().is_some_and(|t| t.field.arguments != field.arguments);
    match twin {
        Some(twin) if !beside => {
            let directives = |f: &'q Field| -> Vec<(&str, Vec<_>)> {
                f.directives.iter().map(|d| (d.name.as_str(), d.arguments.iter().collect())).collect()
            };
            let same = twin.field.name == field.name
                && twin.field.arguments == field.arguments
                && directives(twin.field) == directives(field);
            if !same {
                let text =
                    format!("two fields have the key \"{}\" and ask for different things", field.key());
                return Err(GraphError::new(Cause::Query, text).at(field.at));
            }
            twin.below.extend(&field.selections);
        }
        _ => out.push(Joined { field, below: field.selections.iter().collect() }),
    }
    Ok(())
}

/// Whether a type is one that a fragment is for, or specialises it.
fn is_type(kind: &str, wanted: &str) -> Result<bool, GraphError> {
    if kind == wanted {
        return Ok(true);
    }
    let by_graph = || definitions::id_of(type_of_graph(wanted)?.name);
    let Some(wanted_id) = definitions::id_of(wanted).or_else(by_graph) else {
        if is_known(wanted) {
            return Ok(false);
        }
        return Err(GraphError::new(Cause::Query, format!("there is no type \"{wanted}\"")));
    };
    Ok(definitions::id_of(kind).is_some_and(|kind| definitions::is_a(kind, wanted_id)))
}

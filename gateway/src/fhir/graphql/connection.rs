//! Searches: `PatientList`, `PatientConnection`, and the same below a resource by what refers to it (`_reference`).

use super::arguments::{Arguments, texts};
use super::error::{Cause, GraphError};
use super::execute::Run;
use super::fields::Joined;
use super::navigate::{Focus, parsed};
use super::output::{Flat, Out};
use super::source::Page;
use crate::fhir::id::ResourceType;
use crate::fhirpath::{Expression, Node};
use crate::json::{Object, Value};

/// Search parameters that have no meaning in a graph (R4, GraphQL, "Searching resources").
pub(super) const NOT_HERE: [&str; 10] = [
    "_include",
    "_revinclude",
    "_contained",
    "_containedType",
    "_summary",
    "_elements",
    "_format",
    "_pretty",
    "_total",
    "_graphql",
];

fn wrong(text: impl Into<String>) -> GraphError {
    GraphError::new(Cause::Query, text)
}

impl<'q> Run<'q, '_> {
    /// A search of a type; below a resource only what refers to it.
    pub fn search(
        &mut self,
        kind: ResourceType,
        joined: &Joined<'q>,
        below: Option<&Focus<'_>>,
        connection: bool,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        self.needs_selection(joined)?;
        let mut arguments = self.arguments(joined)?;
        let path = arguments.text("fhirpath")?;
        let path = path.map(|path| parsed(&path)).transpose()?;
        let cursor = match arguments.text("cursor")? {
            Some(cursor) => Some(cursor),
            None => arguments.text("_cursor")?,
        };
        if cursor.is_some() && (below.is_some() || !connection) {
            return Err(wrong("a cursor belongs to a connection at the root of a query"));
        }
        let mut parameters = Vec::new();
        match (arguments.text("_reference")?, below) {
            (Some(name), Some(focus)) => {
                let id = focus.value.str("id").ok_or_else(|| {
                    GraphError::new(Cause::Values, "nothing refers to a resource that has no id")
                })?;
                parameters.push((parameter(&name), format!("{}/{id}", focus.definition.name)));
            }
            (None, None) => {}
            (None, Some(_)) => {
                return Err(wrong(
                    "below a resource a search needs \"_reference\", the parameter that refers to it",
                ));
            }
            (Some(_), None) => return Err(wrong("\"_reference\" is for searches below a resource")),
        }
        let counted = self.parameters(arguments, below.is_some(), &mut parameters)?;
        if cursor.is_some() && !parameters.is_empty() {
            return Err(wrong("a cursor stands alone: the search cannot be changed"));
        }
        let page = self.page(kind, &parameters, cursor.as_deref())?;
        if connection {
            let given = self.connection(kind, &page, cursor.is_none(), path.as_ref(), joined)?;
            let list = flat.list && !joined.field.has("singleton");
            let key = format!("{}{}", joined.field.key(), flat.suffix);
            return out.put(key, vec![Value::Object(given)], list, "Connection");
        }
        if page.next.is_some() && !counted {
            let text = format!(
                "there are more than {} matches, too many for a list; use {kind}Connection, or say _count",
                page.rows.len()
            );
            return Err(GraphError::new(Cause::Values, text));
        }
        self.list(kind, &page, path.as_ref(), joined, out, flat)
    }

    /// The other arguments as search parameters; whether a number of rows was asked for.
    fn parameters(
        &self,
        arguments: Arguments,
        below: bool,
        parameters: &mut Vec<(String, String)>,
    ) -> Result<bool, GraphError> {
        let mut counted = false;
        for (name, value) in arguments.rest() {
            if NOT_HERE.contains(&name.as_str()) {
                return Err(wrong(format!("\"{name}\" has no meaning in a graph")));
            }
            if below && matches!(name.as_str(), "id" | "_id") {
                return Err(wrong("below a resource a search has no \"id\""));
            }
            let texts = texts(&value)
                .ok_or_else(|| wrong(format!("\"{name}\" takes a value or a list of values")))?;
            counted |= name == "_count";
            let one = matches!(name.as_str(), "_filter" | "_count" | "_sort");
            // A comma in a text is a comma: values in a list are alternatives, not parts of a text.
            let texts: Vec<String> =
                texts.into_iter().map(|text| if one { text } else { text.replace(',', "\\,") }).collect();
            parameters.push((parameter(&name), texts.join(",")));
        }
        Ok(counted)
    }

    fn list(
        &mut self,
        kind: ResourceType,
        page: &Page,
        path: Option<&Expression>,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        let below = Flat { list: true, suffix: flat.suffix.clone() };
        let most = if joined.field.has("first") { 1 } else { usize::MAX };
        let mut shown = 0;
        for resource in &page.rows {
            let Some(focus) = Focus::resource(resource, resource) else { continue };
            if shown == most || !self.matches(path, resource)? {
                continue;
            }
            self.one(&focus, joined, out, &below).map_err(|error| error.under(shown))?;
            shown += 1;
        }
        if shown == 0 && !joined.field.has("flatten") {
            out.empty(format!("{}{}", joined.field.key(), flat.suffix), kind.as_str());
        }
        Ok(())
    }

    fn matches(&mut self, path: Option<&Expression>, resource: &Value) -> Result<bool, GraphError> {
        path.map_or(Ok(true), |path| self.holds(path, resource, Node::resource(resource)))
    }

    /// The object of a connection.
    fn connection(
        &mut self,
        kind: ResourceType,
        page: &Page,
        first: bool,
        path: Option<&Expression>,
        joined: &Joined<'q>,
    ) -> Result<Object, GraphError> {
        let mut out = Out::default();
        for field in self.collector.fields(&joined.below, &format!("{kind}Connection"))? {
            let key = field.field.key().to_owned();
            self.field_seen()?;
            let value: Option<Value> = match field.field.name.as_str() {
                "__typename" => Some(format!("{kind}Connection").into()),
                "count" => page.total.map(Value::from),
                // A page by its cursor does not know how many came before.
                "offset" => first.then(|| Value::from(0_u64)),
                "pagesize" => Some(page.size.into()),
                "next" => page.next.as_ref().map(Value::from),
                "first" | "previous" | "last" => None,
                "edges" => {
                    self.needs_selection(&field)?;
                    let edges = self.edges(page, path, &field);
                    let edges = edges.map_err(|error| error.at(field.field.at).under(key.as_str()))?;
                    Some(Value::Array(edges))
                }
                other => {
                    let text = format!("a connection has no field \"{other}\"");
                    return Err(wrong(text).at(field.field.at).under(key));
                }
            };
            out.put(key, value.into_iter().collect(), false, "Connection")?;
        }
        Ok(out.finish())
    }

    fn edges(
        &mut self,
        page: &Page,
        path: Option<&Expression>,
        edges: &Joined<'q>,
    ) -> Result<Vec<Value>, GraphError> {
        let mut out = Vec::new();
        for resource in &page.rows {
            let Some(focus) = Focus::resource(resource, resource) else { continue };
            if !self.matches(path, resource)? {
                continue;
            }
            let mut edge = Out::default();
            let name = format!("{}Edge", focus.definition.name);
            for field in self.collector.fields(&edges.below, &name)? {
                let key = field.field.key().to_owned();
                self.field_seen()?;
                match field.field.name.as_str() {
                    "__typename" => edge.put(key, vec![name.as_str().into()], false, "String")?,
                    "mode" => edge.put(key, vec!["match".into()], false, "code")?,
                    // Searches here have no score.
                    "score" => {}
                    "resource" => {
                        let answered = self.one(&focus, &field, &mut edge, &Flat::default());
                        answered.map_err(|error| error.under(key).under(out.len()))?;
                    }
                    other => {
                        return Err(wrong(format!("an edge has no field \"{other}\"")).at(field.field.at));
                    }
                }
            }
            out.push(Value::Object(edge.finish()));
        }
        Ok(out)
    }
}

/// The search parameter behind an argument: `clinical_status` is `clinical-status`, `_lastUpdated` itself.
fn parameter(name: &str) -> String {
    match name.strip_prefix('_') {
        Some(rest) => format!("_{}", rest.replace('_', "-")),
        None => name.replace('_', "-"),
    }
}

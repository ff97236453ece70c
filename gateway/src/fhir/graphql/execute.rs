//! Answering: from the root of a query down to its leaves, counting what it costs.

use std::collections::HashMap;
use std::rc::Rc;

use super::document::{Document, Operation, Selection};
use super::error::{Cause, GraphError};
use super::fields::{Collector, Joined};
use super::navigate::Focus;
use super::output::{Flat, Out};
use super::source::{Page, Source, Trouble};
use super::variables::Variables;
use crate::fhir::id::ResourceType;
use crate::json::{Object, Value};

/// What an answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of the answer.
    pub depth: usize,
    /// Most fields that are looked at, each once for every element that has it.
    pub fields: u64,
    /// Most resources that are touched.
    pub resources: u64,
    /// Longest text of all values together, bytes.
    pub answer: usize,
}

/// What a query begins with.
#[derive(Debug, Clone)]
pub enum Root {
    /// The whole store: `Patient(id: …)`, `PatientList(…)`, `PatientConnection(…)`.
    System,
    /// One resource.
    Resource(Rc<Value>),
}

/// FHIRPath steps that all filters of one answer may take.
const MOST_STEPS: u64 = 20_000_000;

/// Answers an operation with the members of `data`.
///
/// # Errors
/// [`GraphError`] with place and path for the first thing that cannot be answered: there are no half answers.
pub fn answer(
    document: &Document,
    operation: &Operation,
    variables: &Object,
    root: &Root,
    limits: &Limits,
    source: &mut dyn Source,
) -> Result<Object, GraphError> {
    let variables = Variables::read(operation, variables)?;
    let mut run = Run {
        collector: Collector { document, variables: &variables },
        limits,
        left: *limits,
        steps: MOST_STEPS,
        loaded: HashMap::new(),
        source,
    };
    let selections: Vec<&Selection> = operation.selections.iter().collect();
    let mut out = Out::default();
    match root {
        Root::System => run.query(&selections, &mut out)?,
        Root::Resource(resource) => {
            let focus = Focus::resource(resource, resource)
                .ok_or_else(|| GraphError::new(Cause::Failed, "the resource has no type"))?;
            run.object(&focus, &selections, &mut out, &Flat::default())?;
        }
    }
    Ok(out.finish())
}

/// One answer under way.
pub(super) struct Run<'q, 's> {
    pub collector: Collector<'q>,
    pub limits: &'q Limits,
    /// What is left of the limits.
    left: Limits,
    pub steps: u64,
    loaded: HashMap<(ResourceType, String), Option<Rc<Value>>>,
    source: &'s mut dyn Source,
}

impl<'q> Run<'q, '_> {
    /// The fields of the root of the whole store.
    fn query(&mut self, selections: &[&'q Selection], out: &mut Out) -> Result<(), GraphError> {
        for joined in self.collector.fields(selections, "Query")? {
            let field = joined.field;
            let answered = self.entry(&joined, out);
            answered.map_err(|error| error.at(field.at).under(field.key()))?;
        }
        Ok(())
    }

    fn entry(&mut self, joined: &Joined<'q>, out: &mut Out) -> Result<(), GraphError> {
        self.field_seen()?;
        let name = joined.field.name.as_str();
        if name == "__typename" {
            return out.put(joined.field.key().to_owned(), vec![Value::from("Query")], false, "String");
        }
        if matches!(name, "__schema" | "__type") {
            let told = self.introspect(joined, "Query")?;
            return out.put(joined.field.key().to_owned(), vec![told], false, "Schema");
        }
        if let Some((kind, connection)) = searched(name) {
            return self.search(kind, joined, None, connection, out, &Flat::default());
        }
        let Some(kind) = ResourceType::parse(name) else {
            let shown: String = name.chars().take(60).collect();
            let text = format!(
                "there is no field \"{shown}\" here; begin with a type such as Patient or PatientList"
            );
            return Err(GraphError::new(Cause::Query, text));
        };
        let mut arguments = self.arguments(joined)?;
        let id = match (arguments.text("id")?, arguments.text("_id")?) {
            (Some(id), None) | (None, Some(id)) => id,
            _ => {
                let text = format!("{kind} needs the argument \"id\"");
                return Err(GraphError::new(Cause::Query, text));
            }
        };
        arguments.finish()?;
        let Some(resource) = self.load(kind, &id)? else {
            return Err(GraphError::new(Cause::NotFound, format!("there is no {kind} of this id")));
        };
        let focus = Focus::resource(&resource, &resource);
        let focus = focus.ok_or_else(|| GraphError::new(Cause::Failed, "the resource has no type"))?;
        self.one(&focus, joined, out, &Flat::default())
    }

    /// Puts one object for a field, or its children when it is flattened.
    pub fn one(
        &mut self,
        focus: &Focus<'_>,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        self.needs_selection(joined)?;
        if joined.field.has("flatten") {
            return self.object(focus, &joined.below, out, flat);
        }
        let mut inner = Out::default();
        self.object(focus, &joined.below, &mut inner, &Flat::default())?;
        let list = flat.list && !joined.field.has("singleton");
        let key = format!("{}{}", joined.field.key(), flat.suffix);
        out.put(key, vec![Value::Object(inner.finish())], list, focus.definition.name)
    }

    /// The fields of an element or a resource.
    pub fn object(
        &mut self,
        focus: &Focus<'_>,
        selections: &[&'q Selection],
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        let Some(depth) = self.left.depth.checked_sub(1) else {
            return Err(limit("depth", format!("the answer is nested more than {} deep", self.limits.depth)));
        };
        self.left.depth = depth;
        for joined in self.collector.fields(selections, focus.definition.name)? {
            let field = joined.field;
            let answered = self.field_seen().and_then(|()| self.field(focus, &joined, out, flat));
            answered.map_err(|error| error.at(field.at).under(field.key()))?;
        }
        self.left.depth += 1;
        Ok(())
    }

    pub fn needs_selection(&self, joined: &Joined<'q>) -> Result<(), GraphError> {
        if joined.below.is_empty() {
            let text = format!("\"{}\" has fields of its own; say which, in braces", joined.field.name);
            return Err(GraphError::new(Cause::Query, text));
        }
        Ok(())
    }

    /// A resource by type and id; each is read once for an answer.
    pub fn load(&mut self, kind: ResourceType, id: &str) -> Result<Option<Rc<Value>>, GraphError> {
        let key = (kind, id.to_owned());
        if let Some(known) = self.loaded.get(&key) {
            return Ok(known.clone());
        }
        self.resource_seen()?;
        let found = self.source.read(kind, id).map_err(refused)?;
        self.loaded.insert(key, found.clone());
        Ok(found)
    }

    /// A page of the store, each resource of it counted.
    pub fn page(
        &mut self,
        kind: ResourceType,
        parameters: &[(String, String)],
        cursor: Option<&str>,
    ) -> Result<Page, GraphError> {
        let page = self.source.search(kind, parameters, cursor).map_err(refused)?;
        for _ in &page.rows {
            self.resource_seen()?;
        }
        Ok(page)
    }

    pub fn is_own_base(&self, base: &str) -> bool {
        self.source.is_own_base(base)
    }

    /// Whether the object at hand is the one that the query begins with.
    pub fn is_at_root(&self) -> bool {
        self.limits.depth == self.left.depth + 1
    }

    pub fn field_seen(&mut self) -> Result<(), GraphError> {
        match self.left.fields.checked_sub(1) {
            Some(left) => {
                self.left.fields = left;
                Ok(())
            }
            None => {
                Err(limit("fields", format!("the answer looks at more than {} fields", self.limits.fields)))
            }
        }
    }

    fn resource_seen(&mut self) -> Result<(), GraphError> {
        match self.left.resources.checked_sub(1) {
            Some(left) => {
                self.left.resources = left;
                Ok(())
            }
            None => {
                let text = format!("the answer touches more than {} resources", self.limits.resources);
                Err(limit("resources", text))
            }
        }
    }

    /// Counts the text of a value that goes into the answer.
    pub fn text_seen(&mut self, value: &Value) -> Result<(), GraphError> {
        let length = match value {
            Value::String(text) => text.len(),
            Value::Number(number) => number.as_str().len(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 5,
        };
        self.bytes_seen(length)
    }

    /// Counts so many bytes of the answer.
    pub fn bytes_seen(&mut self, length: usize) -> Result<(), GraphError> {
        match self.left.answer.checked_sub(length) {
            Some(left) => {
                self.left.answer = left;
                Ok(())
            }
            None => {
                let text = format!("the answer holds more than {} bytes of text", self.limits.answer);
                Err(limit("answer", text))
            }
        }
    }

    pub fn arguments(&self, joined: &Joined<'q>) -> Result<super::arguments::Arguments, GraphError> {
        super::arguments::Arguments::read(&joined.field.arguments, self.collector.variables)
    }
}

/// `PatientList` and `PatientConnection`: the type, and whether it is a connection.
pub(super) fn searched(name: &str) -> Option<(ResourceType, bool)> {
    if let Some(kind) = name.strip_suffix("Connection").and_then(ResourceType::parse) {
        return Some((kind, true));
    }
    // `List` is a type itself, and `ListList` its search.
    name.strip_suffix("List").and_then(ResourceType::parse).map(|kind| (kind, false))
}

pub(super) fn limit(name: &'static str, text: String) -> GraphError {
    GraphError::new(Cause::Limit(name), format!("{text}, which is the limit"))
}

fn refused(trouble: Trouble) -> GraphError {
    match trouble {
        Trouble::Forbidden(text) => GraphError::new(Cause::Forbidden, text),
        Trouble::Unusable(text) => GraphError::new(Cause::Query, text),
        Trouble::Failed => GraphError::new(Cause::Failed, "the store could not be read"),
    }
}

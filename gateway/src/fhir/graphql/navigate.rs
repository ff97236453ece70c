//! From an element to its children: members, lists with their arguments, references.

use super::arguments::{Arguments, texts};
use super::error::{Cause, GraphError};
use super::execute::{Run, limit, searched};
use super::fields::Joined;
use super::output::{Flat, Out};
use super::schema::graph_name;
use crate::fhir::definitions::{self, Kind, Type};
use crate::fhir::id::{Reference, ResourceType};
use crate::fhirpath::{Context, ErrorKind, Expression, Node};
use crate::json::Value;

/// An element or a resource that is being answered.
#[derive(Clone, Copy)]
pub(super) struct Focus<'v> {
    pub value: &'v Value,
    pub definition: &'static Type,
    /// The resource around, for what it contains.
    pub around: &'v Value,
    pub is_resource: bool,
}

impl<'v> Focus<'v> {
    /// A resource; `around` is itself or the one that contains it.
    pub fn resource(value: &'v Value, around: &'v Value) -> Option<Self> {
        let kind = value.str("resourceType").and_then(ResourceType::parse)?;
        Some(Self { value, definition: definitions::resource(kind)?, around, is_resource: true })
    }
}

fn wrong(text: impl Into<String>) -> GraphError {
    GraphError::new(Cause::Query, text)
}

/// Items of a member with the kind of each.
struct Children<'v> {
    items: &'v [Value],
    kind: Kind,
    list: bool,
}

impl<'q> Run<'q, '_> {
    /// One field of an element or a resource.
    pub fn field(
        &mut self,
        focus: &Focus<'_>,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        let name = joined.field.name.as_str();
        let meta = match name {
            "__typename" => Some(graph_name(focus.definition.name)),
            "resourceType" if focus.is_resource => Some(focus.definition.name.into()),
            _ => None,
        };
        if let Some(text) = meta {
            self.arguments(joined)?.finish()?;
            let list = flat.list && !joined.field.has("singleton");
            let key = format!("{}{}", joined.field.key(), flat.suffix);
            return out.put(key, vec![Value::from(&*text)], list, "code");
        }
        if matches!(name, "__schema" | "__type") {
            if !self.is_at_root() {
                return Err(wrong(format!("\"{name}\" stands at the root of a query")));
            }
            let told = self.introspect(joined, focus.definition.name)?;
            return out.put(joined.field.key().to_owned(), vec![told], false, "Schema");
        }
        if focus.definition.name == "Reference" && name == "resource" {
            return self.reference(focus, joined, out, flat);
        }
        if let (Some((kind, connection)), true) = (searched(name), focus.is_resource) {
            return self.search(kind, joined, Some(focus), connection, out, flat);
        }
        let children = children(focus, name)?;
        match children.kind {
            Kind::Primitive(primitive, _) => self.leaf(&children, primitive.as_str(), joined, out, flat),
            Kind::Complex(_) | Kind::Reference(..) | Kind::Resource => {
                self.elements(focus, &children, joined, out, flat)
            }
        }
    }

    /// A primitive: no arguments, no selection.
    fn leaf(
        &mut self,
        children: &Children<'_>,
        kind: &'static str,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        let field = joined.field;
        if !joined.below.is_empty() {
            return Err(wrong(format!("\"{}\" is a value and has no fields", field.name)));
        }
        if !field.arguments.is_empty() {
            return Err(wrong(format!("\"{}\" is a value and takes no arguments", field.name)));
        }
        if field.has("flatten") || field.has("slice") {
            return Err(wrong("@flatten and @slice are for fields that have fields of their own"));
        }
        let most = if field.has("first") { 1 } else { usize::MAX };
        let mut values = Vec::new();
        for value in children.items.iter().take(most) {
            self.text_seen(value)?;
            values.push(value.clone());
        }
        let list = (flat.list || children.list) && !field.has("singleton");
        out.put(format!("{}{}", field.key(), flat.suffix), values, list, kind)
    }

    fn elements(
        &mut self,
        focus: &Focus<'_>,
        children: &Children<'_>,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        self.needs_selection(joined)?;
        let field = joined.field;
        let chosen = self.chosen(focus, children, joined)?;
        let singleton = field.has("singleton");
        let slice = field.directives.iter().find(|directive| directive.name == "slice");
        let most = if field.has("first") { 1 } else { usize::MAX };
        for (n, item) in chosen.into_iter().take(most).enumerate() {
            let mut suffix = flat.suffix.clone();
            if let Some(slice) = slice {
                let mut arguments = Arguments::read(&slice.arguments, self.collector.variables)?;
                let path = arguments.text("path")?;
                let path = match path {
                    Some(path) => Some(path),
                    None => arguments.text("fhirpath")?,
                };
                arguments.finish()?;
                let path = path.ok_or_else(|| wrong("@slice takes the argument \"path\""))?;
                suffix.push('.');
                suffix.push_str(&self.slice(&path, n, focus, item, children.kind)?);
            }
            let key = format!("{}{suffix}", field.key());
            let list = (flat.list || children.list) && !singleton;
            let inner = item_of(focus, item, children.kind);
            let Some(inner) = inner else {
                // A place of a list that only keeps its twin in step.
                out.put(key, vec![Value::Null], list, kind_of(children.kind))?;
                continue;
            };
            let step = |error: GraphError| if children.list { error.under(n) } else { error };
            if field.has("flatten") {
                let below = Flat { list: flat.list || (children.list && !singleton), suffix };
                // What is sliced stands under a name of its own, each one value of its element.
                let below = if slice.is_some() { Flat { list: true, ..below } } else { below };
                self.object(&inner, &joined.below, out, &below).map_err(step)?;
            } else {
                let mut object = Out::default();
                self.object(&inner, &joined.below, &mut object, &Flat::default()).map_err(step)?;
                out.put(key, vec![Value::Object(object.finish())], list, kind_of(children.kind))?;
            }
        }
        Ok(())
    }

    /// The items that the arguments of a list leave.
    fn chosen<'v>(
        &mut self,
        focus: &Focus<'v>,
        children: &Children<'v>,
        joined: &Joined<'q>,
    ) -> Result<Vec<&'v Value>, GraphError> {
        let mut arguments = self.arguments(joined)?;
        let path = arguments.text("fhirpath")?;
        let (offset, count) = (arguments.whole("_offset")?, arguments.whole("_count")?);
        let mut filters = Vec::new();
        for (name, value) in arguments.rest() {
            let known = match children.kind {
                Kind::Complex(id) | Kind::Reference(id, _) => {
                    definitions::by_id(id).and_then(|definition| definition.member(&name))
                }
                Kind::Primitive(..) | Kind::Resource => None,
            };
            let is_value = known.is_some_and(|(_, kind)| matches!(kind, Kind::Primitive(..)));
            let wanted = texts(&value).filter(|_| is_value);
            let wanted = wanted.ok_or_else(|| {
                wrong(format!("\"{}\" has no value \"{name}\" to choose by", joined.field.name))
            })?;
            filters.push((name, wanted));
        }
        let expression = match &path {
            None => None,
            Some(path) => Some(parsed(path)?),
        };
        let mut chosen = Vec::new();
        for item in children.items {
            let fits = filters.iter().all(|(name, wanted)| {
                let own = item.get(name).and_then(texts).unwrap_or_default();
                own.iter().any(|text| wanted.contains(text))
            });
            if fits
                && expression.as_ref().map_or(Ok(true), |e| {
                    self.holds(e, focus.around, Node::element(Some(item), None, children.kind))
                })?
            {
                chosen.push(item);
            }
        }
        Ok(chosen.into_iter().skip(offset.unwrap_or(0)).take(count.unwrap_or(usize::MAX)).collect())
    }

    /// Whether a FHIRPath condition holds.
    pub fn holds(&mut self, path: &Expression, around: &Value, node: Node<'_>) -> Result<bool, GraphError> {
        let context = Context::new(around).with_most_steps(self.steps);
        let answer = path.test(&context, node);
        self.steps = self.steps.saturating_sub(context.spent());
        Ok(answer.map_err(|error| told(&error))? == Some(true))
    }

    /// What `@slice` appends for an element.
    fn slice(
        &mut self,
        path: &str,
        index: usize,
        focus: &Focus<'_>,
        item: &Value,
        kind: Kind,
    ) -> Result<String, GraphError> {
        if path.trim() == "$index" {
            return Ok(index.to_string());
        }
        let expression = parsed(path)?;
        let context = Context::new(focus.around).with_most_steps(self.steps);
        let found = expression.evaluate(&context, Node::element(Some(item), None, kind));
        self.steps = self.steps.saturating_sub(context.spent());
        match found.map_err(|error| told(&error))?.as_slice() {
            [one] => match one.to_text() {
                Some(text) if text.len() <= 100 => Ok(text.into_owned()),
                _ => Err(wrong("the path of @slice gives no short text")),
            },
            _ => Err(GraphError::new(Cause::Values, "the path of @slice gives one value for each element")),
        }
    }

    /// `resource` of a Reference.
    fn reference(
        &mut self,
        focus: &Focus<'_>,
        joined: &Joined<'q>,
        out: &mut Out,
        flat: &Flat,
    ) -> Result<(), GraphError> {
        let mut arguments = self.arguments(joined)?;
        let optional = arguments.flag("optional")?.unwrap_or(false);
        let types = match arguments.take("type") {
            None => None,
            Some(value) => {
                let names = texts(&value).unwrap_or_default();
                let types: Option<Vec<ResourceType>> = names.iter().map(|n| ResourceType::parse(n)).collect();
                Some(types.filter(|t| !t.is_empty()).ok_or_else(|| wrong("\"type\" is a resource type"))?)
            }
        };
        arguments.finish()?;
        let fits = |kind: ResourceType| types.as_ref().is_none_or(|types| types.contains(&kind));
        let text = focus.value.str("reference").unwrap_or_default();
        if let Some(id) = text.strip_prefix('#') {
            let contained = focus.around.items("contained");
            let found = match id {
                "" => Some(focus.around),
                id => contained.iter().find(|inner| inner.str("id") == Some(id)),
            };
            return match found.and_then(|inner| Focus::resource(inner, focus.around)) {
                Some(inner) if ResourceType::parse(inner.definition.name).is_some_and(fits) => {
                    self.one(&inner, joined, out, flat)
                }
                Some(_) => Ok(()),
                None if optional => Ok(()),
                None => Err(unresolved()),
            };
        }
        let found = match Reference::parse(text) {
            Some(Reference::Record { kind, .. }) if !fits(kind) => return Ok(()),
            Some(Reference::Record { base, kind, id, .. }) => {
                let own = base.is_none_or(|base| self.is_own_base(&base));
                if own { self.target(kind, id.as_str())? } else { None }
            }
            Some(Reference::Fragment(_) | Reference::Conditional { .. } | Reference::Uri(_)) | None => None,
        };
        match found {
            Some(resource) => match Focus::resource(&resource, &resource) {
                Some(inner) => self.one(&inner, joined, out, flat),
                None => Err(unresolved()),
            },
            None if optional => Ok(()),
            None => Err(unresolved()),
        }
    }

    /// The target of a reference; what the caller may not see is not there.
    fn target(&mut self, kind: ResourceType, id: &str) -> Result<Option<std::rc::Rc<Value>>, GraphError> {
        match self.load(kind, id) {
            Err(error) if error.cause == Cause::Forbidden => Ok(None),
            other => other,
        }
    }
}

fn unresolved() -> GraphError {
    GraphError::new(
        Cause::NotFound,
        "the reference cannot be resolved; ask with (optional: true) to pass over it",
    )
}

/// The children that a name means, in the spelling of JSON: `valueQuantity`, `_birthDate`.
fn children<'v>(focus: &Focus<'v>, name: &str) -> Result<Children<'v>, GraphError> {
    let unknown = || {
        let shown: String = name.chars().take(60).collect();
        wrong(format!("{} has no field \"{shown}\"", focus.definition.name))
    };
    let plain = name.strip_prefix('_');
    let (element, kind) = focus.definition.member(plain.unwrap_or(name)).ok_or_else(unknown)?;
    let kind = match (plain, kind) {
        (None, kind) => kind,
        (Some(_), Kind::Primitive(..)) => Kind::Complex(definitions::id_of("Element").ok_or_else(unknown)?),
        (Some(_), Kind::Complex(_) | Kind::Reference(..) | Kind::Resource) => return Err(unknown()),
    };
    Ok(Children { items: focus.value.items(name), kind, list: element.is_list() })
}

/// An item as a focus; none for a place that holds nothing.
fn item_of<'v>(focus: &Focus<'v>, item: &'v Value, kind: Kind) -> Option<Focus<'v>> {
    match kind {
        Kind::Complex(id) | Kind::Reference(id, _) => {
            item.as_object()?;
            let definition = definitions::by_id(id)?;
            Some(Focus { value: item, definition, around: focus.around, is_resource: false })
        }
        Kind::Resource => {
            // What is contained belongs to its container; an entry of a Bundle stands for itself.
            let bundled = focus.definition.name == "Bundle.entry";
            Focus::resource(item, if bundled { item } else { focus.around })
        }
        Kind::Primitive(..) => None,
    }
}

fn kind_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Primitive(primitive, _) => primitive.as_str(),
        Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id).map_or("Element", |t| t.name),
        Kind::Resource => "Resource",
    }
}

pub(super) fn parsed(path: &str) -> Result<Expression, GraphError> {
    Expression::parse(path).map_err(|error| wrong(format!("the fhirpath cannot be used: {error}")))
}

fn told(error: &crate::fhirpath::Error) -> GraphError {
    match error.kind {
        ErrorKind::Limit => limit("work", "the filters of the answer take too many steps".to_owned()),
        ErrorKind::Syntax | ErrorKind::Semantic | ErrorKind::Execution => {
            GraphError::new(Cause::Values, format!("the fhirpath has no answer: {error}"))
        }
    }
}

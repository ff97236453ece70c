//! Introspection (GraphQL, section 4): what may be asked, told from the tables of R4.
//!
//! Nothing is made before it is asked for: a [`Meta`] is a place in the schema, and answers its fields one by one. Owns the
//! names and kinds of types (`named`), their fields and arguments (`fields`), and what a query about them sees (`meta`).
//! Searches beneath a resource (`ConditionList(_reference: patient)`) are answered and not listed: every type has some
//! hundred of them.

mod fields;
mod meta;
mod named;
#[cfg(test)]
mod tests;

pub(super) use meta::Meta;
pub(super) use named::{graph_name, is_known, type_of_graph};

use super::document::Selection;
use super::error::{Cause, GraphError};
use super::execute::Run;
use super::fields::Joined;
use crate::json::{Object, Value};
use meta::Answer;

/// What every object of an answer counts for beyond its texts, bytes.
const EACH: usize = 8;

impl<'q> Run<'q, '_> {
    /// `__schema` or `__type(name:)` at the root of a query; `root` is the type that queries begin with.
    pub fn introspect(&mut self, joined: &Joined<'q>, root: &'static str) -> Result<Value, GraphError> {
        self.needs_selection(joined)?;
        let mut arguments = self.arguments(joined)?;
        let meta = match joined.field.name.as_str() {
            "__schema" => Some(Meta::schema(root)),
            _ => {
                let name = arguments.text("name")?;
                let wanted = || GraphError::new(Cause::Query, "__type needs the argument \"name\"");
                Meta::of_type(&name.ok_or_else(wanted)?)
            }
        };
        arguments.finish()?;
        let Some(meta) = meta else { return Ok(Value::Null) };
        let mut told = self.described(std::slice::from_ref(&meta), &joined.below)?;
        Ok(told.pop().unwrap_or_default())
    }

    /// Places of the schema, all of one kind, as objects.
    fn described(&mut self, metas: &[Meta], selections: &[&'q Selection]) -> Result<Vec<Value>, GraphError> {
        let Some(first) = metas.first() else { return Ok(Vec::new()) };
        let asked = self.collector.fields(selections, first.type_name())?;
        // Joining fields of one key compares each with those before it.
        self.bytes_seen(asked.len().saturating_mul(asked.len()) / 32)?;
        let mut out = Vec::with_capacity(metas.len());
        for meta in metas {
            self.bytes_seen(EACH)?;
            let mut object = Object::new();
            for joined in &asked {
                let (field, key) = (joined.field, joined.field.key());
                let value = self.told(meta, joined);
                let value = value.map_err(|error| error.at(field.at).under(key))?;
                self.bytes_seen(key.len())?;
                object.insert(key, value);
            }
            out.push(Value::Object(object));
        }
        Ok(out)
    }

    fn told(&mut self, meta: &Meta, joined: &Joined<'q>) -> Result<Value, GraphError> {
        let field = joined.field;
        if let Some(directive) =
            field.directives.iter().find(|d| !matches!(d.name.as_str(), "skip" | "include"))
        {
            let text = format!("@{} is for fields of records", directive.name);
            return Err(GraphError::new(Cause::Query, text));
        }
        let mut arguments = self.arguments(joined)?;
        if matches!(field.name.as_str(), "fields" | "enumValues" | "args" | "inputFields" | "directives") {
            // Nothing here is deprecated, so both answers are the same.
            let _ = arguments.flag("includeDeprecated")?;
        }
        arguments.finish()?;
        let answer = match field.name.as_str() {
            "__typename" => Some(Answer::Value(meta.type_name().into())),
            name => meta.field(name),
        };
        let unknown = || {
            let shown: String = field.name.chars().take(60).collect();
            GraphError::new(Cause::Query, format!("{} has no field \"{shown}\"", meta.type_name()))
        };
        match answer.ok_or_else(unknown)? {
            Answer::Value(_) if !joined.below.is_empty() => {
                Err(GraphError::new(Cause::Query, format!("\"{}\" is a value and has no fields", field.name)))
            }
            Answer::Value(value) => {
                self.text_seen(&value)?;
                Ok(value)
            }
            Answer::One(None) => self.needs_selection(joined).map(|()| Value::Null),
            Answer::One(Some(one)) => {
                self.needs_selection(joined)?;
                let mut told = self.described(std::slice::from_ref(&one), &joined.below)?;
                Ok(told.pop().unwrap_or_default())
            }
            Answer::None => Ok(Value::Null),
            Answer::Many(many) => {
                self.needs_selection(joined)?;
                Ok(Value::Array(self.described(&many, &joined.below)?))
            }
        }
    }
}

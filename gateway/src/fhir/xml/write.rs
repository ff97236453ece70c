//! Writing: elements in the order of the definition, whatever the order in the tree.

use super::{FHIR, XHTML, text};
use crate::fhir::definitions::{self, Kind, Primitive, Type};
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::resource::kind_of;
use crate::fhir::validate;
use crate::json::{Object, Value};

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No space between elements.
    Compact,
    /// Two spaces a level, one element a line.
    Pretty,
}

/// The XML document of a checked resource.
///
/// # Errors
/// An [`Outcome`] with the place, for what XML cannot hold: control characters, extensions on a narrative's div, and
/// anything that the structure check would refuse.
pub fn write(resource: &Value, style: Style) -> Result<Vec<u8>, Outcome> {
    let mut out = br#"<?xml version="1.0" encoding="UTF-8"?>"#.to_vec();
    let name = kind_of(resource)?.as_str();
    let mut writer = Writer { out: &mut out, style, level: 0, path: vec![name.to_owned()] };
    writer.resource(resource, true).map_err(|why| {
        let text = format!("This cannot be shown as XML: {why}. Ask for JSON.");
        Issue::error(IssueCode::NotSupported, text).at(writer.path.join("."))
    })?;
    if style == Style::Pretty {
        out.push(b'\n');
    }
    Ok(out)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    style: Style,
    level: usize,
    path: Vec<String>,
}

type Written = Result<(), String>;

impl Writer<'_> {
    fn resource(&mut self, resource: &Value, is_root: bool) -> Written {
        let kind = kind_of(resource).map_err(|_| "it is not a resource of R4".to_owned())?;
        let definition = definitions::resource(kind).ok_or("its type is not known")?;
        let object = resource.as_object().ok_or("it is not an object")?;
        self.line();
        self.text("<");
        self.text(kind.as_str());
        if is_root {
            self.attribute("xmlns", FHIR)?;
        }
        self.inside(kind.as_str(), |writer| writer.members(object, definition, true))
    }

    /// Closes a start tag, writes children, and the end tag; a tag without children closes itself.
    fn inside(&mut self, name: &str, children: impl FnOnce(&mut Self) -> Written) -> Written {
        let open = self.out.len();
        self.text(">");
        self.level += 1;
        children(self)?;
        self.level -= 1;
        if self.out.len() == open + 1 {
            self.out.truncate(open);
            self.text("/>");
            return Ok(());
        }
        self.line();
        self.text("</");
        self.text(name);
        self.text(">");
        Ok(())
    }

    fn members(&mut self, object: &Object, definition: &'static Type, is_resource: bool) -> Written {
        let mut members: Vec<(usize, &str, Kind)> = Vec::with_capacity(object.len());
        for (key, _) in object.iter() {
            let name = key.strip_prefix('_').unwrap_or(key);
            if is_resource && key == "resourceType" || members.iter().any(|(_, known, _)| *known == name) {
                continue;
            }
            let found = definition.place(name);
            let (place, _, kind) = found.ok_or_else(|| format!("{} has no {name}", definition.name))?;
            members.push((place, name, kind));
        }
        members.sort_by_key(|(place, _, _)| *place);
        for (_, name, kind) in members {
            let is_attribute =
                name == "id" && !is_resource || name == "url" && definition.name == "Extension";
            if !is_attribute {
                self.path.push(name.to_owned());
                self.member(name, kind, object.get(name), object.get(&format!("_{name}")))?;
                self.path.pop();
            }
        }
        Ok(())
    }

    fn member(&mut self, name: &str, kind: Kind, value: Option<&Value>, twin: Option<&Value>) -> Written {
        let lists = (value.and_then(Value::as_array), twin.and_then(Value::as_array));
        let (values, twins) = match lists {
            (None, None) => return self.element(name, kind, value, twin),
            (values, twins) => (values.unwrap_or_default(), twins.unwrap_or_default()),
        };
        for n in 0..values.len().max(twins.len()) {
            self.element(name, kind, values.get(n), twins.get(n))?;
        }
        Ok(())
    }

    fn element(&mut self, name: &str, kind: Kind, value: Option<&Value>, twin: Option<&Value>) -> Written {
        let value = value.filter(|value| **value != Value::Null);
        let twin = twin.filter(|twin| **twin != Value::Null);
        match kind {
            Kind::Primitive(Primitive::Xhtml, _) => self.narrative(value, twin),
            Kind::Primitive(..) => self.primitive(name, value, twin),
            Kind::Complex(id) | Kind::Reference(id, _) => {
                let definition = definitions::by_id(id).ok_or("its type is not known")?;
                let object = value.and_then(Value::as_object).ok_or("it is not an object")?;
                self.start(name, object)?;
                if definition.name == "Extension"
                    && let Some(url) = object.get("url").and_then(Value::as_str)
                {
                    self.attribute("url", url)?;
                }
                self.inside(name, |writer| writer.members(object, definition, false))
            }
            Kind::Resource => {
                let resource = value.ok_or("it is not a resource")?;
                self.start(name, &Object::new())?;
                self.inside(name, |writer| writer.resource(resource, false))
            }
        }
    }

    fn primitive(&mut self, name: &str, value: Option<&Value>, twin: Option<&Value>) -> Written {
        let none = Object::new();
        let twin = twin.and_then(Value::as_object).unwrap_or(&none);
        self.start(name, twin)?;
        match value {
            None => {}
            Some(Value::String(text)) => self.attribute("value", text)?,
            Some(Value::Number(number)) => self.attribute("value", number.as_str())?,
            Some(Value::Bool(is)) => self.attribute("value", if *is { "true" } else { "false" })?,
            Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                return Err("it is no primitive".to_owned());
            }
        }
        let definition = definitions::by_name("Element").ok_or("its type is not known")?;
        self.inside(name, |writer| writer.members(twin, definition, false))
    }

    /// The div as it is, in its namespace.
    fn narrative(&mut self, value: Option<&Value>, twin: Option<&Value>) -> Written {
        let div = value.and_then(Value::as_str).ok_or("a narrative needs its div")?.trim();
        if twin.is_some() {
            return Err("a div takes no extensions".to_owned());
        }
        validate::narrative(div)?;
        if !div.chars().all(text::is_char) {
            return Err("it holds a character that XML does not know".to_owned());
        }
        self.line();
        let head = div.split_once('>').map_or(div, |(head, _)| head);
        let div = div.replace("&nbsp;", "&#160;");
        match div.strip_prefix("<div") {
            Some(rest) if !head.contains("xmlns") => {
                self.text("<div");
                self.attribute("xmlns", XHTML)?;
                self.text(rest);
            }
            Some(_) | None => self.text(&div),
        }
        Ok(())
    }

    /// `<name id="…"`, still open.
    fn start(&mut self, name: &str, object: &Object) -> Written {
        self.line();
        self.text("<");
        self.text(name);
        match object.get("id").and_then(Value::as_str) {
            Some(id) => self.attribute("id", id),
            None => Ok(()),
        }
    }

    fn attribute(&mut self, name: &str, value: &str) -> Written {
        self.text(" ");
        self.text(name);
        self.text("=\"");
        text::attribute(value, self.out).ok_or("it holds a character that XML does not know")?;
        self.text("\"");
        Ok(())
    }

    fn line(&mut self) {
        if self.style == Style::Pretty {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', 2 * self.level));
        }
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

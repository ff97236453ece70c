//! Reading: events of the tokenizer, walked side by side with the definition of each type.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::error::{Reason, XmlError};
use super::text;
use super::{FHIR, XHTML};
use crate::fhir::definitions::{self, Kind, Primitive, Type};
use crate::fhir::id::ResourceType;
use crate::json::{Limits, Number, Object, Value, line_and_column};

/// Attributes of one element that are looked at; no element of FHIR has so many.
const MOST_ATTRIBUTES: usize = 32;
/// Namespace of `xsi:schemaLocation`, which may stand on the root and says nothing.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Reads one resource into the tree that its JSON form has.
///
/// # Errors
/// [`XmlError`] with the place: text that is not well-formed UTF-8 XML, DTDs, entities, elements that the type does not
/// have or that stand twice, values that are not of their primitive type, and broken limits.
pub fn read(input: &[u8], limits: &Limits) -> Result<Value, XmlError> {
    let fail = |at, reason| located(input, Fail::new(at, reason));
    if input.len() > limits.max_bytes {
        return Err(fail(limits.max_bytes, Reason::TooLong { limit: limits.max_bytes }));
    }
    let text = std::str::from_utf8(input).map_err(|e| fail(e.valid_up_to(), Reason::NotUtf8))?;
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let text = text.get(mark..).unwrap_or_default();
    let mut xml = NsReader::from_str(text);
    xml.config_mut().expand_empty_elements = true;
    xml.config_mut().check_comments = true;
    let max_depth = limits.max_depth.min(Limits::MOST_DEPTH);
    let mut reader = Reader { text, xml, from: 0, depth: 0, max_depth };
    reader.document().map_err(|mut failed| {
        failed.at += mark;
        located(input, *failed)
    })
}

struct Fail {
    at: usize,
    reason: Reason,
    /// Steps from the failing element outwards.
    path: Vec<String>,
}

impl Fail {
    const fn new(at: usize, reason: Reason) -> Self {
        Self { at, reason, path: Vec::new() }
    }
}

type Read<T> = Result<T, Box<Fail>>;

fn located(input: &[u8], fail: Fail) -> XmlError {
    let (line, column) = line_and_column(input, fail.at);
    let path: Vec<&str> = fail.path.iter().rev().map(String::as_str).collect();
    XmlError { offset: fail.at, line, column, reason: fail.reason, path: path.join(".") }
}

/// At most this much of a name or value is quoted in an error.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// An element that has begun: its start tag, where it starts, and in which namespace it is.
struct Open<'a> {
    tag: BytesStart<'a>,
    at: usize,
    fhir: bool,
    xhtml: bool,
}

impl Open<'_> {
    fn name(&self) -> String {
        self.tag.local_name().as_ref().to_owned()
    }
}

/// The occurrences of one element within its parent.
struct Member {
    place: usize,
    key: String,
    list: bool,
    primitive: bool,
    values: Vec<Value>,
    twins: Vec<Value>,
}

struct Reader<'a> {
    text: &'a str,
    xml: NsReader<&'a [u8]>,
    /// Where the event at hand starts.
    from: usize,
    depth: usize,
    max_depth: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<Value> {
        let root = match self.event()? {
            Step::Start(open) => open,
            Step::End => return self.content("an end tag stands alone"),
            Step::Eof => return self.fail(Reason::Truncated),
        };
        let value = self.resource(&root, true)?;
        match self.event()? {
            Step::Eof => Ok(value),
            Step::Start(_) | Step::End => self.content("something follows the end of the resource"),
        }
    }

    /// The next tag. Comments, processing instructions and white space lie between and say nothing.
    fn event(&mut self) -> Read<Step<'a>> {
        loop {
            self.from = self.position();
            let event = match self.xml.read_resolved_event() {
                Ok((namespace, Event::Start(tag))) => {
                    let (fhir, xhtml) = match namespace {
                        ResolveResult::Bound(name) => (name.as_ref() == FHIR, name.as_ref() == XHTML),
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => (false, false),
                    };
                    return Ok(Step::Start(Open { tag, at: self.from, fhir, xhtml }));
                }
                Ok((_, event)) => event,
                Err(error) => return self.ill_formed(&error),
            };
            match event {
                Event::End(_) => return Ok(Step::End),
                Event::Eof => return Ok(Step::Eof),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Text(text) if text.trim().is_empty() => {}
                Event::Decl(declared) => match declared.encoding() {
                    None => {}
                    Some(Ok(name)) if name.eq_ignore_ascii_case("utf-8") => {}
                    Some(_) => return self.fail(Reason::NotUtf8),
                },
                Event::DocType(_) => return self.fail(Reason::Doctype),
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return self.content("text stands between elements; values belong into value attributes");
                }
                Event::Start(_) | Event::Empty(_) => {}
            }
        }
    }

    fn resource(&mut self, open: &Open<'a>, is_root: bool) -> Read<Value> {
        let name = open.name();
        let Some(definition) = ResourceType::parse(&name).and_then(definitions::resource) else {
            return self.content(format!("<{}> is not a resource type of FHIR R4", shown(&name)));
        };
        if !open.fhir {
            return self.content(format!("<{name}> must be in the namespace {FHIR}"));
        }
        let named = |mut fail: Box<Fail>| {
            if is_root {
                fail.path.push(name.clone());
            }
            fail
        };
        let mut object = Object::new().with("resourceType", name.as_str());
        self.attributes(open, &[], is_root).map_err(named)?;
        self.nested(|reader| reader.members(definition, &mut object)).map_err(named)?;
        Ok(Value::Object(object))
    }

    /// Everything up to the end of an element that has elements.
    fn members(&mut self, definition: &'static Type, object: &mut Object) -> Read<()> {
        let mut members: Vec<Member> = Vec::new();
        while let Some(open) = self.child()? {
            let key = open.name();
            let step = |mut fail: Box<Fail>, n: Option<usize>| {
                let name = shown(&key);
                fail.path.push(n.map_or_else(|| name.clone(), |n| format!("{name}[{n}]")));
                fail
            };
            let Some((place, element, kind)) = definition.place(&key) else {
                let text = format!("{} has no element \"{}\"", definition.name, shown(&key));
                return self.content(text).map_err(|fail| step(fail, None));
            };
            let known = members.iter().position(|member| member.place == place);
            self.expect(known.and_then(|n| members.get(n)), &key).map_err(|fail| step(fail, None))?;
            let at = known.unwrap_or(members.len());
            if known.is_none() {
                members.push(Member {
                    place,
                    key: key.clone(),
                    list: element.is_list(),
                    primitive: matches!(kind, Kind::Primitive(..)),
                    values: Vec::new(),
                    twins: Vec::new(),
                });
            }
            let Some(member) = members.get_mut(at) else { continue };
            let n = member.list.then_some(member.values.len());
            let read = |reader: &mut Self| reader.value(&open, kind);
            let (value, twin) =
                if member.list { self.nested(read) } else { read(self) }.map_err(|fail| step(fail, n))?;
            member.values.push(value);
            member.twins.push(twin);
        }
        for member in members {
            member.put(object);
        }
        Ok(())
    }

    /// A choice has one form, and an element without a list stands once. The order between elements says nothing that
    /// the tree keeps, and official examples break it; it is not looked at.
    fn expect(&self, known: Option<&Member>, key: &str) -> Read<()> {
        match known {
            Some(known) if known.key != key => {
                self.content(format!("only one of {} and {} may be present", known.key, shown(key)))
            }
            Some(known) if !known.list => self.content(format!("{} may be present only once", shown(key))),
            Some(_) | None => Ok(()),
        }
    }

    /// One occurrence of an element, with what stands behind `_x` in JSON.
    fn value(&mut self, open: &Open<'a>, kind: Kind) -> Read<(Value, Value)> {
        if let Kind::Primitive(Primitive::Xhtml, _) = kind {
            return Ok((self.narrative(open)?, Value::Null));
        }
        if !open.fhir {
            return self.content(format!("<{}> must be in the namespace {FHIR}", shown(&open.name())));
        }
        match kind {
            Kind::Primitive(primitive, _) => self.primitive(open, primitive),
            Kind::Complex(id) | Kind::Reference(id, _) => {
                let Some(definition) = definitions::by_id(id) else {
                    return self.content("of no known type");
                };
                let mut object = Object::new();
                let known: &[&str] = if definition.name == "Extension" { &["id", "url"] } else { &["id"] };
                for (name, value) in self.attributes(open, known, false)? {
                    object.insert(name, value);
                }
                self.nested(|reader| reader.members(definition, &mut object))?;
                url_behind_extensions(&mut object);
                Ok((Value::Object(object), Value::Null))
            }
            Kind::Resource => {
                self.attributes(open, &[], false)?;
                let Some(inner) = self.child()? else { return self.content("holds no resource") };
                let resource = self.resource(&inner, false)?;
                match self.child()? {
                    None => Ok((resource, Value::Null)),
                    Some(_) => self.content("holds more than one resource"),
                }
            }
        }
    }

    fn primitive(&mut self, open: &Open<'a>, primitive: Primitive) -> Read<(Value, Value)> {
        let mut twin = Object::new();
        let mut value = Value::Null;
        for (name, text) in self.attributes(open, &["id", "value"], false)? {
            if name == "value" {
                value = self.of_text(text, primitive)?;
            } else {
                twin.insert(name, text);
            }
        }
        if let Some(definition) = definitions::by_name("Element") {
            self.nested(|reader| reader.members(definition, &mut twin))?;
        }
        if value == Value::Null && twin.is_empty() {
            return self.content("needs a value or an extension");
        }
        let twin = if twin.is_empty() { Value::Null } else { Value::Object(twin) };
        Ok((value, twin))
    }

    fn of_text(&self, text: String, primitive: Primitive) -> Read<Value> {
        match primitive {
            Primitive::Boolean => match text.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                other => self.content(format!("must be true or false, not \"{}\"", shown(other))),
            },
            Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal => {
                match Number::parse(&text) {
                    Some(number) => Ok(Value::Number(number)),
                    None => self.content(format!("must be a number, not \"{}\"", shown(&text))),
                }
            }
            _ => Ok(Value::String(text)),
        }
    }

    /// The div of a narrative, copied as it is.
    fn narrative(&mut self, open: &Open<'a>) -> Read<Value> {
        if !open.xhtml || open.tag.name().prefix().is_some() {
            return self.content(format!("the narrative must be <div xmlns=\"{XHTML}\">, without a prefix"));
        }
        let mut depth = 1usize;
        while depth > 0 {
            let event = match self.xml.read_event() {
                Ok(event) => event,
                Err(error) => return self.ill_formed(&error),
            };
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Eof => return self.fail(Reason::Truncated),
                Event::DocType(_) => return self.fail(Reason::Doctype),
                _ => {}
            }
            if depth > Limits::MOST_DEPTH {
                return self.fail(Reason::TooDeep { limit: Limits::MOST_DEPTH });
            }
        }
        let div = self.text.get(open.at..self.position()).unwrap_or_default();
        if text::foreign_entity(div).is_some() {
            return self.fail(Reason::Doctype);
        }
        Ok(Value::from(div))
    }

    /// The next child; none at the end of the parent.
    fn child(&mut self) -> Read<Option<Open<'a>>> {
        match self.event()? {
            Step::Start(open) => Ok(Some(open)),
            Step::End => Ok(None),
            Step::Eof => self.fail(Reason::Truncated),
        }
    }

    /// Attributes by name, in the order given; those of XML itself are passed over.
    fn attributes(
        &self,
        open: &Open<'a>,
        known: &[&'static str],
        is_root: bool,
    ) -> Read<Vec<(&'static str, String)>> {
        let mut found = Vec::new();
        for (n, attribute) in open.tag.attributes().enumerate() {
            let attribute = match attribute {
                Ok(attribute) if n < MOST_ATTRIBUTES => attribute,
                Ok(_) => return self.content(format!("has more than {MOST_ATTRIBUTES} attributes")),
                Err(error) => return self.fail(Reason::IllFormed(error.to_string())),
            };
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, local) = self.xml.resolver().resolve_attribute(attribute.key);
            let name = match namespace {
                ResolveResult::Unbound => known.iter().find(|name| **name == local.as_ref()),
                ResolveResult::Bound(name) if is_root && name.as_ref() == SCHEMA_INSTANCE => continue,
                ResolveResult::Bound(_) | ResolveResult::Unknown(_) => None,
            };
            let Some(name) = name else {
                return self.content(format!("has no attribute \"{}\"", shown(attribute.key.into_inner())));
            };
            let value =
                attribute.normalized_value_with(XmlVersion::Implicit1_0, 1, resolve_predefined_entity);
            let value = match value {
                Ok(value) if value.chars().all(text::is_char) => value.into_owned(),
                Ok(_) => return self.fail(Reason::IllFormed("a character that XML cannot hold".to_owned())),
                Err(error) => return self.ill_formed(&error),
            };
            found.push((*name, value));
        }
        Ok(found)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == self.max_depth {
            return self.fail(Reason::TooDeep { limit: self.max_depth });
        }
        self.depth += 1;
        let done = read(self);
        self.depth -= 1;
        done
    }

    fn position(&self) -> usize {
        usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX)
    }

    fn fail<T>(&self, reason: Reason) -> Read<T> {
        Err(Box::new(Fail::new(self.from, reason)))
    }

    fn content<T>(&self, text: impl Into<String>) -> Read<T> {
        self.fail(Reason::Content(text.into()))
    }

    fn ill_formed<T>(&self, error: &quick_xml::Error) -> Read<T> {
        let at = usize::try_from(self.xml.error_position()).unwrap_or(self.from);
        Err(Box::new(Fail::new(at.max(self.from), Reason::IllFormed(shown(&error.to_string())))))
    }
}

enum Step<'a> {
    Start(Open<'a>),
    End,
    Eof,
}

impl Member {
    /// Puts the occurrences where JSON has them: value, and `_name` for ids and extensions of primitives.
    fn put(self, object: &mut Object) {
        let twin = format!("_{}", self.key);
        let filled = |items: &[Value]| items.iter().any(|item| *item != Value::Null);
        if !self.list {
            let one = |items: Vec<Value>| items.into_iter().next().filter(|value| *value != Value::Null);
            if let Some(value) = one(self.values) {
                object.insert(self.key, value);
            }
            if let Some(value) = one(self.twins) {
                object.insert(twin, value);
            }
            return;
        }
        if filled(&self.values) {
            object.insert(self.key, self.values);
        }
        if self.primitive && filled(&self.twins) {
            object.insert(twin, self.twins);
        }
    }
}

/// The url of an extension stands behind its own extensions, in the order of the definition.
fn url_behind_extensions(object: &mut Object) {
    if object.contains_key("extension")
        && let Some(url) = object.remove("url")
    {
        let behind = object.position("extension").map_or(0, |n| n + 1);
        object.insert_at(behind, "url", url);
    }
}

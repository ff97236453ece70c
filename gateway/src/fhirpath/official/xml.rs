//! A small XML reader for the suite and its input files, and the step from FHIR's XML to its JSON.

use crate::fhir::definitions::{self, Kind, Primitive, Type};
use crate::json::{Number, Object, Value};

pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// The text directly inside, and the element as it stands in the file.
    pub text: String,
    pub raw: String,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
}

pub fn read(text: &str) -> Element {
    let mut reader = Reader { text, at: 0 };
    reader.skip();
    reader.element()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn until(&mut self, end: &str) -> &'a str {
        let rest = self.rest();
        let length = rest.find(end).unwrap();
        self.at += length + end.len();
        &rest[..length]
    }

    /// Past white space, comments, instructions.
    fn skip(&mut self) {
        loop {
            let rest = self.rest().trim_start_matches('\u{feff}').trim_start();
            self.at = self.text.len() - rest.len();
            if rest.starts_with("<!--") {
                self.until("-->");
            } else if rest.starts_with("<?") {
                self.until("?>");
            } else {
                return;
            }
        }
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "=/>".contains(c)).unwrap();
        self.at += end;
        rest[..end].to_owned()
    }

    fn element(&mut self) -> Element {
        let start = self.at;
        assert!(self.rest().starts_with('<'), "{}", &self.rest()[..40.min(self.rest().len())]);
        self.at += 1;
        let mut element = Element {
            name: self.name(),
            attributes: Vec::new(),
            children: Vec::new(),
            text: String::new(),
            raw: String::new(),
        };
        loop {
            self.skip();
            if self.rest().starts_with("/>") {
                self.at += 2;
                break;
            }
            if self.rest().starts_with('>') {
                self.at += 1;
                self.content(&mut element);
                break;
            }
            let name = self.name();
            self.until("=");
            self.skip();
            let quote = self.rest()[..1].to_owned();
            self.at += 1;
            let value = unescape(self.until(&quote));
            element.attributes.push((name, value));
        }
        element.raw = self.text[start..self.at].to_owned();
        element
    }

    fn content(&mut self, element: &mut Element) {
        loop {
            let rest = self.rest();
            if rest.starts_with("<!--") {
                self.until("-->");
            } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
                let end = data.find("]]>").unwrap();
                element.text.push_str(&data[..end]);
                self.until("]]>");
            } else if rest.starts_with("</") {
                self.until(">");
                return;
            } else if rest.starts_with('<') {
                let child = self.element();
                element.children.push(child);
            } else {
                let end = rest.find('<').unwrap();
                element.text.push_str(&unescape(&rest[..end]));
                self.at += end;
            }
        }
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, tail) = after.split_once(';').unwrap();
        out.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#').unwrap();
                let hex = number.strip_prefix('x').map(|h| u32::from_str_radix(h, 16).unwrap());
                char::from_u32(hex.unwrap_or_else(|| number.parse().unwrap())).unwrap()
            }
        });
        rest = tail;
    }
    out + rest
}

/// A resource in FHIR's XML as JSON.
pub fn resource(element: &Element) -> Value {
    let definition = definitions::by_name(&element.name).unwrap();
    let object = Object::new().with("resourceType", element.name.as_str());
    Value::Object(members(element, definition, object))
}

fn members(element: &Element, definition: &Type, mut object: Object) -> Object {
    for (name, value) in &element.attributes {
        if matches!(name.as_str(), "id" | "url") {
            object.insert(name.as_str(), value.as_str());
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for child in &element.children {
        if !names.contains(&child.name.as_str()) {
            names.push(&child.name);
        }
    }
    for name in names {
        let (member, kind) =
            definition.member(name).unwrap_or_else(|| panic!("{} has no {name}", definition.name));
        let (mut values, mut twins) = (Vec::new(), Vec::new());
        for child in element.children(name) {
            let (value, twin) = convert(child, kind);
            values.push(value);
            twins.push(twin);
        }
        for (key, list) in [(name.to_owned(), values), (format!("_{name}"), twins)] {
            if list.iter().all(|v| *v == Value::Null) {
                continue;
            }
            object.insert(key, if member.is_list() { Value::Array(list) } else { list[0].clone() });
        }
    }
    object
}

fn convert(element: &Element, kind: Kind) -> (Value, Value) {
    match kind {
        Kind::Resource => (resource(&element.children[0]), Value::Null),
        Kind::Complex(id) | Kind::Reference(id, _) => {
            (Value::Object(members(element, definitions::by_id(id).unwrap(), Object::new())), Value::Null)
        }
        Kind::Primitive(Primitive::Xhtml, _) => (Value::from(element.raw.as_str()), Value::Null),
        Kind::Primitive(primitive, _) => {
            let value = element.attribute("value").map_or(Value::Null, |text| match primitive {
                Primitive::Boolean => Value::Bool(text == "true"),
                Primitive::Integer | Primitive::Decimal | Primitive::PositiveInt | Primitive::UnsignedInt => {
                    Value::Number(Number::parse(text).unwrap())
                }
                _ => Value::from(text),
            });
            let plain = Element {
                name: String::new(),
                attributes: element.attributes.clone(),
                children: Vec::new(),
                text: String::new(),
                raw: String::new(),
            };
            let mut twin = members(&plain, definitions::by_name("Element").unwrap(), Object::new());
            let extensions: Vec<Value> = element
                .children("extension")
                .map(|e| convert(e, Kind::Complex(definitions::id_of("Extension").unwrap())).0)
                .collect();
            if !extensions.is_empty() {
                twin.insert("extension", extensions);
            }
            (value, if twin.is_empty() { Value::Null } else { Value::Object(twin) })
        }
    }
}

//! An element of a document: its JSON value, the twin that carries the extensions of a primitive, and its type.

use crate::fhir::definitions::{self, Kind, Primitive, Type, TypeId};
use crate::json::{Object, Value};

/// One element, one repetition of it. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    twin: Option<&'a Value>,
    kind: Option<Kind>,
}

impl<'a> Node<'a> {
    /// A resource, typed by its own `resourceType`.
    pub fn resource(value: &'a Value) -> Self {
        let kind = value.str("resourceType").and_then(definitions::id_of).map(Kind::Complex);
        Self { value: Some(value), twin: None, kind }
    }

    /// An element of a known kind: its value, and for a primitive the member `_name` beside it.
    pub fn element(value: Option<&'a Value>, twin: Option<&'a Value>, kind: Kind) -> Self {
        match (kind, value) {
            (Kind::Resource, Some(resource)) => Self::resource(resource),
            _ => Self { value, twin, kind: Some(kind) },
        }
    }

    /// A resource of which only the type is known, such as the target of a reference that was not loaded.
    pub(super) const fn placeholder(id: TypeId) -> Self {
        Self { value: None, twin: None, kind: Some(Kind::Complex(id)) }
    }

    /// The JSON value; `None` for a primitive that has extensions alone.
    pub const fn value(&self) -> Option<&'a Value> {
        self.value
    }

    /// The object `_name` beside a primitive.
    pub const fn twin(&self) -> Option<&'a Value> {
        self.twin
    }

    /// The kind of element; `None` where the standard does not know it.
    pub const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The primitive type, if it has one.
    pub const fn primitive(&self) -> Option<Primitive> {
        match self.kind {
            Some(Kind::Primitive(primitive, _)) => Some(primitive),
            _ => None,
        }
    }

    /// Whether it is a resource.
    pub fn is_resource(&self) -> bool {
        self.kind.is_some_and(|kind| match (kind, definitions::id_of("Resource")) {
            (Kind::Complex(id), Some(resource)) => definitions::is_a(id, resource),
            _ => false,
        })
    }

    /// The definition behind a complex kind.
    pub(super) fn definition(&self) -> Option<&'static Type> {
        match self.kind? {
            Kind::Complex(id) | Kind::Reference(id, _) => definitions::by_id(id),
            Kind::Primitive(..) => None,
            Kind::Resource => definitions::by_name("Resource"),
        }
    }

    /// The text of a string member.
    pub fn str(&self, key: &str) -> Option<&'a str> {
        self.value?.str(key)
    }

    /// Whether it names a type that this node has, at the start of a path such as `Patient.name`.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let Some(definition) = self.definition() else { return false };
        if definition.name == name {
            return true;
        }
        let capital = name.starts_with(|c: char| c.is_ascii_uppercase());
        let (Some(Kind::Complex(id) | Kind::Reference(id, _)), true) = (self.kind, capital) else {
            return false;
        };
        definitions::id_of(name).is_some_and(|wanted| definitions::is_a(id, wanted))
    }

    /// Whether the type of this node has an element `name`. A type that is not known has every element.
    pub(super) fn may_have(&self, name: &str) -> bool {
        match self.kind {
            Some(Kind::Primitive(..)) => matches!(name, "id" | "extension" | "value"),
            _ => self.definition().is_none_or(|t| t.elements.iter().any(|e| e.name == name)),
        }
    }

    /// Gives every repetition of element `name` to `found`, in order; stops when that answers `false`.
    pub(super) fn each(&self, name: &str, found: &mut impl FnMut(Node<'a>) -> bool) -> bool {
        if self.primitive().is_some() {
            return self.each_of_primitive(name, found);
        }
        let Some(Value::Object(object)) = self.value else { return true };
        let Some(definition) = self.definition() else {
            return name == "resourceType" || repetitions(object.get(name), None, None, found);
        };
        if let Some((element, kind)) = definition.member(name)
            && !element.choice
        {
            let (value, twin) = match kind {
                Kind::Primitive(..) => with_twin(object, name),
                _ => (object.get(name), None),
            };
            return repetitions(value, twin, Some(kind), found);
        }
        if !definition.elements.iter().any(|e| e.choice && e.name == name) {
            return true;
        }
        each_choice(object, definition, name, found)
    }

    fn each_of_primitive(&self, name: &str, found: &mut impl FnMut(Node<'a>) -> bool) -> bool {
        if name == "value" {
            return self.value.is_none() || found(Self { twin: None, ..*self });
        }
        let Some(twin) = self.twin.and_then(|t| t.get(name)) else { return true };
        let kind = definitions::by_name("Element").and_then(|t| t.member(name)).map(|(_, kind)| kind);
        kind.is_none() || repetitions(Some(twin), None, kind, found)
    }

    /// Gives every child to `found`, in the order of the document.
    pub(super) fn each_child(&self, found: &mut impl FnMut(Node<'a>) -> bool) -> bool {
        if self.primitive().is_some() {
            return ["id", "extension"].iter().all(|name| self.each_of_primitive(name, found));
        }
        let Some(Value::Object(object)) = self.value else { return true };
        let definition = self.definition();
        for (key, value) in object.iter() {
            let plain = key.strip_prefix('_').unwrap_or(key);
            let kind = definition.and_then(|t| t.member(plain)).map(|(_, kind)| kind);
            let more = if plain.len() < key.len() {
                // A twin comes with its value; alone it stands for itself.
                object.contains_key(plain) || repetitions(None, Some(value), kind, found)
            } else if matches!(kind, Some(Kind::Primitive(..))) {
                repetitions(Some(value), with_twin(object, key).1, kind, found)
            } else {
                key == "resourceType" || repetitions(Some(value), None, kind, found)
            };
            if !more {
                return false;
            }
        }
        true
    }
}

/// Members `name` and `_name`.
fn with_twin<'a>(object: &'a Object, name: &str) -> (Option<&'a Value>, Option<&'a Value>) {
    let (mut value, mut twin) = (None, None);
    for (key, member) in object.iter() {
        if key == name {
            value = Some(member);
        } else if key.strip_prefix('_') == Some(name) {
            twin = Some(member);
        }
    }
    (value, twin)
}

/// The members that `name[x]` may stand under.
fn each_choice<'a>(
    object: &'a Object,
    definition: &Type,
    name: &str,
    found: &mut impl FnMut(Node<'a>) -> bool,
) -> bool {
    for (key, value) in object.iter() {
        let plain = key.strip_prefix('_').unwrap_or(key);
        let suffixed =
            plain.strip_prefix(name).is_some_and(|s| s.starts_with(|c: char| c.is_ascii_uppercase()));
        let member = suffixed.then(|| definition.member(plain)).flatten();
        let Some((_, kind)) = member.filter(|(element, _)| element.choice && element.name == name) else {
            continue;
        };
        let more = if plain.len() < key.len() {
            object.contains_key(plain) || repetitions(None, Some(value), Some(kind), found)
        } else {
            let twin = if matches!(kind, Kind::Primitive(..)) { with_twin(object, key).1 } else { None };
            repetitions(Some(value), twin, Some(kind), found)
        };
        if !more {
            return false;
        }
    }
    true
}

/// One node for each place of an array, or the one node; places that hold nothing are passed over.
fn repetitions<'a>(
    value: Option<&'a Value>,
    twin: Option<&'a Value>,
    kind: Option<Kind>,
    found: &mut impl FnMut(Node<'a>) -> bool,
) -> bool {
    let mut one = |value: Option<&'a Value>, twin: Option<&'a Value>| {
        let value = value.filter(|v| **v != Value::Null);
        let twin = twin.filter(|v| **v != Value::Null);
        if value.is_none() && twin.is_none() {
            return true;
        }
        found(match (kind, value) {
            (Some(kind), value) => Node::element(value, twin, kind),
            (None, Some(value)) if value.get("resourceType").is_some() => Node::resource(value),
            (None, value) => Node { value, twin, kind: None },
        })
    };
    let (values, twins) = (value.and_then(Value::as_array), twin.and_then(Value::as_array));
    if values.is_none() && twins.is_none() {
        return one(value, twin);
    }
    let most = values.map_or(0, <[Value]>::len).max(twins.map_or(0, <[Value]>::len));
    (0..most).all(|n| one(values.and_then(|v| v.get(n)), twins.and_then(|t| t.get(n))))
}

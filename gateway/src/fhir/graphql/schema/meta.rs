//! Places in the schema, as a query about it sees them (GraphQL, section 4.2).

use super::fields::{self, Argument, Field};
use super::named::{self, Named, Ref};
use crate::fhir::definitions;
use crate::fhir::id::ResourceType;
use crate::json::Value;

/// One place.
#[derive(Debug, Clone)]
pub enum Meta {
    /// The whole, with the type that queries begin with.
    Schema(&'static str),
    /// A type.
    Type(Ref),
    /// A field of a type.
    Field(Field),
    /// An argument.
    Input(Argument),
    /// A directive.
    Directive(&'static Directive),
}

/// What a field of a place answers.
pub enum Answer {
    /// A value or a list of values.
    Value(Value),
    /// An object or null.
    One(Option<Meta>),
    /// A list of objects.
    Many(Vec<Meta>),
    /// Null where a list would be.
    None,
}

/// A directive.
#[derive(Debug)]
pub struct Directive {
    name: &'static str,
    about: &'static str,
    takes: Option<(&'static str, &'static str, bool)>,
    anywhere: bool,
}

const fn directive(name: &'static str, about: &'static str) -> Directive {
    Directive { name, about, takes: None, anywhere: false }
}

static DIRECTIVES: [Directive; 6] = [
    Directive {
        takes: Some(("if", "Boolean", true)),
        anywhere: true,
        ..directive("include", "Only when the condition is true.")
    },
    Directive {
        takes: Some(("if", "Boolean", true)),
        anywhere: true,
        ..directive("skip", "Only when the condition is false.")
    },
    directive("flatten", "What is within stands in the place of the element itself."),
    directive("first", "Only the first of a list."),
    directive("singleton", "A value in the place of a list of one."),
    Directive {
        takes: Some(("path", "String", true)),
        ..directive("slice", "The name of each element ends with what the path gives for it.")
    },
];

impl Meta {
    /// The whole schema, where queries begin with a type.
    pub const fn schema(root: &'static str) -> Self {
        Self::Schema(root)
    }

    /// The type of a name.
    pub fn of_type(name: &str) -> Option<Self> {
        named::find(name).map(|named| Self::Type(Ref::Named(named)))
    }

    /// The name of its own type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Schema(_) => "__Schema",
            Self::Type(_) => "__Type",
            Self::Field(_) => "__Field",
            Self::Input(_) => "__InputValue",
            Self::Directive(_) => "__Directive",
        }
    }

    /// The answer of a field; none when it has no such field.
    pub fn field(&self, name: &str) -> Option<Answer> {
        let null = || Some(Answer::Value(Value::Null));
        match self {
            Self::Schema(root) => match name {
                "description" => Some(Answer::Value("FHIR R4, for reading.".into())),
                "queryType" => Some(Answer::One(Self::of_type(root))),
                "mutationType" | "subscriptionType" => Some(Answer::One(None)),
                "types" => Some(Answer::Many(named::all().map(|n| Self::Type(Ref::Named(n))).collect())),
                "directives" => Some(Answer::Many(DIRECTIVES.iter().map(Self::Directive).collect())),
                _ => None,
            },
            Self::Type(of) => type_field(of, name),
            Self::Field(field) => match name {
                "name" => Some(Answer::Value(Value::from(&*field.name))),
                "description" | "deprecationReason" => null(),
                "args" => Some(Answer::Many(field.arguments().into_iter().map(Self::Input).collect())),
                "type" => Some(Answer::One(Some(Self::Type(field.gives.clone())))),
                "isDeprecated" => Some(Answer::Value(false.into())),
                _ => None,
            },
            Self::Input(argument) => match name {
                "name" => Some(Answer::Value(Value::from(&*argument.name))),
                "description" | "defaultValue" | "deprecationReason" => null(),
                "type" => Some(Answer::One(Some(Self::Type(argument.takes.clone())))),
                "isDeprecated" => Some(Answer::Value(false.into())),
                _ => None,
            },
            Self::Directive(directive) => directive.field(name),
        }
    }
}

impl Directive {
    fn field(&self, name: &str) -> Option<Answer> {
        match name {
            "name" => Some(Answer::Value(self.name.into())),
            "description" => Some(Answer::Value(self.about.into())),
            "isRepeatable" => Some(Answer::Value(false.into())),
            "locations" => {
                let places: &[&str] =
                    if self.anywhere { &["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"] } else { &["FIELD"] };
                Some(Answer::Value(places.iter().map(|place| Value::from(*place)).collect::<Vec<_>>().into()))
            }
            "args" => {
                let one = self.takes.map(|(name, takes, needed)| {
                    let takes = Ref::scalar(takes);
                    let takes = if needed { takes.needed() } else { takes };
                    Meta::Input(Argument { name: name.into(), takes })
                });
                Some(Answer::Many(one.into_iter().collect()))
            }
            _ => None,
        }
    }
}

fn type_field(of: &Ref, name: &str) -> Option<Answer> {
    let (wrapper, inner, own) = match of {
        Ref::List(inner) => (Some("LIST"), Some(&**inner), None),
        Ref::Needed(inner) => (Some("NON_NULL"), Some(&**inner), None),
        Ref::Named(own) => (None, None, Some(*own)),
    };
    let resource = |definition: &definitions::Type| ResourceType::parse(definition.name).is_some();
    Some(match name {
        "kind" => Answer::Value(match (wrapper, own) {
            (Some(kind), _) => kind.into(),
            (None, Some(Named::Scalar(_))) => "SCALAR".into(),
            (None, Some(Named::Resource(_))) => "INTERFACE".into(),
            (None, _) => "OBJECT".into(),
        }),
        "name" => Answer::Value(own.map_or(Value::Null, |own| Value::from(&*own.name()))),
        "description" => Answer::Value(match own {
            Some(Named::Object(definition)) => format!("{} of FHIR R4.", definition.name).into(),
            _ => Value::Null,
        }),
        "fields" => match own.and_then(fields::of) {
            Some(fields) => Answer::Many(fields.into_iter().map(Meta::Field).collect()),
            None => Answer::None,
        },
        "interfaces" => match own {
            Some(Named::Object(definition)) if resource(definition) => {
                Answer::Many(Meta::of_type("Resource").into_iter().collect())
            }
            Some(Named::Scalar(_)) | None => Answer::None,
            Some(_) => Answer::Many(Vec::new()),
        },
        "possibleTypes" => match own {
            Some(Named::Resource(_)) => {
                let all = ResourceType::all().filter_map(definitions::resource);
                Answer::Many(all.map(|d| Meta::Type(Ref::Named(Named::Object(d)))).collect())
            }
            _ => Answer::None,
        },
        "ofType" => Answer::One(inner.map(|inner| Meta::Type(inner.clone()))),
        "enumValues" | "inputFields" => Answer::None,
        "specifiedByURL" | "isOneOf" => Answer::Value(Value::Null),
        _ => return None,
    })
}

//! A concept of a code system: its code, texts and properties.

use super::TermError;
use crate::json::{Number, Object, Value};

/// One concept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concept {
    /// The code.
    pub code: String,
    /// What it means, shortly.
    pub display: Option<String>,
    /// What it means, in full.
    pub definition: Option<String>,
    /// Only for grouping: not to be chosen.
    pub is_abstract: bool,
    /// No longer to be used.
    pub inactive: bool,
    /// Other texts.
    pub designations: Vec<Designation>,
    /// Properties but those that say who stands above whom.
    pub properties: Vec<(String, Property)>,
    pub(super) parents: Vec<u32>,
    pub(super) children: Vec<u32>,
}

/// A text of a concept in a language or for a use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Designation {
    /// Language of the text (BCP 47).
    pub language: Option<String>,
    /// What the text is for: system and code.
    pub usage: Option<(String, String)>,
    /// The text.
    pub value: String,
}

/// Value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// Code within the same system.
    Code(String),
    /// Text.
    Text(String),
    /// A date with or without time, as written.
    Time(String),
    /// Yes or no.
    Flag(bool),
    /// A number, as written.
    Number(Number),
    /// A concept of a system.
    Coding {
        /// Its system.
        system: String,
        /// Its code.
        code: String,
    },
}

impl Property {
    /// The value as filters compare it.
    pub fn text(&self) -> String {
        match self {
            Self::Code(text) | Self::Text(text) | Self::Time(text) => text.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Coding { system, code } => format!("{system}|{code}"),
        }
    }

    /// The member `value[x]` of a Parameters part, and its value.
    pub fn member(&self) -> (&'static str, Value) {
        match self {
            Self::Code(code) => ("valueCode", code.into()),
            Self::Text(text) => ("valueString", text.into()),
            Self::Time(text) => ("valueDateTime", text.into()),
            Self::Flag(flag) => ("valueBoolean", (*flag).into()),
            Self::Number(number) => {
                let whole = number.as_i64().is_some();
                (if whole { "valueInteger" } else { "valueDecimal" }, number.clone().into())
            }
            Self::Coding { system, code } => {
                ("valueCoding", Value::from([("system", system), ("code", code)]))
            }
        }
    }
}

impl Designation {
    /// Reads one; `None` when it has no text.
    pub fn from_json(json: &Value) -> Option<Self> {
        let usage = json.get("use");
        Some(Self {
            language: json.str("language").map(str::to_owned),
            usage: usage.and_then(|u| {
                Some((u.str("system").unwrap_or_default().to_owned(), u.str("code")?.to_owned()))
            }),
            value: json.str("value")?.to_owned(),
        })
    }

    /// `ValueSet.expansion.contains.designation`.
    pub fn to_json(&self) -> Value {
        let object = Object::new()
            .with_some("language", self.language.as_deref())
            .with_some("use", self.usage_json())
            .with("value", self.value.as_str());
        Value::Object(object)
    }

    /// What it is for, as a Coding.
    pub fn usage_json(&self) -> Option<Value> {
        let (system, code) = self.usage.as_ref()?;
        let system = (!system.is_empty()).then_some(system.as_str());
        Some(Value::Object(Object::new().with_some("system", system).with("code", code.as_str())))
    }

    /// Whether it is in a language: `hi` takes `hi-IN` too, and `hi-IN` takes `hi`.
    pub fn speaks(&self, language: &str) -> bool {
        let first = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        self.language.as_deref().is_some_and(|own| {
            own.eq_ignore_ascii_case(language)
                || first(own) == first(language) && (own.len() == 2 || language.len() == 2)
        })
    }
}

impl Concept {
    /// The text in a language, as near as there is one; the display otherwise.
    pub fn display_in(&self, language: Option<&str>) -> Option<&str> {
        let exact = |wanted: &str| {
            self.designations
                .iter()
                .find(|d| d.language.as_deref().is_some_and(|l| l.eq_ignore_ascii_case(wanted)))
        };
        let near = |wanted: &str| self.designations.iter().find(|d| d.speaks(wanted));
        let text = language.and_then(|wanted| exact(wanted).or_else(|| near(wanted)));
        text.map(|d| d.value.as_str()).or(self.display.as_deref())
    }

    /// Reads a concept of a CodeSystem, those within it apart; and the codes that a `parent` or `subsumedBy` property
    /// puts above it.
    ///
    /// # Errors
    /// When it has no code.
    pub fn from_json(json: &Value) -> Result<(Self, Vec<String>), TermError> {
        let code =
            json.str("code").ok_or_else(|| TermError::Malformed("a concept without a code".to_owned()))?;
        let mut concept = Self {
            code: code.to_owned(),
            display: json.str("display").map(str::to_owned),
            definition: json.str("definition").map(str::to_owned),
            designations: json.items("designation").iter().filter_map(Designation::from_json).collect(),
            ..Self::default()
        };
        let mut parents = Vec::new();
        for item in json.items("property") {
            let Some((name, value)) = item.str("code").zip(property(item)) else { continue };
            match (name, &value) {
                ("parent" | "subsumedBy", Property::Code(code)) => parents.push(code.clone()),
                ("inactive", Property::Flag(flag)) => concept.inactive |= flag,
                ("status", Property::Code(code)) => {
                    concept.inactive |= matches!(code.as_str(), "retired" | "deprecated" | "inactive");
                }
                ("notSelectable" | "abstract", Property::Flag(flag)) => concept.is_abstract |= flag,
                _ => {}
            }
            concept.properties.push((name.to_owned(), value));
        }
        Ok((concept, parents))
    }
}

fn property(item: &Value) -> Option<Property> {
    let (key, value) = item.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(match (key, value) {
        ("valueCode", Value::String(code)) => Property::Code(code.clone()),
        ("valueDateTime", Value::String(text)) => Property::Time(text.clone()),
        ("valueCoding", coding) => Property::Coding {
            system: coding.str("system").unwrap_or_default().to_owned(),
            code: coding.str("code").unwrap_or_default().to_owned(),
        },
        (_, Value::String(text)) => Property::Text(text.clone()),
        (_, Value::Bool(flag)) => Property::Flag(*flag),
        (_, Value::Number(number)) => Property::Number(number.clone()),
        (_, Value::Null | Value::Array(_) | Value::Object(_)) => return None,
    })
}

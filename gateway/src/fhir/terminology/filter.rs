//! Filters of a value set on the concepts of a system (value set filter-operator).

use regex::Regex;

use super::TermError;
use super::code_system::CodeSystem;
use super::concept::Concept;
use crate::fhir::pattern;

/// A condition on a concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Property that is looked at: `concept`, `code`, `display`, `parent`, `child`, or one of the system's own.
    pub property: String,
    /// How.
    pub operator: Operator,
    /// Against what.
    pub value: String,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// How a filter compares.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operator { $($(#[$doc])* $name,)* }
        impl Operator {
            /// The operator of a code.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($text => Some(Self::$name),)* _ => None }
            }
            /// The code.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

operators! {
    /// The same text.
    Equal = "=",
    /// The concept, or below it.
    IsA = "is-a",
    /// Below the concept.
    DescendentOf = "descendent-of",
    /// Neither the concept nor below it.
    IsNotA = "is-not-a",
    /// The whole text fits the regular expression.
    Regex = "regex",
    /// One of a list with commas.
    In = "in",
    /// None of a list with commas.
    NotIn = "not-in",
    /// The concept, or above it.
    Generalizes = "generalizes",
    /// Has the property (`true`), or has not (`false`).
    Exists = "exists",
}

impl Filter {
    /// Whether a concept of a system fits.
    ///
    /// # Errors
    /// When the regular expression cannot be read, or the value of `exists` is neither true nor false.
    pub fn holds(&self, system: &CodeSystem, concept: &Concept) -> Result<bool, TermError> {
        Ok(self.ready()?.holds(system, concept))
    }

    /// The filter made ready for many concepts.
    ///
    /// # Errors
    /// As [`Filter::holds`].
    pub fn ready(&self) -> Result<Ready<'_>, TermError> {
        let value = self.value.as_str();
        let mut ready = Ready { filter: self, whole: None, wanted: false };
        match self.operator {
            Operator::Exists => {
                ready.wanted = value.parse::<bool>().map_err(|_| {
                    TermError::BadFilter(format!("\"exists\" takes true or false, not \"{value}\""))
                })?;
            }
            Operator::Regex => {
                let whole = pattern::whole(value).ok_or_else(|| {
                    TermError::BadFilter(format!(
                        "\"{value}\" is not a regular expression, or too large a one"
                    ))
                })?;
                ready.whole = Some(whole);
            }
            Operator::Equal
            | Operator::IsA
            | Operator::DescendentOf
            | Operator::IsNotA
            | Operator::In
            | Operator::NotIn
            | Operator::Generalizes => {}
        }
        Ok(ready)
    }

    /// The code whose concepts below are all that can fit, if the filter asks for such.
    pub fn root(&self) -> Option<&str> {
        matches!(self.operator, Operator::IsA | Operator::DescendentOf).then_some(self.value.as_str())
    }
}

/// A filter with its regular expression read.
pub struct Ready<'f> {
    filter: &'f Filter,
    whole: Option<Regex>,
    wanted: bool,
}

impl Ready<'_> {
    /// Whether a concept of a system fits.
    pub fn holds(&self, system: &CodeSystem, concept: &Concept) -> bool {
        let value = self.filter.value.as_str();
        let code = concept.code.as_str();
        match self.filter.operator {
            Operator::IsA => system.is_a(code, value),
            Operator::DescendentOf => !same(system, code, value) && system.is_a(code, value),
            Operator::IsNotA => !system.is_a(code, value),
            Operator::Generalizes => system.is_a(value, code),
            Operator::Equal => self.any(system, concept, |text| text == value),
            Operator::In => self.any(system, concept, |text| listed(value, text)),
            Operator::NotIn => !self.any(system, concept, |text| listed(value, text)),
            Operator::Exists => self.any(system, concept, |_| true) == self.wanted,
            Operator::Regex => self
                .whole
                .as_ref()
                .is_some_and(|whole| self.any(system, concept, |text| whole.is_match(text))),
        }
    }

    /// Whether any value of the property fits.
    fn any(&self, system: &CodeSystem, concept: &Concept, fits: impl Fn(&str) -> bool) -> bool {
        match self.filter.property.as_str() {
            "code" | "concept" => fits(&concept.code),
            "display" => concept.display.as_deref().is_some_and(&fits),
            "definition" => concept.definition.as_deref().is_some_and(&fits),
            "parent" => system.parents(concept).iter().any(|code| fits(code)),
            "child" => system.children(concept).iter().any(|code| fits(code)),
            "inactive" => fits(if concept.inactive { "true" } else { "false" }),
            "notSelectable" | "abstract" => fits(if concept.is_abstract { "true" } else { "false" }),
            name => concept.properties.iter().any(|(key, value)| key == name && fits(&value.text())),
        }
    }
}

fn same(system: &CodeSystem, a: &str, b: &str) -> bool {
    if system.case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) }
}

fn listed(list: &str, text: &str) -> bool {
    list.split(',').any(|item| item.trim() == text)
}

//! Patient: who it is.

use super::Concept;
use crate::fhir::datetime::{Moment, Precision};
use crate::fhir::search::people::Shown;
use crate::json::Value;

/// A Patient.
#[derive(Debug, Clone, Copy)]
pub struct Patient<'a>(pub &'a Value);

/// A HumanName.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name<'a> {
    /// The whole name: `text`, or its parts where there is none.
    pub text: String,
    /// `use`
    pub usage: Option<&'a str>,
    /// Language, by the standard's extension.
    pub language: Option<&'a str>,
}

/// An Identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// `system`, empty when not said.
    pub system: &'a str,
    /// `value`
    pub value: &'a str,
    /// First code of its type, such as `MR`.
    pub kind: Option<&'a str>,
}

/// A ContactPoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telecom<'a> {
    /// `phone`, `email` …
    pub system: Option<&'a str>,
    /// `value`
    pub value: &'a str,
    /// `use`
    pub usage: Option<&'a str>,
}

const LANGUAGE: &str = "http://hl7.org/fhir/StructureDefinition/language";

impl<'a> Patient<'a> {
    /// Logical id.
    pub fn id(&self) -> Option<&'a str> {
        self.0.str("id")
    }

    /// Names still in use, in order; old ones last.
    pub fn names(&self) -> Vec<Name<'a>> {
        let read = |name: &'a Value| Name {
            text: crate::fhir::search::people::full_name(name),
            usage: name.str("use"),
            language: name
                .items("extension")
                .iter()
                .find(|e| e.str("url") == Some(LANGUAGE))
                .and_then(|e| e.str("valueCode")),
        };
        let mut names: Vec<Name<'a>> =
            self.0.items("name").iter().map(read).filter(|n| !n.text.is_empty()).collect();
        names.sort_by_key(|n| matches!(n.usage, Some("old" | "maiden")));
        names
    }

    /// `birthDate` as written: a year, a month or a day.
    pub fn birth_date(&self) -> Option<&'a str> {
        self.0.str("birthDate")
    }

    /// How exactly the birth date is known.
    pub fn birth_precision(&self) -> Option<Precision> {
        Moment::date(self.birth_date()?).map(|m| m.precision())
    }

    /// `gender`
    pub fn gender(&self) -> Option<&'a str> {
        self.0.str("gender")
    }

    /// Whether the person has died: said outright, or by a date.
    pub fn deceased(&self) -> bool {
        self.0
            .get("deceasedBoolean")
            .and_then(Value::as_bool)
            .unwrap_or_else(|| self.0.get("deceasedDateTime").is_some())
    }

    /// When the person died, where that is said.
    pub fn death_date(&self) -> Option<&'a str> {
        self.0.str("deceasedDateTime")
    }

    /// Identifiers that have a value.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier<'a>> + use<'a> {
        self.0.items("identifier").iter().filter_map(|i| {
            let kind = i
                .get("type")
                .and_then(|t| Concept(t).codings().next())
                .map(|c| c.code)
                .filter(|c| !c.is_empty());
            Some(Identifier { system: i.str("system").unwrap_or_default(), value: i.str("value")?, kind })
        })
    }

    /// The first identifier of a system.
    pub fn identifier_in(&self, system: &str) -> Option<&'a str> {
        self.identifiers().find(|i| i.system == system).map(|i| i.value)
    }

    /// Contact points that have a value.
    pub fn telecoms(&self) -> impl Iterator<Item = Telecom<'a>> + use<'a> {
        self.0.items("telecom").iter().filter_map(|t| {
            Some(Telecom { system: t.str("system"), value: t.str("value")?, usage: t.str("use") })
        })
    }

    /// Phone numbers, those in use first.
    pub fn phones(&self) -> Vec<&'a str> {
        let mut phones: Vec<Telecom<'a>> =
            self.telecoms().filter(|t| matches!(t.system, Some("phone" | "sms") | None)).collect();
        phones.sort_by_key(|t| t.usage == Some("old"));
        phones.into_iter().map(|t| t.value).collect()
    }

    /// Town or village of the first address that names one.
    pub fn village(&self) -> Option<&'a str> {
        self.0.items("address").iter().find_map(|a| a.str("city").or_else(|| a.str("district")))
    }

    /// The first address in one line.
    pub fn address(&self) -> Option<String> {
        let address = self.0.items("address").first()?;
        if let Some(text) = address.str("text") {
            return Some(text.to_owned());
        }
        let lines = address.items("line").iter().filter_map(Value::as_str);
        let rest =
            ["city", "district", "state", "postalCode", "country"].iter().filter_map(|key| address.str(key));
        let all: Vec<&str> = lines.chain(rest).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// What the people search judges by. `name` and `other` are the two names shown; `number` is the clinic's own
    /// number, the other identifiers come behind it.
    pub fn shown<'b>(&self, name: &'b str, other: Option<&'b str>, number: Option<&'b str>) -> Shown<'b>
    where
        'a: 'b,
    {
        let others = self.identifiers().map(|i| i.value).filter(|v| Some(*v) != number);
        Shown {
            name,
            other_name: other,
            phones: self.phones(),
            numbers: number.or(Some("")).into_iter().chain(others).collect(),
            village: self.village(),
            birth_year: self.birth_date().and_then(Moment::date).map(|m| m.ymd().0),
        }
    }
}

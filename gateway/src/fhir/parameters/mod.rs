//! `Parameters`: what an operation is given, by a query or a body, and what it gives back (R4, Operations framework).
//!
//! An operation takes what it knows by name and type and then calls [`Parameters::finish`], which refuses the rest: a
//! parameter that was dropped in silence would change what was asked.

mod answer;
mod read;

pub use answer::Answer;
use jiff::Timestamp;

use super::datetime::Moment;
use super::outcome::{Issue, IssueCode, Outcome};
use super::validate;
use crate::decimal::Decimal;
use crate::json::Value;

/// Most parameters of one invocation, parts included.
pub const MOST: usize = 10_000;

/// Value types that are read as text.
const TEXTUAL: [&str; 10] = [
    "valueString",
    "valueCode",
    "valueUri",
    "valueUrl",
    "valueCanonical",
    "valueId",
    "valueMarkdown",
    "valueOid",
    "valueUuid",
    "valueBase64Binary",
];

/// What one parameter carries.
#[derive(Debug, Clone, PartialEq)]
enum Given {
    /// From a query: any primitive, as text.
    Text(String),
    /// `value[x]`, with the name of the member.
    Value(String, Value),
    /// A resource, not checked.
    Resource(Value),
    /// Parameters of its own.
    Parts(Vec<Parameter>),
}

/// One parameter and its place, such as `Parameters.parameter[2]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    name: String,
    given: Given,
    place: String,
}

/// Parameters that have not been taken yet, in the order in which they were sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    left: Vec<Parameter>,
}

impl Parameters {
    /// Those of a query, decoded.
    pub fn of_query(pairs: &[(String, String)]) -> Self {
        let left = pairs.iter().map(|(name, value)| Parameter {
            name: name.clone(),
            given: Given::Text(value.clone()),
            place: name.clone(),
        });
        Self { left: left.collect() }
    }

    /// Those of a `Parameters` resource. Resources inside are taken as they are.
    ///
    /// # Errors
    /// An [`Outcome`] when it is no `Parameters`, with each parameter that breaks the structure of R4, or when there
    /// are more than [`MOST`].
    pub fn of_resource(resource: Value) -> Result<Self, Outcome> {
        if resource.str("resourceType") != Some("Parameters") {
            let issue = Issue::error(IssueCode::Invalid, "The operation takes a Parameters resource.");
            return Err(issue.at("resourceType").into());
        }
        let Value::Object(mut root) = resource else { return Ok(Self::default()) };
        let list = root.remove("parameter");
        let mut issues = validate::structure(&Value::Object(root));
        let mut left = Vec::new();
        let mut room = MOST;
        read::list(list, "Parameters.parameter", &mut room, &mut left, &mut issues);
        if issues.is_empty() { Ok(Self { left }) } else { Err(Outcome::of(issues)) }
    }

    /// One resource alone, as the parameter of this name: the short form for an operation that takes just one.
    pub fn of_sole(name: &str, resource: Value) -> Self {
        let place = resource.str("resourceType").unwrap_or_default().to_owned();
        Self { left: vec![Parameter { name: name.to_owned(), given: Given::Resource(resource), place }] }
    }

    /// Adds those of another source behind these.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.left.extend(more.left);
        self
    }

    /// Takes all parameters of this name.
    pub fn take_all(&mut self, name: &str) -> Vec<Parameter> {
        let (taken, left) = std::mem::take(&mut self.left).into_iter().partition(|p| p.name == name);
        self.left = left;
        taken
    }

    /// Takes the parameter of this name, if there is one.
    ///
    /// # Errors
    /// When it was given several times.
    pub fn take(&mut self, name: &str) -> Result<Option<Parameter>, Outcome> {
        let mut taken = self.take_all(name).into_iter();
        match (taken.next(), taken.next()) {
            (first, None) => Ok(first),
            (_, Some(second)) => Err(second.refused(&format!("\"{name}\" may be given once."))),
        }
    }

    /// Takes a text: `string`, `code`, `uri` and the other primitives of letters.
    ///
    /// # Errors
    /// When it was given several times or is of another type; so for all below.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Outcome> {
        self.take(name)?.map(|p| p.text()).transpose()
    }

    /// Takes every text of this name.
    ///
    /// # Errors
    /// When one is of another type.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Outcome> {
        self.take_all(name).into_iter().map(|p| p.text()).collect()
    }

    /// Takes a `boolean`.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Outcome> {
        self.take(name)?.map(|p| p.flag()).transpose()
    }

    /// Takes an `integer`, `positiveInt` or `unsignedInt`.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Outcome> {
        self.take(name)?.map(|p| p.integer()).transpose()
    }

    /// Takes a `decimal` (or an integer).
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn decimal(&mut self, name: &str) -> Result<Option<Decimal>, Outcome> {
        self.take(name)?.map(|p| p.decimal()).transpose()
    }

    /// Takes a `date` or `dateTime`.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn moment(&mut self, name: &str) -> Result<Option<Moment>, Outcome> {
        self.take(name)?.map(|p| p.moment()).transpose()
    }

    /// Takes an `instant`; a zone is needed, else the moment is not known.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Outcome> {
        self.take(name)?.map(|p| p.instant()).transpose()
    }

    /// Takes a value of a complex type, such as `Coding`. Its structure has been checked.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn complex(&mut self, name: &str, kind: &str) -> Result<Option<Value>, Outcome> {
        self.take(name)?.map(|p| p.complex(kind)).transpose()
    }

    /// Takes a resource. Nothing of it has been checked.
    ///
    /// # Errors
    /// As for [`Parameters::text`].
    pub fn resource(&mut self, name: &str) -> Result<Option<Value>, Outcome> {
        self.take(name)?.map(|p| p.resource()).transpose()
    }

    /// Everything that has not been taken, as names and texts: for an operation that also takes search parameters.
    ///
    /// # Errors
    /// When one is not a primitive.
    pub fn texts_left(self) -> Result<Vec<(String, String)>, Outcome> {
        let one = |parameter: Parameter| {
            let text = match parameter.value() {
                Some((_, Value::String(text))) => text,
                Some((_, Value::Bool(flag))) => flag.to_string(),
                Some((_, Value::Number(number))) => number.to_string(),
                _ => return Err(parameter.wrong("a primitive value")),
            };
            Ok((parameter.name, text))
        };
        self.left.into_iter().map(one).collect()
    }

    /// Refuses what has not been taken.
    ///
    /// # Errors
    /// One issue for each parameter that the operation does not know.
    pub fn finish(self) -> Result<(), Outcome> {
        if self.left.is_empty() {
            return Ok(());
        }
        let unknown = |p: &Parameter| {
            let shown: String = p.name.chars().take(64).collect();
            let text = format!("The operation has no parameter \"{shown}\" here.");
            Issue::error(IssueCode::NotSupported, text).at(p.place.clone())
        };
        Err(Outcome::of(self.left.iter().take(validate::MOST_ISSUES).map(unknown).collect()))
    }
}

impl Parameter {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place, for issues.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A refusal of this parameter.
    pub fn refused(&self, why: &str) -> Outcome {
        Issue::error(IssueCode::Value, why).at(self.place.clone()).into()
    }

    /// The member and value of a `value[x]`; for a query a `valueString`. None for a resource or parts.
    pub fn value(&self) -> Option<(&str, Value)> {
        match &self.given {
            Given::Text(text) => Some(("valueString", text.as_str().into())),
            Given::Value(key, value) => Some((key, value.clone())),
            Given::Resource(_) | Given::Parts(_) => None,
        }
    }

    /// As [`Parameters::text`].
    ///
    /// # Errors
    /// When it is of another type; so for all below.
    pub fn text(self) -> Result<String, Outcome> {
        match &self.given {
            Given::Text(text) => Ok(text.clone()),
            Given::Value(key, Value::String(text)) if TEXTUAL.contains(&key.as_str()) => Ok(text.clone()),
            _ => Err(self.wrong("a text such as valueString or valueCode")),
        }
    }

    /// As [`Parameters::flag`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn flag(self) -> Result<bool, Outcome> {
        match &self.given {
            Given::Text(text) if text == "true" => Ok(true),
            Given::Text(text) if text == "false" => Ok(false),
            Given::Value(key, Value::Bool(flag)) if key == "valueBoolean" => Ok(*flag),
            _ => Err(self.wrong("true or false (valueBoolean)")),
        }
    }

    /// As [`Parameters::integer`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn integer(self) -> Result<i64, Outcome> {
        let number = match &self.given {
            Given::Text(text) => text.parse().ok(),
            Given::Value(key, Value::Number(n))
                if matches!(key.as_str(), "valueInteger" | "valuePositiveInt" | "valueUnsignedInt") =>
            {
                n.as_i64()
            }
            _ => None,
        };
        number.ok_or_else(|| self.wrong("a whole number (valueInteger)"))
    }

    /// As [`Parameters::decimal`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn decimal(self) -> Result<Decimal, Outcome> {
        let number = match &self.given {
            Given::Text(text) => Decimal::parse(text),
            Given::Value(_, Value::Number(n)) => Decimal::parse(n.as_str()),
            _ => None,
        };
        number.ok_or_else(|| self.wrong("a number (valueDecimal)"))
    }

    /// As [`Parameters::moment`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn moment(self) -> Result<Moment, Outcome> {
        let moment = match &self.given {
            Given::Text(text) => Moment::date_time(text),
            Given::Value(key, Value::String(text))
                if matches!(key.as_str(), "valueDate" | "valueDateTime" | "valueInstant") =>
            {
                Moment::date_time(text)
            }
            _ => None,
        };
        moment.ok_or_else(|| self.wrong("a date or a time with its zone (valueDate, valueDateTime)"))
    }

    /// As [`Parameters::instant`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn instant(self) -> Result<Timestamp, Outcome> {
        let instant = match &self.given {
            Given::Text(text) => text.parse().ok(),
            Given::Value(key, Value::String(text))
                if matches!(key.as_str(), "valueInstant" | "valueDateTime") =>
            {
                text.parse().ok()
            }
            _ => None,
        };
        instant.ok_or_else(|| self.wrong("an instant with its zone (valueInstant)"))
    }

    /// As [`Parameters::complex`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn complex(self, kind: &str) -> Result<Value, Outcome> {
        match &self.given {
            Given::Value(key, value) if key.strip_prefix("value") == Some(kind) => Ok(value.clone()),
            _ => Err(self.wrong(&format!("a {kind} in a Parameters body (value{kind})"))),
        }
    }

    /// As [`Parameters::resource`].
    ///
    /// # Errors
    /// When it is of another type.
    pub fn resource(self) -> Result<Value, Outcome> {
        match self.given {
            Given::Resource(resource) => Ok(resource),
            Given::Text(_) | Given::Value(..) | Given::Parts(_) => {
                Err(self.wrong("a resource in a Parameters body"))
            }
        }
    }

    /// The parameters inside this one.
    ///
    /// # Errors
    /// When it has none.
    pub fn parts(self) -> Result<Parameters, Outcome> {
        match self.given {
            Given::Parts(left) => Ok(Parameters { left }),
            Given::Text(_) | Given::Value(..) | Given::Resource(_) => {
                Err(self.wrong("given by its parts in a Parameters body"))
            }
        }
    }

    fn wrong(&self, form: &str) -> Outcome {
        let shown: String = self.name.chars().take(64).collect();
        self.refused(&format!("\"{shown}\" must be {form}."))
    }
}

#[cfg(test)]
mod tests;

//! $closure: a table of which of a client's codes stand above which, brought up to date code by code.
//!
//! A table belongs to a name. A call with the name alone begins it anew; one with concepts adds them and answers what
//! came new; one with a version answers everything since then. The answer is a ConceptMap whose target stands above its
//! source (`subsumes`), as the standard's example has it.

use super::super::{Relation, canonical};
use super::super::{Source, TermError, subsumes};
use super::Refusal;
use super::coding::Coding;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhir::parameters::Parameters;
use crate::json::{Object, Value};

/// Most concepts of one table.
const MOST_CONCEPTS: usize = 2_000;
/// Longest name of a table, bytes.
const MOST_NAME: usize = 200;

/// Codes with what stands above each.
type Elements<'a> = Vec<(&'a str, Vec<Value>)>;

/// A table as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    version: u64,
    /// System and code.
    concepts: Vec<(String, String)>,
    /// Version that brought it, numbers of the lower and of the upper concept.
    pairs: Vec<(u64, usize, usize)>,
}

/// What is asked of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub name: String,
    concepts: Vec<Coding>,
    since: Option<u64>,
}

impl Asked {
    /// Reads the question.
    ///
    /// # Errors
    /// When the name is missing or too long, or a concept has no system.
    pub fn of(mut given: Parameters) -> Result<Self, Refusal> {
        let name = given.text("name")?.ok_or_else(|| Refusal::required("Give the \"name\" of the table."))?;
        if name.is_empty() || name.len() > MOST_NAME {
            return Err(Refusal::invalid(format!("The name of a table has from 1 to {MOST_NAME} bytes.")));
        }
        let mut concepts = Vec::new();
        for one in given.take_all("concept") {
            let coding = Coding::from_json(&one.complex("Coding")?);
            let coding = coding.filter(|c| c.system.is_some());
            concepts.push(coding.ok_or_else(|| Refusal::required("A \"concept\" needs system and code."))?);
        }
        let since = given.text("version")?;
        let since = since.map(|text| {
            text.parse().map_err(|_| Refusal::invalid("The \"version\" is one that an earlier answer gave."))
        });
        let since = since.transpose()?;
        given.finish()?;
        if since.is_some() && !concepts.is_empty() {
            return Err(Refusal::invalid("Give either concepts to add, or a version to start from."));
        }
        Ok(Self { name, concepts, since })
    }

    /// Whether the table is to begin anew.
    pub fn begins(&self) -> bool {
        self.concepts.is_empty() && self.since.is_none()
    }
}

impl Closure {
    /// The table with what is asked added, and the answer. `date` is that of the answer.
    ///
    /// # Errors
    /// When a system or a code is not here, or the table would grow too large.
    pub fn next(mut self, source: &dyn Source, asked: &Asked, date: &str) -> Result<(Self, Value), Refusal> {
        if asked.begins() {
            let new = Self { version: 1, ..Self::default() };
            let answer = new.answer(asked, u64::MAX, date);
            return Ok((new, answer));
        }
        if let Some(since) = asked.since {
            if since > self.version {
                return Err(Refusal::invalid(format!("The table is at version {}.", self.version)));
            }
            let answer = self.answer(asked, since, date);
            return Ok((self, answer));
        }
        let before = self.version;
        self.version += 1;
        for coding in &asked.concepts {
            self.add(source, coding)?;
        }
        let answer = self.answer(asked, before, date);
        Ok((self, answer))
    }

    fn add(&mut self, source: &dyn Source, coding: &Coding) -> Result<(), Refusal> {
        let system = canonical(coding.system.as_deref().unwrap_or_default()).0.to_owned();
        let key = (system, coding.code.clone());
        if self.concepts.contains(&key) {
            return Ok(());
        }
        if self.concepts.len() >= MOST_CONCEPTS {
            let text = format!("The table has {MOST_CONCEPTS} concepts, and takes no more.");
            return Err(Refusal::Impossible(Outcome::error(IssueCode::TooCostly, text)));
        }
        let version = coding.version.as_deref();
        let of = |code: &str| subsumes(source, &key.0, version, &key.1, code);
        // So that a code that is not there is told even in an empty table.
        of(&key.1).map_err(unknown)?;
        let at = self.concepts.len();
        let others = self.concepts.iter().enumerate().filter(|(_, (system, _))| *system == key.0);
        let mut found = Vec::new();
        for (other, (_, code)) in others {
            match of(code)? {
                Relation::Subsumes => found.push((self.version, other, at)),
                Relation::SubsumedBy => found.push((self.version, at, other)),
                Relation::Equivalent | Relation::NotSubsumed => {}
            }
        }
        self.pairs.extend(found);
        self.concepts.push(key);
        Ok(())
    }

    fn answer(&self, asked: &Asked, since: u64, date: &str) -> Value {
        let mut groups: Vec<(&str, Elements<'_>)> = Vec::new();
        for (_, lower, upper) in self.pairs.iter().filter(|(version, ..)| *version > since) {
            let (Some((system, lower)), Some((_, upper))) =
                (self.concepts.get(*lower), self.concepts.get(*upper))
            else {
                continue;
            };
            let at = groups.iter().position(|(own, _)| own == system).unwrap_or_else(|| {
                groups.push((system, Vec::new()));
                groups.len() - 1
            });
            let Some((_, elements)) = groups.get_mut(at) else { continue };
            let target = Value::from([("code", upper.as_str()), ("equivalence", "subsumes")]);
            match elements.iter_mut().find(|(own, _)| own == lower) {
                Some((_, targets)) => targets.push(target),
                None => elements.push((lower, vec![target])),
            }
        }
        let group = |(system, elements): (&str, Elements<'_>)| {
            let element = |(code, targets): (&str, Vec<Value>)| {
                Value::Object(Object::new().with("code", code).with("target", targets))
            };
            let elements: Vec<Value> = elements.into_iter().map(element).collect();
            Value::Object(
                Object::new().with("source", system).with("target", system).with("element", elements),
            )
        };
        let groups: Vec<Value> = groups.into_iter().map(group).collect();
        Value::Object(
            Object::new()
                .with("resourceType", "ConceptMap")
                .with("version", self.version.to_string())
                .with("name", "Closure")
                .with("title", format!("Updates for the closure table {}", asked.name))
                .with("status", "active")
                .with("experimental", true)
                .with("date", date)
                .with_some("group", (!groups.is_empty()).then_some(groups)),
        )
    }

    /// As it is kept.
    pub fn to_json(&self) -> Value {
        let concept = |(system, code): &(String, String)| {
            Value::from([system.as_str(), code.as_str()].map(Value::from))
        };
        let pair = |(version, lower, upper): &(u64, usize, usize)| {
            Value::from([Value::from(*version), Value::from(*lower), Value::from(*upper)])
        };
        Value::Object(
            Object::new()
                .with("version", self.version)
                .with("concepts", self.concepts.iter().map(concept).collect::<Vec<Value>>())
                .with("pairs", self.pairs.iter().map(pair).collect::<Vec<Value>>()),
        )
    }

    /// Reads it back; `None` when it is not one.
    pub fn from_json(json: &Value) -> Option<Self> {
        let number = |value: &Value| value.as_number().and_then(|n| n.as_u64());
        let concepts = json.items("concepts").iter().map(|row| match row.as_array()? {
            [system, code] => Some((system.as_str()?.to_owned(), code.as_str()?.to_owned())),
            _ => None,
        });
        let pairs = json.items("pairs").iter().map(|row| match row.as_array()? {
            [version, lower, upper] => {
                let at = |value| number(value).and_then(|n| usize::try_from(n).ok());
                Some((number(version)?, at(lower)?, at(upper)?))
            }
            _ => None,
        });
        Some(Self {
            version: number(json.get("version")?)?,
            concepts: concepts.collect::<Option<_>>()?,
            pairs: pairs.collect::<Option<_>>()?,
        })
    }
}

fn unknown(error: TermError) -> Refusal {
    match error {
        TermError::UnknownSystem(system) => {
            Refusal::missing(format!("The code system {system} is not known here."))
        }
        other => other.into(),
    }
}

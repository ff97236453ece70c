//! A value set: what it takes in and what it leaves out.

use super::concept::Designation;
use super::filter::{Filter, Operator};
use super::{TermError, canonical};
use crate::json::Value;

/// A value set.
#[derive(Debug, Clone, Default)]
pub struct ValueSet {
    /// Canonical address without version; empty for one that came with the question.
    pub url: String,
    /// Business version.
    pub version: Option<String>,
    /// Name for a person.
    pub name: Option<String>,
    /// What it takes in.
    pub include: Vec<Include>,
    /// What it leaves out of that.
    pub exclude: Vec<Include>,
    /// Whether codes that are no longer to be used belong to it; when it is silent, they do.
    pub inactive: Option<bool>,
    /// The codes as somebody else listed them, all of them: system, code, display. They count where there is no
    /// compose, or where what it names is not here.
    pub expansion: Option<Vec<(String, String, Option<String>)>>,
}

/// Codes of one system, or of other value sets, or what both have in common.
#[derive(Debug, Clone, Default)]
pub struct Include {
    /// Address of the system.
    pub system: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Codes, when listed.
    pub concepts: Vec<Listed>,
    /// All of these must hold.
    pub filters: Vec<Filter>,
    /// The code must be in each of these, too.
    pub value_sets: Vec<String>,
}

/// A code that a value set lists.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The code.
    pub code: String,
    /// How the value set calls it.
    pub display: Option<String>,
    /// Other texts that the value set has for it.
    pub designations: Vec<Designation>,
}

impl ValueSet {
    /// Reads a ValueSet resource.
    ///
    /// # Errors
    /// When it has neither compose nor expansion, or a filter that we do not know.
    pub fn from_json(json: &Value) -> Result<Self, TermError> {
        let text = |key| json.str(key).map(str::to_owned);
        let compose = json.get("compose");
        let parts = |key| -> Result<Vec<Include>, TermError> {
            compose.map(|c| c.items(key)).unwrap_or_default().iter().map(part).collect()
        };
        let listed = json.get("expansion").and_then(listed);
        if compose.is_none() && listed.is_none() {
            return Err(TermError::Malformed("the value set has neither compose nor expansion".to_owned()));
        }
        Ok(Self {
            url: text("url").unwrap_or_default(),
            version: text("version"),
            name: text("title").or_else(|| text("name")),
            include: parts("include")?,
            exclude: parts("exclude")?,
            inactive: compose.and_then(|c| c.get("inactive")).and_then(Value::as_bool),
            expansion: listed,
        })
    }

    /// The one system whose codes it takes in, when there is one.
    pub fn only_system(&self) -> Option<&str> {
        let mut systems = self.include.iter().filter_map(|part| part.system.as_deref());
        let first = systems.next()?;
        systems.all(|other| other == first).then_some(first)
    }

    /// How it is called in a message.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| {
            let last = self.url.rsplit('/').next().unwrap_or_default();
            if last.is_empty() { "given" } else { last }
        })
    }
}

/// The codes of an expansion; none when it is only a page of one.
fn listed(expansion: &Value) -> Option<Vec<(String, String, Option<String>)>> {
    let whole = |key| expansion.get(key).and_then(Value::as_number).and_then(|n| n.as_u64());
    let mut codes = Vec::new();
    flat(expansion.items("contains"), &mut codes, 0);
    let all = whole("total").is_none_or(|total| total <= codes.len() as u64);
    (all && whole("offset").unwrap_or_default() == 0).then_some(codes)
}

fn flat(items: &[Value], out: &mut Vec<(String, String, Option<String>)>, depth: usize) {
    for item in items {
        if let Some(code) = item.str("code") {
            let system = item.str("system").unwrap_or_default().to_owned();
            out.push((system, code.to_owned(), item.str("display").map(str::to_owned)));
        }
        if depth < super::MOST_DEPTH {
            flat(item.items("contains"), out, depth + 1);
        }
    }
}

fn part(json: &Value) -> Result<Include, TermError> {
    let mut filters = Vec::new();
    for item in json.items("filter") {
        let (Some(property), Some(op)) = (item.str("property"), item.str("op")) else {
            return Err(TermError::BadFilter("a filter needs property and op".to_owned()));
        };
        let operator = Operator::parse(op)
            .ok_or_else(|| TermError::BadFilter(format!("\"{op}\" is not a filter operator")))?;
        let value = item.str("value").unwrap_or_default().to_owned();
        filters.push(Filter { property: property.to_owned(), operator, value });
    }
    let (system, behind) = match json.str("system").map(canonical) {
        Some((system, version)) => (Some(system.to_owned()), version),
        None => (None, None),
    };
    Ok(Include {
        system,
        version: json.str("version").or(behind).map(str::to_owned),
        concepts: json
            .items("concept")
            .iter()
            .filter_map(|c| {
                Some(Listed {
                    code: c.str("code")?.to_owned(),
                    display: c.str("display").map(str::to_owned),
                    designations: c.items("designation").iter().filter_map(Designation::from_json).collect(),
                })
            })
            .collect(),
        filters,
        value_sets: json.items("valueSet").iter().filter_map(|v| Some(v.as_str()?.to_owned())).collect(),
    })
}

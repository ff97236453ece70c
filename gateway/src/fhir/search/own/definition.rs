//! A SearchParameter resource as a definition: what makes it usable, and why it is not.

use super::Own;
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::search::params::{self, ParamType};
use crate::fhirpath::{self, Expression};
use crate::json::{Object, Value};

/// Longest expression, bytes.
const MOST_TEXT: usize = 8 * 1024;
/// Longest code, bytes.
const MOST_CODE: usize = 64;
/// Most parts of a composite.
const MOST_PARTS: usize = 8;
/// Steps that evaluating an expression for an empty resource may take.
const TRIAL_STEPS: u64 = 10_000;
/// Where the standard's own definitions have their addresses.
const STANDARD: &str = "http://hl7.org/fhir/SearchParameter/";

/// A search parameter as it is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Canonical address.
    pub url: String,
    /// Name in queries.
    pub code: String,
    /// Its type.
    pub kind: ParamType,
    /// Types that have it, as they were named; `Resource` and `DomainResource` stand for all of theirs.
    pub bases: Vec<String>,
    /// Where its values stand (FHIRPath); of a composite, the element that its parts have in common.
    pub expression: String,
    /// Types that its references may point at; none means any.
    pub targets: Vec<ResourceType>,
    /// Parts of a composite.
    pub parts: Vec<Part>,
}

/// A part of a composite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The parameter whose values it has.
    pub code: String,
    /// Its type.
    pub kind: ParamType,
    /// Types that its references may point at; none means any.
    pub targets: Vec<ResourceType>,
    /// Where its values stand, from the common element.
    pub expression: String,
}

impl Definition {
    /// Reads a SearchParameter; none when it is not in use (its status is not `active`). `known` are the own parameters
    /// that a composite may be made of.
    ///
    /// # Errors
    /// Everything that keeps it from being used, with its places.
    pub fn read(json: &Value, known: &Own) -> Result<Option<Self>, Outcome> {
        if json.str("status") != Some("active") {
            return Ok(None);
        }
        let mut issues = Vec::new();
        let kind = kind_of(json).map_err(|issue| issues.push(issue)).ok();
        let code = code_of(json).map_err(|issue| issues.push(issue)).ok();
        let bases = bases_of(json, &mut issues);
        let targets = targets_of(json, &mut issues);
        if issues.is_empty()
            && let (Some(kind), Some(code)) = (kind, code)
        {
            let mut definition = Self {
                url: json.str("url").unwrap_or_default().to_owned(),
                code,
                kind,
                bases,
                expression: String::new(),
                targets,
                parts: Vec::new(),
            };
            definition.standard_clash(&mut issues);
            if let Err(issue) = definition.take_expression(json) {
                issues.push(issue);
            }
            definition.take_parts(json, known, &mut issues);
            if issues.is_empty() {
                return Ok(Some(definition));
            }
        }
        Err(Outcome::of(issues))
    }

    /// The types that have it, each once.
    pub fn kinds(&self) -> Vec<ResourceType> {
        let mut kinds: Vec<ResourceType> = Vec::new();
        for base in &self.bases {
            match base.as_str() {
                "Resource" => kinds.extend(ResourceType::all()),
                "DomainResource" => kinds.extend(ResourceType::all().filter(|kind| is_domain(*kind))),
                name => kinds.extend(ResourceType::parse(name)),
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Whether another definition gives every record the same terms.
    pub fn indexes_like(&self, other: &Self) -> bool {
        let parts = |d: &Self| -> Vec<(ParamType, String)> {
            d.parts.iter().map(|part| (part.kind, part.expression.clone())).collect()
        };
        self.kind == other.kind
            && self.kinds() == other.kinds()
            && self.expression == other.expression
            && parts(self) == parts(other)
    }

    fn standard_clash(&self, issues: &mut Vec<Issue>) {
        if let Some(kind) = self.kinds().into_iter().find(|kind| params::find(*kind, &self.code).is_some()) {
            let text = format!(
                "{kind} has a search parameter \"{}\" by the standard, which stays as it is; choose another code, or \
                 the status draft to keep this definition without effect",
                self.code
            );
            issues.push(Issue::error(IssueCode::Duplicate, text).at("SearchParameter.code"));
        }
    }

    fn take_expression(&mut self, json: &Value) -> Result<(), Issue> {
        const PLACE: &str = "SearchParameter.expression";
        let text = json.str("expression").ok_or_else(|| {
            Issue::error(IssueCode::Required, "an active search parameter needs an expression").at(PLACE)
        })?;
        let expression = expression(text, PLACE)?;
        expression.check_any(self.bases.iter().map(String::as_str)).map_err(|why| unfit(&why, PLACE))?;
        for kind in self.kinds().iter().take(1) {
            let empty = Value::Object(Object::new().with("resourceType", kind.as_str()));
            let context = fhirpath::Context::new(&empty).for_search().with_most_steps(TRIAL_STEPS);
            let tried = expression.evaluate(&context, fhirpath::Node::resource(&empty));
            tried.map_err(|why| unfit(&why, PLACE))?;
        }
        text.clone_into(&mut self.expression);
        Ok(())
    }

    fn take_parts(&mut self, json: &Value, known: &Own, issues: &mut Vec<Issue>) {
        const PLACE: &str = "SearchParameter.component";
        let parts = json.items("component");
        let bad = |code, text: String| Issue::error(code, text).at(PLACE);
        match (self.kind == ParamType::Composite, parts.len()) {
            (true, 0 | 1) => {
                return issues
                    .push(bad(IssueCode::Required, "a composite needs two components or more".into()));
            }
            (true, many) if many > MOST_PARTS => {
                let text = format!("a composite has at most {MOST_PARTS} components here");
                return issues.push(bad(IssueCode::TooCostly, text));
            }
            (false, 1..) => {
                let text = "only a search parameter of the type composite has components".into();
                return issues.push(bad(IssueCode::BusinessRule, text));
            }
            _ => {}
        }
        for (n, json) in parts.iter().enumerate() {
            match self.part(json, n, known) {
                Ok(part) => self.parts.push(part),
                Err(issue) => issues.push(issue),
            }
        }
    }

    fn part(&self, json: &Value, n: usize, known: &Own) -> Result<Part, Issue> {
        let place = |member: &str| format!("SearchParameter.component[{n}].{member}");
        let missing = |member: &str| {
            Issue::error(IssueCode::Required, format!("a component needs its {member}")).at(place(member))
        };
        let url = json.str("definition").ok_or_else(|| missing("definition"))?;
        let text = json.str("expression").ok_or_else(|| missing("expression"))?;
        expression(text, &place("expression"))?;
        let refused = |code, why: &str| Issue::error(code, why).at(place("definition"));
        let (code, kind, targets) = self.component(url, known).ok_or_else(|| {
            refused(
                IssueCode::NotFound,
                "no search parameter of these types has this address here: one of the standard, or an active one \
                 that was stored before",
            )
        })?;
        if matches!(kind, ParamType::Composite | ParamType::Special | ParamType::Id | ParamType::Instant) {
            return Err(refused(IssueCode::NotSupported, "this parameter cannot be a part of a composite"));
        }
        Ok(Part { code, kind, targets, expression: text.to_owned() })
    }

    /// Name, type and targets of the parameter with an address.
    fn component(&self, url: &str, known: &Own) -> Option<(String, ParamType, Vec<ResourceType>)> {
        let url = url.split('|').next().unwrap_or(url);
        if let Some(own) = known.all().iter().find(|own| own.definition.url == url && !url.is_empty()) {
            let d = &own.definition;
            return Some((d.code.clone(), d.kind, d.targets.clone()));
        }
        // The standard names its definitions Type-code, or clinical-code and the like for those of several types.
        let (family, code) = url.strip_prefix(STANDARD)?.split_once('-')?;
        let kinds = self.kinds();
        let named = ResourceType::parse(family);
        let of = named.into_iter().chain(kinds.iter().copied());
        let found = of.filter_map(|kind| params::find(kind, code)).next()?;
        Some((found.code.to_string(), found.kind, found.targets()))
    }
}

/// Reads an expression that stands at `place`.
pub(super) fn expression(text: &str, place: &str) -> Result<Expression, Issue> {
    if text.len() > MOST_TEXT {
        let text = format!("the expression is longer than {MOST_TEXT} bytes");
        return Err(Issue::error(IssueCode::TooLong, text).at(place));
    }
    Expression::parse(text).map_err(|why| unfit(&why, place))
}

fn unfit(why: &fhirpath::Error, place: &str) -> Issue {
    Issue::error(IssueCode::Value, format!("the expression cannot be used: {why}")).at(place)
}

fn kind_of(json: &Value) -> Result<ParamType, Issue> {
    let text = json.str("type").unwrap_or_default();
    match ParamType::parse(text) {
        Some(kind) if kind != ParamType::Special => Ok(kind),
        _ => Err(Issue::error(
            IssueCode::NotSupported,
            "an own search parameter is of the type string, token, reference, date, number, quantity, uri or composite",
        )
        .at("SearchParameter.type")),
    }
}

fn code_of(json: &Value) -> Result<String, Issue> {
    let code = json.str("code").unwrap_or_default();
    let letters = code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if letters && code.len() <= MOST_CODE && code.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Ok(code.to_owned());
    }
    let text = format!("the code is a letter, then at most {} letters, digits, - and _", MOST_CODE - 1);
    Err(Issue::error(IssueCode::Value, text).at("SearchParameter.code"))
}

fn bases_of(json: &Value, issues: &mut Vec<Issue>) -> Vec<String> {
    let mut bases = Vec::new();
    for (n, base) in json.items("base").iter().enumerate() {
        match base.as_str() {
            Some(name)
                if matches!(name, "Resource" | "DomainResource") || ResourceType::parse(name).is_some() =>
            {
                bases.push(name.to_owned());
            }
            _ => issues.push(
                Issue::error(IssueCode::Value, "the base is not a resource type of R4")
                    .at(format!("SearchParameter.base[{n}]")),
            ),
        }
    }
    if bases.is_empty() && issues.is_empty() {
        let text = "an active search parameter names the types that have it";
        issues.push(Issue::error(IssueCode::Required, text).at("SearchParameter.base"));
    }
    bases
}

fn targets_of(json: &Value, issues: &mut Vec<Issue>) -> Vec<ResourceType> {
    let mut targets = Vec::new();
    for (n, target) in json.items("target").iter().enumerate() {
        match target.as_str().and_then(ResourceType::parse) {
            Some(kind) => targets.push(kind),
            None => issues.push(
                Issue::error(IssueCode::Value, "the target is not a resource type of R4")
                    .at(format!("SearchParameter.target[{n}]")),
            ),
        }
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn is_domain(kind: ResourceType) -> bool {
    !matches!(kind.as_str(), "Bundle" | "Binary" | "Parameters")
}

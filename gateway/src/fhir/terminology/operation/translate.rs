//! ConceptMap/$translate.

use std::sync::Arc;

use super::super::{ConceptMap, Dependency, Match, Question, Source, canonical, translate as follow};
use super::Refusal;
use super::coding::{Coding, asked};
use crate::fhir::parameters::{Answer, Parameters};
use crate::json::{Object, Value};

/// Most maps that are tried where none is named.
const MOST_MAPS: usize = 200;

/// The translations of a code. `stored` is the map that the address names, when it names one.
///
/// # Errors
/// [`Refusal::Missing`] when the map is not here, or none leads from the code to the target.
pub fn translate(
    source: &dyn Source,
    mut given: Parameters,
    stored: Option<&Value>,
) -> Result<Value, Refusal> {
    let (url, version) = (given.text("url")?, given.text("conceptMapVersion")?);
    let sent = given.resource("conceptMap")?;
    let (system, system_version) = (given.text("system")?, given.text("version")?);
    let codings = asked(&mut given, system, system_version)?;
    let (from, to) = (given.text("source")?, given.text("target")?);
    let target = given.text("targetsystem")?;
    let reverse = given.flag("reverse")? == Some(true);
    let dependencies = dependencies(&mut given)?;
    given.finish()?;
    let named = match (stored.or(sent.as_ref()), url) {
        (Some(resource), _) => Some(Arc::new(ConceptMap::from_json(resource)?)),
        (None, Some(url)) => Some(by_address(source, &url, version)?),
        (None, None) => None,
    };
    let ends = Ends { from: from.as_deref(), to: to.as_deref(), target: target.as_deref(), reverse };
    let mut found: Vec<Match> = Vec::new();
    let mut tried = 0;
    for coding in &codings {
        let system = coding.system.as_deref().map(|s| canonical(s).0).unwrap_or_default();
        let maps = match &named {
            Some(map) => vec![Arc::clone(map)],
            None => {
                source.concept_maps().into_iter().filter(|m| ends.fit(m, system)).take(MOST_MAPS).collect()
            }
        };
        tried += maps.len();
        let question = Question {
            system,
            code: &coding.code,
            target: ends.target,
            reverse,
            dependencies: &dependencies,
        };
        for map in maps {
            for one in follow(source, &map, &question)? {
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
    }
    if tried == 0 {
        let text =
            "No concept map here leads from this system and value set to that target; name one by \"url\".";
        return Err(Refusal::missing(text));
    }
    Ok(told(&codings, &found))
}

fn by_address(source: &dyn Source, url: &str, version: Option<String>) -> Result<Arc<ConceptMap>, Refusal> {
    let (name, behind) = canonical(url);
    let version = version.or_else(|| behind.map(str::to_owned));
    let found = source.concept_map(name, version.as_deref());
    let found = found.filter(|map| version.is_none() || map.version.is_none() || map.version == version);
    found.ok_or_else(|| {
        let behind = version.as_ref().map(|v| format!("|{v}")).unwrap_or_default();
        Refusal::missing(format!("The concept map {name}{behind} is not known here."))
    })
}

/// Where a map has to lead from and to.
struct Ends<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    target: Option<&'a str>,
    reverse: bool,
}

impl Ends<'_> {
    fn fit(&self, map: &ConceptMap, system: &str) -> bool {
        let same = |own: &Option<String>, asked: Option<&str>| {
            asked.is_none_or(|asked| own.as_deref().is_some_and(|own| canonical(own).0 == canonical(asked).0))
        };
        let (from, to) = if self.reverse { (self.to, self.from) } else { (self.from, self.to) };
        same(&map.source, from) && same(&map.target, to) && map.has_group(system, self.target, self.reverse)
    }
}

fn dependencies(given: &mut Parameters) -> Result<Vec<Dependency>, Refusal> {
    let mut all = Vec::new();
    for one in given.take_all("dependency") {
        let mut parts = one.parts()?;
        let element = parts.text("element")?;
        let concept = parts.complex("concept", "CodeableConcept")?;
        parts.finish()?;
        let (Some(element), Some(concept)) = (element, concept) else {
            return Err(Refusal::required("A \"dependency\" needs the parts \"element\" and \"concept\"."));
        };
        let codings = concept.items("coding").iter().filter_map(Coding::from_json);
        let codings = codings.map(|c| (c.system.unwrap_or_default(), c.code)).collect();
        all.push(Dependency { element, codings, text: concept.str("text").map(str::to_owned) });
    }
    Ok(all)
}

fn told(codings: &[Coding], found: &[Match]) -> Value {
    let result = found.iter().any(Match::counts);
    let mut out = Answer::new().value("result", "valueBoolean", result);
    if !result {
        let codes: Vec<&str> = codings.iter().map(|c| c.code.as_str()).collect();
        let text = format!("There is no translation of {}.", codes.join(", "));
        out = out.value("message", "valueString", text);
    }
    for one in found {
        let mut parts = Answer::new().value("equivalence", "valueCode", one.equivalence.as_str());
        if let Some(code) = &one.code {
            let system = (!one.system.is_empty()).then_some(one.system.as_str());
            let coding = Object::new()
                .with_some("system", system)
                .with("code", code.as_str())
                .with_some("display", one.display.as_deref());
            parts = parts.value("concept", "valueCoding", coding);
        }
        for (element, system, code) in &one.products {
            let system = (!system.is_empty()).then_some(system.as_str());
            let coding = Object::new().with_some("system", system).with("code", code.as_str());
            let product = Answer::new().value("element", "valueUri", element.as_str()).value(
                "concept",
                "valueCoding",
                coding,
            );
            parts = parts.parts("product", product);
        }
        if !one.map.is_empty() {
            parts = parts.value("source", "valueUri", one.map.as_str());
        }
        out = out.parts("match", parts);
    }
    out.to_json()
}

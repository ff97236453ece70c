//! ValueSet/$validate-code and CodeSystem/$validate-code.

use std::sync::Arc;

use super::super::{
    Answer as Judgement, CodeSystem, Coded, ConceptMap, Source, TermError, ValueSet, canonical, validate_code,
};
use super::Refusal;
use super::coding::{Coding, asked};
use super::expand::named;
use crate::fhir::outcome::{IssueCode, Outcome};
use crate::fhir::parameters::{Answer, Parameters};
use crate::json::Value;

/// Whether a code is in a value set. `stored` is the one that the address names, when it names one.
///
/// # Errors
/// [`Refusal::Missing`] when the value set is not here, [`Refusal::Impossible`] when nobody here can tell.
pub fn validate_in_value_set(
    source: &dyn Source,
    mut given: Parameters,
    stored: Option<&Value>,
) -> Result<Value, Refusal> {
    let (set, _) = named(source, &mut given, stored)?;
    let (system, version) = (given.text("system")?, given.text("systemVersion")?);
    let codings = asked(&mut given, system, version)?;
    Question::of(source, Within::Set(&set), given)?.answer(&codings)
}

/// Whether a code is one of a code system. `stored` is the one that the address names, when it names one.
///
/// # Errors
/// As [`validate_in_value_set`].
pub fn validate_in_system(
    source: &dyn Source,
    mut given: Parameters,
    stored: Option<&Value>,
) -> Result<Value, Refusal> {
    let (url, version) = (given.text("url")?, given.text("version")?);
    let sent = given.resource("codeSystem")?;
    if let Some(resource) = stored.or(sent.as_ref()) {
        let own = CodeSystem::from_json(resource)?;
        let url = own.url.clone();
        let codings = asked(&mut given, Some(url.clone()), None)?;
        let first = First { source, own: Arc::new(own) };
        return Question::of(&first, Within::System(&url), given)?.answer(&codings);
    }
    let codings = asked(&mut given, url.clone(), version)?;
    let url = url.or_else(|| codings.iter().find_map(|coding| coding.system.clone()));
    let Some(url) = url else {
        return Err(Refusal::required("Name the code system: by \"url\", or as the system of the coding."));
    };
    let url = canonical(&url).0;
    if source.code_system(url, None).is_none() && super::super::grammar::check(url, "").is_none() {
        return Err(Refusal::missing(format!("The code system {url} is not known here.")));
    }
    Question::of(source, Within::System(url), given)?.answer(&codings)
}

/// What a code has to be in.
#[derive(Clone, Copy)]
enum Within<'q> {
    Set(&'q ValueSet),
    System(&'q str),
}

struct Question<'q> {
    source: &'q dyn Source,
    within: Within<'q>,
    language: Option<String>,
    /// Codes that are only for grouping do not count.
    selectable: bool,
}

impl<'q> Question<'q> {
    fn of(source: &'q dyn Source, within: Within<'q>, mut given: Parameters) -> Result<Self, Refusal> {
        let language = given.text("displayLanguage")?;
        let selectable = given.flag("abstract")? == Some(false);
        given.finish()?;
        Ok(Self { source, within, language, selectable })
    }

    /// One of the codings has to be right.
    fn answer(&self, codings: &[Coding]) -> Result<Value, Refusal> {
        let mut last: Option<Judgement> = None;
        for coding in codings {
            let judged = self.one(coding)?;
            if judged.result == Some(true) {
                return Ok(told(&judged));
            }
            // What nobody can tell weighs more than a no: one of several codes might still be right.
            if last.as_ref().is_none_or(|before| before.result.is_some()) {
                last = Some(judged);
            }
        }
        let last = last.unwrap_or(Judgement { result: None, display: None, message: None });
        if last.result.is_some() {
            return Ok(told(&last));
        }
        let text = format!("Nobody here can tell: {}.", last.message.unwrap_or_default());
        Err(Refusal::Impossible(Outcome::error(IssueCode::NotFound, text)))
    }

    fn one(&self, coding: &Coding) -> Result<Judgement, Refusal> {
        let no = |text: String| Judgement { result: Some(false), display: None, message: Some(text) };
        let (set, system) = match (self.within, coding.system.as_deref()) {
            (Within::Set(set), system) => (Some(set), system),
            (Within::System(url), None) => (None, Some(url)),
            (Within::System(url), Some(own)) if own == url => (None, Some(url)),
            (Within::System(url), Some(own)) => {
                return Ok(no(format!("the code \"{}\" is of the system {own}, not of {url}", coding.code)));
            }
        };
        let known = system.or_else(|| set.and_then(ValueSet::only_system));
        let known = known.and_then(|s| self.source.code_system(s, coding.version.as_deref()));
        if let (Some(wanted), Some(own)) = (&coding.version, known.as_ref().and_then(|k| k.version.as_ref()))
            && wanted != own
        {
            let url = known.as_ref().map(|k| k.url.as_str()).unwrap_or_default();
            return Err(TermError::UnknownSystem(format!("{url}|{wanted} ({own} is here)")).into());
        }
        let version = coding.version.as_deref();
        let coded = Coded { system, version, code: &coding.code, display: coding.display.as_deref() };
        let mut judged = validate_code(self.source, set, &coded);
        if let (Some(true), Some(concept)) =
            (judged.result, known.as_ref().and_then(|k| k.find(&coding.code)))
        {
            if self.selectable && concept.is_abstract {
                return Ok(no(format!(
                    "the code \"{}\" is only for grouping and not to be chosen",
                    coding.code
                )));
            }
            judged.display =
                concept.display_in(self.language.as_deref()).map(str::to_owned).or(judged.display);
        }
        Ok(judged)
    }
}

fn told(judged: &Judgement) -> Value {
    let mut out = Answer::new().value("result", "valueBoolean", judged.result == Some(true));
    if let Some(message) = &judged.message {
        out = out.value("message", "valueString", message.as_str());
    }
    if let Some(display) = &judged.display {
        out = out.value("display", "valueString", display.as_str());
    }
    out.to_json()
}

/// A source in which one code system comes first: the one that the question brought or the address names.
pub(super) struct First<'a> {
    pub source: &'a dyn Source,
    pub own: Arc<CodeSystem>,
}

impl Source for First<'_> {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        if url == self.own.url { Some(Arc::clone(&self.own)) } else { self.source.code_system(url, version) }
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.source.value_set(url, version)
    }

    fn concept_map(&self, url: &str, version: Option<&str>) -> Option<Arc<ConceptMap>> {
        self.source.concept_map(url, version)
    }

    fn supplements(&self, url: &str) -> Vec<Arc<CodeSystem>> {
        self.source.supplements(url)
    }
}

//! Whether a coding is right for a value set, with the words of an answer (ValueSet/$validate-code).

use super::member::{Membership, in_system, member};
use super::value_set::ValueSet;
use super::{Content, Source};

/// A code with what came along.
#[derive(Debug, Clone, Copy, Default)]
pub struct Coded<'a> {
    /// Its system; none where the context says it.
    pub system: Option<&'a str>,
    /// Version of the system.
    pub version: Option<&'a str>,
    /// The code.
    pub code: &'a str,
    /// The text that came with it.
    pub display: Option<&'a str>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether the code is valid; `None` when nobody here can tell.
    pub result: Option<bool>,
    /// The display that the system gives.
    pub display: Option<String>,
    /// Why not, or what else is wrong.
    pub message: Option<String>,
}

/// Whether a code is in a value set (or, without one, in its system), and whether its display is one of the system's.
pub fn validate_code(source: &dyn Source, set: Option<&ValueSet>, coded: &Coded<'_>) -> Answer {
    let system = coded.system.or_else(|| set.and_then(ValueSet::only_system));
    let known = system.and_then(|s| source.code_system(s, coded.version));
    if let Some(known) = known.as_ref().filter(|k| k.content == Content::Supplement) {
        return no(format!("{} is a supplement and cannot be the system of a code", known.url), None);
    }
    let concept = known.as_ref().and_then(|k| k.find(coded.code));
    let display = concept.as_ref().and_then(|c| c.display.clone());
    let membership = match (set, coded.system) {
        (Some(set), system) => member(source, set, system, coded.code),
        (None, Some(system)) => in_system(source, system, coded.version, coded.code),
        (None, None) => Membership::Unknown("a code without a system".to_owned()),
    };
    match membership {
        Membership::Out => {
            let place = set.map_or_else(
                || format!("the code system {}", coded.system.unwrap_or_default()),
                |s| format!("the value set {}", s.label()),
            );
            no(format!("\"{}\" is not in {place}", shown(coded)), display)
        }
        Membership::Unknown(what) => Answer {
            result: None,
            display,
            message: Some(format!("{what} is not known here, so \"{}\" was not checked", shown(coded))),
        },
        Membership::In => match (coded.display, concept.as_deref()) {
            (Some(given), Some(concept)) if !is_text_of(concept, given) => {
                let right = concept.display.clone().unwrap_or_default();
                no(format!("the display \"{given}\" is not that of the code; it is \"{right}\""), display)
            }
            _ => Answer { result: Some(true), display, message: None },
        },
    }
}

/// Whether a text is the display or a designation of a concept; case and spaces are not looked at.
pub(crate) fn is_text_of(concept: &super::Concept, text: &str) -> bool {
    let plain = |t: &str| t.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    let given = plain(text);
    concept.display.iter().chain(concept.designations.iter().map(|d| &d.value)).any(|t| plain(t) == given)
        || concept.display.is_none()
}

fn shown(coded: &Coded<'_>) -> String {
    coded.system.map_or_else(|| coded.code.to_owned(), |system| format!("{system}|{}", coded.code))
}

const fn no(message: String, display: Option<String>) -> Answer {
    Answer { result: Some(false), display, message: Some(message) }
}

//! Codes for searches: those of a value set, and those above or below a code (modifiers `:in`, `:not-in`, `:above`,
//! `:below` of tokens).

use super::core::need_system;
use super::expand::{Asked, expand};
use super::{Source, TermError, canonical};

/// A code with its system; the system is empty where nobody said it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// Address of the system.
    pub system: String,
    /// The code.
    pub code: String,
}

/// The codes of a value set by its address, perhaps with `|version`; at most `most`.
///
/// # Errors
/// When the value set or a system of it is not here, cannot be listed, or there are more codes than `most`.
pub fn members(source: &dyn Source, url: &str, most: usize) -> Result<Vec<Code>, TermError> {
    let (name, version) = canonical(url);
    let set = source.value_set(name, version).ok_or_else(|| TermError::UnknownValueSet(url.to_owned()))?;
    let found = expand(source, &set, &Asked { most, ..Asked::default() })?;
    Ok(found.entries.into_iter().map(|e| Code { system: e.system, code: e.code }).collect())
}

/// A code and every code below it, the code itself first; at most `most`.
///
/// # Errors
/// When the system is not here, has not got the code, or there are more codes than `most`.
pub fn below(source: &dyn Source, system: &str, code: &str, most: usize) -> Result<Vec<String>, TermError> {
    related(source, system, code, most, true)
}

/// A code and every code above it, the code itself first; at most `most`.
///
/// # Errors
/// When the system is not here, has not got the code, or there are more codes than `most`.
pub fn above(source: &dyn Source, system: &str, code: &str, most: usize) -> Result<Vec<String>, TermError> {
    related(source, system, code, most, false)
}

fn related(
    source: &dyn Source,
    system: &str,
    code: &str,
    most: usize,
    down: bool,
) -> Result<Vec<String>, TermError> {
    let (name, version) = canonical(system);
    let known = need_system(source, name, version)?;
    let unknown = || TermError::UnknownCode { system: name.to_owned(), code: code.to_owned() };
    let from = known.number(code).ok_or_else(unknown)?;
    let numbers = known.closure(from, down, most).ok_or(TermError::TooCostly { most })?;
    Ok(numbers.into_iter().filter_map(|at| Some(known.at(at)?.code.clone())).collect())
}

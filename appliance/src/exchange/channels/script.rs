//! Rules of a channel: short scripts in Rhai that look at a message or change a copy of it (decision 0145).
//!
//! A rule sees a message of HL7 v2 or of FHIR through five functions and nothing else: no file, no clock, no network, no other module, no
//! evaluation of text. Steps, time, depth and sizes are bounded. What goes wrong is told by its kind, line and position,
//! never with a value: that may be the patient's.

mod engine;
mod numbers;
mod surface;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use clinicvault_gateway::hl7::{ErrorCode, Problem};
use rhai::{AST, EvalAltResult, Position};

use engine::{Access, Refused};

pub use surface::{Surface, foreign_place};

/// Longest rule in bytes.
const LONGEST: usize = 16_000;

/// A compiled rule.
#[derive(Clone)]
pub struct Script(Option<Arc<AST>>);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Script" } else { "Script(unreadable)" })
    }
}

impl Script {
    /// Compiles a rule.
    ///
    /// # Errors
    /// A sentence with line and position.
    pub fn compile(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("A rule has at most {LONGEST} bytes."));
        }
        match engine::bare().compile(text) {
            Ok(ast) => Ok(Self(Some(Arc::new(ast)))),
            Err(error) => {
                Err(format!("The rule cannot be read{}: {}.", place(error.position()), error.err_type()))
            }
        }
    }

    /// A rule of a kept document. One that can no longer be read fails whenever it is asked, and is not passed over.
    pub fn kept(text: &str) -> Self {
        Self::compile(text).unwrap_or(Self(None))
    }

    /// What the rule of a filter answers about a message, of which `draft` is a copy.
    ///
    /// # Errors
    /// When the rule fails, or answers neither true nor false.
    pub fn decide<S: Surface>(&self, draft: S) -> Result<bool, Problem> {
        let what = "The rule of the channel's filter";
        let draft = Arc::new(Mutex::new(draft));
        let engine = engine::over(&draft, Access::Look);
        let ast = self.ast(what)?;
        engine.eval_ast::<bool>(ast).map_err(|error| failed(what, &error))
    }

    /// The draft as the rule left it, at most so many bytes long; `number` is that of the operation.
    ///
    /// # Errors
    /// When the rule fails.
    pub fn change<S: Surface>(&self, number: usize, draft: S, longest: usize) -> Result<S, Problem> {
        let what = format!("Operation {number} of the channel, a rule,");
        let ast = self.ast(&what)?;
        let draft = Arc::new(Mutex::new(draft));
        let engine = engine::over(&draft, Access::Change { number, longest });
        let done = engine.run_ast(ast).map_err(|error| failed(&what, &error));
        // The functions of the engine hold the draft.
        drop(engine);
        done?;
        let draft = Arc::try_unwrap(draft).map_err(|_| problem(format!("{what} did not end.")))?;
        Ok(draft.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn ast(&self, what: &str) -> Result<&AST, Problem> {
        self.0.as_deref().ok_or_else(|| problem(format!("{what} can no longer be read; write it anew.")))
    }
}

fn problem(text: String) -> Problem {
    Problem::reject(ErrorCode::Internal, None, text)
}

fn failed(what: &str, error: &EvalAltResult) -> Problem {
    let inner = error.unwrap_inner();
    problem(format!("{what} failed{}: {}.", place(inner.position()), why(inner)))
}

fn place(position: Position) -> String {
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => format!(" in line {line}, position {column}"),
        (Some(line), None) => format!(" in line {line}"),
        (None, _) => String::new(),
    }
}

/// What went wrong, in fixed words.
fn why(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorTooManyOperations(_) => {
            format!("it takes more than {} steps", engine::MOST_STEPS)
        }
        EvalAltResult::ErrorTerminated(..) => {
            format!("it takes longer than {} ms", engine::LONGEST_RUN.as_millis())
        }
        EvalAltResult::ErrorStackOverflow(_) => "its functions call one another too deeply".to_owned(),
        EvalAltResult::ErrorDataTooLarge(..) => "a text or a list becomes too large".to_owned(),
        EvalAltResult::ErrorTooManyVariables(_) => "it has too many variables".to_owned(),
        EvalAltResult::ErrorFunctionNotFound(name, _) => {
            let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            format!("there is no function \"{name}\" for such values")
        }
        EvalAltResult::ErrorMismatchOutputType(..) => "it must end with true or false".to_owned(),
        EvalAltResult::ErrorMismatchDataType(..) => "a value is of another type".to_owned(),
        EvalAltResult::ErrorArithmetic(..) => "this cannot be computed".to_owned(),
        EvalAltResult::ErrorArrayBounds(..) | EvalAltResult::ErrorStringBounds(..) => {
            "there is nothing at this index".to_owned()
        }
        EvalAltResult::ErrorRuntime(token, _) => match token.clone().try_cast::<Refused>() {
            Some(Refused(text)) => text,
            None => "it ended itself with throw".to_owned(),
        },
        _ => "it cannot go on".to_owned(),
    }
}

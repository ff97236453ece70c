//! A code as a question names it: by `code` and `system`, as a Coding, or as one of a CodeableConcept.

use super::super::canonical;
use super::Refusal;
use crate::fhir::parameters::Parameters;
use crate::json::Value;

/// A code with what came along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coding {
    /// Its system.
    pub system: Option<String>,
    /// Version of the system.
    pub version: Option<String>,
    /// The code.
    pub code: String,
    /// The text that came along.
    pub display: Option<String>,
}

impl Coding {
    /// A code and perhaps the address of its system, which may carry a version.
    pub fn of(code: String, system: Option<String>, version: Option<String>) -> Self {
        let (system, behind) = match system.as_deref().map(canonical) {
            Some((system, behind)) => (Some(system.to_owned()), behind.map(str::to_owned)),
            None => (None, None),
        };
        Self { system, version: version.or(behind), code, display: None }
    }

    /// Reads a Coding; `None` when it has no code.
    pub fn from_json(json: &Value) -> Option<Self> {
        let text = |key| json.str(key).map(str::to_owned);
        let own = Self::of(text("code")?, text("system"), text("version"));
        Some(Self { display: text("display"), ..own })
    }
}

/// Takes a Coding parameter.
pub fn one(given: &mut Parameters, name: &str) -> Result<Option<Coding>, Refusal> {
    let Some(value) = given.complex(name, "Coding")? else { return Ok(None) };
    let read = Coding::from_json(&value);
    read.map(Some).ok_or_else(|| Refusal::required(format!("The Coding \"{name}\" needs a code.")))
}

/// Takes a CodeableConcept parameter: its codings, of which there is at least one.
pub fn several(given: &mut Parameters, name: &str) -> Result<Option<Vec<Coding>>, Refusal> {
    let Some(value) = given.complex(name, "CodeableConcept")? else { return Ok(None) };
    let codings: Vec<Coding> = value.items("coding").iter().filter_map(Coding::from_json).collect();
    if codings.is_empty() {
        return Err(Refusal::required(format!("The CodeableConcept \"{name}\" needs a coding with a code.")));
    }
    Ok(Some(codings))
}

/// Takes whichever of `code` (with `system` and `version`, which the caller took), `coding` and `codeableConcept` was
/// given; exactly one has to be.
pub fn asked(
    given: &mut Parameters,
    system: Option<String>,
    version: Option<String>,
) -> Result<Vec<Coding>, Refusal> {
    let (code, coding) = (given.text("code")?, one(given, "coding")?);
    let display = given.text("display")?;
    match (code, coding, several(given, "codeableConcept")?) {
        (Some(code), None, None) => Ok(vec![Coding { display, ..Coding::of(code, system, version) }]),
        (None, Some(coding), None) => Ok(vec![coding]),
        (None, None, Some(codings)) => Ok(codings),
        (None, None, None) => {
            Err(Refusal::required("Give the code: as \"code\", \"coding\" or \"codeableConcept\"."))
        }
        _ => Err(Refusal::invalid("Give only one of \"code\", \"coding\" and \"codeableConcept\".")),
    }
}

//! What an acknowledgement says, for a person.

use clinicvault_gateway::hl7::{Limits, Mode, parse};
use serde::Serialize;
use utoipa::ToSchema;

/// Longest answer that is shown, characters.
const LONGEST: usize = 8_000;
/// Most ERR segments that are shown.
const MOST: usize = 50;

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestAnswer {
    /// HTTP status, of a request.
    pub status: Option<u16>,
    /// MSA-1.
    pub code: Option<String>,
    /// MSA-3.
    pub said: Option<String>,
    /// ERR, one each.
    pub problems: Vec<AnswerProblem>,
    /// The whole of it, one segment a line; cut where it is long.
    pub text: String,
}

/// What an ERR segment says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnswerProblem {
    /// ERR-3: table 0357.
    code: String,
    /// ERR-2: where, such as `PID^1^3`.
    place: String,
    /// ERR-4: `E`, `W`, `I` or `F`.
    severity: String,
    /// ERR-8, else ERR-7, else the text of ERR-3.
    text: String,
}

impl TestAnswer {
    /// Reads an acknowledgement; what is none stays text.
    pub fn read(bytes: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(bytes).replace('\r', "\n").chars().take(LONGEST).collect();
        let Ok(message) = parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None) else {
            return Self { text, ..Self::default() };
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        let msa = message.first("MSA");
        let problem = |err: clinicvault_gateway::hl7::Segment<'_>| {
            let field = |n: usize| err.field(n).text().trim().to_owned();
            let component = |n: usize, m: usize| err.field(n).component(m).text().trim().to_owned();
            let words = [field(8), field(7), component(3, 2), component(1, 4)];
            AnswerProblem {
                code: component(3, 1),
                place: String::from_utf8_lossy(err.field(2).raw()).into_owned(),
                severity: field(4),
                text: words.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            }
        };
        Self {
            status: None,
            code: msa.as_ref().and_then(|msa| filled(msa.field(1).text().trim().to_owned())),
            said: msa.as_ref().and_then(|msa| filled(msa.field(3).text().trim().to_owned())),
            problems: message.all("ERR").take(MOST).map(problem).collect(),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_taken_apart() {
        let text = "MSH|^~\\&|A|B|C|D|2026||ACK^A08|1|P|2.5.1\rMSA|AE|C1|see below\rERR||PID^1^3|101^Required field missing|E|||technical|No number.\r";
        let read = TestAnswer::read(text.as_bytes());
        assert_eq!((read.code.as_deref(), read.said.as_deref()), (Some("AE"), Some("see below")));
        let problem = &read.problems[0];
        assert_eq!(
            (problem.code.as_str(), problem.place.as_str(), problem.severity.as_str(), problem.text.as_str()),
            ("101", "PID^1^3", "E", "No number.")
        );
        assert_eq!(TestAnswer::read(b"nonsense").code, None);
    }
}

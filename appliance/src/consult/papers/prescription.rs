//! What stands in a prescription, and whether it can be signed: lines read, issues found, each answered or not.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clinic::form::Wrong;
use crate::consult::prescribe::check::{Against, Allergy, Classified, Issue, Needs, check};
use crate::consult::prescribe::line::Line;
use crate::consult::prescribe::lists::{Distance, List};
use crate::consult::prescribe::{Book, Problem, parse};

/// Most lines of a prescription, and bytes of one as it is kept.
const MOST: usize = 40;
const LONGEST: usize = 500;

/// An answer to an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IssueReason)]
pub struct Reason {
    /// Of which issue.
    pub key: String,
    /// Why it is signed all the same.
    pub reason: String,
}

/// A list that the doctor gives a medicine which has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MedicineClassified)]
pub struct OwnList {
    /// Generic name, in capitals.
    pub medicine: String,
    /// O, A or B.
    pub list: List,
    /// Why.
    pub reason: String,
}

/// A prescription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = ConsultationPrescription)]
pub struct Prescription {
    /// Lines as typed.
    pub lines: Vec<String>,
    /// Whether it is about the same condition as the last visit in person; the doctor's word.
    pub same_condition: bool,
    /// Answers to issues.
    pub reasons: Vec<Reason>,
    /// Lists that the doctor gave.
    pub classified: Vec<OwnList>,
    /// Language of the patient's part, such as `hi`.
    pub language: Option<String>,
}

/// A prescription as it was read and checked.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Every line, read or with what is wrong.
    pub lines: Vec<Result<Line, Problem>>,
    /// What stands against signing, with the doctor's reason.
    pub issues: Vec<(Issue, Option<String>)>,
}

impl Prescription {
    /// What is not acceptable in a draft, if anything. Lines that cannot be read yet are.
    ///
    /// # Errors
    /// [`Wrong`] with the field.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |field: &'static str, message: &str| {
            Err(Wrong { field, code: "invalid", message: message.to_owned() })
        };
        if self.lines.len() > MOST || self.lines.iter().any(|line| line.len() > LONGEST) {
            return wrong("lines", "A prescription has at most 40 lines of 500 bytes.");
        }
        let texts = self.reasons.iter().flat_map(|reason| [&reason.key, &reason.reason]);
        let texts = texts.chain(self.classified.iter().flat_map(|own| [&own.medicine, &own.reason]));
        let long = texts.clone().any(|text| text.len() > 1_000);
        if long || self.reasons.len() > 4 * MOST || self.classified.len() > MOST {
            return wrong("reasons", "A reason has at most 1000 bytes, and there are too many of them.");
        }
        if self.classified.iter().any(|own| own.list == List::Prohibited || own.reason.trim().is_empty()) {
            return wrong("classified", "A medicine is given the list O, A or B, with a reason.");
        }
        let short = |language: &String| {
            (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase())
        };
        if !self.language.iter().all(short) {
            return wrong("language", "A language is a code such as hi.");
        }
        Ok(())
    }

    /// Reads and checks it.
    pub fn judge(&self, book: &Book, allergies: &[Allergy], distance: Option<Distance>) -> Judged {
        let (formulary, pack) = (&book.formulary, &book.lists);
        let lines: Vec<Result<Line, Problem>> =
            self.lines.iter().map(|line| parse(line, formulary)).collect();
        let read: Vec<(usize, &Line)> = lines
            .iter()
            .enumerate()
            .filter_map(|(at, line)| line.as_ref().ok().map(|line| (at, line)))
            .collect();
        let classified: Vec<Classified> = self
            .classified
            .iter()
            .map(|own| Classified { medicine: own.medicine.clone(), list: own.list })
            .collect();
        let against = Against { formulary, pack, allergies, distance, classified: &classified };
        let answered = |issue: Issue| {
            let reason = self.reasons.iter().find(|reason| reason.key == issue.key);
            let reason = reason.map(|reason| reason.reason.trim().to_owned()).filter(|text| !text.is_empty());
            (issue, reason)
        };
        let issues = check(&read, &against).into_iter().map(answered).collect();
        Judged { lines, issues }
    }
}

impl Judged {
    /// Why it cannot be signed, if it cannot.
    pub fn hindrance(&self) -> Option<String> {
        if self.lines.is_empty() {
            return Some("there is no line in the prescription".to_owned());
        }
        let unread = self.lines.iter().enumerate().find_map(|(at, line)| Some((at, line.as_ref().err()?)));
        if let Some((at, problem)) = unread {
            return Some(format!("line {} cannot be read: {problem}", at + 1));
        }
        let unsaid =
            self.lines.iter().enumerate().find(|(_, line)| {
                line.as_ref().is_ok_and(|line| line.frequency.is_none() && !line.as_needed)
            });
        if let Some((at, _)) = unsaid {
            return Some(format!("line {} does not say how often", at + 1));
        }
        let open = self
            .issues
            .iter()
            .find(|(issue, reason)| issue.stop || (issue.needs != Needs::Nothing && reason.is_none()));
        open.map(|(issue, _)| {
            let what = if issue.stop { "" } else { " Give a reason to sign it all the same." };
            format!("{}{what}", issue.message)
        })
    }

    /// The lines, where all were read.
    pub fn read(&self) -> Option<Vec<&Line>> {
        self.lines.iter().map(|line| line.as_ref().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Prescription {
        Prescription {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..Prescription::default()
        }
    }

    #[test]
    fn a_prescription_is_signed_when_everything_is_answered() {
        let says = |prescription: &Prescription, allergies: &[Allergy]| {
            prescription.judge(&Book::own(), allergies, None).hindrance()
        };
        assert!(says(&of(&[]), &[]).unwrap().contains("no line"));
        assert!(says(&of(&["para 500 xyz"]), &[]).unwrap().contains("line 1 cannot be read"));
        assert!(says(&of(&["para 500 5d"]), &[]).unwrap().contains("how often"));
        assert_eq!(says(&of(&["para 500 tds 5d"]), &[]), None);
        let allergy = [Allergy { words: "Penicillin".to_owned(), severe: false }];
        let mut penicillin = of(&["amox 500 tds 5d"]);
        assert!(says(&penicillin, &allergy).unwrap().contains("Give a reason"));
        let key = penicillin.judge(&Book::own(), &allergy, None).issues[0].0.key.clone();
        penicillin.reasons = vec![Reason { key: key.clone(), reason: "  ".to_owned() }];
        assert!(says(&penicillin, &allergy).is_some());
        penicillin.reasons = vec![Reason { key, reason: "tolerated last year".to_owned() }];
        assert_eq!(says(&penicillin, &allergy), None);
        let severe = [Allergy { words: "Penicillin".to_owned(), severe: true }];
        assert!(says(&penicillin, &severe).is_some(), "a hard stop has no reason");
    }

    #[test]
    fn a_draft_is_bounded() {
        assert!(of(&["anything at all"]).check().is_ok());
        assert!(of(&[""; 41]).check().is_err());
        assert!(of(&["x".repeat(501).as_str()]).check().is_err());
        let own = |list, reason: &str| Prescription {
            classified: vec![OwnList { medicine: "X".into(), list, reason: reason.into() }],
            ..Prescription::default()
        };
        assert!(own(List::A, "used for years").check().is_ok());
        assert!(own(List::A, " ").check().is_err());
        assert!(own(List::Prohibited, "x").check().is_err());
    }
}

//! What stands against signing a prescription: allergies, the same substance twice, and the lists of teleconsultation.
//!
//! Few things are a hard stop: a substance to which the patient is allergic, a class with a severe reaction, and what must
//! not be prescribed at a distance. The rest is one line each and is answered with a reason. Severe interactions, pregnancy,
//! age and kidneys are not judged here.

use serde::Serialize;
use utoipa::ToSchema;

use super::formulary::{Class, Formulary};
use super::line::Line;
use super::lists::{Distance, List, Pack, allowed};
use crate::consult::ask::Mode;

/// An allergy as the record says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allergy {
    /// Substance, in the words of the record.
    pub words: String,
    /// High criticality or a severe reaction.
    pub severe: bool,
}

/// A list that the doctor gave a medicine which has no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    /// Generic name, in capitals.
    pub medicine: String,
    /// The list.
    pub list: List,
}

/// Of what kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PrescriptionIssueKind)]
pub enum Kind {
    /// The patient is allergic to the substance.
    Allergy,
    /// The patient is allergic to something of its class, or near it.
    Class,
    /// The substance is in another line too.
    Duplicate,
    /// The lists of teleconsultation.
    Telemedicine,
}

/// What answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PrescriptionIssueNeeds)]
pub enum Needs {
    /// Nothing: the line has to go or to change.
    Nothing,
    /// A reason.
    Reason,
    /// The doctor says on which list the medicine belongs, and why.
    Classification,
}

/// One thing that stands against signing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PrescriptionIssue)]
pub struct Issue {
    /// The same for the same thing, whatever else changes.
    pub key: String,
    /// Of what kind.
    pub kind: Kind,
    /// The line, from 0.
    pub line: usize,
    /// Whether no reason answers it.
    pub stop: bool,
    /// A sentence.
    pub message: String,
    /// What answers it.
    pub needs: Needs,
}

/// Everything that a prescription is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Against<'a> {
    /// The medicines.
    pub formulary: &'a Formulary,
    /// The lists.
    pub pack: &'a Pack,
    /// The patient's allergies.
    pub allergies: &'a [Allergy],
    /// At a distance, and how; none in person.
    pub distance: Option<Distance>,
    /// What the doctor classified.
    pub classified: &'a [Classified],
}

/// Checks the lines, each with its place in the prescription.
pub fn check(lines: &[(usize, &Line)], against: &Against<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (place, (at, line)) in lines.iter().enumerate() {
        allergies(*at, line, against, &mut issues);
        duplicates(*at, line, lines.get(..place).unwrap_or_default(), against, &mut issues);
        if let Some(distance) = against.distance {
            issues.extend(at_a_distance(*at, line, distance, against));
        }
    }
    issues
}

fn substances(line: &Line, formulary: &Formulary) -> Vec<String> {
    let name = line.generic.to_lowercase();
    formulary.find(&name).map_or_else(|| vec![name], |medicine| medicine.substances().to_vec())
}

/// Whether `words` hold `phrase` as whole words.
fn says(words: &str, phrase: &str) -> bool {
    let of = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (words, phrase) = (of(words), of(phrase));
    !phrase.is_empty() && words.windows(phrase.len()).any(|window| window == phrase)
}

/// The classes that an allergy speaks against: those it names, and those of a medicine it names.
fn classes_of<'a>(allergy: &Allergy, formulary: &'a Formulary) -> Vec<&'a str> {
    let named = formulary
        .classes()
        .iter()
        .filter(|class| class.words.iter().any(|word| says(&allergy.words, word)))
        .map(|class| class.name.as_str());
    let of_medicines = formulary.medicines().iter().filter(|medicine| {
        let names = medicine.abbreviations.iter().filter(|name| name.len() > 3).chain([&medicine.name]);
        names.chain(medicine.substances()).any(|name| says(&allergy.words, name))
    });
    named.chain(of_medicines.flat_map(|medicine| medicine.allergy.iter().map(String::as_str))).collect()
}

fn allergies(at: usize, line: &Line, against: &Against<'_>, issues: &mut Vec<Issue>) {
    let formulary = against.formulary;
    let medicine = formulary.find(&line.generic.to_lowercase());
    let substances = substances(line, formulary);
    for allergy in against.allergies {
        let by_name = medicine.is_some_and(|medicine| {
            medicine.abbreviations.iter().filter(|name| name.len() > 3).any(|name| says(&allergy.words, name))
        });
        if by_name || substances.iter().any(|substance| says(&allergy.words, substance)) {
            issues.push(Issue {
                key: format!("allergy:{}:{}", allergy.words.to_lowercase(), line.generic),
                kind: Kind::Allergy,
                line: at,
                stop: true,
                message: format!(
                    "The record says that the patient is allergic to {}. Take another medicine, or correct the allergy first.",
                    allergy.words
                ),
                needs: Needs::Nothing,
            });
            continue;
        }
        let Some(medicine) = medicine else { continue };
        let spoken = classes_of(allergy, formulary);
        let own = medicine.allergy.iter().any(|class| spoken.contains(&class.as_str()));
        let is_near = |class: &Class| {
            spoken.contains(&class.name.as_str())
                && class.near.iter().any(|near| medicine.allergy.contains(near))
        };
        let near = !own && formulary.classes().iter().any(is_near);
        if !own && !near {
            continue;
        }
        let stop = own && allergy.severe;
        let how = if own { "the same class" } else { "a class near it" };
        issues.push(Issue {
            key: format!("class:{}:{}", allergy.words.to_lowercase(), line.generic),
            kind: Kind::Class,
            line: at,
            stop,
            message: format!(
                "{} is of {how} as {}, to which the patient is {}allergic.",
                line.generic,
                allergy.words,
                if allergy.severe { "severely " } else { "" }
            ),
            needs: if stop { Needs::Nothing } else { Needs::Reason },
        });
    }
}

fn duplicates(
    at: usize,
    line: &Line,
    before: &[(usize, &Line)],
    against: &Against<'_>,
    issues: &mut Vec<Issue>,
) {
    for substance in substances(line, against.formulary) {
        let other =
            before.iter().find(|(_, other)| substances(other, against.formulary).contains(&substance));
        if let Some((other, _)) = other {
            issues.push(Issue {
                key: format!("duplicate:{substance}"),
                kind: Kind::Duplicate,
                line: at,
                stop: false,
                message: format!("{substance} is in line {} too.", other + 1),
                needs: Needs::Reason,
            });
        }
    }
}

fn at_a_distance(at: usize, line: &Line, distance: Distance, against: &Against<'_>) -> Option<Issue> {
    let issue = |message: String, needs| Issue {
        key: format!("telemedicine:{}", line.generic),
        kind: Kind::Telemedicine,
        line: at,
        stop: true,
        message,
        needs,
    };
    let never = substances(line, against.formulary)
        .iter()
        .find_map(|substance| against.pack.prohibits(substance).map(str::to_owned));
    if let Some(source) = never {
        let message = format!("{} is never prescribed at a distance ({source}).", line.generic);
        return Some(issue(message, Needs::Nothing));
    }
    let (list, source) = match against.pack.find(line) {
        Some((list, source)) => (list, source.to_owned()),
        None => {
            let own = against.classified.iter().find(|one| one.medicine == line.generic);
            let Some(own) = own else {
                let message = format!(
                    "{} is on no list of teleconsultation: say on which list it belongs, and why, or see the patient in person.",
                    line.generic
                );
                return Some(issue(message, Needs::Classification));
            };
            (own.list, "classified by the doctor".to_owned())
        }
    };
    if allowed(list, distance) {
        return None;
    }
    let when = match list {
        List::O => "always",
        List::A => "at a first consultation by video, or on follow-up",
        List::B => "only on follow-up of a visit in person within six months for the same condition",
        List::Prohibited => "never",
    };
    let mode = match distance.mode {
        Mode::Video => "video",
        Mode::Audio => "audio",
        Mode::Chat => "chat",
        Mode::InPerson => "in person",
    };
    let nature = if distance.follow_up { "follow-up" } else { "first consultation" };
    let message = format!(
        "{} may be prescribed at a distance {when} ({source}); this is a {nature} by {mode}.",
        line.generic
    );
    Some(issue(message, Needs::Nothing))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn issues(
        lines: &[&str],
        allergies: &[(&str, bool)],
        distance: Option<Distance>,
        classified: &[Classified],
    ) -> Vec<(Kind, usize, bool, Needs)> {
        let lines: Vec<Line> = lines.iter().map(|line| parse(line, Formulary::own()).unwrap()).collect();
        let lines: Vec<(usize, &Line)> = lines.iter().enumerate().collect();
        let allergies: Vec<Allergy> = allergies
            .iter()
            .map(|(words, severe)| Allergy { words: (*words).to_owned(), severe: *severe })
            .collect();
        let against = Against {
            formulary: Formulary::own(),
            pack: Pack::own(),
            allergies: &allergies,
            distance,
            classified,
        };
        check(&lines, &against)
            .into_iter()
            .map(|issue| (issue.kind, issue.line, issue.stop, issue.needs))
            .collect()
    }

    #[test]
    fn allergies_stop_and_classes_ask() {
        let of = |line: &str, allergy: &str, severe| issues(&[line], &[(allergy, severe)], None, &[]);
        assert_eq!(of("amox 500 tds 5d", "Amoxicillin", false), [(Kind::Allergy, 0, true, Needs::Nothing)]);
        assert_eq!(
            of("amoxiclav 625 bd 5d", "amoxicillin rash", false),
            [(Kind::Allergy, 0, true, Needs::Nothing)]
        );
        assert_eq!(of("amox 500 tds 5d", "Penicillin", false), [(Kind::Class, 0, false, Needs::Reason)]);
        assert_eq!(of("amox 500 tds 5d", "Penicillin", true), [(Kind::Class, 0, true, Needs::Nothing)]);
        assert_eq!(of("amox 500 tds 5d", "Ampicillin", false), [(Kind::Class, 0, false, Needs::Reason)]);
        assert_eq!(of("cefixime 200 bd 5d", "Penicillin", true), [(Kind::Class, 0, false, Needs::Reason)]);
        assert_eq!(of("ibuprofen 400 tds 3d", "sulfa drugs", true), []);
        assert_eq!(of("septran 960 bd 5d", "sulfa drugs", true), [(Kind::Class, 0, true, Needs::Nothing)]);
        assert_eq!(of("amox 500 tds", "penicillinase-like dust", true), [], "whole words only");
        assert_eq!(
            of("\"Strange thing\" 5mg od", "strange thing", false),
            [(Kind::Allergy, 0, true, Needs::Nothing)]
        );
    }

    #[test]
    fn the_same_substance_twice_asks() {
        let found = issues(&["amox 500 tds 5d", "para 500 tds", "amoxiclav 625 bd 5d"], &[], None, &[]);
        assert_eq!(found, [(Kind::Duplicate, 2, false, Needs::Reason)]);
    }

    #[test]
    fn the_lists_stop_at_a_distance_and_not_in_person() {
        let video = Some(Distance { mode: Mode::Video, follow_up: false });
        let chat = Some(Distance { mode: Mode::Chat, follow_up: false });
        let after = Some(Distance { mode: Mode::Chat, follow_up: true });
        let stop = [(Kind::Telemedicine, 0, true, Needs::Nothing)];
        let ask = [(Kind::Telemedicine, 0, true, Needs::Classification)];
        assert_eq!(issues(&["alprazolam 0.25 hs"], &[], None, &[]), []);
        assert_eq!(issues(&["alprazolam 0.25 hs"], &[], after, &[]), stop);
        assert_eq!(issues(&["para 500 tds"], &[], chat, &[]), []);
        assert_eq!(issues(&["metformin 500 bd"], &[], chat, &[]), stop);
        assert_eq!(issues(&["metformin 500 bd"], &[], video, &[]), []);
        assert_eq!(issues(&["metformin 500 bd"], &[], after, &[]), []);
        assert_eq!(issues(&["sitagliptin 100 od"], &[], video, &[]), stop);
        assert_eq!(issues(&["amox 500 tds"], &[], video, &[]), ask);
        let own = |list| [Classified { medicine: "AMOXICILLIN".to_owned(), list }];
        assert_eq!(issues(&["amox 500 tds"], &[], video, &own(List::A)), []);
        assert_eq!(issues(&["amox 500 tds"], &[], video, &own(List::B)), stop);
        let alprazolam = [Classified { medicine: "ALPRAZOLAM".to_owned(), list: List::O }];
        assert_eq!(
            issues(&["alprazolam 0.25 hs"], &[], video, &alprazolam),
            stop,
            "nobody classifies this away"
        );
    }
}

//! The walk through a transcript: vital signs, medicines, allergies, durations, the next visit, and which section a sentence
//! belongs to. Every rule is a list of words in this folder; `docs/decisions/0204-…` tells them in plain words.

use super::tokens::{Sentence, sentences};
use super::{Extraction, Speaker, Suggestion, medicines, vitals};
use crate::consult::prescribe::formulary::Formulary;

/// Lines of a transcript that are looked at, and suggestions that are kept.
const MOST_PASSAGES: usize = 4_000;
const MOST: usize = 300;

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Start, ms.
    pub start: u64,
    /// End, ms.
    pub end: u64,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

/// The passages of a transcript; `speaker` says whose a track is.
pub fn passages(
    transcript: &clinicvault_scribe::pipeline::last::Transcript,
    speaker: impl Fn(u64) -> Speaker,
) -> Vec<Passage> {
    let lines = transcript.lines.iter().take(MOST_PASSAGES + 1);
    lines
        .map(|line| Passage {
            start: line.start,
            end: line.end,
            speaker: speaker(line.track),
            text: line.text(),
        })
        .collect()
}

const SYMPTOMS: &[&str] = &[
    "fever",
    "cough",
    "cold",
    "pain",
    "ache",
    "headache",
    "vomiting",
    "vomit",
    "nausea",
    "loose",
    "diarrhoea",
    "diarrhea",
    "itching",
    "rash",
    "burning",
    "breathless",
    "breathlessness",
    "breathing",
    "weakness",
    "dizzy",
    "dizziness",
    "giddiness",
    "swelling",
    "bleeding",
    "sore",
    "tired",
    "chills",
    "constipation",
    "acidity",
    "gas",
    "stomach",
    "throat",
    "back",
    "bukhar",
    "khansi",
    "dard",
    "ulti",
    "khujli",
    "chakkar",
    "बुखार",
    "खांसी",
    "खाँसी",
    "दर्द",
    "उल्टी",
    "चक्कर",
    "खुजली",
];
const HISTORY: &[&[&str]] = &[
    &["since"],
    &["ago"],
    &["diabetes"],
    &["diabetic"],
    &["sugar"],
    &["hypertension"],
    &["asthma"],
    &["smoke"],
    &["smoking"],
    &["alcohol"],
    &["allergic"],
    &["allergy"],
    &["surgery"],
    &["operation"],
    &["operated"],
    &["taking"],
    &["pregnant"],
    &["periods"],
    &["my", "mother"],
    &["my", "father"],
    &["years"],
    &["pehle", "se"],
];
const EXAMINATION: &[&[&str]] = &[
    &["on", "examination"],
    &["chest", "is"],
    &["lungs"],
    &["throat", "is"],
    &["abdomen"],
    &["tender"],
    &["tenderness"],
    &["wheeze"],
    &["wheezing"],
    &["crepts"],
    &["murmur"],
    &["pallor"],
    &["tonsils"],
    &["congested"],
    &["lymph", "nodes"],
    &["ears", "are"],
    &["air", "entry"],
];
const ASSESSMENT: &[&[&str]] = &[
    &["looks", "like"],
    &["look", "like"],
    &["seems"],
    &["i", "think"],
    &["likely"],
    &["diagnosis"],
    &["suspect"],
    &["probably"],
    &["you", "have", "a"],
    &["this", "is", "a"],
    &["it", "is", "a"],
    &["lagta", "hai"],
    &["लगता", "है"],
];
const PLAN: &[&[&str]] = &[
    &["take"],
    &["start"],
    &["stop"],
    &["continue"],
    &["drink"],
    &["rest"],
    &["avoid"],
    &["advise"],
    &["test"],
    &["tests"],
    &["x-ray"],
    &["xray"],
    &["scan"],
    &["ultrasound"],
    &["come", "back"],
    &["follow", "up"],
    &["follow-up"],
    &["review"],
    &["tablet"],
    &["syrup"],
    &["refer"],
    &["ecg"],
    &["gargle"],
    &["steam"],
    &["see", "me"],
    &["lijiye"],
    &["लीजिए"],
    &["लें"],
    &["आराम"],
];
const NEXT_VISIT: &[&[&str]] = &[
    &["come", "back"],
    &["follow", "up"],
    &["follow-up"],
    &["review"],
    &["see", "me"],
    &["visit", "again"],
    &["come", "again"],
    &["wapas", "aana"],
    &["phir", "aana"],
    &["फिर", "आना"],
    &["वापस", "आना"],
];

/// What a note can take from a transcript.
pub fn extract(passages: &[Passage], formulary: &Formulary) -> Extraction {
    let mut found = Extraction { suggestions: Vec::new(), cut: passages.len() > MOST_PASSAGES };
    let mut complained = false;
    for (number, passage) in passages.iter().take(MOST_PASSAGES).enumerate() {
        for sentence in sentences(&passage.text) {
            let mut finder = Finder { passage, number, sentence: &sentence, found: &mut found };
            finder.look(formulary, &mut complained);
        }
        if found.suggestions.len() >= MOST {
            found.suggestions.truncate(MOST);
            found.cut = true;
            break;
        }
    }
    for (at, suggestion) in found.suggestions.iter_mut().enumerate() {
        suggestion.id = format!("x{}", at + 1);
    }
    found
}

struct Finder<'a> {
    passage: &'a Passage,
    number: usize,
    sentence: &'a Sentence,
    found: &'a mut Extraction,
}

impl Finder<'_> {
    fn look(&mut self, formulary: &Formulary, complained: &mut bool) {
        for vital in vitals::find(self.sentence) {
            let field = format!("vital.{}", vital.kind);
            self.add(&field, vital.value, Some(vital.unit), (vital.from, vital.to));
        }
        let medicines = medicines::find(self.sentence, formulary);
        let mut taken = Vec::new();
        // What a patient names is what he takes or took: history, no order.
        for medicine in medicines.iter().filter(|_| self.passage.speaker != Speaker::Patient) {
            taken.push(medicine.from..medicine.to);
            if !medicine.against && !self.sentence.question {
                self.add("medicine", medicine.line.clone(), None, (medicine.from, medicine.to));
            }
        }
        self.allergy(&medicines);
        self.times(&taken);
        if let Some(section) = self.section(!medicines.is_empty(), complained) {
            let all = (0, self.sentence.tokens.len());
            let words = self.sentence.exact(&self.passage.text, all.0, all.1).to_owned();
            self.add(section, words, None, all);
        }
    }

    fn add(&mut self, field: &str, value: String, unit: Option<&str>, (from, to): (usize, usize)) {
        let words = self.sentence.exact(&self.passage.text, from, to);
        if words.is_empty() || self.found.suggestions.len() >= MOST {
            return;
        }
        self.found.suggestions.push(Suggestion {
            id: String::new(),
            field: field.to_owned(),
            value,
            unit: unit.map(str::to_owned),
            passage: self.number,
            start: self.passage.start,
            end: self.passage.end,
            speaker: self.passage.speaker,
            words: words.to_owned(),
        });
    }

    /// "Allergic to penicillin", unless somebody is not.
    fn allergy(&mut self, medicines: &[medicines::Found]) {
        let Some(at) = (0..self.sentence.tokens.len()).find(|at| {
            matches!(self.sentence.word(*at), "allergic" | "allergy") && self.sentence.word(at + 1) == "to"
        }) else {
            return;
        };
        let denied = (at.saturating_sub(4)..at).any(|before| {
            matches!(self.sentence.word(before), "not" | "no" | "never" | "any" | "don't" | "without")
        });
        if denied || self.sentence.question {
            return;
        }
        let from = at + 2;
        let known = medicines.iter().find(|medicine| medicine.from == from);
        let tokens = self.sentence.tokens.get(from..).unwrap_or_default();
        let pause = tokens.iter().take(3).position(|token| token.pause).map(|place| place + 1);
        let to = match known {
            Some(_) => from + 1,
            None => from + pause.unwrap_or_else(|| tokens.len().min(2)),
        };
        let value = known
            .map(|medicine| medicine.name.clone())
            .unwrap_or_else(|| self.sentence.exact(&self.passage.text, from, to).to_owned());
        if !value.is_empty() {
            self.add("allergy", value, None, (at, to));
        }
    }

    /// How long something has lasted, and when to come again.
    fn times(&mut self, taken: &[std::ops::Range<usize>]) {
        let next = NEXT_VISIT.iter().any(|cue| self.sentence.has(cue));
        let mut done = false;
        for at in 0..self.sentence.tokens.len() {
            if done || taken.iter().any(|range| range.contains(&at)) {
                continue;
            }
            // "Teen din se".
            if let Some((count, unit, words)) = medicines::time(self.sentence, at)
                && matches!(self.sentence.word(at + words), "se" | "से")
            {
                self.add("duration", format!("{count} {unit}"), None, (at, at + words + 1));
                continue;
            }
            let lead = self.sentence.word(at);
            let Some((count, unit, words)) = medicines::time(self.sentence, at + 1) else { continue };
            let span = (at, at + 1 + words);
            if next && matches!(lead, "in" | "after" | "within") {
                let days = count
                    * match unit {
                        "weeks" => 7,
                        "months" => 30,
                        _ => 1,
                    };
                self.add("followUp", format!("{days} days"), None, span);
                done = true;
            } else if matches!(lead, "for" | "since" | "from" | "last" | "past") {
                self.add("duration", format!("{count} {unit}"), None, span);
            }
        }
    }

    fn section(&self, medicine: bool, complained: &mut bool) -> Option<&'static str> {
        let sentence = self.sentence;
        let any = |cues: &[&[&str]]| cues.iter().any(|cue| sentence.has(cue));
        if sentence.tokens.len() < 2 || sentence.question {
            return None;
        }
        match self.passage.speaker {
            Speaker::Patient => {
                let symptom = sentence.tokens.iter().any(|token| SYMPTOMS.contains(&token.word.as_str()));
                if symptom && !*complained {
                    *complained = true;
                    return Some("complaint");
                }
                (symptom || medicine || any(HISTORY)).then_some("history")
            }
            Speaker::Doctor => match () {
                () if any(EXAMINATION) => Some("examination"),
                () if any(ASSESSMENT) => Some("assessment"),
                () if medicine || any(PLAN) => Some("plan"),
                () => None,
            },
            Speaker::Other => None,
        }
    }
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;

//! The patient's part of a prescription in his language: how much, when, with food, for how long.
//!
//! English and Hindi are there; another language gets English. What cannot be said in a language is said in English, never
//! left out.

use crate::consult::prescribe::amount::Amount;
use crate::consult::prescribe::line::{Line, printed};
use crate::consult::prescribe::words::{Food, Form, Frequency, Span, Unit};

/// A language of the patient's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Hindi.
    Hindi,
}

impl Language {
    /// The language of a code; English for what is not there.
    pub fn of(code: &str) -> Language {
        match code {
            "hi" => Language::Hindi,
            _ => Language::English,
        }
    }
}

const TIMES_OF_THREE: [&str; 3] = ["सुबह", "दोपहर", "रात"];
const TIMES_OF_FOUR: [&str; 4] = ["सुबह", "दोपहर", "शाम", "रात"];

/// How a medicine is taken, for the patient.
pub fn directions(line: &Line, language: Language) -> String {
    match language {
        Language::English => english(line),
        Language::Hindi => hindi(line),
    }
}

fn english(line: &Line) -> String {
    let mut parts = vec![match &line.frequency {
        Some(Frequency::Pattern(amounts)) => {
            let names: &[&str] = if amounts.len() == 4 {
                &["morning", "noon", "evening", "night"]
            } else {
                &["morning", "noon", "night"]
            };
            times(names, amounts, |amount| of_pattern(line, amount, |amount, unit| printed((amount, unit))))
        }
        Some(frequency) => {
            let each = dose(line, |amount, unit| printed((amount, unit)));
            [each, frequency.printed()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        }
        None => dose(line, |amount, unit| printed((amount, unit))),
    }];
    parts.extend(line.as_needed.then(|| "when needed".to_owned()));
    parts.extend(line.food.map(|food| food.printed().to_owned()));
    parts.extend(line.span.map(Span::printed));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

fn hindi(line: &Line) -> String {
    let counted = |amount: Amount, unit: Unit| format!("{amount} {}", unit_in_hindi(unit));
    let mut parts = vec![match &line.frequency {
        Some(Frequency::Pattern(amounts)) => {
            let names: &[&str] = if amounts.len() == 4 { &TIMES_OF_FOUR } else { &TIMES_OF_THREE };
            times(names, amounts, |amount| of_pattern(line, amount, counted))
        }
        Some(frequency) => {
            let each = dose(line, counted);
            [each, frequency_in_hindi(frequency)]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        }
        None => dose(line, counted),
    }];
    parts.extend(line.as_needed.then(|| "ज़रूरत होने पर".to_owned()));
    parts.extend(line.food.map(|food| {
        match food {
            Food::Before => "खाने से पहले",
            Food::After => "खाने के बाद",
            Food::With => "खाने के साथ",
            Food::Empty => "खाली पेट",
        }
        .to_owned()
    }));
    parts.extend(line.span.map(|span| match span {
        Span::Days(count) => format!("{count} दिन तक"),
        Span::Weeks(count) => format!("{count} हफ़्ते तक"),
        Span::Months(count) => format!("{count} महीने तक"),
        Span::Ongoing => "जारी रखें".to_owned(),
    }));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// "Morning 1 tab, night 1 tab".
fn times(names: &[&str], amounts: &[Amount], each: impl Fn(Amount) -> String) -> String {
    let taken = names.iter().zip(amounts).filter(|(_, amount)| !amount.is_zero());
    taken.map(|(name, amount)| format!("{name} {}", each(*amount))).collect::<Vec<_>>().join(", ")
}

/// One amount of a pattern: pieces of a form that is counted, or times a dose that is stated.
fn of_pattern(line: &Line, amount: Amount, counted: impl Fn(Amount, Unit) -> String) -> String {
    match (line.dose, line.form.and_then(Form::counted)) {
        (Some((dose, unit)), _) if amount == Amount::ONE => counted(dose, unit),
        (Some((dose, unit)), _) => format!("{amount} × {}", counted(dose, unit)),
        (None, Some(unit)) => counted(amount, unit),
        (None, None) => amount.to_string(),
    }
}

fn dose(line: &Line, counted: impl Fn(Amount, Unit) -> String) -> String {
    match (line.dose, line.form.and_then(Form::counted)) {
        (Some((amount, unit)), _) => counted(amount, unit),
        (None, Some(unit)) => counted(Amount::ONE, unit),
        (None, None) => String::new(),
    }
}

fn unit_in_hindi(unit: Unit) -> &'static str {
    match unit {
        Unit::Tablet => "गोली",
        Unit::Capsule => "कैप्सूल",
        Unit::Drop => "बूँद",
        Unit::Puff => "पफ़",
        Unit::Spray => "स्प्रे",
        Unit::Sachet => "पुड़िया",
        Unit::Application => "बार लगाएँ",
        Unit::Piece => "नग",
        Unit::Units => "यूनिट",
        Unit::Milligram
        | Unit::Gram
        | Unit::Microgram
        | Unit::Milliequivalent
        | Unit::Percent
        | Unit::Millilitre => unit.printed(),
    }
}

fn frequency_in_hindi(frequency: &Frequency) -> String {
    match frequency {
        Frequency::Pattern(_) => frequency.code(),
        Frequency::Daily => "दिन में 1 बार".to_owned(),
        Frequency::Twice => "दिन में 2 बार".to_owned(),
        Frequency::Thrice => "दिन में 3 बार".to_owned(),
        Frequency::FourTimes => "दिन में 4 बार".to_owned(),
        Frequency::TimesADay(times) => format!("दिन में {times} बार"),
        Frequency::Morning => "सुबह".to_owned(),
        Frequency::Bedtime => "रात को सोते समय".to_owned(),
        Frequency::AtOnce => "अभी, एक बार".to_owned(),
        Frequency::EveryHours(hours) => format!("हर {hours} घंटे पर"),
        Frequency::AlternateDays => "एक दिन छोड़कर".to_owned(),
        Frequency::Weekly => "हफ़्ते में 1 बार".to_owned(),
        Frequency::Fortnightly => "दो हफ़्ते में 1 बार".to_owned(),
        Frequency::Monthly => "महीने में 1 बार".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consult::prescribe::formulary::Formulary;
    use crate::consult::prescribe::parse;

    #[test]
    fn the_patient_reads_his_own_language() {
        for (typed, english, hindi) in [
            (
                "para 650 1-0-1 pc 5d",
                "morning 1 tab, night 1 tab, after food, for 5 days",
                "सुबह 1 गोली, रात 1 गोली, खाने के बाद, 5 दिन तक",
            ),
            ("amlo 5 od cont", "1 tab once a day, to be continued", "1 गोली दिन में 1 बार, जारी रखें"),
            (
                "syp ambroxol 5ml 1-1-1 3d",
                "morning 5 mL, noon 5 mL, night 5 mL, for 3 days",
                "सुबह 5 mL, दोपहर 5 mL, रात 5 mL, 3 दिन तक",
            ),
            ("para 500 sos", "1 tab, when needed", "1 गोली, ज़रूरत होने पर"),
            ("glargine 10 units hs", "10 units at bedtime", "10 यूनिट रात को सोते समय"),
        ] {
            let line = parse(typed, Formulary::own()).unwrap();
            assert_eq!(directions(&line, Language::English), english, "{typed}");
            assert_eq!(directions(&line, Language::Hindi), hindi, "{typed}");
        }
    }
}

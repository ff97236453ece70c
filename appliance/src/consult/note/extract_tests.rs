use proptest::prelude::*;

use super::*;
use crate::consult::prescribe::parse;

fn passages_of(lines: &[(Speaker, &str)]) -> Vec<Passage> {
    let of = |(at, (speaker, text)): (usize, &(Speaker, &str))| Passage {
        start: at as u64 * 1_000,
        end: at as u64 * 1_000 + 900,
        speaker: *speaker,
        text: (*text).to_owned(),
    };
    lines.iter().enumerate().map(of).collect()
}

fn found(lines: &[(Speaker, &str)]) -> Vec<(String, String, String)> {
    let extraction = extract(&passages_of(lines), Formulary::own());
    extraction.suggestions.into_iter().map(|one| (one.field, one.value, one.words)).collect()
}

fn is(all: &[(String, String, String)], field: &str, value: &str, words: &str) {
    let there = all.iter().any(|(f, v, w)| f == field && v == value && w == words);
    assert!(there, "{field} {value} {words} is not in {all:#?}");
}

#[test]
fn a_consultation_is_heard() {
    use Speaker::{Doctor, Patient};
    let all = found(&[
        (Patient, "Doctor, I have fever and cough since three days."),
        (Patient, "I am diabetic and I take metformin. I am allergic to penicillin."),
        (Doctor, "Do you smoke?"),
        (
            Doctor,
            "Your BP is one fifty by ninety five, pulse 88, and the temperature is ninety nine point six.",
        ),
        (Doctor, "Oxygen saturation is 97%. Weight 61.5 kg. Blood sugar is one eighty."),
        (Doctor, "Chest is clear, throat is congested."),
        (Doctor, "It looks like a viral fever."),
        (Doctor, "Take paracetamol six fifty milligrams three times a day after food for five days."),
        (Doctor, "And cetirizine 10 mg at night. Do not take aspirin."),
        (Doctor, "Come back in a week."),
    ]);
    is(
        &all,
        "complaint",
        "Doctor, I have fever and cough since three days",
        "Doctor, I have fever and cough since three days",
    );
    is(&all, "duration", "3 days", "since three days");
    is(&all, "allergy", "penicillin", "allergic to penicillin");
    is(&all, "vital.bp", "150/95", "BP is one fifty by ninety five");
    is(&all, "vital.pulse", "88", "pulse 88");
    is(&all, "vital.temperature", "99.6", "temperature is ninety nine point six");
    is(&all, "vital.spo2", "97", "Oxygen saturation is 97%");
    is(&all, "vital.weight", "61.5", "Weight 61.5 kg");
    is(&all, "vital.glucose", "180", "Blood sugar is one eighty");
    is(&all, "examination", "Chest is clear, throat is congested", "Chest is clear, throat is congested");
    is(&all, "assessment", "It looks like a viral fever", "It looks like a viral fever");
    is(
        &all,
        "medicine",
        "tab paracetamol 650mg tds pc 5d",
        "paracetamol six fifty milligrams three times a day after food for five days",
    );
    is(&all, "medicine", "tab cetirizine 10mg hs", "cetirizine 10 mg at night");
    is(&all, "followUp", "7 days", "in a week");
    let medicines: Vec<_> = all.iter().filter(|(field, ..)| field == "medicine").collect();
    assert_eq!(medicines.len(), 2, "what the patient takes and what is forbidden is no order: {medicines:?}");
    assert!(!all.iter().any(|(.., words)| words.contains("smoke")), "a question says nothing");
    // "for five days" is the medicine's; it is not a duration of the illness as well.
    assert_eq!(all.iter().filter(|(field, ..)| field == "duration").count(), 1);
}

#[test]
fn hindi_is_heard_as_far_as_the_lists_go() {
    use Speaker::{Doctor, Patient};
    let all = found(&[
        (Patient, "मुझे तीन दिन से बुखार है।"),
        (Doctor, "बीपी है एक सौ तीस बाई अस्सी।"),
        (Doctor, "paracetamol 650 दिन में दो बार खाने के बाद लें।"),
    ]);
    is(&all, "complaint", "मुझे तीन दिन से बुखार है", "मुझे तीन दिन से बुखार है");
    is(&all, "vital.bp", "130/80", "बीपी है एक सौ तीस बाई अस्सी");
    is(&all, "medicine", "tab paracetamol 650mg bd pc", "paracetamol 650 दिन में दो बार खाने के बाद");
}

#[test]
fn what_cannot_be_is_no_suggestion() {
    use Speaker::{Doctor, Patient};
    for line in [
        (Doctor, "BP is 95 by 150."),
        (Doctor, "Pulse is 900."),
        (Doctor, "Temperature is 60."),
        (Doctor, "No paracetamol, please."),
        (Patient, "I took paracetamol 500 twice a day."),
        (Doctor, "Are you allergic to penicillin?"),
        (Patient, "I am not allergic to anything."),
        (Doctor, "I want a pan and a dig at it."),
    ] {
        let all = found(&[line]);
        let kinds = ["medicine", "allergy"];
        assert!(
            !all.iter().any(|(f, ..)| f.starts_with("vital") || kinds.contains(&f.as_str())),
            "{line:?}: {all:?}"
        );
    }
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "BP",
        "is",
        "one",
        "fifty",
        "by",
        "ninety",
        "five",
        "150/95",
        "pulse",
        "88",
        "paracetamol",
        "650",
        "mg",
        "twice",
        "a",
        "day",
        "for",
        "three",
        "days",
        "come",
        "back",
        "in",
        "week",
        "allergic",
        "to",
        "penicillin",
        "take",
        "fever",
        "since",
        "chest",
        "clear.",
        "looks",
        "like",
        "?",
        "।",
        "दिन",
        "एक",
        "सौ",
        "point",
        "hundred",
        "and",
        "every",
        "hours",
        "99.6,",
        "insulin",
        "glargine",
        "10",
        "units",
        "vitamin",
        "d3",
        "not",
        "1-0-1",
        "temperature",
        "weight",
    ];
    prop_oneof![8 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,9}"]
}

fn speaker() -> impl Strategy<Value = Speaker> {
    prop_oneof![Just(Speaker::Doctor), Just(Speaker::Patient), Just(Speaker::Other)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is said: no suggestion whose words were not said, at that place and time; a medicine is a line that can be
    /// read; everything is bounded; nothing panics.
    #[test]
    fn nothing_is_made_up(said in proptest::collection::vec((speaker(), proptest::collection::vec(word(), 0..40)), 0..30)) {
        let passages: Vec<Passage> = said
            .into_iter()
            .enumerate()
            .map(|(at, (speaker, words))| Passage { start: at as u64, end: at as u64 + 1, speaker, text: words.join(" ") })
            .collect();
        let found = extract(&passages, Formulary::own());
        prop_assert!(found.suggestions.len() <= MOST);
        for (at, one) in found.suggestions.iter().enumerate() {
            let passage = &passages[one.passage];
            prop_assert!(passage.text.contains(&one.words) && !one.words.is_empty(), "{:?}", one);
            prop_assert_eq!((one.start, one.end, one.speaker), (passage.start, passage.end, passage.speaker));
            prop_assert_eq!(&one.id, &format!("x{}", at + 1));
            if one.field == "medicine" {
                prop_assert!(parse(&one.value, Formulary::own()).is_ok(), "{}", one.value);
                prop_assert!(one.speaker != Speaker::Patient);
            }
            if matches!(one.field.as_str(), "complaint" | "history" | "examination" | "assessment" | "plan") {
                prop_assert_eq!(&one.value, &one.words);
            }
        }
    }

    #[test]
    fn no_text_breaks_it(texts in proptest::collection::vec("\\PC{0,300}", 0..6)) {
        let passages: Vec<Passage> =
            texts.into_iter().map(|text| Passage { start: 0, end: 0, speaker: Speaker::Doctor, text }).collect();
        let _ = extract(&passages, Formulary::own());
    }
}

#[test]
fn what_is_too_long_is_cut_and_said_so() {
    let long =
        vec![Passage { start: 0, end: 0, speaker: Speaker::Doctor, text: "Pulse 88. ".repeat(30) }; 4_001];
    let found = extract(&long, Formulary::own());
    assert!(found.cut && found.suggestions.len() == MOST);
}

//! Numbers as they are said: digits, English words up to 999 ("one fifty", "one hundred and two", "ninety eight point six"),
//! a small set of Hindi words in both scripts, and digits of Devanagari.

use super::tokens::Sentence;

/// A number that was said, in thousandths, and how many words it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub thousandths: u32,
    pub taken: usize,
}

impl Number {
    /// As digits, without zeros that say nothing.
    pub fn written(self) -> String {
        let (whole, part) = (self.thousandths / 1_000, self.thousandths % 1_000);
        if part == 0 {
            whole.to_string()
        } else {
            format!("{whole}.{}", format!("{part:03}").trim_end_matches('0'))
        }
    }
}

const SMALL: &[(&str, u32)] = &[
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fourty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("ek", 1),
    ("do", 2),
    ("teen", 3),
    ("char", 4),
    ("chaar", 4),
    ("paanch", 5),
    ("panch", 5),
    ("chhe", 6),
    ("saat", 7),
    ("aath", 8),
    ("nau", 9),
    ("das", 10),
    ("gyarah", 11),
    ("barah", 12),
    ("pandrah", 15),
    ("bees", 20),
    ("pachees", 25),
    ("tees", 30),
    ("chalis", 40),
    ("chaalis", 40),
    ("pachas", 50),
    ("pachaas", 50),
    ("saath", 60),
    ("sattar", 70),
    ("assi", 80),
    ("nabbe", 90),
    ("एक", 1),
    ("दो", 2),
    ("तीन", 3),
    ("चार", 4),
    ("पाँच", 5),
    ("पांच", 5),
    ("छह", 6),
    ("छः", 6),
    ("सात", 7),
    ("आठ", 8),
    ("नौ", 9),
    ("दस", 10),
    ("ग्यारह", 11),
    ("बारह", 12),
    ("पंद्रह", 15),
    ("बीस", 20),
    ("पच्चीस", 25),
    ("तीस", 30),
    ("चालीस", 40),
    ("पचास", 50),
    ("साठ", 60),
    ("सत्तर", 70),
    ("अस्सी", 80),
    ("नब्बे", 90),
];

/// The number that is said at a place of a sentence.
pub(super) fn number(sentence: &Sentence, at: usize) -> Option<Number> {
    if let Some(thousandths) = digits(sentence.word(at)) {
        return Some(Number { thousandths, taken: 1 });
    }
    let (whole, mut taken) = whole(sentence, at)?;
    let mut thousandths = whole * 1_000;
    let point = matches!(sentence.word(at + taken), "point" | "dot" | "दशमलव");
    if point && let Some(part) = small(sentence.word(at + taken + 1)).filter(|part| *part <= 9) {
        thousandths += part * 100;
        taken += 2;
    }
    Some(Number { thousandths, taken })
}

/// A whole number in words, up to 999.
fn whole(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    let first = small(sentence.word(at))?;
    let next = sentence.word(at + 1);
    if matches!(next, "hundred" | "sau" | "सौ") && (1..=9).contains(&first) {
        let and = usize::from(sentence.word(at + 2) == "and");
        return Some(match below_hundred(sentence, at + 2 + and) {
            Some((rest, taken)) => (first * 100 + rest, 2 + and + taken),
            None => (first * 100, 2),
        });
    }
    // "One fifty", "one ten", "two twenty five": hundreds are often left out.
    if (1..=9).contains(&first)
        && let Some((rest, taken)) = below_hundred(sentence, at + 1)
        && rest >= 10
    {
        return Some((first * 100 + rest, 1 + taken));
    }
    below_hundred(sentence, at)
}

fn below_hundred(sentence: &Sentence, at: usize) -> Option<(u32, usize)> {
    let first = small(sentence.word(at))?;
    let unit = small(sentence.word(at + 1)).filter(|unit| (1..=9).contains(unit));
    match unit {
        Some(unit) if first >= 20 && first % 10 == 0 => Some((first + unit, 2)),
        Some(_) | None => Some((first, 1)),
    }
}

fn small(word: &str) -> Option<u32> {
    SMALL.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
}

/// Thousandths of `150`, `99.6`, `१२०`, `98%`.
pub(super) fn digits(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('%');
    let (whole, part) = word.split_once('.').unwrap_or((word, ""));
    if whole.is_empty() || whole.chars().count() > 4 || part.chars().count() > 3 || word.ends_with('.') {
        return None;
    }
    let digit =
        |c: char| c.to_digit(10).or_else(|| (c as u32).checked_sub(0x0966).filter(|digit| *digit <= 9));
    let mut value = 0_u32;
    for c in whole.chars() {
        value = value * 10 + digit(c)?;
    }
    let mut places = part.chars();
    for _ in 0..3 {
        value = value * 10 + places.next().map_or(Some(0), digit)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::super::tokens::sentences;
    use super::*;

    fn said(text: &str) -> Option<(String, usize)> {
        let all = sentences(text);
        number(all.first()?, 0).map(|number| (number.written(), number.taken))
    }

    #[test]
    fn numbers_are_heard_as_people_say_them() {
        for (text, expected) in [
            ("150", Some(("150", 1))),
            ("99.6", Some(("99.6", 1))),
            ("98%", Some(("98", 1))),
            ("१२०", Some(("120", 1))),
            ("one fifty by ninety five", Some(("150", 2))),
            ("one hundred and two", Some(("102", 4))),
            ("one twenty five", Some(("125", 3))),
            ("one ten", Some(("110", 2))),
            ("two hundred", Some(("200", 2))),
            ("ninety eight point six", Some(("98.6", 4))),
            ("seventy two", Some(("72", 2))),
            ("five", Some(("5", 1))),
            ("ek sau bees", Some(("120", 3))),
            ("एक सौ बीस", Some(("120", 3))),
            ("fine", None),
            ("12345", None),
            ("1.2345", None),
        ] {
            assert_eq!(said(text), expected.map(|(value, taken)| (value.to_owned(), taken)), "{text}");
        }
    }

    /// Every number up to 999, spelled out in full.
    #[test]
    fn every_number_in_words_is_heard() {
        let name =
            |value: u32| SMALL.iter().find(|(_, known)| *known == value).map(|(word, _)| (*word).to_owned());
        for value in 0..1_000_u32 {
            let below = value % 100;
            let rest = name(below)
                .or_else(|| Some(format!("{} {}", name(below / 10 * 10)?, name(below % 10)?)))
                .unwrap();
            let words = match (value / 100, below) {
                (0, _) => rest,
                (hundreds, 0) => format!("{} hundred", name(hundreds).unwrap()),
                (hundreds, _) => format!("{} hundred and {rest}", name(hundreds).unwrap()),
            };
            assert_eq!(said(&words).unwrap().0, value.to_string(), "{words}");
        }
    }
}

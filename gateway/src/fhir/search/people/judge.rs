//! Whether a person as shown matches what was typed, how well, and which letters to underline.

use super::query::{Query, beginnings};
use super::words::{Word, words};
use super::{numbers, phone_digits, sound};

/// What is shown of a person.
#[derive(Debug, Clone, Default)]
pub struct Shown<'a> {
    /// Name.
    pub name: &'a str,
    /// The same name in another script or spelling.
    pub other_name: Option<&'a str>,
    /// Phone numbers; the first is the one shown.
    pub phones: Vec<&'a str>,
    /// Identifiers; the first is the clinic's number, which is shown.
    pub numbers: Vec<&'a str>,
    /// Village or town.
    pub village: Option<&'a str>,
    /// Year of birth.
    pub birth_year: Option<i16>,
}

/// Which text a span is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// [`Shown::name`]
    Name,
    /// [`Shown::other_name`]
    OtherName,
    /// The first of [`Shown::phones`]
    Phone,
    /// The first of [`Shown::numbers`]
    Number,
}

/// Letters to underline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// In which text.
    pub field: Field,
    /// First UTF-16 unit, as JavaScript counts.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Larger is better, at most 1000.
    pub score: u32,
    /// In order, not overlapping.
    pub matched: Vec<Span>,
}

/// Judges a person. `None` when a word of the query matches nothing that is shown.
pub fn judge(query: &Query, shown: &Shown<'_>) -> Option<Hit> {
    let mut matched = Vec::new();
    if let Some(score) = as_number(query, shown, &mut matched) {
        return Some(Hit { score, matched });
    }
    if query.words.is_empty() {
        return None;
    }
    let name = words(shown.name);
    let other = shown.other_name.map(words).unwrap_or_default();
    let village = shown.village.map(words).unwrap_or_default();
    let mut total = 0;
    // Exact words take their places first, so that an initial does not take the place of a word.
    let mut order: Vec<&Word> = query.words.iter().collect();
    order.sort_by_key(|w| std::cmp::Reverse(w.plain.chars().count()));
    let mut used_name = vec![false; name.len()];
    let mut used_other = vec![false; other.len()];
    for word in order {
        let in_name = best(word, &name, &mut used_name, Field::Name, &mut matched);
        let in_other = best(word, &other, &mut used_other, Field::OtherName, &mut matched);
        let in_village = village.iter().filter_map(|v| grade(word, v)).map(|(g, _)| g / 2).max();
        total += [in_name, in_other, in_village].into_iter().flatten().max()?;
    }
    for digits in &query.digits {
        total += known_number(digits, shown, &mut matched)?;
    }
    let parts = u32::try_from(query.words.len() + query.digits.len()).unwrap_or(1).max(1);
    matched.sort_unstable();
    matched.dedup();
    Some(Hit { score: (total / parts).min(1000), matched })
}

/// The best free word of a name; takes its place and underlines it.
fn best(word: &Word, name: &[Word], used: &mut [bool], field: Field, matched: &mut Vec<Span>) -> Option<u32> {
    let free = name.iter().enumerate().filter(|(n, _)| used.get(*n) == Some(&false));
    let graded = free.filter_map(|(n, candidate)| {
        let (grade, end) = grade(word, candidate)?;
        Some((grade + u32::from(n == 0) * 20, n, candidate.start, end))
    });
    let (grade, n, start, end) = graded.max_by_key(|(grade, n, ..)| (*grade, std::cmp::Reverse(*n)))?;
    if let Some(taken) = used.get_mut(n) {
        *taken = true;
    }
    matched.push(Span { field, start, end });
    Some(grade)
}

/// How well a typed word matches a word of a name, and where the match ends.
fn grade(typed: &Word, name: &Word) -> Option<(u32, usize)> {
    if typed.plain == name.plain {
        return Some((980, name.end));
    }
    let share = |whole: &str, part: &str| {
        let (whole, part) = (whole.chars().count().max(1), part.chars().count());
        u32::try_from(100 * part.min(whole) / whole).unwrap_or(0)
    };
    if typed.spellings.iter().any(|t| name.spellings.contains(t)) {
        return Some((900, name.end));
    }
    for beginning in beginnings(typed) {
        if let Some(whole) = name.spellings.iter().find(|s| s.starts_with(&beginning)) {
            let grade = 600 + share(whole, &beginning);
            // Written the same so far: exactly the typed letters, though fewer would fold alike.
            let literal = name.pieces_are_letters() && name.plain.starts_with(&typed.plain);
            return Some(if literal {
                (grade + 100, name.end_of_literal(&typed.plain))
            } else {
                (grade, name.end_of(&beginning))
            });
        }
    }
    let alike = typed.spellings.iter().any(|t| {
        t.chars().count() > 2 && name.spellings.iter().any(|s| s.chars().count() > 2 && sound(t) == sound(s))
    });
    if alike {
        return Some((450, name.end));
    }
    let first = |w: &Word| w.spellings.first().and_then(|s| s.chars().next());
    let initial = name.plain.chars().count() == 1 && first(name) == first(typed);
    initial.then_some((300, name.end))
}

/// The whole query as a phone number or an identifier.
fn as_number(query: &Query, shown: &Shown<'_>, matched: &mut Vec<Span>) -> Option<u32> {
    for (n, phone) in shown.phones.iter().enumerate() {
        let digits = phone_digits(phone);
        let wanted = query.phone.as_str();
        let found = (wanted.len() >= 3 && digits.starts_with(wanted))
            || (wanted.len() == 4 && digits.ends_with(wanted));
        if found {
            if n == 0 {
                let from = if digits.starts_with(wanted) { 0 } else { digits.len() - wanted.len() };
                matched.push(digit_span(phone, digits.len(), from, wanted.len()));
            }
            return Some(if digits.len() == wanted.len() { 990 } else { 700 });
        }
    }
    for (n, number) in shown.numbers.iter().enumerate() {
        let forms = numbers(number);
        if !query.number.is_empty() && forms.iter().any(|f| f.starts_with(&query.number)) {
            if n == 0 {
                matched.push(number_span(number, &query.number));
            }
            return Some(if forms.contains(&query.number) { 1000 } else { 750 });
        }
    }
    None
}

/// Digits beside a name: birth year, end of the phone number, a number.
fn known_number(digits: &str, shown: &Shown<'_>, matched: &mut Vec<Span>) -> Option<u32> {
    if shown.birth_year.is_some_and(|year| format!("{year:04}").starts_with(digits)) {
        return Some(600);
    }
    for (n, phone) in shown.phones.iter().enumerate() {
        let all = phone_digits(phone);
        if digits.len() >= 3 && (all.ends_with(digits) || all.starts_with(digits)) {
            if n == 0 {
                let from = if all.ends_with(digits) { all.len() - digits.len() } else { 0 };
                matched.push(digit_span(phone, all.len(), from, digits.len()));
            }
            return Some(700);
        }
    }
    let numbered =
        shown.numbers.iter().any(|number| numbers(number).iter().any(|form| form.starts_with(digits)));
    numbered.then_some(700)
}

/// The place of `count` digits of a phone number from digit `from` of its last `all`.
fn digit_span(phone: &str, all: usize, from: usize, count: usize) -> Span {
    let places: Vec<usize> = utf16(phone).filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    let skipped = places.len().saturating_sub(all) + from;
    let start = places.get(skipped).copied().unwrap_or(0);
    let end = places.get((skipped + count).saturating_sub(1)).map_or(start, |at| at + 1);
    Span { field: Field::Phone, start, end }
}

/// The place of the wanted letters and digits in an identifier as it is written.
fn number_span(number: &str, wanted: &str) -> Span {
    let letters: Vec<(usize, char)> = utf16(number)
        .filter(|(_, c)| c.is_alphanumeric())
        .map(|(at, c)| (at, c.to_ascii_lowercase()))
        .collect();
    let wanted: Vec<char> = wanted.chars().collect();
    let at = letters.windows(wanted.len().max(1)).position(|w| w.iter().map(|(_, c)| c).eq(wanted.iter()));
    let from = at.unwrap_or(0);
    let start = letters.get(from).map_or(0, |(at, _)| *at);
    let end =
        letters.get((from + wanted.len()).saturating_sub(1)).map_or(start, |(at, c)| at + c.len_utf16());
    Span { field: Field::Number, start, end }
}

fn utf16(text: &str) -> impl Iterator<Item = (usize, char)> {
    text.chars().scan(0, |at, c| {
        let here = *at;
        *at += c.len_utf16();
        Some((here, c))
    })
}

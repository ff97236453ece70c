//! Reads one line of a prescription as it is typed: `[form] medicine [(brand)]`, then strength, dose, route, frequency, food,
//! duration and `#pieces` in any order, then `-- words for the patient`.
//!
//! Whatever is not understood is an error with its place; nothing is dropped and nothing is guessed but the usual form and,
//! for a bare number, the usual unit of a medicine that the formulary has. What is read prints as a line that reads the same.

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::amount::Amount;
use super::formulary::{Formulary, LONGEST_NAME, Medicine};
use super::line::{Line, Strength};
use super::tokens::{Kind, Token, tokens};
use super::words::{Food, Form, Frequency, Route, Span, Unit};

/// Longest line, in bytes.
pub const LONGEST: usize = 500;

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, Error)]
#[error("{message}")]
#[schema(as = LineProblem)]
pub struct Problem {
    /// For programs.
    pub code: Code,
    /// First byte of what is wrong.
    pub at: usize,
    /// Bytes of it.
    pub length: usize,
    /// A sentence that says what to do.
    pub message: String,
}

/// Kinds of [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LineProblemCode)]
pub enum Code {
    /// Nothing is there, or no medicine.
    NoMedicine,
    /// The medicine is not in the formulary and not in quotes.
    UnknownMedicine,
    /// A word means nothing here.
    UnknownWord,
    /// Something is said a second time.
    Twice,
    /// A number without a unit, where none is usual.
    NoUnit,
    /// A quote or bracket is open, or empty.
    Unclosed,
    /// The line is too long or holds signs that cannot be printed.
    TooLong,
}

impl Problem {
    pub(super) fn new(code: Code, at: usize, length: usize, message: impl Into<String>) -> Problem {
        Problem { code, at, length, message: message.into() }
    }
}

/// Reads a line.
///
/// # Errors
/// [`Problem`] with the first thing that cannot be understood.
pub fn parse(text: &str, formulary: &Formulary) -> Result<Line, Problem> {
    if text.len() > LONGEST {
        return Err(Problem::new(
            Code::TooLong,
            LONGEST,
            text.len() - LONGEST,
            "a line has at most 500 bytes",
        ));
    }
    if let Some(at) = text.find(char::is_control) {
        return Err(Problem::new(Code::TooLong, at, 1, "a line holds no tabs, line ends or control signs"));
    }
    let (tokens, instruction) = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, next: 0, end: text.len() };
    let form = reader.leading_form(formulary);
    let (generic, medicine) = reader.medicine(formulary)?;
    let mut line = Line {
        generic,
        known: medicine.is_some(),
        brand: None,
        form,
        strength: None,
        dose: None,
        route: None,
        frequency: None,
        as_needed: false,
        food: None,
        span: None,
        pieces: None,
        instruction,
    };
    while reader.next < tokens.len() {
        reader.part(&mut line, medicine)?;
    }
    if line.form.is_none() {
        line.form = medicine.and_then(Medicine::usual_form);
    }
    if line.written().len() > LONGEST {
        return Err(Problem::new(
            Code::TooLong,
            0,
            text.len(),
            "a line has at most 500 bytes once written out",
        ));
    }
    Ok(line)
}

/// Tablets at one time beyond which a number is no dose.
const MOST_PIECES: Amount = Amount::TWENTY;

struct Reader<'t> {
    tokens: &'t [Token],
    next: usize,
    end: usize,
}

/// Usual phrases of more than one word.
const FREQUENCY_PHRASES: &[(&[&str], Frequency)] = &[
    (&["once", "a", "day"], Frequency::Daily),
    (&["once", "daily"], Frequency::Daily),
    (&["twice", "a", "day"], Frequency::Twice),
    (&["twice", "daily"], Frequency::Twice),
    (&["thrice", "a", "day"], Frequency::Thrice),
    (&["thrice", "daily"], Frequency::Thrice),
    (&["three", "times", "a", "day"], Frequency::Thrice),
    (&["four", "times", "a", "day"], Frequency::FourTimes),
    (&["at", "night"], Frequency::Bedtime),
    (&["at", "bedtime"], Frequency::Bedtime),
    (&["in", "the", "morning"], Frequency::Morning),
    (&["alternate", "days"], Frequency::AlternateDays),
    (&["once", "weekly"], Frequency::Weekly),
    (&["once", "a", "week"], Frequency::Weekly),
];
const FOOD_PHRASES: &[(&[&str], Food)] = &[
    (&["before", "food"], Food::Before),
    (&["before", "meals"], Food::Before),
    (&["after", "food"], Food::After),
    (&["after", "meals"], Food::After),
    (&["with", "food"], Food::With),
    (&["on", "empty", "stomach"], Food::Empty),
    (&["empty", "stomach"], Food::Empty),
];
const NEED_PHRASES: &[(&[&str], ())] = &[
    (&["sos"], ()),
    (&["prn"], ()),
    (&["as", "needed"], ()),
    (&["if", "needed"], ()),
    (&["when", "needed"], ()),
];

impl<'t> Reader<'t> {
    fn token(&self) -> Option<&'t Token> {
        self.tokens.get(self.next)
    }

    fn word(&self, ahead: usize) -> Option<&'t str> {
        self.tokens.get(self.next + ahead)?.word()
    }

    fn fails(&self, code: Code, message: impl Into<String>) -> Problem {
        let (at, length) = self.token().map_or((self.end, 0), |token| (token.at, token.length));
        Problem::new(code, at, length, message)
    }

    /// The plain words from here on.
    fn words(&self) -> Vec<String> {
        let rest = self.tokens.get(self.next..).unwrap_or_default();
        rest.iter().map_while(|token| token.word().map(str::to_owned)).take(6).collect()
    }

    /// A form in front, unless the same word begins the name of a medicine.
    fn leading_form(&mut self, formulary: &Formulary) -> Option<Form> {
        let form = Form::read(self.word(0)?)?;
        if self.tokens.len() < 2 || formulary.longest(&self.words()).is_some() {
            return None;
        }
        self.next += 1;
        Some(form)
    }

    fn medicine<'f>(&mut self, formulary: &'f Formulary) -> Result<(String, Option<&'f Medicine>), Problem> {
        let Some(token) = self.token() else {
            return Err(
                self.fails(Code::NoMedicine, "begin with the medicine, such as: para 650 1-0-1 pc 5d")
            );
        };
        match &token.kind {
            Kind::Quoted(name) => {
                let name = name.to_uppercase();
                if name.len() > LONGEST_NAME.1 {
                    return Err(self.fails(Code::TooLong, "a name has at most 100 bytes"));
                }
                self.next += 1;
                match formulary.find(&name.to_lowercase()) {
                    Some(medicine) => Ok((medicine.name.to_uppercase(), Some(medicine))),
                    None => Ok((name, None)),
                }
            }
            Kind::Bracketed(_) => Err(self.fails(Code::NoMedicine, "the medicine stands before its brand")),
            Kind::Word(word) => match formulary.longest(&self.words()) {
                Some((medicine, count)) => {
                    self.next += count;
                    Ok((medicine.name.to_uppercase(), Some(medicine)))
                }
                None => {
                    let near = formulary.near(word);
                    let meant = if near.is_empty() {
                        String::new()
                    } else {
                        format!(" Near it: {}.", near.join(", "))
                    };
                    let message = format!(
                        "\"{word}\" is not in the formulary.{meant} Put the name in quotes to write it all the same."
                    );
                    Err(self.fails(Code::UnknownMedicine, message))
                }
            },
        }
    }

    /// Reads the next part into the line.
    fn part(&mut self, line: &mut Line, medicine: Option<&Medicine>) -> Result<(), Problem> {
        let Some(token) = self.token() else { return Ok(()) };
        let word = match &token.kind {
            Kind::Bracketed(brand) => return self.put(&mut line.brand, brand.clone(), 1, "brand"),
            Kind::Quoted(_) => {
                return Err(self.fails(Code::UnknownWord, "only the medicine stands in quotes"));
            }
            Kind::Word(word) => word.as_str(),
        };
        if let Some(count) = word.strip_prefix('#') {
            let count: Option<u16> = count.parse().ok().filter(|count| (1..=2_000).contains(count));
            let count = count
                .ok_or_else(|| self.fails(Code::UnknownWord, "after # stands a number from 1 to 2000"))?;
            return self.put(&mut line.pieces, count, 1, "number of pieces");
        }
        if let Some((frequency, taken)) = self.frequency() {
            return self.put(&mut line.frequency, frequency, taken, "frequency");
        }
        if let Some((food, taken)) =
            self.phrase(FOOD_PHRASES).or_else(|| Food::read(word).map(|food| (food, 1)))
        {
            return self.put(&mut line.food, food, taken, "timing with food");
        }
        if let Some(((), taken)) = self.phrase(NEED_PHRASES) {
            if line.as_needed {
                return Err(self.twice("\"when needed\""));
            }
            line.as_needed = true;
            self.next += taken;
            return Ok(());
        }
        if let Some((span, taken)) = self.span() {
            return self.put(&mut line.span, span, taken, "duration");
        }
        let bare = line.strength.is_none() && line.dose.is_none();
        if let Some((found, taken)) = self.measure(medicine.filter(|_| bare))? {
            return self.measured(line, medicine, found, taken);
        }
        if let Some(route) = Route::read(word) {
            return self.put(&mut line.route, route, 1, "route");
        }
        if let Some(form) = Form::read(word) {
            return self.put(&mut line.form, form, 1, "form");
        }
        let message = format!(
            "\"{word}\" is not understood; words for the patient stand behind -- and a medicine's name in quotes"
        );
        Err(self.fails(Code::UnknownWord, message))
    }

    fn put<T>(&mut self, place: &mut Option<T>, value: T, taken: usize, what: &str) -> Result<(), Problem> {
        if place.is_some() {
            return Err(self.twice(what));
        }
        *place = Some(value);
        self.next += taken;
        Ok(())
    }

    fn twice(&self, what: &str) -> Problem {
        self.fails(Code::Twice, format!("the {what} is there twice; leave one"))
    }

    fn phrase<T: Clone>(&self, phrases: &[(&[&str], T)]) -> Option<(T, usize)> {
        let fits = |words: &[&str]| words.iter().enumerate().all(|(at, word)| self.word(at) == Some(*word));
        let found = phrases.iter().find(|(words, _)| fits(words))?;
        Some((found.1.clone(), found.0.len()))
    }

    fn frequency(&self) -> Option<(Frequency, usize)> {
        if let Some(found) = self.phrase(FREQUENCY_PHRASES) {
            return Some(found);
        }
        let word = self.word(0)?;
        let second = self.word(1).unwrap_or_default();
        if word == "every" {
            let joined = Frequency::read(&format!("q{second}h"));
            let unit = self.word(2).unwrap_or_default();
            return joined
                .filter(|_| matches!(unit, "h" | "hour" | "hours" | "hourly"))
                .map(|found| (found, 3));
        }
        if second == "hourly" {
            return Frequency::read(&format!("q{word}h")).map(|found| (found, 2));
        }
        Frequency::read(word).map(|found| (found, 1))
    }

    fn span(&self) -> Option<(Span, usize)> {
        let lead = usize::from(matches!(self.word(0)?, "for" | "x"));
        let word = self.word(lead)?;
        if let Some(span) = Span::read(word) {
            return Some((span, lead + 1));
        }
        let digits = word.strip_prefix('x').unwrap_or(word);
        Span::of(digits, self.word(lead + 1)?).map(|span| (span, lead + 2))
    }

    /// An amount with its unit, joined or apart, or a strength.
    fn measure(&self, medicine: Option<&Medicine>) -> Result<Option<(Measure, usize)>, Problem> {
        let Some(word) = self.word(0) else { return Ok(None) };
        let (dose, word) = match word.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        if let Some(amount) = Amount::read(word) {
            if amount.is_zero() {
                return Err(self.fails(Code::UnknownWord, "an amount is more than nothing"));
            }
            let unit = self.word(1).and_then(Unit::read);
            // In "para 650 tab" the number is the strength and the word the form.
            let counted = |unit: &Unit| matches!(unit, Unit::Tablet | Unit::Capsule | Unit::Sachet);
            let strange = |unit: &Unit| counted(unit) && amount > MOST_PIECES && medicine.is_some();
            if let Some(unit) = unit.filter(|unit| !strange(unit)) {
                return Ok(Some((Measure::one(dose, amount, unit), 2)));
            }
            return match medicine.and_then(Medicine::unit) {
                Some(unit) => Ok(Some((Measure::one(dose, amount, unit), 1))),
                None => Err(self.fails(Code::NoUnit, "say what the number counts, such as 5mg or 5ml")),
            };
        }
        Ok(Measure::read(dose, word).map(|measure| (measure, 1)))
    }

    fn measured(
        &mut self,
        line: &mut Line,
        medicine: Option<&Medicine>,
        found: Measure,
        taken: usize,
    ) -> Result<(), Problem> {
        let dosed = medicine.is_some_and(|medicine| medicine.dosed);
        match found.alone() {
            Some((amount, unit)) => {
                let is_dose = found.dose
                    || !unit.weighs()
                    || (dosed && unit == Unit::Units)
                    || (line.strength.is_some() && line.dose.is_none());
                let pieces = matches!(unit, Unit::Tablet | Unit::Capsule | Unit::Sachet | Unit::Piece);
                if is_dose && pieces && amount > MOST_PIECES {
                    return Err(self.fails(Code::UnknownWord, "more than 20 pieces at a time are no dose"));
                }
                if is_dose {
                    return self.put(&mut line.dose, (amount, unit), taken, "dose");
                }
                let strength = Strength { parts: vec![(amount, unit)], per: None };
                self.put(&mut line.strength, strength, taken, "strength")
            }
            None if found.dose => Err(self.fails(Code::UnknownWord, "a dose is one amount, such as =250mg")),
            None => {
                let strength = Strength { parts: found.parts, per: found.per };
                self.put(&mut line.strength, strength, taken, "strength")
            }
        }
    }
}

/// An amount with its unit, or several, or so much in so much.
struct Measure {
    dose: bool,
    parts: Vec<(Amount, Unit)>,
    per: Option<(Amount, Unit)>,
}

impl Measure {
    fn one(dose: bool, amount: Amount, unit: Unit) -> Measure {
        Measure { dose, parts: vec![(amount, unit)], per: None }
    }

    fn alone(&self) -> Option<(Amount, Unit)> {
        match (self.parts.as_slice(), self.per) {
            ([one], None) => Some(*one),
            _ => None,
        }
    }

    /// Reads `650mg`, `500+125mg`, `125mg/5ml`, `100units/ml`.
    fn read(dose: bool, word: &str) -> Option<Measure> {
        if let Some((amount, unit)) = joined(word) {
            return (!amount.is_zero()).then(|| Measure::one(dose, amount, unit));
        }
        let (content, per) = match word.rsplit_once('/') {
            Some((content, per)) => (content, Some(per)),
            None => (word, None),
        };
        let per = match per {
            None => None,
            Some(per) => Some(match joined(per) {
                Some(found) => found,
                None => (Amount::ONE, Unit::read(per)?),
            }),
        };
        if per.is_some_and(|(amount, unit)| unit.weighs() || amount.is_zero()) {
            return None;
        }
        let pieces: Vec<&str> = content.split('+').collect();
        if pieces.len() > 6 {
            return None;
        }
        let (_, last) = joined(pieces.last()?)?;
        let several = pieces.len() > 1 || per.is_some();
        let parts: Option<Vec<(Amount, Unit)>> =
            pieces.iter().map(|piece| joined(piece).or_else(|| Some((Amount::read(piece)?, last)))).collect();
        let parts = parts?;
        let sane = parts.iter().all(|(amount, unit)| !amount.is_zero() && (!several || unit.weighs()));
        sane.then_some(Measure { dose, parts, per })
    }
}

/// `650mg`.
fn joined(word: &str) -> Option<(Amount, Unit)> {
    let end = word.find(|c: char| !(c.is_ascii_digit() || ".½¼¾/".contains(c)))?;
    let (number, unit) = word.split_at(end);
    Some((Amount::read(number)?, Unit::read(unit)?))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

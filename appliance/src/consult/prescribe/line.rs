//! One line of a prescription: what it says, how it is written so that it reads back as the same, how it is printed, and
//! how much of it the pharmacy gives.

use std::fmt;

use super::amount::Amount;
use super::words::{Food, Form, Frequency, Route, Span, Unit};

/// How much medicine there is in a piece or in so much of it: 650 mg, 125 mg/5 mL, 500 mg+125 mg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strength {
    /// The amounts of its substances.
    pub parts: Vec<(Amount, Unit)>,
    /// In how much; none for a piece.
    pub per: Option<(Amount, Unit)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Generic name, in capitals.
    pub generic: String,
    /// Whether the formulary has it.
    pub known: bool,
    /// Brand.
    pub brand: Option<String>,
    /// Form.
    pub form: Option<Form>,
    /// Strength.
    pub strength: Option<Strength>,
    /// How much at a time.
    pub dose: Option<(Amount, Unit)>,
    /// Route.
    pub route: Option<Route>,
    /// How often.
    pub frequency: Option<Frequency>,
    /// When it is needed.
    pub as_needed: bool,
    /// With food.
    pub food: Option<Food>,
    /// For how long.
    pub span: Option<Span>,
    /// So many pieces or packs, as the doctor says.
    pub pieces: Option<u16>,
    /// Words for the patient.
    pub instruction: Option<String>,
}

/// How much of it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// So many.
    pub amount: Amount,
    /// Of these; none for packs.
    pub unit: Option<Unit>,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Some(unit) => write!(f, "{} {}", self.amount, unit.printed()),
            None => write!(f, "{}", self.amount),
        }
    }
}

impl Strength {
    /// As written in a line.
    fn code(&self) -> String {
        self.text(|(amount, unit)| format!("{amount}{}", unit.code()))
    }

    /// As printed.
    pub fn printed(&self) -> String {
        self.text(printed)
    }

    fn text(&self, one: impl Fn((Amount, Unit)) -> String) -> String {
        let parts: Vec<String> = self.parts.iter().map(|part| one(*part)).collect();
        let parts = parts.join("+");
        match self.per {
            None => parts,
            Some(per) => format!("{parts}/{}", one(per)),
        }
    }
}

/// An amount as printed: `650 mg`, `0.1 %`.
pub fn printed((amount, unit): (Amount, Unit)) -> String {
    let words = unit.printed();
    let one = amount <= Amount::ONE && !unit.weighs();
    format!("{amount} {}", if one { words.strip_suffix('s').unwrap_or(words) } else { words })
}

impl Line {
    /// The line as it is written: [`super::parse`] reads it as the same line.
    pub fn written(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.form.map(|form| form.code().to_owned()));
        words.push(if self.known { self.generic.to_lowercase() } else { format!("\"{}\"", self.generic) });
        words.extend(self.brand.as_ref().map(|brand| format!("({brand})")));
        words.extend(self.strength.as_ref().map(Strength::code));
        words.extend(self.dose.map(|(amount, unit)| {
            let mark = if unit.weighs() { "=" } else { "" };
            format!("{mark}{amount}{}", unit.code())
        }));
        words.extend(self.route.map(|route| route.code().to_owned()));
        words.extend(self.frequency.as_ref().map(Frequency::code));
        words.extend(self.as_needed.then(|| "sos".to_owned()));
        words.extend(self.food.map(|food| food.code().to_owned()));
        words.extend(self.span.map(Span::code));
        words.extend(self.pieces.map(|count| format!("#{count}")));
        words.extend(self.instruction.as_ref().map(|text| format!("-- {text}")));
        words.join(" ")
    }

    /// Its medicine as printed: `TAB PARACETAMOL (Crocin) 650 mg`.
    pub fn medicine(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.form.map(|form| form.printed().to_owned()));
        words.push(self.generic.clone());
        words.extend(self.brand.as_ref().map(|brand| format!("({brand})")));
        words.extend(self.strength.as_ref().map(Strength::printed));
        words.join(" ")
    }

    /// How it is taken, as printed in English: `1-0-1, after food, for 5 days`.
    pub fn directions(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(self.dose.map(printed));
        parts.extend(self.route.map(|route| route.printed().to_owned()));
        parts.extend(self.frequency.as_ref().map(Frequency::printed));
        parts.extend(self.as_needed.then(|| "when needed".to_owned()));
        parts.extend(self.food.map(|food| food.printed().to_owned()));
        parts.extend(self.span.map(Span::printed));
        parts.join(", ")
    }

    /// The whole of it in one line of English.
    pub fn printed(&self) -> String {
        let mut line = self.medicine();
        let directions = self.directions();
        if !directions.is_empty() {
            line.push_str(": ");
            line.push_str(&directions);
        }
        if let Some(instruction) = &self.instruction {
            line.push_str(". ");
            line.push_str(instruction);
        }
        line
    }

    /// How much is given: what the doctor says, else intakes times dose where that can be counted.
    pub fn quantity(&self) -> Option<Quantity> {
        if let Some(count) = self.pieces {
            let amount = Amount::thousandths(u64::from(count) * 1_000)?;
            return Some(Quantity { amount, unit: self.form.and_then(Form::counted) });
        }
        let frequency = self.frequency.as_ref()?;
        let days = match frequency {
            Frequency::AtOnce => 1,
            _ if self.as_needed => return None,
            _ => self.span?.days()?,
        };
        let (each, unit) = self.each()?;
        if !matches!(unit, Unit::Tablet | Unit::Capsule | Unit::Sachet | Unit::Piece | Unit::Millilitre) {
            return None;
        }
        let total = u128::from(frequency.intakes(days)) * u128::from(each.in_thousandths());
        let amount = Amount::thousandths(u64::try_from(total.div_ceil(1_000)).ok()?)?;
        Some(Quantity { amount: amount.rounded_up(), unit: Some(unit) })
    }

    /// One intake in what is counted.
    fn each(&self) -> Option<(Amount, Unit)> {
        let piece = self.form.and_then(Form::counted);
        let Some((amount, unit)) = self.dose else { return Some((Amount::ONE, piece?)) };
        if !unit.weighs() {
            return Some((amount, unit));
        }
        let strength = self.strength.as_ref()?;
        let [(content, of)] = strength.parts.as_slice() else { return None };
        let scale = |unit: Unit| unit.micrograms().unwrap_or(1);
        if *of != unit && (of.micrograms().is_none() || unit.micrograms().is_none()) {
            return None;
        }
        let wanted = u128::from(amount.in_thousandths()) * u128::from(scale(unit));
        let there = u128::from(content.in_thousandths()) * u128::from(scale(*of));
        let (per, counted) = match strength.per {
            Some(per) => per,
            None => (Amount::ONE, piece?),
        };
        let each = (wanted * u128::from(per.in_thousandths())).checked_div(there)?;
        Some((Amount::thousandths(u64::try_from(each).ok()?)?, counted))
    }
}

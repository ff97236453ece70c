//! What a rule sees of a message: a copy with texts at places, and names for its parts. A message of HL7 v2 and one of FHIR
//! show the same, each with places of its own kind.

use clinicvault_gateway::fhir::place::Place;
use clinicvault_gateway::fhir::rework as fhir;
use clinicvault_gateway::hl7::path::Path;
use clinicvault_gateway::hl7::rework as hl7;

/// A copy of a message that a rule looks at and changes. What cannot be is answered in words without a value.
pub trait Surface: Send + 'static {
    /// The function that names the parts of a message.
    const PARTS: &'static str;

    /// The text at a place; empty where there is none.
    fn text(&self, at: &str) -> Result<String, String>;

    /// A name for each segment or resource of a kind, at most `most`.
    fn parts(&self, name: &str, most: usize) -> Result<Vec<String>, String>;

    /// Writes a text.
    fn write(&mut self, number: usize, at: &str, value: &str) -> Result<(), String>;

    /// Empties a place, or takes a part out.
    fn remove(&mut self, number: usize, at: &str) -> Result<(), String>;

    /// Its length in bytes, or a bound of it.
    fn size(&self) -> usize;
}

impl Surface for hl7::Draft {
    const PARTS: &'static str = "segments";

    fn text(&self, at: &str) -> Result<String, String> {
        let operation = segment_place(at, hl7::Deed::Set(String::new()))?;
        Ok(Self::text(self, &operation.at))
    }

    fn parts(&self, name: &str, most: usize) -> Result<Vec<String>, String> {
        let why = "name a segment, such as segments(\"OBX\")";
        let path: Path = name.parse().map_err(|_| why)?;
        if path.field > 0 {
            return Err(why.to_owned());
        }
        let count = self.count(&path.segment);
        if count > most {
            return Err("there are too many segments of this name".to_owned());
        }
        Ok((1..=count).map(|n| format!("{}[{n}]", path.segment)).collect())
    }

    fn write(&mut self, number: usize, at: &str, value: &str) -> Result<(), String> {
        self.carry_out(number, &segment_place(at, hl7::Deed::Set(value.to_owned()))?);
        Ok(())
    }

    fn remove(&mut self, number: usize, at: &str) -> Result<(), String> {
        self.carry_out(number, &segment_place(at, hl7::Deed::Delete)?);
        Ok(())
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// A place that may be read and written; a whole segment only where it is taken out.
fn segment_place(text: &str, deed: hl7::Deed) -> Result<hl7::Operation, String> {
    let at: Path = text.parse().map_err(|_| "a place is written like PID-3[2].4.2")?;
    let operation = hl7::Operation { at, each: false, deed };
    operation.check().map_err(|error| error.to_string())?;
    Ok(operation)
}

impl Surface for fhir::Draft {
    const PARTS: &'static str = "resources";

    fn text(&self, at: &str) -> Result<String, String> {
        Ok(Self::text(self, &element(at)?))
    }

    fn parts(&self, name: &str, most: usize) -> Result<Vec<String>, String> {
        let why = "name a type, such as resources(\"Observation\")";
        let place: Place = name.parse().map_err(|_| why)?;
        if !place.steps.is_empty() || place.occurrence.is_some() || place.kind == "Bundle" {
            return Err(why.to_owned());
        }
        let count = self.count(&place.kind);
        if count > most {
            return Err("there are too many resources of this type".to_owned());
        }
        Ok((0..count).map(|n| format!("{}[{n}]", place.kind)).collect())
    }

    fn write(&mut self, number: usize, at: &str, value: &str) -> Result<(), String> {
        self.carry_out(number, &operation(at, fhir::Deed::Set(value.to_owned()))?);
        Ok(())
    }

    fn remove(&mut self, number: usize, at: &str) -> Result<(), String> {
        self.carry_out(number, &operation(at, fhir::Deed::Delete)?);
        Ok(())
    }

    fn size(&self) -> usize {
        Self::size(self)
    }
}

fn element(text: &str) -> Result<Place, String> {
    text.parse().map_err(|_| "a place is written like Patient.name[0].family".to_owned())
}

fn operation(text: &str, deed: fhir::Deed) -> Result<fhir::Operation, String> {
    let operation = fhir::Operation { at: element(text)?, each: false, deed };
    operation.check().map_err(|error| error.to_string())?;
    Ok(operation)
}

/// Places that a rule for FHIR messages names as texts of their own and that no such message has; the first, in words. What
/// a rule puts together is looked at when it runs.
pub fn foreign_place(rule: &str) -> Option<String> {
    let tokens = tokens(rule);
    tokens.windows(3).find_map(|three| match three {
        [Token::Word(word), Token::Mark('('), _] if word == "segments" => Some(
            "segments() is of HL7 v2; resources(\"Observation\") names those of a FHIR message".to_owned(),
        ),
        [Token::Word(word), Token::Mark('('), Token::Text(text)] => {
            let whole = whole_argument(&tokens, three);
            let wrong = match word.as_str() {
                "get" | "set" | "remove" if whole => text.parse::<Place>().err(),
                _ => None,
            };
            wrong.map(|error| format!("{word}(\"{text}\"): this is {error}"))
        }
        _ => None,
    })
}

/// Whether the text of a call is all of its first argument.
fn whole_argument(tokens: &[Token], three: &[Token]) -> bool {
    let next = tokens.iter().position(|one| std::ptr::eq(one, &three[2])).and_then(|at| tokens.get(at + 1));
    matches!(next, Some(Token::Mark(',' | ')')))
}

#[derive(Debug)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// The words, texts and marks of a rule, without its comments.
fn tokens(rule: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut chars = rule.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref().skip(1) {
                    if (last, c) == ('*', '/') {
                        break;
                    }
                    last = c;
                }
            }
            '"' | '`' => {
                let mut text = String::new();
                while let Some(inner) = chars.next().filter(|inner| *inner != c) {
                    text.extend(if inner == '\\' { chars.next() } else { Some(inner) });
                }
                found.push(Token::Text(text));
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                found.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => found.push(Token::Mark(c)),
        }
    }
    found
}

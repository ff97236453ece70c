//! The words of an expression, with their places. White space and comments are left out.

use super::error::Error;
use super::temporal::Temporal;
use crate::decimal::Decimal;

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(Box<str>),
    /// A name between backticks.
    Delimited(Box<str>),
    /// A text between quotes.
    Text(Box<str>),
    /// A whole number.
    Integer(i64),
    /// A number with a point, or too long for a whole number.
    Decimal(Decimal),
    /// A date, time of day or point in time.
    Temporal(Temporal),
    /// `%name`
    Variable(Box<str>),
    /// `$this`, `$index`, `$total`
    Special(Box<str>),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Nothing follows.
    End,
}

/// Longer ones first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 24] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "&", "|", "<", ">",
    "=", "~", ";", "!",
];

/// Splits an expression into words; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, u32)>, Error> {
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        lexer.space()?;
        let at = lexer.position();
        let token = lexer.token()?;
        let end = token == Token::End;
        out.push((token, at));
        if end {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn position(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    fn space(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{a0}', '\u{feff}']);
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) if end >= 2 => self.at += end + 2,
                    _ => {
                        return Err(Error::syntax(self.position(), "a comment begins here and does not end"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            '0'..='9' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Word(self.word().into())),
            '\'' => Ok(Token::Text(self.quoted('\'')?.into())),
            '"' => Ok(Token::Text(self.quoted('"')?.into())),
            '`' => Ok(Token::Delimited(self.quoted('`')?.into())),
            '%' => self.variable(),
            '$' => {
                self.at += 1;
                let name = self.word();
                if matches!(name, "this" | "index" | "total") {
                    return Ok(Token::Special(name.into()));
                }
                Err(Error::syntax(self.position(), "$ stands only in $this, $index and $total"))
            }
            '@' => match Temporal::literal(rest.get(1..).unwrap_or_default()) {
                Some((value, length)) => {
                    self.at += 1 + length;
                    Ok(Token::Temporal(value))
                }
                None => Err(Error::syntax(self.position(), "not a date, a time or a point in time")),
            },
            _ => match SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
                Some(symbol) => {
                    self.at += symbol.len();
                    Ok(Token::Symbol(symbol))
                }
                None => Err(Error::syntax(
                    self.position(),
                    format!("the character {first:?} has no meaning here"),
                )),
            },
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn number(&mut self) -> Result<Token, Error> {
        let start = self.position();
        let rest = self.rest();
        let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
        let whole = digits(0);
        let fraction = if rest.as_bytes().get(whole) == Some(&b'.') { digits(whole + 1) } else { 0 };
        let end = if fraction > 0 { whole + 1 + fraction } else { whole };
        self.at += end;
        let text = rest.get(..end).unwrap_or_default();
        if fraction == 0
            && let Ok(number) = text.parse()
        {
            return Ok(Token::Integer(number));
        }
        let number = Decimal::parse(text).map(Token::Decimal);
        number.ok_or_else(|| Error::syntax(start, "a number has at most 38 digits"))
    }

    fn variable(&mut self) -> Result<Token, Error> {
        self.at += 1;
        let name = match self.rest().chars().next() {
            Some('`') => self.quoted('`')?,
            Some('\'') => self.quoted('\'')?,
            _ => self.word().to_owned(),
        };
        if name.is_empty() {
            return Err(Error::syntax(self.position(), "% is followed by the name of a variable"));
        }
        Ok(Token::Variable(name.into()))
    }

    /// Reads what stands between two of `quote`.
    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let start = self.position();
        let open = || Error::syntax(start, "a quote is opened here and not closed");
        let body = self.rest().get(quote.len_utf8()..).unwrap_or_default();
        let mut out = String::new();
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.at += quote.len_utf8() + at + c.len_utf8();
                return Ok(out);
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            let (_, escaped) = chars.next().ok_or_else(open)?;
            match escaped {
                'f' => out.push('\u{c}'),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'u' => {
                    let unit = code_unit(&mut chars);
                    let place = start.saturating_add(u32::try_from(at).unwrap_or_default());
                    let bad = || Error::syntax(place, "\\u is followed by four hexadecimal digits");
                    out.push(match unit.ok_or_else(bad)? {
                        high @ 0xD800..=0xDBFF => {
                            let marked = chars.next().map(|(_, c)| c) == Some('\\')
                                && chars.next().map(|(_, c)| c) == Some('u');
                            let low = marked.then(|| code_unit(&mut chars)).flatten();
                            let low = low.filter(|l| (0xDC00..=0xDFFF).contains(l)).ok_or_else(bad)?;
                            char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
                                .ok_or_else(bad)?
                        }
                        unit => char::from_u32(unit).ok_or_else(bad)?,
                    });
                }
                // The grammar knows only these, and a backslash before any other character means that character.
                other => out.push(other),
            }
        }
        Err(open())
    }
}

fn code_unit(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    (0..4).try_fold(0, |n, _| Some(n * 16 + chars.next()?.1.to_digit(16)?))
}

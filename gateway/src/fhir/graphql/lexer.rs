//! Text to words (GraphQL, section 2.1), each with its line and column.

use super::error::{Cause, GraphError};

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(String),
    Text(String),
    /// `{`, `...` and the like.
    Mark(&'static str),
    End,
}

/// Marks of one character.
const MARKS: [(char, &str); 13] = [
    ('!', "!"),
    ('$', "$"),
    ('&', "&"),
    ('(', "("),
    (')', ")"),
    (':', ":"),
    ('=', "="),
    ('@', "@"),
    ('[', "["),
    (']', "]"),
    ('{', "{"),
    ('|', "|"),
    ('}', "}"),
];

/// Reads words one after another.
pub(super) struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
    column: u32,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.chars().peekable(), line: 1, column: 1 }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(c)
    }

    fn wrong(&self, message: impl Into<String>) -> GraphError {
        GraphError::new(Cause::Query, message).at((self.line, self.column))
    }

    /// The next word and where it begins.
    pub fn token(&mut self) -> Result<(Token, (u32, u32)), GraphError> {
        while let Some(c) = self.rest.peek().copied() {
            match c {
                ' ' | '\t' | '\n' | '\r' | ',' | '\u{feff}' => {
                    self.next();
                }
                '#' => {
                    while self.rest.peek().is_some_and(|c| *c != '\n') {
                        self.next();
                    }
                }
                _ => break,
            }
        }
        let at = (self.line, self.column);
        let Some(c) = self.rest.peek().copied() else { return Ok((Token::End, at)) };
        if let Some((_, mark)) = MARKS.iter().find(|(mark, _)| *mark == c) {
            self.next();
            return Ok((Token::Mark(mark), at));
        }
        let token = match c {
            '.' => {
                for _ in 0..3 {
                    if self.next() != Some('.') {
                        return Err(self.wrong("expected \"...\""));
                    }
                }
                Token::Mark("...")
            }
            '"' => Token::Text(self.text()?),
            'a'..='z' | 'A'..='Z' | '_' => Token::Name(self.run(|c| c.is_ascii_alphanumeric() || c == '_')),
            '-' | '0'..='9' => self.number()?,
            other => return Err(self.wrong(format!("{other:?} has no meaning here"))),
        };
        Ok((token, at))
    }

    fn run(&mut self, takes: impl Fn(char) -> bool) -> String {
        let mut out = String::new();
        while let Some(c) = self.rest.peek().copied().filter(|c| takes(*c)) {
            out.push(c);
            self.next();
        }
        out
    }

    fn number(&mut self) -> Result<Token, GraphError> {
        let text = self.run(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        match crate::json::Number::parse(&text) {
            Some(_) => Ok(Token::Number(text)),
            None => Err(self.wrong("this is not a number")),
        }
    }

    fn text(&mut self) -> Result<String, GraphError> {
        self.next();
        if self.rest.peek() == Some(&'"') {
            self.next();
            if self.rest.peek() != Some(&'"') {
                return Ok(String::new());
            }
            self.next();
            return self.block();
        }
        let mut out = String::new();
        loop {
            match self.next() {
                None | Some('\n' | '\r') => return Err(self.wrong("the text has no end")),
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                Some(c) if c < ' ' && c != '\t' => {
                    return Err(self.wrong("a control character in a text is written as \\u"));
                }
                Some(c) => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, GraphError> {
        Ok(match self.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let high = self.hex()?;
                if (0xD800..0xDC00).contains(&high) {
                    let pair = (self.next() == Some('\\') && self.next() == Some('u')).then(|| self.hex());
                    let low = pair.transpose()?.filter(|low| (0xDC00..0xE000).contains(low));
                    let low = low.ok_or_else(|| self.wrong("half of a surrogate pair"))?;
                    char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
                } else {
                    char::from_u32(high)
                }
                .ok_or_else(|| self.wrong("half of a surrogate pair"))?
            }
            _ => return Err(self.wrong("this is no escape")),
        })
    }

    fn hex(&mut self) -> Result<u32, GraphError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|c| c.to_digit(16));
            value = value * 16 + digit.ok_or_else(|| self.wrong("\\u needs four hexadecimal digits"))?;
        }
        Ok(value)
    }

    /// `"""…"""` with the common indentation taken away (GraphQL, section 2.9.4).
    fn block(&mut self) -> Result<String, GraphError> {
        let (mut raw, mut quotes) = (String::new(), 0);
        loop {
            match self.next() {
                None => return Err(self.wrong("the text has no end")),
                Some('"') => quotes += 1,
                Some(c) => {
                    raw.extend(std::iter::repeat_n('"', quotes));
                    quotes = 0;
                    raw.push(c);
                    continue;
                }
            }
            if quotes == 3 && raw.ends_with('\\') {
                // Escaped quotes are text.
                raw.pop();
                raw.push_str("\"\"\"");
                quotes = 0;
            } else if quotes == 3 {
                return Ok(unindented(&raw));
            }
        }
    }
}

fn unindented(raw: &str) -> String {
    let lines: Vec<&str> = raw.lines().collect();
    let blank = |line: &str| line.trim_start_matches([' ', '\t']).is_empty();
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = lines.iter().skip(1).filter(|l| !blank(l)).map(|l| indent(l)).min().unwrap_or(0);
    let cut = |(n, line): (usize, &&str)| {
        if n == 0 { (*line).to_owned() } else { line.get(common..).unwrap_or_default().to_owned() }
    };
    let mut out: Vec<String> = lines.iter().enumerate().map(cut).collect();
    while out.last().is_some_and(|line| blank(line)) {
        out.pop();
    }
    let filled = out.iter().position(|line| !blank(line)).unwrap_or(out.len());
    out.split_off(filled).join("\n")
}

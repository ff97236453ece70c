//! From words to a tree, by precedence. Nesting is bounded, so neither reading, evaluating nor dropping can go too deep.

use std::sync::OnceLock;

use super::error::Error;
use super::function::Function;
use super::item::{Item, Quantity};
use super::kept;
use super::lexer::{Token, tokens};
use super::tree::{Call, Operator, Shape, Step, Tree};
use super::types::TypeName;
use crate::decimal::Decimal;

/// Longest expression, bytes.
pub const MOST_LENGTH: usize = 64 * 1024;
/// Deepest nesting of brackets, arguments and signs.
pub const MOST_DEPTH: u32 = 100;
/// Most of `is` and `as` in a row.
const MOST_TYPES: u32 = 8;

/// Reads a whole expression, and marks what may be kept while it is evaluated.
pub(super) fn parse(text: &str) -> Result<Tree, Error> {
    let mut tree = read(text)?;
    kept::mark(&mut tree);
    Ok(tree)
}

/// Reads a whole expression.
pub(super) fn read(text: &str) -> Result<Tree, Error> {
    if text.len() > MOST_LENGTH {
        return Err(Error::limit(
            0,
            format!("the expression is longer than the limit of {MOST_LENGTH} bytes"),
        ));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let tree = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(tree),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<(Token, u32)>,
    next: usize,
    depth: u32,
}

/// What binds tighter than any operator between two operands.
const TYPE_PRECEDENCE: u8 = 8;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn at(&self) -> u32 {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(_, at)| *at)
    }

    fn take(&mut self) -> (Token, u32) {
        let at = self.at();
        let token = self.tokens.get_mut(self.next).map_or(Token::End, |(token, _)| {
            if *token == Token::End { Token::End } else { std::mem::replace(token, Token::Symbol("")) }
        });
        self.next += usize::from(token != Token::End);
        (token, at)
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(s) if *s == symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), Error> {
        if self.symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("{symbol:?}"))) }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.peek() {
            Token::Word(word) | Token::Delimited(word) => format!("{word:?}"),
            Token::Text(_) => "a text".to_owned(),
            Token::Integer(_) | Token::Decimal(_) => "a number".to_owned(),
            Token::Temporal(_) => "a date or time".to_owned(),
            Token::Variable(name) => format!("%{name}"),
            Token::Special(name) => format!("${name}"),
            Token::Symbol(symbol) => format!("{symbol:?}"),
            Token::End => "the end".to_owned(),
        };
        Error::syntax(self.at(), format!("expected {wanted}, found {found}"))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MOST_DEPTH {
            return Err(Error::limit(
                self.at(),
                format!("nested more than {MOST_DEPTH} levels deep, which is the limit"),
            ));
        }
        self.depth += 1;
        let out = read(self)?;
        self.depth -= 1;
        Ok(out)
    }

    /// Operands with operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Tree, Error> {
        let mut left = self.operand()?;
        let mut types = 0;
        loop {
            let (operator, is_type) = match self.peek() {
                Token::Symbol(symbol) => (Operator::parse(symbol), None),
                Token::Word(word) => match &**word {
                    "is" => (None, Some(true)),
                    "as" => (None, Some(false)),
                    word => (Operator::parse(word), None),
                },
                _ => (None, None),
            };
            let at = self.at();
            if let Some(test) = is_type.filter(|_| TYPE_PRECEDENCE >= least) {
                self.next += 1;
                let of = self.type_name()?;
                // Each adds a level to the tree without a bracket.
                types += 1;
                if types > MOST_TYPES {
                    return Err(Error::limit(
                        at,
                        format!("more than {MOST_TYPES} of \"is\" and \"as\" in a row"),
                    ));
                }
                left = Tree { at, shape: Shape::Type(Box::new(left), test, of) };
                continue;
            }
            let Some(operator) = operator.filter(|o| o.precedence() >= least) else { return Ok(left) };
            self.next += 1;
            let right = self.nested(|p| p.expression(operator.precedence() + 1))?;
            left = folded(left, operator, at, right);
        }
    }

    fn operand(&mut self) -> Result<Tree, Error> {
        let at = self.at();
        for (symbol, minus) in [("-", true), ("+", false)] {
            if self.symbol(symbol) {
                let inner = self.nested(Self::operand)?;
                return Ok(Tree { at, shape: Shape::Sign(minus, Box::new(inner)) });
            }
        }
        let start = self.term()?;
        let mut steps = Vec::new();
        loop {
            let at = self.at();
            if self.symbol(".") {
                steps.push(self.step()?);
            } else if self.symbol("[") {
                let index = self.nested(|p| p.expression(0))?;
                self.expect("]")?;
                steps.push(Step::Item(index));
            } else if steps.is_empty() {
                return Ok(start);
            } else {
                return Ok(Tree { at: start.at.min(at), shape: Shape::Path(Box::new(start), steps) });
            }
        }
    }

    fn step(&mut self) -> Result<Step, Error> {
        let at = self.at();
        match self.peek() {
            Token::Word(_) | Token::Delimited(_) => {}
            _ => return Err(self.unexpected("an element or a function")),
        }
        let (Token::Word(name) | Token::Delimited(name), _) = self.take() else {
            return Err(self.unexpected("a name"));
        };
        if self.symbol("(") {
            return self.call(&name, at).map(Step::Call);
        }
        Ok(Step::Member(name, at))
    }

    fn term(&mut self) -> Result<Tree, Error> {
        let at = self.at();
        match self.peek() {
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.nested(|p| p.expression(0))?;
                self.expect(")")?;
                // A bracket ends a chain of operators of its own.
                return Ok(match inner.shape {
                    Shape::Fold(..) => Tree { at, shape: Shape::Path(Box::new(inner), Vec::new()) },
                    _ => inner,
                });
            }
            Token::Symbol("{") => {
                self.next += 1;
                self.expect("}")?;
                return Ok(Tree { at, shape: Shape::Nothing });
            }
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value, an element or a function")),
            _ => {}
        }
        let shape = match self.take().0 {
            Token::Word(word) => match &*word {
                "true" => Shape::Literal(Item::Boolean(true)),
                "false" => Shape::Literal(Item::Boolean(false)),
                "and" | "or" | "xor" | "implies" | "div" | "mod" => {
                    self.next -= 1;
                    return Err(Error::syntax(
                        at,
                        format!("expected a value, found the operator \"{word}\""),
                    ));
                }
                _ => self.name(word, at)?,
            },
            Token::Delimited(name) => self.name(name, at)?,
            Token::Text(text) => Shape::Literal(Item::String(String::from(text).into())),
            Token::Integer(number) => self.number(Item::Integer(number), Some(Decimal::from(number))),
            Token::Decimal(number) => self.number(Item::Decimal(number), Some(number)),
            Token::Temporal(value) => Shape::Literal(Item::Temporal(value)),
            Token::Variable(name) => Shape::Variable(name),
            Token::Special(name) => match &*name {
                "index" => Shape::Index,
                "total" => Shape::Total,
                _ => Shape::This,
            },
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value")),
        };
        Ok(Tree { at, shape })
    }

    fn name(&mut self, name: Box<str>, at: u32) -> Result<Shape, Error> {
        if self.symbol("(") {
            return self.call(&name, at).map(|call| Shape::Call(Box::new(call)));
        }
        Ok(Shape::Name(name))
    }

    /// A number, or a quantity when a unit follows.
    fn number(&mut self, plain: Item<'static>, value: Option<Decimal>) -> Shape {
        let unit = match self.peek() {
            Token::Text(unit) => {
                Some(Quantity::of(value.unwrap_or(Decimal::ZERO), String::from(unit.clone())))
            }
            Token::Word(word) => Quantity::calendar(value.unwrap_or(Decimal::ZERO), word),
            _ => None,
        };
        match unit {
            Some(quantity) => {
                self.next += 1;
                Shape::Literal(Item::Quantity(Box::new(quantity)))
            }
            None => Shape::Literal(plain),
        }
    }

    /// A function whose opening bracket has been read.
    fn call(&mut self, name: &str, at: u32) -> Result<Call, Error> {
        let function = Function::parse(name)
            .ok_or_else(|| Error::semantic(at, format!("there is no function \"{name}\"")))?;
        let mut arguments = Vec::new();
        if !self.symbol(")") {
            loop {
                let mut argument = self.nested(|p| p.expression(0))?;
                if function == Function::Sort {
                    argument = self.sort_direction(argument);
                }
                arguments.push(argument);
                if self.symbol(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        let (least, most) = function.arity();
        if !(least..=most).contains(&arguments.len()) {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let message = format!("\"{name}\" takes {wanted} arguments, not {}", arguments.len());
            return Err(Error::semantic(at, message));
        }
        let of = match arguments.first().filter(|_| function.takes_type()) {
            Some(argument) => Some(type_argument(argument)?),
            None => None,
        };
        Ok(Call { at, function, arguments, of, pattern: OnceLock::new() })
    }

    /// `asc` and `desc` behind a key of `sort`; descending is kept as a minus sign.
    fn sort_direction(&mut self, key: Tree) -> Tree {
        let Token::Word(word) = self.peek() else { return key };
        let minus = match &**word {
            "desc" => true,
            "asc" => false,
            _ => return key,
        };
        self.next += 1;
        let at = key.at;
        if minus { Tree { at, shape: Shape::Sign(true, Box::new(key)) } } else { key }
    }

    fn type_name(&mut self) -> Result<TypeName, Error> {
        let at = self.at();
        let mut parts: Vec<Box<str>> = Vec::new();
        loop {
            match self.peek() {
                Token::Word(_) | Token::Delimited(_) => {}
                _ => return Err(self.unexpected("the name of a type")),
            }
            if let (Token::Word(name) | Token::Delimited(name), _) = self.take() {
                parts.push(name);
            }
            if !self.symbol(".") {
                return TypeName::resolve(&parts, at);
            }
        }
    }
}

fn folded(left: Tree, operator: Operator, at: u32, right: Tree) -> Tree {
    match left.shape {
        Shape::Fold(first, mut rest)
            if rest.last().is_some_and(|(o, _, _)| o.precedence() == operator.precedence()) =>
        {
            rest.push((operator, at, right));
            Tree { at: left.at, shape: Shape::Fold(first, rest) }
        }
        shape => {
            let start = left.at;
            let first = Box::new(Tree { at: start, shape });
            Tree { at: start, shape: Shape::Fold(first, vec![(operator, at, right)]) }
        }
    }
}

/// An argument such as `Patient` or `FHIR.Patient`, read as a type.
fn type_argument(argument: &Tree) -> Result<TypeName, Error> {
    let no_type = || Error::syntax(argument.at, "the argument must be the name of a type");
    let mut parts: Vec<Box<str>> = Vec::new();
    match &argument.shape {
        Shape::Name(name) => parts.push(name.clone()),
        Shape::Literal(Item::String(name)) => parts.push(name.as_ref().into()),
        Shape::Path(start, steps) => {
            let Shape::Name(first) = &start.shape else { return Err(no_type()) };
            parts.push(first.clone());
            for step in steps {
                let Step::Member(name, _) = step else { return Err(no_type()) };
                parts.push(name.clone());
            }
        }
        _ => return Err(no_type()),
    }
    TypeName::resolve(&parts, argument.at)
}

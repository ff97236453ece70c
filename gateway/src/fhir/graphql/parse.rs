//! Words to a document (GraphQL, section 2), with bounded nesting and size.

use super::document::{Directive, Document, Field, Fragment, Given, Operation, Selection, Variable};
use super::error::{Cause, GraphError};
use super::lexer::{Lexer, Token};

/// Deepest nesting of braces and brackets in a query.
pub const MOST_NESTING: u32 = 64;
/// Most words of a query.
pub const MOST_TOKENS: usize = 50_000;

type At = (u32, u32);

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// [`GraphError`] with line and column: what is not GraphQL, mutations and subscriptions, definitions of types,
    /// names given twice, and broken limits.
    pub fn parse(text: &str) -> Result<Self, GraphError> {
        let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, at: (1, 1), depth: 0, read: 0 };
        parser.advance()?;
        let document = parser.document()?;
        for (n, operation) in document.operations.iter().enumerate() {
            let again = document.operations.iter().take(n).any(|o| o.name == operation.name);
            if again || (operation.name.is_none() && document.operations.len() > 1) {
                return Err(wrong("several operations each need a name of their own"));
            }
        }
        for (n, fragment) in document.fragments.iter().enumerate() {
            if document.fragments.iter().take(n).any(|f| f.name == fragment.name) {
                let text = format!("there are two fragments \"{}\"", fragment.name);
                return Err(wrong(text).at(fragment.at));
            }
        }
        if document.operations.is_empty() {
            return Err(wrong("there is no query"));
        }
        Ok(document)
    }

    /// The operation of a name, or the only one.
    ///
    /// # Errors
    /// [`GraphError`] when there is none of the name, or several and no name.
    pub fn operation(&self, name: Option<&str>) -> Result<&Operation, GraphError> {
        match (name, self.operations.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(wrong("there are several operations; say operationName")),
            (Some(name), all) => all
                .iter()
                .find(|operation| operation.name.as_deref() == Some(name))
                .ok_or_else(|| wrong("there is no operation of the name in operationName")),
        }
    }
}

fn wrong(message: impl Into<String>) -> GraphError {
    GraphError::new(Cause::Query, message)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    at: At,
    depth: u32,
    read: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, GraphError> {
        self.read += 1;
        if self.read > MOST_TOKENS {
            let text = format!("the query has more than {MOST_TOKENS} words, which is the limit");
            return Err(GraphError::new(Cause::Limit("words"), text).at(self.at));
        }
        let (token, at) = self.lexer.token()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is(&self, mark: &str) -> bool {
        matches!(&self.token, Token::Mark(m) if *m == mark)
    }

    fn take(&mut self, mark: &str) -> Result<bool, GraphError> {
        let found = self.is(mark);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, mark: &str) -> Result<(), GraphError> {
        if self.take(mark)? { Ok(()) } else { Err(self.unexpected(&format!("\"{mark}\""))) }
    }

    fn unexpected(&self, wanted: &str) -> GraphError {
        let found = match &self.token {
            Token::Name(name) => format!("\"{}\"", name.chars().take(40).collect::<String>()),
            Token::Number(_) => "a number".to_owned(),
            Token::Text(_) => "a text".to_owned(),
            Token::Mark(mark) => format!("\"{mark}\""),
            Token::End => "the end".to_owned(),
        };
        wrong(format!("expected {wanted}, found {found}")).at(self.at)
    }

    fn name(&mut self) -> Result<String, GraphError> {
        match &self.token {
            Token::Name(name) => {
                let name = name.clone();
                self.advance()?;
                Ok(name)
            }
            Token::Number(_) | Token::Text(_) | Token::Mark(_) | Token::End => Err(self.unexpected("a name")),
        }
    }

    fn word(&self) -> Option<&str> {
        if let Token::Name(name) = &self.token { Some(name) } else { None }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, GraphError>) -> Result<T, GraphError> {
        if self.depth == MOST_NESTING {
            let text = format!("the query is nested more than {MOST_NESTING} deep, which is the limit");
            return Err(GraphError::new(Cause::Limit("nesting"), text).at(self.at));
        }
        self.depth += 1;
        let out = read(self);
        self.depth -= 1;
        out
    }

    fn document(&mut self) -> Result<Document, GraphError> {
        let mut document = Document { operations: Vec::new(), fragments: Vec::new() };
        while self.token != Token::End {
            let at = self.at;
            match self.word() {
                None if self.is("{") => {
                    let selections = self.selections()?;
                    document.operations.push(Operation { name: None, variables: Vec::new(), selections });
                }
                Some("query") => {
                    self.advance()?;
                    document.operations.push(self.operation()?);
                }
                Some(word @ ("mutation" | "subscription")) => {
                    let text = format!("a {word} is not served here: the graph is for reading");
                    return Err(GraphError::new(Cause::NotSupported, text).at(at));
                }
                Some("fragment") => {
                    self.advance()?;
                    let name = self.name()?;
                    if name == "on" || self.word() != Some("on") {
                        return Err(self.unexpected("\"on\" and a type"));
                    }
                    self.advance()?;
                    let on = self.name()?;
                    self.no_directives()?;
                    let selections = self.selections()?;
                    document.fragments.push(Fragment { name, on, selections, at });
                }
                _ => return Err(self.unexpected("a query")),
            }
        }
        Ok(document)
    }

    fn operation(&mut self) -> Result<Operation, GraphError> {
        let name = if self.word().is_some() { Some(self.name()?) } else { None };
        let mut variables: Vec<Variable> = Vec::new();
        if self.take("(")? {
            while !self.take(")")? {
                let variable = self.variable()?;
                if variables.iter().any(|known| known.name == variable.name) {
                    return Err(wrong(format!("there are two variables ${}", variable.name)).at(variable.at));
                }
                variables.push(variable);
            }
        }
        self.no_directives()?;
        Ok(Operation { name, variables, selections: self.selections()? })
    }

    /// No directive is known that stands here.
    fn no_directives(&mut self) -> Result<(), GraphError> {
        if self.is("@") { Err(wrong("there is no directive for this place").at(self.at)) } else { Ok(()) }
    }

    fn variable(&mut self) -> Result<Variable, GraphError> {
        let at = self.at;
        self.expect("$")?;
        let name = self.name()?;
        self.expect(":")?;
        let list = self.take("[")?;
        let kind = self.name()?;
        let mut needed = self.take("!")?;
        if list {
            self.expect("]")?;
            needed = self.take("!")?;
        }
        let default = if self.take("=")? { Some(self.given(true)?) } else { None };
        self.no_directives()?;
        Ok(Variable { name, kind, list, needed, default, at })
    }

    fn selections(&mut self) -> Result<Vec<Selection>, GraphError> {
        self.nested(|p| {
            p.expect("{")?;
            let mut selections = Vec::new();
            while !p.take("}")? {
                selections.push(p.selection()?);
            }
            if selections.is_empty() { Err(wrong("a selection is empty").at(p.at)) } else { Ok(selections) }
        })
    }

    fn selection(&mut self) -> Result<Selection, GraphError> {
        let at = self.at;
        if !self.take("...")? {
            return self.field(at).map(Selection::Field);
        }
        match self.word() {
            Some("on") => {
                self.advance()?;
                let on = Some(self.name()?);
                let directives = self.directives()?;
                Ok(Selection::Inline { on, directives, selections: self.selections()?, at })
            }
            Some(_) => {
                let name = self.name()?;
                Ok(Selection::Spread { name, directives: self.directives()?, at })
            }
            None => {
                let directives = self.directives()?;
                Ok(Selection::Inline { on: None, directives, selections: self.selections()?, at })
            }
        }
    }

    fn field(&mut self, at: At) -> Result<Field, GraphError> {
        let first = self.name()?;
        let (alias, name) = if self.take(":")? { (Some(first), self.name()?) } else { (None, first) };
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let selections = if self.is("{") { self.selections()? } else { Vec::new() };
        Ok(Field { alias, name, arguments, directives, selections, at })
    }

    fn arguments(&mut self) -> Result<Vec<(String, Given)>, GraphError> {
        let mut arguments: Vec<(String, Given)> = Vec::new();
        if self.take("(")? {
            while !self.take(")")? {
                let at = self.at;
                let name = self.name()?;
                self.expect(":")?;
                if arguments.iter().any(|(known, _)| *known == name) {
                    return Err(wrong(format!("the argument \"{name}\" is given twice")).at(at));
                }
                arguments.push((name, self.given(false)?));
            }
        }
        Ok(arguments)
    }

    fn directives(&mut self) -> Result<Vec<Directive>, GraphError> {
        let mut directives = Vec::new();
        while self.is("@") {
            let at = self.at;
            self.advance()?;
            let name = self.name()?;
            directives.push(Directive { name, arguments: self.arguments()?, at });
        }
        Ok(directives)
    }

    fn given(&mut self, constant: bool) -> Result<Given, GraphError> {
        if self.is("$") && !constant {
            self.advance()?;
            return self.name().map(Given::Variable);
        }
        if self.is("[") {
            return self.nested(|p| {
                p.advance()?;
                let mut items = Vec::new();
                while !p.take("]")? {
                    items.push(p.given(constant)?);
                }
                Ok(Given::List(items))
            });
        }
        if self.is("{") {
            return self.nested(|p| {
                p.advance()?;
                let mut members = Vec::new();
                while !p.take("}")? {
                    let name = p.name()?;
                    p.expect(":")?;
                    members.push((name, p.given(constant)?));
                }
                Ok(Given::Object(members))
            });
        }
        match &self.token {
            Token::Name(_) | Token::Number(_) | Token::Text(_) => {}
            Token::Mark(_) | Token::End => return Err(self.unexpected("a value")),
        }
        Ok(match self.advance()? {
            Token::Name(name) => match name.as_str() {
                "true" => Given::Truth(true),
                "false" => Given::Truth(false),
                "null" => Given::Null,
                _ => Given::Name(name),
            },
            Token::Number(text) => Given::Number(text),
            Token::Text(text) => Given::Text(text),
            Token::Mark(_) | Token::End => return Err(self.unexpected("a value")),
        })
    }
}

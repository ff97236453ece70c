//! A query as it was read.

/// Operations and fragments of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(super) operations: Vec<Operation>,
    pub(super) fragments: Vec<Fragment>,
}

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its name, where it has one.
    pub name: Option<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) selections: Vec<Selection>,
}

/// `$name: Type = default`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable {
    pub name: String,
    /// The innermost name of the type.
    pub kind: String,
    pub list: bool,
    pub needed: bool,
    pub default: Option<Given>,
    pub at: (u32, u32),
}

/// `fragment name on Type { … }`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fragment {
    pub name: String,
    pub on: String,
    pub selections: Vec<Selection>,
    pub at: (u32, u32),
}

/// One member of a selection set.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Selection {
    Field(Field),
    Spread { name: String, directives: Vec<Directive>, at: (u32, u32) },
    Inline { on: Option<String>, directives: Vec<Directive>, selections: Vec<Selection>, at: (u32, u32) },
}

/// `alias: name(arguments) @directives { … }`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub alias: Option<String>,
    pub name: String,
    pub arguments: Vec<(String, Given)>,
    pub directives: Vec<Directive>,
    pub selections: Vec<Selection>,
    pub at: (u32, u32),
}

impl Field {
    /// The key in the answer.
    pub fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// Whether it has a directive of this name.
    pub fn has(&self, directive: &str) -> bool {
        self.directives.iter().any(|d| d.name == directive)
    }
}

/// `@name(arguments)`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Directive {
    pub name: String,
    pub arguments: Vec<(String, Given)>,
    pub at: (u32, u32),
}

/// A value in a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Variable(String),
    /// A number as it is written.
    Number(String),
    Text(String),
    Truth(bool),
    Null,
    /// A name, such as `official`.
    Name(String),
    List(Vec<Given>),
    Object(Vec<(String, Given)>),
}

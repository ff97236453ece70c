//! A parsed expression. Chains of steps and of operators are flat, so that depth comes from brackets alone.

use std::sync::OnceLock;

use super::function::Function;
use super::item::Item;
use super::pattern::Pattern;
use super::types::TypeName;

/// One node and where it stands in the text.
#[derive(Debug)]
pub(super) struct Tree {
    pub at: u32,
    pub shape: Shape,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Shape {
    Literal(Item<'static>),
    /// `{}`
    Nothing,
    This,
    Index,
    Total,
    Variable(Box<str>),
    /// A name at the start of a path: an element of the focus, or the focus's own type.
    Name(Box<str>),
    /// A function without a path before it: its input is the focus.
    Call(Box<Call>),
    /// A start and what follows it.
    Path(Box<Tree>, Vec<Step>),
    /// A sign; `true` for minus.
    Sign(bool, Box<Tree>),
    /// `is` (`true`) and `as`.
    Type(Box<Tree>, bool, TypeName),
    /// A part that means the same for every item, by its number; its answer is kept.
    Kept(usize, Box<Tree>),
    /// Operators of one precedence, applied from left to right.
    Fold(Box<Tree>, Vec<(Operator, u32, Tree)>),
}

/// One step of a path.
#[derive(Debug)]
pub(super) enum Step {
    Member(Box<str>, u32),
    Call(Call),
    Item(Tree),
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub at: u32,
    pub function: Function,
    pub arguments: Vec<Tree>,
    /// The type that `is`, `as` and `ofType` are asked for.
    pub of: Option<TypeName>,
    /// The pattern of `matches` and its like, when it is written out: made once.
    pub pattern: OnceLock<Option<Pattern>>,
}

/// Operators between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Multiply,
    Divide,
    Div,
    Mod,
    Add,
    Subtract,
    Concatenate,
    Union,
    LessOrEqual,
    Less,
    Greater,
    GreaterOrEqual,
    Equal,
    Equivalent,
    NotEqual,
    NotEquivalent,
    In,
    Contains,
    And,
    Or,
    Xor,
    Implies,
}

impl Operator {
    /// How tightly it binds; greater binds tighter. 8 is left to `is` and `as`.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Implies => 1,
            Self::Or | Self::Xor => 2,
            Self::And => 3,
            Self::In | Self::Contains => 4,
            Self::Equal | Self::Equivalent | Self::NotEqual | Self::NotEquivalent => 5,
            Self::LessOrEqual | Self::Less | Self::Greater | Self::GreaterOrEqual => 6,
            Self::Union => 7,
            Self::Add | Self::Subtract | Self::Concatenate => 9,
            Self::Multiply | Self::Divide | Self::Div | Self::Mod => 10,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Div => "div",
            Self::Mod => "mod",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concatenate => "&",
            Self::Union => "|",
            Self::LessOrEqual => "<=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "=",
            Self::Equivalent => "~",
            Self::NotEqual => "!=",
            Self::NotEquivalent => "!~",
            Self::In => "in",
            Self::Contains => "contains",
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::Implies => "implies",
        }
    }

    /// The operator of a symbol or word.
    pub fn parse(text: &str) -> Option<Self> {
        const ALL: [Operator; 22] = [
            Operator::Multiply,
            Operator::Divide,
            Operator::Div,
            Operator::Mod,
            Operator::Add,
            Operator::Subtract,
            Operator::Concatenate,
            Operator::Union,
            Operator::LessOrEqual,
            Operator::Less,
            Operator::Greater,
            Operator::GreaterOrEqual,
            Operator::Equal,
            Operator::Equivalent,
            Operator::NotEqual,
            Operator::NotEquivalent,
            Operator::In,
            Operator::Contains,
            Operator::And,
            Operator::Or,
            Operator::Xor,
            Operator::Implies,
        ];
        ALL.into_iter().find(|o| o.as_str() == text)
    }
}

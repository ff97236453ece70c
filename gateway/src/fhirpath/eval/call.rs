//! From a function's name to what does it, and the reading of arguments.

use std::borrow::Cow;

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::{Collection, Item};
use super::super::tree::{Call, Tree};
use super::{Answer, Evaluator, Scope, operators};

impl<'a> Evaluator<'a, '_> {
    /// Calls a function on its input. `defineVariable` adds to `scope`.
    pub(super) fn call(
        &mut self,
        call: &'a Call,
        input: Collection<'a>,
        scope: &mut Scope<'a, '_>,
    ) -> Answer<'a> {
        self.charge(1 + input.len() / 4, call.at)?;
        match call.function {
            F::Where
            | F::Select
            | F::Repeat
            | F::RepeatAll
            | F::All
            | F::Aggregate
            | F::Sort
            | F::Iif
            | F::Trace => self.lambda(call, input, scope),
            F::DefineVariable => self.define(call, input, scope),
            F::Exists if !call.arguments.is_empty() => self.lambda(call, input, scope),
            F::Empty
            | F::Exists
            | F::Not
            | F::Count
            | F::First
            | F::Last
            | F::Tail
            | F::Single
            | F::Distinct
            | F::IsDistinct
            | F::AllTrue
            | F::AnyTrue
            | F::AllFalse
            | F::AnyFalse
            | F::Children
            | F::Descendants => self.shape(call, input),
            F::Skip
            | F::Take
            | F::Union
            | F::Combine
            | F::Intersect
            | F::Exclude
            | F::SubsetOf
            | F::SupersetOf
            | F::Coalesce => self.sets(call, input, scope),
            F::Is | F::As | F::OfType | F::Type => self.types(call, input),
            F::IndexOf
            | F::LastIndexOf
            | F::Substring
            | F::StartsWith
            | F::EndsWith
            | F::Contains
            | F::Upper
            | F::Lower
            | F::Replace
            | F::Matches
            | F::MatchesFull
            | F::ReplaceMatches
            | F::Length
            | F::ToChars
            | F::Encode
            | F::Decode
            | F::Escape
            | F::Unescape
            | F::Trim
            | F::Split
            | F::Join => self.text(call, input, scope),
            F::ToBoolean
            | F::ToInteger
            | F::ToDecimal
            | F::ToString
            | F::ToDate
            | F::ToDateTime
            | F::ToTime
            | F::ToQuantity
            | F::ConvertsToBoolean
            | F::ConvertsToInteger
            | F::ConvertsToDecimal
            | F::ConvertsToString
            | F::ConvertsToDate
            | F::ConvertsToDateTime
            | F::ConvertsToTime
            | F::ConvertsToQuantity => self.conversion(call, input, scope),
            F::Abs
            | F::Ceiling
            | F::Exp
            | F::Floor
            | F::Ln
            | F::Log
            | F::Power
            | F::Round
            | F::Sqrt
            | F::Truncate
            | F::LowBoundary
            | F::HighBoundary
            | F::Precision
            | F::Comparable => self.math(call, input, scope),
            F::Now | F::Today | F::TimeOfDay => self.clock(call),
            F::Extension
            | F::HasValue
            | F::GetValue
            | F::Resolve
            | F::MemberOf
            | F::ConformsTo
            | F::Subsumes
            | F::SubsumedBy
            | F::HtmlChecks
            | F::HtmlChecks2
            | F::GetResourceKey
            | F::GetReferenceKey => self.fhir(call, input, scope),
        }
    }

    /// The argument at `n`, evaluated for the focus around the path; empty when it was left out.
    pub(super) fn argument(&mut self, call: &'a Call, n: usize, scope: &Scope<'a, '_>) -> Answer<'a> {
        match call.arguments.get(n) {
            Some(argument) => self.eval(argument, scope),
            None => Ok(Vec::new()),
        }
    }

    /// An argument that is one text.
    pub(super) fn text_argument(
        &mut self,
        call: &'a Call,
        n: usize,
        scope: &Scope<'a, '_>,
    ) -> Result<Option<Cow<'a, str>>, Error> {
        let value = self.argument(call, n, scope)?;
        let wrong = || Error::execution(call.at, format!("\"{}\" takes a text here", call.function.as_str()));
        match value.as_slice() {
            [] => Ok(None),
            [one] => one.as_text().map(Some).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }

    /// An argument that is one whole number.
    pub(super) fn whole_argument(
        &mut self,
        call: &'a Call,
        n: usize,
        scope: &Scope<'a, '_>,
    ) -> Result<Option<i64>, Error> {
        let value = self.argument(call, n, scope)?;
        operators::whole(&value, call.arguments.get(n).map_or(call.at, |a: &Tree| a.at))
    }
}

/// The one item of a function's input; an error for several.
pub(super) fn one<'a>(call: &Call, input: Collection<'a>) -> Result<Option<Item<'a>>, Error> {
    if input.len() > 1 {
        let message = format!("\"{}\" takes one item, not {}", call.function.as_str(), input.len());
        return Err(Error::execution(call.at, message));
    }
    Ok(input.into_iter().next())
}

/// An input of the wrong type.
pub(super) fn mismatch(call: &Call, wanted: &str) -> Error {
    Error::execution(call.at, format!("\"{}\" takes {wanted}", call.function.as_str()))
}

//! The time, as the caller gave it: one moment for the whole evaluation.

use super::super::error::Error;
use super::super::function::Function as F;
use super::super::item::Item;
use super::super::tree::Call;
use super::{Answer, Evaluator};

impl<'a> Evaluator<'a, '_> {
    pub(super) fn clock(&mut self, call: &'a Call) -> Answer<'a> {
        let now = self.context.now.ok_or_else(|| {
            Error::execution(
                call.at,
                format!("\"{}\" has no answer here: no time was given", call.function.as_str()),
            )
        })?;
        Ok(vec![Item::Temporal(match call.function {
            F::Today => now.as_date(),
            F::TimeOfDay => now.as_time(),
            _ => now,
        })])
    }
}

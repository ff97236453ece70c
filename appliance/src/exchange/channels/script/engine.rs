//! The engine that runs a rule: its bounds, and the functions through which it sees a message.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicStringPackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, Module, Position, Shared};

use super::numbers;
use super::surface::Surface;

/// Most steps of one run.
pub const MOST_STEPS: u64 = 100_000;
/// Longest run; a rule that keeps within its steps needs far less.
pub const LONGEST_RUN: Duration = Duration::from_millis(500);
/// Longest text, and most elements of a list.
const LONGEST_TEXT: usize = 64 * 1024;
const MOST_ELEMENTS: usize = 10_000;
/// Steps between two looks at the clock.
const LOOK: u64 = 128;

/// What a rule may do.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Look at the message.
    Look,
    /// Change it, up to a length; the number is that of the operation.
    Change {
        /// Of the operation.
        number: usize,
        /// In bytes.
        longest: usize,
    },
}

type Answer<T> = Result<T, Box<EvalAltResult>>;
type Held<S> = Arc<Mutex<S>>;

/// An engine with bounds and without functions of its own: what compiles a rule.
pub fn bare() -> Engine {
    let mut engine = Engine::new_raw();
    engine
        .set_max_operations(MOST_STEPS)
        .set_max_call_levels(16)
        .set_max_expr_depths(32, 16)
        .set_max_variables(100)
        .set_max_functions(30)
        .set_max_string_size(LONGEST_TEXT)
        .set_max_array_size(MOST_ELEMENTS)
        .set_max_map_size(1_000)
        .set_strict_variables(true);
    for word in ["eval", "print", "debug"] {
        engine.disable_symbol(word);
    }
    engine
}

/// An engine whose functions see this draft.
pub fn over<S: Surface>(draft: &Held<S>, access: Access) -> Engine {
    let mut engine = bare();
    for package in packages() {
        engine.register_global_module(package.clone());
    }
    let end = Instant::now() + LONGEST_RUN;
    engine.on_progress(move |steps| {
        (steps.is_multiple_of(LOOK) && Instant::now() > end).then_some(Dynamic::UNIT)
    });
    let held = draft.clone();
    engine.register_fn("get", move |at: &str| -> Answer<String> { lock(&held).text(at).map_err(refusal) });
    let held = draft.clone();
    engine.register_fn(S::PARTS, move |name: &str| -> Answer<Array> {
        let parts = lock(&held).parts(name, MOST_ELEMENTS).map_err(refusal)?;
        Ok(parts.into_iter().map(Dynamic::from).collect())
    });
    engine.register_fn("fixed", |number: f64, digits: INT| fixed(number, digits));
    engine.register_fn("fixed", |number: INT, digits: INT| fixed(number as f64, digits));
    if let Access::Change { number, longest } = access {
        let held = draft.clone();
        engine.register_fn("set", move |at: &str, value: &str| write(&held, number, longest, at, value));
        let held = draft.clone();
        engine.register_fn("set", move |at: &str, value: INT| {
            write(&held, number, longest, at, &value.to_string())
        });
        let held = draft.clone();
        engine.register_fn("set", move |at: &str, value: f64| {
            write(&held, number, longest, at, &value.to_string())
        });
        let held = draft.clone();
        engine.register_fn("remove", move |at: &str| -> Answer<()> {
            lock(&held).remove(number, at).map_err(refusal)
        });
    }
    engine
}

fn write<S: Surface>(held: &Held<S>, number: usize, longest: usize, at: &str, value: &str) -> Answer<()> {
    let mut draft = lock(held);
    draft.write(number, at, value).map_err(refusal)?;
    if draft.size() > longest {
        return Err(refusal("the message becomes too long"));
    }
    Ok(())
}

/// A number with so many decimals.
fn fixed(number: f64, digits: INT) -> Answer<String> {
    match usize::try_from(digits) {
        Ok(digits) if digits <= 10 && number.is_finite() => Ok(format!("{number:.digits$}")),
        Ok(_) | Err(_) => Err(refusal("a number is written with 0 to 10 decimals")),
    }
}

/// What a function of ours says when it refuses: words without a value, unlike what a rule throws itself.
#[derive(Debug, Clone)]
pub struct Refused(pub String);

fn refusal(text: impl Into<String>) -> Box<EvalAltResult> {
    let token = Dynamic::from(Refused(text.into()));
    Box::new(EvalAltResult::ErrorRuntime(token, Position::NONE))
}

fn lock<S>(held: &Held<S>) -> MutexGuard<'_, S> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Operators and functions of numbers, texts and lists, made once. What could wait, end the run or look around is not among
/// them.
fn packages() -> &'static [Shared<Module>] {
    static ALL: OnceLock<Vec<Shared<Module>>> = OnceLock::new();
    ALL.get_or_init(|| {
        vec![
            ArithmeticPackage::new().as_shared_module(),
            LogicPackage::new().as_shared_module(),
            numbers::module().into(),
            BasicStringPackage::new().as_shared_module(),
            MoreStringPackage::new().as_shared_module(),
            BasicArrayPackage::new().as_shared_module(),
            BasicIteratorPackage::new().as_shared_module(),
        ]
    })
}

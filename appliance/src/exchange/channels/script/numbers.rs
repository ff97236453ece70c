//! Numbers in rules: read from texts, turned into each other, rounded, and what formulas of laboratories take.
//!
//! These stand here, not the engine's own package of mathematics: that one brings a function of a newer C library than the
//! program may ask for.

use rhai::{EvalAltResult, FLOAT, INT, Module, Position};

type Answer<T> = Result<T, Box<EvalAltResult>>;

fn bad(why: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorArithmetic(why, Position::NONE))
}

fn whole(text: &str, radix: INT) -> Answer<INT> {
    let base = u32::try_from(radix).ok().filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| bad(format!("{radix} is no base of numbers; take 2 to 36")))?;
    INT::from_str_radix(text.trim(), base).map_err(|_| bad(format!("{text:?} is no whole number")))
}

fn real(text: &str) -> Answer<FLOAT> {
    text.trim().parse().map_err(|_| bad(format!("{text:?} is no number")))
}

/// The whole part; a number that no whole one can hold is refused.
#[allow(clippy::cast_possible_truncation, reason = "the bounds were looked at")]
fn cut(x: FLOAT) -> Answer<INT> {
    // -2^63 is the least whole number, 2^63 the first that is too large.
    const LIMIT: FLOAT = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&x) {
        Ok(x as INT)
    } else {
        Err(bad(format!("{x} is no whole number that can be held")))
    }
}

#[allow(clippy::cast_precision_loss, reason = "that is what it is asked for")]
fn wide(x: INT) -> FLOAT {
    x as FLOAT
}

/// The functions, for every engine.
pub fn module() -> Module {
    let mut all = Module::new();
    all.set_native_fn("parse_int", |text: &str| whole(text, 10));
    all.set_native_fn("parse_int", whole);
    all.set_native_fn("parse_float", real);
    all.set_native_fn("to_int", |x: INT| Ok(x));
    all.set_native_fn("to_int", cut);
    all.set_native_fn("to_float", |x: FLOAT| Ok(x));
    all.set_native_fn("to_float", |x: INT| Ok(wide(x)));
    for (name, turn) in [
        ("floor", FLOAT::floor as fn(FLOAT) -> FLOAT),
        ("ceiling", FLOAT::ceil),
        ("round", FLOAT::round),
        ("int", FLOAT::trunc),
        ("fraction", FLOAT::fract),
    ] {
        all.set_native_fn(name, move |x: FLOAT| Ok(turn(x)));
        all.set_getter_fn(name, move |x: &mut FLOAT| Ok(turn(*x)));
    }
    for (name, formula) in [
        ("sqrt", FLOAT::sqrt as fn(FLOAT) -> FLOAT),
        ("exp", FLOAT::exp),
        ("ln", FLOAT::ln),
        ("log", FLOAT::log10),
    ] {
        all.set_native_fn(name, move |x: FLOAT| Ok(formula(x)));
    }
    all.set_native_fn("log", |x: FLOAT, base: FLOAT| Ok(x.log(base)));
    all.set_native_fn("is_nan", |x: FLOAT| Ok(x.is_nan()));
    all.set_native_fn("is_finite", |x: FLOAT| Ok(x.is_finite()));
    all.build_index();
    all
}

#[cfg(test)]
mod tests {
    use rhai::{Dynamic, Engine};

    use super::*;

    #[test]
    fn numbers_are_read_turned_and_rounded() {
        let mut engine = Engine::new_raw();
        engine.register_global_module(module().into());
        let text = |script: &str| match engine.eval_expression::<Dynamic>(script) {
            Ok(value) => value.to_string(),
            Err(error) => format!("refused: {error}"),
        };
        for (script, expected) in [
            (r#"parse_int(" 12 ")"#, "12"),
            (r#"parse_int("ff", 16)"#, "255"),
            (r#"parse_float("1e3")"#, "1000.0"),
            ("to_int(2.9)", "2"),
            ("to_float(2)", "2.0"),
            ("round(2.5)", "3.0"),
            ("floor(-2.5)", "-3.0"),
            ("log(100.0)", "2.0"),
            ("sqrt(9.0)", "3.0"),
        ] {
            assert_eq!(text(script), expected, "{script}");
        }
        for script in [r#"parse_int("x")"#, r#"parse_int("1", 99)"#, r#"parse_float("")"#, "to_int(1e300)"] {
            assert!(text(script).starts_with("refused"), "{script}: {}", text(script));
        }
    }
}

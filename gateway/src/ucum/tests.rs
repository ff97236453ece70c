use super::*;
use proptest::prelude::*;

fn number(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

#[test]
fn every_unit_of_the_table_has_a_value() {
    let mut count = 0;
    for code in table::codes() {
        assert!(is_valid(code), "{code}");
        assert!(canonical(Decimal::ONE, code).is_some(), "{code}");
        count += 1;
    }
    assert!(count > 280, "{count}");
}

#[test]
fn the_grammar() {
    for good in [
        "1",
        "mg",
        "mg/dL",
        "10*3/uL",
        "10*-6",
        "10^9/L",
        "mm[Hg]",
        "/min",
        "{score}",
        "10*3{cells}/uL",
        "kg/m2",
        "m/s2",
        "g.m-2",
        "(mg/dL)/(kg.d)",
        "%",
        "%{vol}",
        "[iU]/mL",
        "m[IU]/L",
        "umol/min/1.73.m2",
        "a",
        "Cel",
        "'",
        "''",
        "k[iU]/L",
        "ug/mg{creat}",
        "B[10.nV]",
        "[in_i'H2O]",
        "mL/min/{1.73_m2}",
        "deg",
        "KiBy",
        "dB",
        "meq/L",
        "mosm/kg",
        "U/L",
        "g%",
        "kcal_th",
        "dar",
        "cm[H2O]",
        "/{HPF}",
        "100.mL",
        "s-1",
        "s+1",
    ] {
        assert!(is_valid(good), "{good}");
    }
    for bad in [
        "",
        " ",
        "mg ",
        "m g",
        "foo",
        "mg//dL",
        "/",
        "mg/",
        ".mg",
        "(mg",
        "mg)",
        "{a",
        "a}",
        "{a{b}}",
        "kmin",
        "m^2",
        "mg/dl)",
        "10*a",
        "m2.",
        "µg",
        "lbs",
        "m-",
        "[iU",
        "MG/DL",
        "m1000000000000",
    ] {
        assert!(!is_valid(bad), "{bad}");
    }
    assert!(!is_valid(&"(".repeat(200)));
    assert!(!is_valid(&"m.".repeat(200)));
}

#[test]
fn amounts_are_converted_exactly() {
    let check = |value: &str, from: &str, to: &str, expected: &str| {
        let found = convert(number(value), from, to).unwrap_or_else(|| panic!("{from} {to}"));
        assert_eq!(found.normalized().to_string(), expected, "{value} {from} in {to}");
    };
    check("1", "g", "mg", "1000");
    check("5.9", "mmol/L", "umol/mL", "5.9");
    check("1", "[lb_av]", "g", "453.59237");
    check("1", "[in_i]", "cm", "2.54");
    check("1", "[ft_us]", "m", "0.3048006096012192024384048768097536");
    check("2", "wk", "d", "14");
    check("1", "a", "d", "365.25");
    check("1", "mm[Hg]", "Pa", "133.322");
    check("37", "Cel", "[degF]", "98.6");
    check("98.6", "[degF]", "Cel", "37");
    check("0", "K", "Cel", "-273.15");
    check("1", "J/Cel", "J/K", "1");
    check("90", "/min", "/s", "1.5");
    check("1", "U", "nkat", "16.66666666666666666666666666666667");
    check("1", "10*3/uL", "10*9/L", "1");
    check("1", "k[iU]/L", "[IU]/mL", "1");
    check("1", "KiBy", "bit", "8192");
    check("1", "mL/min/{1.73_m2}", "mL/min", "1");
    for (from, to) in [("g", "m"), ("[iU]", "[arb'U]"), ("mol", "kg"), ("B", "Np"), ("foo", "g")] {
        assert_eq!(convert(Decimal::ONE, from, to), None, "{from} {to}");
    }
}

#[test]
fn one_kind_has_one_canonical_unit() {
    let check = |value: &str, code: &str, expected: &str, unit: &str| {
        let (found, found_unit) = canonical(number(value), code).unwrap();
        assert_eq!(
            (found.normalized().to_string().as_str(), found_unit.as_str()),
            (expected, unit),
            "{value} {code}"
        );
    };
    check("5", "mg/dL", "50", "g.m-3");
    check("120", "mm[Hg]", "15998640", "g.m-1.s-2");
    check("72", "/min", "1.2", "s-1");
    check("40", "%", "0.4", "1");
    check("36.6", "Cel", "309.75", "K");
    check("3", "[iU]/mL", "3000000", "[iU].m-3");
    assert_eq!(canonical(number("60"), "/h"), canonical(number("1"), "/min"));
    assert_eq!(comparable("cm", "[in_i]"), Some(true));
    assert_eq!(comparable("cm", "s"), Some(false));
    assert_eq!(comparable("cm", "[s]"), None);
}

#[test]
fn products_and_quotients() {
    assert_eq!(product("cm", "m/s").as_deref(), Some("cm.(m/s)"));
    assert_eq!(quotient("g", "m").as_deref(), Some("g/m"));
    assert_eq!(quotient("m", "m").as_deref(), Some("1"));
    assert_eq!(quotient("1", "s.m").as_deref(), Some("1/(s.m)"));
    assert_eq!(product("m", "foo"), None);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>(), near in "[a-zA-Z0-9\\[\\]./*(){}'_%^+-]{0,24}") {
        for code in [text, near] {
            if is_valid(&code) {
                let _ = canonical(Decimal::ONE, &code);
                prop_assert_eq!(comparable(&code, &code), Some(true));
            }
        }
    }
}

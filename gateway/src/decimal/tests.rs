use super::*;
use proptest::prelude::*;

fn of(text: &str) -> Decimal {
    Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn texts_are_read_and_written() {
    for text in ["0", "1", "-1.50", "0.00000001", "1234567890987654321.0", "0.0"] {
        assert_eq!(of(text).to_string(), text);
    }
    for (text, written) in [("1e3", "1000"), ("1.5E-3", "0.0015"), ("-0", "0"), ("+7", "7"), ("007", "7")] {
        assert_eq!(of(text).to_string(), written);
    }
    for bad in ["", "-", ".5", "1.", "1e", "1e+", "0x1", "1.2.3", "1e2000", "१", "1e5x"] {
        assert!(Decimal::parse(bad).is_none(), "{bad}");
    }
    assert!(Decimal::parse(&"9".repeat(38)).is_some());
    assert!(Decimal::parse(&"9".repeat(39)).is_none());
}

#[test]
fn arithmetic() {
    let check = |found: Option<Decimal>, expected: &str| assert_eq!(found.unwrap().to_string(), expected);
    check(of("1.2").plus(of("1.8")), "3.0");
    check(of("1").minus(of("0.05")), "0.95");
    check(of("1.2").times(of("1.8")), "2.16");
    check(of("4.0").over(of("2.0")), "2");
    check(of("1").over(of("3")), "0.3333333333333333333333333333333333");
    check(of("-2").over(of("3")), "-0.6666666666666666666666666666666667");
    check(of("1e-30").over(of("8")), "0.000000000000000000000000000000125");
    check(of("400").over(of("4")), "100");
    check(of("81").sqrt(), "9");
    check(of("0.25").sqrt(), "0.5");
    check(of("2.5").powi(2), "6.25");
    check(of("2").powi(-2), "0.25");
    assert_eq!(of(&"9".repeat(38)).times(of("10.0")), Some(of(&("9".repeat(38) + "e1"))));
    let product = of("12345678901234567890123456789").times(of("98765432109876543210987654321")).unwrap();
    assert_eq!(product, of("12193263113702179522618503273362292333e20"));
    assert_eq!(of("1e30").plus(of("1e-30")), Some(of("1e30")));
    assert!(of("1").over(of("0")).is_none());
    assert!(of("-4").sqrt().is_none());
    assert!(of("1e900").times(of("1e900")).is_none());
}

#[test]
fn rounding() {
    let check = |text: &str, places: i32, expected: [&str; 4]| {
        let modes = [Rounding::Truncate, Rounding::HalfUp, Rounding::Floor, Rounding::Ceiling];
        assert_eq!(modes.map(|m| of(text).round(places, m).to_string()), expected, "{text}");
    };
    check("1.25", 1, ["1.2", "1.3", "1.2", "1.3"]);
    check("-1.25", 1, ["-1.2", "-1.3", "-1.3", "-1.2"]);
    check("0.04", 1, ["0.0", "0.0", "0.0", "0.1"]);
    check("7", 3, ["7", "7", "7", "7"]);
    check("1e-50", 0, ["0", "0", "0", "1"]);
}

proptest! {
    #[test]
    fn like_whole_numbers(a in any::<i64>(), b in any::<i64>(), s in 0u32..20, t in 0u32..20) {
        let (x, y) = (of(&format!("{a}e-{s}")), of(&format!("{b}e-{t}")));
        let (wide_a, wide_b) = (i128::from(a) * 10i128.pow(19 - s.min(19)), i128::from(b) * 10i128.pow(19 - t.min(19)));
        if s < 20 && t < 20 {
            prop_assert_eq!(x.cmp(&y), wide_a.cmp(&wide_b));
        }
        prop_assert_eq!(x.plus(y).unwrap().minus(y).unwrap(), x);
        if b != 0 && a != 0 {
            let back = x.over(y).unwrap().times(y).unwrap();
            prop_assert!(back.minus(x).unwrap().abs() <= x.abs().times(of("1e-30")).unwrap(), "{} {}", x, back);
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), digits in "[-+]?[0-9]{0,45}(\\.[0-9]{0,45})?(e[-+]?[0-9]{0,5})?") {
        let _ = Decimal::parse(&text);
        if let Some(number) = Decimal::parse(&digits) {
            prop_assert_eq!(Decimal::parse(&number.to_string()), Some(number));
            let _ = (number.sqrt(), number.times(number), number.over(number), number.plus(Decimal::ONE), number.as_f64());
        }
    }
}

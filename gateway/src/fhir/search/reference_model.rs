//! The index against a naive matcher: random observations, random queries; both must agree on every pair.
//!
//! The matcher works on the values that the resource was made from, by the sentences of the standard, and shares no code
//! with encodings, ranges or the query parser.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;

const ZONE: &str = "Asia/Kolkata";

/// A date at one of three precisions.
#[derive(Debug, Clone, Copy)]
enum When {
    Year(i16),
    Month(i16, i8),
    Day(i16, i8, i8),
}

impl When {
    fn text(self) -> String {
        match self {
            Self::Year(y) => format!("{y:04}"),
            Self::Month(y, m) => format!("{y:04}-{m:02}"),
            Self::Day(y, m, d) => format!("{y:04}-{m:02}-{d:02}"),
        }
    }

    /// Half-open, in seconds.
    fn seconds(self) -> (i64, i64) {
        let (from, to) = match self {
            Self::Year(y) => (date(y, 1, 1), date(y + 1, 1, 1)),
            Self::Month(y, 12) => (date(y, 12, 1), date(y + 1, 1, 1)),
            Self::Month(y, m) => (date(y, m, 1), date(y, m + 1, 1)),
            Self::Day(y, m, d) => (date(y, m, d), date(y, m, d).tomorrow().unwrap()),
        };
        let zone = TimeZone::get(ZONE).unwrap();
        let at = |d: Date| zone.to_timestamp(d.at(0, 0, 0, 0)).unwrap().as_second();
        (at(from), at(to))
    }
}

#[derive(Debug, Clone)]
enum Effective {
    None,
    At(When),
    Period(Option<When>, Option<When>),
}

impl Effective {
    fn span(&self) -> Option<(i64, i64)> {
        match self {
            Self::None | Self::Period(None, None) => None,
            Self::At(when) => Some(when.seconds()),
            Self::Period(start, end) => {
                let low = start.map_or(i64::MIN, |w| w.seconds().0);
                Some((low, end.map_or(i64::MAX, |w| w.seconds().1).max(low.saturating_add(1))))
            }
        }
    }

    fn json(&self) -> String {
        match self {
            Self::None | Self::Period(None, None) => String::new(),
            Self::At(when) => format!(r#","effectiveDateTime":"{}""#, when.text()),
            Self::Period(start, end) => {
                let part = |key: &str, w: &Option<When>| w.map(|w| format!(r#""{key}":"{}""#, w.text()));
                let parts: Vec<_> = [part("start", start), part("end", end)].into_iter().flatten().collect();
                format!(r#","effectivePeriod":{{{}}}"#, parts.join(","))
            }
        }
    }
}

/// An observation as values. Numbers are tenths.
#[derive(Debug, Clone)]
struct Model {
    codes: Vec<(Option<&'static str>, &'static str)>,
    subject: Option<(&'static str, &'static str)>,
    effective: Effective,
    tenths: Option<i64>,
    text: Option<&'static str>,
}

impl Model {
    fn resource(&self) -> Resource {
        let codings: Vec<String> = self
            .codes
            .iter()
            .map(|(system, code)| match system {
                Some(system) => format!(r#"{{"system":"{system}","code":"{code}"}}"#),
                None => format!(r#"{{"code":"{code}"}}"#),
            })
            .collect();
        let coding =
            if codings.is_empty() { String::new() } else { format!(r#""coding":[{}],"#, codings.join(",")) };
        let subject =
            self.subject.map(|(k, i)| format!(r#","subject":{{"reference":"{k}/{i}"}}"#)).unwrap_or_default();
        let value = match (self.tenths, self.text) {
            (Some(n), _) => {
                let sign = if n < 0 { "-" } else { "" };
                format!(r#","valueQuantity":{{"value":{sign}{}.{}}}"#, n.abs() / 10, n.abs() % 10)
            }
            (None, Some(text)) => format!(r#","valueString":"{text}""#),
            (None, None) => String::new(),
        };
        let json = format!(
            r#"{{"resourceType":"Observation","id":"x","status":"final","code":{{{coding}"text":"t"}}{subject}{}{value}}}"#,
            self.effective.json()
        );
        Resource::stored(json.as_bytes()).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Asked {
    Code {
        not: bool,
        any_of: Vec<(Option<&'static str>, &'static str)>,
    },
    CodeMissing(bool),
    Subject {
        kind: Option<&'static str>,
        id: &'static str,
    },
    Patient(&'static str),
    Date {
        prefix: &'static str,
        when: When,
    },
    DateMissing(bool),
    /// The number is `digits` × 10^-`decimals`.
    Value {
        prefix: &'static str,
        digits: i64,
        decimals: u32,
    },
    Text {
        modifier: &'static str,
        text: &'static str,
    },
}

impl Asked {
    fn query(&self) -> (String, String) {
        let (name, value) = match self {
            Self::Code { not, any_of } => {
                let one = |(system, code): &(Option<&str>, &str)| match system {
                    Some(system) => format!("{system}|{code}"),
                    None => (*code).to_owned(),
                };
                (if *not { "code:not" } else { "code" }, any_of.iter().map(one).collect::<Vec<_>>().join(","))
            }
            Self::CodeMissing(missing) => ("code:missing", missing.to_string()),
            Self::Subject { kind: Some(kind), id } => ("subject", format!("{kind}/{id}")),
            Self::Subject { kind: None, id } => ("subject", (*id).to_owned()),
            Self::Patient(id) => ("patient", (*id).to_owned()),
            Self::Date { prefix, when } => ("date", format!("{prefix}{}", when.text())),
            Self::DateMissing(missing) => ("date:missing", missing.to_string()),
            Self::Value { prefix, digits, decimals } => {
                ("value-quantity", format!("{prefix}{}", decimal(*digits, *decimals)))
            }
            Self::Text { modifier, text } => {
                return (format!("value-string{modifier}"), (*text).to_owned());
            }
        };
        (name.to_owned(), value)
    }

    fn holds(&self, model: &Model) -> bool {
        match self {
            Self::Code { not, any_of } => {
                let hit = any_of.iter().any(|(system, code)| {
                    model.codes.iter().any(|(s, c)| match system {
                        None => c == code,
                        Some("") => s.is_none() && c == code,
                        Some(system) => *s == Some(*system) && (code.is_empty() || c == code),
                    })
                });
                hit != *not
            }
            // Each has a text at least.
            Self::CodeMissing(missing) => !missing,
            Self::Subject { kind, id } => {
                model.subject.is_some_and(|(k, i)| i == *id && kind.is_none_or(|kind| kind == k))
            }
            Self::Patient(id) => model.subject == Some(("Patient", *id)),
            Self::Date { prefix, when } => {
                model.effective.span().is_some_and(|stored| date_holds(prefix, when.seconds(), stored))
            }
            Self::DateMissing(missing) => model.effective.span().is_none() == *missing,
            Self::Value { prefix, digits, decimals } => {
                model.tenths.is_some_and(|tenths| number_holds(prefix, *digits, *decimals, tenths))
            }
            Self::Text { modifier, text } => {
                model.tenths.is_none()
                    && model.text.is_some_and(|stored| match *modifier {
                        ":exact" => stored == *text,
                        ":contains" => stored.to_lowercase().contains(&text.to_lowercase()),
                        _ => stored.to_lowercase().starts_with(&text.to_lowercase()),
                    })
            }
        }
    }
}

fn date_holds(prefix: &str, (s1, s2): (i64, i64), (r1, r2): (i64, i64)) -> bool {
    let equal = s1 <= r1 && r2 <= s2;
    match prefix {
        "ne" => !equal,
        "gt" => r2 > s2,
        "lt" => r1 < s1,
        "ge" => r2 > s2 || equal,
        "le" => r1 < s1 || equal,
        "sa" => r1 >= s2,
        "eb" => r2 <= s1,
        _ => equal,
    }
}

/// In units of a thousandth of a tenth of the finest decimal, all whole numbers.
fn number_holds(prefix: &str, digits: i64, decimals: u32, tenths: i64) -> bool {
    let scale = |value: i64, decimals: u32| i128::from(value) * 10_i128.pow(6 - decimals);
    let (asked, stored) = (scale(digits, decimals), scale(tenths, 1));
    let half = 10_i128.pow(6 - decimals) / 2;
    let equal = asked - half <= stored && stored < asked + half;
    match prefix {
        "ne" => !equal,
        "gt" | "sa" => stored > asked,
        "lt" | "eb" => stored < asked,
        "ge" => stored >= asked,
        "le" => stored <= asked,
        _ => equal,
    }
}

fn decimal(digits: i64, decimals: u32) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let (whole, rest) =
        (digits.unsigned_abs() / 10_u64.pow(decimals), digits.unsigned_abs() % 10_u64.pow(decimals));
    if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
    }
}

const SYSTEMS: [Option<&str>; 3] = [None, Some("http://a"), Some("http://b")];
const CODES: [&str; 4] = ["x", "xy", "X", "z"];
const TEXTS: [&str; 6] = ["Positive", "positive", "Pos", "Not seen", "NOT SEEN", "seen"];

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        (2023i16..2026).prop_map(When::Year),
        (2023i16..2026, 1i8..13).prop_map(|(y, m)| When::Month(y, m)),
        (2023i16..2026, 1i8..4, 1i8..29).prop_map(|(y, m, d)| When::Day(y, m, d)),
    ]
}

fn code() -> impl Strategy<Value = (Option<&'static str>, &'static str)> {
    (prop::sample::select(&SYSTEMS[..]), prop::sample::select(&CODES[..]))
}

fn subject() -> impl Strategy<Value = (&'static str, &'static str)> {
    (prop::sample::select(&["Patient", "Group"][..]), prop::sample::select(&["1", "12", "2"][..]))
}

fn model() -> impl Strategy<Value = Model> {
    let effective = prop_oneof![
        Just(Effective::None),
        when().prop_map(Effective::At),
        (prop::option::of(when()), prop::option::of(when())).prop_map(|(a, b)| Effective::Period(a, b)),
    ];
    (
        prop::collection::vec(code(), 0..3),
        prop::option::of(subject()),
        effective,
        prop::option::of(-60i64..60),
        prop::option::of(prop::sample::select(&TEXTS[..])),
    )
        .prop_map(|(codes, subject, effective, tenths, text)| Model {
            codes,
            subject,
            effective,
            tenths,
            text,
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    let prefix = prop::sample::select(&["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"][..]);
    let asked_code = (
        prop::sample::select(&[None, Some("http://a"), Some("http://b"), Some("")][..]),
        prop::sample::select(&CODES[..]),
    );
    let any_code = prop_oneof![asked_code, Just((Some("http://a"), ""))];
    prop_oneof![
        (any::<bool>(), prop::collection::vec(any_code, 1..4))
            .prop_map(|(not, any_of)| Asked::Code { not, any_of }),
        any::<bool>().prop_map(Asked::CodeMissing),
        (any::<bool>(), subject())
            .prop_map(|(typed, (kind, id))| Asked::Subject { kind: typed.then_some(kind), id }),
        subject().prop_map(|(_, id)| Asked::Patient(id)),
        (prefix.clone(), when()).prop_map(|(prefix, when)| Asked::Date { prefix, when }),
        any::<bool>().prop_map(Asked::DateMissing),
        (prefix, -70i64..70, 0u32..4).prop_map(|(prefix, digits, decimals)| Asked::Value {
            prefix,
            digits,
            decimals
        }),
        (
            prop::sample::select(&["", ":exact", ":contains"][..]),
            prop::sample::select(&["Pos", "positive", "seen", "not", "SEEN", "Not seen"][..])
        )
            .prop_map(|(modifier, text)| Asked::Text { modifier, text }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_index_agrees_with_the_naive_matcher(
        models in prop::collection::vec(model(), 8),
        queries in prop::collection::vec(prop::collection::vec(asked(), 1..3), 8),
    ) {
        let context = Context::new(TimeZone::get(ZONE).unwrap(), Timestamp::UNIX_EPOCH);
        let indexed: Vec<_> = models.iter().map(|m| terms(&m.resource(), &context)).collect();
        for parts in &queries {
            let pairs: Vec<_> = parts.iter().map(Asked::query).collect();
            let search = query::parse(ResourceType::OBSERVATION, &pairs, Handling::Strict, &context)
                .unwrap_or_else(|e| panic!("{pairs:?}: {e}"));
            for (model, terms) in models.iter().zip(&indexed) {
                let expected = parts.iter().all(|p| p.holds(model));
                prop_assert_eq!(search.matches(terms), expected, "{:?} on {:?}", pairs, model);
            }
        }
    }
}

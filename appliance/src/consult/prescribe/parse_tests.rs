use proptest::prelude::*;

use super::*;
use crate::consult::prescribe::line::Quantity;

fn read(text: &str) -> Line {
    parse(text, Formulary::own()).unwrap_or_else(|problem| panic!("{text}: {problem:?}"))
}

#[test]
fn lines_are_read_as_they_are_typed() {
    let check = |typed: &str, written: &str, printed: &str, quantity: Option<&str>| {
        let line = read(typed);
        assert_eq!(line.written(), written, "{typed}");
        assert_eq!(line.printed(), printed, "{typed}");
        let given = line.quantity().as_ref().map(Quantity::to_string);
        assert_eq!(given.as_deref(), quantity, "{typed}");
    };
    check(
        "para 650 1-0-1 pc 5d",
        "tab paracetamol 650mg 1-0-1 pc 5d",
        "TAB PARACETAMOL 650 mg: 1-0-1, after food, for 5 days",
        Some("10 tab"),
    );
    check(
        "Para (Crocin) 500.0 mg tds sos for 3 days -- with  plenty of water",
        "tab paracetamol (Crocin) 500mg tds sos 3d -- with plenty of water",
        "TAB PARACETAMOL (Crocin) 500 mg: three times a day, when needed, for 3 days. with plenty of water",
        None,
    );
    check(
        "syp para 125mg/5ml =250mg tds 3d",
        "syp paracetamol 125mg/5ml =250mg tds 3d",
        "SYRUP PARACETAMOL 125 mg/5 mL: 250 mg, three times a day, for 3 days",
        Some("90 mL"),
    );
    check(
        "amoxiclav 500+125mg bd after food 5 days",
        "tab amoxicillin clavulanate 500mg+125mg bd pc 5d",
        "TAB AMOXICILLIN CLAVULANATE 500 mg+125 mg: twice a day, after food, for 5 days",
        Some("10 tab"),
    );
    check(
        "glargine 10 u sc hs cont",
        "inj insulin glargine =10units sc hs cont",
        "INJ INSULIN GLARGINE: 10 units, under the skin, at bedtime, to be continued",
        None,
    );
    check(
        "vit d3 60000 weekly 8w",
        "sachet vitamin d3 60000units weekly 8w",
        "SACHET VITAMIN D3 60000 units: once a week, for 8 weeks",
        Some("8 sachet"),
    );
    check(
        "thyroxine .05 mg od empty stomach 1 month",
        "tab levothyroxine 0.05mg od empty 1m",
        "TAB LEVOTHYROXINE 0.05 mg: once a day, on an empty stomach, for 1 month",
        Some("30 tab"),
    );
    check(
        "amlo 5 ½-0-½ 7d",
        "tab amlodipine 5mg 0.5-0-0.5 7d",
        "TAB AMLODIPINE 5 mg: 0.5-0-0.5, for 7 days",
        Some("7 tab"),
    );
    check(
        "para 650 tab every 6 hours 2d",
        "tab paracetamol 650mg q6h 2d",
        "TAB PARACETAMOL 650 mg: every 6 hours, for 2 days",
        Some("8 tab"),
    );
    check(
        "\"new thing\" 10mg 2 tab od 5d #12",
        "\"NEW THING\" 10mg 2tab od 5d #12",
        "NEW THING 10 mg: 2 tab, once a day, for 5 days",
        Some("12"),
    );
    check(
        "salb 100 2 puffs inh sos",
        "inhaler salbutamol 100mcg 2puff inh sos",
        "INHALER SALBUTAMOL 100 mcg: 2 puffs, inhaled, when needed",
        None,
    );
    check(
        "onda 4 stat",
        "tab ondansetron 4mg stat",
        "TAB ONDANSETRON 4 mg: at once, one time",
        Some("1 tab"),
    );
    check(
        "eyedrops cipro 0.3% 1 drop eye qid 5d",
        "eyedrops ciprofloxacin 0.3% 1drop eye qid 5d",
        "EYE DROPS CIPROFLOXACIN 0.3 %: 1 drop, into the eye, four times a day, for 5 days",
        None,
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let check = |typed: &str, code: Code, part: &str, message: &str| {
        let problem = parse(typed, Formulary::own()).map(|line| line.written()).expect_err(typed);
        let shown = typed.get(problem.at..problem.at + problem.length).unwrap_or_default();
        assert_eq!((problem.code, shown), (code, part), "{typed}: {problem:?}");
        assert!(problem.message.contains(message), "{typed}: {}", problem.message);
    };
    check("", Code::NoMedicine, "", "begin with the medicine");
    check("paracetmol 500 od", Code::UnknownMedicine, "paracetmol", "paracetamol");
    check("para 500 od bd", Code::Twice, "bd", "frequency");
    check("para 650 1 od", Code::NoUnit, "1", "5mg or 5ml");
    check("\"x\" 5 od", Code::NoUnit, "5", "say what");
    check("para 500 odd", Code::UnknownWord, "odd", "not understood");
    check("para 500mg 5000mg 2d 3d", Code::Twice, "3d", "duration");
    check("para (Crocin", Code::Unclosed, "(Crocin", "not closed");
    check("para 500 30tab od", Code::UnknownWord, "30tab", "no dose");
    check("para 0 od", Code::UnknownWord, "0", "more than nothing");
    check("para 500 #0", Code::UnknownWord, "#0", "1 to 2000");
    check("para 500\tod", Code::TooLong, "\t", "control");
    assert_eq!(parse(&"x".repeat(501), Formulary::own()).unwrap_err().code, Code::TooLong);
}

fn amount() -> impl Strategy<Value = Amount> {
    (1_u64..=20_000).prop_map(|count| Amount::thousandths(count).unwrap())
}

fn weighing() -> impl Strategy<Value = Unit> {
    prop::sample::select(Unit::ALL.iter().copied().filter(|unit| unit.weighs()).collect::<Vec<_>>())
}

fn strength() -> impl Strategy<Value = Strength> {
    let counted = Unit::ALL.iter().copied().filter(|unit| !unit.weighs()).collect::<Vec<_>>();
    let per = prop::option::of((amount(), prop::sample::select(counted)));
    (prop::collection::vec((amount(), weighing()), 1..4), per)
        .prop_map(|(parts, per)| Strength { parts, per })
}

fn frequency() -> impl Strategy<Value = Frequency> {
    let patterns =
        prop::collection::vec((0_u64..=10_000).prop_map(|n| Amount::thousandths(n).unwrap()), 3..=4)
            .prop_filter("something is taken", |parts| parts.iter().any(|part| !part.is_zero()))
            .prop_map(Frequency::Pattern);
    let words = Frequency::words().map(|word| Frequency::read(word).unwrap()).collect::<Vec<_>>();
    prop_oneof![
        patterns,
        prop::sample::select(words),
        (1_u8..=72).prop_map(Frequency::EveryHours),
        (5_u8..=6).prop_map(Frequency::TimesADay),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (1_u16..=365).prop_map(Span::Days),
        (1_u16..=52).prop_map(Span::Weeks),
        (1_u16..=12).prop_map(Span::Months),
        Just(Span::Ongoing),
    ]
}

prop_compose! {
    fn line()(
        at in 0_usize..200,
        unknown in prop::option::of("[A-Z][A-Z0-9 ]{0,8}[A-Z]"),
        brand in prop::option::of("[A-Z][a-z0-9-]{1,9}"),
        form in prop::option::of(prop::sample::select(Form::ALL)),
        strength in prop::option::of(strength()),
        dose in prop::option::of((amount(), prop::sample::select(Unit::ALL))),
        route in prop::option::of(prop::sample::select(Route::ALL)),
        frequency in prop::option::of(frequency()),
        as_needed in any::<bool>(),
        food in prop::option::of(prop::sample::select(Food::ALL)),
        span in prop::option::of(span()),
        pieces in prop::option::of(1_u16..=2_000),
        instruction in prop::option::of("[^\\p{Cc}\\s]{1,8}( [^\\p{Cc}\\s]{1,8}){0,3}"),
    ) -> Line {
        let all = Formulary::own().medicines();
        let medicine = &all[at % all.len()];
        let unknown = unknown
            .map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|name| Formulary::own().find(&name.to_lowercase()).is_none());
        let known = unknown.is_none();
        let form = form.or(if known { medicine.usual_form() } else { None });
        // A single amount in units of a medicine that is dosed in them is its dose.
        let strength = strength.filter(|strength| {
            !(known && medicine.dosed && strength.per.is_none()
                && matches!(strength.parts.as_slice(), [(_, Unit::Units)]))
        });
        let generic = unknown.unwrap_or_else(|| medicine.name.to_uppercase());
        Line { generic, known, brand, form, strength, dose, route, frequency, as_needed, food, span, pieces, instruction }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_written_is_read_as_the_same(line in line()) {
        let written = line.written();
        let read = parse(&written, Formulary::own());
        prop_assert_eq!(read, Ok(line), "{}", written);
    }

    #[test]
    fn whatever_is_read_is_written_and_read_again(text in "(para|amox|\"x y\"|tab|syp) ([0-9./½]{1,5}(mg|ml|tab|u|%|)|od|bd|1-0-1|x?[0-9]d|pc|sos|\\(a b\\)|#[0-9]|=5mg| ){0,6}( -- .{0,20})?") {
        if let Ok(line) = parse(&text, Formulary::own()) {
            prop_assert_eq!(parse(&line.written(), Formulary::own()), Ok(line));
        }
    }

    #[test]
    fn no_text_breaks_it(text in "\\PC{0,600}") {
        if let Err(problem) = parse(&text, Formulary::own()) {
            prop_assert!(!problem.message.is_empty() && problem.at <= text.len());
        }
    }

    #[test]
    fn print_is_safe(line in line()) {
        let mut plain = line;
        plain.instruction = None;
        let strength: Option<String> = plain.strength.as_ref().map(Strength::printed);
        let printed = format!("{} {}", plain.directions(), strength.unwrap_or_default());
        prop_assert!(!printed.contains('µ') && !printed.contains(" .") && !printed.contains(".0 "));
        let _ = plain.quantity();
    }
}

use proptest::prelude::*;

use super::*;
use crate::json::{Limits, Object, parse};

fn person(json: &str) -> Person {
    Person::of(&parse(json.as_bytes(), &Limits::default()).unwrap())
}

/// A Patient in one line: name | birth | gender | phone | town | identifier.
fn of(line: &str) -> Value {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_empty());
    let list = |key: &str, text: Option<&str>| text.map(|text| vec![Value::from([(key, text)])]);
    Value::Object(
        Object::new()
            .with("resourceType", "Patient")
            .with_some("name", list("text", part(0)))
            .with_some("birthDate", part(1))
            .with_some("gender", part(2))
            .with_some("telecom", list("value", part(3)))
            .with_some("address", list("city", part(4)))
            .with_some(
                "identifier",
                part(5).map(|value| vec![Value::from([("system", "urn:abha"), ("value", value)])]),
            ),
    )
}

fn grade(one: &str, other: &str) -> Grade {
    let (one, other) = (Person::of(&of(one)), Person::of(&of(other)));
    assert_eq!(compare(&one, &other), compare(&other, &one));
    compare(&one, &other).grade
}

#[test]
fn spellings_of_one_name_are_one_name() {
    for (one, other) in [
        ("Anil Shrivastava", "Anil Srivastava"),
        ("Anil Shrivastav", "Anil Srivastava"),
        ("Mohd Irfan Ansari", "Mohammed Irfan Ansari"),
        ("Md. Irfan Ansari", "Muhammad Irfan Ansari"),
        ("Laxmi Pawar", "Lakshmi Pawar"),
        ("Lakshmi Pawar", "लक्ष्मी पवार"),
        ("Ganpat Rao Thorat", "Ganpatrao Thorat"),
        ("Pawar Lakshmi", "Lakshmi Pawar"),
        ("Smt. Lakshmi Pawar", "Lakshmi Pawar"),
        ("Dipak Chaudhari", "Deepak Choudhary"),
        ("Geetha Krishnan", "Gita Krishnan"),
        ("Vijay Wagh", "Vijay Vagh"),
        ("Faizal Sheikh", "Phaizal Shaikh"),
    ] {
        let rest = "| 1968-03-14 | female | 7000041207";
        assert_eq!(
            grade(&format!("{one} {rest}"), &format!("{other} {rest}")),
            Grade::Certain,
            "{one} {other}"
        );
        let alike = names::alike(&[Name::of(one).unwrap()], &[Name::of(other).unwrap()]);
        assert!(alike >= Some(names::SAME), "{one} {other}: {alike:?}");
    }
}

#[test]
fn what_a_clerk_would_say() {
    let known = "Lakshmi Devi Pawar | 1968-03-14 | female | 7000041207 | Talegaon | 91-1234-5678-9012";
    for (asked, expected) in [
        ("Laxmi Pawar | 1968-03-14 | female | +91 70000 41207", Grade::Certain),
        ("Lakshmi Pawar | 1968-03-14 | | | Talegaon", Grade::Probable),
        // The same name and day of birth, and nothing else that agrees.
        ("Lakshmi Devi Pawar | 1968-03-14 | female", Grade::Probable),
        // Day and month swapped; the year off by one; a digit.
        ("Lakshmi Pawar | 1968-04-03 | female | 7000041207", Grade::Possible),
        ("Lakshmi Pawar | 1967-03-14 | female | 7000041207", Grade::Probable),
        ("Lakshmi Pawar | 1968-03-15 | female | 7000041207", Grade::Probable),
        ("Lakshmi Devi Pawar | 1968-01-01 | female | 7000041207", Grade::Probable),
        ("Lakshmi Devi Pawar | 1968 | female | 7000041207", Grade::Probable),
        ("Lakshmi Devi Pawar", Grade::Possible),
        // A number names her, whatever else is left out.
        ("Laxmi Pawar |||||  91123456789012", Grade::Certain),
        ("Laxmi Pawar | 1990-08-09 | female || | 91123456789012", Grade::Possible),
        ("Suresh Patil | 1951-01-09 | male || | 91123456789012", Grade::CertainlyNot),
        ("||||| 91123456789012", Grade::Possible),
        // Somebody else of the house.
        ("Suresh Tukaram Pawar | 1990-08-09 | male | 7000041207 | Talegaon", Grade::CertainlyNot),
        ("Laxmi Suresh Pawar | 1995-06-02 | female | 7000041207 | Talegaon", Grade::CertainlyNot),
        (
            "Lakshmi Devi Pawar | 1968-03-14 | female | 7000041207 | Talegaon | 55-0000-1111-2222",
            Grade::Probable,
        ),
        ("Asha Kale | 1968-03-14 | female", Grade::CertainlyNot),
        ("| 1968-03-14 | female", Grade::CertainlyNot),
    ] {
        assert_eq!(grade(asked, known), expected, "{asked}");
    }
}

#[test]
fn mistakes_in_a_date_of_birth() {
    let points = |one: &str, other: &str| {
        let (one, other) = (Moment::date_time(one), Moment::date_time(other));
        birth::points(one.as_ref(), other.as_ref()).unwrap()
    };
    let order = [
        points("1968-03-14", "1968-03-14"),
        points("1968-04-03", "1968-03-04"),
        points("1968-03-14", "1969-03-14"),
        points("1968", "1968-03-14"),
        points("1968-01-01", "1968-03-14"),
        points("1968-03-02", "1968-03-28"),
        points("1968-03-02", "1968-11-28"),
        points("1968-03-02", "1970-11-28"),
        points("1968-03-02", "1995-11-28"),
    ];
    assert!(order.windows(2).all(|pair| pair[0] > pair[1]), "{order:?}");
    assert_eq!(
        points("1968-03-14", "1986-03-14"),
        points("1968-03-14", "1968-03-15"),
        "two digits changed places"
    );
}

#[test]
fn twins_of_one_house_are_never_certain() {
    let twin = |name: &str| format!("{name} Pawar | 2015-06-02 | male | 7000041207 | Talegaon");
    assert_eq!(grade(&twin("Ram"), &twin("Shyam")), Grade::Possible);
    for (one, other) in [
        ("Rohit", "Mohit"),
        ("Mina", "Mona"),
        ("Rajan Suresh", "Raman Suresh"),
        ("Rajan Suresh", "Rajani Suresh Vitthal"),
        ("Sunil", "Anil"),
    ] {
        assert!(grade(&twin(one), &twin(other)) < Grade::Certain, "{one} {other}");
    }
}

#[test]
fn what_is_looked_for_is_bounded() {
    let names: Vec<String> =
        (0..16).map(|n| format!(r#"{{"text": "a{n} b{n} c{n} d{n} e{n} f{n} g{n} h{n}"}}"#)).collect();
    let crowd = person(&format!(r#"{{"resourceType": "Patient", "name": [{}]}}"#, names.join(",")));
    assert_eq!(crowd.texts().len(), MOST_TEXTS);
    assert!(!person(r#"{"resourceType": "Patient", "birthDate": "1968-03-14"}"#).can_be_found());
}

const GIVEN: [&str; 12] = [
    "Lakshmi",
    "Laxmi",
    "Mohammed",
    "Mohd",
    "Suresh",
    "Ramesh",
    "R",
    "आशा",
    "Asha",
    "Deepak",
    "Venkatesh",
    "Sri",
];
const FAMILY: [&str; 8] =
    ["Pawar", "Shrivastava", "Srivastava", "Ansari", "Thorat", "Patil", "Chaudhari", "Choudhary"];

fn described() -> impl Strategy<Value = String> {
    let name = (0..GIVEN.len(), prop::option::of(0..GIVEN.len()), 0..FAMILY.len());
    let birth = (1960_i16..1972, 1_u8..13, 1_u8..29, 0_u8..3);
    let rest = (prop::option::of(0..3_u8), prop::option::of(0..3_u8), prop::option::of(0..3_u8), 0..3_u8);
    (name, prop::option::of(birth), rest).prop_map(
        |((given, middle, family), birth, (phone, town, number, gender))| {
            let word = |at: usize| GIVEN.get(at).copied().unwrap_or("Asha");
            let family = FAMILY.get(family).copied().unwrap_or("Pawar");
            let birth = birth.map_or(String::new(), |(y, m, d, form)| match form {
                0 => format!("{y}"),
                1 => format!("{y}-{m:02}"),
                _ => format!("{y}-{m:02}-{d:02}"),
            });
            let gender = ["male", "female", ""].get(usize::from(gender)).copied().unwrap_or_default();
            let number_of = |n: Option<u8>, stem: &str| n.map_or(String::new(), |n| format!("{stem}{n}"));
            let middle = middle.map_or("", word);
            format!(
                "{} {middle} {family} | {birth} | {gender} | {} | {} | {}",
                word(given),
                number_of(phone, "700004120"),
                number_of(town, "Town"),
                number_of(number, "9112345678901")
            )
        },
    )
}

proptest! {
    #[test]
    fn the_order_does_not_matter_and_nobody_is_more_alike_than_oneself(one in described(), other in described()) {
        let (a, b) = (Person::of(&of(&one)), Person::of(&of(&other)));
        prop_assert_eq!(compare(&a, &b), compare(&b, &a));
        prop_assert!(compare(&a, &a).points >= compare(&a, &b).points);
        prop_assert!(compare(&a, &a).grade >= compare(&a, &b).grade, "{} / {}", one, other);
    }

    #[test]
    fn whoever_is_described_well_is_certainly_oneself(one in described(), phone in 0..9_u8) {
        let mut whole = of(&one);
        if let Some(patient) = whole.as_object_mut() {
            patient.insert("birthDate", "1968-03-14");
            patient.insert("telecom", vec![Value::from([("value", format!("700004120{phone}").as_str())])]);
        }
        let whole = Person::of(&whole);
        prop_assert_eq!(compare(&whole, &whole).grade, Grade::Certain);
    }
}

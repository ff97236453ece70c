//! Names as clinics write and type them.

use super::*;
use crate::fhir::search::Term;

fn patient(name: &str, more: &str) -> crate::fhir::resource::Resource {
    let text = format!(r#"{{"resourceType":"Patient","id":"1","name":[{{"text":"{name}"}}]{more}}}"#);
    crate::fhir::resource::Resource::parse(text.as_bytes(), &crate::json::Limits::default()).unwrap()
}

fn probed(terms: &[Term], query: &Query) -> bool {
    query.probes.iter().any(|p| terms.iter().any(|t| p.range.contains(t)))
}

fn finds(typed: &str, name: &str) -> Option<Hit> {
    let query = query(typed);
    let hit = judge(&query, &Shown { name, ..Shown::default() });
    let reached = probed(&terms(&patient(name, "")), &query);
    assert!(reached || hit.is_none(), "{typed} matches {name}, but no probe leads there");
    hit
}

fn check(typed: &str, names: &[&str]) {
    for name in names {
        assert!(finds(typed, name).is_some(), "{typed} must find {name}: {:?}", super::words::words(name));
    }
}

fn check_not(typed: &str, names: &[&str]) {
    for name in names {
        assert_eq!(finds(typed, name), None, "{typed} must not find {name}");
    }
}

#[test]
fn spellings_that_mean_the_same_name() {
    check("laxmi", &["Lakshmi", "Laxmi Devi", "Luxmi Bai", "LAKSHMI"]);
    check("lakshmi", &["Laxmi"]);
    check("mohammed", &["Muhammad", "Mohammad Ali", "Md Rafiq", "Md. Rafiq", "Mohd Salim", "Mohamed"]);
    check("md", &["Mohammed Irfan", "Muhammad"]);
    check("moham", &["Mohammed", "Muhammad"]);
    check("vikas", &["Bikas", "Wikas", "Vikash"]);
    check("bishnu", &["Vishnu"]);
    check("shita", &["Sita", "Seeta"]);
    check("aasha", &["Asha"]);
    check("deepa", &["Dipa"]);
    check("fatima", &["Phatima", "Fatimah"]);
    check("sudha", &["Suda"]);
    check("gita", &["Geetha", "Geeta"]);
    check("chaudhary", &["Chowdhury", "Choudhary", "Chaudhari"]);
    check("vijay", &["Bijoy", "Vijai"]);
    check("gyan", &["Dnyaneshwar", "Jnaneshwar", "Gyaneshwar"]);
    check("sourav", &["Saurav", "Saurabh"]);
    check("pooja", &["Puja"]);
    check("zakir", &["Jakir"]);
}

#[test]
fn different_names_stay_apart() {
    check_not("asha", &["Usha", "Ravi", "Nisha"]);
    check_not("ram", &["Mohan", "Sita"]);
    check_not("anil", &["Sunil"]);
    check_not("asha rao", &["Asha Devi", "Meera Rao"]);
    check_not("", &["Asha"]);
    check_not("...", &["Asha"]);
}

#[test]
fn names_are_found_while_they_are_typed() {
    for name in [
        "Lakshmi Narayanan",
        "Phalguni Deshpande",
        "Chandra Mohan",
        "Krishnamurthy",
        "Mohammed Yusuf",
        "Bhavana Xavier",
    ] {
        let first = name.split(' ').next().unwrap();
        for n in 1..=first.chars().count() {
            let typed: String = first.chars().take(n).collect();
            assert!(finds(&typed, name).is_some(), "{typed} must find {name}");
        }
    }
}

#[test]
fn order_and_initials_do_not_matter() {
    check("kumar ramesh", &["Ramesh Kumar"]);
    check("ramesh kum", &["Ramesh Kumar", "Kumar Ramesh"]);
    check("r kumar", &["Ramesh Kumar", "Kumar R"]);
    check("ramesh kumar", &["R. Kumar", "Ramesh K."]);
    check("ramesh kumar yadav", &["Ramesh Kumar Yadav", "Yadav Ramesh Kumar"]);
    check("k. s. iyer", &["Krishnan Subramaniam Iyer"]);
}

#[test]
fn scripts_meet_in_latin_letters() {
    for (name, typed) in [
        ("रमेश कुमार", "ramesh kumar"),
        ("लक्ष्मी", "laxmi"),
        ("सुनीता देवी", "sunita dev"),
        ("मोहम्मद", "mohammed"),
        ("फ़ातिमा", "fatima"),
        ("ज्ञानेश्वर", "gyan"),
        ("सौरभ", "sourabh"),
        ("ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ", "gurpreet singh"),
        ("રમેશ પટેલ", "ramesh patel"),
        ("রমেশ", "ramesh"),
        ("ରମେଶ", "ramesh"),
        ("రామారావు", "ramarao"),
        ("లక్ష్మి", "lakshmi"),
        ("ಲಕ್ಷ್ಮಿ", "laxmi"),
        ("ലക്ഷ്മി", "lakshmi"),
        ("അനിൽ", "anil"),
        ("முருகன்", "murugan"),
        ("கணேஷ்", "ganesh"),
        ("லட்சுமி", "latchumi"),
        ("சரவணன்", "saravanan"),
    ] {
        check(typed, &[name]);
        check(name, &[name]);
    }
    check("रमेश", &["Ramesh Kumar"]);
    check("मोहम्मद", &["Md Salim"]);
    check("கணேஷ்", &["Ganesh"]);
}

fn spans(typed: &str, shown: &Shown<'_>) -> Vec<(Field, usize, usize)> {
    judge(&query(typed), shown).unwrap().matched.into_iter().map(|s| (s.field, s.start, s.end)).collect()
}

#[test]
fn the_letters_that_match_are_told() {
    let shown = Shown {
        name: "Lakshmi Devi", other_name: Some("लक्ष्मी देवी"), ..Shown::default()
    };
    assert_eq!(spans("lax", &shown), [(Field::Name, 0, 4), (Field::OtherName, 0, 7)]);
    assert_eq!(spans("laxmi", &shown), [(Field::Name, 0, 7), (Field::OtherName, 0, 7)]);
    assert_eq!(spans("dev", &shown), [(Field::Name, 8, 11), (Field::OtherName, 8, 12)]);
    let shown = Shown { name: "Deepa Shah", ..Shown::default() };
    assert_eq!(spans("dee", &shown), [(Field::Name, 0, 3)]);
    assert_eq!(spans("sh", &shown), [(Field::Name, 6, 8)]);
    let shown = Shown {
        name: "Md Rafiq",
        phones: vec!["+91 98765-43210"],
        numbers: vec!["CV-00123"],
        ..Shown::default()
    };
    assert_eq!(spans("mohammed", &shown), [(Field::Name, 0, 2)]);
    assert_eq!(spans("3210", &shown), [(Field::Phone, 11, 15)]);
    assert_eq!(spans("98765", &shown), [(Field::Phone, 4, 9)]);
    assert_eq!(spans("98765 43", &shown), [(Field::Phone, 4, 12)]);
    assert_eq!(spans("123", &shown), [(Field::Number, 5, 8)]);
    assert_eq!(spans("cv00123", &shown), [(Field::Number, 0, 8)]);
    assert_eq!(spans("rafiq 3210", &shown), [(Field::Name, 3, 8), (Field::Phone, 11, 15)]);
}

#[test]
fn phones_numbers_years_and_villages() {
    let resource = patient(
        "Asha Rao",
        r#","birthDate":"1985-03","telecom":[{"system":"phone","value":"098765 43210"}],"identifier":[{"value":"CV-00123"},{"system":"https://healthid.abdm.gov.in","value":"91-1234-5678-9012"},{"value":"asha.rao@abdm"}],"address":[{"city":"Kalyanpur"}]"#,
    );
    let terms = terms(&resource);
    let shown = Shown {
        name: "Asha Rao",
        phones: vec!["098765 43210"],
        numbers: vec!["CV-00123", "91-1234-5678-9012", "asha.rao@abdm"],
        village: Some("Kalyanpur"),
        birth_year: Some(1985),
        ..Shown::default()
    };
    for typed in [
        "9876543210",
        "98765",
        "+91 98765 43210",
        "3210",
        "cv-00123",
        "cv123",
        "123",
        "91123456789012",
        "91-1234-5678",
        "asha.rao@abdm",
        "asha.rao@",
        "kalyan",
        "asha 1985",
        "rao 3210",
        "asha kalyanpur",
        "kalyan asha",
        "asha",
    ] {
        let query = query(typed);
        let expected = typed != "cv123";
        assert_eq!(probed(&terms, &query), expected, "probe of {typed}");
        assert_eq!(judge(&query, &shown).is_some(), expected, "judgement of {typed}");
    }
    for typed in ["5555", "asha 1986", "asha delhi", "ashok", "cv-9"] {
        assert_eq!(judge(&query(typed), &shown), None, "{typed}");
    }
}

#[test]
fn better_matches_come_first() {
    let score = |typed: &str, name: &str| finds(typed, name).unwrap().score;
    assert!(score("lakshmi", "Lakshmi") > score("lakshmi", "Laxmi"));
    assert!(score("lakshmi", "Laxmi") > score("lakshmi", "Lakshminarayan"));
    assert!(score("ram", "Ram Singh") > score("ram", "Ramesh"));
    assert!(score("ram", "Ramesh") > score("ram", "Roma"));
    assert!(score("asha", "Asha Rao") > score("asha", "Rao Asha"));
}

#[test]
fn a_patient_costs_few_terms() {
    let resource = patient(
        "Ramesh Kumar Yadav",
        r#","birthDate":"1985","telecom":[{"value":"9876543210"}],"address":[{"city":"Pune"}]"#,
    );
    let count = terms(&resource).len();
    assert!(count <= 25, "{count}");
}

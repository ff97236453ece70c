use jiff::tz::Offset;
use proptest::prelude::*;

use super::*;
use crate::hl7::ack::{Answer, Code};
use crate::hl7::parse;
use crate::hl7::parse::Mode;

fn message(trigger: &str, rest: &str) -> Message {
    let text = format!("MSH|^~\\&|LAB|CITY|BOX|CLINIC|2026||QBP^{trigger}^QBP_Q21|7|P|2.5\r{rest}\r");
    parse::read(text.replace('\n', "\r").as_bytes(), Mode::Tolerant).unwrap()
}

fn asked(trigger: &str, rest: &str) -> Result<Query, Vec<String>> {
    let message = message(trigger, rest);
    let trigger = Trigger::of(message.header()).unwrap();
    read(&message, trigger).map_err(|all| {
        all.iter()
            .map(|p| {
                format!(
                    "{} {}",
                    p.code.number(),
                    p.place.as_ref().map(ToString::to_string).unwrap_or_default()
                )
            })
            .collect()
    })
}

#[test]
fn people_are_asked_for_by_fields() {
    let query = asked(
        "Q22",
        "QPD|IHE PDQ Query|t1|@PID.5.1.1^PAWAR*~@PID.7^19680314~@PID.8^F~@PID.3.1^88~@PID.3.4.1^CITY|||||^^^A&1.2&ISO\n\
         RCP|I|10^RD",
    )
    .unwrap();
    let Asked::People(people) = query.asked else { panic!("{query:?}") };
    assert_eq!((people.family.as_deref(), people.birth.as_deref()), (Some("PAWAR"), Some("1968-03-14")));
    assert_eq!(people.sex, Some("female"));
    let number = people.number.unwrap();
    assert_eq!((number.value.as_str(), number.authority.unwrap().namespace.as_str()), ("88", "CITY"));
    assert_eq!((query.most, query.domains.len(), query.domains[0].universal.as_str()), (Some(10), 1, "1.2"));
}

#[test]
fn one_number_is_asked_for() {
    let query = asked("Q23", "QPD|IHE PIX Query|t|88^^^CITY&1.2.3&ISO^PI|^^^A~^^^B").unwrap();
    let Asked::Numbers(number) = &query.asked else { panic!("{query:?}") };
    assert_eq!(
        (number.value.as_str(), number.authority.as_ref().unwrap().universal.as_str()),
        ("88", "1.2.3")
    );
    assert_eq!(
        query.domains[1].place.to_string(),
        Place { repetition: 2, ..Place::field("QPD", 1, 4) }.to_string()
    );
    assert_eq!(
        asked("Q11", "QPD|WOS^Work Order Step^IHELAW|t|S-17|C1|1|T1|2|L1").unwrap().asked,
        Asked::Orders("S-17".to_owned())
    );
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let long = "x".repeat(300);
    for (trigger, rest, expected) in [
        ("Q22", "RCP|I".to_owned(), "100 QPD"),
        ("Q22", "QPD|PDQ|t".to_owned(), "101 QPD-3"),
        ("Q22", "QPD||t|@PID.5.1^A".to_owned(), "101 QPD-1"),
        ("Q22", "QPD|PDQ||@PID.5.1^A".to_owned(), "101 QPD-2"),
        ("Q22", "QPD|PDQ|t|@PID.8^F".to_owned(), "101 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.26^IN".to_owned(), "199 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A~@PID.7^19681399".to_owned(), "102 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A~@PID.8^X".to_owned(), "103 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^*A".to_owned(), "199 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A~@PID.5.1^B".to_owned(), "198 QPD-3"),
        ("Q22", format!("QPD|PDQ|t|@PID.5.1^{long}"), "104 QPD-3"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A|Soundex".to_owned(), "199 QPD-4"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A|||||CITY".to_owned(), "101 QPD-8"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A\nRCP|D".to_owned(), "103 RCP-1"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A\nRCP|I|0^RD".to_owned(), "102 RCP-2"),
        ("Q22", "QPD|PDQ|t|@PID.5.1^A\nRCP|I|5^LI".to_owned(), "103 RCP-2"),
        ("Q22", format!("QPD|PDQ|t|@PID.5.1^A\nDSC|{}", "y".repeat(9000)), "104 DSC-1"),
        ("Q11", "QPD|WOS|t|S-17|C1|1|T1|2|L1|X".to_owned(), "199 QPD-9"),
        ("Q11", "QPD|WOS|t||C1|1".to_owned(), "101 QPD-3"),
        ("Q11", "QPD|WOS|t|S-17~S-18".to_owned(), "198 QPD-3"),
        ("Q23", "QPD|PIX|t|88|^^^A|X".to_owned(), "199 QPD-5"),
        ("Q23", "QPD|PIX|t|88".to_owned(), "101 QPD-3"),
        ("Q21", "QPD|Q21|t|^^^CITY".to_owned(), "101 QPD-3"),
        ("Q21", "QPD|Q21|t|1^^^A~2^^^A".to_owned(), "198 QPD-3"),
    ] {
        let told = asked(trigger, &rest).unwrap_err();
        assert!(told.iter().any(|one| one.starts_with(expected)), "{rest}: {told:?} instead of {expected}");
    }
}

fn response<'a>(status: Status, found: &'a str, pointer: Option<&'a str>) -> Response<'a> {
    let answer = Answer {
        code: Code::AA,
        problems: &[],
        control_id: "CV1",
        now: "2026-11-21T06:08:02Z".parse().unwrap(),
        offset: Offset::UTC,
    };
    Response { answer, status, total: Some(3), told: 1, left: Some(2), found, pointer }
}

#[test]
fn a_response_echoes_the_query_and_says_where_to_go_on() {
    let query = message("Q22", "QPD|IHE PDQ Query^x|t\\T\\1|@PID.5.1^P\\S\\A|");
    let bytes = respond(&query, Trigger::Q22, &response(Status::Ok, "PID|1||88\r", Some("p|1")));
    assert_eq!(
        String::from_utf8(bytes).unwrap().replace('\r', "\n"),
        "MSH|^~\\&|BOX|CLINIC|LAB|CITY|20261121060802+0000||RSP^K22^RSP_K21|CV1|P|2.5\nMSA|AA|7\n\
         QAK|t\\T\\1|OK|IHE PDQ Query^x|3|1|2\nQPD|IHE PDQ Query^x|t\\T\\1|@PID.5.1^P\\S\\A|\nPID|1||88\nDSC|p\\F\\1|I\n"
    );
}

#[test]
fn a_response_is_written_in_the_set_of_the_query_or_says_that_it_is_not() {
    let stated = |set: &str| {
        let text = format!("MSH|^~\\&|A|B|C|D|1||QBP^Q22|7|P|2.5||||||{set}\rQPD|PDQ|t|@PID.5.1^A\r");
        parse::read(text.as_bytes(), Mode::Tolerant).unwrap()
    };
    let told =
        |set: &str, found: &str| respond(&stated(set), Trigger::Q22, &response(Status::Ok, found, None));
    assert!(told("8859/1", "PID|é\r").ends_with(b"PID|\xe9\r"));
    let wide = told("8859/1", "PID|लक्ष्मी\r");
    assert!(String::from_utf8(wide).unwrap().lines().next().unwrap().contains("|UNICODE UTF-8\r"));
    let silent = String::from_utf8(told("", "PID|लक्ष्मी\r")).unwrap();
    assert!(silent.contains("|UNICODE UTF-8\r") && silent.contains("लक्ष्मी"), "{silent}");
}

proptest! {
    #[test]
    fn no_query_is_too_strange(rest in "(QPD|RCP|DSC|XXX)[|^~&@A-Z0-9.*]{0,60}(\r(RCP|DSC)[|^A-Z0-9]{0,20})?") {
        for trigger in ["Q11", "Q21", "Q22", "Q23"] {
            let _ = asked(trigger, &rest);
        }
    }
}

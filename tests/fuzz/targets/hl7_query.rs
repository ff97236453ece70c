//! Any query (QBP) that can be read: what it asks is within bounds or refused with places in it, and the response that
//! repeats it reads back with the query's own tag.
#![no_main]

use clinicvault_gateway::hl7::ack::{Answer, Code};
use clinicvault_gateway::hl7::query::{self, Response, Status, Trigger};
use clinicvault_gateway::hl7::{self, Limits, Mode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = hl7::parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None) else { return };
    let Some(trigger) = Trigger::of(message.header()) else { return };
    let asked = query::read(&message, trigger);
    let problems = match &asked {
        Ok(asked) => {
            assert_eq!(asked.trigger, trigger);
            assert!(asked.domains.len() <= 20, "domains are bounded");
            assert!(asked.most != Some(0), "nothing cannot be asked for");
            [].as_slice()
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            problems.as_slice()
        }
    };
    let answer = Answer {
        code: if problems.is_empty() { Code::AA } else { Code::AE },
        problems,
        control_id: "CV1",
        now: jiff::Timestamp::UNIX_EPOCH,
        offset: jiff::tz::Offset::UTC,
    };
    let status = if problems.is_empty() { Status::NotFound } else { Status::Error };
    let response = Response { answer, status, total: Some(0), told: 0, left: Some(0), found: "", pointer: None };
    let told = query::respond(&message, trigger, &response);
    let read = hl7::parse(told, &Limits::default(), Mode::Tolerant, None).expect("a response can be read");
    assert_eq!(read.header().message_type(), "RSP");
    assert!(read.first("MSA").is_some() && read.first("QAK").is_some(), "a response says what it is about");
});

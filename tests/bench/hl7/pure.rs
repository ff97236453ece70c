//! The gateway alone, on one core: no socket, no disk.

use std::hint::black_box;
use std::time::{Duration, Instant};

use clinicvault_gateway::hl7::{self, Limits, Message, Mode, accept};
use clinicvault_gateway::map::{self, MapContext};

use crate::table::Aim::{AtLeast, AtMost};
use crate::table::{Table, median};
use crate::{Scale, corpus};

pub fn all(table: &mut Table, scale: &Scale) {
    let bytes = corpus::oru_about(7, &corpus::Person::apart(7)).into_bytes();
    table.figure("size of the ORU in these rounds", bytes.len() as f64, "bytes");
    let plain = || parse(&bytes);
    table.aimed("parse of that ORU", 1e6 / rate(scale, || drop(black_box(plain()))), "us", AtMost(20.0));
    let context = MapContext {
        zone: jiff::tz::TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).expect("an offset")),
        authorities: Vec::new(),
        maps: Default::default(),
    };
    let message = plain();
    let convert = || {
        let event = accept::check(&message, &accept::Policy::default()).expect("an acceptable message");
        drop(black_box(map::to_transaction(&message, event, &context)));
    };
    table.aimed("conversion of a parsed ORU to FHIR, one core", rate(scale, convert), "/s", AtLeast(5_000.0));
    let wide = corpus::oru_about(7, &corpus::Person::apart(7)) + &"|".repeat(1024 * 1024);
    let began = Instant::now();
    let refused = hl7::parse(wide.into_bytes(), &Limits::default(), Mode::Tolerant, None).is_err();
    assert!(refused, "a megabyte of delimiters is no message");
    table.figure("1 MiB of delimiters refused in", began.elapsed().as_secs_f64() * 1e3, "ms");
}

fn parse(bytes: &[u8]) -> Message {
    hl7::parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None).expect("a message")
}

/// How often something is done in a second: the median of the rounds.
fn rate(scale: &Scale, mut what: impl FnMut()) -> f64 {
    let length = (scale.round / 4).max(Duration::from_millis(100));
    median(
        (0..scale.rounds.max(3))
            .map(|_| {
                let (began, mut count) = (Instant::now(), 0_u32);
                while began.elapsed() < length {
                    what();
                    count += 1;
                }
                f64::from(count) / began.elapsed().as_secs_f64()
            })
            .collect(),
    )
}

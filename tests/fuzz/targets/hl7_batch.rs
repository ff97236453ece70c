//! Any bytes as a file of HL7 v2 messages: every message is found once and in its order, its batches hold them all, and the
//! answer reads as a file with the same batches.
#![no_main]

use clinicvault_gateway::hl7::batch::{self, file::File};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let file = File::read(bytes);
    let mut end = 0;
    for range in &file.messages {
        assert!(range.start >= end && range.end > range.start && range.end <= bytes.len());
        end = range.end;
        let name = bytes[range.clone()].get(..3).map(<[u8]>::to_ascii_uppercase);
        assert_eq!(name.as_deref(), Some(b"MSH".as_slice()));
    }
    let mut next = 0;
    for batch in &file.batches {
        assert_eq!(batch.messages.start, next, "no message is between two batches");
        next = batch.messages.end;
    }
    assert_eq!(next, file.messages.len(), "every message is in a batch");
    let cut = batch::split(bytes);
    assert_eq!(cut.len(), file.messages.len());
    let answers: Vec<Vec<u8>> = file.messages.iter().map(|_| b"MSH|^~\\&|A\rMSA|AA|1\r".to_vec()).collect();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let answer = file.answer(bytes, &answers, "A", now, jiff::tz::Offset::UTC);
    let read = File::read(&answer);
    assert_eq!(read.messages.len(), file.messages.len());
    assert_eq!(read.batches.len(), file.batches.len());
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
});

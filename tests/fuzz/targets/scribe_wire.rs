//! Any bytes as what the transcription worker says, and as what it is told.
#![no_main]

use clinicvault_scribe::wire;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut framed = (bytes.len() as u32).to_le_bytes().to_vec();
    framed.extend_from_slice(bytes);
    for stream in [framed.as_slice(), bytes] {
        if let Ok(Some(answer)) = wire::read_answer(&mut &*stream) {
            let mut again = Vec::new();
            wire::send_answer(&mut again, &answer).expect("what was read can be said");
            let same = wire::read_answer(&mut again.as_slice()).expect("and read");
            assert_eq!(same.map(|same| format!("{same:?}")), Some(format!("{answer:?}")));
        }
        let _ = wire::read_order(&mut &*stream);
    }
});

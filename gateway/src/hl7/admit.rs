//! Whether a channel takes a message of this kind and processing id; known from the header alone.

use super::error::{ErrorCode, Place, Problem};
use super::header::Header;

/// Why a channel does not take a message, both reasons where there are two. Empty lists take everything.
///
/// `kinds` are message types with or without their event (`ORU`, `ADT^A01`), `processing` codes of table 0103. AR 200 for
/// a type that the channel never takes, AR 201 for an event of a type that it takes, AR 202 for a processing id.
pub fn refusals(header: &Header, kinds: &[String], processing: &[String]) -> Vec<Problem> {
    let (kind, event) = (header.message_type(), header.trigger());
    let mut problems = Vec::new();
    let taken = |text: &String| match text.split_once('^') {
        Some((own, trigger)) => own == kind && trigger == event,
        None => *text == kind,
    };
    // A message without a type is somebody else's complaint.
    if !kinds.is_empty() && !kind.is_empty() && !kinds.iter().any(taken) {
        let same = kinds.iter().any(|text| text.split('^').next() == Some(kind.as_str()));
        let code = if same { ErrorCode::EventCode } else { ErrorCode::MessageType };
        let reason = format!("This channel takes only {}.", kinds.join(", "));
        problems.push(Problem::reject(code, Some(Place::field("MSH", 1, 9)), reason));
    }
    let id = String::from_utf8_lossy(header.component(11, 1).trim_ascii()).into_owned();
    if !processing.is_empty() && !processing.contains(&id) {
        let reason =
            format!("This channel takes only messages with the processing id {}.", processing.join(", "));
        problems.push(Problem::reject(ErrorCode::ProcessingId, Some(Place::field("MSH", 1, 11)), reason));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_takes_what_its_lists_name() {
        let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        for (kind, id, kinds, processing, expected) in [
            ("ORU^R01", "P", vec![], vec![], vec![]),
            ("ORU^R01", "P", vec!["ORU"], vec!["P"], vec![]),
            ("ORU^R01", "P", vec!["ADT", "ORU^R01"], vec!["D", "P"], vec![]),
            ("ORU^R30", "P", vec!["ORU^R01"], vec![], vec!["201"]),
            ("ADT^A01", "P", vec!["ORU"], vec![], vec!["200"]),
            ("ADT^A01", "T", vec![], vec!["P"], vec!["202"]),
            ("ADT^A01", "", vec!["ORU"], vec!["P"], vec!["200", "202"]),
            ("", "P", vec!["ORU"], vec![], vec![]),
        ] {
            let header =
                Header::find(format!("MSH|^~\\&|A|B|C|D|2026||{kind}|1|{id}|2.5").as_bytes()).unwrap();
            let found = refusals(&header, &list(&kinds), &list(&processing));
            let codes: Vec<&str> = found.iter().map(|p| p.code.number()).collect();
            assert_eq!(codes, expected, "{kind} {id} {kinds:?} {processing:?}");
        }
    }
}

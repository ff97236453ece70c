//! HL7 messages that reach the demo clinic over the wire.
//!
//! Owns their text: results that find their patient by clinic number, an update from the old desk program, one result
//! whose patient nobody can tell (it waits for a person), and one that cannot be read (it is refused and kept). They
//! are sent through the real inbox by `install`.

use jiff::ToSpan;
use jiff::civil::Date;

use super::patient;
use super::people::PEOPLE;

/// One message in the order of its arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arriving {
    /// Bytes of one frame, without its envelope.
    pub bytes: Vec<u8>,
    /// What should become of it, for the tests.
    pub outcome: Outcome,
}

/// What should become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored in the patient's record.
    Applied,
    /// Waits for a person to say whose it is.
    Held,
    /// Cannot be read; the sender was told.
    Refused,
}

/// The messages as they arrive on `today`, about samples of the day before.
#[must_use]
pub fn messages(today: Date) -> Vec<Arriving> {
    let day = today.checked_sub(1.days()).unwrap_or(today).strftime("%Y%m%d").to_string();
    let born = |number| {
        let person = PEOPLE.iter().find(|person| person.number == number);
        person.map_or_else(String::new, |person| patient::birth(person.born, today).1.replace('-', ""))
    };
    let places =
        [("{day}", day), ("{joseph}", born(5003)), ("{subhash}", born(5640)), ("{suman}", born(3148))];
    let of = |segments: &[&str], outcome| {
        let lines = segments.iter().map(|segment| {
            places.iter().fold((*segment).to_owned(), |text, (name, value)| text.replace(name, value)) + "\r"
        });
        Arriving { bytes: lines.collect::<String>().into_bytes(), outcome }
    };
    vec![
        of(UPDATE, Outcome::Applied),
        of(RENAL, Outcome::Applied),
        of(HBA1C, Outcome::Applied),
        of(UNREADABLE, Outcome::Refused),
        of(WHOSE, Outcome::Held),
    ]
}

/// The old desk program knows patients by the clinic's own numbers.
const UPDATE: &[&str] = &[
    "MSH|^~\\&|OLDDESK|NANDINI|CLINICVAULT|NANDINI|{day}093100+0530||ADT^A08^ADT_A01|OD{day}0931|P|2.5.1",
    "EVN||{day}093100+0530",
    "PID|1||NC-005003^^^&urn:clinicvault:patient-number&URI^MR||D'SOUZA^JOSEPH||{joseph}|M|||^^SHRIRAMPUR^MH^^IN||^PRN^CP^^91^^7000054410",
    "PV1|1|O",
];

const RENAL: &[&str] = &[
    "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|{day}101200+0530||ORU^R01^ORU_R01|CP{day}0398|P|2.5.1",
    "PID|1||NC-005640^^^&urn:clinicvault:patient-number&URI^MR||BANDYOPADHYAY^SUBHASH CHANDRA||{subhash}|M",
    "OBR|1|ORD-2274|CP-88097|RFT^Renal function^99CP|||{day}081000+0530|||||||||||||||{day}101000+0530||LAB|F",
    "OBX|1|NM|2160-0^Creatinine^LN||2.4|mg/dL|0.7-1.3|H|||F|||{day}081000+0530",
    "OBX|2|NM|2823-3^Potassium^LN||5.4|mmol/L|3.5-5.1|H|||F|||{day}081000+0530",
    "OBX|3|NM|2951-2^Sodium^LN||137|mmol/L|135-145|N|||F|||{day}081000+0530",
];

const HBA1C: &[&str] = &[
    "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|{day}105100+0530||ORU^R01^ORU_R01|CP{day}0402|P|2.5.1",
    "PID|1||NC-003148^^^&urn:clinicvault:patient-number&URI^MR||WAGHMARE^SUMAN ARUN||{suman}|F",
    "OBR|1|ORD-2280|CP-88104|A1C^HbA1c^99CP|||{day}084000+0530|||||||||||||||{day}104900+0530||LAB|F",
    "OBX|1|NM|4548-4^HbA1c^LN||6.8|%|4.0-5.6|H|||F|||{day}084000+0530",
];

/// A field separator that is none: the header ends before the message type.
const UNREADABLE: &[&str] =
    &["MSH|^~\\&|ANALYSER1|LAB|CLINICVAULT|NANDINI|{day}104000+0530", "OBX|1|NM|GLU||||"];

/// Only the laboratory's own number, initials and a year: it may be Ganpat Rao Thorat, and a person must say so.
const WHOSE: &[&str] = &[
    "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|{day}113802+0530||ORU^R01^ORU_R01|CP{day}0417|P|2.5.1",
    "PID|1||88120^^^CITYPATH^PI||THORAT^G R||1954|M|||^^NIMGAON",
    "OBR|1|ORD-2291|CP-88120|RFT^Renal function^99CP|||{day}081500+0530|||||||||||||||{day}113700+0530||LAB|F",
    "OBX|1|NM|2823-3^Potassium^LN||6.3|mmol/L|3.5-5.1|HH|||F|||{day}081500+0530",
    "OBX|2|NM|2951-2^Sodium^LN||138|mmol/L|136-145|N|||F|||{day}081500+0530",
    "OBX|3|NM|2160-0^Creatinine^LN||1.6|mg/dL|0.7-1.3|H|||F|||{day}081500+0530",
    "OBX|4|NM|1558-6^Glucose fasting^LN||164|mg/dL|70-100|H|||F|||{day}081500+0530",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_says_when_it_was_reported_where_the_standard_has_it() {
        for arriving in messages(Date::constant(2026, 11, 21)) {
            let text = String::from_utf8(arriving.bytes).unwrap();
            for order in text.split('\r').filter(|segment| segment.starts_with("OBR|")) {
                let fields: Vec<&str> = order.split('|').collect();
                assert!(fields[21].is_empty() && fields[22].starts_with("20261120"), "{order}");
                assert_eq!((fields[24], fields[25]), ("LAB", "F"), "{order}");
            }
        }
    }

    #[test]
    fn the_readable_ones_are_read_and_the_other_is_not() {
        for arriving in messages(Date::constant(2026, 11, 21)) {
            let text = String::from_utf8(arriving.bytes.clone()).unwrap();
            assert!(!text.contains('{'), "{text}");
            assert_eq!(
                text.contains("ORU^R01") || text.contains("ADT^A08"),
                arriving.outcome != Outcome::Refused
            );
        }
    }
}

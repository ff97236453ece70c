//! Writing records, and the answer to a host query: the open orders of a sample.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::hl7::charset::Charset;
use crate::hl7::{Delimiters, escape};

/// The delimiters that LIS2-A2 recommends: `|\^&`.
pub const DELIMITERS: Delimiters = Delimiters {
    field: b'|',
    component: Some(b'^'),
    repetition: Some(b'\\'),
    escape: Some(b'&'),
    subcomponent: None,
    truncation: None,
};

/// What a field holds. Texts are escaped when they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// One text.
    Text(String),
    /// Components.
    Components(Vec<String>),
    /// Repeats of components.
    Repeats(Vec<Vec<String>>),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Writes records with one set of delimiters and one character set.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    delimiters: Delimiters,
    charset: Charset,
}

impl Writer {
    /// A writer that speaks as a peer does.
    pub fn new(delimiters: Delimiters, charset: Charset) -> Self {
        Self { delimiters, charset }
    }

    /// A record without its CR. `fields` begin with the second one; empty ones at the end are left out.
    pub fn record(&self, kind: char, fields: &[Field]) -> Vec<u8> {
        let separator = char::from(self.delimiters.field);
        let mut text = String::from(kind);
        for field in fields {
            text.push(separator);
            text.push_str(&self.field(field));
        }
        let kept = text.trim_end_matches(separator).len();
        text.truncate(kept.max(1));
        self.bytes(&text)
    }

    /// A header record: its second field declares the delimiters. `fields` begin with the third one.
    pub fn header(&self, fields: &[Field]) -> Vec<u8> {
        let d = &self.delimiters;
        let mut out = vec![b'H', d.field];
        out.extend([d.repetition, d.component, d.escape].into_iter().flatten());
        let rest = self.record(' ', fields);
        out.extend_from_slice(rest.get(1..).unwrap_or_default());
        out
    }

    fn field(&self, field: &Field) -> String {
        let joined = |parts: &[String]| {
            let escaped: Vec<String> = parts.iter().map(|p| self.escaped(p)).collect();
            let mark = self.delimiters.component.map_or(String::from(" "), |b| char::from(b).to_string());
            escaped.join(&mark)
        };
        match field {
            Field::Text(text) => self.escaped(text),
            Field::Components(parts) => joined(parts),
            Field::Repeats(repeats) => {
                let all: Vec<String> = repeats.iter().map(|r| joined(r)).collect();
                let mark =
                    self.delimiters.repetition.map_or(String::from(" "), |b| char::from(b).to_string());
                all.join(&mark)
            }
        }
    }

    /// Without an escape character a delimiter in a text can only be left out.
    fn escaped(&self, text: &str) -> String {
        let d = &self.delimiters;
        if d.escape.is_some() {
            return escape::encode(text, d);
        }
        let mark = |c: char| {
            [Some(d.field), d.repetition, d.component].into_iter().flatten().any(|b| char::from(b) == c)
        };
        text.chars().map(|c| if mark(c) || c.is_control() { ' ' } else { c }).collect()
    }

    fn bytes(&self, text: &str) -> Vec<u8> {
        if let Some(bytes) = self.charset.encode(text) {
            return bytes.into_owned();
        }
        let one = |c: char| {
            let mut buffer = [0; 4];
            self.charset.encode(c.encode_utf8(&mut buffer)).map_or(vec![b'?'], |b| b.into_owned())
        };
        text.chars().flat_map(one).collect()
    }
}

/// An open order of a sample.
#[derive(Clone, PartialEq, Eq)]
pub struct Order {
    /// The number on the tube.
    pub sample: String,
    /// The analyser's own codes of the tests.
    pub tests: Vec<String>,
    /// `S` at once, `A` soon, `R` routine.
    pub priority: char,
    /// When the sample was taken.
    pub collected: Option<Timestamp>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Order({} tests)", self.tests.len())
    }
}

/// Whose sample it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// The clinic's number.
    pub number: String,
    /// Family and given name; empty when the analyser is not to know.
    pub name: (String, String),
    /// `YYYYMMDD`.
    pub birth: String,
    /// `M`, `F` or `U`.
    pub sex: Option<char>,
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Patient")
    }
}

/// Why a question is not answered with orders (LIS2-A2, 13.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOrders {
    /// `I`: nothing is ordered for what was asked.
    NoInformation,
    /// `Q`: the question cannot be answered as it was asked.
    Unanswerable,
}

/// The records of the answer to a host query: H, P and O for each patient, L. Without orders the L record says why.
pub fn answer(
    writer: &Writer,
    host: &str,
    receiver: &str,
    patients: Result<&[(Patient, Vec<Order>)], NoOrders>,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<Vec<u8>> {
    let patients = match patients {
        Ok([]) => Err(NoOrders::NoInformation),
        other => other,
    };
    let empty = || Field::from("");
    let time = |at: Timestamp| Field::Text(zone.to_datetime(at).strftime("%Y%m%d%H%M%S").to_string());
    let mut header = vec![empty(), empty(), Field::from(host), empty(), empty(), empty(), empty()];
    header.extend([Field::from(receiver), empty(), Field::from("P"), Field::from("LIS2-A2"), time(now)]);
    let mut records = vec![writer.header(&header)];
    for (at, (patient, orders)) in patients.unwrap_or_default().iter().enumerate() {
        let mut p =
            vec![Field::Text((at + 1).to_string()), Field::from(patient.number.as_str()), empty(), empty()];
        let (family, given) = &patient.name;
        p.push(if family.is_empty() && given.is_empty() {
            empty()
        } else {
            Field::Components(vec![family.clone(), given.clone()])
        });
        p.extend([empty(), Field::from(patient.birth.as_str())]);
        p.push(patient.sex.map_or(empty(), |sex| Field::Text(sex.to_string())));
        records.push(writer.record('P', &p));
        for (at, order) in orders.iter().enumerate() {
            let tests =
                order.tests.iter().map(|t| vec![String::new(), String::new(), String::new(), t.clone()]);
            let mut o = vec![Field::Text((at + 1).to_string()), Field::from(order.sample.as_str()), empty()];
            o.extend([Field::Repeats(tests.collect()), Field::Text(order.priority.to_string()), empty()]);
            o.push(order.collected.map_or(empty(), time));
            // 12: an order for a sample that is there; 26: an order record.
            o.extend(std::iter::repeat_n(empty(), 3));
            o.push(Field::from("N"));
            o.extend(std::iter::repeat_n(empty(), 13));
            o.push(Field::from("O"));
            records.push(writer.record('O', &o));
        }
    }
    let end = match patients {
        Ok(_) => "N",
        Err(NoOrders::NoInformation) => "I",
        Err(NoOrders::Unanswerable) => "Q",
    };
    records.push(writer.record('L', &[Field::from("1"), Field::from(end)]));
    records
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::message::{Limits, Message};
    use super::*;

    fn read(records: &[Vec<u8>]) -> Message {
        Message::parse(records.join(&b'\r'), &Limits::default(), None).unwrap()
    }

    #[test]
    fn a_query_is_answered_with_the_open_orders() {
        let writer = Writer::new(DELIMITERS, Charset::UTF8);
        let at: Timestamp = "2026-11-22T04:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let patient = Patient {
            number: "NC-1".into(),
            name: ("PAWAR".into(), "LAKSHMI".into()),
            birth: "19680314".into(),
            sex: Some('F'),
        };
        let order = Order {
            sample: "S|1".into(),
            tests: vec!["K".into(), "Na".into()],
            priority: 'S',
            collected: Some(at),
        };
        let records = answer(&writer, "CLINICVAULT", "Meter", Ok(&[(patient, vec![order])]), at, &zone);
        let text: Vec<String> = records.iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect();
        assert_eq!(
            text,
            [
                "H|\\^&|||CLINICVAULT|||||Meter||P|LIS2-A2|20261122100000",
                "P|1|NC-1|||PAWAR^LAKSHMI||19680314|F",
                "O|1|S&F&1||^^^K\\^^^Na|S||20261122100000||||N||||||||||||||O",
                "L|1|N",
            ]
        );
        let m = read(&records);
        let o = m.records().nth(2).unwrap();
        assert_eq!(
            (o.field(3).text(), o.field(12).text(), o.field(26).text()),
            ("S|1".into(), "N".into(), "O".into())
        );
        for (nothing, end) in [
            (Ok(&[][..]), "L|1|I"),
            (Err(NoOrders::NoInformation), "L|1|I"),
            (Err(NoOrders::Unanswerable), "L|1|Q"),
        ] {
            let none = answer(&writer, "CLINICVAULT", "Meter", nothing, at, &zone);
            assert_eq!((none.len(), none.last().unwrap().as_slice()), (2, end.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            texts in proptest::collection::vec("[ -~\u{900}-\u{930}]{0,12}", 1..6),
            (field, repetition, component, escape) in prop_oneof![
                Just((b'|', b'\\', b'^', b'&')), Just((b'|', b'@', b'^', b'\\')), Just((b'!', b'~', b'*', b'%'))],
        ) {
            let d = Delimiters { field, repetition: Some(repetition), component: Some(component), escape: Some(escape), ..DELIMITERS };
            let writer = Writer::new(d, Charset::UTF8);
            let record = writer.record('R', &[Field::from("1"), Field::Components(texts.clone()), Field::Repeats(vec![texts.clone(), texts.clone()])]);
            let m = read(&[writer.header(&[]), record]);
            let r = m.records().nth(1).unwrap();
            let cut = |p: super::super::record::Piece<'_>| p.components().map(|c| c.text()).collect::<Vec<_>>();
            let wanted: Vec<String> = texts.iter().map(|t| t.trim().to_owned()).collect();
            prop_assert_eq!(cut(r.field(3)), wanted.clone());
            for repeat in r.field(4).repeats() {
                prop_assert_eq!(cut(repeat), wanted.clone());
            }
        }
    }
}

//! The messages of a file: HL7 v2 or an analyser's, whichever it holds, mapped to FHIR.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use clinicvault_gateway::astm::{self, Capture, capture};
use clinicvault_gateway::hl7::accept::{self, Policy};
use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, Event, START};
use clinicvault_gateway::hl7::{self, Limits, Mode, batch};
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::analyser;
use clinicvault_gateway::map::clinic::Maps;
use clinicvault_gateway::map::meaning::Row;
use clinicvault_gateway::map::{self, MapContext, MappingReport};
use jiff::tz::TimeZone;

/// Largest file that is read, bytes.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// One thing in a file.
pub enum Found {
    Message(Box<Mapped>),
    /// Text of an analyser that nothing vouches for.
    Printout(String),
    /// No message, or one that a box would refuse, and why.
    Refused(String),
}

/// A message as FHIR.
pub struct Mapped {
    pub title: String,
    pub bundle: Value,
    pub report: MappingReport,
    pub rows: Vec<Row>,
}

/// Everything in a file.
pub fn file(file: &Path, zone: &TimeZone, sample: u16, maps: &Maps) -> anyhow::Result<Vec<Found>> {
    let context = analyser::Context { sample, ..analyser::Context::plain(zone.clone()) };
    Ok(messages(bytes(file)?, &context, maps))
}

/// The bytes of a file.
pub fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shown = file.display();
    let limit = MOST_BYTES + 1;
    if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes).context("cannot read stdin")?;
    } else {
        let file = std::fs::File::open(file).with_context(|| format!("{shown} cannot be read"))?;
        file.take(limit).read_to_end(&mut bytes).with_context(|| format!("{shown} cannot be read"))?;
    }
    anyhow::ensure!(bytes.len() as u64 <= MOST_BYTES, "{shown} is longer than {MOST_BYTES} bytes");
    Ok(bytes)
}

/// The payloads of MLLP frames, or the whole where there are none.
pub fn frames(bytes: Vec<u8>) -> Vec<Result<Vec<u8>, String>> {
    if bytes.trim_ascii_start().first() != Some(&START) {
        return vec![Ok(bytes)];
    }
    let mut decoder = Decoder::new(Bounds::default());
    let mut rest = bytes.as_slice();
    let mut events: Vec<Event> = std::iter::from_fn(|| decoder.take(&mut rest)).collect();
    events.extend(decoder.pause());
    let payload = |event| match event {
        Event::Frame(payload) => Ok(payload),
        Event::Fault(fault) => Err(fault.to_string()),
    };
    events.into_iter().map(payload).collect()
}

fn messages(bytes: Vec<u8>, context: &analyser::Context, maps: &Maps) -> Vec<Found> {
    if capture::looks_like(&bytes) {
        return analysers(&bytes, context);
    }
    let mut found = Vec::new();
    for frame in frames(bytes) {
        match frame {
            Err(fault) => found.push(Found::Refused(fault)),
            Ok(frame) => {
                let ranges = batch::split(&frame);
                if ranges.is_empty() {
                    found.push(one(frame, context, maps));
                    continue;
                }
                for range in ranges {
                    found.push(one(frame.get(range).unwrap_or_default().to_vec(), context, maps));
                }
            }
        }
    }
    found
}

fn one(bytes: Vec<u8>, context: &analyser::Context, maps: &Maps) -> Found {
    let message = match hl7::parse(bytes, &Limits::default(), Mode::Tolerant, None) {
        Ok(message) => message,
        Err(problem) => return Found::Refused(problem.reason),
    };
    let event = match accept::check(&message, &Policy::default()) {
        Ok(event) => event,
        Err(problems) => {
            let all: Vec<String> = problems.iter().map(|problem| problem.reason.clone()).collect();
            return Found::Refused(all.join(" "));
        }
    };
    let header = message.header();
    let title = format!("{}^{} from {}", header.message_type(), header.trigger(), map::sender(header));
    let context = MapContext { zone: context.zone.clone(), authorities: Vec::new(), maps: maps.clone() };
    let mapped = map::to_transaction(&message, event, &context);
    let (bundle, report, rows) = (mapped.bundle, mapped.report, mapped.meaning);
    Found::Message(Box::new(Mapped { title, bundle, report, rows }))
}

fn analysers(bytes: &[u8], context: &analyser::Context) -> Vec<Found> {
    let limits = astm::Limits::default();
    let records = match capture::read(bytes, limits.bytes) {
        Err(fault) => return vec![Found::Refused(fault.to_string())],
        Ok(Capture::Printout(text)) => {
            return vec![Found::Printout(String::from_utf8_lossy(&text).trim().to_owned())];
        }
        Ok(Capture::Records(records)) => records,
    };
    let count = records.parts.len();
    let named = |(at, part): (usize, astm::Part)| {
        let message = match astm::Message::parse(part.bytes, &limits, None) {
            Ok(message) => message,
            Err(refusal) => return Found::Refused(refusal.to_string()),
        };
        let sender = message.header().field(5).component(1).text();
        let mut title = format!("Analyser's records from {sender}");
        if count > 1 {
            title.push_str(&format!(", part {} of {count}", at + 1));
        }
        if !records.checked {
            title.push_str(", verified by no checksum");
        }
        if records.out_of_turn > 0 {
            title.push_str(&format!(", {} frames out of turn", records.out_of_turn));
        }
        let mapped = analyser::to_transaction(&message, context);
        let (bundle, report, rows) = (mapped.bundle, mapped.report, mapped.meaning);
        Found::Message(Box::new(Mapped { title, bundle, report, rows }))
    };
    records.parts.into_iter().enumerate().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Found> {
        messages(bytes.to_vec(), &analyser::Context::plain(TimeZone::UTC), &Maps::default())
    }

    const ORU: &str = "MSH|^~\\&|LAB|CITY|CV|BOX|20261122||ORU^R01^ORU_R01|1|P|2.5.1\rPID|1||7^^^CITY^MR||DOE^J\r\
        OBR|1||F1|K^Potassium^LN|||20261122\rOBX|1|NM|2823-3^K^LN||5.9|mmol/L|||||F\r";
    const ASTM: &str = "H|\\^&|||Meter\rP|1|7\rO|1|S-1\rR|1|^^^K|5.9|mmol/L||H||F\rL|1|N\r";

    #[test]
    fn what_a_file_holds_is_found_by_its_content() {
        let framed = [&b"\x0b"[..], ORU.as_bytes(), b"\x1c\r\x0b", ORU.as_bytes(), b"\x1c\r"].concat();
        let twice = format!("{ASTM}{ASTM}");
        for (bytes, messages) in [
            (ORU.as_bytes(), 1),
            (ORU.replace('\r', "\n").as_bytes(), 1),
            (format!("{ORU}{ORU}").as_bytes(), 2),
            (&framed, 2),
            (ASTM.as_bytes(), 1),
            (twice.replace('\r', "\r\n").as_bytes(), 2),
        ] {
            let found = read(bytes);
            assert_eq!(found.len(), messages);
            for one in found {
                let Found::Message(mapped) = one else { panic!("{:?}", String::from_utf8_lossy(bytes)) };
                let kinds: Vec<&str> = mapped
                    .bundle
                    .items("entry")
                    .iter()
                    .filter_map(|e| e.get("resource")?.str("resourceType"))
                    .collect();
                assert!(kinds.contains(&"Observation"), "{kinds:?}");
                assert!(!mapped.rows.is_empty() && mapped.report.used > 0);
            }
        }
    }

    #[test]
    fn what_is_no_message_is_refused_and_a_print_out_is_shown() {
        for bytes in [
            &b""[..],
            b"hello",
            b"\x0bMSH|",
            b"\x021H|\\^&\r\x0300\r\n",
            b"MSH|^~\\&|A|B|||||ZZZ^Z01|1|P|2.5\r",
        ] {
            assert!(matches!(read(bytes)[..], [Found::Refused(_)]), "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(matches!(&read(b"\x02Na 131\x03\n")[..], [Found::Printout(text)] if text == "Na 131"));
    }
}

//! A stored row of an analyser, read back and mapped by what was known when it came.

use std::collections::BTreeSet;

use clinicvault_gateway::astm;
use clinicvault_gateway::hl7;
use clinicvault_gateway::hl7::charset::Charset;
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::analyser::{self, Context, TestCode, printout};
use jiff::Timestamp;

use crate::exchange::Exchange;
use crate::exchange::apply::Opened;
use crate::exchange::row::{Facts, LineFacts};

/// What a row holds.
pub(in crate::exchange) enum Received {
    /// A message of HL7 v2.
    Hl7(Box<hl7::Message>),
    /// An analyser's records.
    Records(Box<astm::Message>),
    /// The text that an analyser printed.
    Printout(String),
    /// A FHIR message.
    Fhir(Box<Value>),
}

/// What the records of an analyser say besides the bundle.
#[derive(Debug, Clone, Default)]
pub(in crate::exchange) struct Sense {
    /// Sample numbers, in order.
    pub samples: Vec<String>,
    /// Results of quality control: nobody's.
    pub control: bool,
    /// Entries of the bundle that are not written.
    pub skip: BTreeSet<usize>,
}

impl Exchange {
    /// Reads the row of an analyser that came at `at`. `None` when its records can no longer be read.
    pub(in crate::exchange) fn open_line(
        &self,
        facts: Facts,
        line: &LineFacts,
        bytes: Vec<u8>,
        at: Timestamp,
    ) -> Option<Opened> {
        let encoding = line.charset.as_deref().and_then(astm::message::encoding);
        let zone = &self.rules().map.zone;
        if line.printout {
            let charset = Charset::choose(b"", &bytes, encoding).unwrap_or(Charset::UTF8);
            let text = printout::text(&bytes, charset);
            let mapped = printout::document(&text, &facts.sender, at, zone).into_result();
            let (message, sense) = (Received::Printout(text), Sense::default());
            return Some(Opened { facts, message, mapped, sense, desk: None });
        }
        let message = astm::Message::parse(bytes, &astm::Limits::default(), encoding).ok()?;
        let context = Context {
            analyser: Some(facts.sender.clone()),
            sample: line.sample,
            codes: line.codes.iter().map(TestCode::from).collect(),
            received: Some(at),
            ..Context::plain(zone.clone())
        };
        let mapped = analyser::to_transaction(&message, &context);
        let sense =
            Sense { samples: mapped.samples.clone(), control: mapped.quality_control, skip: BTreeSet::new() };
        let message = Received::Records(Box::new(message));
        Some(Opened { facts, message, mapped: mapped.into_result(), sense, desk: None })
    }
}

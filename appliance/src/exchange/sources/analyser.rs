//! A laboratory analyser that belongs to a channel: its part of the document, and how its line is kept.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use clinicvault_gateway::astm::line::{Numbers, Role};
use clinicvault_gateway::astm::{Settings, message};
use clinicvault_gateway::map::analyser::TestCode;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use utoipa::ToSchema;

use super::net::Network;
use crate::exchange::lines::serial::{self, Flow, Parity, Setting};
use crate::exchange::lines::{Analyser, Door, Lines, News, tcp};

/// Most codes of a table.
const MOST_CODES: usize = 1_000;
/// Longest code, system or display in characters.
const LONGEST_TEXT: usize = 200;
/// Speeds of the ports in use.
const SPEEDS: [u32; 9] = [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200, 230_400];

/// A laboratory analyser (LIS1-A, formerly ASTM E1381, with records of LIS2-A2, formerly ASTM E1394), or one that only
/// prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnalyserSource {
    /// Its name in the record and on the message screen; without one, the channel's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub analyser: Option<String>,
    /// Where its line ends.
    pub line: LineSource,
    /// What it speaks.
    #[serde(default)]
    pub speaks: Speaks,
    /// Frames without ENQ before them are taken as a session.
    #[serde(default)]
    pub unannounced: bool,
    /// Frame numbers out of turn are taken and noted: some analysers number only some of their frames.
    #[serde(default)]
    pub loose_numbers: bool,
    /// The component of O-3 that holds the sample number.
    #[serde(default = "first")]
    #[schema(minimum = 1, maximum = 20)]
    pub sample: u16,
    /// The component of Q-3 that holds it.
    #[serde(default = "second")]
    #[schema(minimum = 1, maximum = 20)]
    pub query_sample: u16,
    /// An order is found by its sample number for so many days: sample numbers begin anew.
    #[serde(default = "days")]
    #[schema(minimum = 1, maximum = 365)]
    pub days: u16,
    /// Its questions are answered with the open orders.
    #[serde(default = "yes")]
    pub queries: bool,
    /// The answers name the patient; without it they say number, birth and sex.
    #[serde(default)]
    pub names: bool,
    /// Its character set, such as `windows-1252`; without one the bytes decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// What its test codes mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000)]
    pub codes: Vec<Meaning>,
}

/// What an analyser speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Speaks {
    /// Frames with checksums, and records in them.
    #[default]
    Records,
    /// It prints: text that nothing vouches for; a person reads it.
    Printout,
}

/// Where a line ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum LineSource {
    /// The analyser connects to the box.
    Listen {
        /// Address and port; port 0 takes a free one.
        #[schema(value_type = String)]
        address: SocketAddr,
        /// Addresses and networks that may connect; the box itself always may.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schema(value_type = Vec<String>, max_items = 200)]
        allow: Vec<Network>,
    },
    /// The box connects, to the analyser or to a terminal server.
    Connect {
        /// Host and port.
        to: String,
    },
    /// A serial port.
    Serial {
        /// Its path, such as `/dev/ttyUSB0`; `/dev/serial/by-id/…` stays the same when converters are plugged anew.
        #[schema(value_type = String)]
        device: PathBuf,
        /// Bits per second.
        #[serde(default = "baud")]
        baud: u32,
        /// Bits of a character.
        #[serde(default = "eight")]
        #[schema(minimum = 7, maximum = 8)]
        data_bits: u8,
        /// Check bit.
        #[serde(default)]
        parity: Parity,
        /// Stop bits.
        #[serde(default = "one")]
        #[schema(minimum = 1, maximum = 2)]
        stop_bits: u8,
        /// Flow control.
        #[serde(default)]
        flow: Flow,
    },
}

/// What one test code of an analyser means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Meaning {
    /// As the analyser sends it, empty components at both ends left out: `WBC`, `685/`.
    pub local: String,
    /// The code system.
    #[serde(default = "loinc")]
    pub system: String,
    /// The code there.
    pub code: String,
    /// Its display.
    #[serde(default)]
    pub display: String,
}

fn first() -> u16 {
    1
}
fn second() -> u16 {
    2
}
fn days() -> u16 {
    7
}
fn yes() -> bool {
    true
}
fn baud() -> u32 {
    9_600
}
fn eight() -> u8 {
    8
}
fn one() -> u8 {
    1
}
fn loinc() -> String {
    "http://loinc.org".to_owned()
}

impl AnalyserSource {
    /// What is wrong with it: place and what would be right.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let mut need = |right: bool, place: &str, why: &str| {
            if !right {
                all.push((format!("source.{place}"), why.to_owned()));
            }
        };
        let short = |text: &str| text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        let name = self.analyser.as_deref().unwrap_or("a");
        need(
            short(name) && !name.trim().is_empty(),
            "analyser",
            "A name is one line of 1 to 200 characters.",
        );
        need((1..=20).contains(&self.sample), "sample", "A component is a number from 1 to 20.");
        need((1..=20).contains(&self.query_sample), "querySample", "A component is a number from 1 to 20.");
        need((1..=365).contains(&self.days), "days", "From 1 to 365 days.");
        let known = self.charset.as_deref().is_none_or(|name| message::encoding(name).is_some());
        need(known, "charset", "Name a character set that holds ASCII, such as windows-1252 or UTF-8.");
        need(self.codes.len() <= MOST_CODES, "codes", "At most 1000 codes.");
        match &self.line {
            LineSource::Listen { allow, .. } => {
                need(allow.len() <= 200, "line.allow", "At most 200 addresses and networks.");
            }
            LineSource::Connect { to } => {
                let right = to.rsplit_once(':').is_some_and(|(host, port)| {
                    !host.is_empty() && host.len() <= 255 && port.parse::<u16>().is_ok_and(|port| port > 0)
                });
                need(right && short(to), "line.to", "Write host and port, such as 192.168.4.9:4001.");
            }
            LineSource::Serial { device, baud, data_bits, stop_bits, .. } => {
                need(
                    device.is_absolute(),
                    "line.device",
                    "Write the whole path of the port, such as /dev/ttyUSB0.",
                );
                need(
                    SPEEDS.contains(baud),
                    "line.baud",
                    "A speed from 1200 to 230400 that ports have, such as 9600.",
                );
                need((7..=8).contains(data_bits), "line.dataBits", "7 or 8 bits.");
                need((1..=2).contains(stop_bits), "line.stopBits", "1 or 2 stop bits.");
            }
        }
        for (n, code) in self.codes.iter().enumerate() {
            let filled = [&code.local, &code.system, &code.code].iter().all(|text| !text.trim().is_empty());
            let right =
                filled && [&code.local, &code.system, &code.code, &code.display].iter().all(|t| short(t));
            need(
                right,
                &format!("codes[{n}]"),
                "A code has local, system and code, each of at most 200 characters.",
            );
        }
        all
    }

    /// The analyser, for a channel of this name.
    pub fn analyser(&self, channel: &str) -> Analyser {
        let speech = Settings {
            role: Role::Host,
            numbers: if self.loose_numbers { Numbers::Loose } else { Numbers::Strict },
            unannounced: self.unannounced,
            ..Settings::default()
        };
        let codes = self.codes.iter().map(|code| TestCode {
            local: code.local.clone(),
            system: code.system.clone(),
            code: code.code.clone(),
            display: if code.display.is_empty() { code.code.clone() } else { code.display.clone() },
        });
        Analyser {
            name: self.analyser.clone().unwrap_or_else(|| channel.to_owned()),
            channel: channel.to_owned(),
            speech: (self.speaks == Speaks::Records).then_some(speech),
            sample: self.sample,
            query_sample: self.query_sample,
            days: self.days,
            charset: self.charset.clone(),
            codes: codes.collect(),
            queries: self.queries,
            names: self.names,
        }
    }
}

/// Keeps the line of an analyser until `stop`. What goes wrong on it is told and tried again.
///
/// # Errors
/// When a listener cannot have its address: a sentence for a person, which says what to do.
pub async fn run(
    source: AnalyserSource,
    channel: &str,
    door: Door,
    tell: Arc<dyn Fn(News) + Send + Sync>,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let lines = Lines { analyser: Arc::new(source.analyser(channel)), door, tell };
    match source.line {
        LineSource::Listen { address, allow } => {
            let listener = TcpListener::bind(address).await.map_err(|error| {
                anyhow::anyhow!(
                    "cannot listen on {address}: {error}; give the channel another address, or stop what uses this one"
                )
            })?;
            let may =
                move |peer: IpAddr| peer.is_loopback() || allow.iter().any(|network| network.holds(peer));
            tcp::listen(listener, may, lines, stop).await;
        }
        LineSource::Connect { to } => tcp::connect(&to, lines, stop).await,
        LineSource::Serial { device, baud, data_bits, parity, stop_bits, flow } => {
            let setting = Setting { baud, data_bits, parity, stop_bits, flow };
            serial::serve(&device, &setting, lines, stop).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> AnalyserSource {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_document_says_what_the_line_is() {
        let source = read(r#"{"line":{"by":"serial","device":"/dev/ttyUSB0","parity":"even","stopBits":2}}"#);
        assert!(source.problems().is_empty());
        let LineSource::Serial { baud, data_bits, parity, stop_bits, flow, .. } = &source.line else {
            panic!()
        };
        assert_eq!((*baud, *data_bits, *parity, *stop_bits, *flow), (9_600, 8, Parity::Even, 2, Flow::None));
        let analyser = source.analyser("lab-1");
        assert_eq!((analyser.name.as_str(), analyser.sample, analyser.query_sample), ("lab-1", 1, 2));
        assert!(analyser.speech.is_some() && analyser.queries && !analyser.names);
        let back: AnalyserSource = serde_json::from_value(serde_json::to_value(&source).unwrap()).unwrap();
        assert_eq!(back, source);
        assert!(
            read(r#"{"speaks":"printout","line":{"by":"connect","to":"10.0.0.9:4001"}}"#)
                .analyser("p")
                .speech
                .is_none()
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, place) in [
            (r#"{"line":{"by":"connect","to":"nowhere"}}"#, "source.line.to"),
            (r#"{"line":{"by":"serial","device":"ttyUSB0"}}"#, "source.line.device"),
            (r#"{"line":{"by":"serial","device":"/dev/ttyS0","baud":1234}}"#, "source.line.baud"),
            (r#"{"line":{"by":"connect","to":"a:1"},"sample":0}"#, "source.sample"),
            (r#"{"line":{"by":"connect","to":"a:1"},"days":0}"#, "source.days"),
            (r#"{"line":{"by":"connect","to":"a:1"},"charset":"utf-16"}"#, "source.charset"),
            (r#"{"line":{"by":"connect","to":"a:1"},"analyser":" "}"#, "source.analyser"),
            (
                r#"{"line":{"by":"connect","to":"a:1"},"codes":[{"local":"","code":"2823-3"}]}"#,
                "source.codes[0]",
            ),
        ] {
            let places: Vec<String> = read(json).problems().into_iter().map(|(place, _)| place).collect();
            assert_eq!(places, [place], "{json}");
        }
        for json in [
            r#"{"line":{"by":"listen","address":"127.0.0.1:0","extra":1}}"#,
            r#"{"line":{"by":"pigeon"}}"#,
            r#"{"line":{"by":"connect","to":"a:1"},"speaks":"french"}"#,
        ] {
            assert!(serde_json::from_str::<AnalyserSource>(json).is_err(), "{json}");
        }
    }
}

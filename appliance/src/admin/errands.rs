//! Long errands over the control socket: import, export, verify.
//!
//! The first line of a connection names the errand (`socket`); after the box's `go` line the two sides talk as said
//! here, blocking, for as long as it takes. Texts of records travel as they are, behind a line that tells their length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use clinicvault_gateway::fhir::id::ResourceType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::socket;
use crate::app::App;
use crate::records::access::Actor;
use crate::records::error::Error;
use crate::records::import::{Form, Part, Taken};
use crate::records::{Caller, Records};

/// Longest line of the talk, in bytes.
const LONGEST_LINE: u64 = 16 << 20;
/// Most bytes of texts in one part of an import.
const MOST_TEXT: usize = 1 << 30;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Errand {
    /// Parts of files come in, an answer goes out for each.
    Import,
    /// Every record goes out.
    Export,
    /// Everything is opened and checked.
    Verify,
}

/// Head of a part; the texts follow, one after the other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartHead {
    file: String,
    number: u32,
    form: Form,
    /// Line and length of each text.
    entries: Vec<(u64, usize)>,
}

/// What the box says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Say {
    Go,
    Refused(String),
    Taken(Taken),
    /// A record of this type; its text of so many bytes follows.
    Record(String, usize),
    Progress(f64),
    Verified(Report),
    Done(u64),
}

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Live records by type, in the order of the names.
    pub records: Vec<(String, u64)>,
    /// Versions opened.
    pub versions: u64,
    /// Audit lines.
    pub audit_lines: u64,
    /// Signed checkpoints that fit.
    pub checkpoints: u64,
    /// Faults found; zero means sound.
    pub faults: u64,
    /// The first of them in words.
    pub listed: Vec<String>,
}

/// Opens everything and checks everything (blocking). `progress` is told 0.0 to 1.0.
pub fn verify(records: &Records, progress: &mut dyn FnMut(f64)) -> Result<Report, Error> {
    let found = records.vault().verify(progress)?;
    let name = |number: u16| {
        ResourceType::from_number(number).map_or_else(|| format!("type {number}"), |kind| kind.to_string())
    };
    let mut counts: Vec<(String, u64)> = found.records.iter().map(|(kind, n)| (name(kind.0), *n)).collect();
    counts.sort();
    Ok(Report {
        records: counts,
        versions: found.versions,
        audit_lines: found.audit_lines,
        checkpoints: found.checkpoints,
        faults: found.faults,
        listed: found.listed,
    })
}

/// The box's side of an errand. Blocking; ends when the other side has gone.
pub fn serve(app: &App, errand: Errand, stream: UnixStream) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    let records = match app.rooms() {
        Ok(rooms) => rooms.records.clone(),
        Err(closed) => return wire.say(&Say::Refused(closed.to_string())),
    };
    wire.say(&Say::Go)?;
    let caller = Caller::of(Actor::operator("control socket"));
    match errand {
        Errand::Import => {
            while let Some(part) = wire.part()? {
                match records.import(&caller, part) {
                    Ok(taken) => wire.say(&Say::Taken(taken))?,
                    Err(error) => wire.say(&Say::Refused(error.to_string()))?,
                }
            }
            Ok(())
        }
        Errand::Export => {
            let mut broken = None;
            let given = records.export(&caller, &mut |kind, body| {
                let sent =
                    wire.say(&Say::Record(kind.to_string(), body.len())).and_then(|()| wire.text(body));
                sent.map_err(|error| {
                    let said = error.to_string();
                    broken = Some(error);
                    Error::Fault(said)
                })
            });
            match (given, broken) {
                (_, Some(error)) => Err(error),
                (Ok(given), None) => wire.say(&Say::Done(given.tx.0)),
                (Err(error), None) => wire.say(&Say::Refused(error.to_string())),
            }
        }
        Errand::Verify => {
            let mut told = 0.0;
            let found = verify(&records, &mut |part| {
                if part - told >= 0.01 {
                    told = part;
                    // Whether anybody listens shows when the result is sent.
                    let _ = wire.say(&Say::Progress(part));
                }
            });
            match found {
                Ok(report) => wire.say(&Say::Verified(report)),
                Err(error) => wire.say(&Say::Refused(error.to_string())),
            }
        }
    }
}

/// The command line's side of an errand.
pub struct Client(Wire);

impl Client {
    /// Begins an errand at the box that runs on `data`; none when no box runs.
    pub fn begin(data: &Path, errand: Errand) -> anyhow::Result<Option<Self>> {
        let mut stream = match UnixStream::connect(socket::path(data)) {
            Ok(stream) => stream,
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let mut line = serde_json::to_vec(&socket::Request::Errand { errand })?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut wire = Wire::new(stream)?;
        match wire.hear()? {
            Say::Go => Ok(Some(Self(wire))),
            other => Err(unexpected(other)),
        }
    }

    /// Sends a part and waits for what became of it.
    pub fn import(&mut self, part: &Part) -> anyhow::Result<Taken> {
        let head = PartHead {
            file: data_encoding::HEXLOWER.encode(&part.file),
            number: part.number,
            form: part.form,
            entries: part.entries.iter().map(|(line, text)| (*line, text.len())).collect(),
        };
        self.0.line(&head)?;
        for (_, text) in &part.entries {
            self.0.text(text)?;
        }
        match self.0.hear()? {
            Say::Taken(taken) => Ok(taken),
            other => Err(unexpected(other)),
        }
    }

    /// Receives every record. Answers the `Tx` of the snapshot.
    pub fn export(&mut self, sink: &mut dyn FnMut(&str, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<u64> {
        loop {
            match self.0.hear()? {
                Say::Record(kind, length) => sink(&kind, &self.0.read_text(length)?)?,
                Say::Done(tx) => return Ok(tx),
                other => return Err(unexpected(other)),
            }
        }
    }

    /// Waits for the result of a verification.
    pub fn verify(&mut self, progress: &mut dyn FnMut(f64)) -> anyhow::Result<Report> {
        loop {
            match self.0.hear()? {
                Say::Progress(part) => progress(part),
                Say::Verified(report) => return Ok(report),
                other => return Err(unexpected(other)),
            }
        }
    }
}

fn unexpected(said: Say) -> anyhow::Error {
    match said {
        Say::Refused(why) => anyhow::anyhow!("{why}"),
        _ => anyhow::anyhow!("the box answered something else; is it another version?"),
    }
}

struct Wire {
    read: BufReader<UnixStream>,
    write: io::BufWriter<UnixStream>,
}

impl Wire {
    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self { read: BufReader::new(stream.try_clone()?), write: io::BufWriter::new(stream) })
    }

    fn say(&mut self, what: &Say) -> io::Result<()> {
        self.line(what)?;
        // A record's text follows at once; flushing between would cost a system call each.
        if matches!(what, Say::Record(..)) { Ok(()) } else { self.write.flush() }
    }

    fn line(&mut self, what: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.write, what)?;
        self.write.write_all(b"\n")
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        self.write.write_all(text)
    }

    fn hear(&mut self) -> anyhow::Result<Say> {
        self.write.flush()?;
        Ok(self.read_line()?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?)
    }

    fn read_line<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let mut line = Vec::new();
        self.read.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&line)?)) }
    }

    fn read_text(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.read.by_ref().take(length as u64).read_to_end(&mut text)?;
        if text.len() == length { Ok(text) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn part(&mut self) -> io::Result<Option<Part>> {
        let Some(head) = self.read_line::<PartHead>()? else { return Ok(None) };
        let whole = head.entries.iter().fold(0usize, |sum, (_, length)| sum.saturating_add(*length));
        let file = data_encoding::HEXLOWER.decode(head.file.as_bytes()).ok().and_then(|f| f.try_into().ok());
        let (Some(file), true) = (file, whole <= MOST_TEXT) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a part that cannot be taken"));
        };
        let mut entries = Vec::with_capacity(head.entries.len());
        for (line, length) in head.entries {
            entries.push((line, self.read_text(length)?));
        }
        Ok(Some(Part { file, number: head.number, form: head.form, entries }))
    }
}

//! `clinicvault hl7 send`: each message of a file to a receiver, and what it answers. A tool for whoever connects two
//! systems; nothing is stored, nothing is sent twice.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use clinicvault_gateway::hl7::ack::Code;
use clinicvault_gateway::hl7::reply::Reply;
use clinicvault_gateway::hl7::{Header, batch};

use super::read;
use crate::cli::{WrongUse, note, say};
use crate::exchange::outbox::line::{Dial, Line, Lost};
use crate::exchange::outbox::tls::{self, Trust};
use crate::exchange::sources::pins;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every message was answered with AA or CA, 1 one was not (the reason is printed), 2 wrong usage."
)]
pub struct Send {
    /// File of HL7 v2 messages, with or without MLLP frames; - is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// Speak TLS, trusting the authorities of the system unless --ca or --pin says otherwise
    #[arg(long)]
    tls: bool,
    /// PEM file of the authority to trust; implies --tls
    #[arg(long, value_name = "FILE", conflicts_with = "pin")]
    ca: Option<PathBuf>,
    /// SHA-256 fingerprint of the certificate to trust; implies --tls
    #[arg(long, value_name = "FINGERPRINT")]
    pin: Option<String>,
    /// Name that the receiver's certificate is for, when it is not HOST
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// PEM file of the certificate to show
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Open a connection for each message: for receivers that close theirs after an answer
    #[arg(long)]
    one_each: bool,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// Sends, and prints what came back.
pub fn run(command: &Send) -> anyhow::Result<()> {
    let frames = read::frames(read::bytes(&command.file)?);
    let dial = dial(command)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let failed = runtime.block_on(send(command, &dial, frames))?;
    if failed > 0 {
        bail!("{failed} without a positive acknowledgement");
    }
    Ok(())
}

async fn send(command: &Send, dial: &Dial, frames: Vec<Result<Vec<u8>, String>>) -> anyhow::Result<usize> {
    let (mut failed, mut sent) = (0, 0);
    let mut line: Option<Line> = None;
    for frame in frames {
        let frame = match frame {
            Ok(frame) => frame,
            Err(why) => {
                note(format_args!("{}: {why}", command.file.display()));
                failed += 1;
                continue;
            }
        };
        let ranges = batch::split(&frame);
        let whole = 0..frame.len();
        for range in if ranges.is_empty() { vec![whole] } else { ranges } {
            sent += 1;
            let message = frame.get(range).unwrap_or_default();
            match one(command, dial, &mut line, message).await {
                Ok(true) => {}
                Ok(false) => failed += 1,
                Err(why) => {
                    // The connection says nothing about this message any more.
                    line = None;
                    say(format_args!("message {sent}: {why}"));
                    failed += 1;
                }
            }
        }
    }
    anyhow::ensure!(sent > 0, "there is no message in {}", command.file.display());
    Ok(failed)
}

/// Sends one message; true when its answer is positive.
async fn one(command: &Send, dial: &Dial, line: &mut Option<Line>, message: &[u8]) -> Result<bool, String> {
    let header = Header::find(message).map_err(|problem| problem.reason)?;
    let control = header.control_id().to_vec();
    if control.is_empty() {
        return Err("it has no control id (MSH-10), so no answer could be told to be about it".to_owned());
    }
    let shown = String::from_utf8_lossy(&control).into_owned();
    let other = |reply: Reply| {
        let about = String::from_utf8_lossy(&reply.about).into_owned();
        note(format_args!("an answer about {about} came while {shown} was waited for; it settles nothing"));
    };
    let kept = match line.take().filter(|_| !command.one_each) {
        // The receiver may have closed it since the last answer: then nothing was lost but the line.
        Some(mut open) => open.lately().await.map(|replies| {
            replies.into_iter().for_each(other);
            open
        }),
        None => None,
    };
    let open = match kept {
        Some(open) => line.insert(open),
        None => line.insert(dial.open().await?),
    };
    let patience = Duration::from_secs(command.timeout.max(1));
    match open.exchange(message, &control, patience, other).await {
        Ok((reply, bytes)) => {
            say(format_args!("{shown}: {}", reply.code.as_str()));
            let text = String::from_utf8_lossy(&bytes).replace('\r', "\n");
            text.lines().for_each(|segment| say(format_args!("  {segment}")));
            Ok(matches!(reply.code, Code::AA | Code::CA))
        }
        Err(Lost::NotSent(why)) => Err(format!("{shown}: not sent, {why}")),
        Err(Lost::NoAnswer(why)) => Err(format!("{shown}: it is not known whether it was taken, {why}")),
    }
}

fn dial(command: &Send) -> anyhow::Result<Dial> {
    let wrong = || WrongUse(format!("{}: write the receiver as HOST:PORT", command.to));
    let (host, port) = command.to.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = port.parse().map_err(|_| wrong())?;
    anyhow::ensure!(!host.is_empty(), wrong());
    let secure = command.tls || command.ca.is_some() || command.pin.is_some() || command.cert.is_some();
    let tls = if secure {
        let trust = match (&command.pin, &command.ca) {
            (Some(pin), _) => Trust::Pinned(pins::plain(pin).ok_or_else(|| {
                WrongUse("a fingerprint is the SHA-256 of the certificate: 64 hexadecimal digits".to_owned())
            })?),
            (None, Some(path)) => Trust::Authority(path),
            (None, None) => Trust::System,
        };
        let own = command.cert.as_deref().zip(command.key.as_deref());
        let config = tls::client(&trust, own).context("TLS cannot be used")?;
        Some((config, command.name.clone().unwrap_or_else(|| host.clone())))
    } else {
        None
    };
    Ok(Dial { host, port, tls, patience: Duration::from_secs(command.timeout.max(1)) })
}

//! `clinicvault hl7 listen`: prints what arrives over MLLP and acknowledges it. Nothing is stored, so it is for trying a
//! connection out and for nothing else; it listens on the machine itself unless it is told otherwise.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use clinicvault_gateway::hl7::ack::{self, Answer, Code};
use clinicvault_gateway::hl7::mllp::{Bounds, Decoder, Event, frame};
use clinicvault_gateway::hl7::{ErrorCode, Header, Problem, batch};
use jiff::tz::Offset;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::cli::{note, say};
use crate::clock::{Clock, SystemClock};

/// Connections that are served one beside the other.
const MOST: usize = 64;

#[derive(Debug, Args)]
pub struct Listen {
    /// Port; 0 takes a free one, which is printed
    #[arg(long, value_name = "PORT")]
    port: u16,
    /// Address; every peer that reaches it is answered, and messages travel in clear text
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind: IpAddr,
    /// The code of every acknowledgement
    #[arg(long, value_enum, default_value_t = With::AA)]
    with: With,
    /// End after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// An acknowledgement code (table 0008).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum With {
    AA,
    AE,
    AR,
    CA,
    CE,
    CR,
}

impl With {
    const fn code(self) -> Code {
        match self {
            Self::AA => Code::AA,
            Self::AE => Code::AE,
            Self::AR => Code::AR,
            Self::CA => Code::CA,
            Self::CE => Code::CE,
            Self::CR => Code::CR,
        }
    }
}

/// Listens until it is stopped, or until enough has come.
pub fn run(command: &Listen) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(command))
}

async fn listen(command: &Listen) -> anyhow::Result<()> {
    let address = SocketAddr::new(command.bind, command.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another port with --port"))?;
    say(format_args!("listening mllp {}", listener.local_addr()?));
    let came = AtomicU64::new(0);
    let mut open = futures_util::stream::FuturesUnordered::new();
    loop {
        use futures_util::StreamExt as _;
        tokio::select! {
            accepted = listener.accept(), if open.len() < MOST => {
                let (stream, peer) = accepted.context("the listener failed")?;
                note(format_args!("{peer} connected"));
                open.push(talk(command, stream, peer, &came));
            }
            Some(()) = open.next(), if !open.is_empty() => {}
        }
        if command.count.is_some_and(|count| came.load(Ordering::Relaxed) >= count) {
            return Ok(());
        }
    }
}

/// Answers one peer until it goes or enough has come.
async fn talk(command: &Listen, mut stream: TcpStream, peer: SocketAddr, came: &AtomicU64) {
    let mut decoder = Decoder::new(Bounds::default());
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let n = match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => n,
            Ok(_) | Err(_) => return note(format_args!("{peer} went")),
        };
        let mut input = chunk.get(..n).unwrap_or_default();
        while let Some(event) = decoder.take(&mut input) {
            let payload = match event {
                Event::Frame(payload) => payload,
                Event::Fault(fault) => {
                    note(format_args!("{peer}: {fault}"));
                    continue;
                }
            };
            let ranges = batch::split(&payload);
            let whole = 0..payload.len();
            for range in if ranges.is_empty() { vec![whole] } else { ranges } {
                let message = payload.get(range).unwrap_or_default();
                let number = came.fetch_add(1, Ordering::Relaxed) + 1;
                say(format_args!("message {number} from {peer}, {} bytes", message.len()));
                let text = String::from_utf8_lossy(message).replace("\r\n", "\n").replace('\r', "\n");
                text.lines().for_each(|segment| say(format_args!("  {segment}")));
                if stream.write_all(&frame(&answer(command, message, number))).await.is_err() {
                    return note(format_args!("{peer} does not take its answer"));
                }
            }
            if command.count.is_some_and(|count| came.load(Ordering::Relaxed) >= count) {
                return;
            }
        }
    }
}

fn answer(command: &Listen, message: &[u8], number: u64) -> Vec<u8> {
    let header = Header::find(message).ok();
    let code = if header.is_some() { command.with.code() } else { Code::AR };
    let problem = match code {
        Code::AA | Code::CA => None,
        Code::AE | Code::CE => Some(Problem::error(ErrorCode::Other, None, "Refused on request.")),
        Code::AR | Code::CR => Some(Problem::reject(ErrorCode::Other, None, "Rejected.")),
    };
    let problems: Vec<Problem> = problem.into_iter().collect();
    let control_id = format!("L{number}");
    let answer = Answer {
        code,
        problems: &problems,
        control_id: &control_id,
        now: SystemClock.now(),
        offset: Offset::UTC,
    };
    ack::build(header.as_ref(), &answer)
}

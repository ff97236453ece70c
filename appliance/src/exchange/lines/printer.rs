//! Reads a line that only prints: every text becomes a row that waits for a person. Nothing is answered.

use std::time::Duration;

use clinicvault_gateway::astm::printout::Printer;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::{Lines, News, Peer};

/// Longest text of one row in bytes; what follows becomes the next one.
const MOST_TEXT: usize = 64 * 1024;
/// A text without an end mark ends after so much silence.
const SILENCE: Duration = Duration::from_secs(3);
/// How often a text that could not be stored is tried again, with [`AGAIN`] between.
const TRIES: u32 = 30;
/// A printer's port cannot be asked to send again.
const AGAIN: Duration = Duration::from_secs(2);

/// Reads texts until the wire ends.
pub(super) async fn read<S: AsyncRead + Unpin + Send>(mut stream: S, lines: &Lines, peer: Peer) {
    let mut printer = Printer::new(MOST_TEXT);
    let mut buffer = vec![0; 1024];
    loop {
        let read = if printer.is_open() {
            match timeout(SILENCE, stream.read(&mut buffer)).await {
                Ok(read) => read,
                Err(_) => {
                    keep(printer.pause(), lines, &peer).await;
                    continue;
                }
            }
        } else {
            stream.read(&mut buffer).await
        };
        match read {
            Ok(n) if n > 0 => {
                let mut input = buffer.get(..n).unwrap_or_default();
                while let Some(text) = printer.take(&mut input) {
                    keep(Some(text), lines, &peer).await;
                }
            }
            Ok(_) | Err(_) => break,
        }
    }
    keep(printer.pause(), lines, &peer).await;
}

async fn keep(text: Option<Vec<u8>>, lines: &Lines, peer: &Peer) {
    let Some(text) = text else { return };
    for _ in 0..TRIES {
        let why = match (lines.door)() {
            None => "the vault is sealed".to_owned(),
            Some(exchange) => match exchange.take_printout(text.clone(), &lines.analyser, peer).await {
                Ok(taken) => {
                    (lines.tell)(News::Stored(taken.stored));
                    return;
                }
                Err(error) => error.to_string(),
            },
        };
        lines.trouble(format!("A print-out is not stored yet: {why}."));
        tokio::time::sleep(AGAIN).await;
    }
    lines.trouble("A print-out was lost: it could not be stored for a minute. Print it again.".to_owned());
}

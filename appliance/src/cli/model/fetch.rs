//! Fetching a model from a mirror in pieces: each is asked for by its place, so that what was cut short goes on. Nothing that comes is
//! believed before its hash is right, so the mirror need not be trusted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use clinicvault_scribe::model::store::Download;
use http::{Request, StatusCode, header};
use indicatif::{ProgressBar, ProgressStyle};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::super::{WrongUse, say};
use super::Fetch;
use crate::exchange::outbox::tls::{self, Trust};
use crate::outgoing::{self, Answer, Left};
use crate::scribe;

/// Bytes of a piece.
const PIECE: u64 = 4 << 20;
/// The largest model that is taken whole from a mirror that knows no pieces.
const WHOLE: u64 = 256 << 20;
/// Longest time for a piece.
const PATIENCE: Duration = Duration::from_secs(120);
/// So often a piece is asked for again.
const TRIES: u32 = 4;

/// Fetches.
pub fn run(command: &Fetch) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let store = scribe::store(&config);
    let entry = store.entry(&command.name)?;
    if store.find(&command.name).is_ok() {
        say(format_args!("{} is installed already", command.name));
        return Ok(());
    }
    let mirror = command.from.clone().unwrap_or_else(|| config.scribe.mirror.clone());
    if mirror.is_empty() {
        let why =
            "name a mirror with --from or the setting scribe.mirror, or bring a file with `model import`";
        return Err(WrongUse(why.to_owned()).into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut download = store.download(&entry)?;
    if download.offset() > 0 {
        say(format_args!("going on at {} of {} bytes", download.offset(), entry.bytes));
    }
    let names = [format!("{}.bin", entry.sha256), format!("ggml-{}.bin", entry.name)];
    let mut last = anyhow!("nothing was tried");
    for name in names {
        let address = format!("{}/{name}", mirror.trim_end_matches('/'));
        match runtime.block_on(all(&address, &mut download)) {
            Ok(true) => {
                download.finish()?;
                say(format_args!("{} is installed", entry.name));
                return Ok(());
            }
            Ok(false) => last = anyhow!("{address} is not there"),
            Err(error) => {
                return Err(error.context(format!("{address}: the same command goes on where this stopped")));
            }
        }
    }
    Err(last)
}

/// Fetches what is missing. False when the mirror has no such file.
async fn all(address: &str, download: &mut Download) -> anyhow::Result<bool> {
    let endpoint = Endpoint::parse(address).map_err(|why| anyhow!("the address cannot be used: {why}"))?;
    let bar = ProgressBar::new(download.offset() + download.missing());
    if let Ok(style) = ProgressStyle::with_template("fetching {bar:30} {bytes} of {total_bytes}") {
        bar.set_style(style);
    }
    let mut tries = 0;
    while download.missing() > 0 {
        bar.set_position(download.offset());
        match piece(&endpoint, download).await {
            Ok(false) => return Ok(false),
            Ok(true) => tries = 0,
            Err(error) => {
                tries += 1;
                if tries == TRIES {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_secs(1 << tries)).await;
            }
        }
    }
    bar.finish_and_clear();
    Ok(true)
}

async fn piece(endpoint: &Endpoint, download: &mut Download) -> anyhow::Result<bool> {
    let start = download.offset();
    let count = download.missing().min(PIECE);
    let answer = ask(endpoint, Some((start, start + count - 1)), PIECE).await?;
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(false),
        StatusCode::PARTIAL_CONTENT => {
            let range = answer.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
            let begins = format!("bytes {start}-");
            if !range.is_some_and(|range| range.starts_with(&begins)) || answer.body.is_empty() {
                bail!("the mirror answers with another piece than was asked for");
            }
            download.write(&answer.body)?;
            Ok(true)
        }
        // It knows no pieces, or the file changed.
        StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE => {
            download.restart()?;
            let whole = download.missing();
            if whole > WHOLE {
                bail!("the mirror does not send pieces (Range), which a model of this size needs");
            }
            let answer = ask(endpoint, None, whole).await?;
            if answer.status != StatusCode::OK || answer.body.is_empty() {
                bail!("the mirror has a file of another size, or answers {}", answer.status);
            }
            download.write(&answer.body)?;
            Ok(true)
        }
        other => bail!("the mirror answers {other}"),
    }
}

async fn ask(endpoint: &Endpoint, range: Option<(u64, u64)>, most: u64) -> anyhow::Result<Answer> {
    let mut request =
        Request::builder().uri(endpoint.target.clone()).header(header::HOST, endpoint.authority());
    if let Some((first, last)) = range {
        request = request.header(header::RANGE, format!("bytes={first}-{last}"));
    }
    let request = request.body(Bytes::new())?;
    let most = usize::try_from(most)?;
    let left = Left::default();
    let exchange = async {
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
            .await
            .with_context(|| format!("{} cannot be reached", endpoint.authority()))?;
        if !endpoint.secure {
            return outgoing::exchange(stream, request, most, &left).await.map_err(|why| anyhow!(why));
        }
        let config = tls::client(&Trust::System, None::<(&Path, &Path)>)?;
        let name = ServerName::try_from(endpoint.host.clone())?;
        let stream = TlsConnector::from(config).connect(name, stream).await.context("TLS")?;
        outgoing::exchange(stream, request, most, &left).await.map_err(|why| anyhow!(why))
    };
    timeout(PATIENCE, exchange).await.context("the mirror is too slow")?
}

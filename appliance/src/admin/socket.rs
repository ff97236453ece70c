//! The control socket: how the command line speaks to a running box, since a vault has one opener.
//!
//! One request and one answer a connection, each a line of JSON. Whoever may open the socket file (0600, in the data
//! folder) may read the key file beside it as well, so it asks for no password; everything it does is recorded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::errands::{self, Errand};
use super::people::People;
use super::sign_in::Origin;
use super::staff::{AccountChange, NewAccount};
use crate::app::{App, Slot};
use crate::exchange::channels::Channels;
use crate::exchange::channels::document::Channel;
use crate::exchange::channels::store::Wanted;
use crate::lan::{addresses, authority};
use crate::records::access::{Actor, Role};
use crate::records::change::Expected;
use crate::supervisor::Stop;

/// Name of the socket in the data folder.
pub const NAME: &str = "control.sock";
/// Longest request or answer, in bytes.
const LONGEST: u64 = 1 << 20;
/// Bytes of a fingerprint that people compare.
const SHOWN: usize = 16;
/// A request is one line; nobody needs longer to send it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// How the box is.
    Status,
    /// A token for a machine.
    Token {
        /// What the machine is.
        name: String,
        /// SMART scopes.
        scope: String,
        /// Life in seconds.
        ttl_seconds: i64,
    },
    /// Adds an account with a temporary password.
    UserAdd {
        /// Name shown.
        name: String,
        /// Sign-in name.
        username: String,
        /// Roles.
        roles: Vec<Role>,
        /// Temporary password.
        password: String,
    },
    /// All accounts.
    UserList,
    /// Disables an account, by sign-in name.
    UserDisable {
        /// Sign-in name.
        username: String,
    },
    /// The authority's certificate.
    Ca,
    /// Where the box is reached and the code that sets it up.
    SetupCode,
    /// Writes the document of a channel.
    ChannelPut {
        /// The document.
        document: serde_json::Value,
        /// The version that it changes; any, without.
        version: Option<u64>,
    },
    /// Something that takes long; the connection then goes on as `errands` says.
    Errand {
        /// What.
        errand: Errand,
    },
}

/// What the box answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Answer {
    /// How the box is.
    Status {
        /// `setup`, `sealed` or `ready`.
        state: String,
        /// Program version.
        version: String,
        /// The clinic's name, when open.
        clinic: Option<String>,
        /// Last transaction, when open.
        tx: Option<u64>,
    },
    /// The token, shown this once.
    Token {
        /// The secret.
        token: String,
        /// Its name in lists.
        id: String,
        /// Worth nothing from then on.
        expires: Timestamp,
    },
    /// Accounts.
    Users {
        /// One each.
        users: Vec<User>,
    },
    /// It is done.
    Done,
    /// The certificate, PEM.
    Ca {
        /// PEM text.
        pem: String,
        /// SHA-256.
        fingerprint: String,
    },
    /// What somebody needs to set the box up.
    SetupCode {
        /// The one-time code.
        code: String,
        /// Addresses of the pages over HTTPS, the one to use first.
        addresses: Vec<String>,
        /// Where devices learn to trust the box, where there is a network.
        install: Option<String>,
        /// The first bytes of the certificate's SHA-256.
        fingerprint: String,
    },
    /// The channel and the version that holds now.
    Channel {
        /// Its name.
        name: String,
        /// Its version.
        version: u64,
    },
    /// It was refused.
    Refused {
        /// Why, in a sentence.
        message: String,
    },
}

/// An account on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Id.
    pub id: String,
    /// Sign-in name.
    pub username: String,
    /// Name shown.
    pub name: String,
    /// Roles.
    pub roles: Vec<Role>,
    /// May not sign in.
    pub disabled: bool,
    /// Has an authenticator.
    pub second_factor: bool,
}

/// Where the socket lies.
pub fn path(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// Asks the running box. `Ok(None)` when none runs on this data folder. Blocking.
pub fn ask(data: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let mut stream = match BlockingStream::connect(path(data)) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer)?;
    Ok(Some(serde_json::from_str(&answer)?))
}

/// The listener, its file readable and writable for the box's own user only. A file left by a box that was killed is
/// replaced.
pub fn listen(data: &Path) -> io::Result<UnixListener> {
    let path = path(data);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers requests until told to stop, then takes the file away.
pub async fn serve(app: App, listener: std::sync::Arc<UnixListener>, mut stop: Stop) -> anyhow::Result<()> {
    loop {
        let stream = tokio::select! {
            () = stop.wanted() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let app = app.clone();
        #[allow(clippy::disallowed_methods)]
        // One short conversation, bounded in time; the listener is the task.
        tokio::spawn(async move {
            if let Ok(Err(error)) =
                tokio::time::timeout(Duration::from_secs(60), converse(&app, stream)).await
            {
                tracing::debug!(%error, "control socket");
            }
        });
    }
    let _ = std::fs::remove_file(path(app.data()));
    Ok(())
}

async fn converse(app: &App, stream: UnixStream) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LONGEST));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(Request::Errand { errand }) => {
            // Long, and blocking on the other side's pace: a thread of its own, which may outlive this conversation.
            let stream =
                read.into_inner().into_inner().reunite(write).map_err(io::Error::other)?.into_std()?;
            let app = app.clone();
            std::thread::Builder::new().name("errand".into()).spawn(move || {
                if let Err(error) = errands::serve(&app, errand, stream) {
                    tracing::debug!(%error, "an errand ended early");
                }
            })?;
            return Ok(());
        }
        Ok(request) => answer(app, request).await,
        Err(error) => Answer::Refused {
            message: format!(
                "The box does not understand this request (is the program another version?): {error}"
            ),
        },
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    write.shutdown().await
}

async fn answer(app: &App, request: Request) -> Answer {
    let done = match request {
        Request::Status => return status(app),
        Request::Ca => match app.tls().authority() {
            Some(der) => {
                return Answer::Ca { pem: authority::pem(&der), fingerprint: authority::fingerprint(&der) };
            }
            None => return refused("This box has not been set up yet, so it has no certificate authority."),
        },
        Request::SetupCode => return setup_code(app),
        Request::ChannelPut { .. } => match app.rooms() {
            Ok(rooms) => {
                let (channels, who) = (rooms.exchange.channels().clone(), Actor::operator("command line"));
                let work = tokio::task::spawn_blocking(move || put_channel(&channels, &who, request));
                return work.await.unwrap_or_else(|_| refused("The box failed inside; its log says more."));
            }
            Err(closed) => return refused(closed),
        },
        Request::Token { .. }
        | Request::UserAdd { .. }
        | Request::UserList
        | Request::UserDisable { .. }
        | Request::Errand { .. } => match app.rooms() {
            Ok(rooms) => change(&rooms.people, request).await,
            Err(closed) => return refused(closed),
        },
    };
    done.unwrap_or_else(refused)
}

fn refused(why: impl std::fmt::Display) -> Answer {
    Answer::Refused { message: why.to_string() }
}

fn setup_code(app: &App) -> Answer {
    let Slot::Setup = app.slot() else { return refused("This box has been set up already.") };
    let code = match app.gate().setup_code() {
        Ok(code) => code.to_string(),
        Err(error) => return refused(error),
    };
    let at = |scheme: &str, usual: u16, host: &str, port: u16| match port == usual {
        true => format!("{scheme}://{host}/"),
        false => format!("{scheme}://{host}:{port}/"),
    };
    // Private addresses of version 4 are what people can type; names come last, because not every device finds them.
    let mut hosts: Vec<String> = addresses::local()
        .into_iter()
        .filter(|address| address.is_ipv4() && authority::is_private(*address))
        .map(|address| address.to_string())
        .collect();
    let install = hosts.first().map(|host| at("http", 80, host, app.bound_http()));
    hosts.extend(app.tls().names().iter().cloned());
    let addresses = hosts.iter().map(|host| at("https", 443, host, app.bound_https())).collect();
    match app.tls().certificate() {
        Ok(der) => {
            let whole = authority::fingerprint(&der);
            let fingerprint = whole.split(':').take(SHOWN).collect::<Vec<_>>().join(":");
            Answer::SetupCode { code, addresses, install, fingerprint }
        }
        Err(error) => refused(error),
    }
}

fn status(app: &App) -> Answer {
    let (state, clinic, tx) = match app.slot() {
        Slot::Setup => ("setup", None, None),
        Slot::Sealed => ("sealed", None, None),
        Slot::Rescue(_) => ("rescue", None, None),
        Slot::Open(rooms) => {
            ("ready", Some(rooms.people.clinic().name), Some(rooms.records.vault().last_tx().0))
        }
    };
    Answer::Status { state: state.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), clinic, tx }
}

/// The same work for the socket and for the command line that has opened the vault itself.
pub async fn change(people: &People, request: Request) -> Result<Answer, super::error::AdminError> {
    let who = Actor::operator("command line");
    let from = Origin { address: std::net::Ipv4Addr::LOCALHOST.into(), agent: "command line".to_owned() };
    match request {
        Request::Token { name, scope, ttl_seconds } => {
            let life = SignedDuration::from_secs(ttl_seconds);
            let (text, token) = people.add_token(&who, &name, &scope, life).await?;
            Ok(Answer::Token { token: text.to_string(), id: token.id, expires: token.expires })
        }
        Request::UserAdd { name, username, roles, password } => {
            let new = NewAccount { name, username, roles, registration: None, qualification: None };
            people.add_account(&who, new, &password, true).await?;
            Ok(Answer::Done)
        }
        Request::UserList => Ok(Answer::Users { users: people.accounts().into_iter().map(user).collect() }),
        Request::UserDisable { username } => {
            let wanted = username.trim().to_ascii_lowercase();
            let found = people.accounts().into_iter().find(|listed| listed.account.username == wanted);
            let id = found.ok_or(super::error::AdminError::Missing("account"))?.account.id;
            let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
            people.change_account(&who, &id, change, &from).await?;
            Ok(Answer::Done)
        }
        Request::Status
        | Request::Ca
        | Request::SetupCode
        | Request::ChannelPut { .. }
        | Request::Errand { .. } => Ok(Answer::Done),
    }
}

/// Writes the document of a channel. Blocking.
pub fn put_channel(channels: &Channels, who: &Actor, request: Request) -> Answer {
    let Request::ChannelPut { document, version } = request else { return refused("This is no channel.") };
    let channel = match Channel::read(document) {
        Ok(channel) => channel,
        Err(outcome) => return refused(outcome),
    };
    let name = channel.name.clone();
    let there = channels.find(&name).is_some_and(|live| live.kept().is_there());
    let expected = version.map(Expected::Version).or(there.then_some(Expected::Any));
    match channels.change(who, &name, expected, Wanted::Document(Box::new(channel))) {
        Ok((kept, _)) => Answer::Channel { name, version: kept.version },
        Err(error) => refused(error),
    }
}

fn user(listed: super::staff::Listed) -> User {
    let account = listed.account;
    User {
        second_factor: account.seed.is_some(),
        id: account.id,
        username: account.username,
        name: account.name,
        roles: account.roles,
        disabled: account.disabled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_people_would_write_them() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read("{\"op\":\"status\"}").unwrap(), Request::Status);
        assert_eq!(
            read("{\"op\":\"token\",\"name\":\"lab\",\"scope\":\"system/*.r\",\"ttlSeconds\":60}").unwrap(),
            Request::Token { name: "lab".into(), scope: "system/*.r".into(), ttl_seconds: 60 }
        );
        assert!(read("{\"op\":\"shutdown\"}").is_err());
        assert!(read("{\"op\":\"token\",\"name\":\"lab\"}").is_err());
    }

    #[test]
    fn nobody_answers_where_no_box_runs() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ask(folder.path(), &Request::Status).unwrap(), None);
        std::fs::write(path(folder.path()), "").unwrap();
        assert_eq!(ask(folder.path(), &Request::Status).unwrap(), None);
    }
}

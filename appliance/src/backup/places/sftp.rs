//! A folder on a server with SFTP as a place for backups.
//!
//! The server is known by its host key, noted when the place is added and compared by a person; another key is refused before
//! the box shows who it is (0221). One connection is kept between calls and made anew when it breaks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clinicvault_vault::backup::shelf::check_name;
use clinicvault_vault::backup::{Held, MAX_FILE, Shelf, ShelfError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use russh::client;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh_sftp::client::error::Error as Failure;
use russh_sftp::client::{Config as SftpConfig, RawSftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, Packet, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::bridge::Bridge;
use super::reach::{self, NoWay};
use super::{MOST_LISTED, endless};

/// What one request of SFTP may take, seconds.
const REQUEST_SECONDS: u64 = 40;
/// Bytes of one request: below what every server takes.
const PIECE: usize = 30_000;
/// Requests under way at once.
const AHEAD: usize = 16;
/// Folders in each other that are looked into.
const DEEPEST: usize = 4;
/// What a listing may take, as if it had so many bytes.
const LISTING: usize = 4 << 20;
/// Beginning of the names of files that are being written.
const PARTIAL: &str = ".partial-";
/// The extension that renames over what is there.
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Where the folder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SftpPlace {
    /// Name or number of the server.
    pub host: String,
    /// Its port.
    #[serde(default = "usual_port")]
    pub port: u16,
    /// The user there.
    pub user: String,
    /// The folder; one that does not begin with / is in the user's home.
    pub folder: String,
    /// The server's host key as `ssh-keygen -lf` shows it, `SHA256:...`; nobody else is spoken to.
    pub host_key: String,
}

fn usual_port() -> u16 {
    22
}

impl SftpPlace {
    /// What is wrong with it: the field and a sentence.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |field, text: &str| Err((field, text.to_owned()));
        check_host(&self.host, self.port)?;
        let plain = |text: &str, most: usize| {
            !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
        };
        if !plain(&self.user, 100) {
            return wrong("user", "Enter the user name on the server.");
        }
        if !plain(&self.folder, 400) || self.folder.split('/').any(|part| part == "..") {
            return wrong("folder", "Enter a folder, without \"..\".");
        }
        let digest = self.host_key.strip_prefix("SHA256:").map(str::as_bytes);
        let digest = digest.and_then(|text| data_encoding::BASE64_NOPAD.decode(text).ok());
        if digest.is_none_or(|digest| digest.len() != 32) {
            return wrong("hostKey", "A host key is written as SHA256: and 43 characters (ssh-keygen -lf).");
        }
        Ok(())
    }
}

fn check_host(host: &str, port: u16) -> Result<(), (&'static str, String)> {
    let right = !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_'));
    if !right {
        return Err(("host", "Enter the name or number of the server.".to_owned()));
    }
    if port == 0 {
        return Err(("port", "A port is 1 to 65535; usual is 22.".to_owned()));
    }
    Ok(())
}

/// The host key that a server shows. It is told nothing. Blocking.
///
/// # Errors
/// When it does not answer, or is no SSH server.
pub fn host_key(host: &str, port: u16) -> Result<String, ShelfError> {
    check_host(host, port).map_err(|(_, text)| ShelfError::Permanent(text))?;
    let shown = Shown::default();
    let place = format!("the server {host}");
    Bridge::new()?.wait(0, &place, async {
        let guard = Guard { wanted: None, shown: shown.clone() };
        // It is sent away as soon as it has shown its key.
        match greet(host, port, guard).await {
            Ok(_) | Err(_) if shown.get().is_some() => Ok(()),
            Ok(_) => Err(ShelfError::Permanent(format!("{place} shows no host key that the box can read."))),
            Err(error) => Err(error),
        }
    })?;
    shown
        .get()
        .ok_or_else(|| ShelfError::Permanent(format!("{place} shows no host key that the box can read.")))
}

/// The key that a server showed.
#[derive(Debug, Clone, Default)]
struct Shown(Arc<Mutex<Option<String>>>);

impl Shown {
    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Lets in only the server whose key was noted.
struct Guard {
    wanted: Option<String>,
    shown: Shown,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let known = self.wanted.as_ref() == Some(&shown);
        *self.shown.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(known)
    }
}

async fn greet(host: &str, port: u16, guard: Guard) -> Result<client::Handle<Guard>, ShelfError> {
    let stream = reach::connect(host, port, true).await.map_err(|why| match why {
        NoWay::Later(text) => ShelfError::Transient(text),
        NoWay::Never(text) => ShelfError::Permanent(text),
    })?;
    let config = client::Config {
        inactivity_timeout: Some(Duration::from_secs(120)),
        nodelay: true,
        ..client::Config::default()
    };
    client::connect_stream(Arc::new(config), stream, guard).await.map_err(|error| {
        ShelfError::Transient(format!("The server {host} does not speak SSH with the box: {error}."))
    })
}

/// The folder, opened.
pub struct SftpShelf {
    at: SftpPlace,
    secret: Zeroizing<String>,
    bridge: Bridge,
    idle: Mutex<Option<Session>>,
    /// Folders that are known to be there.
    made: Mutex<BTreeSet<String>>,
    place: String,
}

impl fmt::Debug for SftpShelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SftpShelf({})", self.place)
    }
}

struct Session {
    sftp: RawSftpSession,
    /// Ends the connection when it is dropped.
    handle: client::Handle<Guard>,
    renames_over: bool,
    syncs: bool,
    tells_room: bool,
}

impl SftpShelf {
    /// The folder, with a password or a private key (OpenSSH, not protected by a passphrase). Nothing is sent yet.
    ///
    /// # Errors
    /// [`ShelfError::Permanent`] for settings that cannot be used.
    pub fn open(at: &SftpPlace, secret: &str) -> Result<Self, ShelfError> {
        at.check().map_err(|(_, text)| ShelfError::Permanent(text))?;
        if is_key(secret) {
            read_key(secret)?;
        }
        Ok(Self {
            place: format!("the folder {} on {}", at.folder, at.host),
            at: at.clone(),
            secret: Zeroizing::new(secret.to_owned()),
            bridge: Bridge::new()?,
            idle: Mutex::new(None),
            made: Mutex::default(),
        })
    }

    /// Does something in a session: the one that is idle, or a new one. One that failed is not used again.
    fn with<T>(
        &self,
        bytes: usize,
        work: impl AsyncFnOnce(&Session) -> Result<T, ShelfError>,
    ) -> Result<T, ShelfError> {
        self.bridge.wait(bytes, &self.place, async {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
            let session = match idle.filter(|session| !session.handle.is_closed()) {
                Some(session) => session,
                None => self.begin().await?,
            };
            let done = work(&session).await;
            if !matches!(done, Err(ShelfError::Transient(_))) {
                *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
            }
            done
        })
    }

    async fn begin(&self) -> Result<Session, ShelfError> {
        let (host, user) = (&self.at.host, &self.at.user);
        let shown = Shown::default();
        let guard = Guard { wanted: Some(self.at.host_key.clone()), shown: shown.clone() };
        let mut handle = greet(host, self.at.port, guard).await.map_err(|error| match shown.get() {
            Some(key) if key != self.at.host_key => ShelfError::Permanent(format!(
                "{host} shows another key than the one noted ({key}). If the server was set up anew, compare its key and add the place again. If not, somebody stands between; nothing was sent."
            )),
            Some(_) | None => error,
        })?;
        let broken =
            |error: russh::Error| ShelfError::Transient(format!("The connection to {host} broke: {error}."));
        let let_in = if is_key(&self.secret) {
            let key = PrivateKeyWithHashAlg::new(Arc::new(read_key(&self.secret)?), None);
            handle.authenticate_publickey(user, key).await.map_err(broken)?
        } else {
            handle.authenticate_password(user, self.secret.as_str()).await.map_err(broken)?
        };
        if !let_in.success() {
            return Err(ShelfError::Permanent(format!(
                "{host} does not let {user} in. Enter the password or key again."
            )));
        }
        let channel = handle.channel_open_session().await.map_err(broken)?;
        channel.request_subsystem(true, "sftp").await.map_err(broken)?;
        let config = SftpConfig { request_timeout_secs: REQUEST_SECONDS, ..SftpConfig::default() };
        let sftp = RawSftpSession::new_with_config(channel.into_stream(), config);
        let version = sftp.init().await.map_err(|error| {
            ShelfError::Permanent(format!("{host} lets {user} in, but has no SFTP there: {error}."))
        })?;
        let has = |name: &str| version.extensions.contains_key(name);
        let session = Session {
            renames_over: has(POSIX_RENAME),
            syncs: has("fsync@openssh.com"),
            tells_room: has("statvfs@openssh.com"),
            sftp,
            handle,
        };
        Ok(session)
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.at.folder.trim_end_matches('/'))
    }

    fn failed(&self, error: &Failure) -> ShelfError {
        explain(&self.place, error)
    }

    /// Makes the folders of a path. That one cannot be made is told by the file that does not get into it.
    async fn make_folders(&self, session: &Session, path: &str) {
        let mut at = 0;
        while let Some(next) = path.get(at + 1..).and_then(|rest| rest.find('/')) {
            at += 1 + next;
            let Some(folder) = path.get(..at) else { return };
            if self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
                continue;
            }
            let private = FileAttributes { permissions: Some(0o700), ..FileAttributes::empty() };
            let _ = session.sftp.mkdir(folder, private).await;
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        }
    }

    async fn write(&self, session: &Session, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        let (path, unready) = (self.path(name), self.path(&format!("{PARTIAL}{}", name.replace('/', "_"))));
        self.make_folders(session, &path).await;
        let written = self.fill(session, &unready, bytes).await;
        let written = match written {
            Ok(()) => self.rename(session, &unready, &path).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let explained = self.room(session, &error, bytes.len()).await;
            let _ = session.sftp.remove(unready).await;
            return Err(explained);
        }
        Ok(())
    }

    async fn fill(&self, session: &Session, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let sftp = &session.sftp;
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let private = FileAttributes { permissions: Some(0o600), ..FileAttributes::empty() };
        let file = sftp.open(path, flags, private).await?.handle;
        let pieces = bytes.chunks(PIECE).enumerate().map(|(n, piece)| {
            let file = file.clone();
            async move { sftp.write(file, (n * PIECE) as u64, piece.to_vec()).await }
        });
        stream::iter(pieces).buffer_unordered(AHEAD).try_for_each(|_| async { Ok(()) }).await?;
        if session.syncs {
            sftp.fsync(file.clone()).await?;
        }
        sftp.close(file).await?;
        let size = sftp.stat(path).await?.attrs.size;
        if size != Some(bytes.len() as u64) {
            return Err(Failure::UnexpectedBehavior("the file has another length than was sent".to_owned()));
        }
        Ok(())
    }

    async fn rename(&self, session: &Session, from: &str, to: &str) -> Result<(), Failure> {
        if !session.renames_over {
            // A server that cannot rename over a file leaves a moment without it; packs are never replaced.
            let _ = session.sftp.remove(to).await;
            return session.sftp.rename(from, to).await.map(drop);
        }
        let mut data = Vec::new();
        for text in [from, to] {
            data.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        }
        match session.sftp.extended(POSIX_RENAME, data).await? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(status.into()),
            _ => Err(Failure::UnexpectedPacket),
        }
    }

    /// What a failure of a write means: servers say no more than "Failure" when the disk is full.
    async fn room(&self, session: &Session, error: &Failure, needed: usize) -> ShelfError {
        let unclear = matches!(error, Failure::Status(status) if status.status_code == StatusCode::Failure);
        if unclear
            && session.tells_room
            && let Ok(disk) = session.sftp.statvfs(self.at.folder.clone()).await
            && disk.blocks_avail.saturating_mul(disk.fragment_size) < needed as u64 + (1 << 20)
        {
            return ShelfError::Full(format!("There is no room in {}.", self.place));
        }
        self.failed(error)
    }

    async fn read(&self, session: &Session, name: &str) -> Result<Vec<u8>, ShelfError> {
        let sftp = &session.sftp;
        let opened = sftp.open(self.path(name), OpenFlags::READ, FileAttributes::empty()).await;
        let file =
            opened.map_err(|error| missing(name, &error).unwrap_or_else(|| self.failed(&error)))?.handle;
        let size =
            sftp.fstat(file.clone()).await.map_err(|error| self.failed(&error))?.attrs.size.unwrap_or(0);
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= MAX_FILE) else {
            let _ = sftp.close(file).await;
            return Err(ShelfError::Permanent(format!(
                "{name} in {} is longer than {MAX_FILE} bytes.",
                self.place
            )));
        };
        let pieces = (0..size).step_by(PIECE).map(|at| {
            let (file, length) = (file.clone(), PIECE.min(size - at));
            async move { piece(sftp, file, at, length).await }
        });
        let read: Result<Vec<Vec<u8>>, Failure> = stream::iter(pieces).buffered(AHEAD).try_collect().await;
        let _ = sftp.close(file).await;
        let bytes = read.map_err(|error| self.failed(&error))?.concat();
        if bytes.len() != size {
            return Err(ShelfError::Transient(format!("{} sent only a part of {name}.", self.place)));
        }
        Ok(bytes)
    }

    async fn look(&self, session: &Session, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            check_name(folder)?;
        }
        let (mut found, mut seen) = (Vec::new(), 0);
        let mut waiting = vec![(folder.to_owned(), 0)];
        while let Some((folder, depth)) = waiting.pop() {
            let path = if folder.is_empty() { self.at.folder.clone() } else { self.path(&folder) };
            let opened = match session.sftp.opendir(path).await {
                Ok(opened) => opened.handle,
                Err(error) if missing(&folder, &error).is_some() => continue,
                Err(error) => return Err(self.failed(&error)),
            };
            loop {
                let page = match session.sftp.readdir(opened.clone()).await {
                    Ok(page) => page.files,
                    Err(Failure::Status(status)) if status.status_code == StatusCode::Eof => break,
                    Err(error) => return Err(self.failed(&error)),
                };
                // A page without files that is not the end counts too, or it would never end.
                seen += page.len().max(1);
                if seen > MOST_LISTED {
                    return Err(endless(&self.place));
                }
                for file in page {
                    let name = match folder.is_empty() {
                        true => file.filename,
                        false => format!("{folder}/{}", file.filename),
                    };
                    if check_name(&name).is_err() {
                        continue;
                    }
                    if file.attrs.is_dir() {
                        if depth < DEEPEST {
                            waiting.push((name, depth + 1));
                        }
                    } else if name.starts_with(prefix) {
                        found.push(Held { name, size: file.attrs.size.unwrap_or(0) });
                    }
                }
            }
            let _ = session.sftp.close(opened).await;
        }
        found.sort();
        found.dedup_by(|a, b| a.name == b.name);
        Ok(found)
    }
}

/// One piece of a file, in as many answers as the server gives; shorter where the file ends.
async fn piece(sftp: &RawSftpSession, file: String, at: usize, length: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let rest = length - bytes.len();
        match sftp
            .read(file.clone(), (at + bytes.len()) as u64, u32::try_from(rest).unwrap_or(u32::MAX))
            .await
        {
            Ok(data) if data.data.is_empty() => break,
            Ok(data) if data.data.len() > rest => {
                return Err(Failure::UnexpectedBehavior("more bytes than were asked for".to_owned()));
            }
            Ok(data) => bytes.extend_from_slice(&data.data),
            Err(Failure::Status(status)) if status.status_code == StatusCode::Eof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

impl Shelf for SftpShelf {
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        check_name(name)?;
        if bytes.len() > MAX_FILE {
            return Err(ShelfError::Permanent(format!("{name} is longer than {MAX_FILE} bytes.")));
        }
        self.with(bytes.len(), async |session| self.write(session, name, bytes).await)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, ShelfError> {
        check_name(name)?;
        self.with(MAX_FILE, async |session| self.read(session, name).await)
    }

    fn list(&self, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        self.with(LISTING, async |session| self.look(session, prefix).await)
    }

    fn delete(&self, name: &str) -> Result<(), ShelfError> {
        check_name(name)?;
        self.with(0, async |session| match session.sftp.remove(self.path(name)).await {
            Ok(_) => Ok(()),
            Err(error) if missing(name, &error).is_some() => Ok(()),
            Err(error) => Err(self.failed(&error)),
        })
    }

    fn describe(&self) -> String {
        self.place.clone()
    }
}

/// Whether a secret is a private key rather than a password.
fn is_key(secret: &str) -> bool {
    secret.trim_start().starts_with("-----BEGIN")
}

fn read_key(secret: &str) -> Result<russh::keys::PrivateKey, ShelfError> {
    decode_secret_key(secret, None).map_err(|error| {
        ShelfError::Permanent(format!(
            "This private key cannot be used ({error}). Make one with: ssh-keygen -t ed25519 -N \"\""
        ))
    })
}

/// The error for a file that is not there, when that is what the server says.
fn missing(name: &str, error: &Failure) -> Option<ShelfError> {
    match error {
        Failure::Status(status) if status.status_code == StatusCode::NoSuchFile => {
            Some(ShelfError::Missing(name.to_owned()))
        }
        _ => None,
    }
}

/// What a failure of SFTP means for the caller.
fn explain(place: &str, error: &Failure) -> ShelfError {
    match error {
        Failure::Status(status) => {
            let said: String = status.error_message.chars().filter(|c| !c.is_control()).take(200).collect();
            match status.status_code {
                StatusCode::PermissionDenied => ShelfError::Permanent(format!(
                    "The user may not write to {place}. Give the folder to the user on the server."
                )),
                StatusCode::NoSuchFile => {
                    ShelfError::Permanent(format!("There is no {place}. Make it on the server."))
                }
                StatusCode::OpUnsupported => {
                    ShelfError::Permanent(format!("{place} cannot be used for backups: {said}."))
                }
                _ if said.to_ascii_lowercase().contains("space")
                    || said.to_ascii_lowercase().contains("quota") =>
                {
                    ShelfError::Full(format!("There is no room in {place}."))
                }
                _ => ShelfError::Transient(format!("The server could not do it in {place}: {said}.")),
            }
        }
        other => ShelfError::Transient(format!("The connection to {place} broke: {other}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_used_are_refused_with_their_field() {
        let place = SftpPlace {
            host: "nas.lan".into(),
            port: 22,
            user: "clinic".into(),
            folder: "backups".into(),
            host_key: format!("SHA256:{}", data_encoding::BASE64_NOPAD.encode(&[7; 32])),
        };
        assert_eq!(place.check(), Ok(()));
        for (change, field) in [
            (SftpPlace { host: "a b".into(), ..place.clone() }, "host"),
            (SftpPlace { port: 0, ..place.clone() }, "port"),
            (SftpPlace { user: String::new(), ..place.clone() }, "user"),
            (SftpPlace { folder: "a/../b".into(), ..place.clone() }, "folder"),
            (SftpPlace { host_key: "MD5:00".into(), ..place.clone() }, "hostKey"),
        ] {
            assert_eq!(change.check().unwrap_err().0, field);
        }
        assert!(SftpShelf::open(&place, "-----BEGIN OPENSSH PRIVATE KEY-----\nrubbish").is_err());
    }
}

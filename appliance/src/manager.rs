//! The service manager that started the box, if one did: it is told how far the start is, that the box is ready and why it
//! stops, it is fed while the box works, and it may hold the ports open over restarts (sd_notify(3), sd_listen_fds(3)).
//!
//! Without one every call does nothing.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

/// While the start goes on it is given this long from each word of it on.
const LONGER: Duration = Duration::from_secs(60);
/// What one start may hold open.
const MOST: usize = 16;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// A sentence for `systemctl status`.
pub fn says(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// The start goes on: it is not to be given up yet.
pub fn starting(text: &str) {
    let longer = u32::try_from(LONGER.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(longer), NotifyState::Status(text)]);
}

/// The box answers.
pub fn ready(text: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(text)]);
}

/// The box ends in order.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The box works.
pub fn fed() {
    tell(&[NotifyState::Watchdog]);
}

/// The box is ended and started anew when it was not fed for so long.
pub fn patience() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Whether there is one.
#[allow(clippy::disallowed_methods)] // The service manager's variable, not a setting of the box.
pub fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Where the secret lies that it hands over under a name (systemd.exec(5), `LoadCredential=`), if it does.
#[allow(clippy::disallowed_methods)] // The service manager's variable, not a setting of the box.
pub fn credential(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?).join(name);
    path.exists().then_some(path)
}

/// Ports that were opened before the start, by name.
#[derive(Debug, Default)]
pub struct Ports(HashMap<String, TcpListener>);

impl Ports {
    /// What was handed over. A socket that is no TCP listener is left out and said.
    #[allow(clippy::disallowed_methods)] // The service manager's variable, not a setting of the box.
    pub fn handed_over() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut given = ListenFd::from_env();
        let mut ports = HashMap::new();
        for (at, name) in names.split(':').enumerate().take(given.len().min(MOST)) {
            match given.take_tcp_listener(at) {
                Ok(Some(listener)) => drop(ports.insert(name.to_owned(), listener)),
                Ok(None) => {}
                Err(error) => tracing::warn!(name, %error, "a socket that was handed over is none for TCP"),
            }
        }
        Self(ports)
    }

    /// The port of this name, once.
    pub fn take(&mut self, name: &str) -> Option<TcpListener> {
        self.0.remove(name)
    }
}

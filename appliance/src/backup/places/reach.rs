//! Which addresses a place may have.
//!
//! Whoever answers for a name must not lead the box to itself by surprise: numbers that no store can have are never asked,
//! and nothing goes unencrypted over the internet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWay {
    /// It may be there later.
    Later(String),
    /// It is no place to go to.
    Never(String),
}

/// How far away an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Far {
    Near,
    Public,
    Nowhere,
}

fn far(address: IpAddr) -> Far {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            if v4.is_unspecified() || v4.is_multicast() || v4.is_link_local() || v4 == Ipv4Addr::BROADCAST {
                Far::Nowhere
            } else if v4.is_private() || v4.is_loopback() || shared {
                Far::Near
            } else {
                Far::Public
            }
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            if v6.is_unspecified() || v6.is_multicast() || first & 0xffc0 == 0xfe80 {
                Far::Nowhere
            } else if v6.is_loopback() || first & 0xfe00 == 0xfc00 {
                Far::Near
            } else {
                Far::Public
            }
        }
    }
}

/// Whether a place at this address may be asked; without encryption only in the clinic's own network.
pub fn may_ask(address: IpAddr, encrypted: bool) -> bool {
    match far(address) {
        Far::Near => true,
        Far::Public => encrypted,
        Far::Nowhere => false,
    }
}

/// Opens a connection to a place.
///
/// # Errors
/// [`NoWay`].
pub async fn connect(host: &str, port: u16, encrypted: bool) -> Result<TcpStream, NoWay> {
    let found = timeout(CONNECT, lookup_host((host, port))).await;
    let found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.take(MOST_ADDRESSES).collect(),
        Ok(Err(_)) | Err(_) => {
            return Err(NoWay::Later(format!(
                "The name {host} is not found. Look at the spelling, and whether the internet is there."
            )));
        }
    };
    let allowed: Vec<SocketAddr> = found.into_iter().filter(|at| may_ask(at.ip(), encrypted)).collect();
    if allowed.is_empty() {
        return Err(NoWay::Never(if encrypted {
            format!("{host} is no address of a place for backups.")
        } else {
            format!("{host} is not in the clinic's own network. Use an address that begins with https://.")
        }));
    }
    let mut last = String::new();
    for at in allowed {
        match timeout(CONNECT, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("no answer within {} s", CONNECT.as_secs()),
        }
    }
    Err(NoWay::Later(format!(
        "{host} does not answer at port {port} ({last}). Look whether it is switched on."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_unencrypted_over_the_internet_and_nothing_to_nowhere() {
        for (address, encrypted, plain) in [
            ("127.0.0.1", true, true),
            ("192.168.1.9", true, true),
            ("10.2.3.4", true, true),
            ("100.64.0.1", true, true),
            ("fd00::7", true, true),
            ("::1", true, true),
            ("52.95.110.1", true, false),
            ("2600:1f18::1", true, false),
            ("::ffff:52.95.110.1", true, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("fe80::1", false, false),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("ff02::1", false, false),
        ] {
            let ip: IpAddr = address.parse().unwrap();
            assert_eq!((may_ask(ip, true), may_ask(ip, false)), (encrypted, plain), "{address}");
        }
    }
}

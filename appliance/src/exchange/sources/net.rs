//! Addresses and networks that may send: `192.168.4.7`, `10.20.0.0/16`, `fd00::/8`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an address such as 192.168.4.7 or a network such as 10.20.0.0/16, with no bits set behind its length"
)]
pub struct NotANetwork;

impl Network {
    /// Whether an address belongs to it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                head(u128::from(own.to_bits()) << 96, self.bits)
                    == head(u128::from(other.to_bits()) << 96, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                head(own.to_bits(), self.bits) == head(other.to_bits(), self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn head(address: u128, bits: u8) -> u128 {
    if bits == 0 { 0 } else { address >> (128 - u32::from(bits).min(128)) }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let (most, value) = match address {
            IpAddr::V4(own) => (32, u128::from(own.to_bits()) << 96),
            IpAddr::V6(own) => (128, own.to_bits()),
        };
        let bits = match bits {
            None => most,
            Some(text) => text.parse().ok().filter(|bits| *bits <= most).ok_or(NotANetwork)?,
        };
        let rest = if bits >= 128 { 0 } else { value << bits };
        if rest != 0 {
            return Err(NotANetwork);
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == most {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.bits)
        }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;

    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, holds) in [
            ("10.20.0.0/16", "10.20.3.4", true),
            ("10.20.0.0/16", "10.21.3.4", false),
            ("10.20.0.0/16", "::ffff:10.20.3.4", true),
            ("192.168.4.7", "192.168.4.7", true),
            ("192.168.4.7", "192.168.4.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "fd00::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::1", true),
            ("::/0", "fe80::1", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.holds(address.parse().unwrap()), holds, "{network} {address}");
            assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
        for text in ["", "10.20.0.1/16", "10.0.0.0/33", "lab", "10.0.0.0/", "fd00::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}

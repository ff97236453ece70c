//! Settings of calls.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::lan::addresses;

/// Where media go (0193, 0197), and whether they may be recorded (0212).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    pub ports: String,
    pub addresses: Vec<IpAddr>,
    pub people: usize,
    pub stun: Vec<String>,
    pub turn: Vec<String>,
    pub turn_secret_file: PathBuf,
    pub relay_seconds: u64,
    pub recording: bool,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ports: String::new(),
            addresses: Vec::new(),
            people: 6,
            stun: Vec::new(),
            turn: Vec::new(),
            turn_secret_file: PathBuf::new(),
            relay_seconds: 6 * 3600,
            recording: false,
        }
    }
}

impl Calls {
    /// The UDP ports; none for any free one.
    ///
    /// # Errors
    /// A sentence when they are written in another way.
    pub fn range(&self) -> Result<Option<RangeInclusive<u16>>, String> {
        if self.ports.is_empty() {
            return Ok(None);
        }
        let read = || {
            let (first, last) = self.ports.split_once('-')?;
            let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (0 < first && first <= last).then_some(first..=last)
        };
        let wrong = || format!("calls.ports: \"{}\" is no range such as 40000-40100", self.ports);
        read().map(Some).ok_or_else(wrong)
    }

    /// The addresses that browsers are told: those that are set, else the box's own, else itself.
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        if !self.addresses.is_empty() {
            return self.addresses.clone();
        }
        // A link-local address needs a zone, which no candidate has.
        let usable = |address: &IpAddr| match address {
            IpAddr::V4(v4) => !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        };
        let own: Vec<IpAddr> = addresses::local().into_iter().filter(usable).collect();
        if own.is_empty() { vec![IpAddr::from([127, 0, 0, 1])] } else { own }
    }

    /// The secret shared with the relay; empty without one.
    ///
    /// # Errors
    /// A sentence when its file cannot be read.
    pub fn secret(&self) -> Result<String, String> {
        if self.turn_secret_file.as_os_str().is_empty() {
            return Ok(String::new());
        }
        let path = &self.turn_secret_file;
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("calls.turn_secret_file: cannot read {}: {error}", path.display()))?;
        Ok(text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_ports() {
        let range = |text: &str| Calls { ports: text.to_owned(), ..Calls::default() }.range();
        assert_eq!(range(""), Ok(None));
        assert_eq!(range("40000-40100"), Ok(Some(40_000..=40_100)));
        for wrong in ["40000", "0-5", "5-4", "1-70000", "a-b"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}

//! The addresses of this machine on its networks, for the certificate and for the line that tells people where to go.
//!
//! Reads what Linux says under `/proc/self/net`, which a service sees too that is shown nothing else of /proc; elsewhere, asks which own address the system would use to reach the outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Every address of the machine but loopback, sorted. May be empty (no network).
pub fn local() -> Vec<IpAddr> {
    let v4 = std::fs::read_to_string("/proc/self/net/fib_trie").map(|text| from_fib_trie(&text));
    let v6 = std::fs::read_to_string("/proc/self/net/if_inet6").map(|text| from_if_inet6(&text));
    let mut all: Vec<IpAddr> = match (v4, v6) {
        (Err(_), Err(_)) => from_route().into_iter().collect(),
        (v4, v6) => {
            let v4 = v4.unwrap_or_default().into_iter().map(IpAddr::V4);
            v4.chain(v6.unwrap_or_default().into_iter().map(IpAddr::V6)).collect()
        }
    };
    all.retain(|address| !address.is_loopback());
    all.sort();
    all.dedup();
    all
}

/// The routing trie lists each local address as a line `|-- ADDRESS` followed by `/32 host LOCAL`.
fn from_fib_trie(text: &str) -> Vec<Ipv4Addr> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .iter()
        .zip(lines.iter().skip(1))
        .filter(|(_, next)| next.contains("/32 host LOCAL"))
        .filter_map(|(line, _)| line.strip_prefix("|-- ")?.parse().ok())
        .collect()
}

/// Each line starts with the address as 32 hex digits.
fn from_if_inet6(text: &str) -> Vec<Ipv6Addr> {
    text.lines()
        .filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok())
        .map(Ipv6Addr::from)
        .collect()
}

/// Connecting a datagram socket sends nothing; it only chooses the own address. 192.0.2.1 is for documentation
/// (RFC 5737) and leads to the default route.
fn from_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_addresses_are_read_from_the_trie() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 192.168.1.0/24 2 0 2\n        |-- 192.168.1.0\n           /24 link UNICAST\n        |-- 192.168.1.20\n           /32 host LOCAL\n        |-- 192.168.1.255\n           /32 link BROADCAST\nLocal:\n        |-- 127.0.0.1\n           /32 host LOCAL\n";
        assert_eq!(from_fib_trie(text), [Ipv4Addr::new(192, 168, 1, 20), Ipv4Addr::LOCALHOST]);
        assert!(from_fib_trie("nonsense").is_empty());
    }

    #[test]
    fn the_local_addresses_are_read_from_the_list() {
        let text = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe80000000000000021122fffe334455 02 40 20 80     eth0\nshort\n";
        assert_eq!(
            from_if_inet6(text),
            [Ipv6Addr::LOCALHOST, "fe80::211:22ff:fe33:4455".parse::<Ipv6Addr>().unwrap()]
        );
    }
}

//! Where a notification may be sent: an address, the list of addresses that the clinic allows, and what a name may lead
//! to when it is looked up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest address, bytes.
const LONGEST: usize = 2_000;

/// An address, split. Only `http` and `https`, without user, password or fragment, in plain ASCII.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Over TLS.
    pub secure: bool,
    /// Name or number, in small letters; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, at least `/`.
    pub target: String,
}

/// Prints no query: it may hold a secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("it is longer than 2000 bytes");
        }
        let plain = |b: u8| {
            b.is_ascii_graphic()
                && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        };
        if !text.bytes().all(plain) {
            return Err("it holds characters that an address cannot have");
        }
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let (secure, rest) = match (lower.strip_prefix("https://"), lower.strip_prefix("http://")) {
            (Some(_), _) => (true, text.get(8..)),
            (_, Some(_)) => (false, text.get(7..)),
            (None, None) => return Err("it must begin with https://"),
        };
        let rest = rest.unwrap_or_default();
        if rest.contains('#') {
            return Err("it has a fragment, which is never sent");
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("it holds a user name; send credentials in channel.header");
        }
        let (host, port) = host_and_port(authority, if secure { 443 } else { 80 })?;
        let path = target.split('?').next().unwrap_or_default();
        if path.split('/').any(is_dots) {
            return Err("its path goes upwards");
        }
        let target = match target.starts_with('/') {
            true => target.to_owned(),
            false => format!("/{target}"),
        };
        Ok(Self { secure, host, port, target })
    }

    /// The value of the `Host` header.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The address without its query.
    pub fn shown(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority(), self.path())
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// `.` and `..`, also with their dots as escapes.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn host_and_port(authority: &str, usual: u16) -> Result<(String, u16), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("its host cannot be read")?;
            host.parse::<Ipv6Addr>().map_err(|_| "its host cannot be read")?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some("")).ok_or("its port cannot be read")?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let numbered = authority.starts_with('[');
    if host.is_empty() || host.len() > 253 || (!numbered && !host.bytes().all(named)) {
        return Err("its host cannot be read");
    }
    // `127.1` and `0x7f000001` are spellings of addresses that some resolvers take; one spelling is enough.
    let last = host.rsplit('.').next().unwrap_or_default();
    let like_a_number =
        last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    if !numbered && like_a_number && host.parse::<Ipv4Addr>().is_err() {
        return Err("its host is an address in an unusual spelling");
    }
    let port = match port {
        "" => usual,
        text => text.parse().ok().filter(|port| *port > 0).ok_or("its port cannot be read")?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// The addresses that the clinic allows: each covers its scheme, host and port, and its path with everything below.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    rules: Vec<Endpoint>,
    private: bool,
}

impl Allowed {
    /// A list. With `private`, a listed name may lead to an address of a private network.
    ///
    /// # Errors
    /// The entry that cannot be read, and why.
    pub fn new(entries: &[String], private: bool) -> Result<Self, String> {
        let read = |entry: &String| match Endpoint::parse(entry) {
            Ok(rule) if rule.target.contains('?') => Err(format!("{entry}: it has a query")),
            Ok(rule) => Ok(rule),
            Err(why) => Err(format!("{entry}: {why}")),
        };
        Ok(Self { rules: entries.iter().map(read).collect::<Result<_, _>>()?, private })
    }

    /// Whether a notification may be sent there at all.
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        self.rules.iter().any(|rule| {
            (rule.secure, &rule.host, rule.port) == (endpoint.secure, &endpoint.host, endpoint.port)
                && is_below(endpoint.path(), rule.path())
        })
    }

    /// Whether the connection may be made to this address, which the host of `endpoint` was found to have. A number is
    /// what it is; a name never leads to the box itself or its own link, and into a private network only where that is
    /// allowed: whoever answers for a name must not be able to point the box at its neighbours.
    pub fn may_reach(&self, endpoint: &Endpoint, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if let Ok(named) = endpoint.host.parse::<IpAddr>() {
            return named.to_canonical() == address;
        }
        if endpoint.host == "localhost" {
            return address.is_loopback();
        }
        match reach(address) {
            Reach::Public => true,
            Reach::Private => self.private,
            Reach::Never => false,
        }
    }
}

/// Whether a path is `folder` or below it, at a border of segments.
fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

enum Reach {
    Public,
    Private,
    Never,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            if v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || a == 0 || a >= 240 {
                Reach::Never
            } else if v4.is_private() || shared {
                Reach::Private
            } else {
                Reach::Public
            }
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            let (link, unique) = (first & 0xffc0 == 0xfe80, first & 0xfe00 == 0xfc00);
            // Carried in another protocol, an address could be any: 6to4, Teredo, NAT64.
            let carried = first == 0x2002 || v6.segments().starts_with(&[0x2001, 0]) || first == 0x64;
            if v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || link || carried {
                Reach::Never
            } else if unique {
                Reach::Private
            } else {
                Reach::Public
            }
        }
    }
}

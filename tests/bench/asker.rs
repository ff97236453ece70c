//! Requests to a FHIR server: the box itself, or a peer beside it.

use std::net::SocketAddr;

use clinicvault_tests::Clinic;

use crate::load::{HttpClient, Run, Until, drive};

/// Whole HTTP requests as bytes, to one FHIR server.
pub struct Asker {
    address: SocketAddr,
    /// What stands before a type in its addresses: `/fhir`, or nothing.
    base: String,
    /// Header lines that every request carries.
    headers: String,
}

impl Asker {
    /// The box, with a token of full scope.
    pub fn of(clinic: &Clinic) -> Asker {
        let headers = format!("Authorization: Bearer {}\r\n", clinic.token());
        Asker { address: clinic.server().http, base: "/fhir".into(), headers }
    }

    /// Another server, at `address/base`, that asks for no token.
    pub fn peer(address: SocketAddr, base: &str) -> Asker {
        Asker { address, base: base.trim_end_matches('/').to_owned(), headers: String::new() }
    }

    /// A GET of `path` (`/Patient/1`).
    pub fn get(&self, path: &str, out: &mut Vec<u8>) {
        let (base, headers) = (&self.base, &self.headers);
        out.extend_from_slice(
            format!("GET {base}{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes(),
        );
    }

    /// A POST to `path` (`/Patient`; empty for a transaction).
    pub fn post(&self, path: &str, body: &str, out: &mut Vec<u8>) {
        self.write("POST", path, body, out);
    }

    /// A PUT to `path`.
    pub fn put(&self, path: &str, body: &str, out: &mut Vec<u8>) {
        self.write("PUT", path, body, out);
    }

    fn write(&self, method: &str, path: &str, body: &str, out: &mut Vec<u8>) {
        let (base, headers, length) = (&self.base, &self.headers, body.len());
        let path = if base.is_empty() && path.is_empty() { "/" } else { path };
        out.extend_from_slice(
            format!(
                "{method} {base}{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\
                 Content-Type: application/fhir+json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
    }

    /// A round of load.
    pub fn run(&self, connections: usize, until: Until, request: impl Fn(usize, &mut Vec<u8>) + Sync) -> Run {
        self.run_keeping(connections, until, request, |_, _| {})
    }

    /// The same, looking at each answer.
    pub fn run_keeping(
        &self,
        connections: usize,
        until: Until,
        request: impl Fn(usize, &mut Vec<u8>) + Sync,
        keep: impl Fn(usize, &[u8]) + Sync,
    ) -> Run {
        drive::<HttpClient>(self.address, connections, until, request, keep)
            .expect("the server answers as expected")
    }
}

//! A small blocking HTTP/1.1 client with keep-alive: what a test needs and no more.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::mllp::{Identity, client_config};

/// A test never waits longer than this for a byte.
const READ_LIMIT: Duration = Duration::from_secs(60);

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A client of one address. Keeps one connection and opens another when the peer has closed it.
pub struct Http {
    address: SocketAddr,
    tls: Option<Arc<rustls::ClientConfig>>,
    headers: Vec<(String, String)>,
    wire: Option<BufReader<Box<dyn Wire>>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header field of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("status {}, not JSON ({e}): {}", self.status, self.text()))
    }

    /// Checks the status and hands the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

impl Http {
    /// Plain HTTP.
    pub fn plain(address: SocketAddr) -> Http {
        Http { address, tls: None, headers: Vec::new(), wire: None }
    }

    /// HTTPS, trusting the authorities in `ca_pem` and asking for the name `localhost`.
    pub fn tls(address: SocketAddr, ca_pem: &str) -> Http {
        Http::tls_as(address, ca_pem, None)
    }

    /// The same with a certificate of the client's own.
    pub fn tls_as(address: SocketAddr, ca_pem: &str, own: Option<&Identity>) -> Http {
        let config = client_config(ca_pem, own);
        Http { address, tls: Some(Arc::new(config)), headers: Vec::new(), wire: None }
    }

    /// The same client with a header field on every request from now on (replaces one of the same name).
    pub fn with(mut self, name: &str, value: &str) -> Http {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same client with a bearer token.
    pub fn bearer(self, token: &str) -> Http {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// DELETE.
    pub fn delete(&mut self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// POST of a FHIR resource or bundle.
    pub fn post_fhir(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())
    }

    /// PUT of a FHIR resource.
    pub fn put_fhir(&mut self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("Content-Type", "application/fhir+json")], body.to_string().as_bytes())
    }

    /// POST to the UI's interface.
    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// PATCH to the UI's interface.
    pub fn patch(&mut self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// Any request; panics when the box cannot be reached.
    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// Any request. A connection kept from before may have been closed by the peer: then, and only when nothing of
    /// an answer has been seen, one with a safe method is sent again. Everything else is reported as it happened.
    pub fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let kept = self.wire.is_some();
        match self.exchange(method, path, headers, body) {
            Err(e) if kept && method == "GET" && e.kind() != io::ErrorKind::InvalidData => {
                self.exchange(method, path, headers, body)
            }
            other => other,
        }
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => self.connect()?,
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\n", self.address.port());
        let own = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method != "GET" {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        // A server may answer and close before it has read a body that it refuses: the answer counts.
        let written = wire.get_mut().write_all(&bytes).and_then(|()| wire.get_mut().flush());
        let answer = match read_answer(&mut wire, method) {
            Ok(answer) => answer,
            Err(e) => return Err(written.err().unwrap_or(e)),
        };
        if written.is_ok() && answer.header("connection").is_none_or(|c| !c.eq_ignore_ascii_case("close")) {
            self.wire = Some(wire);
        }
        Ok(answer)
    }

    fn connect(&self) -> io::Result<BufReader<Box<dyn Wire>>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(READ_LIMIT))?;
        stream.set_nodelay(true)?;
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = rustls_pki_types::ServerName::try_from("localhost").map_err(io::Error::other)?;
                let connection =
                    rustls::ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Box::new(rustls::StreamOwned::new(connection, stream))
            }
        };
        Ok(BufReader::with_capacity(32 * 1024, wire))
    }
}

/// Reads one answer. `InvalidData` when it is not HTTP, `UnexpectedEof` when the peer left in the middle.
pub fn read_answer(wire: &mut impl BufRead, method: &str) -> io::Result<Answer> {
    loop {
        let head = read_line(wire)?;
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, format!("not a status line: {head:?}"))
            })?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(wire)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not a header"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if status == 100 {
            continue;
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if method != "HEAD" && status != 204 && status != 304 {
            answer.body = read_body(wire, &answer)?;
        }
        return Ok(answer);
    }
}

fn read_body(wire: &mut impl BufRead, head: &Answer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.header("transfer-encoding").is_some_and(|t| t.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(wire)?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            let start = body.len();
            body.resize(start + size, 0);
            wire.read_exact(&mut body[start..])?;
            read_line(wire)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match head.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => {
            body.resize(length, 0);
            wire.read_exact(&mut body)?;
        }
        Some(Err(e)) => return Err(io::Error::new(io::ErrorKind::InvalidData, e)),
        None => {
            wire.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_line(wire: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    wire.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: &[u8], expected: Result<(u16, &str), io::ErrorKind>) {
        let got = read_answer(&mut BufReader::new(wire), "GET");
        let got =
            got.as_ref().map(|a| (a.status, std::str::from_utf8(&a.body).unwrap())).map_err(io::Error::kind);
        assert_eq!(got, expected, "{}", String::from_utf8_lossy(wire));
    }

    #[test]
    fn answers_are_read_to_their_end_and_not_beyond() {
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1", Ok((200, "abc")));
        check(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
            Ok((200, "abc")),
        );
        check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Ok((204, "")));
    }

    #[test]
    fn an_answer_that_was_cut_off_is_an_error() {
        check(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Err(io::ErrorKind::UnexpectedEof));
        check(b"HTTP/1.1 200 OK\r\nContent-Le", Err(io::ErrorKind::UnexpectedEof));
        check(b"", Err(io::ErrorKind::UnexpectedEof));
        check(b"SSH-2.0\r\n", Err(io::ErrorKind::InvalidData));
    }
}

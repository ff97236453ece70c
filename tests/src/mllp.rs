//! A lab's side of an MLLP connection: frames out, acknowledgements in.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Start of a frame (HL7 v2 Transport, Release 1).
pub const START: u8 = 0x0B;
/// End of a frame, first byte; a CR follows.
pub const END: u8 = 0x1C;

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// One open connection.
pub struct Mllp {
    socket: TcpStream,
    stream: Box<dyn Wire>,
    unread: Vec<u8>,
}

/// A certificate that a peer made for itself, with its key.
pub struct Identity {
    certificate: String,
    key: String,
    der: Vec<u8>,
}

impl Identity {
    /// A new one for this host name.
    pub fn make(name: &str) -> Identity {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Identity {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
            der: made.cert.der().to_vec(),
        }
    }

    /// A self-signed certificate that ended at the beginning of this year.
    pub fn ended(name: &str, year: i32) -> Identity {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut about = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        about.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
        about.not_after = rcgen::date_time_ymd(year, 1, 1);
        let made = about.self_signed(&key).expect("a certificate");
        Identity { certificate: made.pem(), key: key.serialize_pem(), der: made.der().to_vec() }
    }

    /// SHA-256 of the certificate, as tools write it.
    pub fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.der);
        digest.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
    }

    /// The certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The key, PEM.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// TLS of a client that trusts the authorities of `ca_pem`, with a certificate of its own or without.
pub fn client_config(ca_pem: &str, own: Option<&Identity>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("a key");
            let chain = vec![CertificateDer::from(own.der.clone())];
            builder.with_client_auth_cert(chain, key).expect("a certificate with its key")
        }
    }
}

/// The parts of an acknowledgement that tests look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// MSA-1: `AA`, `AE`, `AR`, `CA`, `CE` or `CR`.
    pub code: String,
    /// MSA-2: the control id that it answers.
    pub control_id: String,
    /// The whole message.
    pub text: String,
}

impl Mllp {
    /// Opens a connection.
    pub fn connect(address: SocketAddr) -> io::Result<Mllp> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Mllp { socket: stream.try_clone()?, stream: Box::new(stream), unread: Vec::new() })
    }

    /// Opens a connection over TLS to the name `localhost`, trusting the authorities of `ca_pem`, with a certificate of
    /// its own or without. In TLS 1.3 a refusal of the certificate is seen only when something is read.
    pub fn connect_tls(address: SocketAddr, ca_pem: &str, own: Option<&Identity>) -> io::Result<Mllp> {
        let config = client_config(ca_pem, own);
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let socket = stream.try_clone()?;
        let name = "localhost".try_into().expect("a name");
        let session = rustls::ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut stream = rustls::StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Mllp { socket, stream: Box::new(stream), unread: Vec::new() })
    }

    /// Sends one framed message and waits for its acknowledgement.
    #[track_caller]
    pub fn send(&mut self, message: &str) -> Ack {
        self.try_send(message.as_bytes()).unwrap_or_else(|e| panic!("no acknowledgement: {e}"))
    }

    /// The same for any bytes, reporting what went wrong with the connection.
    pub fn try_send(&mut self, message: &[u8]) -> io::Result<Ack> {
        let mut frame = Vec::with_capacity(message.len() + 3);
        frame.push(START);
        frame.extend_from_slice(message);
        frame.extend_from_slice(&[END, b'\r']);
        self.write(&frame)?;
        self.read_ack()
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// How long a read waits before it fails.
    pub fn patience(&self, limit: Duration) {
        self.socket.set_read_timeout(Some(limit)).expect("a time above zero");
    }

    /// Reads the next frame as an acknowledgement.
    pub fn read_ack(&mut self) -> io::Result<Ack> {
        let frame = self.read_frame()?;
        let text = String::from_utf8_lossy(&frame).into_owned();
        let msa = text.split('\r').find(|s| s.starts_with("MSA"));
        let msa =
            msa.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no MSA: {text:?}")))?;
        let mut fields = msa.split('|').skip(1).map(str::to_owned);
        let code = fields.next().unwrap_or_default();
        let control_id = fields.next().unwrap_or_default();
        Ok(Ack { code, control_id, text })
    }

    /// Reads one frame's payload. `UnexpectedEof` when the box closed the connection.
    pub fn read_frame(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = self.unread.windows(2).position(|w| w == [END, b'\r']) {
                let rest = self.unread.split_off(end + 2);
                let frame = std::mem::replace(&mut self.unread, rest);
                let begin = frame.iter().position(|b| *b == START).map_or(0, |at| at + 1);
                return Ok(frame[begin..end].to_vec());
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.unread.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

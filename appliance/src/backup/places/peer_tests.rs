//! The places against servers of other makers (OpenSSH, moto), where they are installed, and against one that means harm.
#![allow(clippy::print_stderr)] // Whoever runs the tests is told what was skipped.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clinicvault_vault::backup::{Class, Held, MAX_FILE, Shelf};

use super::s3::{S3Place, S3Shelf};
use super::sftp::{SftpPlace, SftpShelf, host_key};

/// What every place promises.
fn keeps_its_promises(shelf: &dyn Shelf) {
    let held = |name: &str, size| Held { name: name.into(), size };
    assert_eq!(shelf.list("").unwrap(), []);
    assert_eq!(shelf.list("packs/").unwrap(), []);
    assert_eq!(shelf.get("packs/none").unwrap_err().class(), Class::Missing);
    shelf.delete("packs/none").unwrap();
    let large: Vec<u8> = (0..3_000_017_u32).map(|n| (n % 251) as u8).collect();
    shelf.put("packs/a0/one.age", b"one").unwrap();
    shelf.put("packs/two.age", &large).unwrap();
    shelf.put("sets/empty", b"").unwrap();
    shelf.put("packs/a0/one.age", b"again").unwrap();
    assert_eq!(shelf.get("packs/a0/one.age").unwrap(), b"again");
    assert_eq!(shelf.get("packs/two.age").unwrap(), large);
    assert_eq!(shelf.get("sets/empty").unwrap(), b"");
    let packs = [held("packs/a0/one.age", 5), held("packs/two.age", 3_000_017)];
    assert_eq!(shelf.list("packs/").unwrap(), packs);
    assert_eq!(shelf.list("packs/tw").unwrap(), packs[1..]);
    assert_eq!(shelf.list("").unwrap().len(), 3);
    assert_eq!(shelf.list("other/").unwrap(), []);
    shelf.delete("packs/two.age").unwrap();
    assert_eq!(shelf.list("packs/").unwrap(), packs[..1]);
    assert!(shelf.put("../x", b"").is_err());
    assert!(shelf.get("a/../b").is_err());
    assert_eq!(shelf.put("big", &vec![0; MAX_FILE + 1]).unwrap_err().class(), Class::Permanent);
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn answers(port: u16) {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody listens at {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// OpenSSH on loopback for whoever runs the tests; none where it is not installed.
struct Sshd {
    folder: tempfile::TempDir,
    port: u16,
    user: String,
    _process: Process,
}

fn keygen(path: &Path) -> bool {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    made.is_ok_and(|status| status.success())
}

impl Sshd {
    fn start() -> Option<Sshd> {
        let sshd = Path::new("/usr/sbin/sshd");
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        if !sshd.exists() || !keygen(&at("host")) || !keygen(&at("own")) || !keygen(&at("stranger")) {
            eprintln!("skipped: no OpenSSH here (openssh-server, openssh-sftp-server)");
            return None;
        }
        std::fs::copy(at("own.pub"), at("authorized")).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        if user == "root" {
            // Where OpenSSH wants to lock itself in when it is root.
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        let port = free_port();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n",
            at("host").display(),
            at("authorized").display()
        );
        std::fs::write(at("config"), config).unwrap();
        std::fs::create_dir(at("home")).unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let process = Process(child);
        answers(port);
        Some(Sshd { folder, port, user, _process: process })
    }

    fn key(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn place(&self, folder: &str) -> SftpPlace {
        SftpPlace {
            host: "127.0.0.1".into(),
            port: self.port,
            user: self.user.clone(),
            folder: self.folder.path().join(folder).display().to_string(),
            host_key: host_key("127.0.0.1", self.port).unwrap(),
        }
    }
}

#[test]
fn a_server_with_sftp_keeps_what_is_promised() {
    let Some(sshd) = Sshd::start() else { return };
    let own = sshd.key("own");
    let place = sshd.place("home/backups");
    let shelf = SftpShelf::open(&place, &own).unwrap();
    keeps_its_promises(&shelf);
    // The key is the one that its owner sees.
    let shown =
        Command::new("ssh-keygen").arg("-lf").arg(sshd.folder.path().join("host.pub")).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains(&place.host_key));
    // Files are for the owner's eyes, and nothing half written is left.
    let left: Vec<_> = walk(&sshd.folder.path().join("home"));
    assert!(left.iter().all(|path| !path.display().to_string().contains(".partial-")), "{left:?}");
    // What is no longer connected is connected anew.
    drop(shelf.list("").unwrap());
    assert_eq!(shelf.get("packs/a0/one.age").unwrap(), b"again");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_server_with_another_key_learns_nothing_and_a_stranger_is_kept_out() {
    let Some(sshd) = Sshd::start() else { return };
    let place = sshd.place("home");
    let other = SftpPlace { host_key: format!("SHA256:{}", "A".repeat(43)), ..place.clone() };
    let error = SftpShelf::open(&other, &sshd.key("own")).unwrap().list("").unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(
        error.to_string().contains("another key") && error.to_string().contains(&place.host_key),
        "{error}"
    );
    let stranger = SftpShelf::open(&place, &sshd.key("stranger")).unwrap();
    let error = stranger.list("").unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("does not let"), "{error}");
    let word = SftpShelf::open(&place, "a password").unwrap().list("").unwrap_err();
    assert_eq!(word.class(), Class::Permanent, "{word}");
    let nobody = SftpPlace { port: free_port(), ..place };
    assert_eq!(SftpShelf::open(&nobody, "x").unwrap().list("").unwrap_err().class(), Class::Transient);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_from_one_that_may_be_later() {
    let Some(sshd) = Sshd::start() else { return };
    let place = SftpPlace { folder: "/proc/none".into(), ..sshd.place("home") };
    let error = SftpShelf::open(&place, &sshd.key("own")).unwrap().put("a", b"x").unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
}

/// `moto_server` of PyPI: of the environment that the tests of other makers' clients have, or the one that is named.
fn moto() -> Option<(Process, SocketAddr)> {
    let named = std::env::var_os("CLINICVAULT_MOTO_SERVER").map(PathBuf::from);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.ancestors().nth(3)?.join("places-venv/bin/moto_server")));
    let Some(program) = [named, beside].into_iter().flatten().find(|path| path.exists()) else {
        eprintln!("skipped: no moto_server here (packaging/clients.sh places makes it)");
        return None;
    };
    let port = free_port();
    let child = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .env("MOTO_ALLOW_NONEXISTENT_REGION", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process(child);
    answers(port);
    let at: SocketAddr = ([127, 0, 0, 1], port).into();
    ask(at, "PUT /clinic-backups HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    Some((process, at))
}

fn ask(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn bucket(at: SocketAddr, bucket: &str, prefix: &str) -> S3Shelf {
    let place = S3Place {
        endpoint: format!("http://{at}"),
        region: String::new(),
        bucket: bucket.into(),
        prefix: prefix.into(),
        access_key: "AKIAEXAMPLE".into(),
        fingerprint: None,
    };
    S3Shelf::open(&place, "a secret of the store").unwrap()
}

#[test]
fn a_bucket_keeps_what_is_promised() {
    let Some((_moto, at)) = moto() else { return };
    keeps_its_promises(&bucket(at, "clinic-backups", ""));
    bucket(at, "clinic-backups", "").delete("packs/a0/one.age").unwrap();
    bucket(at, "clinic-backups", "").delete("sets/empty").unwrap();
    let below = bucket(at, "clinic-backups", "boxes/one");
    keeps_its_promises(&below);
    assert_eq!(bucket(at, "clinic-backups", "boxes/on").list("").unwrap(), []);
    let error = bucket(at, "no-such-bucket", "").put("a", b"x").unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("Make the bucket"), "{error}");
}

/// A store that answers what it is told to, and how often it was asked.
fn liar(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(n) if n > 0 => request.extend_from_slice(&piece[..n]),
                    _ => break,
                }
            }
            let _ = stream.write_all(&answer(&String::from_utf8_lossy(&request)));
        }
    });
    (at, asked)
}

fn page(keys: usize, truncated: bool) -> Vec<u8> {
    let one = |n| {
        format!(
            "<Contents><Key>packs/{n}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"x\"</ETag><Size>3</Size></Contents>"
        )
    };
    let next = if truncated { "<NextContinuationToken>again</NextContinuationToken>" } else { "" };
    let body = format!(
        "<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{next}{}</ListBucketResult>",
        (0..keys).map(one).collect::<String>()
    );
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn a_store_that_lists_without_end_is_not_believed() {
    let (at, asked) = liar(|_| page(5_000, true));
    let error = bucket(at, "bucket", "").list("").unwrap_err();
    assert_eq!(error.class(), Class::Permanent, "{error}");
    assert!(error.to_string().contains("200000"), "{error}");
    assert!(asked.load(Ordering::SeqCst) <= 42);
}

#[test]
fn a_store_that_lies_about_sizes_or_breaks_off_is_told_so() {
    let head = |length: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nLast-Modified: Mon, 23 Nov 2026 10:00:00 GMT\r\nETag: \"x\"\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    // Longer than any file; shorter than it says; cut in the head; not HTTP at all.
    for (answer, class) in [
        (head(MAX_FILE + 1).into_bytes(), Class::Transient),
        ([head(100).into_bytes(), b"only this".to_vec()].concat(), Class::Transient),
        (b"HTTP/1.1 200".to_vec(), Class::Transient),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), Class::Transient),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".to_vec(),
            Class::Permanent,
        ),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_vec(), Class::Permanent),
    ] {
        let told = String::from_utf8_lossy(&answer).into_owned();
        let (at, asked) = liar(move |_| answer.clone());
        let error = bucket(at, "bucket", "").get("packs/one").unwrap_err();
        assert_eq!(error.class(), class, "{told}: {error}");
        assert!(asked.load(Ordering::SeqCst) <= 12, "{told}");
    }
    let (at, _) = liar(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<Listless".to_vec());
    assert!(bucket(at, "bucket", "").list("").is_err());
}

//! Models of transcription come from a mirror or a file, whole and right or not at all; recordings that cannot be heard are refused
//! with advice.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use clinicvault_tests::binary::clinicvault;
use clinicvault_tests::shared::shared;

const VOICE: &str = "silero-v6.2.0";
const SHA256: &str = "2aa269b785eeb53a82983a20501ddf7c1d9c48e33ab63a41391ac6c9f7fb6987";

/// What the mirror does.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Pieces,
    Whole,
    CutOnce,
    Wrong,
}

/// A folder of one file over HTTP; gives its address and the heads of all requests.
fn mirror(bytes: Vec<u8>, manner: Manner) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/models", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let first =
                seen.lock().unwrap().iter().filter(|head: &&String| head.contains(SHA256)).count() == 0;
            let head = serve(stream, &bytes, manner, first);
            seen.lock().unwrap().push(head);
        }
    });
    (address, heads)
}

fn serve(mut stream: TcpStream, bytes: &[u8], manner: Manner, first: bool) -> String {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    while lines.read_line(&mut head).unwrap_or(0) > 2 {}
    let range = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let (status, body, extra) = match range.filter(|_| manner != Manner::Whole) {
        _ if !head.contains(SHA256) => ("404 Not Found", Vec::new(), String::new()),
        None => ("200 OK", bytes.to_vec(), String::new()),
        Some(range) => {
            let (from, to) = range.trim().split_once('-').unwrap();
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let content = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
            ("206 Partial Content", bytes[from..=to].to_vec(), content)
        }
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{extra}\r\n", body.len());
    let end = if manner == Manner::CutOnce && first { body.len() / 2 } else { body.len() };
    let _ = stream.write_all(&body[..end]);
    head
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    clinicvault().args(arguments).arg("--data").arg(folder).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(manner: Manner, part: usize, requests: usize) {
    let Some(source) = shared("data/models/ggml-silero-v6.2.0.bin") else { return };
    let bytes = fs::read(source).unwrap();
    let data = tempfile::tempdir().unwrap();
    let models = data.path().join("models");
    fs::create_dir(&models).unwrap();
    if part > 0 {
        fs::write(models.join(format!("{SHA256}.part")), &bytes[..part]).unwrap();
    }
    let (address, heads) = mirror(bytes.clone(), manner);
    let output = run(data.path(), &["model", "fetch", VOICE, "--from", &address]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(fs::read(models.join(format!("{SHA256}.bin"))).unwrap(), bytes);
    assert!(!models.join(format!("{SHA256}.part")).exists());
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), requests, "{heads:?}");
    assert!(heads[0].contains(&format!("bytes={part}-")), "{heads:?}");
    let list = text(&run(data.path(), &["model", "list"]));
    assert!(list.lines().any(|line| line.starts_with(VOICE) && line.contains("installed")), "{list}");
    assert!(run(data.path(), &["model", "remove", VOICE]).status.success());
    assert!(!models.join(format!("{SHA256}.bin")).exists());
}

#[test]
fn a_model_is_fetched_in_pieces_and_goes_on_where_it_stopped() {
    check(Manner::Pieces, 0, 1);
    check(Manner::Pieces, 123_456, 1);
}

#[test]
fn a_mirror_without_pieces_and_one_that_breaks_off_will_do() {
    check(Manner::Whole, 5000, 2);
    check(Manner::CutOnce, 0, 2);
}

#[test]
fn a_mirror_with_another_file_is_refused_and_nothing_stays() {
    let data = tempfile::tempdir().unwrap();
    let (address, _) = mirror(vec![7; 885_098], Manner::Wrong);
    let output = run(data.path(), &["model", "fetch", VOICE, "--from", &address]);
    assert!(!output.status.success());
    assert!(text(&output).contains("sha256"), "{}", text(&output));
    assert_eq!(fs::read_dir(data.path().join("models")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_used_is_refused_with_advice() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("song.mp3");
    fs::write(&file, b"ID3 and so on").unwrap();
    let song = file.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = run(data.path(), arguments);
        assert!(!output.status.success(), "{arguments:?}");
        text(&output)
    };
    assert!(said(&["model", "import", song]).contains("--name"));
    let named = said(&["model", "import", song, "--name", "mine-q8_0", "--languages", "hi"]);
    assert!(named.contains("ggml"), "{named}");
    assert!(said(&["model", "fetch", "base-q8_0"]).contains("--from"));
    assert!(said(&["model", "test", "base-q8_0"]).contains("not installed"));
    assert!(said(&["transcribe", song]).contains("no model for the language en"));
    assert!(said(&["transcribe", song, "--language", "hi"]).contains("model import"));
}

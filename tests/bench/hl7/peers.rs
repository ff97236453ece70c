//! The same messages to receivers of other makers, which answer and store nothing: a connection for each message, since
//! one of them closes its own after an answer and the other hands on everything since the connection began. There is no aim:
//! the box answers after its commit.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clinicvault_tests::Clinic;

use crate::load::{MllpClient, OneEach, Run, Until, drive, frame};
use crate::table::{Table, median};
use crate::{Scale, corpus};

const NODE: &str = r#"
import { Server } from "node-hl7-server";
import net from "node:net";
const probe = net.createServer().listen(0, "127.0.0.1");
await new Promise((resolve) => probe.once("listening", resolve));
const { port } = probe.address();
await new Promise((resolve) => probe.close(resolve));
const inbound = new Server({ bindAddress: "127.0.0.1" }).createInbound({ port }, (_, answer) => answer.sendResponse("AA"));
inbound.on("client.error", () => {});
inbound.on("listen", () => console.log(port));
"#;

const PYTHON: &str = r#"
from hl7apy.core import Message
from hl7apy.mllp import AbstractHandler, MLLPServer
class Taking(AbstractHandler):
    def reply(self):
        answer = Message("ACK", version="2.5.1")
        answer.msh.msh_9, answer.msh.msh_10, answer.msh.msh_11 = "ACK", "A", "P"
        answer.msa.msa_1, answer.msa.msa_2 = "AA", self.incoming_message.split("|", 10)[9]
        return answer.to_mllp()
server = MLLPServer("127.0.0.1", 0, {"ORU^R01^ORU_R01": (Taking,)})
server.daemon_threads = True
server.request_queue_size = 128
server.socket.listen(128)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

pub fn all(table: &mut Table, scale: &Scale) {
    let clinic = Clinic::open();
    // A message about somebody who is registered becomes records; one about a stranger waits for a person.
    let register = |_: usize, out: &mut Vec<u8>| frame(&corpus::adt(0, &corpus::Person::apart(0)), out);
    let registered = drive::<MllpClient>(clinic.server().mllp, 1, Until::Count(1), register, |_, _| {});
    registered.expect("the registration is acknowledged");
    let own: Vec<f64> = [1, 64].map(|n| rate(scale, clinic.server().mllp, n)).into();
    row(table, "the box, which stores them", &own);
    let scratch = clinic.scratch().join("peers");
    std::fs::create_dir_all(&scratch).expect("a writable folder");
    for (name, install) in
        [("node-hl7-server 2.5.0", node as fn(&Path) -> Result<Command, String>), ("hl7apy 1.3.5", python)]
    {
        match install(&scratch).and_then(Peer::start) {
            Err(why) => println!("{name} was not measured: {why}"),
            Ok(peer) => {
                let theirs: Vec<f64> = [1, 64].map(|n| rate(scale, peer.address, n)).into();
                row(table, name, &theirs);
                for (n, at) in ["1", "64"].iter().enumerate() {
                    let what =
                        format!("HL7, a connection for each message, {at} at once: the box against {name}");
                    table.figure(what, own[n] / theirs[n], "times");
                }
            }
        }
    }
}

fn row(table: &mut Table, who: &str, rates: &[f64]) {
    for (at, rate) in ["1", "64"].iter().zip(rates) {
        table.figure(format!("HL7, a connection for each message, {at} at once: {who}"), *rate, "/s");
    }
}

fn rate(scale: &Scale, address: SocketAddr, at_once: usize) -> f64 {
    let runs = (0..scale.rounds).map(|round| {
        let base = (at_once * 10 + round) * 1_000_000;
        let who = corpus::Person::apart(0);
        let request = |n: usize, out: &mut Vec<u8>| frame(&corpus::oru_about(base + n, &who), out);
        let run = drive::<OneEach>(address, at_once, Until::Time(scale.round / 2), request, |_, _| {});
        run.expect("every message is acknowledged")
    });
    median(runs.map(|run| Run::rate(&run)).collect())
}

struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    fn start(mut command: Command) -> Result<Peer, String> {
        let said = |e: std::io::Error| format!("it does not start: {e}");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(said)?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).map_err(said)?;
        match line.trim().parse() {
            Ok(port) => Ok(Peer { child, address: SocketAddr::from(([127, 0, 0, 1], port)) }),
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                Err("it does not listen".to_owned())
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn node(scratch: &Path) -> Result<Command, String> {
    let folder = scratch.join("node");
    let script = prepared(&folder, "server.mjs", NODE)?;
    let packages = [
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--fetch-retries=0",
        "node-hl7-server@2.5.0",
    ];
    done(Command::new("npm").current_dir(&folder).args(packages))?;
    let mut command = Command::new("node");
    command.arg(script);
    Ok(command)
}

fn python(scratch: &Path) -> Result<Command, String> {
    let folder = scratch.join("python");
    let script = prepared(&folder, "server.py", PYTHON)?;
    done(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
    let interpreter = folder.join("venv/bin/python");
    let pip = ["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "10", "hl7apy==1.3.5"];
    done(Command::new(&interpreter).args(pip))?;
    let mut command = Command::new(interpreter);
    command.arg(script);
    Ok(command)
}

fn prepared(folder: &Path, name: &str, script: &str) -> Result<PathBuf, String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let path = folder.join(name);
    std::fs::write(&path, script).map_err(|e| e.to_string())?;
    Ok(path)
}

/// Runs a command; its last line on stderr says why it failed.
fn done(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it could not be installed").to_owned())
}

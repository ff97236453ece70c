//! A whole clinic on a temporary folder: created with the command line, served by the real binary.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::server::Server;
use crate::{Http, Mllp, Person};

/// The owner's sign-in name in every test clinic.
pub const OWNER: &str = "owner";
/// The owner's password in every test clinic.
pub const OWNER_PASSWORD: &str = "Peacock-register-77 margin";

/// A clinic. `data` is what the clinic keeps, `logs` holds what the box printed; both go when it is dropped.
pub struct Clinic {
    folder: tempfile::TempDir,
    server: Option<Server>,
    extra: Vec<String>,
    environment: Vec<(String, String)>,
    token: RefCell<Option<String>>,
    /// What each person's authenticator app holds, by sign-in name (base32).
    pub(crate) secrets: RefCell<HashMap<String, String>>,
    /// The newest session cookie of each person, by sign-in name.
    pub(crate) sessions: RefCell<HashMap<String, String>>,
    /// What `init` printed (the recovery key among it).
    pub init_output: String,
}

impl Clinic {
    /// A clinic that is served. What most tests want.
    pub fn open() -> Clinic {
        let mut clinic = Clinic::create();
        clinic.start();
        clinic
    }

    /// `clinicvault init` with a key file, and nothing running.
    pub fn create() -> Clinic {
        let mut clinic = Clinic::empty();
        let password = clinic.folder.path().join("owner-password");
        std::fs::write(&password, OWNER_PASSWORD).expect("a writable temporary folder");
        let password = password.to_str().expect("a plain path").to_owned();
        let output =
            clinic.cli(&["init", "--owner", OWNER, "--password-file", &password, "--unlock", "keyfile"]);
        assert!(output.status.success(), "init failed: {}", String::from_utf8_lossy(&output.stderr));
        clinic.init_output = String::from_utf8_lossy(&output.stdout).into_owned();
        clinic
    }

    /// A folder without a clinic: what a first run in the browser finds.
    pub fn empty() -> Clinic {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("logs")).expect("a writable temporary folder");
        Clinic {
            folder,
            server: None,
            extra: Vec::new(),
            environment: Vec::new(),
            token: RefCell::new(None),
            secrets: RefCell::new(HashMap::new()),
            sessions: RefCell::new(HashMap::new()),
            init_output: String::new(),
        }
    }

    /// The data folder (`--data`).
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where `stdout` and `stderr` of the box are kept.
    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// A scratch folder beside the data.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Further arguments for `serve` from the next start on.
    pub fn serve_with(&mut self, extra: &[&str]) {
        self.extra = extra.iter().map(|s| (*s).to_owned()).collect();
    }

    /// A variable of the environment of `serve`, from the next start on.
    pub fn serve_in(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the box and waits until it is ready.
    pub fn start(&mut self) {
        self.try_start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Starts the box; says why when it does not come up.
    pub fn try_start(&mut self) -> Result<(), String> {
        assert!(self.server.is_none(), "already running");
        let extra: Vec<&str> = self.extra.iter().map(String::as_str).collect();
        self.server = Some(Server::start_in(&self.data(), &self.logs(), &extra, &self.environment)?);
        Ok(())
    }

    /// The running box.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the box runs")
    }

    /// Stops the box as a service manager does and checks that it went well and in time (5 s, as promised).
    pub fn stop(&mut self) -> Duration {
        let (status, took) = self.server.take().expect("the box runs").stop();
        assert!(status.success(), "stopped with {status}: {}", crate::server::tail(&self.logs(), "stderr"));
        assert!(took < Duration::from_secs(5), "stopping took {took:?}");
        took
    }

    /// Pulls the plug: SIGKILL.
    pub fn kill(&mut self) {
        self.server.take().expect("the box runs").kill();
    }

    /// Runs `clinicvault <args> --data <data>` to its end.
    pub fn cli(&self, args: &[&str]) -> Output {
        crate::binary::clinicvault()
            .args(args)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::null())
            .output()
            .expect("the box's binary runs")
    }

    /// Runs a sub-command that must succeed, and returns what it printed.
    pub fn cli_ok(&self, args: &[&str]) -> String {
        let output = self.cli(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// A new bearer token for a machine client with this scope, for example `system/*.cruds`.
    pub fn new_token(&self, scope: &str) -> String {
        let printed = self.cli_ok(&["token", "--scope", scope, "--ttl", "24h"]);
        let token = printed.lines().rev().find(|l| !l.trim().is_empty()).expect("a token is printed");
        token.trim().to_owned()
    }

    /// The token with full scope that [`Clinic::fhir`] uses; made once.
    pub fn token(&self) -> String {
        self.token.borrow_mut().get_or_insert_with(|| self.new_token("system/*.cruds")).clone()
    }

    /// A client of the box on this machine, without any right.
    pub fn http(&self) -> Http {
        Http::plain(self.server().http)
    }

    /// A machine client of `/fhir` with full scope.
    pub fn fhir(&self) -> Http {
        self.http().bearer(&self.token())
    }

    /// The same over HTTPS, trusting the clinic's own authority.
    pub fn https(&self) -> Http {
        Http::tls(self.server().https, &self.cli_ok(&["ca"]))
    }

    /// A lab's connection, plain MLLP on loopback.
    pub fn mllp(&self) -> Mllp {
        Mllp::connect(self.server().mllp).expect("the MLLP listener answers")
    }

    /// Signs the owner in, second factor included.
    pub fn owner(&self) -> Person<'_> {
        Person::sign_in(self, OWNER, OWNER_PASSWORD)
    }

    /// Adds a member of staff with these roles and signs them in with a password of their own. The owner adds them in the
    /// session that there is: to sign in once more would end that.
    pub fn staff(&self, username: &str, roles: &[&str]) -> Person<'_> {
        let mut owner = Person::still_there(self, OWNER).unwrap_or_else(|| self.owner());
        owner.add_staff(username, roles);
        Person::sign_in(self, username, &Person::temporary_password(username))
    }

    /// Everything the box has printed so far, both streams.
    pub fn printed(&self) -> Vec<u8> {
        let mut all = std::fs::read(self.logs().join("stdout")).unwrap_or_default();
        all.extend(std::fs::read(self.logs().join("stderr")).unwrap_or_default());
        all
    }
}

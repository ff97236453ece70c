//! Which `clinicvault` is under test: the one that the test runner built, or one built now.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The binary as a command, without the settings that this machine's environment may hold for another box.
pub fn clinicvault() -> Command {
    without_settings(Command::new(path()))
}

/// A command without them.
pub fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CLINICVAULT_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG");
    command
}

/// `CLINICVAULT_BIN` when set (the Makefile builds first and sets it), else what `cargo build` makes of the tree as
/// it stands, so that a single `cargo nextest run -p clinicvault-tests` never drives yesterday's binary.
pub fn path() -> &'static PathBuf {
    static BIN: OnceLock<PathBuf> = OnceLock::new();
    BIN.get_or_init(|| {
        if let Some(given) = std::env::var_os("CLINICVAULT_BIN") {
            return PathBuf::from(given);
        }
        // <target>/<profile>/deps/behaviour-<hash>  ->  <target>/<profile>
        let exe = std::env::current_exe().expect("the path of this test");
        let folder = exe.parent().and_then(|deps| deps.parent()).expect("a cargo target folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "-p", "clinicvault", "--bin", "clinicvault"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir").arg(folder.parent().expect("a cargo target folder"));
        let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs");
        assert!(status.success(), "the box does not build");
        folder.join("clinicvault")
    })
}

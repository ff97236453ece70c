//! The Debian package: what lies in it, as whom, and what its scripts do. Skipped where dpkg-deb is not installed.

use std::path::PathBuf;
use std::process::Command;

use clinicvault_tests::binary;

/// Everything that the package installs: mode, owner, path. A file that comes or goes is written down here.
const CONTENTS: &[&str] = &[
    "-rw-r--r-- root/root ./etc/clinicvault/clinicvault.toml",
    "-rwxr-xr-x root/root ./usr/bin/clinicvault",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault-http.socket",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault-https.socket",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault-scribe.slice",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault-scribe.socket",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault-scribe@.service",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault.service",
    "-rw-r--r-- root/root ./usr/lib/systemd/system/clinicvault.slice",
    "-rw-r--r-- root/root ./usr/lib/sysusers.d/clinicvault.conf",
    "-rw-r--r-- root/root ./usr/share/doc/clinicvault/changelog.gz",
    "-rw-r--r-- root/root ./usr/share/doc/clinicvault/copyright",
    "-rw-r--r-- root/root ./usr/share/man/man1/clinicvault.1.gz",
];

fn run_ok(program: &str, args: &[&str]) -> String {
    let run = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(run.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// The package of the binary under test.
fn packed(out: &std::path::Path) -> Option<PathBuf> {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        eprintln!("skipped: dpkg-deb is not installed");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb.sh");
    let run = Command::new(script)
        .arg(binary::path())
        .env("DEB_COMPRESS", "none")
        .env("DEB_OUT", out)
        .output()
        .expect("the script runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let path = said.strip_prefix("deb: ").and_then(|rest| rest.split(',').next()).expect("it says where");
    Some(path.into())
}

#[test]
fn the_package_holds_what_it_should_and_nothing_else() {
    let out = tempfile::tempdir().unwrap();
    let Some(package) = packed(out.path()) else { return };
    let package = package.to_str().unwrap();
    let listed = run_ok("dpkg-deb", &["-c", package]);
    let files: Vec<String> = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| !words[0].starts_with('d'))
        .map(|words| format!("{} {} {}", words[0], words[1], words[5]))
        .collect();
    assert_eq!(files, CONTENTS);
    for folder in listed.lines().filter(|line| line.starts_with('d')) {
        assert!(folder.starts_with("drwxr-xr-x root/root"), "{folder}");
    }

    let control = out.path().join("control");
    run_ok("dpkg-deb", &["-e", package, control.to_str().unwrap()]);
    let read =
        |name: &str| std::fs::read_to_string(control.join(name)).unwrap_or_else(|_| panic!("no {name}"));
    assert_eq!(read("conffiles"), "/etc/clinicvault/clinicvault.toml\n");
    assert_eq!(read("md5sums").lines().count(), CONTENTS.len() - 1, "all but the settings");
    let about = read("control");
    for line in ["Package: clinicvault", "Recommends: clinicvault-model-base"] {
        assert!(about.lines().any(|each| each == line), "{line} in {about}");
    }
    assert!(about.contains(&format!("Version: {}\n", env!("CARGO_PKG_VERSION"))), "{about}");
    for name in ["postinst", "prerm", "postrm"] {
        let text = read(name);
        run_ok("sh", &["-n", control.join(name).to_str().unwrap()]);
        // No network, no question, no record touched.
        for never in ["curl", "wget", "apt", "debconf", "read "] {
            assert!(!text.contains(never), "{name} says {never}");
        }
        assert!(
            !text.lines().any(|line| line.trim_start().starts_with("rm ") && line.contains("/var/lib")),
            "{name}"
        );
    }
    // The settings that the package brings are read, and name the folder that the service may write to.
    let settings = out.path().join("root-amd64/etc/clinicvault/clinicvault.toml");
    let settings = if settings.exists() {
        settings
    } else {
        out.path().join("root-arm64/etc/clinicvault/clinicvault.toml")
    };
    let shown =
        run_ok(binary::path().to_str().unwrap(), &["config", "show", "--config", settings.to_str().unwrap()]);
    assert!(shown.contains("/var/lib/clinicvault/data"), "{shown}");
}

#[test]
fn the_package_of_models_holds_each_under_its_hash() {
    let models = binary::path().ancestors().nth(2).expect("a target folder").join("models");
    if !models.is_dir() || Command::new("dpkg-deb").arg("--version").output().is_err() {
        eprintln!("skipped: no models here, or no dpkg-deb");
        return;
    }
    let out = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb-model.sh");
    let run = Command::new(script)
        .arg(&models)
        .env("DEB_COMPRESS", "none")
        .env("DEB_OUT", out.path())
        .output()
        .expect("the script runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let package = out.path().join(format!("clinicvault-model-base_{}_all.deb", env!("CARGO_PKG_VERSION")));
    let root = out.path().join("installed");
    run_ok("dpkg-deb", &["-x", package.to_str().unwrap(), root.to_str().unwrap()]);
    // A box whose own folder of models is empty finds them.
    let there = root.join("usr/share/clinicvault/models");
    let listed = clinicvault_tests::binary::clinicvault()
        .args(["model", "list", "--data"])
        .arg(out.path().join("data"))
        .env("CLINICVAULT_SCRIBE_PACKAGED_MODELS_DIR", &there)
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in ["tiny.en-q8_0", "base-q8_0", "silero-v6.2.0"] {
        let line = listed.lines().find(|line| line.starts_with(name));
        assert!(line.is_some_and(|line| line.contains(" installed")), "{name} in\n{listed}");
    }
}

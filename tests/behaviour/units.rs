//! The units of the service manager: well formed, and hardened as promised. Skipped where systemd's tools are not installed.

use std::process::Command;

fn systemd_analyze(args: &[&str]) -> Option<(bool, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd");
    let Ok(run) = Command::new("systemd-analyze").args(args).current_dir(folder).output() else {
        eprintln!("skipped: systemd-analyze is not installed");
        return None;
    };
    let text = [run.stdout, run.stderr].concat();
    Some((run.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn services() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd");
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut services: Vec<String> = names.filter(|name| name.ends_with(".service")).collect();
    services.sort();
    assert!(services.contains(&"clinicvault.service".to_owned()));
    services
}

/// Exposure in tenths (systemd-analyze(1), `--threshold`).
#[test]
fn what_faces_strangers_is_exposed_no_more_than_promised() {
    for (service, threshold) in [("clinicvault.service", "15"), ("clinicvault-scribe@.service", "5")] {
        let threshold = format!("--threshold={threshold}");
        let args = ["security", "--offline=true", "--no-pager", &threshold, &format!("./{service}")];
        let Some((well, said)) = systemd_analyze(&args) else { return };
        assert!(well, "{service}: {said}");
    }
}

#[test]
fn every_unit_is_well_formed() {
    for service in services() {
        let Some((_, said)) =
            systemd_analyze(&["verify", "--man=no", "--recursive-errors=no", &format!("./{service}")])
        else {
            return;
        };
        // The program itself is not installed where the tests run.
        let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("/usr/bin/clinicvault")).collect();
        assert!(wrong.is_empty(), "{service}: {wrong:?}");
    }
}

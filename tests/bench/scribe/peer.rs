//! faster-whisper on the same clips, in an environment of its own below the cargo target folder.

use std::path::Path;
use std::process::Command;

use super::score::{Clip, Score};
use crate::table::Table;

/// Adds its lines, or says why there are none.
pub fn beside(table: &mut Table, target: &Path, weights: &str, clips: &[Clip]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for clip in clips {
        std::fs::write(folder.path().join(format!("{}.wav", clip.id)), &clip.bytes)
            .expect("a writable folder");
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/scribe");
    let venv = target.join("scribe-peer");
    let python = venv.join("bin/python");
    let ready = Command::new(&python).args(["-c", "import faster_whisper"]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status();
        let installed = made.and_then(|_| {
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--requirement"])
                .arg(here.join("requirements.txt"))
                .status()
        });
        if !installed.is_ok_and(|status| status.success()) {
            eprintln!("faster-whisper was not measured: it cannot be had from PyPI");
            return;
        }
    }
    let file = |ending: &str| target.join(format!("model-weights/{weights}.{ending}"));
    let output = Command::new(&python)
        .arg(here.join("peer.py"))
        .arg(folder.path())
        .args([file("bin"), file("txt"), file("config.json"), file("tokenizer.json")])
        .args(clips.iter().map(|clip| &clip.id))
        .env("OMP_NUM_THREADS", "1")
        .output()
        .expect("python runs");
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        eprintln!("faster-whisper was not measured: {}", why.lines().last().unwrap_or("it failed"));
        return;
    }
    let mut score = Score::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        if let Some(cpu) = line["cpu"].as_f64() {
            let seconds: f64 = clips.iter().map(|clip| (clip.bytes.len() - 44) as f64 / 32_000.0).sum();
            table.figure(
                format!("{weights} faster-whisper int8: processor"),
                cpu / seconds,
                "s a second of sound",
            );
            let memory = line["memory"].as_f64().unwrap_or(0.0) / f64::from(1 << 20);
            table.figure(format!("{weights} faster-whisper int8: memory, peak"), memory, "MiB");
        } else if let Some(clip) = clips.iter().find(|clip| line["id"] == clip.id.as_str()) {
            score.add(clip, line["text"].as_str().unwrap_or_default());
        }
    }
    table.figure(format!("{weights} faster-whisper int8: words wrong, real speech"), score.real(), "%");
    table.figure(
        format!("{weights} faster-whisper int8: words wrong, invented voices"),
        score.synthetic(),
        "%",
    );
}

//! The models and weights that `make model` left in the cargo target folder. What cannot be had is said, and its tests pass over.
#![allow(dead_code)] // Each test binary uses a part.

use std::path::PathBuf;

use clinicvault_scribe::model::{Store, store::Installed};

/// The cargo target folder: this test runs from <target>/<profile>/deps.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of this test");
    exe.ancestors().nth(3).expect("a cargo target folder").to_owned()
}

/// The installed models.
pub fn store() -> Store {
    Store::at(target().join("models"))
}

/// An installed model, or a line that says why the test does not run.
pub fn model(name: &str) -> Option<Installed> {
    match store().find(name) {
        Ok(found) => Some(found),
        Err(_) => {
            eprintln!("skipped: no model ({name}); `make model` fetches it");
            None
        }
    }
}

/// Weights of the packages, their vocabulary, and the models that are made of them.
pub fn weights() -> Vec<(Vec<u8>, String, &'static [&'static str])> {
    const MADE: [(&str, &[&str]); 2] = [
        ("tiny.en", &["tiny.en-f16", "tiny.en-q8_0", "tiny.en-q5_1"]),
        ("base", &["base-f16", "base-q8_0", "base-q5_1"]),
    ];
    let folder = target().join("model-weights");
    let there = MADE.iter().filter_map(|(name, models)| {
        let weights = std::fs::read(folder.join(format!("{name}.bin")));
        let vocabulary = std::fs::read_to_string(folder.join(format!("{name}.txt")));
        match (weights, vocabulary) {
            (Ok(weights), Ok(vocabulary)) => Some((weights, vocabulary, *models)),
            _ => {
                eprintln!("skipped: no model (weights of {name}); `make model` fetches them");
                None
            }
        }
    });
    there.collect()
}

/// The workers that `make workers` left there, or a line that says why the test does not run.
pub fn built() -> Option<clinicvault_scribe::worker::Built> {
    let read = |variant: &str| {
        let packed = std::fs::read(target().join(format!("workers/{variant}.gz"))).ok()?;
        Some(&*Box::leak(packed.into_boxed_slice()))
    };
    let built = clinicvault_scribe::worker::Built { avx2: read("avx2"), baseline: read("baseline") };
    if built.avx2.is_none() && built.baseline.is_none() {
        eprintln!("skipped: no transcription worker; `make workers` builds it");
        return None;
    }
    Some(built)
}

/// A clip of `../shared/data/speech/dev`, or a line that says why the test does not run.
pub fn clip(name: &str) -> Option<clinicvault_scribe::speech::Samples> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/speech/dev");
    match std::fs::File::open(format!("{folder}/{name}.wav")) {
        Ok(file) => {
            Some(clinicvault_scribe::audio::wav::read(std::io::BufReader::new(file)).expect("a WAV file"))
        }
        Err(_) => {
            eprintln!("skipped: ../shared/data/speech/dev/{name}.wav is not here");
            None
        }
    }
}

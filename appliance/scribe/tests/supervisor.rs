//! Workers that hang, crash and lie, and what whoever asked gets all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clinicvault_scribe::engine::{Care, Engine, EngineError, Model, Request};
use clinicvault_scribe::speech::Samples;
use clinicvault_scribe::worker::{Candidate, Patience, Program, Supervised, probe};

fn program(arguments: &[&str]) -> Arc<Program> {
    Arc::new(Program::file("test", env!("CARGO_BIN_EXE_scribe-test-worker")).with(arguments))
}

fn model() -> Model {
    Model { name: "none".to_owned(), sha256: "0".repeat(64), path: PathBuf::from("/nowhere") }
}

fn request(limit: u64) -> Request {
    Request {
        model: model(),
        care: Care::Committed,
        language: "en".to_owned(),
        prompt: String::new(),
        samples: Samples::new(vec![0.1; 32_000]),
        limit: Duration::from_millis(limit),
    }
}

fn short() -> Patience {
    Patience { grace: Duration::from_millis(200), quiet: Duration::from_secs(5), ..Patience::default() }
}

fn worker(arguments: &[&str]) -> Supervised {
    Supervised::new(program(arguments), Some(model()), short())
}

fn check(arguments: &[&str], fits: fn(&EngineError) -> bool) {
    let mut worker = worker(arguments);
    let error = worker.hear(&request(300)).unwrap_err();
    assert!(fits(&error), "{arguments:?}: {error}");
    let facts = worker.facts();
    let facts = facts.lock().unwrap();
    assert_eq!(facts.lost, 2, "{arguments:?} is tried once more, and no more");
    assert!(facts.fault.is_some() && facts.process.is_none());
}

#[test]
fn an_honest_worker_hears() {
    let mut worker = worker(&["honest"]);
    let heard = worker.hear(&request(1000)).unwrap();
    assert_eq!(heard.segments[0].text(), "sound of 2000 milliseconds");
    assert_eq!(worker.voice(&Samples::new(vec![0.1; 1000])).unwrap(), vec![0.95, 0.95]);
    let facts = worker.facts();
    let facts = facts.lock().unwrap();
    assert_eq!((facts.variant.as_str(), facts.lost), ("test", 0));
    assert!(facts.peak_memory > 0);
}

#[test]
fn what_a_bad_worker_does_is_an_error() {
    check(&["hang"], |error| *error == EngineError::Late);
    check(&["lively"], |error| *error == EngineError::Late);
    check(&["crash"], |error| matches!(error, EngineError::Ended(why) if why.contains("SIGABRT")));
    check(&["garbage"], |error| matches!(error, EngineError::Broken(_)));
    check(&["endless"], |error| matches!(error, EngineError::Broken(_)));
    check(&["other-id"], |error| matches!(error, EngineError::Broken(_)));
    check(&["beyond"], |error| matches!(error, EngineError::Broken(_)));
    check(&["old"], |error| matches!(error, EngineError::Absent(why) if why.contains("version 99")));
}

#[test]
fn a_worker_that_says_no_is_kept() {
    let mut worker = worker(&["refuse"]);
    for _ in 0..3 {
        assert_eq!(worker.hear(&request(300)), Err(EngineError::Refused("out of memory".to_owned())));
    }
    assert_eq!(worker.facts().lock().unwrap().lost, 0);
}

#[test]
fn the_result_comes_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for manner in ["crash-once", "ill-once"] {
        let mark = folder.path().join(manner);
        let mut worker = worker(&[manner, mark.to_str().unwrap()]);
        let began = Instant::now();
        let heard = worker.hear(&request(5000)).unwrap();
        assert_eq!(heard.segments[0].text(), "sound of 2000 milliseconds");
        assert!(began.elapsed() < Duration::from_secs(2), "{manner}: {:?}", began.elapsed());
        assert_eq!(worker.facts().lock().unwrap().lost, 1);
    }
}

#[test]
fn a_worker_that_dies_again_and_again_is_left_alone_for_a_while() {
    let mut worker = worker(&["crash"]);
    for _ in 0..3 {
        let _ = worker.hear(&request(300));
    }
    let began = Instant::now();
    assert!(matches!(worker.hear(&request(300)), Err(EngineError::Absent(why)) if why.contains("soon")));
    assert!(began.elapsed() < Duration::from_millis(100));
}

#[test]
fn a_worker_that_is_silent_at_the_start_costs_its_time_only() {
    let patience = Patience { start: Duration::from_millis(200), again: 0, ..short() };
    let mut worker = Supervised::new(program(&["deaf"]), None, patience);
    let began = Instant::now();
    assert!(matches!(worker.hear(&request(300)), Err(EngineError::Absent(_))));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_program_that_is_none_is_said() {
    let mut worker = Supervised::new(Arc::new(Program::file("gone", "/no/such/worker")), None, short());
    assert!(matches!(worker.hear(&request(300)), Err(EngineError::Absent(why)) if why.starts_with("gone")));
}

/// A graphics worker is used when it says what the processor says, and only then.
#[test]
fn a_graphics_worker_is_tried_before_it_is_trusted() {
    let candidate = |manner: &str| Candidate { name: manner.to_owned(), program: program(&[manner]) };
    let candidates: Vec<Candidate> =
        ["hang", "crash", "lie", "slow", "garbage", "lazy", "honest"].into_iter().map(candidate).collect();
    let began = Instant::now();
    let clip = request(1000).samples;
    let mut chosen = probe(&candidates, worker(&["honest"]), &model(), &clip, Duration::from_secs(1));
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
    assert_eq!(chosen.name(), "honest");
    let reasons: Vec<(&str, &str)> =
        chosen.fallbacks().iter().map(|one| (one.worker.as_str(), one.reason.as_str())).collect();
    let expected = [
        ("hang", "no answer in time"),
        ("crash", "SIGABRT"),
        ("lie", "something else"),
        ("slow", "no answer in time"),
        ("garbage", "protocol"),
        ("lazy", "where the processor takes"),
    ];
    assert_eq!(reasons.len(), expected.len());
    for ((worker, reason), (name, part)) in reasons.iter().zip(expected) {
        assert!(*worker == name && reason.contains(part), "{worker}: {reason}");
    }
    assert_eq!(chosen.hear(&request(1000)).unwrap().segments.len(), 1);
}

/// Out of memory on the graphics card costs one job its speed, not the process.
#[test]
fn a_job_that_the_graphics_worker_cannot_do_goes_to_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("probed");
    let fickle =
        Candidate { name: "fickle".to_owned(), program: program(&["crash-once", mark.to_str().unwrap()]) };
    std::fs::write(&mark, "").unwrap();
    let clip = request(1000).samples;
    let mut chosen = probe(&[fickle], worker(&["honest"]), &model(), &clip, Duration::from_secs(2));
    assert_eq!(chosen.name(), "fickle");
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(chosen.hear(&request(1000)).unwrap().segments[0].text(), "sound of 2000 milliseconds");
    assert!(chosen.fallbacks()[0].reason.contains("a job went to the processor"));
}

/// No environment, no way to write into the running program.
#[test]
fn a_worker_runs_from_sealed_memory_without_environment() {
    let mut worker = worker(&["honest"]);
    worker.hear(&request(1000)).unwrap();
    let id = worker.facts().lock().unwrap().process.unwrap();
    assert_eq!(std::fs::read(format!("/proc/{id}/environ")).unwrap(), b"");
    let program = std::fs::read_link(format!("/proc/{id}/exe")).unwrap();
    assert!(program.to_str().unwrap().contains("memfd:"), "{program:?}");
    assert!(std::fs::OpenOptions::new().write(true).open(format!("/proc/{id}/exe")).is_err());
    worker.rest();
    assert!(!PathBuf::from(format!("/proc/{id}/exe")).exists());
}

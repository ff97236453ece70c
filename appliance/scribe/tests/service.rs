//! Captions and transcripts through the threads, with workers that need no model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clinicvault_scribe::engine::{Engine, Model};
use clinicvault_scribe::pipeline::last::{Recording, Settings};
use clinicvault_scribe::pipeline::live::{Event, Setup, State};
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::service::{Engines, Events, Scribe};
use clinicvault_scribe::speech::Samples;
use clinicvault_scribe::worker::{Patience, Program, Supervised};

fn model() -> Model {
    Model { name: "none".to_owned(), sha256: "0".repeat(64), path: PathBuf::from("/nowhere") }
}

fn worker(arguments: &[&str]) -> Box<dyn Engine> {
    let program = Program::file("test", env!("CARGO_BIN_EXE_scribe-test-worker")).with(arguments);
    let patience = Patience { grace: Duration::from_millis(100), ..Patience::default() };
    Box::new(Supervised::new(Arc::new(program), Some(model()), patience))
}

fn scribe(hearing: &[&[&str]]) -> Scribe {
    let hearing = hearing.iter().map(|arguments| worker(arguments)).collect();
    Scribe::start(Engines { detector: worker(&["honest"]), hearing, live: model() }).unwrap()
}

/// Events until the track has ended.
fn all(events: &mut Events) -> Vec<Event> {
    let began = Instant::now();
    let mut all = Vec::new();
    loop {
        match events.try_recv() {
            Ok(event) => {
                let over = matches!(event, Event::Ended(_));
                all.push(event);
                if over {
                    return all;
                }
            }
            Err(_) => {
                assert!(began.elapsed() < Duration::from_secs(20), "the track does not end: {all:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn committed(events: &[Event]) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::Caption(caption) if caption.state == State::Committed => {
            Some(clinicvault_scribe::speech::line(&caption.words))
        }
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn setup() -> Setup {
    Setup { language: "en".to_owned(), vocabulary: Vocabulary::default() }
}

#[test]
fn sound_goes_in_and_captions_come_out() {
    let scribe = scribe(&[&["honest"]]);
    let (told, mut events) = Scribe::events();
    let mut track = scribe.track(setup(), &told);
    for at in 0..250 {
        assert!(track.push(&[if (50..150).contains(&at) { 0.5 } else { 0.001 }; 320]));
    }
    drop(track);
    let events = all(&mut events);
    let texts = committed(&events);
    // Two seconds of speech and 200 ms at each end.
    assert_eq!(texts.len(), 1, "{events:?}");
    assert!(texts[0].starts_with("sound of 24"), "{texts:?}");
    assert_eq!(scribe.status().trouble, None);
}

#[test]
fn two_tracks_are_two_and_a_worker_that_dies_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let scribe = scribe(&[&["crash-once", mark.to_str().unwrap()]]);
    let (told, mut one) = Scribe::events();
    let mut first = scribe.track(setup(), &told);
    let (told, mut two) = Scribe::events();
    let mut second = scribe.track(setup(), &told);
    for at in 0..200 {
        first.push(&[if at < 100 { 0.5 } else { 0.001 }; 320]);
        second.push(&[if at >= 150 { 0.5 } else { 0.001 }; 320]);
    }
    let ids = (first.id(), second.id());
    drop(first);
    drop(second);
    let (one, two) = (all(&mut one), all(&mut two));
    assert_eq!((committed(&one).len(), committed(&two).len()), (1, 1));
    let of = |events: &[Event], id| {
        events.iter().all(|event| !matches!(event, Event::Caption(caption) if caption.track != id))
    };
    assert!(of(&one, ids.0) && of(&two, ids.1));
    assert!(mark.exists(), "the worker died once");
}

#[test]
fn a_worker_that_never_answers_leaves_captions_to_the_transcript_and_holds_up_nobody() {
    let scribe = scribe(&[&["crash"]]);
    let (told, mut events) = Scribe::events();
    let mut track = scribe.track(setup(), &told);
    let began = Instant::now();
    for at in 0..100 {
        track.push(&[if at < 50 { 0.5 } else { 0.001 }; 320]);
    }
    assert!(began.elapsed() < Duration::from_millis(500), "pushing never waits");
    drop(track);
    let events = all(&mut events);
    assert!(events.iter().any(|event| matches!(event, Event::Caption(one) if one.state == State::Later)));
    assert!(scribe.status().trouble.is_some());
}

#[test]
fn more_than_there_is_room_for_is_refused_at_once() {
    let scribe = scribe(&[&["honest"]]);
    let (told, _events) = Scribe::events();
    let mut track = scribe.track(setup(), &told);
    let began = Instant::now();
    let taken = (0..50_000).filter(|_| track.push(&[0.001; 320])).count();
    assert!(taken < 50_000 && track.lost() > 0 && began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_transcript_is_made_between_the_captions() {
    let scribe = scribe(&[&["honest"]]);
    let settings =
        Settings { model: model(), language: "en".into(), vocabulary: Vocabulary::default(), beam: 1 };
    let mut sound = vec![0.001; 16_000];
    sound.extend(vec![0.5; 32_000]);
    sound.extend(vec![0.001; 32_000]);
    let pieces: Vec<io::Result<Samples>> =
        sound.chunks(8000).map(|piece| Ok(Samples::new(piece.to_vec()))).collect();
    let recording = Recording { track: 7, sound: Box::new(pieces.into_iter()) };
    let mut answer = scribe.transcript(settings, vec![recording]);
    let began = Instant::now();
    let transcript = loop {
        match answer.try_recv() {
            Ok(transcript) => break transcript.unwrap(),
            Err(_) => {
                assert!(began.elapsed() < Duration::from_secs(20));
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    };
    assert_eq!(transcript.lines.len(), 1);
    assert_eq!(transcript.lines[0].track, 7);
    assert_eq!(transcript.sound, 5000);
    assert_eq!(transcript.model, "none");
}

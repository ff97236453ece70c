//! Transcription: what a model costs and how many words are wrong, how far captions lag behind a voice at live rate, and the same
//! clips through faster-whisper where PyPI has it.
//!
//! Needs `make model`, and the clips of `../shared/data/speech/dev`; without them it says so and measures nothing.

mod peer;
mod score;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clinicvault_scribe::audio::wav;
use clinicvault_scribe::engine::{Engine, Model};
use clinicvault_scribe::model::Store;
use clinicvault_scribe::model::manifest::VOICE;
use clinicvault_scribe::pipeline::last::{Last, Recording, Settings};
use clinicvault_scribe::pipeline::live::{Event, Setup, State};
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::service::{Engines, Scribe};
use clinicvault_scribe::speech::{RATE, line};
use clinicvault_scribe::worker::{Built, Patience, Supervised};
use clinicvault_tests::server::processor_time;
use clinicvault_tests::shared::shared;

use self::score::{Clip, Score};
use crate::table::{Aim, Table};

/// Models and the packages' names of their weights.
const MODELS: [(&str, &str); 2] = [("tiny.en-q8_0", "tiny.en"), ("base-q8_0", "base")];

/// What a clinic's box tells whoever listens to expect; none of the clips is about most of it.
const EXPECTED: [&str; 22] = [
    "paracetamol",
    "ibuprofen",
    "amoxicillin",
    "azithromycin",
    "cefixime",
    "doxycycline",
    "metronidazole",
    "ciprofloxacin",
    "cetirizine",
    "montelukast",
    "salbutamol",
    "pantoprazole",
    "ondansetron",
    "domperidone",
    "metformin",
    "glimepiride",
    "amlodipine",
    "telmisartan",
    "losartan",
    "atorvastatin",
    "aspirin",
    "levothyroxine",
];

/// Measures and adds its lines.
pub fn all(table: &mut Table) {
    let target = target();
    let Some(folder) = shared("data/speech/dev") else { return };
    let store = Store::at(target.join("models"));
    let Some(built) = built(&target) else {
        eprintln!("skipped: no transcription worker; `make workers` builds it");
        return;
    };
    let clips = score::clips(&folder);
    let joined = [score::joined(&clips, true), score::joined(&clips, false)];
    for (name, weights) in MODELS {
        let (Ok(model), Ok(voice)) = (store.find(name), store.find(VOICE)) else {
            eprintln!("skipped: no model ({name}); `make model` fetches it");
            continue;
        };
        let [model, voice] = [model, voice].map(|one| Model {
            name: one.entry.name,
            sha256: one.entry.sha256,
            path: one.path,
        });
        recordings(table, built, &model, &voice, &joined);
        captions(table, built, &model, &voice, &clips);
        peer::beside(table, &target, weights, &joined);
    }
}

fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("the path of this bench");
    exe.ancestors().nth(3).expect("a cargo target folder").to_owned()
}

fn built(target: &Path) -> Option<Built> {
    let read = |variant: &str| {
        let packed = std::fs::read(target.join(format!("workers/{variant}.gz"))).ok()?;
        Some(&*Box::leak(packed.into_boxed_slice()))
    };
    let built = Built { avx2: read("avx2"), baseline: read("baseline") };
    (built.avx2.is_some() || built.baseline.is_some()).then_some(built)
}

fn worker(built: Built, voice: &Model) -> Supervised {
    let program = Arc::new(built.choose().expect("a worker for this processor"));
    Supervised::new(program, Some(voice.clone()), Patience::default())
}

/// People's clips as one recording, machines' as another: the transcript's cost and its words.
fn recordings(table: &mut Table, built: Built, model: &Model, voice: &Model, clips: &[Clip]) {
    let mut worker = worker(built, voice);
    let mut score = Score::default();
    let (mut cpu, mut millis) = (Duration::ZERO, 0);
    for clip in clips {
        let sound = wav::read(io::Cursor::new(&clip.bytes)).expect("a WAV file");
        let settings = Settings {
            model: model.clone(),
            language: "en".to_owned(),
            vocabulary: Vocabulary::new(EXPECTED),
            beam: 1,
        };
        let recording = Recording { track: 0, sound: Box::new(std::iter::once(Ok(sound))) };
        let transcript = Last::new(settings, vec![recording]).run(&mut worker).expect("a transcript");
        let text: Vec<String> = transcript.lines.iter().map(|line| line.text()).collect();
        score.add(clip, &text.join(" "));
        cpu += transcript.cpu;
        millis += transcript.sound;
    }
    let name = &model.name;
    let cost = cpu.as_secs_f64() / (millis as f64 / 1000.0);
    table.figure(format!("{name}: transcript, processor"), cost, "s a second of sound");
    table.aimed(format!("{name}: words wrong, real speech"), score.real(), "%", Aim::AtMost(6.0));
    table.figure(format!("{name}: words wrong, invented voices"), score.synthetic(), "%");
    worker.rest();
    let peak = worker.facts().lock().expect("not poisoned").peak_memory;
    table.figure(format!("{name}: memory of the worker, peak"), peak as f64 / f64::from(1 << 20), "MiB");
}

/// The clips one after the other, 20 ms at a time, as fast as they were spoken.
fn captions(table: &mut Table, built: Built, model: &Model, voice: &Model, clips: &[Clip]) {
    let (detector, hearing) = (worker(built, voice), worker(built, voice));
    let facts = [detector.facts(), hearing.facts()];
    let hearing: Vec<Box<dyn Engine>> = vec![Box::new(hearing)];
    let engines = Engines { detector: Box::new(detector), hearing, live: model.clone() };
    let scribe = Scribe::start(engines).expect("threads");
    let (told, mut events) = Scribe::events();
    let mut track =
        scribe.track(Setup { language: "en".to_owned(), vocabulary: Vocabulary::new(EXPECTED) }, &told);
    // The first job loads the model; a voice that begins then would measure that.
    let mut sound = vec![0.0; RATE];
    for clip in clips.iter().filter(|clip| clip.real) {
        sound.extend_from_slice(&wav::read(io::Cursor::new(&clip.bytes)).expect("a WAV file"));
        sound.resize(sound.len() + 2 * RATE, 0.0);
    }
    let wanted: Vec<&str> = clips.iter().filter(|clip| clip.real).map(|clip| clip.text.as_str()).collect();
    let began = Instant::now();
    let (mut first, mut last, mut seen, mut text) = (Vec::new(), Vec::new(), 0, Vec::new());
    let mut look = |began: Instant| {
        while let Ok(event) = events.try_recv() {
            let now = began.elapsed().as_secs_f64();
            match event {
                Event::Ended(_) => return true,
                Event::Caption(caption) if caption.state == State::Committed => {
                    last.push(now - caption.end as f64 / 1000.0);
                    text.push(line(&caption.words));
                }
                Event::Caption(caption) if caption.id > seen => {
                    seen = caption.id;
                    first.push(now - caption.start as f64 / 1000.0);
                }
                Event::Caption(_) | Event::Level(_) | Event::Trouble(_) => {}
            }
        }
        false
    };
    for (at, piece) in sound.chunks(RATE / 50).enumerate() {
        let due = Duration::from_millis(20 * (at as u64 + 1));
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        track.push(piece);
        look(began);
    }
    let ids = facts.iter().filter_map(|facts| facts.lock().expect("not poisoned").process);
    let busy: Duration = ids.filter_map(processor_time).sum();
    let busy = 100.0 * busy.as_secs_f64() / began.elapsed().as_secs_f64();
    drop(track);
    while !look(began) && began.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let name = &model.name;
    for (what, mut lags) in
        [("first caption after the voice begins", first), ("committed after it ends", last)]
    {
        lags.sort_by(f64::total_cmp);
        let Some(worst) = lags.last() else { continue };
        table.figure(format!("{name}: {what}, median"), lags[lags.len() / 2], "s");
        table.figure(format!("{name}: {what}, worst"), *worst, "s");
    }
    table.figure(format!("{name}: detector and captions, of a core"), busy, "%");
    let (wrong, words) = score::wrong(&text.join(" "), &wanted.join(" "));
    table.figure(format!("{name}: words wrong live, real speech"), 100.0 * wrong as f64 / words as f64, "%");
}

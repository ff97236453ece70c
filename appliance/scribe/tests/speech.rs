//! The real worker with real models on real speech, and on none. What is missing is said, and its tests pass over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod cache;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clinicvault_scribe::engine::{Care, Engine, Model, Request};
use clinicvault_scribe::model::store::Installed;
use clinicvault_scribe::pipeline::last::{Last, Recording, Settings, Transcript};
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::speech::{RATE, Samples};
use clinicvault_scribe::worker::{Built, Patience, Supervised};

const VOICE: &str = clinicvault_scribe::model::manifest::VOICE;

fn model_of(installed: Installed) -> Model {
    Model { name: installed.entry.name, sha256: installed.entry.sha256, path: installed.path }
}

fn worker_of(built: Built) -> Supervised {
    let program = Arc::new(built.choose().unwrap());
    Supervised::new(program, cache::store().find(VOICE).ok().map(model_of), Patience::default())
}

/// Worker, voice detector and a model, or nothing.
fn ready(name: &str) -> Option<(Supervised, Model)> {
    let built = cache::built()?;
    cache::model(VOICE)?;
    Some((worker_of(built), model_of(cache::model(name)?)))
}

fn transcript(worker: &mut Supervised, model: &Model, sound: &Samples, terms: &[&str]) -> Transcript {
    let settings = Settings {
        model: model.clone(),
        language: "en".to_owned(),
        vocabulary: Vocabulary::new(terms),
        beam: 1,
    };
    let pieces: Vec<io::Result<Samples>> =
        sound.chunks(RATE).map(|piece| Ok(Samples::new(piece.to_vec()))).collect();
    let recording = Recording { track: 1, sound: Box::new(pieces.into_iter()) };
    Last::new(settings, vec![recording]).run(worker).unwrap()
}

fn said(transcript: &Transcript) -> Vec<String> {
    let words = transcript.lines.iter().flat_map(|line| &line.words);
    words.flat_map(|word| plain(&word.text)).collect()
}

fn plain(text: &str) -> Vec<String> {
    let text: String = text.chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' }).collect();
    let word = |word: &str| match word {
        "mr" => "mister".to_owned(),
        "10" => "ten".to_owned(),
        other => other.to_owned(),
    };
    text.to_lowercase().split_whitespace().map(word).collect()
}

/// Words that were added, left out or changed.
fn errors(said: &[String], wanted: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (at, word) in said.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (place, other) in wanted.iter().enumerate() {
            let change = corner + usize::from(word != other);
            corner = row[place + 1];
            row[place + 1] = change.min(row[place] + 1).min(corner + 1);
        }
    }
    row[wanted.len()]
}

const JFK: &str = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country.";

#[test]
fn a_president_is_understood() {
    for name in ["tiny.en-q8_0", "base-q8_0"] {
        let (Some((mut worker, model)), Some(clip)) = (ready(name), cache::clip("jfk")) else { return };
        let transcript = transcript(&mut worker, &model, &clip, &[]);
        assert_eq!(said(&transcript), plain(JFK), "{name}");
        let last = transcript.lines.last().unwrap();
        assert!(last.end <= 11_000 && last.probability > 0.6);
        assert!(transcript.cpu > Duration::ZERO && transcript.speech > 5000);
    }
}

/// The real clips of the development set: about a hundred words, so one word is a percent.
#[test]
fn few_words_are_wrong() {
    const REAL: [(&str, &str); 6] = [
        ("jfk", JFK),
        ("2830-3980-0043", "Experience proves this."),
        (
            "sense-0870",
            "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.",
        ),
        ("sense-0880", "He was not an ill-disposed young man."),
        ("sense-0890", "Unless to be rather cold-hearted and rather selfish is to be ill-disposed."),
        ("cards-1", "Ten of clubs."),
    ];
    for name in ["tiny.en-q8_0", "base-q8_0"] {
        let Some((mut worker, model)) = ready(name) else { return };
        // One recording of all: each window of 30 s costs the same, however much is said in it.
        let (mut sound, mut wanted) = (Vec::new(), Vec::new());
        for (clip, text) in REAL {
            let Some(clip) = cache::clip(clip) else { return };
            sound.extend_from_slice(&clip);
            sound.resize(sound.len() + RATE, 0.0);
            wanted.extend(plain(text));
        }
        let heard = said(&transcript(&mut worker, &model, &Samples::new(sound), &[]));
        let (wrong, words) = (errors(&heard, &wanted), wanted.len());
        eprintln!("{name}: {wrong} of {words} words wrong");
        assert!(wrong * 10 <= words, "{name}: {wrong} of {words}");
    }
}

/// Silence, noise of two kinds, hum and clicks: not one word. A minute each; `CLINICVAULT_SCRIBE_MINUTES` makes it longer.
#[test]
fn where_nobody_speaks_nothing_is_heard() {
    let Some((mut worker, model)) = ready("tiny.en-q8_0") else { return };
    let minutes = std::env::var("CLINICVAULT_SCRIBE_MINUTES").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let mut pink = 0.0_f32;
    type Wave = Box<dyn FnMut(usize) -> f32>;
    let kinds: [(&str, Wave); 5] = [
        ("silence", Box::new(|_| 0.0)),
        ("near silence", Box::new(|at| if at.is_multiple_of(7) { 0.0001 } else { 0.0 })),
        ("hum", Box::new(|at| 0.1 * (at as f32 * 50.0 * std::f32::consts::TAU / RATE as f32).sin())),
        ("clicks", Box::new(|at| if at % 8000 < 12 { 0.6 } else { 0.0 })),
        (
            "noise",
            Box::new(move |_| {
                pink = pink * 0.95 + noise() * 0.05;
                pink * 0.4
            }),
        ),
    ];
    for (name, mut kind) in kinds {
        let sound = Samples::new((0..RATE * 60 * minutes).map(&mut kind).collect());
        let transcript = transcript(&mut worker, &model, &sound, &[]);
        assert_eq!(said(&transcript), Vec::<String>::new(), "{name}");
        assert_eq!(transcript.sound, minutes as u64 * 60_000);
    }
}

/// A line of medicines that were never said puts none of them into the text.
#[test]
fn a_vocabulary_invents_nothing() {
    let terms = ["metformin", "amlodipine", "atorvastatin", "paracetamol", "telmisartan", "salbutamol"];
    for name in ["tiny.en-q8_0", "base-q8_0"] {
        let (Some((mut worker, model)), Some(clip)) = (ready(name), cache::clip("jfk")) else { return };
        let text = said(&transcript(&mut worker, &model, &clip, &terms));
        assert!(terms.iter().all(|term| !text.contains(&(*term).to_owned())), "{name}: {text:?}");
        assert!(errors(&text, &plain(JFK)) <= 3, "{name}: {text:?}");
    }
}

fn request(model: &Model, clip: &Samples) -> Request {
    Request {
        model: model.clone(),
        care: Care::Committed,
        language: "en".to_owned(),
        prompt: String::new(),
        samples: clip.clone(),
        // The worker gives way to everything else, and the one for old processors takes ten times as long.
        limit: Duration::from_secs(600),
    }
}

/// The worker is killed in the middle of a job; whoever asked gets the text all the same.
#[test]
fn a_kill_in_the_middle_costs_time_only() {
    let (Some((mut worker, model)), Some(clip)) = (ready("tiny.en-q8_0"), cache::clip("jfk")) else { return };
    let whole = worker.hear(&request(&model, &clip)).unwrap();
    let facts = worker.facts();
    let victim = facts.lock().unwrap().process.unwrap();
    let asked = request(&model, &clip);
    let job = std::thread::spawn(move || (worker.hear(&asked), worker));
    std::thread::sleep(Duration::from_millis(200));
    let process = rustix::process::Pid::from_raw(victim.cast_signed()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    let began = Instant::now();
    while facts.lock().unwrap().process.is_none_or(|now| now == victim) {
        assert!(began.elapsed() < Duration::from_secs(10), "a new worker is there soon");
        std::thread::sleep(Duration::from_millis(10));
    }
    eprintln!("a new worker after {:?}", began.elapsed());
    let (heard, _worker) = job.join().unwrap();
    assert_eq!(heard.unwrap().segments, whole.segments);
    assert_eq!(facts.lock().unwrap().lost, 1);
}

/// No core dump, no debugger's view, low priority, no environment.
#[test]
fn the_worker_has_withdrawn() {
    let Some((mut worker, model)) = ready("tiny.en-q8_0") else { return };
    worker.hear(&request(&model, &Samples::new(vec![0.0; RATE]))).unwrap();
    let id = worker.facts().lock().unwrap().process.unwrap();
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{id}/{what}"));
    let limits = read("limits").unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    let stat = read("stat").unwrap();
    assert_eq!(stat.rsplit_once(") ").unwrap().1.split(' ').nth(16), Some("10"), "its niceness");
    // A process that cannot be dumped belongs to root in /proc, whoever runs it.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{id}/mem")).unwrap());
    assert_eq!(owner, 0);
    assert!(read("environ").map_or(true, |environment| environment.is_empty()));
}

/// The worker for old processors says what the one for new ones says.
#[test]
fn both_variants_hear_the_same() {
    let (Some(built), Some(model), Some(clip)) =
        (cache::built(), cache::model("tiny.en-q8_0"), cache::clip("sense-0880"))
    else {
        return;
    };
    let model = model_of(model);
    let text = |built: Built| {
        let mut worker = worker_of(built);
        let heard = worker.hear(&request(&model, &clip)).unwrap();
        let variant = worker.facts().lock().unwrap().variant.clone();
        (variant, plain(&heard.segments.iter().map(|one| one.text()).collect::<Vec<_>>().join(" ")))
    };
    if built.avx2.is_none() || built.baseline.is_none() {
        eprintln!("skipped: one worker of two; `make workers` builds both");
        return;
    }
    let baseline = text(Built { avx2: None, ..built });
    assert_eq!(baseline.0, "baseline");
    assert!(errors(&baseline.1, &plain("He was not an ill-disposed young man.")) <= 3, "{baseline:?}");
    let best = text(built);
    assert_eq!(best.1, baseline.1);
}

/// Sound and files that would make the C++ abort are refused before it sees them.
#[test]
fn a_damaged_model_does_not_reach_the_worker() {
    let Some((mut worker, model)) = ready("tiny.en-q8_0") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.bin");
    let bytes = std::fs::read(&model.path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let broken = Model { path, ..model.clone() };
    let clip = Samples::new(vec![0.0; RATE]);
    let error = worker.hear(&request(&broken, &clip)).unwrap_err().to_string();
    assert!(error.contains("cut short"), "{error}");
    assert!(worker.hear(&request(&model, &clip)).is_ok());
    assert_eq!(worker.facts().lock().unwrap().lost, 0);
}

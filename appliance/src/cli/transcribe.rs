//! `clinicvault transcribe`: what was said in a recording, without a box and without storing anything.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;
use clinicvault_scribe::audio;
use clinicvault_scribe::pipeline::last::{Last, Recording, Settings, Transcript};
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::speech::{RATE, Samples};
use serde_json::json;

use super::place::Place;
use super::{note, say};
use crate::scribe;

#[derive(Debug, Args)]
pub struct Transcribe {
    /// A WAV file of any rate, channels and depth
    file: PathBuf,
    /// Model [default: the best installed one for the language]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Language that is spoken, as two letters
    #[arg(long, default_value = "en", value_name = "CODE")]
    language: String,
    /// Candidates that are followed at once; more is slower and sometimes better
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    beam: u8,
    /// Names that may well come, such as medicines, separated by commas
    #[arg(long, value_delimiter = ',')]
    terms: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints what was said, then what it cost.
pub fn run(command: &Transcribe) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let store = scribe::store(&config);
    let preferred = [config.scribe.final_model.as_str(), config.scribe.live_model.as_str()];
    let installed = scribe::choose(&store, command.model.as_deref(), &preferred, &command.language)?;
    store.verify(&installed)?;
    let file = std::fs::File::open(&command.file)
        .with_context(|| format!("cannot read {}", command.file.display()))?;
    let sound = audio::wav::read(std::io::BufReader::new(file))?;
    let model = scribe::model_of(installed);
    let mut engine = scribe::engine(&config, &store, &model)?;
    for fallback in engine.fallbacks() {
        note(format_args!("{} is not used: {}", fallback.worker, fallback.reason));
    }
    let settings = Settings {
        model,
        language: command.language.clone(),
        vocabulary: Vocabulary::new(&command.terms),
        beam: command.beam,
    };
    let began = Instant::now();
    let pieces: Vec<std::io::Result<Samples>> =
        sound.chunks(RATE).map(|piece| Ok(Samples::new(piece.to_vec()))).collect();
    let recording = Recording { track: 0, sound: Box::new(pieces.into_iter()) };
    let transcript = Last::new(settings, vec![recording]).run(&mut engine)?;
    let took = began.elapsed().as_secs_f64();
    if command.json {
        say(as_json(&transcript, took));
    } else {
        print(&transcript, took);
    }
    Ok(())
}

fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn print(transcript: &Transcript, took: f64) {
    for line in &transcript.lines {
        let marked: Vec<String> = line.marked();
        let marked = if marked.is_empty() { String::new() } else { format!("   ? {}", marked.join(", ")) };
        say(format_args!(
            "[{:>7.2} - {:>7.2}] {:>3.0} %  {}{marked}",
            seconds(line.start),
            seconds(line.end),
            line.probability * 100.0,
            line.text(),
        ));
    }
    for gap in &transcript.gaps {
        note(format_args!(
            "[{:>7.2} - {:>7.2}] could not be heard: {}",
            seconds(gap.start),
            seconds(gap.end),
            gap.reason
        ));
    }
    let dropped = match transcript.dropped.len() {
        0 => String::new(),
        count => format!(", {count} texts dropped (--json shows them)"),
    };
    note(format_args!(
        "{}: {:.1} s of sound, {:.1} s of speech, {:.3} CPU-seconds a second, {took:.1} s{dropped}",
        transcript.model,
        seconds(transcript.sound),
        seconds(transcript.speech),
        transcript.cost(),
    ));
}

fn as_json(transcript: &Transcript, took: f64) -> serde_json::Value {
    json!({
        "model": transcript.model,
        "sha256": transcript.sha256,
        "language": transcript.language,
        "parameters": transcript.parameters,
        "lines": transcript.lines,
        "dropped": transcript.dropped,
        "gaps": transcript.gaps,
        "seconds": seconds(transcript.sound),
        "speechSeconds": seconds(transcript.speech),
        "cpuSecondsPerSecond": transcript.cost(),
        "tookSeconds": took,
    })
}

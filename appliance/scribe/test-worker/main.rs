//! A worker without a model that keeps to the protocol, or does not, as its first argument says. What it "hears" is how long the
//! sound was; loud frames are speech to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clinicvault_scribe::engine::Heard;
use clinicvault_scribe::speech::{Samples, Segment, Word};
use clinicvault_scribe::wire::{self, Answer, Order};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let manner = arguments.first().map_or("honest", String::as_str);
    let mark = arguments.get(1).map(Path::new);
    let mut out = io::stdout().lock();
    match manner {
        "deaf" => forever(),
        "old" => say(&mut out, &Answer::Hello { version: 99, variant: "test".to_owned() }),
        _ => say(&mut out, &Answer::Hello { version: wire::VERSION, variant: "test".to_owned() }),
    }
    while let Some(order) = wire::read_order(&mut io::stdin().lock()).unwrap() {
        match order {
            Order::Load { .. } if manner == "slow" => std::thread::sleep(Duration::from_secs(30)),
            Order::Load { .. } | Order::LoadVoice { .. } => say(&mut out, &Answer::Loaded),
            Order::Voice { id, samples } => say(&mut out, &Answer::Voice { id, frames: frames(&samples) }),
            Order::Hear { id, samples, .. } => match manner {
                "hang" => forever(),
                "crash" => std::process::abort(),
                "crash-once" if first(mark) => std::process::abort(),
                "ill-once" if first(mark) => {
                    let me = rustix::process::getpid();
                    rustix::process::kill_process(me, rustix::process::Signal::ILL).unwrap();
                    forever();
                }
                "garbage" => {
                    out.write_all(&[9, 0, 0, 0, 132, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
                    out.flush().unwrap();
                }
                "endless" => out.write_all(&[0xff; 4]).and_then(|()| out.flush()).unwrap(),
                "other-id" => say(&mut out, &Answer::Heard { id: id + 1, heard: heard(&samples, "sound") }),
                "beyond" => {
                    let mut heard = heard(&samples, "sound");
                    heard.segments[0].end += 1;
                    say(&mut out, &Answer::Heard { id, heard });
                }
                "lazy" => {
                    std::thread::sleep(Duration::from_millis(400));
                    say(&mut out, &Answer::Heard { id, heard: heard(&samples, "sound") });
                }
                "lie" => say(&mut out, &Answer::Heard { id, heard: heard(&samples, "thank you") }),
                "refuse" => say(&mut out, &Answer::Refused { why: "out of memory".to_owned() }),
                "lively" => loop {
                    say(&mut out, &Answer::Working);
                    std::thread::sleep(Duration::from_millis(50));
                },
                _ => say(&mut out, &Answer::Heard { id, heard: heard(&samples, "sound") }),
            },
        }
    }
}

fn say(out: &mut impl Write, answer: &Answer) {
    wire::send_answer(out, answer).unwrap();
}

fn forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Whether this is the first worker with this mark.
fn first(mark: Option<&Path>) -> bool {
    std::fs::OpenOptions::new().write(true).create_new(true).open(mark.unwrap()).is_ok()
}

fn heard(samples: &Samples, word: &str) -> Heard {
    let words = format!("{word} of {} milliseconds", samples.millis());
    let words = words.split(' ').map(|text| Word { text: text.to_owned(), probability: 0.9 }).collect();
    let segment = Segment { start: 0, end: samples.millis(), words };
    Heard { segments: vec![segment], cpu: Duration::from_millis(1) }
}

fn frames(samples: &Samples) -> Vec<f32> {
    let loud = |frame: &[f32]| frame.iter().any(|sample| sample.abs() > 0.01);
    samples.chunks(512).map(|frame| if loud(frame) { 0.95 } else { 0.02 }).collect()
}

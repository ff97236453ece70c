//! What calls cost: set-up, forwarding delay, share of a core for each participant. Box and participants are in this
//! process on loopback; the box's threads are its own and counted apart. `CLINICVAULT_BENCH=quick` measures briefly.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "../tests/call/person.rs"]
#[allow(dead_code)]
mod person;

use clinicvault_media::call::Call;
use clinicvault_media::engine::Kind;
use clinicvault_media::peer::{Config, VideoCodec, WebRtc};
use clinicvault_media::room::Limits;
use person::Person;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// The names of the box's threads, as the kernel keeps them.
const BOX: &str = "the-box";

fn main() {
    let quick = std::env::var("CLINICVAULT_BENCH").is_ok_and(|v| v == "quick");
    let (rounds, lasts) = if quick { (3, Duration::from_secs(2)) } else { (15, Duration::from_secs(10)) };
    let boxes = Builder::new_multi_thread().worker_threads(2).thread_name(BOX).enable_all().build().unwrap();
    let people = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut setups = setups(&boxes, &people, rounds);
    println!("{:<58} {:>9}        aim", "calls", "");
    row("set-up, joining to the first packet, p50", percentile(&mut setups, 50), "s", 0.4);
    for (many, packets) in [(2, 100), (3, 100), (6, 60)] {
        let (mut delays, share) = busy(&boxes, &people, many, packets, lasts);
        let ms = |p, delays: &mut Vec<Duration>| percentile(delays, p) * 1000.0;
        row(&format!("{many} people: from sender to viewer, p50"), ms(50, &mut delays), "ms", 0.5);
        row(&format!("{many} people: from sender to viewer, p95"), ms(95, &mut delays), "ms", 2.5);
        row(
            &format!("{many} people: the box, share of a core for each"),
            share * 100.0 / f64::from(many),
            "%",
            3.0,
        );
    }
}

fn row(name: &str, value: f64, unit: &str, aim: f64) {
    println!("{name:<58} {value:>9.3} {unit:<5} ≤ {aim} {}", if value <= aim { "" } else { "MISSED" });
}

fn percentile(all: &mut [Duration], p: usize) -> f64 {
    all.sort_unstable();
    all.get(all.len() * p / 100).map_or(f64::NAN, Duration::as_secs_f64)
}

fn call(boxes: &Runtime) -> Call {
    let config = Config {
        addresses: vec![[127, 0, 0, 1].into()],
        ports: None,
        video: VideoCodec::Vp8,
        servers: vec![],
    };
    let (call, drive) = Call::new(Arc::new(WebRtc::new(config).unwrap()), Limits::default());
    boxes.spawn(drive);
    call
}

/// How long the second takes from joining until he receives something of the first.
fn setups(boxes: &Runtime, people: &Runtime, rounds: usize) -> Vec<Duration> {
    let one = async || {
        let call = call(boxes);
        let first = Person::join(&call, 50).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let second = Person::join(&call, 50).await.unwrap();
        second.until("sound", |p| p.count(first.id, Kind::Audio) > 0).await;
        let took = began.elapsed();
        call.end().await;
        first.close().await;
        second.close().await;
        took
    };
    (0..rounds).map(|_| people.block_on(one())).collect()
}

/// Delays of all packets, and the share of a core the box took.
fn busy(boxes: &Runtime, people: &Runtime, many: u32, packets: u32, lasts: Duration) -> (Vec<Duration>, f64) {
    people.block_on(async {
        let call = call(boxes);
        let mut all = Vec::new();
        for _ in 0..many {
            all.push(Person::join(&call, packets).await.unwrap());
        }
        for one in &all {
            for other in all.iter().filter(|o| o.id != one.id) {
                one.until("pictures", |p| p.count(other.id, Kind::Video) > 10).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for one in &all {
            one.received.lock().unwrap().delays.clear();
        }
        let (before, began) = (cpu(), Instant::now());
        tokio::time::sleep(lasts).await;
        let share = (cpu() - before) / began.elapsed().as_secs_f64();
        let delays =
            all.iter().flat_map(|p| std::mem::take(&mut p.received.lock().unwrap().delays)).collect();
        call.end().await;
        for one in all {
            one.close().await;
        }
        (delays, share)
    })
}

/// Seconds of processor the box's threads have taken (proc(5): fields 14 and 15 of `stat`, in hundredths).
fn cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let ticks = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        (name == BOX).then(|| fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap())
    });
    ticks.sum::<f64>() / 100.0
}

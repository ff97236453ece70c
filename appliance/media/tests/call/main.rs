//! Calls over real sockets on loopback, with participants of the same library in this process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod person;

use clinicvault_media::call::Call;
use clinicvault_media::engine::{Kind, PeerId};
use clinicvault_media::peer::{Config, VideoCodec, WebRtc};
use clinicvault_media::room::{Limits, Muted, Refusal, Why};
use clinicvault_media::signal::{Candidate, FromPeer, ToPeer};
use person::{Person, joining, wait};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

fn config() -> Config {
    Config { addresses: vec![[127, 0, 0, 1].into()], ports: None, video: VideoCodec::Vp8, servers: vec![] }
}

fn call() -> (Call, JoinSet<()>) {
    call_with(config(), Limits::default())
}

fn call_with(config: Config, limits: Limits) -> (Call, JoinSet<()>) {
    let (call, drive) = Call::new(Arc::new(WebRtc::new(config).unwrap()), limits);
    let mut tasks = JoinSet::new();
    tasks.spawn(drive);
    (call, tasks)
}

/// Everybody gets sound and pictures of everybody else, under the sender's name.
async fn everyone_hears_everyone(people: &[Person]) {
    for one in people {
        for other in people.iter().filter(|o| o.id != one.id) {
            for kind in [Kind::Audio, Kind::Video] {
                one.until(&format!("{kind:?} of {:?} at {:?}", other.id, one.id), |p| {
                    p.count(other.id, kind) > 20
                })
                .await;
            }
            let streams = one.received.lock().unwrap().streams.clone();
            assert_eq!(streams.get(&other.id.0), Some(&format!("p{}", other.id.0)));
        }
        assert_eq!(one.count(one.id, Kind::Audio), 0, "nobody hears himself");
        assert_eq!(one.received.lock().unwrap().extensions, 0, "header extensions of another leg");
    }
}

async fn people(call: &Call, many: usize) -> Vec<Person> {
    let mut all = Vec::new();
    for _ in 0..many {
        all.push(Person::join(call, 25).await.unwrap());
    }
    all
}

async fn end(call: Call, mut tasks: JoinSet<()>, people: Vec<Person>) {
    call.end().await;
    for one in people {
        one.until("the end", |p| p.said.lock().unwrap().ended == Some(Why::Over)).await;
        one.close().await;
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hear_and_see_each_other() {
    let (call, tasks) = call();
    let people = people(&call, 2).await;
    everyone_hears_everyone(&people).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_h264_too() {
    // Another payload type on every leg; the packets of these people are VP8 and thus not in the answer: sound only.
    let (call, tasks) = call_with(Config { video: VideoCodec::H264, ..config() }, Limits::default());
    let people = people(&call, 2).await;
    people[0].until("sound", |p| p.count(people[1].id, Kind::Audio) > 20).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_and_one_leaves_and_another_comes() {
    let (call, tasks) = call();
    let mut people = people(&call, 3).await;
    everyone_hears_everyone(&people).await;
    let gone = people.remove(1);
    let offers: Vec<u32> = people.iter().map(|p| p.said.lock().unwrap().offers).collect();
    call.leave(gone.id).await;
    for (one, before) in people.iter().zip(offers) {
        one.until("a new offer", |p| p.said.lock().unwrap().offers > before).await;
        let left = ToPeer::Left { who: gone.id, why: Why::Left };
        one.until("he left", |p| p.said.lock().unwrap().others.contains(&left)).await;
    }
    gone.close().await;
    people.push(Person::join(&call, 25).await.unwrap());
    everyone_hears_everyone(&people).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_fit_and_a_seventh_is_refused() {
    let (call, tasks) = call();
    let people = people(&call, 6).await;
    assert_eq!(call.join(joining()).await.unwrap_err(), Refusal::Full { people: 6 });
    everyone_hears_everyone(&people).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_who_come_at_once() {
    let (call, tasks) = call();
    let mut coming = JoinSet::new();
    for _ in 0..8 {
        let call = call.clone();
        coming.spawn(async move { Person::join(&call, 10).await });
    }
    let came = coming.join_all().await;
    assert_eq!(came.iter().filter(|p| p.is_err()).count(), 2);
    let people: Vec<Person> = came.into_iter().flatten().collect();
    everyone_hears_everyone(&people).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_pictures_only_sound_comes_and_pictures_return() {
    let (call, tasks) = call();
    let people = people(&call, 2).await;
    everyone_hears_everyone(&people).await;
    let (one, other) = (&people[0], &people[1]);
    call.hear(one.id, FromPeer::ReceiveVideo { on: false }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (pictures, sounds) = (one.count(other.id, Kind::Video), one.count(other.id, Kind::Audio));
    one.until("sound goes on", |p| p.count(other.id, Kind::Audio) > sounds + 25).await;
    assert_eq!(one.count(other.id, Kind::Video), pictures, "no picture came meanwhile");
    call.hear(one.id, FromPeer::ReceiveVideo { on: true }).await.unwrap();
    one.until("pictures again", |p| p.count(other.id, Kind::Video) > pictures + 10).await;
    let muted = Muted { audio: true, video: false };
    call.hear(one.id, FromPeer::Muted { muted }).await.unwrap();
    let told = ToPeer::Muted { who: one.id, muted };
    other.until("he is muted", |p| p.said.lock().unwrap().others.contains(&told)).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_answer_and_a_flood_of_addresses_are_refused_and_harm_nobody() {
    let (call, tasks) = call();
    let people = people(&call, 2).await;
    let bad = call.join(joining()).await.unwrap();
    let long = FromPeer::Answer { n: 1, sdp: format!("v=0\r\n{}", "a=x\r\n".repeat(40_000)) };
    assert!(matches!(call.hear(bad.id, long).await, Err(Refusal::TooLong { .. })));
    let mut refused = 0;
    for _ in 0..1000 {
        let candidate = Candidate {
            candidate: "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host".into(),
            sdp_mid: Some("0".into()),
            sdp_mline_index: Some(0),
            username_fragment: None,
        };
        refused += u32::from(call.hear(bad.id, FromPeer::Candidate { candidate }).await.is_err());
    }
    assert!(refused >= 900, "{refused}");
    everyone_hears_everyone(&people).await;
    // An answer that is text and no description puts out its sender, and him alone.
    let mut worse = call.join(joining()).await.unwrap();
    call.hear(worse.id, FromPeer::Answer { n: 1, sdp: "v=0\r\nnonsense".into() }).await.unwrap();
    let mut ended = None;
    while let Some(message) = worse.outbox.recv().await {
        if let ToPeer::Ended { why } = message {
            ended = Some(why);
        }
    }
    assert_eq!(ended, Some(Why::NoAnswer));
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_is_put_out_and_stalls_nobody() {
    let (call, tasks) =
        call_with(config(), Limits { answer: Duration::from_secs(3600), ..Limits::default() });
    let people = people(&call, 2).await;
    let silent = call.join(joining()).await.unwrap();
    // Nobody empties his outbox: muting fills it.
    for n in 0..600u32 {
        let muted = Muted { audio: n % 2 == 0, video: false };
        let _ = call.hear(people[0].id, FromPeer::Muted { muted }).await;
        tokio::time::sleep(Duration::from_millis(if n < 80 { 0 } else { 51 })).await;
        if people[1].said.lock().unwrap().others.iter().any(|m| matches!(m, ToPeer::Left { .. })) {
            break;
        }
    }
    let left = ToPeer::Left { who: silent.id, why: Why::Lost };
    people[1].until("he is out", |p| p.said.lock().unwrap().others.contains(&left)).await;
    everyone_hears_everyone(&people).await;
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_restarted_and_media_come_back() {
    let (call, tasks) = call();
    let people = people(&call, 2).await;
    everyone_hears_everyone(&people).await;
    let offers = people[0].said.lock().unwrap().offers;
    call.hear(people[0].id, FromPeer::Restart).await.unwrap();
    people[0].until("an offer", |p| p.said.lock().unwrap().offers > offers).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (one, other) in [(0, 1), (1, 0)] {
        let before = people[one].count(people[other].id, Kind::Video);
        people[one].until("more pictures", |p| p.count(people[other].id, Kind::Video) > before + 25).await;
    }
    end(call, tasks, people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meters_are_told_and_show_what_is_sent() {
    let (call, tasks) = call();
    let people = people(&call, 2).await;
    everyone_hears_everyone(&people).await;
    let told = |p: &Person| {
        p.said.lock().unwrap().others.iter().rev().find_map(|m| match m {
            ToPeer::Quality { meters } => Some(meters.clone()),
            _ => None,
        })
    };
    let full = |p: &Person| told(p).is_some_and(|m| m.len() == 2 && m.iter().all(|m| m.uplink_bps > 150_000));
    people[0].until("a meter of both", full).await;
    for meter in told(&people[0]).unwrap() {
        // 25 packets of 1100 bytes and 50 of 80 a second: 252 kbit/s.
        assert!((150_000..400_000).contains(&meter.uplink_bps), "{meter:?}");
        assert!(meter.uplink_lost < 0.05 && meter.downlink_lost < 0.05, "{meter:?}");
    }
    wait_for_round_trip(&call).await;
    end(call, tasks, people).await;
}

async fn wait_for_round_trip(call: &Call) {
    let began = Instant::now();
    loop {
        let meters = call.meters().await;
        if meters.iter().any(|m| m.round_trip_ms.is_some()) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no round trip was measured: {meters:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_come_and_go_and_nothing_stays_open() {
    let (call, tasks) = call();
    let stays = people(&call, 1).await;
    let before = descriptors();
    let mut slowest = Duration::ZERO;
    for _ in 0..30 {
        let guest = Person::join(&call, 25).await.unwrap();
        guest.until("sound", |p| p.count(stays[0].id, Kind::Audio) > 2).await;
        let began = Instant::now();
        call.leave(guest.id).await;
        // Answered behind the leave: everything of it is done.
        call.meters().await;
        slowest = slowest.max(began.elapsed());
        guest.close().await;
    }
    wait("descriptors are back", || descriptors() <= before).await;
    println!("slowest leave {slowest:?}");
    assert!(slowest < Duration::from_millis(150), "{slowest:?}");
    end(call, tasks, stays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_cut_off_in_the_middle_leaves_nothing_open() {
    let before = descriptors();
    let (call, mut tasks) = call();
    let people = people(&call, 2).await;
    everyone_hears_everyone(&people).await;
    tasks.shutdown().await;
    for one in people {
        one.close().await;
    }
    wait("descriptors are back", || descriptors() <= before).await;
    assert_eq!(call.join(joining()).await.unwrap_err(), Refusal::NotHere);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_of_the_range_are_used_and_when_they_run_out_it_says_so() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().min(65_000);
    let (call, tasks) = call_with(Config { ports: Some(free..=free + 1), ..config() }, Limits::default());
    let people = people(&call, 2).await;
    people[0].until("sound", |p| p.count(people[1].id, Kind::Audio) > 5).await;
    let mut third = call.join(joining()).await.unwrap();
    let mut ended = None;
    while let Some(message) = third.outbox.recv().await {
        if let ToPeer::Ended { why } = message {
            ended = Some(why);
        }
    }
    assert_eq!(ended, Some(Why::Box));
    call.leave(people[1].id).await;
    let again = Person::join(&call, 25).await.unwrap();
    again.until("sound on a port that came free", |p| p.count(PeerId(people[0].id.0), Kind::Audio) > 5).await;
    again.close().await;
    end(call, tasks, vec![]).await;
    for one in people {
        one.close().await;
    }
}

//! The room under arbitrary events, against the promises of its head.

use super::*;
use crate::engine::{Kind, TrackId};
use crate::signal::Candidate;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Event {
    Join(bool),
    Leave(usize),
    /// Answers the outstanding offer, or a wrong one.
    Answer(usize, bool),
    Candidate(usize),
    Link(usize, u8),
    Track(usize, bool),
    Video(usize, bool),
    Mute(usize),
    Keyframe(usize, usize),
    Report(usize, usize, f32),
    Restart(usize),
    Resume(usize),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0usize..8;
    prop_oneof![
        3 => any::<bool>().prop_map(Event::Join),
        1 => who.clone().prop_map(Event::Leave),
        8 => (who.clone(), prop::bool::weighted(0.9)).prop_map(|(w, right)| Event::Answer(w, right)),
        2 => who.clone().prop_map(Event::Candidate),
        5 => (who.clone(), 0u8..10).prop_map(|(w, l)| Event::Link(w, l)),
        4 => (who.clone(), any::<bool>()).prop_map(|(w, v)| Event::Track(w, v)),
        1 => (who.clone(), any::<bool>()).prop_map(|(w, v)| Event::Video(w, v)),
        1 => who.clone().prop_map(Event::Mute),
        2 => (who.clone(), 0usize..8).prop_map(|(a, b)| Event::Keyframe(a, b)),
        2 => (who.clone(), 0usize..8, 0.0f32..1.0).prop_map(|(a, b, l)| Event::Report(a, b, l)),
        1 => who.clone().prop_map(Event::Restart),
        1 => who.prop_map(Event::Resume),
        4 => (0u64..5000).prop_map(Event::Wait),
    ]
}

/// What somebody who performs the outputs knows of one connection.
#[derive(Default)]
struct Seen {
    outstanding: Option<u32>,
    last: u32,
    /// Subscribed, but in no answered offer yet; and what flows.
    waiting: BTreeSet<TrackId>,
    offered: BTreeSet<TrackId>,
    flowing: BTreeSet<TrackId>,
    answered: bool,
    asked: Option<Duration>,
}

#[derive(Default)]
struct Model {
    seen: BTreeMap<PeerId, Seen>,
    gone: BTreeSet<PeerId>,
    sends: BTreeSet<TrackId>,
}

impl Model {
    fn perform(&mut self, output: &Output, now: Duration, limits: &Limits) {
        let here = |seen: &BTreeMap<PeerId, Seen>, id: &PeerId| {
            assert!(seen.contains_key(id), "{output:?} to nobody")
        };
        match output {
            Output::Open(id) => {
                assert!(!self.gone.contains(id), "numbers are given once");
                assert!(self.seen.insert(*id, Seen::default()).is_none());
                assert!(self.seen.len() <= limits.people);
            }
            Output::Close { peer, .. } => {
                assert!(self.seen.remove(peer).is_some());
                self.gone.insert(*peer);
                self.sends.retain(|t| t.of != *peer);
            }
            Output::Offer { peer, n, restart } => {
                let seen = self.seen.get_mut(peer).expect("an offer to nobody");
                assert_eq!(seen.outstanding, None, "one offer at a time");
                assert!(*n > seen.last && (!restart || seen.answered));
                seen.last = *n;
                seen.outstanding = Some(*n);
                seen.offered = std::mem::take(&mut seen.waiting);
            }
            Output::OfferAgain { peer, n } => assert_eq!(self.seen[peer].outstanding, Some(*n)),
            Output::Answer { peer, .. } => {
                let seen = self.seen.get_mut(peer).expect("an answer from nobody");
                assert!(seen.outstanding.take().is_some());
                seen.answered = true;
            }
            Output::Candidate { peer, .. } => {
                assert!(self.seen[peer].answered, "an address before its description")
            }
            Output::Subscribe { peer, track } => {
                assert!(track.of != *peer && self.sends.contains(track) && self.seen.contains_key(&track.of));
                let seen = self.seen.get_mut(peer).expect("a subscription of nobody");
                assert!(!seen.flowing.contains(track) && !seen.offered.contains(track));
                assert!(seen.waiting.insert(*track));
            }
            Output::Unsubscribe { peer, track } => {
                let seen = self.seen.get_mut(peer).expect("a subscription of nobody");
                let had = [&mut seen.waiting, &mut seen.offered, &mut seen.flowing]
                    .into_iter()
                    .any(|s| s.remove(track));
                assert!(had, "{track:?} was not there");
            }
            Output::Flow { peer, track } => {
                let seen = self.seen.get_mut(peer).expect("a flow to nobody");
                assert!(
                    seen.outstanding.is_none() && seen.offered.remove(track),
                    "flows before it is answered"
                );
                seen.flowing.insert(*track);
            }
            Output::AskKeyframe(id) => {
                assert!(self.sends.contains(&TrackId { of: *id, kind: Kind::Video }));
                let seen = self.seen.get_mut(id).expect("a picture of nobody");
                assert!(seen.asked.is_none_or(|at| at + limits.keyframe <= now), "asked too often");
                seen.asked = Some(now);
            }
            Output::TellCap { to, .. } | Output::TellAudioOnly { to } => here(&self.seen, to),
            Output::TellJoined { to, seat } => {
                here(&self.seen, to);
                assert_ne!(*to, seat.who);
            }
            Output::TellLeft { to, who, .. } => {
                here(&self.seen, to);
                assert!(self.gone.contains(who));
            }
            Output::TellMuted { to, who, .. } => {
                here(&self.seen, to);
                here(&self.seen, who);
            }
        }
    }

    fn nth(&self, n: usize) -> PeerId {
        self.seen.keys().nth(n).copied().unwrap_or(PeerId(999))
    }
}

fn play(room: &mut Room, model: &mut Model, event: &Event, now: &mut Duration) {
    let at = *now;
    match event {
        Event::Join(video) => {
            let full = room.len() == room.limits.people;
            assert_eq!(room.join(Wants { video: *video }, at).is_err(), full);
        }
        Event::Leave(w) => room.leave(model.nth(*w), Why::Left, at),
        Event::Answer(w, right) => {
            let id = model.nth(*w);
            let n = model.seen.get(&id).and_then(|s| s.outstanding);
            let answer = if *right { n.unwrap_or(0) } else { n.unwrap_or(0) + 1 };
            let taken = room.answer(id, answer, "v=0".into(), at);
            assert!(taken.is_err() || (*right && n.is_some()), "an answer nobody asked for");
        }
        Event::Candidate(w) => {
            let candidate = Candidate {
                candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".into(),
                sdp_mid: Some("0".into()),
                sdp_mline_index: Some(0),
                username_fragment: None,
            };
            let _ = room.candidate(model.nth(*w), candidate, at);
        }
        Event::Link(w, l) => {
            let link = match l {
                0..6 => Link::Up,
                6 => Link::Connecting,
                7 => Link::Disconnected,
                8 => Link::Failed,
                _ => Link::Closed,
            };
            room.link(model.nth(*w), link, at);
        }
        Event::Track(w, video) => {
            let of = model.nth(*w);
            let kind = if *video { Kind::Video } else { Kind::Audio };
            if model.seen.contains_key(&of) {
                model.sends.insert(TrackId { of, kind });
            }
            room.track_opened(of, kind, at);
        }
        Event::Video(w, on) => {
            let _ = room.receive_video(model.nth(*w), *on, at);
        }
        Event::Mute(w) => {
            let _ = room.mute(model.nth(*w), Muted { audio: true, video: false }, at);
        }
        Event::Keyframe(a, b) => {
            room.keyframe_wanted(model.nth(*a), TrackId { of: model.nth(*b), kind: Kind::Video }, at);
        }
        Event::Report(a, b, lost) => {
            room.report(model.nth(*a), TrackId { of: model.nth(*b), kind: Kind::Video }, *lost, at);
        }
        Event::Restart(w) => {
            let _ = room.restart(model.nth(*w), at);
        }
        Event::Resume(w) => {
            let _ = room.resume(model.nth(*w), at);
        }
        Event::Wait(ms) => {
            *now += Duration::from_millis(*ms);
            room.tick(*now);
            assert!(room.wake().is_none_or(|at| at > *now), "what is due is done");
        }
    }
}

fn drain(room: &mut Room, model: &mut Model, now: Duration) {
    let limits = room.limits;
    while let Some(output) = room.poll() {
        model.perform(&output, now, &limits);
    }
}

/// Everybody answers and is connected: after that each is sent everything he wants.
fn settle(room: &mut Room, model: &mut Model, now: &mut Duration) {
    for _ in 0..100 {
        *now += Duration::from_secs(1);
        let open: Vec<(PeerId, Option<u32>)> =
            model.seen.iter().map(|(id, s)| (*id, s.outstanding)).collect();
        for (id, n) in &open {
            room.link(*id, Link::Up, *now);
            if let Some(n) = n {
                room.answer(*id, *n, "v=0".into(), *now).expect("the outstanding offer");
            }
            drain(room, model, *now);
        }
        if open.iter().all(|(_, n)| n.is_none()) {
            break;
        }
    }
    for (id, seen) in &model.seen {
        let video = room.members[id].wants.video;
        let wanted: BTreeSet<TrackId> =
            model.sends.iter().copied().filter(|t| t.of != *id && (video || t.kind == Kind::Audio)).collect();
        assert_eq!(seen.flowing, wanted, "what {id:?} is sent in the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_promises_hold_whatever_happens(events in prop::collection::vec(event(), 1..150)) {
        let mut room = Room::new(Limits::default());
        let (mut model, mut now) = (Model::default(), Duration::ZERO);
        for event in &events {
            play(&mut room, &mut model, event, &mut now);
            drain(&mut room, &mut model, now);
            prop_assert_eq!(room.len(), model.seen.len());
        }
        settle(&mut room, &mut model, &mut now);
    }
}

fn joined(room: &mut Room, at: Duration) -> PeerId {
    let id = room.join(Wants { video: true }, at).expect("room");
    while room.poll().is_some() {}
    id
}

fn candidate(text: &str) -> Candidate {
    Candidate { candidate: text.into(), sdp_mid: None, sdp_mline_index: Some(0), username_fragment: None }
}

#[test]
fn a_flood_of_addresses_is_refused_and_time_helps() {
    let mut room = Room::new(Limits { candidates: 1000, ..Limits::default() });
    let id = joined(&mut room, Duration::ZERO);
    let line = || candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host");
    let taken = (0..500).filter(|_| room.candidate(id, line(), Duration::ZERO).is_ok()).count();
    assert_eq!(taken, 96, "the burst");
    assert_eq!(room.candidate(id, line(), Duration::ZERO), Err(Refusal::TooFast { per_second: 20 }));
    assert!(room.candidate(id, line(), Duration::from_secs(1)).is_ok());
}

#[test]
fn a_generation_has_so_many_addresses_and_a_restart_begins_anew() {
    let mut room = Room::new(Limits::default());
    let id = joined(&mut room, Duration::ZERO);
    room.answer(id, 1, "v=0".into(), Duration::ZERO).expect("answer");
    let mut at = Duration::ZERO;
    let mut line = |room: &mut Room| {
        at += Duration::from_millis(100);
        (room.candidate(id, candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"), at), at)
    };
    let taken = (0..100).filter(|_| line(&mut room).0.is_ok()).count();
    assert_eq!(taken, 64);
    let at_last = line(&mut room);
    assert_eq!(at_last.0, Err(Refusal::TooMany { most: 64 }));
    room.restart(id, at_last.1).expect("restart");
    assert!(line(&mut room).0.is_ok());
}

#[test]
fn what_is_no_answer_or_address_is_refused_and_says_why() {
    let mut room = Room::new(Limits::default());
    let id = joined(&mut room, Duration::ZERO);
    let at = Duration::ZERO;
    assert!(matches!(
        room.answer(id, 1, format!("v=0{}", "x".repeat(200_000)), at),
        Err(Refusal::TooLong { .. })
    ));
    assert!(matches!(room.answer(id, 1, "hello".into(), at), Err(Refusal::Malformed { .. })));
    assert_eq!(room.answer(id, 7, "v=0".into(), at), Err(Refusal::Stale { n: 7 }));
    for bad in ["nonsense", "candidate:\r\na=x", &format!("candidate:{}", "x".repeat(600))] {
        assert!(
            matches!(room.candidate(id, candidate(bad), at), Err(Refusal::Malformed { .. })),
            "{bad:.20}"
        );
    }
    assert_eq!(room.answer(PeerId(77), 1, "v=0".into(), at), Err(Refusal::NotHere));
    assert!(room.answer(id, 1, "v=0".into(), at).is_ok());
}

#[test]
fn who_never_answers_or_stays_broken_is_put_out() {
    let mut room = Room::new(Limits::default());
    let silent = joined(&mut room, Duration::ZERO);
    let broken = joined(&mut room, Duration::ZERO);
    room.answer(broken, 1, "v=0".into(), Duration::ZERO).expect("answer");
    room.link(broken, Link::Up, Duration::ZERO);
    room.tick(Duration::from_secs(31));
    let closed = std::iter::from_fn(|| room.poll()).find(|o| matches!(o, Output::Close { .. }));
    assert_eq!(closed, Some(Output::Close { peer: silent, why: Why::NoAnswer }));
    room.link(broken, Link::Disconnected, Duration::from_secs(40));
    let offer = std::iter::from_fn(|| room.poll()).find(|o| matches!(o, Output::Offer { .. }));
    assert_eq!(offer, Some(Output::Offer { peer: broken, n: 2, restart: true }));
    // His page answers, and still nothing comes: it is tried again, for a minute.
    let mut restarts = 0;
    for second in 41..=101 {
        let at = Duration::from_secs(second);
        room.tick(at);
        while let Some(output) = room.poll() {
            match output {
                Output::Close { peer, why } => {
                    assert_eq!((peer, why, second), (broken, Why::Lost, 100));
                    assert!(restarts >= 5, "{restarts} restarts");
                    return;
                }
                Output::Offer { restart, .. } => {
                    assert!(restart);
                    restarts += 1;
                }
                _ => {}
            }
        }
        let n = room.members[&broken].offers;
        let _ = room.answer(broken, n, "v=0".into(), at);
    }
    panic!("still in");
}

//! Arbitrary histories of a room, against what everybody in it may rely on: nobody misses or sees twice what matters, nobody is
//! heard without everybody's word, nobody keeps a place in the call that he has left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

use super::ears::{Caption, CaptionState, Part};
use super::member::Guest;
use super::protocol::{ChatMessage, Code, FromClient, Muted, Offered, Standing};
use super::state::{Begin, Link, Output, Room};
use crate::consult::ask::Mode;
use crate::consult::state::State;
use crate::consult::view::Doctor;

/// The doctor, one who may be asked, a nurse, the patient.
const PEOPLE: [(&str, Part); 4] =
    [("meera", Part::Doctor), ("imran", Part::Doctor), ("nisha", Part::Staff), ("sunita", Part::Patient)];

#[derive(Debug, Clone)]
enum Step {
    /// Comes in, on this device, resuming or not.
    Enter {
        who: usize,
        device: u8,
        resume: bool,
    },
    /// The line is cut; what was on its way is lost.
    Cut {
        who: usize,
    },
    /// What is on its way arrives.
    Deliver {
        who: usize,
    },
    Say {
        who: usize,
        what: FromClient,
    },
    /// The box did what it was asked for.
    Seat {
        who: usize,
        peer: u32,
    },
    Flows {
        who: usize,
        up: bool,
    },
    Out {
        who: usize,
    },
    Agreed,
    AgreedRecording,
    /// The disk is full.
    Fails,
    Chat {
        who: usize,
    },
    Caption {
        who: usize,
    },
    Offer {
        on: bool,
    },
    Move {
        state: State,
    },
    Ears {
        on: bool,
    },
    Wait {
        ms: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0usize..PEOPLE.len();
    let said = prop_oneof![
        any::<(bool, bool)>().prop_map(|(join, video)| FromClient::Call { join, video }),
        any::<bool>().prop_map(|on| FromClient::Agree { on }),
        any::<bool>().prop_map(|on| FromClient::Record { on }),
        any::<bool>().prop_map(|on| FromClient::AgreeRecording { on }),
        any::<bool>().prop_map(|on| FromClient::Phone { on }),
        any::<(bool, bool)>()
            .prop_map(|(video, screen)| FromClient::Media { muted: Muted { audio: false, video }, screen }),
        Just(FromClient::Signal { signal: Value::Null }),
        Just(FromClient::Leave {}),
    ];
    prop_oneof![
        6 => (who(), 0u8..2, any::<bool>()).prop_map(|(who, device, resume)| Step::Enter { who, device, resume }),
        3 => who().prop_map(|who| Step::Cut { who }),
        6 => who().prop_map(|who| Step::Deliver { who }),
        6 => (who(), said).prop_map(|(who, what)| Step::Say { who, what }),
        5 => (who(), 1u32..50).prop_map(|(who, peer)| Step::Seat { who, peer }),
        3 => (who(), any::<bool>()).prop_map(|(who, up)| Step::Flows { who, up }),
        1 => who().prop_map(|who| Step::Out { who }),
        4 => Just(Step::Agreed),
        4 => Just(Step::AgreedRecording),
        1 => Just(Step::Fails),
        3 => who().prop_map(|who| Step::Chat { who }),
        1 => who().prop_map(|who| Step::Caption { who }),
        1 => any::<bool>().prop_map(|on| Step::Offer { on }),
        1 => prop_oneof![3 => Just(State::Active), 1 => Just(State::Completed)].prop_map(|state| Step::Move { state }),
        1 => any::<bool>().prop_map(|on| Step::Ears { on }),
        3 => (0i64..30_000).prop_map(|ms| Step::Wait { ms }),
    ]
}

fn standing(state: State, revision: u64, offered: bool) -> Standing {
    Standing {
        id: "c1".to_owned(),
        state,
        since: Timestamp::UNIX_EPOCH,
        revision,
        mode: Mode::Video,
        interrupted: None,
        grace_until: None,
        doctor: Some(Doctor {
            id: "meera".to_owned(),
            name: "Meera".to_owned(),
            qualification: None,
            registration: None,
        }),
        transfer: offered.then(|| Offered { to: "imran".to_owned(), to_name: "Imran".to_owned() }),
        identity: true,
        consent: true,
    }
}

fn begin() -> Begin {
    Begin {
        epoch: "e1".to_owned(),
        standing: standing(State::Waiting, 1, false),
        chats: 0,
        agreed: BTreeSet::new(),
        met: false,
        calls: true,
        ears: true,
        records: true,
        agreed_recording: BTreeSet::new(),
    }
}

/// A browser: what it has seen, and what is on its way to it.
#[derive(Default)]
struct Browser {
    link: Option<Link>,
    seen: Option<u64>,
    coming: VecDeque<Value>,
}

struct World {
    room: Room,
    browsers: BTreeMap<&'static str, Browser>,
    now: Timestamp,
    links: Link,
    revision: u64,
    offered: bool,
    chats: u64,
    /// Numbers of all events, as the first to see each saw them.
    events: BTreeMap<u64, Value>,
    seated: BTreeSet<String>,
    heard: BTreeSet<String>,
    agreeing: VecDeque<(String, bool)>,
    agreed: BTreeSet<String>,
    /// Whose sound and pictures are kept, since which doctor asked; who agreed to it.
    recorded: BTreeSet<String>,
    recording: Option<String>,
    agreeing_recording: VecDeque<(String, bool)>,
    agreed_recording: BTreeSet<String>,
    asked: bool,
    closed: BTreeSet<Link>,
}

impl World {
    fn new() -> World {
        World {
            room: Room::new(begin()),
            browsers: PEOPLE.iter().map(|(id, _)| (*id, Browser::default())).collect(),
            now: Timestamp::from_second(1_795_000_000).unwrap(),
            links: 0,
            revision: 1,
            offered: false,
            chats: 0,
            events: BTreeMap::new(),
            seated: BTreeSet::new(),
            heard: BTreeSet::new(),
            agreeing: VecDeque::new(),
            agreed: BTreeSet::new(),
            recorded: BTreeSet::new(),
            recording: None,
            agreeing_recording: VecDeque::new(),
            agreed_recording: BTreeSet::new(),
            asked: false,
            closed: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let id = |who: usize| PEOPLE[who].0;
        match step {
            Step::Enter { who, device, resume } => {
                self.links += 1;
                let (name, part) = PEOPLE[who];
                let browser = self.browsers.get_mut(name).unwrap();
                // What was on its way over the old socket is lost.
                browser.coming.clear();
                browser.link = Some(self.links);
                if !resume {
                    browser.seen = None;
                }
                let seen = browser.seen.map(|n| ("e1", n));
                let guest = Guest {
                    id: name.to_owned(),
                    name: name.to_owned(),
                    part,
                    qualification: None,
                    registration: None,
                    device: format!("d{device}"),
                };
                self.room.enter(self.links, guest, seen, self.now);
            }
            Step::Cut { who } => {
                let browser = self.browsers.get_mut(id(who)).unwrap();
                browser.coming.clear();
                if let Some(link) = browser.link.take() {
                    self.room.lost(link, self.now);
                }
            }
            Step::Deliver { who } => self.deliver(id(who)),
            Step::Say { who, what } => {
                if let Some(link) = self.browsers[id(who)].link {
                    if let FromClient::Agree { on: false } = what {
                        self.agreed.remove(id(who));
                    }
                    match what {
                        FromClient::AgreeRecording { on: false } => {
                            self.agreed_recording.remove(id(who));
                            self.asked = false;
                        }
                        FromClient::Record { on } if id(who) == "meera" => self.asked = on,
                        _ => {}
                    }
                    self.room.said(link, Some(what), self.now);
                }
            }
            Step::Seat { who, peer } => {
                if self.room.member(id(who)).is_some_and(|member| member.wanted) {
                    self.seated.insert(id(who).to_owned());
                    self.room.seated(id(who), peer, true, self.now);
                }
            }
            Step::Flows { who, up } => self.room.flows(id(who), up, self.now),
            Step::Out { who } => {
                if let Some(peer) = self.room.member(id(who)).and_then(|member| member.peer) {
                    self.seated.remove(id(who));
                    self.recorded.remove(id(who));
                    self.room.unseated(id(who), peer, self.now);
                }
            }
            Step::Agreed => {
                if let Some((id, on)) = self.agreeing.pop_front() {
                    self.room.agreed(&id, on, self.now);
                }
            }
            Step::AgreedRecording => {
                if let Some((id, on)) = self.agreeing_recording.pop_front() {
                    self.room.agreed_recording(&id, on, self.now);
                }
            }
            Step::Fails => {
                self.asked = false;
                self.room.recording_failed(self.now);
            }
            Step::Chat { who } => {
                self.chats += 1;
                let message = ChatMessage {
                    no: self.chats,
                    by: id(who).to_owned(),
                    name: id(who).to_owned(),
                    part: PEOPLE[who].1,
                    text: "words".to_owned(),
                    at: self.now,
                    key: "12345678".to_owned(),
                    file: None,
                };
                self.room.written(message, self.now);
            }
            Step::Caption { who } => {
                let caption = Caption {
                    speaker: id(who).to_owned(),
                    id: 1,
                    revision: 1,
                    start_ms: 0,
                    end_ms: 1,
                    words: Vec::new(),
                    firm: 0,
                    state: CaptionState::Partial,
                };
                self.room.caption(caption, self.now);
            }
            Step::Offer { on } => {
                self.offered = on;
                self.turn(None);
            }
            Step::Move { state } => self.turn(Some(state)),
            Step::Ears { on } => self.room.ears(on, self.now),
            Step::Wait { ms } => {
                self.now = self.now.checked_add(SignedDuration::from_millis(ms)).unwrap();
                self.room.tick(self.now);
            }
        }
        self.perform();
    }

    fn turn(&mut self, state: Option<State>) {
        let state = state.unwrap_or(self.room.standing().state);
        if !self.room.is_over() {
            self.revision += 1;
            self.room.moved(standing(state, self.revision, self.offered), self.now);
        }
    }

    fn perform(&mut self) {
        while let Some(output) = self.room.poll() {
            match output {
                Output::Tell { link, message, .. } => {
                    assert!(!self.closed.contains(&link), "a closed socket is told something");
                    let value: Value = serde_json::from_str(&message).unwrap();
                    if let Some(browser) = self.browsers.values_mut().find(|b| b.link == Some(link)) {
                        browser.coming.push_back(value);
                    }
                }
                Output::Close { link, code } => {
                    assert!(self.closed.insert(link), "a socket is closed twice");
                    if let Some(browser) = self.browsers.values_mut().find(|b| b.link == Some(link)) {
                        // What was sent before arrives before.
                        let _ = code == Code::Over;
                        browser.link = None;
                        browser.coming.clear();
                    }
                }
                Output::Unseat { id } => {
                    self.seated.remove(&id);
                    self.heard.remove(&id);
                    self.recorded.remove(&id);
                }
                Output::Agree { id, on } => {
                    self.agreeing.push_back((id.clone(), on));
                    if on {
                        self.agreed.insert(id);
                    }
                }
                Output::Ear { id, on: true } => assert!(self.heard.insert(id), "two ears of one"),
                Output::Ear { id, on: false } => {
                    self.heard.remove(&id);
                }
                Output::AgreeRecording { id, on } => {
                    self.agreeing_recording.push_back((id.clone(), on));
                    if on {
                        self.agreed_recording.insert(id);
                    }
                }
                Output::Recording { by, on } => {
                    assert_eq!(self.recording.is_some(), !on, "it begins, ends, begins");
                    self.recording = on.then_some(by);
                }
                Output::Reel { id, on: true } => {
                    assert!(self.recording.is_some(), "begun before the first is taken");
                    self.recorded.insert(id);
                }
                Output::Reel { id, on: false } => {
                    self.recorded.remove(&id);
                }
                Output::Seat { .. }
                | Output::Signal { .. }
                | Output::Mute { .. }
                | Output::Write { .. }
                | Output::Arrived { .. }
                | Output::Lost(_)
                | Output::Segment(_) => {}
            }
        }
        self.check();
    }

    fn check(&self) {
        let seated: BTreeSet<String> = PEOPLE
            .iter()
            .filter(|(id, _)| self.room.member(id).is_some_and(|member| member.peer.is_some()))
            .map(|(id, _)| (*id).to_owned())
            .collect();
        assert_eq!(seated, self.seated, "the call and the room know the same people");
        if !self.heard.is_empty() {
            assert_eq!(self.room.standing().state, State::Active);
            assert_eq!(self.heard, seated, "whoever is in the call is heard, and nobody else");
            for id in &seated {
                assert!(self.agreed.contains(id), "{id} is in the call and did not agree");
            }
        }
        if !self.recorded.is_empty() {
            assert_eq!(self.room.standing().state, State::Active);
            assert!(self.asked && seated.contains("meera"), "the doctor asked and is there");
            assert_eq!(self.recorded, seated, "whoever is in the call is recorded, and nobody else");
            for id in &seated {
                assert!(self.agreed_recording.contains(id), "{id} did not agree to be recorded");
            }
        }
        assert_eq!(self.recording.is_some(), !self.recorded.is_empty());
        assert_eq!(self.recording.is_some(), self.room.is_recorded());
        for (id, part) in PEOPLE {
            if self.room.member(id).is_some() {
                assert!(!self.room.is_over());
                assert!(part != Part::Doctor || id == "meera" || self.offered, "{id} has no business here");
            }
        }
    }

    /// Everything on its way arrives: each event is the one after the last that this browser saw, and says what it said to
    /// everybody.
    fn deliver(&mut self, id: &str) {
        let browser = self.browsers.get_mut(id).unwrap();
        for message in std::mem::take(&mut browser.coming) {
            match message["type"].as_str().unwrap() {
                "welcome" => {
                    if message["resumed"] == false {
                        browser.seen = message["n"].as_u64();
                    }
                    assert_eq!(message["you"], id);
                }
                "event" => {
                    let n = message["n"].as_u64().unwrap();
                    assert_eq!(Some(n), browser.seen.map(|seen| seen + 1), "{id} misses or repeats an event");
                    browser.seen = Some(n);
                    let known = self.events.entry(n).or_insert_with(|| message["event"].clone());
                    assert_eq!(*known, message["event"], "everybody is told the same");
                }
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_people_can_rely_on_the_room(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        for (id, _) in PEOPLE {
            world.deliver(id);
        }
        // Once all lines are cut and the time of the seats is over, nobody is left.
        for who in 0..PEOPLE.len() {
            world.step(Step::Cut { who });
        }
        world.step(Step::Wait { ms: 20_000 });
        prop_assert!(world.room.is_empty() && world.seated.is_empty() && world.heard.is_empty());
        prop_assert!(world.recorded.is_empty() && world.recording.is_none());
    }
}

#[test]
fn a_recording_begins_when_all_agreed_to_it_and_ends_with_the_first_who_did_not() {
    let mut world = World::new();
    world.step(Step::Move { state: State::Active });
    let say = |world: &mut World, who, what| world.step(Step::Say { who, what });
    for who in [0, 3] {
        world.step(Step::Enter { who, device: 0, resume: false });
        say(&mut world, who, FromClient::Call { join: true, video: true });
        world.step(Step::Seat { who, peer: u32::try_from(who).unwrap() + 1 });
        // Agreeing to captions is nothing here.
        say(&mut world, who, FromClient::Agree { on: true });
        world.step(Step::Agreed);
    }
    say(&mut world, 3, FromClient::Record { on: true });
    assert!(!world.room.recorded().asked, "only the doctor asks");
    say(&mut world, 0, FromClient::Record { on: true });
    world.step(Step::AgreedRecording);
    assert_eq!(world.room.recorded().missing, ["sunita"]);
    assert!(world.recorded.is_empty());
    say(&mut world, 3, FromClient::AgreeRecording { on: true });
    assert!(world.recorded.is_empty(), "not before it is written down");
    world.step(Step::AgreedRecording);
    assert_eq!(world.recorded.len(), 2);
    assert_eq!(world.recording.as_deref(), Some("meera"));
    // A nurse comes into the call and has not agreed: nobody is recorded until she has.
    world.step(Step::Enter { who: 2, device: 0, resume: false });
    say(&mut world, 2, FromClient::Call { join: true, video: true });
    world.step(Step::Seat { who: 2, peer: 9 });
    assert!(world.recorded.is_empty() && world.recording.is_none());
    say(&mut world, 2, FromClient::AgreeRecording { on: true });
    world.step(Step::AgreedRecording);
    assert_eq!(world.recorded.len(), 3);
    // What is taken back counts at once, and the doctor has to ask again.
    say(&mut world, 3, FromClient::AgreeRecording { on: false });
    assert!(world.recorded.is_empty() && !world.room.recorded().asked);
    world.step(Step::AgreedRecording);
    say(&mut world, 3, FromClient::AgreeRecording { on: true });
    world.step(Step::AgreedRecording);
    assert!(world.recorded.is_empty(), "agreeing does not begin it");
    say(&mut world, 0, FromClient::Record { on: true });
    assert_eq!(world.recorded.len(), 3);
    world.step(Step::Fails);
    assert!(world.recorded.is_empty(), "what is not kept is not claimed to be");
    say(&mut world, 0, FromClient::Record { on: true });
    world.step(Step::Move { state: State::Completed });
    assert!(world.recorded.is_empty() && world.recording.is_none());
}

#[test]
fn who_comes_again_replaces_himself_and_a_cut_line_keeps_the_seat() {
    let mut world = World::new();
    world.step(Step::Move { state: State::Active });
    world.step(Step::Enter { who: 0, device: 0, resume: false });
    world.step(Step::Say { who: 0, what: FromClient::Call { join: true, video: true } });
    world.step(Step::Seat { who: 0, peer: 1 });
    world.step(Step::Cut { who: 0 });
    assert!(world.seated.contains("meera"), "kept for a moment");
    world.step(Step::Wait { ms: 19_000 });
    world.step(Step::Enter { who: 0, device: 0, resume: true });
    assert!(world.seated.contains("meera"), "the same browser goes on");
    world.step(Step::Enter { who: 0, device: 1, resume: false });
    assert!(!world.seated.contains("meera"), "another browser begins anew");
    assert_eq!(world.closed, BTreeSet::from([2]), "and the old socket is closed");
    world.step(Step::Cut { who: 0 });
    world.step(Step::Wait { ms: 20_000 });
    assert!(world.room.is_empty());
}

#[test]
fn speech_is_heard_once_everybody_has_agreed_and_until_one_takes_it_back() {
    let mut world = World::new();
    world.step(Step::Move { state: State::Active });
    for who in [0, 3] {
        world.step(Step::Enter { who, device: 0, resume: false });
        world.step(Step::Say { who, what: FromClient::Call { join: true, video: true } });
        world.step(Step::Seat { who, peer: u32::try_from(who).unwrap() + 1 });
        world.step(Step::Say { who, what: FromClient::Agree { on: true } });
        assert!(world.heard.is_empty(), "not before it is written down");
        world.step(Step::Agreed);
        assert_eq!(world.heard.len(), if who == 0 { 1 } else { 2 }, "everybody who is in has agreed");
    }
    // Somebody who comes in later has to agree as well.
    world.step(Step::Enter { who: 2, device: 0, resume: false });
    assert!(!world.heard.is_empty(), "who is not in the call is not heard");
    world.step(Step::Say { who: 2, what: FromClient::Call { join: true, video: true } });
    world.step(Step::Seat { who: 2, peer: 9 });
    assert!(world.heard.is_empty());
    world.step(Step::Say { who: 2, what: FromClient::Call { join: false, video: false } });
    assert_eq!(world.heard.len(), 2);
    world.step(Step::Say { who: 3, what: FromClient::Agree { on: false } });
    assert!(world.heard.is_empty(), "at once, before it is written down");
    // Agreed and taken back before the first was written down: nothing opens.
    world.step(Step::Agreed);
    world.step(Step::Say { who: 3, what: FromClient::Agree { on: true } });
    world.step(Step::Say { who: 3, what: FromClient::Agree { on: false } });
    world.step(Step::Agreed);
    assert!(world.heard.is_empty());
}

#[test]
fn floods_and_nonsense_end_the_socket_and_nothing_else() {
    let mut world = World::new();
    world.step(Step::Enter { who: 0, device: 0, resume: false });
    world.step(Step::Enter { who: 3, device: 0, resume: false });
    let link = world.browsers["sunita"].link.unwrap();
    for _ in 0..300 {
        world.room.said(link, Some(FromClient::Signal { signal: Value::Null }), world.now);
    }
    let closes: Vec<Output> =
        std::iter::from_fn(|| world.room.poll()).filter(|out| matches!(out, Output::Close { .. })).collect();
    assert_eq!(closes, [Output::Close { link, code: Code::Flood }]);
    let link = world.browsers["meera"].link.unwrap();
    world.room.said(link, None, world.now);
    let closes: Vec<Output> =
        std::iter::from_fn(|| world.room.poll()).filter(|out| matches!(out, Output::Close { .. })).collect();
    assert_eq!(closes, [Output::Close { link, code: Code::Protocol }]);
    assert!(world.room.member("meera").is_some(), "the seat is kept as for any cut line");
}

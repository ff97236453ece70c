use proptest::prelude::*;

use super::*;
use crate::engine::Heard;
use crate::speech::{Segment, millis};

/// Drives the rules without threads: the detector answers at once, each thing heard takes `takes` of the clock's time.
struct Stage {
    live: Live,
    now: Duration,
    takes: Duration,
    busy: Option<(u64, Request, Duration)>,
    events: Vec<Event>,
    fails: bool,
}

impl Stage {
    fn new(takes: u64) -> Self {
        let model = Model { name: "fake".into(), sha256: "0".into(), path: "/".into() };
        let takes = Duration::from_millis(takes);
        let mut live = Live::new(model);
        live.begin(1, Setup { language: "en".into(), ..Setup::default() });
        Self { live, now: Duration::ZERO, takes, busy: None, events: Vec::new(), fails: false }
    }

    /// 100 ms of sound arrive, and 100 ms pass.
    fn hear(&mut self, at: u64, value: f32) {
        self.live.push(1, at, &[value; 1600], self.now);
        self.now += Duration::from_millis(100);
        self.turn();
    }

    fn turn(&mut self) {
        while let Some((track, samples)) = self.live.listen(self.now) {
            let loud = |frame: &[f32]| frame.iter().any(|sample| sample.abs() > 0.1);
            let frames = samples.chunks(FRAME).map(|frame| if loud(frame) { 0.9 } else { 0.1 }).collect();
            self.live.judged(track, Ok(frames), self.now);
        }
        if let Some((id, request, _)) = self.busy.take_if(|(_, _, until)| *until <= self.now) {
            let answer = if self.fails { Err(EngineError::Late) } else { Ok(said(&request.samples)) };
            self.live.heard(id, answer, self.now);
        }
        self.live.look(self.now);
        if self.busy.is_none()
            && let Some(Task::Hear(id, request)) = self.live.task(true, self.now)
        {
            self.busy = Some((id, request, self.now + self.takes));
        }
        while let Some((_, event)) = self.live.event() {
            self.events.push(event);
        }
    }

    fn finish(&mut self) {
        self.live.end(1);
        for _ in 0..3000 {
            self.now += Duration::from_millis(100);
            self.turn();
            if !self.live.has_tracks() {
                return;
            }
        }
        panic!("the track does not end");
    }

    fn captions(&self, state: State) -> Vec<&Caption> {
        let captions = self.events.iter().filter_map(|event| match event {
            Event::Caption(caption) if caption.state == state => Some(caption),
            _ => None,
        });
        captions.collect()
    }
}

/// A word for each half second of what is loud.
fn said(samples: &Samples) -> Heard {
    let loud = samples.iter().filter(|sample| sample.abs() > 0.1).count();
    let words: Vec<Word> =
        (0..loud / 8000).map(|n| Word { text: format!("word{n}"), probability: 0.9 }).collect();
    let segments = if words.is_empty() {
        Vec::new()
    } else {
        vec![Segment { start: 0, end: millis(samples.len()), words }]
    };
    Heard { segments, cpu: Duration::ZERO }
}

#[test]
fn an_utterance_grows_and_is_committed_once() {
    let mut stage = Stage::new(300);
    for at in 0..120_u64 {
        stage.hear(at * 1600, if (20..70).contains(&at) { 0.5 } else { 0.001 });
    }
    let committed = stage.captions(State::Committed);
    assert_eq!(committed.len(), 1);
    assert_eq!(committed[0].words.len(), 10);
    assert!(
        committed[0].start.abs_diff(1800) <= 64 && committed[0].end.abs_diff(7200) <= 64,
        "{committed:?}"
    );
    let partial = stage.captions(State::Partial);
    assert!((2..=4).contains(&partial.len()), "{}", partial.len());
    assert!(partial.windows(2).all(|two| two[0].revision < two[1].revision && two[0].firm <= two[1].firm));
    assert!(partial.last().unwrap().firm > 0 && partial.last().unwrap().revision < committed[0].revision);
    stage.finish();
    assert_eq!(stage.events.last(), Some(&Event::Ended(1)));
}

#[test]
fn a_hole_is_silence_and_time_stays_true() {
    let mut stage = Stage::new(10);
    for (from, gap) in [(0, 0), (30, 500), (30, 20), (30, 0)] {
        let start = stage.live.tracks[&1].length() + gap * 1600 + from;
        for at in 0..20 {
            stage.hear(start + at * 1600, 0.5);
        }
    }
    stage.finish();
    let committed = stage.captions(State::Committed);
    let starts: Vec<u64> = committed.iter().map(|caption| caption.start / 1000).collect();
    assert_eq!(starts, [0, 52, 55]);
}

#[test]
fn a_worker_that_is_too_slow_costs_partials_first_then_captions() {
    let mut stage = Stage::new(9000);
    for at in 0..1200_u64 {
        stage.hear(at * 1600, if at % 40 < 30 { 0.5 } else { 0.001 });
    }
    let levels: Vec<Level> = stage
        .events
        .iter()
        .filter_map(|event| if let Event::Level(level) = event { Some(*level) } else { None })
        .collect();
    assert!(levels.starts_with(&[Level::Slow]) && levels.contains(&Level::Paused), "{levels:?}");
    assert!(!stage.captions(State::Later).is_empty());
    stage.takes = Duration::from_millis(100);
    for at in 1200..1800_u64 {
        stage.hear(at * 1600, if at % 40 < 30 { 0.5 } else { 0.001 });
    }
    assert_eq!(stage.live.level(), Level::All, "it comes back once it can");
    stage.finish();
    let settled = stage.captions(State::Committed).len() + stage.captions(State::Later).len();
    assert_eq!(settled, 45, "each utterance is said to be one or the other");
}

#[test]
fn what_fails_is_left_to_the_transcript() {
    let mut stage = Stage::new(100);
    stage.fails = true;
    for at in 0..60_u64 {
        stage.hear(at * 1600, if at < 30 { 0.5 } else { 0.001 });
    }
    stage.finish();
    assert_eq!(stage.captions(State::Later).len(), 1);
    assert!(stage.events.iter().any(|event| matches!(event, Event::Trouble(_))));
}

#[test]
fn silence_makes_no_caption() {
    let mut stage = Stage::new(100);
    for at in 0..600_u64 {
        stage.hear(at * 1600, if at % 2 == 0 { 0.0 } else { 0.05 });
    }
    stage.finish();
    assert_eq!(stage.events, [Event::Ended(1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// However sound, holes and slowness come: captions are in order, each is settled once, revisions grow, and the end comes last.
    #[test]
    fn captions_keep_their_promises(
        parts in proptest::collection::vec((1_u64..60, any::<bool>(), 0_u64..6), 1..14),
        takes in 0_u64..4000,
        fails in any::<bool>(),
    ) {
        let mut stage = Stage::new(takes);
        stage.fails = fails;
        let mut at = 0;
        for (tenths, loud, lost) in parts {
            for _ in 0..tenths {
                stage.hear(at, if loud { 0.5 } else { 0.001 });
                at += 1600;
            }
            at += lost * lost * 3200;
        }
        stage.finish();
        let ends: Vec<usize> =
            (0..stage.events.len()).filter(|at| stage.events[*at] == Event::Ended(1)).collect();
        prop_assert_eq!(ends.len(), 1);
        prop_assert!(!stage.events[ends[0]..].iter().any(|event| matches!(event, Event::Caption(_))));
        let mut last: BTreeMap<u64, (u32, bool)> = BTreeMap::new();
        for event in &stage.events {
            let Event::Caption(caption) = event else { continue };
            prop_assert!(caption.firm <= caption.words.len() && caption.start <= caption.end);
            let settled = caption.state != State::Partial;
            if let Some((revision, was_settled)) = last.insert(caption.id, (caption.revision, settled)) {
                prop_assert!(caption.revision > revision && !was_settled);
            }
        }
        prop_assert!(last.values().all(|(_, settled)| *settled), "{:?}", last);
        let ids: Vec<u64> = last.keys().copied().collect();
        prop_assert!(ids.windows(2).all(|two| two[1] == two[0] + 1));
    }
}

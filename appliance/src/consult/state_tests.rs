//! Random histories of consultations and doctors against a small model, and the rows of clinic-workflow.md section 3.1.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::ask::{Colour, Urgency};
use super::super::presence::{Doctor, Move, Presence, Wanted};
use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn ask(mode: Mode) -> Ask {
    Ask {
        complaint: "Cough".to_owned(),
        specialty: "general".to_owned(),
        language: "hi".to_owned(),
        urgency: Urgency::Routine,
        mode,
        flags: Vec::new(),
        colour: Colour::Green,
    }
}

fn request() -> Course {
    Course::request(ask(Mode::Video), "patient-1", true, at(0))
}

fn go(course: &Course, event: Event, second: i64) -> Moved {
    course.apply(event, &Rules::default(), at(second)).unwrap()
}

fn assign(fee: u64) -> Event {
    Event::Assign { doctor: "d1".to_owned(), gate: Gate::Prepay(fee) }
}

fn identity() -> Event {
    Event::Identity { by: "r1".to_owned(), how: "known".to_owned(), adult: None }
}

fn start() -> Event {
    Event::Start { doctor: "d1".to_owned() }
}

fn complete(open_drafts: usize) -> Event {
    Event::Complete { by: "d1".to_owned(), open_drafts }
}

#[test]
fn the_way_through_with_a_payment() {
    let (pending, effects) = go(&request(), assign(50_000), 1);
    assert_eq!(pending.state, State::PendingPayment);
    let until = Some(at(601));
    assert_eq!(
        effects,
        [Effect::Reserve { doctor: "d1".to_owned(), until }, Effect::Charge { paise: 50_000, gates: true }]
    );
    let (waiting, effects) = go(&pending, Event::PaymentVerified, 30);
    assert_eq!((waiting.state, effects), (State::Waiting, vec![Effect::Keep { doctor: "d1".to_owned() }]));
    let refused = waiting.apply(start(), &Rules::default(), at(40)).unwrap_err();
    assert!(matches!(refused, Refused::Missing(_)));
    let (known, _) = go(&waiting, identity(), 41);
    let other = Event::Start { doctor: "d2".to_owned() };
    assert_eq!(known.apply(other, &Rules::default(), at(42)), Err(Refused::NotTheirs));
    let (active, effects) = go(&known, start(), 43);
    assert_eq!((active.state, effects), (State::Active, vec![Effect::Engage { doctor: "d1".to_owned() }]));
    assert!(active.apply(complete(1), &Rules::default(), at(44)).is_err());
    let (done, effects) = go(&active, complete(0), 45);
    assert_eq!((done.state, effects), (State::Completed, vec![Effect::Free { doctor: "d1".to_owned() }]));
    let addendum = |by: &str| Event::Addendum { by: by.to_owned(), document: "doc-1".to_owned() };
    assert_eq!(done.apply(addendum("d2"), &Rules::default(), at(46)), Err(Refused::NotTheirs));
    let (added, _) = go(&done, addendum("d1"), 46);
    assert_eq!((added.state, added.addenda), (State::Completed, vec!["doc-1".to_owned()]));
}

#[test]
fn a_hold_ends_after_ten_minutes_and_not_before() {
    let (pending, _) = go(&request(), assign(50_000), 1);
    assert_eq!(pending.due(&Rules::default()), Some(at(601)));
    let early = pending.apply(Event::HoldExpired, &Rules::default(), at(600));
    assert_eq!(early, Err(Refused::TooEarly(at(601))));
    let (cancelled, effects) = go(&pending, Event::HoldExpired, 601);
    assert_eq!(cancelled.state, State::Cancelled);
    assert_eq!(
        effects,
        [Effect::Free { doctor: "d1".to_owned() }, Effect::CloseCharge, Effect::Tell(Notice::AskAgain)]
    );
}

#[test]
fn an_emergency_passes_the_gate_and_its_reason_is_kept() {
    let (pending, _) = go(&request(), assign(50_000), 1);
    let emergency = |reason: &str| Event::Emergency { by: "d1".to_owned(), reason: reason.to_owned() };
    assert_eq!(pending.apply(emergency(" "), &Rules::default(), at(2)), Err(Refused::NoReason));
    let (waiting, effects) = go(&pending, emergency("chest pain"), 2);
    assert_eq!(waiting.state, State::Waiting);
    assert_eq!(waiting.exempt.as_ref().unwrap().reason, "chest pain");
    assert!(effects.contains(&Effect::OpenGate));
    let (paid, effects) = go(&waiting, Event::PaymentVerified, 3);
    assert!(paid.paid && effects.is_empty() && paid.state == State::Waiting);
}

#[test]
fn a_fee_of_nothing_and_a_policy_pass_the_gate() {
    let (free, effects) = go(&request(), assign(0), 1);
    assert_eq!((free.state, free.policy.as_deref()), (State::Waiting, Some("free")));
    assert_eq!(effects.len(), 1);
    let gate = Gate::Open { policy: "payAfter".to_owned(), due: 20_000 };
    let (after, effects) = go(&request(), Event::Assign { doctor: "d1".to_owned(), gate }, 1);
    assert_eq!((after.state, after.policy.as_deref()), (State::Waiting, Some("payAfter")));
    assert!(effects.contains(&Effect::Charge { paise: 20_000, gates: false }));
}

#[test]
fn whoever_came_is_not_absent() {
    let (waiting, _) = go(&request(), assign(0), 0);
    assert_eq!(waiting.apply(Event::Absent, &Rules::default(), at(899)), Err(Refused::TooEarly(at(900))));
    assert_eq!(go(&waiting, Event::Absent, 900).0.state, State::NoShow);
    let (here, _) = go(&waiting, Event::Arrived, 10);
    assert!(here.apply(Event::Absent, &Rules::default(), at(9_000)).is_err());
    assert_eq!(here.due(&Rules::default()), None);
}

#[test]
fn a_transfer_needs_the_receiver_and_keeps_both_names() {
    let (waiting, _) = go(&request(), assign(0), 0);
    let (known, _) = go(&waiting, identity(), 1);
    let (active, _) = go(&known, start(), 2);
    let offer = Event::Offer { by: "d1".to_owned(), to: "d2".to_owned(), reason: "skin".to_owned() };
    let (offered, effects) = go(&active, offer, 3);
    assert_eq!((offered.doctor.as_deref(), effects.len()), (Some("d1"), 0));
    let accept = |by: &str| Event::Accept { by: by.to_owned() };
    assert_eq!(offered.apply(accept("d3"), &Rules::default(), at(4)), Err(Refused::NotTheirs));
    let (taken, effects) = go(&offered, accept("d2"), 4);
    assert_eq!(taken.doctor.as_deref(), Some("d2"));
    assert_eq!(taken.parts.len(), 2);
    assert_eq!(
        effects,
        [Effect::Engage { doctor: "d2".to_owned() }, Effect::Free { doctor: "d1".to_owned() }]
    );
    assert!(taken.apply(accept("d2"), &Rules::default(), at(5)).is_err());
}

#[test]
fn a_lost_line_leaves_it_active_with_ten_minutes_of_grace() {
    let (waiting, _) = go(&request(), assign(0), 0);
    let (active, _) = go(&go(&waiting, identity(), 1).0, start(), 2);
    let (lost, effects) = go(&active, Event::Interrupted, 10);
    assert_eq!((lost.state, effects), (State::Active, vec![Effect::Tell(Notice::Fallback)]));
    assert_eq!(lost.grace_until(&Rules::default()), Some(at(610)));
    let (again, _) = go(&lost, Event::Interrupted, 20);
    assert_eq!(again.interrupted, Some(at(10)));
    assert_eq!(go(&lost, Event::Resumed, 30).0.interrupted, None);
}

/// The model of one consultation: a table of who may follow whom, without times and people.
fn may_follow(from: State, to: State) -> bool {
    use State::{Active, Cancelled, Completed, NoShow, PendingPayment, Requested, Waiting};
    matches!(
        (from, to),
        (Requested, PendingPayment | Waiting | Cancelled)
            | (PendingPayment, Waiting | Cancelled)
            | (Waiting, Active | NoShow | Cancelled)
            | (Active, Completed)
    )
}

const DOCTORS: [&str; 3] = ["d1", "d2", "d3"];
const CONSULTATIONS: usize = 4;

#[derive(Debug, Clone)]
enum Act {
    Course(usize, Event),
    Doctor(usize, Move),
    Pass(i64),
}

fn doctor() -> impl Strategy<Value = String> {
    (0..DOCTORS.len()).prop_map(|n| DOCTORS[n].to_owned())
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (doctor(), prop_oneof![Just(0u64), Just(30_000)]).prop_map(|(doctor, fee)| Event::Assign { doctor, gate: Gate::Prepay(fee) }),
        1 => doctor().prop_map(|doctor| Event::Assign { doctor, gate: Gate::Open { policy: "payAfter".to_owned(), due: 10_000 } }),
        3 => Just(Event::PaymentVerified),
        1 => Just(Event::PaymentFailed),
        1 => Just(Event::HoldExpired),
        1 => doctor().prop_map(|by| Event::Emergency { by, reason: "worse".to_owned() }),
        1 => Just(Event::Arrived),
        4 => Just(identity()),
        1 => Just(Event::Consent { by: "r1".to_owned(), form: "tick".to_owned() }),
        4 => doctor().prop_map(|doctor| Event::Start { doctor }),
        1 => Just(Event::Absent),
        1 => Just(Event::Interrupted),
        1 => Just(Event::Resumed),
        3 => (doctor(), doctor()).prop_map(|(by, to)| Event::Offer { by, to, reason: "skin".to_owned() }),
        3 => doctor().prop_map(|by| Event::Accept { by }),
        1 => doctor().prop_map(|by| Event::Decline { by }),
        3 => (doctor(), 0..2usize).prop_map(|(by, open_drafts)| Event::Complete { by, open_drafts }),
        1 => doctor().prop_map(|by| Event::Addendum { by, document: "doc".to_owned() }),
        1 => Just(Event::Cancel { by: "r1".to_owned(), reason: "asked".to_owned(), refund: RefundDecision::Full }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let wanted = prop_oneof![3 => Just(Wanted::Online), 1 => Just(Wanted::Break), 1 => Just(Wanted::Offline)];
    prop_oneof![
        8 => (0..CONSULTATIONS, event()).prop_map(|(n, event)| Act::Course(n, event)),
        3 => (0..DOCTORS.len(), wanted).prop_map(|(n, wanted)| Act::Doctor(n, Move::Want(wanted))),
        1 => (0..DOCTORS.len()).prop_map(|n| Act::Doctor(n, Move::Lapse)),
        2 => (1..1_000i64).prop_map(Act::Pass),
    ]
}

/// Carries one event out as the desk does: every effect, or nothing.
fn carry(
    course: &Course,
    id: &str,
    event: Event,
    doctors: &BTreeMap<String, Doctor>,
    now: Timestamp,
) -> Option<(Course, BTreeMap<String, Doctor>, Vec<Effect>)> {
    let (next, effects) = course.apply(event, &Rules::default(), now).ok()?;
    let mut doctors = doctors.clone();
    for effect in &effects {
        let consultation = id.to_owned();
        let (doctor, with) = match effect {
            Effect::Reserve { doctor, until } => (doctor, Move::Reserve { consultation, until: *until }),
            Effect::Keep { doctor } => (doctor, Move::Keep { consultation }),
            Effect::Engage { doctor } => (doctor, Move::Engage { consultation }),
            Effect::Free { doctor } => (doctor, Move::Free { consultation }),
            Effect::Charge { .. }
            | Effect::CloseCharge
            | Effect::OpenGate
            | Effect::Refund(_)
            | Effect::Tell(_) => continue,
        };
        let moved = doctors.get(doctor)?.apply(with, now).ok()?;
        doctors.insert(doctor.clone(), moved);
    }
    Some((next, doctors, effects))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn whatever_happens_nobody_has_two_patients_and_no_state_is_skipped(
        acts in proptest::collection::vec(act(), 0..120)
    ) {
        let mut courses: Vec<Course> = (0..CONSULTATIONS).map(|_| request()).collect();
        let mut doctors: BTreeMap<String, Doctor> =
            DOCTORS.iter().map(|id| ((*id).to_owned(), Doctor::new(id, at(0)))).collect();
        let mut second = 0;
        for act in acts {
            let now = at(second);
            match act {
                Act::Pass(seconds) => second += seconds,
                Act::Doctor(n, with) => {
                    let moved = doctors[DOCTORS[n]].apply(with, now).unwrap();
                    doctors.insert(moved.id.clone(), moved);
                }
                Act::Course(n, event) => {
                    let before = courses[n].clone();
                    let id = format!("c{n}");
                    let Some((next, moved, effects)) = carry(&before, &id, event.clone(), &doctors, now) else { continue };
                    prop_assert!(
                        next.state == before.state || may_follow(before.state, next.state),
                        "{:?} after {:?} by {:?}", next.state, before.state, event
                    );
                    if before.state == State::PendingPayment && next.state == State::Waiting {
                        prop_assert!(next.paid || next.exempt.is_some(), "waited without payment or reason");
                    }
                    if next.state == State::Active && before.state != State::Active {
                        prop_assert!(next.identity.is_some() && next.consent.is_some());
                    }
                    // Money that stood open is closed or decided about exactly when it does not take place.
                    let ended = matches!(next.state, State::Cancelled | State::NoShow) && before.state != next.state;
                    let money = effects.iter().any(|e| matches!(e, Effect::CloseCharge | Effect::Refund(_)));
                    prop_assert_eq!(money, ended && before.fee > 0);
                    doctors = moved;
                    courses[n] = next;
                }
            }
            // Each doctor's consultation names that doctor, and each open consultation's doctor names it.
            for doctor in doctors.values() {
                if let Some(id) = doctor.presence.consultation() {
                    let n: usize = id[1..].parse().unwrap();
                    prop_assert_eq!(courses[n].doctor.as_deref(), Some(doctor.id.as_str()));
                    prop_assert!(!courses[n].state.is_over());
                }
            }
            for (n, course) in courses.iter().enumerate() {
                let holders = doctors.values().filter(|d| d.presence.consultation() == Some(&format!("c{n}"))).count();
                let wanted = usize::from(matches!(course.state, State::PendingPayment | State::Waiting | State::Active));
                prop_assert_eq!(holders, wanted);
                if course.state == State::Active {
                    let busy = Presence::Busy { consultation: format!("c{n}") };
                    prop_assert_eq!(&doctors[course.doctor.as_ref().unwrap()].presence, &busy);
                }
                prop_assert!(course.steps.windows(2).all(|pair| pair[0].since <= pair[1].since));
                prop_assert_eq!(course.steps.last().map(|step| step.state), Some(course.state));
            }
        }
    }
}

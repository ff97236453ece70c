//! The course of one consultation, from the request to the last addendum, as a pure state machine.
//!
//! Owns which event may follow in which state, its guards and what has to happen beside it (clinic-workflow.md section
//! 3.1). Nobody sets a state: an event is asked for, and the machine answers the next course with the effects that belong
//! to it, or why not. Reserving doctors, opening payments and storing are the matter of `desk`, which carries the effects
//! out in the unit of work that stores the course.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::ask::{Ask, Mode};

/// Where a consultation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = ConsultationState)]
pub enum State {
    /// Asked for; no doctor yet.
    Requested,
    /// A doctor is held, the fee is not paid.
    PendingPayment,
    /// Everything is settled; the doctor will begin.
    Waiting,
    /// Doctor and patient talk.
    Active,
    /// Over.
    Completed,
    /// Will not take place.
    Cancelled,
    /// The patient did not come.
    NoShow,
}

impl State {
    /// Every state.
    pub const ALL: [State; 7] = [
        State::Requested,
        State::PendingPayment,
        State::Waiting,
        State::Active,
        State::Completed,
        State::Cancelled,
        State::NoShow,
    ];

    /// The name in answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Requested => "REQUESTED",
            State::PendingPayment => "PENDING_PAYMENT",
            State::Waiting => "WAITING",
            State::Active => "ACTIVE",
            State::Completed => "COMPLETED",
            State::Cancelled => "CANCELLED",
            State::NoShow => "NO_SHOW",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing is left to wait for.
    pub const fn is_over(self) -> bool {
        matches!(self, State::Completed | State::Cancelled | State::NoShow)
    }
}

/// Times of the machine (setting section `consultations`).
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How long a doctor is held for a payment.
    pub hold: SignedDuration,
    /// After how long a patient who has not come counts as absent.
    pub absent: SignedDuration,
    /// How long after a loss of media the fallback is offered.
    pub grace: SignedDuration,
}

impl Default for Rules {
    /// The times of clinic-workflow.md section 3.1.
    fn default() -> Self {
        Self {
            hold: SignedDuration::from_mins(10),
            absent: SignedDuration::from_mins(15),
            grace: SignedDuration::from_mins(10),
        }
    }
}

/// Whether and how the fee stands before the consultation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Paise that must be paid before.
    Prepay(u64),
    /// Nothing stands before it: fee 0, a policy to pay after, or an emergency. `due` paise are asked for all the same.
    Open { policy: String, due: u64 },
}

/// A state and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConsultationStep)]
pub struct Step {
    /// The state.
    pub state: State,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A doctor's part in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Account.
    pub doctor: String,
    /// From when he was responsible.
    pub since: Timestamp,
    /// Until when; none while he is.
    pub until: Option<Timestamp>,
}

/// That somebody made sure who the patient is (clinic-workflow.md section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityCheck {
    /// Account of whoever checked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How, such as `known`, `document`, `question`.
    pub how: String,
    /// For a minor, the adult who is there, and how they are related.
    pub adult: Option<String>,
}

/// That the patient agrees to a consultation at a distance (clinic-workflow.md section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Account, or the patient, by whom it was noted.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// `implied` when the patient asked; `text`, `voice` or `tick` when it was asked for.
    pub form: String,
}

/// That no payment stood before it because nobody might wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempt {
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// An offer to take a consultation over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Who offers.
    pub by: String,
    /// To whom.
    pub to: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// What becomes of money that was paid for something that does not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum RefundDecision {
    /// All of it goes back.
    Full,
    /// The clinic keeps it.
    None,
}

/// Why it did not take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Who ended it; `box` for the box itself.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What becomes of the money.
    pub refund: RefundDecision,
}

/// A consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Where it stands.
    pub state: State,
    /// Every state it was in, the present one last.
    pub steps: Vec<Step>,
    /// What was asked for.
    pub ask: Ask,
    /// The doctor who is held for it or has it.
    pub doctor: Option<String>,
    /// Every doctor who had it.
    pub parts: Vec<Part>,
    /// Until when the doctor is held for a payment.
    pub hold_until: Option<Timestamp>,
    /// The policy by which no payment stood before it.
    pub policy: Option<String>,
    /// Paise that it costs.
    pub fee: u64,
    /// Whether they were paid.
    pub paid: bool,
    /// No payment stood before it because nobody might wait.
    pub exempt: Option<Exempt>,
    /// When the patient was there.
    pub arrived: Option<Timestamp>,
    /// That the patient is who he says.
    pub identity: Option<IdentityCheck>,
    /// That he agrees.
    pub consent: Option<Consent>,
    /// Since when media or device are lost.
    pub interrupted: Option<Timestamp>,
    /// An offer that waits for the other doctor.
    pub offer: Option<Offer>,
    /// Ids of the documents that were added after its end.
    pub addenda: Vec<String>,
    /// Why it did not take place.
    pub ending: Option<Ending>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A doctor is found.
    Assign { doctor: String, gate: Gate },
    /// The box has proof that the fee was paid.
    PaymentVerified,
    /// The box has proof that it will not be.
    PaymentFailed,
    /// The time of the hold is over.
    HoldExpired,
    /// A clinician says that nobody may wait for money.
    Emergency { by: String, reason: String },
    /// The patient is there.
    Arrived,
    /// Somebody made sure who the patient is.
    Identity { by: String, how: String, adult: Option<String> },
    /// Somebody noted that the patient agrees.
    Consent { by: String, form: String },
    /// The doctor begins.
    Start { doctor: String },
    /// The patient has not come.
    Absent,
    /// Media or device are lost.
    Interrupted,
    /// They are back.
    Resumed,
    /// The doctor offers it to another one.
    Offer { by: String, to: String, reason: String },
    /// The other one takes it.
    Accept { by: String },
    /// The other one does not, or the offer is taken back.
    Decline { by: String },
    /// The doctor ends it; `open_drafts` are neither signed nor discarded.
    Complete { by: String, open_drafts: usize },
    /// A doctor adds a document after its end.
    Addendum { by: String, document: String },
    /// It will not take place.
    Cancel { by: String, reason: String, refund: RefundDecision },
}

/// What has to happen in the same unit of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The doctor must be ONLINE and becomes RESERVED, until then if there is an end.
    Reserve { doctor: String, until: Option<Timestamp> },
    /// The reservation loses its end: the fee is paid.
    Keep { doctor: String },
    /// The doctor becomes BUSY: from this consultation's reservation, or from ONLINE when he takes it over.
    Engage { doctor: String },
    /// The doctor is free again.
    Free { doctor: String },
    /// Paise are asked for; `gates` when nothing goes on before.
    Charge { paise: u64, gates: bool },
    /// The open payment of this consultation is worth nothing any more.
    CloseCharge,
    /// The open payment no longer stands before it.
    OpenGate,
    /// Money that was paid has to be decided about.
    Refund(RefundDecision),
    /// The patient is to be told.
    Tell(Notice),
}

/// What the patient is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Notice {
    /// The hold is over or the payment failed: a new request is needed.
    AskAgain,
    /// He did not come: a new time is offered.
    Rebook,
    /// The call is lost: audio or phone is offered.
    Fallback,
    /// It will not take place.
    Cancelled,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// It does not follow in this state.
    #[error("the consultation is {}, where this is not possible", .0.as_str())]
    State(State),
    /// Only the doctor who has it may.
    #[error("only the doctor who has this consultation may do this")]
    NotTheirs,
    /// Steps before it are missing.
    #[error("{0}")]
    Missing(&'static str),
    /// It is too early.
    #[error("this is possible only after {0}")]
    TooEarly(Timestamp),
    /// The text is missing.
    #[error("give the reason")]
    NoReason,
}

/// The next course and what belongs to it.
pub type Moved = (Course, Vec<Effect>);

impl Course {
    /// A consultation that is asked for now. `by` is the patient's id when `own`, else an account.
    pub fn request(ask: Ask, by: &str, own: bool, now: Timestamp) -> Course {
        // A patient who asks agrees by asking; whoever is in the room is not at a distance (section 7.1).
        let implied = own || ask.mode == Mode::InPerson;
        Course {
            state: State::Requested,
            steps: vec![Step { state: State::Requested, since: now }],
            ask,
            doctor: None,
            parts: Vec::new(),
            hold_until: None,
            policy: None,
            fee: 0,
            paid: false,
            exempt: None,
            arrived: None,
            identity: None,
            consent: implied.then(|| Consent { by: by.to_owned(), at: now, form: "implied".to_owned() }),
            interrupted: None,
            offer: None,
            addenda: Vec::new(),
            ending: None,
        }
    }

    /// Since when it is in its state.
    pub fn since(&self) -> Timestamp {
        self.steps.last().map_or(Timestamp::MIN, |step| step.since)
    }

    /// When the box itself has to look again, if ever.
    pub fn due(&self, rules: &Rules) -> Option<Timestamp> {
        match self.state {
            State::PendingPayment => self.hold_until,
            State::Waiting if self.arrived.is_none() => Some(after(self.since(), rules.absent)),
            State::Requested
            | State::Waiting
            | State::Active
            | State::Completed
            | State::Cancelled
            | State::NoShow => None,
        }
    }

    /// Until when the fallback of an interruption is offered before it counts as lost.
    pub fn grace_until(&self, rules: &Rules) -> Option<Timestamp> {
        self.interrupted.map(|since| after(since, rules.grace))
    }

    /// The course after an event.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn apply(&self, event: Event, rules: &Rules, now: Timestamp) -> Result<Moved, Refused> {
        let mut next = self.clone();
        let effects = match event {
            Event::Assign { doctor, gate } => next.assign(doctor, gate, rules, now)?,
            Event::PaymentVerified => next.verified(now)?,
            Event::PaymentFailed => next.unpaid("payment failed", now)?,
            Event::HoldExpired => {
                self.in_state(&[State::PendingPayment])?;
                self.not_before(self.hold_until.unwrap_or(Timestamp::MIN), now)?;
                next.unpaid("not paid in time", now)?
            }
            Event::Emergency { by, reason } => next.emergency(by, reason, now)?,
            Event::Arrived => {
                self.in_state(&[State::Requested, State::PendingPayment, State::Waiting, State::Active])?;
                next.arrived.get_or_insert(now);
                Vec::new()
            }
            Event::Identity { by, how, adult } => {
                self.in_state(&[State::Requested, State::PendingPayment, State::Waiting, State::Active])?;
                next.arrived.get_or_insert(now);
                next.identity = Some(IdentityCheck { by, at: now, how, adult });
                Vec::new()
            }
            Event::Consent { by, form } => {
                self.in_state(&[State::Requested, State::PendingPayment, State::Waiting])?;
                next.consent = Some(Consent { by, at: now, form });
                Vec::new()
            }
            Event::Start { doctor } => next.start(&doctor, now)?,
            Event::Absent => next.absent(rules, now)?,
            Event::Interrupted => {
                self.in_state(&[State::Active])?;
                next.interrupted.get_or_insert(now);
                vec![Effect::Tell(Notice::Fallback)]
            }
            Event::Resumed => {
                self.in_state(&[State::Active])?;
                next.interrupted = None;
                Vec::new()
            }
            Event::Offer { by, to, reason } => next.offer(by, to, reason, now)?,
            Event::Accept { by } => next.accept(&by, now)?,
            Event::Decline { by } => next.decline(&by)?,
            Event::Complete { by, open_drafts } => next.complete(&by, open_drafts, now)?,
            Event::Addendum { by, document } => {
                self.in_state(&[State::Completed])?;
                self.had_by(&by)?;
                next.addenda.push(document);
                Vec::new()
            }
            Event::Cancel { by, reason, refund } => next.cancel(by, reason, refund, now)?,
        };
        Ok((next, effects))
    }

    fn assign(
        &mut self,
        doctor: String,
        gate: Gate,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Requested])?;
        self.parts.push(Part { doctor: doctor.clone(), since: now, until: None });
        self.doctor = Some(doctor.clone());
        match gate {
            Gate::Prepay(fee) if fee > 0 => {
                let until = after(now, rules.hold);
                (self.fee, self.hold_until) = (fee, Some(until));
                self.enter(State::PendingPayment, now);
                Ok(vec![
                    Effect::Reserve { doctor, until: Some(until) },
                    Effect::Charge { paise: fee, gates: true },
                ])
            }
            Gate::Prepay(_) => {
                self.policy = Some("free".to_owned());
                self.enter(State::Waiting, now);
                Ok(vec![Effect::Reserve { doctor, until: None }])
            }
            Gate::Open { policy, due } => {
                (self.fee, self.policy) = (due, Some(policy));
                self.enter(State::Waiting, now);
                let mut effects = vec![Effect::Reserve { doctor, until: None }];
                if due > 0 {
                    effects.push(Effect::Charge { paise: due, gates: false });
                }
                Ok(effects)
            }
        }
    }

    /// Money that comes in while the course has gone on without it counts too; for one that does not take place it is
    /// nobody's here, and the payment keeps it as a credit.
    fn verified(&mut self, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        match self.state {
            State::PendingPayment => {
                self.paid = true;
                self.hold_until = None;
                self.enter(State::Waiting, now);
                Ok(self.doctor.clone().map(|doctor| Effect::Keep { doctor }).into_iter().collect())
            }
            State::Waiting | State::Active | State::Completed if self.fee > 0 && !self.paid => {
                self.paid = true;
                Ok(Vec::new())
            }
            State::Requested
            | State::Waiting
            | State::Active
            | State::Completed
            | State::Cancelled
            | State::NoShow => Err(Refused::State(self.state)),
        }
    }

    fn unpaid(&mut self, reason: &str, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::PendingPayment])?;
        let ending = Ending { by: "box".to_owned(), reason: reason.to_owned(), refund: RefundDecision::None };
        let mut effects = self.end(State::Cancelled, ending, now);
        effects.push(Effect::Tell(Notice::AskAgain));
        Ok(effects)
    }

    fn emergency(&mut self, by: String, reason: String, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::PendingPayment])?;
        said(&reason)?;
        self.exempt = Some(Exempt { by, at: now, reason });
        self.policy = Some("emergency".to_owned());
        self.hold_until = None;
        self.enter(State::Waiting, now);
        let mut effects: Vec<Effect> =
            self.doctor.clone().map(|doctor| Effect::Keep { doctor }).into_iter().collect();
        effects.push(Effect::OpenGate);
        Ok(effects)
    }

    fn start(&mut self, doctor: &str, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Waiting])?;
        self.theirs(doctor)?;
        if self.identity.is_none() {
            return Err(Refused::Missing("check the patient's identity first"));
        }
        if self.consent.is_none() {
            return Err(Refused::Missing("note the patient's consent first"));
        }
        self.enter(State::Active, now);
        Ok(vec![Effect::Engage { doctor: doctor.to_owned() }])
    }

    fn absent(&mut self, rules: &Rules, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Waiting])?;
        if self.arrived.is_some() {
            return Err(Refused::Missing("the patient was here; cancel with a reason instead"));
        }
        self.not_before(after(self.since(), rules.absent), now)?;
        // The doctor's time was kept free: the fee is not returned of itself; a person may decide otherwise.
        let ending = Ending {
            by: "box".to_owned(),
            reason: "the patient did not come".to_owned(),
            refund: RefundDecision::None,
        };
        let mut effects = self.end(State::NoShow, ending, now);
        effects.push(Effect::Tell(Notice::Rebook));
        Ok(effects)
    }

    fn offer(
        &mut self,
        by: String,
        to: String,
        reason: String,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Active])?;
        self.theirs(&by)?;
        said(&reason)?;
        if by == to {
            return Err(Refused::Missing("choose another doctor"));
        }
        self.offer = Some(Offer { by, to, at: now, reason });
        Ok(Vec::new())
    }

    fn accept(&mut self, by: &str, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Active])?;
        let Some(offer) = self.offer.take_if(|offer| offer.to == by) else {
            return Err(Refused::NotTheirs);
        };
        self.leave_part(now);
        self.parts.push(Part { doctor: offer.to.clone(), since: now, until: None });
        self.doctor = Some(offer.to.clone());
        Ok(vec![Effect::Engage { doctor: offer.to }, Effect::Free { doctor: offer.by }])
    }

    fn decline(&mut self, by: &str) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Active])?;
        match self.offer.take_if(|offer| offer.to == by || offer.by == by) {
            Some(_) => Ok(Vec::new()),
            None => Err(Refused::NotTheirs),
        }
    }

    fn complete(&mut self, by: &str, open_drafts: usize, now: Timestamp) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Active])?;
        self.theirs(by)?;
        if open_drafts > 0 {
            return Err(Refused::Missing("sign or discard the draft note and prescription first"));
        }
        self.offer = None;
        self.interrupted = None;
        let doctor = self.doctor.clone();
        self.leave_part(now);
        self.enter(State::Completed, now);
        Ok(doctor.map(|doctor| Effect::Free { doctor }).into_iter().collect())
    }

    fn cancel(
        &mut self,
        by: String,
        reason: String,
        refund: RefundDecision,
        now: Timestamp,
    ) -> Result<Vec<Effect>, Refused> {
        self.in_state(&[State::Requested, State::PendingPayment, State::Waiting])?;
        said(&reason)?;
        let mut effects = self.end(State::Cancelled, Ending { by, reason, refund }, now);
        effects.push(Effect::Tell(Notice::Cancelled));
        Ok(effects)
    }

    /// Leaves for a state in which it does not take place.
    fn end(&mut self, state: State, ending: Ending, now: Timestamp) -> Vec<Effect> {
        let mut effects: Vec<Effect> =
            self.doctor.take().map(|doctor| Effect::Free { doctor }).into_iter().collect();
        match (self.paid, self.fee) {
            (true, _) => effects.push(Effect::Refund(ending.refund)),
            (false, 0) => {}
            (false, _) => effects.push(Effect::CloseCharge),
        }
        self.leave_part(now);
        self.hold_until = None;
        self.ending = Some(ending);
        self.enter(state, now);
        effects
    }

    fn enter(&mut self, state: State, now: Timestamp) {
        // A clock that steps back makes no period that ends before it began.
        let since = now.max(self.since());
        self.state = state;
        self.steps.push(Step { state, since });
    }

    fn leave_part(&mut self, now: Timestamp) {
        if let Some(part) = self.parts.last_mut() {
            part.until.get_or_insert(now.max(part.since));
        }
    }

    fn in_state(&self, states: &[State]) -> Result<(), Refused> {
        if states.contains(&self.state) { Ok(()) } else { Err(Refused::State(self.state)) }
    }

    fn theirs(&self, doctor: &str) -> Result<(), Refused> {
        if self.doctor.as_deref() == Some(doctor) { Ok(()) } else { Err(Refused::NotTheirs) }
    }

    fn had_by(&self, doctor: &str) -> Result<(), Refused> {
        let had = self.parts.iter().any(|part| part.doctor == doctor);
        if had { Ok(()) } else { Err(Refused::NotTheirs) }
    }

    fn not_before(&self, moment: Timestamp, now: Timestamp) -> Result<(), Refused> {
        if now >= moment { Ok(()) } else { Err(Refused::TooEarly(moment)) }
    }
}

fn said(reason: &str) -> Result<(), Refused> {
    if reason.trim().is_empty() { Err(Refused::NoReason) } else { Ok(()) }
}

fn after(from: Timestamp, span: SignedDuration) -> Timestamp {
    from.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

//! One payment, from being asked for to money that goes back, as a pure state machine (clinic-workflow.md sections 3.4 and
//! 10).
//!
//! Cash, UPI and the gateway's three proofs (callback, webhook, poll) are all events of this one machine. States only move
//! forward: what is late, repeated or out of order never undoes PAID, and money that comes in after the end is a credit
//! that a person settles. Owns these rules; whose signature was checked and how is `razorpay`'s, storing is `consult`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// The only currency.
pub const CURRENCY: &str = "INR";

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = PaymentState)]
pub enum State {
    /// Asked for.
    Created,
    /// A way to pay was opened.
    Pending,
    /// Somebody says it was paid and gives a reference; nobody has looked.
    Claimed,
    /// Paid.
    Paid,
    /// The gateway says that it was not.
    Failed,
    /// Nobody paid in time, or it is not wanted any more.
    Expired,
    /// A part went back.
    PartlyRefunded,
    /// All of it went back.
    Refunded,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::Created,
        State::Pending,
        State::Claimed,
        State::Paid,
        State::Failed,
        State::Expired,
        State::PartlyRefunded,
        State::Refunded,
    ];

    /// The name in answers and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Created => "CREATED",
            State::Pending => "PENDING",
            State::Claimed => "CLAIMED",
            State::Paid => "PAID",
            State::Failed => "FAILED",
            State::Expired => "EXPIRED",
            State::PartlyRefunded => "PARTLY_REFUNDED",
            State::Refunded => "REFUNDED",
        }
    }

    /// Whether it is still waited for.
    pub const fn is_open(self) -> bool {
        matches!(self, State::Created | State::Pending | State::Claimed)
    }

    /// Whether money came in for it in time.
    pub const fn is_paid(self) -> bool {
        matches!(self, State::Paid | State::PartlyRefunded | State::Refunded)
    }
}

/// How it was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentMethod)]
pub enum Method {
    /// Notes and coins at the desk.
    Cash,
    /// UPI to the clinic's address, confirmed by a person.
    Upi,
    /// The gateway.
    Razorpay,
}

/// Who says that money came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "by", content = "who")]
pub enum Proof {
    /// A member of staff, by account.
    Staff(String),
    /// The gateway's signature that the browser brought.
    Callback,
    /// The gateway's signed message.
    Webhook,
    /// The gateway's answer to a question of the box.
    Poll,
}

/// Money that came when it was not waited for any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Credit {
    /// Paise.
    pub paise: u64,
    /// When the box heard of it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The gateway's id of it.
    pub reference: String,
    /// Account of the one who settled it, how, and when.
    pub settled: Option<Settled>,
}

/// That a person settled a credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// Account.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What was done.
    pub how: String,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its id.
    pub id: String,
    /// For which consultation.
    pub consultation: String,
    /// Of which patient.
    pub patient: String,
    /// Paise.
    pub amount: u64,
    /// Where it stands.
    pub state: State,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it got into its state.
    pub since: Timestamp,
    /// Whether the consultation waits for it.
    pub gates: bool,
    /// How it was paid, or is being paid.
    pub method: Option<Method>,
    /// The gateway's order.
    pub order: Option<String>,
    /// The reference that was typed, or the gateway's id of the payment.
    pub reference: Option<String>,
    /// Who says that it was paid.
    pub proof: Option<Proof>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// Paise that went back.
    pub refunded: u64,
    /// Paise that are to go back, by the rule of the consultation's end.
    pub refund_wanted: u64,
    /// Money that came too late.
    pub credits: Vec<Credit>,
    /// Number of the bill, once there is one.
    pub bill: Option<String>,
    /// How often the gateway was asked, and when it is asked next.
    pub polls: u32,
    /// See `polls`.
    pub poll_at: Option<Timestamp>,
}

/// What happens to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The way by UPI was shown.
    Shown,
    /// The gateway has an order for it.
    Ordered { order: String },
    /// Somebody typed the reference of a UPI payment.
    Claimed { reference: String },
    /// Somebody of the clinic has the money, or sees it on the account.
    Confirmed { by: String, method: Method, amount: u64, reference: Option<String> },
    /// The gateway proves a payment.
    Succeeded { proof: Proof, order: String, reference: String, amount: u64, currency: String },
    /// The gateway proves a failure.
    Failed { proof: Proof, order: String, reference: String },
    /// It is not waited for any more.
    Expire,
    /// Nothing waits for it, but it is still due.
    Ungate,
    /// The consultation's end says so.
    WantRefund { paise: u64 },
    /// Paise went back.
    Refund { paise: u64 },
    /// A person settled the money that came too late.
    SettleCredit { by: String, how: String },
}

/// What has to happen in the same unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The consultation goes on.
    Verified,
    /// The consultation ends.
    Failed,
    /// A person has to look at money that came too late.
    Credit,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// It does not follow in this state.
    #[error("the payment is {}, where this is not possible", .0.as_str())]
    State(State),
    /// The proof is about something else; the word says what differs.
    #[error("the proof names another {0} than the payment")]
    Mismatch(&'static str),
    /// More than was paid.
    #[error("no more than {0} paise can go back")]
    TooMuch(u64),
    /// The reference cannot be one.
    #[error("a UPI reference has 12 digits")]
    Reference,
    /// There is no such credit.
    #[error("no credit waits to be settled")]
    NoCredit,
}

/// The next payment, what belongs to it, and whether anything changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It was known already.
    Same,
    /// It is so now.
    Next(Box<Payment>, Option<Effect>),
}

impl Payment {
    /// A payment that is asked for.
    pub fn new(id: String, about: (&str, &str), amount: u64, gates: bool, now: Timestamp) -> Payment {
        Payment {
            id,
            consultation: about.0.to_owned(),
            patient: about.1.to_owned(),
            amount,
            state: State::Created,
            created: now,
            since: now,
            gates,
            method: None,
            order: None,
            reference: None,
            proof: None,
            paid_at: None,
            refunded: 0,
            refund_wanted: 0,
            credits: Vec::new(),
            bill: None,
            polls: 0,
            poll_at: None,
        }
    }

    /// The payment after an event.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    pub fn apply(&self, event: Event, now: Timestamp) -> Result<Moved, Refused> {
        let mut next = self.clone();
        let mut effect = None;
        match event {
            Event::Shown => match self.state {
                State::Created => {
                    next.method = Some(Method::Upi);
                    next.enter(State::Pending, now);
                }
                _ => return Ok(Moved::Same),
            },
            Event::Ordered { order } => {
                self.open()?;
                if self.order.is_some() {
                    return Ok(Moved::Same);
                }
                next.order = Some(order);
                next.method = Some(Method::Razorpay);
                if self.state == State::Created {
                    next.enter(State::Pending, now);
                }
            }
            Event::Claimed { reference } => {
                self.open()?;
                if !is_upi_reference(&reference) {
                    return Err(Refused::Reference);
                }
                next.reference = Some(reference);
                next.method = Some(Method::Upi);
                next.enter(State::Claimed, now);
            }
            Event::Confirmed { by, method, amount, reference } => {
                self.open()?;
                if amount != self.amount {
                    return Err(Refused::Mismatch("amount"));
                }
                if method == Method::Razorpay {
                    return Err(Refused::Mismatch("method"));
                }
                if let Some(reference) = &reference
                    && method == Method::Upi
                    && !is_upi_reference(reference)
                {
                    return Err(Refused::Reference);
                }
                next.reference = reference.or(next.reference).filter(|_| method == Method::Upi);
                next.pay(method, Proof::Staff(by), now);
                effect = Some(Effect::Verified);
            }
            Event::Succeeded { proof, order, reference, amount, currency } => {
                self.matches(&order, Some((amount, &currency)))?;
                let known = self.reference.as_deref() == Some(&reference) && self.state.is_paid();
                if known || self.credits.iter().any(|credit| credit.reference == reference) {
                    return Ok(Moved::Same);
                }
                if self.state.is_open() {
                    next.reference = Some(reference);
                    next.pay(Method::Razorpay, proof, now);
                    effect = Some(Effect::Verified);
                } else {
                    // After the end, or a second payment for the same thing: it is the patient's money all the same.
                    next.credits.push(Credit { paise: amount, at: now, reference, settled: None });
                    effect = Some(Effect::Credit);
                }
            }
            Event::Failed { proof: _, order, reference } => {
                self.matches(&order, None)?;
                if !self.state.is_open() {
                    return Ok(Moved::Same);
                }
                next.reference = Some(reference);
                next.enter(State::Failed, now);
                effect = Some(Effect::Failed);
            }
            Event::Expire => {
                self.open()?;
                next.enter(State::Expired, now);
            }
            Event::Ungate => {
                self.open()?;
                next.gates = false;
            }
            Event::WantRefund { paise } => {
                if !self.state.is_paid() {
                    return Err(Refused::State(self.state));
                }
                next.refund_wanted = paise.min(self.amount - self.refunded);
            }
            Event::Refund { paise } => next.refund(paise, now)?,
            Event::SettleCredit { by, how } => {
                let open = next.credits.iter_mut().find(|credit| credit.settled.is_none());
                open.ok_or(Refused::NoCredit)?.settled = Some(Settled { by, at: now, how });
            }
        }
        Ok(Moved::Next(Box::new(next), effect))
    }

    fn refund(&mut self, paise: u64, now: Timestamp) -> Result<(), Refused> {
        if !matches!(self.state, State::Paid | State::PartlyRefunded) {
            return Err(Refused::State(self.state));
        }
        let left = self.amount - self.refunded;
        if paise == 0 || paise > left {
            return Err(Refused::TooMuch(left));
        }
        self.refunded += paise;
        self.refund_wanted = self.refund_wanted.saturating_sub(paise);
        let to = if self.refunded == self.amount { State::Refunded } else { State::PartlyRefunded };
        self.enter(to, now);
        Ok(())
    }

    fn pay(&mut self, method: Method, proof: Proof, now: Timestamp) {
        (self.method, self.proof, self.paid_at) = (Some(method), Some(proof), Some(now));
        self.poll_at = None;
        self.enter(State::Paid, now);
    }

    fn enter(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.since = now.max(self.since);
        if !state.is_open() && state != State::Expired && state != State::Failed {
            self.poll_at = None;
        }
    }

    fn open(&self) -> Result<(), Refused> {
        if self.state.is_open() { Ok(()) } else { Err(Refused::State(self.state)) }
    }

    /// A proof counts only for this payment's own order, amount and currency.
    fn matches(&self, order: &str, money: Option<(u64, &str)>) -> Result<(), Refused> {
        if self.order.as_deref() != Some(order) {
            return Err(Refused::Mismatch("order"));
        }
        match money {
            Some((amount, _)) if amount != self.amount => Err(Refused::Mismatch("amount")),
            Some((_, currency)) if currency != CURRENCY => Err(Refused::Mismatch("currency")),
            Some(_) | None => Ok(()),
        }
    }

    /// Paise that came too late and that nobody has settled.
    pub fn open_credit(&self) -> u64 {
        self.credits.iter().filter(|credit| credit.settled.is_none()).map(|credit| credit.paise).sum()
    }
}

/// UPI references (RRN) have 12 digits.
pub fn is_upi_reference(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "payment_tests.rs"]
mod tests;

//! What people and the gateway do about payments: each an event of the one machine, in one unit of work.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use clinicvault_vault::{Action, Leaf, Outcome};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Consult;
use super::ask::Mode;
use super::carry::{MOST_PRICES, conflict, line, prices};
use super::desk::{allowed, patient};
use super::kept::{Docs, Within};
use crate::billing::payment::{Event, Method, Payment, Proof, State};
use crate::billing::prices::{NewPrice, Price, price};
use crate::billing::razorpay::{self, Failure, Message, Told};
use crate::billing::upi;
use crate::billing::ways::{Keys, Ways, WaysChange, WaysView};
use crate::clinic::form::Wrong;
use crate::collections::{PRICES, SETTINGS};
use crate::records::access::{Actor, Area, Op, Purpose, Refusal, Subject, decide};
use crate::records::error::Error;
use crate::records::unit::Work;

/// Where the ways to pay lie among the settings.
const WAYS: &[u8] = b"payment-ways";
/// A message of the gateway is known again for this long.
const EVENT_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);
/// For so long after it was asked for the gateway is asked about an order, also after its end: money may come late.
const ASKED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is sent to be confirmed at the desk.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PaymentConfirmation)]
pub struct Confirmation {
    /// Cash or UPI.
    pub method: Method,
    /// Paise that were taken or seen on the account.
    pub paise: u64,
    /// The UPI reference that was seen, when it was not claimed before.
    pub reference: Option<String>,
}

/// The browser's proof.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PaymentCallback)]
pub struct Callback {
    /// The gateway's order.
    pub order_id: String,
    /// The gateway's payment.
    pub payment_id: String,
    /// The gateway's signature over both.
    pub signature: String,
}

/// What a browser needs to open the gateway's page.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GatewayOrder)]
pub struct Order {
    /// The gateway's order.
    pub order_id: String,
    /// Public half of the clinic's key.
    pub key_id: String,
    /// Paise.
    pub paise: u64,
}

/// What became of a gateway's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It did something.
    Taken,
    /// It was heard before, or concerns nothing here.
    Known,
    /// Its signature is not the gateway's.
    Forged,
    /// What it says differs from what is stored; it changed nothing and stands in the audit trail.
    Contradicts,
}

impl Consult {
    /// The ways to pay.
    pub(super) fn ways(reader: &impl Docs) -> Result<Ways, Error> {
        match reader.doc(SETTINGS, WAYS)? {
            None => Ok(Ways::default()),
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| Error::Damaged("the ways to pay".to_owned()))
            }
        }
    }

    /// The ways to pay, without secrets. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn ways_shown(&self, who: &Actor) -> Result<WaysView, Error> {
        decide(who, Op::Read, &Subject::area_only(Area::Settings)).check()?;
        Ok(Self::ways(&self.records().vault().snapshot()?)?.view())
    }

    /// Changes the ways to pay. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn change_ways(&self, who: &Actor, change: WaysChange) -> Result<Result<WaysView, Wrong>, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let before = Self::ways(&Within(work))?;
            let ways = match before.changed(change) {
                Ok(ways) => ways,
                Err((field, message)) => return Ok(Err(wrong(field, message))),
            };
            let bytes = serde_json::to_vec(&ways).map_err(|error| Error::Fault(error.to_string()))?;
            work.unit().doc_put(SETTINGS, WAYS, &bytes)?;
            let said = format!(
                "ways to pay: UPI {}, Razorpay {}",
                ways.upi.as_ref().map_or("none", |upi| upi.vpa.as_str()),
                ways.razorpay.as_ref().map_or("none", |keys| keys.id.as_str())
            );
            work.audit(configured(work.who(), &said))?;
            Ok(Ok(ways.view()))
        });
        Ok(done?.0)
    }

    /// The price list, the newest first. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn price_list(&self, who: &Actor) -> Result<Vec<Price>, Error> {
        if patient(who).is_none() {
            decide(who, Op::Read, &Subject::area_only(Area::Directory)).check()?;
        }
        let mut all = prices(&self.records().vault().snapshot()?)?;
        all.reverse();
        Ok(all)
    }

    /// What can be asked for today, and for how much. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn offers(&self) -> Result<Vec<(String, Mode, u64)>, Error> {
        let today = self.records().now().to_zoned(self.records().zone().clone()).date();
        let snapshot = self.records().vault().snapshot()?;
        let known = prices(&snapshot)?;
        let specialties: BTreeSet<String> =
            snapshot.doctors()?.into_iter().flat_map(|doctor| doctor.specialties).collect();
        let mut offers = Vec::new();
        for specialty in specialties {
            for mode in [Mode::Video, Mode::Audio, Mode::Chat, Mode::InPerson] {
                if let Some(found) = price(&known, &specialty, mode, today) {
                    offers.push((specialty.clone(), mode, found.price.paise));
                }
            }
        }
        Ok(offers)
    }

    /// Languages that doctors of the clinic speak. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn languages(&self) -> Result<Vec<String>, Error> {
        let doctors = self.records().vault().snapshot()?.doctors()?;
        let all: BTreeSet<String> = doctors.into_iter().flat_map(|doctor| doctor.languages).collect();
        Ok(all.into_iter().collect())
    }

    /// Adds a price. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but an owner.
    pub fn add_price(&self, who: &Actor, new: NewPrice) -> Result<Result<Price, Wrong>, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let today = self.records().now().to_zoned(self.records().zone().clone()).date();
        if let Some((field, message)) = new.wrong(today) {
            return Ok(Err(wrong(field, message)));
        }
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let known = prices(&Within(work))?;
            if known.len() >= MOST_PRICES {
                return Err(Error::TooMuch("the price list holds as many prices as it can".to_owned()));
            }
            let number = known.last().map_or(1, |last| last.number + 1);
            let price = Price { number, price: new, by: work.who().id.clone(), at: work.now() };
            let bytes = serde_json::to_vec(&price).map_err(|error| Error::Fault(error.to_string()))?;
            work.unit().doc_put(PRICES, &number.to_be_bytes(), &bytes)?;
            let set = &price.price;
            let said = format!(
                "price {number}: {} {} {} paise from {} {:?}",
                set.specialty,
                set.mode.as_str(),
                set.paise,
                set.from,
                set.policy
            );
            work.audit(configured(work.who(), &said))?;
            Ok(Ok(price))
        });
        Ok(done?.0)
    }

    /// A payment that this actor may look at. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn payment(&self, who: &Actor, id: &str) -> Result<Payment, Error> {
        let payment = self.records().vault().snapshot()?.payment(id)?;
        allowed(who, (Op::Read, Area::Invoices), Some(&payment.patient))?;
        self.records().vault().note(line(
            who,
            Some(&payment.patient),
            Purpose::Billing,
            "payment looked at",
        ))?;
        Ok(payment)
    }

    /// Payments that wait for somebody: open ones, credits and money that is to go back. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn payments(&self, who: &Actor) -> Result<Vec<Payment>, Error> {
        decide(who, Op::Search, &Subject::area_only(Area::Invoices)).check()?;
        let mut all = self.records().vault().snapshot()?.open_payments()?;
        all.retain(|one| one.state.is_open() || one.open_credit() > 0 || one.refund_wanted > 0);
        self.records().vault().note(line(who, None, Purpose::Billing, "open payments looked at"))?;
        Ok(all)
    }

    /// The UPI link of a payment as a picture. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`] when the clinic takes no UPI.
    pub fn upi_picture(&self, who: &Actor, id: &str) -> Result<(String, String), Error> {
        let snapshot = self.records().vault().snapshot()?;
        let payment = snapshot.payment(id)?;
        allowed(who, (Op::Read, Area::Invoices), Some(&payment.patient))?;
        let none = || Error::NotFound("a UPI address of the clinic".to_owned());
        let upi = Self::ways(&snapshot)?.upi.ok_or_else(none)?;
        if !payment.state.is_open() {
            return Err(conflict(format!("the payment is {}", payment.state.as_str())));
        }
        let payee = upi::Payee { vpa: &upi.vpa, name: &upi.name, category: upi.category.as_deref() };
        // The reference of the box's own says nothing of the patient.
        let reference: String = payment.id.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let link = upi::link(payee, payment.amount, "Consultation", &reference);
        let drawn = upi::picture(&link).ok_or_else(|| Error::Fault("the picture of a link".to_owned()))?;
        if payment.state == State::Created {
            self.move_payment(who, id, Event::Shown)?;
        }
        Ok((link, drawn))
    }

    /// Somebody typed the reference of a UPI payment. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Conflict`].
    pub fn claim(&self, who: &Actor, id: &str, reference: String) -> Result<Payment, Error> {
        let payment = self.records().vault().snapshot()?.payment(id)?;
        allowed(who, (Op::Create, Area::Invoices), Some(&payment.patient))?;
        self.move_payment(who, id, Event::Claimed { reference })
    }

    /// Somebody of the clinic has the money, or sees it on the account. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Conflict`].
    pub fn confirm(&self, who: &Actor, id: &str, sent: Confirmation) -> Result<Payment, Error> {
        staff(who, (Op::Create, Area::Invoices))?;
        let Confirmation { method, paise, reference } = sent;
        let event = Event::Confirmed { by: who.id.clone(), method, amount: paise, reference };
        self.move_payment(who, id, event)
    }

    /// Settles money that came too late: a person says what was done with it. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Conflict`].
    pub fn settle_credit(&self, who: &Actor, id: &str, how: String) -> Result<Payment, Error> {
        staff(who, (Op::Update, Area::Refunds))?;
        if how.trim().is_empty() || how.len() > 1_000 {
            return Err(conflict("say what was done with the money, in at most 1000 bytes"));
        }
        self.move_payment(who, id, Event::SettleCredit { by: who.id.clone(), how })
    }

    fn move_payment(&self, who: &Actor, id: &str, event: Event) -> Result<Payment, Error> {
        let (room, id) = (self.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            work.audit(line(work.who(), None, Purpose::Billing, &format!("payment {id} asked to move")))?;
            room.pay(work, &id, event)
        });
        Ok(done?.0)
    }

    fn keys(&self) -> Result<Keys, Error> {
        let ways = Self::ways(&self.records().vault().snapshot()?)?;
        ways.razorpay.ok_or_else(|| Error::NotFound("a payment gateway of the clinic".to_owned()))
    }

    /// Makes the gateway's order for a payment, once.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Conflict`] when it is not open, [`Error::Busy`] when the gateway cannot be reached.
    pub async fn order(&self, who: &Actor, id: &str) -> Result<Order, Error> {
        let payment = self.records().vault().snapshot()?.payment(id)?;
        allowed(who, (Op::Create, Area::Invoices), Some(&payment.patient))?;
        let keys = self.keys()?;
        if !payment.state.is_open() {
            return Err(conflict(format!("the payment is {}", payment.state.as_str())));
        }
        let made = match payment.order {
            Some(order) => order,
            None => {
                let made = self.0.gateway.order(&keys, payment.amount, id).await.map_err(failed)?;
                let (room, id) = (self.clone(), id.to_owned());
                let done = self.records().unit(Arc::new(who.clone()), move |work| {
                    let said = format!("payment {id} has an order");
                    work.audit(line(work.who(), None, Purpose::Billing, &said))?;
                    let mut payment = room.pay(work, &id, Event::Ordered { order: made })?;
                    payment.poll_at = Some(room.next_poll(&payment, work.now()));
                    super::kept::put_payment(work, &payment)?;
                    payment.order.ok_or_else(|| Error::Fault("an order that is none".to_owned()))
                });
                done.await?.0
            }
        };
        Ok(Order { order_id: made, key_id: keys.id, paise: payment.amount })
    }

    /// The browser brings the gateway's proof: its signature is checked, then the gateway is asked what was paid.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Conflict`] when the proof does not hold or names something else.
    pub async fn callback(&self, who: &Actor, id: &str, sent: Callback) -> Result<Payment, Error> {
        let payment = self.records().vault().snapshot()?.payment(id)?;
        allowed(who, (Op::Create, Area::Invoices), Some(&payment.patient))?;
        self.proven(who, payment, sent).await
    }

    /// The gateway's page sends the browser back with its proof. It comes from another site, so without a session: the
    /// signature alone counts.
    ///
    /// # Errors
    /// As [`Consult::callback`].
    pub async fn came_back(&self, id: &str, sent: Callback, from: &str) -> Result<Payment, Error> {
        let payment = self.records().vault().snapshot()?.payment(id)?;
        self.proven(&Actor::operator(&format!("razorpay {from}")), payment, sent).await
    }

    async fn proven(&self, who: &Actor, payment: Payment, sent: Callback) -> Result<Payment, Error> {
        let (keys, id) = (self.keys()?, payment.id.as_str());
        let ours = payment.order.as_deref() == Some(sent.order_id.as_str());
        if !ours || !razorpay::callback_holds(&keys, &sent.order_id, &sent.payment_id, &sent.signature) {
            self.forged(who, Some(&payment.patient), &format!("payment {id}: a proof that does not hold"))?;
            return Err(conflict("this is no proof of the payment gateway for this payment"));
        }
        match self.0.gateway.payment(&keys, &sent.payment_id).await {
            Ok(told) if told.id == sent.payment_id && told.status == "captured" => {
                self.prove(who, told, Proof::Callback).await?;
            }
            // It is not captured yet, or the line is down: the box goes on asking.
            Ok(_) | Err(Failure::Transient(_)) => self.ask_soon(id).await?,
            Err(error @ Failure::Permanent(_)) => return Err(failed(error)),
        }
        self.records().vault().snapshot()?.payment(id)
    }

    /// The address of the gateway's own page, to which a form leads.
    pub fn checkout(&self) -> String {
        self.0.gateway.checkout()
    }

    /// Notes a message in the gateway's name that is not the gateway's. Whoever forges many does not fill the audit trail:
    /// one line a second tells enough.
    fn forged(&self, who: &Actor, patient: Option<&str>, what: &str) -> Result<(), Error> {
        let now = self.records().now();
        let first = {
            let mut last = self.0.forged.lock().unwrap_or_else(PoisonError::into_inner);
            let first = last.is_none_or(|last| now.duration_since(last).as_secs().abs() >= 1);
            if first {
                *last = Some(now);
            }
            first
        };
        if first { self.alarm(who, patient, what) } else { Ok(()) }
    }

    /// A message of the gateway, as it came.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the clinic has no gateway; what storing answers.
    pub async fn webhook(
        &self,
        body: &[u8],
        signature: &str,
        event_id: &str,
        from: &str,
    ) -> Result<Heard, Error> {
        let keys = self.keys()?;
        let who = Actor::operator(&format!("razorpay {from}"));
        if !razorpay::webhook_holds(&keys, body, signature) {
            self.forged(&who, None, "a message in the payment gateway's name, not signed by it")?;
            return Ok(Heard::Forged);
        }
        let Some(message) = razorpay::message(body) else { return Ok(Heard::Known) };
        let scope = [b"razorpay\0".as_slice(), event_id.as_bytes()].concat();
        let room = self.clone();
        let said = format!("message {event_id} of the payment gateway");
        let done = self.records().unit(Arc::new(who.clone()), move |work| {
            if !event_id_is_new(work, &scope)? {
                return Ok(Heard::Known);
            }
            work.audit(line(work.who(), None, Purpose::Billing, &said))?;
            let (told, captured) = match message {
                Message::Captured(told) => (told, true),
                Message::Failed(told) => (told, false),
                Message::Other => return Ok(Heard::Known),
            };
            let Some(order) = told.order_id.clone() else { return Ok(Heard::Known) };
            let Some(payment) = Within(work).payment_of_order(&order)? else { return Ok(Heard::Known) };
            let event = if captured {
                succeeded(order, told, Proof::Webhook)
            } else {
                Event::Failed { proof: Proof::Webhook, order, reference: told.id }
            };
            room.pay(work, &payment.id, event)?;
            Ok(Heard::Taken)
        });
        match done.await {
            Ok((heard, _)) => Ok(heard),
            Err(Error::Conflict(why)) => {
                self.alarm(&who, None, &format!("message {event_id} of the payment gateway: {why}"))?;
                Ok(Heard::Contradicts)
            }
            Err(error) => Err(error),
        }
    }

    /// What the gateway says of a payment becomes an event.
    async fn prove(&self, who: &Actor, told: Told, proof: Proof) -> Result<(), Error> {
        let room = self.clone();
        let done = self.records().unit(Arc::new(who.clone()), move |work| {
            let order = told.order_id.clone().unwrap_or_default();
            let payment = Within(work).payment_of_order(&order)?;
            let payment =
                payment.ok_or_else(|| conflict("the payment gateway names an order that is none"))?;
            let said = format!("payment {}: the gateway was asked", payment.id);
            work.audit(line(work.who(), Some(&payment.patient), Purpose::Billing, &said))?;
            room.pay(work, &payment.id, succeeded(order, told, proof)).map(|_| ())
        });
        done.await.map(|_| ())
    }

    async fn ask_soon(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        let done = self.records().unit(Arc::new(Actor::operator("payments")), move |work| {
            let mut payment = Within(work).payment(&id)?;
            payment.poll_at = Some(work.now());
            super::kept::put_payment(work, &payment)?;
            work.audit(line(work.who(), None, Purpose::Billing, &format!("payment {id} is asked about")))
        });
        done.await.map(|_| ())
    }

    /// Asks the gateway about every order whose time has come.
    ///
    /// # Errors
    /// What reading and storing answer; that the gateway cannot be reached is none.
    pub(super) async fn poll(&self, now: Timestamp) -> Result<(), Error> {
        let due: Vec<Payment> = {
            let snapshot = self.records().vault().snapshot()?;
            let open = snapshot.open_payments()?;
            open.into_iter().filter(|payment| payment.poll_at.is_some_and(|at| at <= now)).collect()
        };
        if due.is_empty() {
            return Ok(());
        }
        let Ok(keys) = self.keys() else { return Ok(()) };
        let who = Actor::operator("payments");
        for payment in due {
            let Some(order) = payment.order.clone() else { continue };
            self.asked(&payment.id).await?;
            match self.0.gateway.payments(&keys, &order).await {
                Ok(list) => {
                    let ours = |told: &Told| told.order_id.as_deref() == Some(order.as_str());
                    for told in list.into_iter().filter(|told| told.status == "captured" && ours(told)) {
                        match self.prove(&who, told, Proof::Poll).await {
                            Err(Error::Conflict(why)) => {
                                let said = format!("payment {}: {why}", payment.id);
                                self.alarm(&who, Some(&payment.patient), &said)?;
                            }
                            other => other?,
                        }
                    }
                }
                Err(why) => tracing::info!(op = "payment.poll", payment = payment.id, %why),
            }
        }
        Ok(())
    }

    /// Notes that an order is asked about now, and when next: less and less often, and one day no more.
    async fn asked(&self, id: &str) -> Result<(), Error> {
        let (room, id) = (self.clone(), id.to_owned());
        let done = self.records().unit(Arc::new(Actor::operator("payments")), move |work| {
            let mut payment = Within(work).payment(&id)?;
            let now = work.now();
            payment.polls = payment.polls.saturating_add(1);
            let wanted = payment.poll_at.is_some() && now.duration_since(payment.created) < ASKED_FOR;
            payment.poll_at = wanted.then(|| room.next_poll(&payment, now));
            super::kept::put_payment(work, &payment)?;
            work.audit(line(work.who(), None, Purpose::Billing, &format!("payment {id} is asked about")))
        });
        done.await.map(|_| ())
    }

    fn next_poll(&self, payment: &Payment, now: Timestamp) -> Timestamp {
        let times = &self.0.polls;
        let wait = times.poll_seconds.max(1).saturating_mul(1 << payment.polls.min(20));
        let wait = wait.min(times.poll_most_seconds.max(1));
        let wait = SignedDuration::from_secs(i64::try_from(wait).unwrap_or(3_600));
        now.checked_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// Sends money back: the gateway does it where it came by, else the person did and says so.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but an owner, [`Error::Conflict`], [`Error::Busy`].
    pub async fn refund(&self, who: &Actor, id: &str, paise: u64, reason: &str) -> Result<Payment, Error> {
        staff(who, (Op::Update, Area::Refunds))?;
        if reason.trim().is_empty() || reason.len() > 1_000 {
            return Err(conflict("give the reason, in at most 1000 bytes"));
        }
        let payment = self.records().vault().snapshot()?.payment(id)?;
        // Refused before any money moves.
        payment.apply(Event::Refund { paise }, self.records().now())?;
        if payment.method == Some(Method::Razorpay)
            && let Some(reference) = &payment.reference
        {
            self.0.gateway.refund(&self.keys()?, reference, paise).await.map_err(failed)?;
        }
        let (room, id, said) = (self.clone(), id.to_owned(), format!("refund of {paise} paise: {reason}"));
        let done = self.records().unit(Arc::new(who.clone()), move |work| {
            work.audit(line(work.who(), None, Purpose::Billing, &said))?;
            room.pay(work, &id, Event::Refund { paise })
        });
        Ok(done.await?.0)
    }

    fn alarm(&self, who: &Actor, patient: Option<&str>, said: &str) -> Result<(), Error> {
        let leaf = Leaf {
            action: Action::Alarm,
            outcome: Outcome::Refused,
            ..line(who, patient, Purpose::Billing, said)
        };
        Ok(self.records().vault().note(leaf)?)
    }
}

/// A member of the clinic who may do this; a patient never.
fn staff(who: &Actor, need: (Op, Area)) -> Result<(), Error> {
    if patient(who).is_some() {
        return Err(Error::Refused(Refusal::NoGrant));
    }
    decide(who, need.0, &Subject::area_only(need.1)).check()?;
    Ok(())
}

fn succeeded(order: String, told: Told, proof: Proof) -> Event {
    Event::Succeeded { proof, order, reference: told.id, amount: told.amount, currency: told.currency }
}

/// Whether a message of the gateway was not heard before; from now on it was.
fn event_id_is_new(work: &mut Work<'_, '_>, scope: &[u8]) -> Result<bool, Error> {
    if work.unit().recall(scope)?.is_some() {
        return Ok(false);
    }
    let until = work.now().checked_add(EVENT_KEPT).unwrap_or(Timestamp::MAX);
    work.unit().remember(scope, until, &[])?;
    Ok(true)
}

fn failed(why: Failure) -> Error {
    match why {
        Failure::Transient(_) => {
            tracing::info!(op = "payment.gateway", %why);
            Error::Busy
        }
        Failure::Permanent(_) => conflict(why),
    }
}

fn configured(who: &Actor, said: &str) -> Leaf {
    Leaf { action: Action::Configure, ..line(who, None, Purpose::Operations, said) }
}

fn wrong(field: &'static str, message: &str) -> Wrong {
    Wrong { field, code: "invalid", message: message.to_owned() }
}

//! Carrying an event out: the next course, what it does to doctors and money, the FHIR records of both, in the unit of work
//! at hand. What cannot be done to the end undoes all of it.

use clinicvault_gateway::fhir::id::LogicalId;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Leaf};

use super::Consult;
use super::kept::{Docs, Row, Within, put_doctor, put_payment, put_row};
use super::picture;
use super::presence::{self, Move, NotFree};
use super::state::{self, Effect, Event, Gate, RefundDecision, State};
use crate::billing::payment::{self, Moved, Payment};
use crate::billing::prices::{PayPolicy, Price, bill_number, financial_year, price};
use crate::collections::{PRICES, SETTINGS};
use crate::records::Caller;
use crate::records::access::{Actor, Purpose, Refusal};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;
use crate::records::write::{Draft, Sealed};

/// Prices of the list at most.
pub(super) const MOST_PRICES: usize = 2_000;
/// Last number of a bill; the financial year follows.
const BILL: &str = "bill-number/";

/// A refusal of a state machine as a caller gets it: 409, and nothing has changed.
pub(super) fn conflict(message: impl ToString) -> Error {
    let message = message.to_string();
    let mut letters = message.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    Error::Conflict(Outcome::error(IssueCode::Conflict, format!("{first}{}.", letters.as_str())))
}

impl From<state::Refused> for Error {
    fn from(why: state::Refused) -> Self {
        match why {
            state::Refused::NotTheirs => Error::Refused(Refusal::NotTheirs),
            other => conflict(other),
        }
    }
}

impl From<NotFree> for Error {
    fn from(why: NotFree) -> Self {
        conflict(why)
    }
}

impl From<payment::Refused> for Error {
    fn from(why: payment::Refused) -> Self {
        conflict(why)
    }
}

/// An audit line about something that is no record.
pub(super) fn line(who: &Actor, patient: Option<&str>, purpose: Purpose, said: &str) -> Leaf {
    let mut leaf = audit::done(who, Action::Execute, purpose, About { object: None, patient });
    leaf.reason = Some(said.to_owned());
    leaf
}

impl Consult {
    /// Carries an event of a consultation out.
    pub(super) fn carry(&self, work: &mut Work<'_, '_>, row: &mut Row, event: Event) -> Result<(), Error> {
        let (course, effects) = row.course.apply(event, self.rules(), work.now())?;
        row.course = course;
        row.revision += 1;
        // Laid down before its effects: what they look up is the course as it is now.
        put_row(work, row)?;
        for effect in effects {
            self.effect(work, row, effect)?;
        }
        put_row(work, row)?;
        self.picture(work, row)
    }

    fn effect(&self, work: &mut Work<'_, '_>, row: &mut Row, effect: Effect) -> Result<(), Error> {
        let consultation = row.id.clone();
        match effect {
            Effect::Reserve { doctor, until } => {
                self.turn(work, &doctor, Move::Reserve { consultation, until })
            }
            Effect::Keep { doctor } => self.turn(work, &doctor, Move::Keep { consultation }),
            Effect::Engage { doctor } => self.turn(work, &doctor, Move::Engage { consultation }),
            Effect::Free { doctor } => self.turn(work, &doctor, Move::Free { consultation }),
            Effect::Charge { paise, gates } => {
                let id = self.records().new_id()?.as_str().to_owned();
                let about = (row.id.as_str(), row.patient.as_str());
                let payment = Payment::new(id.clone(), about, paise, gates, work.now());
                row.payment = Some(id);
                put_row(work, row)?;
                self.keep_payment(work, row, &payment)
            }
            Effect::CloseCharge => self.money_if_open(work, row, payment::Event::Expire),
            Effect::OpenGate => self.money_if_open(work, row, payment::Event::Ungate),
            Effect::Refund(RefundDecision::None) => Ok(()),
            Effect::Refund(RefundDecision::Full) => {
                let Some(id) = row.payment.clone() else { return Ok(()) };
                let paid = Within(work).payment(&id)?;
                let paise = paid.amount;
                self.pay(work, &id, payment::Event::WantRefund { paise }).map(|_| ())
            }
            // What the patient is told stands in the course; whatever brings messages out reads it there.
            Effect::Tell(_) => Ok(()),
        }
    }

    fn money_if_open(&self, work: &mut Work<'_, '_>, row: &Row, event: payment::Event) -> Result<(), Error> {
        let Some(id) = &row.payment else { return Ok(()) };
        if Within(work).payment(id)?.state.is_open() {
            self.pay(work, id, event)?;
        }
        Ok(())
    }

    /// Moves a doctor.
    pub(super) fn turn(&self, work: &mut Work<'_, '_>, doctor: &str, with: Move) -> Result<(), Error> {
        let known = Within(work).doctor(doctor)?.ok_or(NotFree::Taken)?;
        let next = known.apply(with, work.now())?;
        put_doctor(work, &next)
    }

    /// Carries an event of a payment out, and what it means for its consultation.
    pub(super) fn pay(
        &self,
        work: &mut Work<'_, '_>,
        id: &str,
        event: payment::Event,
    ) -> Result<Payment, Error> {
        let before = Within(work).payment(id)?;
        let Moved::Next(next, effect) = before.apply(event, work.now())? else { return Ok(before) };
        let mut next = *next;
        if next.state.is_paid() && next.bill.is_none() {
            next.bill = Some(next_bill(work, self)?);
        }
        let row = Within(work).row(&next.consultation)?;
        self.keep_payment(work, &row, &next)?;
        let said = format!("payment {id} {} to {}", before.state.as_str(), next.state.as_str());
        let leaf = line(work.who(), Some(&next.patient), Purpose::Billing, &said);
        work.audit(leaf)?;
        match effect {
            Some(payment::Effect::Verified) => {
                let mut row = Within(work).row(&next.consultation)?;
                self.carry(work, &mut row, Event::PaymentVerified)?;
            }
            Some(payment::Effect::Failed) => {
                let mut row = Within(work).row(&next.consultation)?;
                if row.course.state == State::PendingPayment {
                    self.carry(work, &mut row, Event::PaymentFailed)?;
                    self.assign_waiting(work)?;
                }
            }
            Some(payment::Effect::Credit) => {
                let said = format!("payment {id}: {} paise came too late and wait for a person", next.amount);
                let leaf = Leaf {
                    action: Action::Alarm,
                    ..line(work.who(), Some(&next.patient), Purpose::Billing, &said)
                };
                work.audit(leaf)?;
            }
            None => {}
        }
        Ok(next)
    }

    /// Lays a payment down with its picture.
    pub(super) fn keep_payment(
        &self,
        work: &mut Work<'_, '_>,
        row: &Row,
        payment: &Payment,
    ) -> Result<(), Error> {
        let before = Within(work).payment(&payment.id).ok();
        put_payment(work, payment)?;
        let told = |known: &Payment| (known.state, known.refunded, known.bill.clone());
        if before.as_ref().map(told) == Some(told(payment)) {
            return Ok(());
        }
        // A course that was not yet put has no picture that it could belong to.
        self.put(work, picture::charge(row, payment), &row.id, Purpose::Billing)?;
        self.put(work, picture::invoice(row, payment), &row.id, Purpose::Billing)?;
        if payment.state.is_paid() {
            let json = picture::reconciliation(payment, self.records().zone());
            self.put(work, json, &payment.id, Purpose::Billing)?;
        }
        Ok(())
    }

    /// Writes the Encounter of a row.
    pub(super) fn picture(&self, work: &mut Work<'_, '_>, row: &Row) -> Result<(), Error> {
        let json = {
            let reader = Within(work);
            picture::encounter(row, &|id| reader.name(id).unwrap_or_else(|_| id.to_owned()))
        };
        self.put(work, json, &row.id, Purpose::Treatment)
    }

    /// Writes a record that this room carries.
    pub(super) fn put(
        &self,
        work: &mut Work<'_, '_>,
        json: Value,
        id: &str,
        purpose: Purpose,
    ) -> Result<(), Error> {
        work.put_carried(&self.sealed(work, json, id)?, purpose).map(|_| ())
    }

    /// Writes a record that from now on `by` carries: a signed paper, a consultation or a recording, by its id. Answers the
    /// reference of the record.
    pub(super) fn put_bound(
        &self,
        work: &mut Work<'_, '_>,
        json: Value,
        id: &str,
        by: &str,
    ) -> Result<String, Error> {
        let sealed = self.sealed(work, json, id)?;
        work.put_bound(&sealed, by, Purpose::Treatment)?;
        Ok(format!("{}/{id}", sealed.kind()))
    }

    fn sealed(&self, work: &Work<'_, '_>, json: Value, id: &str) -> Result<Sealed, Error> {
        let id = LogicalId::parse(id).ok_or_else(|| Error::Fault("a made id is none".to_owned()))?;
        let from = Caller::of(work.who().clone());
        let checked = Draft::of(json)?.check(&self.records().checks())?;
        Ok(checked.seal(&id, &self.records().context(&from)))
    }

    /// Gives every request that waits a doctor, as far as there are any: the most urgent first, then the oldest.
    pub(super) fn assign_waiting(&self, work: &mut Work<'_, '_>) -> Result<(), Error> {
        let now = work.now();
        let mut waiting: Vec<Row> = {
            let reader = Within(work);
            if !reader.doctors()?.iter().any(|doctor| doctor.presence == presence::Presence::Online) {
                return Ok(());
            }
            reader.open_rows()?.into_iter().filter(|row| row.course.state == State::Requested).collect()
        };
        let urgency = |row: &Row| std::cmp::Reverse((row.course.ask.colour, row.course.ask.urgency));
        waiting.sort_by(|one, other| (urgency(one), &one.id).cmp(&(urgency(other), &other.id)));
        for mut row in waiting {
            let doctors = Within(work).doctors()?;
            let ask = &row.course.ask;
            let wants = (ask.specialty.as_str(), ask.language.as_str());
            let found = presence::choose(&doctors, wants, |id| Some(self.beat(id)), self.0.lapse, now);
            if let Some(doctor) = found.map(|doctor| doctor.id.clone()) {
                self.give(work, &mut row, doctor)?;
            }
        }
        Ok(())
    }

    /// Gives a request to a doctor, with the gate that the price list says.
    pub(super) fn give(&self, work: &mut Work<'_, '_>, row: &mut Row, doctor: String) -> Result<(), Error> {
        let gate = self.gate(work, row)?;
        self.carry(work, row, Event::Assign { doctor, gate })
    }

    fn gate(&self, work: &Work<'_, '_>, row: &Row) -> Result<Gate, Error> {
        let ask = &row.course.ask;
        let day = work.now().to_zoned(self.records().zone().clone()).date();
        let prices = prices(&Within(work))?;
        let open = |policy: &str, due| Gate::Open { policy: policy.to_owned(), due };
        let Some(found) = price(&prices, &ask.specialty, ask.mode, day) else {
            return Ok(open("noPrice", 0));
        };
        let (paise, policy) = (found.price.paise, found.price.policy);
        // Payment never delays an emergency (clinic-workflow.md section 7.1).
        if let Some(reason) = ask.emergency() {
            return Ok(open(&format!("emergency ({reason})"), paise));
        }
        Ok(match policy {
            PayPolicy::After if paise > 0 => open("payAfter", paise),
            PayPolicy::After | PayPolicy::Before => Gate::Prepay(paise),
        })
    }
}

/// The price list.
pub(super) fn prices(reader: &impl Docs) -> Result<Vec<Price>, Error> {
    let all = reader.docs(PRICES, &[], MOST_PRICES)?;
    let read = |bytes: &[u8]| serde_json::from_slice(bytes).map_err(|_| Error::Damaged("a price".to_owned()));
    all.iter().map(|(_, bytes)| read(bytes)).collect()
}

/// The next bill of the financial year, without a gap: it is given in the unit that needs it.
fn next_bill(work: &mut Work<'_, '_>, room: &Consult) -> Result<String, Error> {
    let day = work.now().to_zoned(room.records().zone().clone()).date();
    let key = format!("{BILL}{}", financial_year(day));
    let last = work.document(SETTINGS, key.as_bytes())?;
    let last = last.and_then(|bytes| bytes.as_slice().try_into().ok().map(u64::from_be_bytes)).unwrap_or(0);
    work.unit().doc_put(SETTINGS, key.as_bytes(), &(last + 1).to_be_bytes())?;
    Ok(bill_number(day, last + 1))
}

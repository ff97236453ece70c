//! Rows of consultations, doctors and payments as they lie in the vault, each with the small indexes it is found by.
//!
//! The row is the truth of a consultation; its FHIR records are made from it in the same unit
//! (`docs/decisions/0185-the-row-is-the-truth-of-a-consultation.md`).

use clinicvault_vault::Snapshot;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::presence::Doctor;
use super::state::Course;
use crate::billing::payment::Payment;
use crate::collections::{
    ACCOUNTS, CONSULTATIONS, CONSULTATIONS_OF, CONSULTATIONS_OPEN, DOCTORS, PAYMENT_ORDERS, PAYMENTS,
    PAYMENTS_OPEN,
};
use crate::records::error::Error;
use crate::records::unit::{Document, Work};

/// Open consultations and payments that are looked at together; a clinic has dozens.
pub(crate) const MOST_OPEN: usize = 5_000;
/// Consultations of one patient that are looked through.
pub(crate) const MOST_VISITS: usize = 200;
/// Doctors of a clinic.
pub(crate) const MOST_DOCTORS: usize = 500;

/// A consultation as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Its id, and that of its Encounter.
    pub id: String,
    /// Whose it is.
    pub patient: String,
    /// Who asked: an account, or the patient.
    pub asked_by: String,
    /// Rises with every event.
    pub revision: u64,
    /// Where it stands.
    pub course: Course,
    /// Its payment, once there is one.
    pub payment: Option<String>,
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Fault(error.to_string()))
}

fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(what.to_owned()))
}

fn missing(what: &str, id: &str) -> Error {
    Error::NotFound(format!("{what} {id}"))
}

/// What is read in a unit of work and from a snapshot alike.
pub(crate) trait Docs {
    /// One document.
    fn doc(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;
    /// Documents by the beginning of their keys.
    fn docs(&self, collection: u16, prefix: &[u8], most: usize) -> Result<Vec<Document>, Error>;

    /// A consultation.
    fn row(&self, id: &str) -> Result<Row, Error> {
        let bytes = self.doc(CONSULTATIONS, id.as_bytes())?.ok_or_else(|| missing("consultation", id))?;
        read(&bytes, "a consultation")
    }

    /// Consultations that are not over, in the order in which they were asked for.
    fn open_rows(&self) -> Result<Vec<Row>, Error> {
        let keys = self.docs(CONSULTATIONS_OPEN, &[], MOST_OPEN)?;
        keys.iter().map(|(key, _)| self.row(&String::from_utf8_lossy(key))).collect()
    }

    /// Consultations of a patient, the newest first.
    fn rows_of(&self, patient: &str, most: usize) -> Result<Vec<Row>, Error> {
        let prefix = format!("{patient}/");
        let keys = self.docs(CONSULTATIONS_OF, prefix.as_bytes(), MOST_OPEN)?;
        let ids = keys.iter().rev().take(most).map(|(key, _)| String::from_utf8_lossy(key).into_owned());
        ids.map(|key| self.row(key.strip_prefix(&prefix).unwrap_or_default())).collect()
    }

    /// A doctor, if he was ever there.
    fn doctor(&self, id: &str) -> Result<Option<Doctor>, Error> {
        self.doc(DOCTORS, id.as_bytes())?.map(|bytes| read(&bytes, "a doctor's presence")).transpose()
    }

    /// Every doctor who was ever there.
    fn doctors(&self) -> Result<Vec<Doctor>, Error> {
        let all = self.docs(DOCTORS, &[], MOST_DOCTORS)?;
        all.iter().map(|(_, bytes)| read(bytes, "a doctor's presence")).collect()
    }

    /// A payment.
    fn payment(&self, id: &str) -> Result<Payment, Error> {
        let bytes = self.doc(PAYMENTS, id.as_bytes())?.ok_or_else(|| missing("payment", id))?;
        read(&bytes, "a payment")
    }

    /// Payments that wait for somebody.
    fn open_payments(&self) -> Result<Vec<Payment>, Error> {
        let keys = self.docs(PAYMENTS_OPEN, &[], MOST_OPEN)?;
        keys.iter().map(|(key, _)| self.payment(&String::from_utf8_lossy(key))).collect()
    }

    /// The payment for which the gateway has this order.
    fn payment_of_order(&self, order: &str) -> Result<Option<Payment>, Error> {
        let id = self.doc(PAYMENT_ORDERS, order.as_bytes())?;
        id.map(|id| self.payment(&String::from_utf8_lossy(&id))).transpose()
    }

    /// The account behind an id, as far as others see it.
    fn account(&self, id: &str) -> Result<Option<Staff>, Error> {
        self.doc(ACCOUNTS, id.as_bytes())?.map(|bytes| read(&bytes, "an account")).transpose()
    }

    /// The name of an account; others are named by their id.
    fn name(&self, id: &str) -> Result<String, Error> {
        Ok(self.account(id)?.map_or_else(|| id.to_owned(), |account| account.name))
    }
}

/// What of an account is told to patients (clinic-workflow.md section 7.1).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Staff {
    /// Name.
    pub name: String,
    /// Degrees.
    pub qualification: Option<String>,
    /// Number with the council.
    pub registration: Option<String>,
    /// May not sign in.
    pub disabled: bool,
    /// Roles.
    pub roles: Vec<crate::records::access::Role>,
}

impl Docs for Snapshot {
    fn doc(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.doc_get(collection, key)?)
    }

    fn docs(&self, collection: u16, prefix: &[u8], most: usize) -> Result<Vec<Document>, Error> {
        Ok(self.doc_scan(collection, prefix, most)?)
    }
}

/// A unit of work as a reader.
pub(crate) struct Within<'b, 'a, 'u>(pub &'b Work<'a, 'u>);

impl Docs for Within<'_, '_, '_> {
    fn doc(&self, collection: u16, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.0.document(collection, key)
    }

    fn docs(&self, collection: u16, prefix: &[u8], most: usize) -> Result<Vec<Document>, Error> {
        self.0.documents(collection, prefix, most)
    }
}

/// Lays a consultation down.
pub(crate) fn put_row(work: &mut Work<'_, '_>, row: &Row) -> Result<(), Error> {
    let unit = work.unit();
    unit.doc_put(CONSULTATIONS, row.id.as_bytes(), &written(row)?)?;
    unit.doc_put(CONSULTATIONS_OF, format!("{}/{}", row.patient, row.id).as_bytes(), &[])?;
    if row.course.state.is_over() {
        unit.doc_delete(CONSULTATIONS_OPEN, row.id.as_bytes())?;
    } else {
        unit.doc_put(CONSULTATIONS_OPEN, row.id.as_bytes(), &[])?;
    }
    Ok(())
}

/// Lays a doctor down.
pub(crate) fn put_doctor(work: &mut Work<'_, '_>, doctor: &Doctor) -> Result<(), Error> {
    Ok(work.unit().doc_put(DOCTORS, doctor.id.as_bytes(), &written(doctor)?)?)
}

/// Lays a payment down.
pub(crate) fn put_payment(work: &mut Work<'_, '_>, payment: &Payment) -> Result<(), Error> {
    let unit = work.unit();
    unit.doc_put(PAYMENTS, payment.id.as_bytes(), &written(payment)?)?;
    if let Some(order) = &payment.order {
        unit.doc_put(PAYMENT_ORDERS, order.as_bytes(), payment.id.as_bytes())?;
    }
    let waits = payment.state.is_open()
        || payment.poll_at.is_some()
        || payment.open_credit() > 0
        || payment.refund_wanted > 0;
    if waits {
        unit.doc_put(PAYMENTS_OPEN, payment.id.as_bytes(), &[])?;
    } else {
        unit.doc_delete(PAYMENTS_OPEN, payment.id.as_bytes())?;
    }
    Ok(())
}

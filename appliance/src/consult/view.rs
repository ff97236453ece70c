//! What is shown of a consultation: to clinicians and the desk what it is about, to everybody else who sees the queue only
//! where it stands, to patients their own with the doctor's name and registration (clinic-workflow.md section 7.1).

use clinicvault_vault::Snapshot;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Consult;
use super::ask::{Colour, Mode, RED_FLAGS, RedFlag, Urgency};
use super::desk::{allowed, patient};
use super::kept::{Docs, Row};
use super::state::{RefundDecision, State, Step};
use crate::billing::payment::{Method, Payment, State as PaymentState};
use crate::billing::ways::Ways;
use crate::clinic::identity::Identity;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::Action;

/// Consultations of a patient that are shown.
const MOST_OF_ONE: usize = 50;

/// A doctor as a patient sees him.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ConsultationDoctor)]
pub struct Doctor {
    /// Account.
    pub id: String,
    /// Name.
    pub name: String,
    /// Degrees.
    pub qualification: Option<String>,
    /// Number with the council.
    pub registration: Option<String>,
}

/// The fee and where it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentView)]
pub struct Fee {
    /// Id of the payment.
    pub id: String,
    /// Whose it is; absent for the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<Identity>,
    /// For which consultation.
    pub consultation: String,
    /// Paise.
    pub paise: u64,
    /// Where it stands.
    pub state: PaymentState,
    /// Whether the consultation waits for it.
    pub gates: bool,
    /// Whether it can be paid by UPI now: it is open, and the clinic has an address.
    pub upi: bool,
    /// Whether it can be paid at the gateway now.
    pub gateway: bool,
    /// How it is paid.
    pub method: Option<Method>,
    /// The reference that was typed or proven.
    pub reference: Option<String>,
    /// Number of the bill.
    pub bill: Option<String>,
    /// Paise that went back.
    pub refunded: u64,
    /// Paise that are to go back.
    pub refund_wanted: u64,
    /// Paise that came too late and wait for a person.
    pub credit: u64,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
}

/// An offer to take a consultation over.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TransferOffer)]
pub struct Transfer {
    /// Who offers.
    pub by: String,
    /// Account of the one to whom.
    pub to: String,
    /// Name of that one.
    pub to_name: String,
    /// Why.
    pub reason: String,
}

/// A consultation as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationView {
    /// Its id, and that of its Encounter.
    pub id: String,
    /// Rises with every change.
    pub revision: u64,
    /// Where it stands.
    pub state: State,
    /// Every state it was in.
    pub steps: Vec<Step>,
    /// Whose it is; absent for the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<Identity>,
    /// What it is about; only for clinicians, the desk and the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint: Option<String>,
    /// Red flags; as the complaint.
    pub flags: Vec<String>,
    /// Colour of triage.
    pub colour: Colour,
    /// Code of the specialty.
    pub specialty: String,
    /// Code of the patient's language.
    pub language: String,
    /// How soon.
    pub urgency: Urgency,
    /// How they meet.
    pub mode: Mode,
    /// Who has it.
    pub doctor: Option<Doctor>,
    /// Names of all who had it.
    pub doctors: Vec<String>,
    /// Until when the doctor is held for the payment.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub hold_until: Option<Timestamp>,
    /// The policy by which no payment stands before it.
    pub policy: Option<String>,
    /// Why payment did not stand before it, when a clinician said so.
    pub exempt: Option<String>,
    /// The fee.
    pub payment: Option<Fee>,
    /// Whether the patient is here.
    pub arrived: bool,
    /// Whether somebody made sure who the patient is.
    pub identity: bool,
    /// How the patient agreed.
    pub consent: Option<String>,
    /// Since when media are lost, and until when they are waited for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub interrupted: Option<Timestamp>,
    /// See `interrupted`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub grace_until: Option<Timestamp>,
    /// An offer that waits.
    pub transfer: Option<Transfer>,
    /// Documents added after its end.
    pub addenda: Vec<String>,
    /// Why it did not take place.
    pub ended: Option<String>,
    /// What became of the money then.
    pub refund: Option<RefundDecision>,
}

impl Consult {
    /// Consultations that are not over, or all of one patient; a patient gets the own. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn list(&self, who: &Actor, of: Option<&str>) -> Result<Vec<ConsultationView>, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let own = patient(who).map(|id| id.as_str().to_owned());
        let of = own.as_deref().or(of);
        allowed(who, (Op::Search, Area::Queue), of)?;
        let rows = match of {
            Some(patient) => snapshot.rows_of(patient, MOST_OF_ONE)?,
            None => snapshot.open_rows()?,
        };
        let about = About::of_type(ResourceType::ENCOUNTER, of);
        self.records().vault().note(audit::done(who, Action::Search, Purpose::Treatment, about))?;
        rows.iter().map(|row| self.view(&snapshot, who, row)).collect()
    }

    /// One consultation. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn read(&self, who: &Actor, id: &str) -> Result<ConsultationView, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        allowed(who, (Op::Read, Area::Queue), Some(&row.patient))?;
        self.note_read(who, &row)?;
        self.view(&snapshot, who, &row)
    }

    /// The questions about red flags.
    pub fn red_flags() -> &'static [RedFlag] {
        &RED_FLAGS
    }

    /// A payment as shown. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn fee(&self, who: &Actor, payment: &Payment) -> Result<Fee, Error> {
        self.fee_of(&self.records().vault().snapshot()?, who, payment)
    }

    fn fee_of(&self, snapshot: &Snapshot, who: &Actor, payment: &Payment) -> Result<Fee, Error> {
        let own = patient(who).is_some();
        let whose = if own { None } else { self.patient_json(snapshot, &payment.patient)? };
        let ways = if payment.state.is_open() { Self::ways(snapshot)? } else { Ways::default() };
        Ok(Fee {
            id: payment.id.clone(),
            patient: whose.as_ref().map(Identity::of),
            consultation: payment.consultation.clone(),
            paise: payment.amount,
            state: payment.state,
            gates: payment.gates,
            upi: ways.upi.is_some(),
            gateway: ways.razorpay.is_some(),
            method: payment.method,
            reference: payment.reference.clone(),
            bill: payment.bill.clone(),
            refunded: payment.refunded,
            refund_wanted: payment.refund_wanted,
            credit: payment.open_credit(),
            created: payment.created,
        })
    }

    fn view(&self, snapshot: &Snapshot, who: &Actor, row: &Row) -> Result<ConsultationView, Error> {
        let own = patient(who).is_some();
        let may = |area| decide(who, Op::Read, &Subject::area_only(area)).allowed();
        let clinical = own || may(Area::Visits);
        let course = &row.course;
        let whose = if own { None } else { self.patient_json(snapshot, &row.patient)? };
        let doctor = course.doctor.as_deref().or(course.parts.last().map(|part| part.doctor.as_str()));
        let doctor = match doctor {
            None => None,
            Some(id) => snapshot.account(id)?.map(|account| Doctor {
                id: id.to_owned(),
                name: account.name,
                qualification: account.qualification,
                registration: account.registration,
            }),
        };
        let doctors =
            course.parts.iter().map(|part| snapshot.name(&part.doctor)).collect::<Result<_, _>>()?;
        let payment = match row.payment.as_deref().filter(|_| own || may(Area::Invoices) || may(Area::Queue))
        {
            None => None,
            Some(id) => Some(self.fee_of(snapshot, who, &snapshot.payment(id)?)?),
        };
        let transfer = match &course.offer {
            None => None,
            Some(offer) => Some(Transfer {
                by: snapshot.name(&offer.by)?,
                to_name: snapshot.name(&offer.to)?,
                to: offer.to.clone(),
                reason: offer.reason.clone(),
            }),
        };
        Ok(ConsultationView {
            id: row.id.clone(),
            revision: row.revision,
            state: course.state,
            steps: course.steps.clone(),
            patient: whose.as_ref().map(Identity::of),
            complaint: clinical.then(|| course.ask.complaint.clone()),
            flags: if clinical { course.ask.flags.clone() } else { Vec::new() },
            colour: course.ask.colour,
            specialty: course.ask.specialty.clone(),
            language: course.ask.language.clone(),
            urgency: course.ask.urgency,
            mode: course.ask.mode,
            doctor,
            doctors,
            hold_until: course.hold_until,
            // The reason of an emergency names red flags.
            policy: course.policy.clone().map(|policy| match (clinical, policy.split_once(' ')) {
                (false, Some((word, _))) => word.to_owned(),
                _ => policy,
            }),
            exempt: course.exempt.as_ref().filter(|_| clinical).map(|exempt| exempt.reason.clone()),
            payment,
            arrived: course.arrived.is_some(),
            identity: course.identity.is_some(),
            consent: course.consent.as_ref().map(|consent| consent.form.clone()),
            interrupted: course.interrupted,
            grace_until: course.grace_until(self.rules()),
            transfer,
            addenda: course.addenda.clone(),
            ended: course.ending.as_ref().map(|ending| ending.reason.clone()),
            refund: course.ending.as_ref().map(|ending| ending.refund),
        })
    }
}

//! Reading a FHIR message before the writer: whether its channel takes it, what the channel's rules make of it, whose order it
//! belongs to, what goes on.

use clinicvault_gateway::emit::{self, Envelope, Set};
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::hl7::structure::Event;
use clinicvault_gateway::json::Value;
use clinicvault_gateway::map::fhir::{self, FhirMessage};
use clinicvault_gateway::map::{Mapped, PatientIdentifier, ids};
use sha2::{Digest, Sha256};

use super::Exchange;
use super::intake::{Intake, Way};
use super::outbox::destination::Target;
use super::outbox::row::{self, Form};
use super::outbox::{Parcel, control_id};
use super::reading::scope;
use super::row::{Facts, Fault};

/// Keys of order that a row has beside its first.
const MOST_KEYS: usize = 8;
/// MSH-3 and MSH-4 of messages that are made of FHIR messages.
const SENDER: (&str, &str) = ("CLINICVAULT", "BOX");

/// Everything about a FHIR message that can be found out before the writer.
pub(super) struct ReadFhir {
    pub facts: Facts,
    pub partition: String,
    pub same: Vec<u8>,
    /// Why it is refused.
    pub refused: Option<Refusal>,
    /// Whether the filter lets it pass.
    pub passes: bool,
    /// What goes on to the channel's destinations.
    pub onward: Vec<Parcel>,
}

/// Why a message is refused.
pub(super) struct Refusal {
    pub outcome: Outcome,
    /// Whether it is about what the message says; else a change of the channel may lift it.
    pub lasting: bool,
}

/// A message as the channel's rules left it.
pub(super) struct Judged {
    pub bundle: Value,
    pub message: FhirMessage,
    pub passes: bool,
    pub changed: bool,
    pub notes: Vec<String>,
}

impl Exchange {
    /// Reads a message of these bytes by the rules of its channel.
    pub(super) fn read_fhir(&self, bundle: &Value, bytes: &[u8], way: &Way) -> ReadFhir {
        let intake = &way.intake;
        let mut facts = Facts {
            through: intake.name.clone(),
            wire: way.wire.to_owned(),
            peer: way.peer.clone(),
            tls: way.tls,
            title: "unreadable".to_owned(),
            version: "4.0.1".to_owned(),
            fhir: true,
            ..Facts::default()
        };
        let judged = self.judge(intake, bundle, bytes.len());
        let mut all = Vec::new();
        let (mut passes, mut refused) = (true, None);
        match &judged {
            Ok(judged) => {
                describe(&mut facts, &judged.message);
                all = keys(&judged.message);
                passes = judged.passes;
                if judged.changed {
                    let said =
                        "The channel's operations changed it before it was read; it is kept as it came.";
                    facts.warnings.push(said.to_owned());
                }
                facts.warnings.extend(judged.notes.iter().take(20).cloned());
            }
            Err(refusal) => {
                facts.problem = refusal.outcome.issues.first().map(fault);
            }
        }
        let mut all = all.into_iter();
        let partition = all.next().unwrap_or_else(|| format!("sender:{}", facts.channel));
        facts.also = all.collect();
        let onward = match &judged {
            Ok(judged) if passes => self.onward_fhir(intake, judged, bytes, &partition, &facts.also),
            _ => Vec::new(),
        };
        if let Err(refusal) = judged {
            refused = Some(refusal);
        }
        let named = format!("{}\n{}", facts.through, facts.channel);
        let same = scope(b"fhir", &named, facts.control_id.as_bytes(), &Sha256::digest(bytes));
        ReadFhir { facts, partition, same, refused, passes, onward }
    }

    /// What the rules of a channel make of a message of so many bytes.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn judge(&self, intake: &Intake, bundle: &Value, size: usize) -> Result<Judged, Refusal> {
        let for_now = |outcome| Refusal { outcome, lasting: false };
        let for_good = |outcome| Refusal { outcome, lasting: true };
        fits(intake).map_err(for_now)?;
        let Some(rules) = &intake.fhir else {
            let message = fhir::read(bundle).map_err(for_good)?;
            let (bundle, notes) = (bundle.clone(), Vec::new());
            return Ok(Judged { bundle, message, passes: true, changed: false, notes });
        };
        // What is no message of FHIR at all is nothing that a rule could look at.
        if bundle.str("resourceType") != Some("Bundle") {
            fhir::read(bundle).map_err(for_good)?;
        }
        let passes = rules.passes(bundle).map_err(for_now)?;
        let changed = rules.changes();
        let reworked = rules.change(bundle.clone(), size, self.rules().limits.bytes).map_err(for_now)?;
        // What the operations make unreadable may be read once they are put right.
        let message =
            fhir::read(&reworked.bundle).map_err(|outcome| Refusal { outcome, lasting: !changed })?;
        rules.admits(&message.event).map_err(for_now)?;
        Ok(Judged { bundle: reworked.bundle, message, passes, changed, notes: reworked.notes })
    }

    /// The parcels of a message: to FHIR the Bundle, as it came where nothing is changed in it; to HL7 v2 what can be said of
    /// it there.
    fn onward_fhir(
        &self,
        intake: &Intake,
        judged: &Judged,
        bytes: &[u8],
        lane: &str,
        also: &[String],
    ) -> Vec<Parcel> {
        let mut parcels = Vec::new();
        let message = &judged.message;
        for target in &intake.destinations {
            let facts = row::Facts {
                destination: format!("{}/{}", intake.name, target.name),
                lane: lane.to_owned(),
                also: also.to_vec(),
                form: target.to.form(),
                ..row::Facts::default()
            };
            match target.to.form() {
                Form::Er7 => parcels.extend(self.as_hl7(target, judged, bytes, &facts)),
                Form::Bundle | Form::Notice | Form::Record => {
                    let body = if judged.changed { judged.bundle.to_vec() } else { bytes.to_vec() };
                    let (kind, control_id) = (message.event.clone(), message.identifier.clone());
                    let facts = row::Facts { kind, control_id, ..facts };
                    parcels.push(Parcel { facts, message: body, unfit: None });
                }
            }
        }
        parcels
    }

    /// The messages of HL7 v2 that tell what a FHIR message says; one that cannot be made waits for a person.
    fn as_hl7(&self, target: &Target, judged: &Judged, bytes: &[u8], common: &row::Facts) -> Vec<Parcel> {
        let Mapped { bundle, .. } = transaction(&judged.message);
        let set = Set::of_bundle(&bundle);
        let told = emit::told(&set, judged.message.of_patient);
        let now = self.records().now();
        let content = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        let clinic = self.records().vault().clinic_id();
        let unfit = |kind: String, why: String| Parcel {
            facts: row::Facts { kind, control_id: judged.message.identifier.clone(), ..common.clone() },
            message: Vec::new(),
            unfit: Some(why),
        };
        let mut parcels = Vec::new();
        for (kind, root) in told {
            let id = root.str("id").unwrap_or_default();
            let own = control_id(&[clinic, &common.destination, &kind.to_string(), &content, id]);
            let envelope = Envelope {
                sender: SENDER,
                receiver: target.to.receiver(),
                control_id: &own,
                now,
                offset: self.rules().map.zone.to_offset(now),
                training: false,
                acknowledge: target.to.acknowledge().wish(),
            };
            match emit::message(kind, root, &set, &envelope, &self.rules().map.authorities) {
                Ok(message) => {
                    let facts = row::Facts { kind: kind.to_string(), control_id: own, ..common.clone() };
                    parcels.push(Parcel { facts, message, unfit: None });
                }
                Err(why) => {
                    parcels.push(unfit(kind.to_string(), format!("no HL7 v2 can be made of it: {why}")))
                }
            }
        }
        if parcels.is_empty() {
            let why = "it says nothing that the box has a message of HL7 v2 for";
            parcels.push(unfit(judged.message.event.clone(), why.to_owned()));
        }
        parcels
    }
}

/// What a message becomes: by a feed of patients or of results.
pub(super) fn transaction(message: &FhirMessage) -> Mapped {
    let feed = Event::of("ADT", "A31").filter(|_| message.of_patient);
    message.to_transaction(feed.unwrap_or(Event::RESULT))
}

/// Rules of a channel that are about HL7 v2 say nothing of FHIR; such a channel takes none of it.
fn fits(intake: &Intake) -> Result<(), Outcome> {
    let rules = &intake.rules;
    let plain = rules.kinds.is_empty()
        && rules.processing.is_empty()
        && intake.filter.is_none()
        && intake.operations.is_empty()
        && !intake.hl7_alone;
    if plain || intake.fhir.is_some() {
        return Ok(());
    }
    let why = "This channel has rules for HL7 v2, which cannot be kept for FHIR messages; send them to a channel whose source.takes is fhir.";
    Err(Outcome::from(Issue::error(IssueCode::NotSupported, why)))
}

fn describe(facts: &mut Facts, message: &FhirMessage) {
    facts.sender = message.source.chars().take(200).collect();
    facts.channel = message.endpoint.chars().take(200).collect();
    facts.control_id = message.identifier.chars().take(200).collect();
    facts.kind = message.event.clone();
    facts.person = Some(message.patient().name()).filter(|name| !name.is_empty());
    let values = message.count("Observation");
    facts.values = u32::try_from(values).ok().filter(|values| *values > 0);
    let titles = [
        ("Observation", "testResult"),
        ("DiagnosticReport", "testResult"),
        ("ServiceRequest", "testOrder"),
        ("MedicationRequest", "prescription"),
        ("Immunization", "vaccination"),
        ("Appointment", "appointment"),
        ("DocumentReference", "document"),
        ("Composition", "document"),
    ];
    let title = titles.into_iter().find(|(kind, _)| message.count(kind) > 0).map(|(_, title)| title);
    facts.title = title.unwrap_or("patientUpdate").to_owned();
}

/// In whose order it is applied.
fn keys(message: &FhirMessage) -> Vec<String> {
    let identifiers = message.patient().identifiers;
    let key = |one: &PatientIdentifier| ids::stable("partition", &[&one.value, &one.system]);
    identifiers.iter().take(MOST_KEYS).map(key).collect()
}

pub(super) fn fault(issue: &Issue) -> Fault {
    Fault {
        segment: issue.expression.first().cloned(),
        field: None,
        code: issue.code.as_str().to_owned(),
        reason: issue.diagnostics.clone(),
    }
}

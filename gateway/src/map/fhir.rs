//! FHIR messages (R4, Messaging: `Bundle` of type `message`, its first entry a `MessageHeader`) as the same kind of
//! transaction that messages of HL7 v2 become.
//!
//! What the sender calls things decides our ids: an identifier with a system, else the sender's own id at its endpoint,
//! else the entry's address. References inside the Bundle follow. A message whose focus is a Patient may make one; all
//! others are about somebody who is known.

mod answer;

pub use answer::{Answering, ResponseCode, response, taken};

use super::draft::Meeting;
use super::identity::{PatientIdentifier, PatientIdentity};
use super::meaning::{Label, Row};
use super::{Mapped, MappingReport, Party, Role, ids};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode, Outcome};
use crate::fhir::validate;
use crate::hl7::structure::Event;
use crate::json::{Object, Value};

/// Most entries of a message.
pub const MOST_ENTRIES: usize = 2_000;

/// Types that a message may bring: what happens to patients, and who and what takes part in it. Definitions, consents,
/// subscriptions and the log are nobody's to send.
const BROUGHT: [&str; 49] = [
    "Account",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "BodyStructure",
    "CarePlan",
    "CareTeam",
    "ChargeItem",
    "ClinicalImpression",
    "Communication",
    "CommunicationRequest",
    "Composition",
    "Condition",
    "Coverage",
    "Device",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "EpisodeOfCare",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "List",
    "Location",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "NutritionOrder",
    "Observation",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RiskAssessment",
    "Schedule",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "Task",
];

/// A message that can be read.
#[derive(Debug, Clone, PartialEq)]
pub struct FhirMessage {
    /// `MessageHeader.id`, else the UUID of its `fullUrl`.
    pub id: String,
    /// `Bundle.identifier.value`, else [`Self::id`].
    pub identifier: String,
    /// The code of `eventCoding`, else the last part of `eventUri`.
    pub event: String,
    /// `MessageHeader.source.endpoint`.
    pub endpoint: String,
    /// `MessageHeader.source.name`, else the endpoint.
    pub source: String,
    /// Whether its focus is a Patient.
    pub of_patient: bool,
    header: Value,
    /// The rest: address and resource.
    entries: Vec<(String, Value)>,
}

/// Reads a message.
///
/// # Errors
/// What is wrong, with its place in the Bundle.
pub fn read(bundle: &Value) -> Result<FhirMessage, Outcome> {
    let wrong = |code, at: &str, why: &str| Err(Outcome::from(Issue::error(code, why).at(at)));
    if bundle.str("resourceType") != Some("Bundle") || bundle.str("type") != Some("message") {
        return wrong(IssueCode::Invalid, "Bundle.type", "A message is a Bundle of the type message.");
    }
    let entries = bundle.items("entry");
    if entries.len() > MOST_ENTRIES {
        return wrong(IssueCode::TooLong, "Bundle.entry", "A message has at most 2000 entries.");
    }
    let issues = validate::structure(bundle);
    if !issues.is_empty() {
        return Err(Outcome::of(issues));
    }
    let first = entries
        .first()
        .and_then(|entry| Some((entry.str("fullUrl").unwrap_or_default(), entry.get("resource")?)));
    let Some((url, header)) = first.filter(|(_, one)| one.str("resourceType") == Some("MessageHeader"))
    else {
        return wrong(
            IssueCode::Required,
            "Bundle.entry[0]",
            "The first entry of a message is its MessageHeader.",
        );
    };
    if header.get("response").is_some() {
        let why = "This answers a message; the box has sent none that waits for it.";
        return wrong(IssueCode::NotSupported, "Bundle.entry[0].resource.response", why);
    }
    let id = header.str("id").unwrap_or_else(|| url.strip_prefix("urn:uuid:").unwrap_or_default());
    if id.is_empty() {
        return wrong(IssueCode::Required, "Bundle.entry[0].resource.id", "A message header has an id.");
    }
    let source = header.get("source");
    let endpoint = source.and_then(|source| source.str("endpoint")).unwrap_or_default();
    let mut rest = Vec::new();
    for (n, entry) in entries.iter().enumerate().skip(1) {
        let Some(resource) = entry.get("resource") else {
            return wrong(
                IssueCode::Required,
                &format!("Bundle.entry[{n}].resource"),
                "An entry of a message has a resource.",
            );
        };
        let kind = resource.str("resourceType").unwrap_or_default();
        if !BROUGHT.contains(&kind) {
            let why = format!("A message does not bring a resource of the type {kind}.");
            return wrong(IssueCode::NotSupported, &format!("Bundle.entry[{n}].resource"), &why);
        }
        rest.push((entry.str("fullUrl").unwrap_or_default().to_owned(), resource.clone()));
    }
    if rest.is_empty() {
        return wrong(IssueCode::Required, "Bundle.entry", "The message brings nothing.");
    }
    let identifier = bundle.get("identifier").and_then(|one| one.str("value")).unwrap_or(id);
    let focus: Vec<&str> = header.items("focus").iter().filter_map(|one| one.str("reference")).collect();
    let patient = |(url, resource): &(String, Value)| {
        resource.str("resourceType") == Some("Patient") && focus.iter().any(|one| leads(one, url, resource))
    };
    Ok(FhirMessage {
        id: id.to_owned(),
        identifier: identifier.to_owned(),
        event: event(header),
        endpoint: endpoint.to_owned(),
        source: source.and_then(|source| source.str("name")).unwrap_or(endpoint).to_owned(),
        of_patient: rest.iter().any(patient),
        header: header.clone(),
        entries: rest,
    })
}

/// The event of a MessageHeader: the code of `eventCoding`, else the last part of `eventUri`; at most 40 characters.
pub fn event(header: &Value) -> String {
    let coded = header.get("eventCoding").and_then(|coding| coding.str("code"));
    let event = coded.or_else(|| header.str("eventUri").and_then(|uri| uri.rsplit(['/', '#', ':']).next()));
    event.unwrap_or_default().chars().take(40).collect()
}

impl FhirMessage {
    /// The types that it brings.
    pub fn kinds(&self) -> Vec<ResourceType> {
        let mut kinds: Vec<ResourceType> = self
            .entries
            .iter()
            .filter_map(|(_, one)| ResourceType::parse(one.str("resourceType")?))
            .collect();
        kinds.sort_unstable_by_key(|kind| kind.number());
        kinds.dedup();
        kinds
    }

    /// How many of its resources are of a type.
    pub fn count(&self, kind: &str) -> usize {
        self.entries.iter().filter(|(_, one)| one.str("resourceType") == Some(kind)).count()
    }

    /// The resources behind the header.
    pub fn resources(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().map(|(_, resource)| resource)
    }

    /// Who the patient is, as far as the message says.
    pub fn patient(&self) -> PatientIdentity {
        let parties = self.parties();
        parties.into_iter().next().map(|party| party.patient).unwrap_or_default()
    }

    /// As a transaction. `event` is that of a feed of patients or of results ([`Self::of_patient`]).
    pub fn to_transaction(&self, event: Event) -> Mapped {
        let known = self.ids();
        let mut parties = self.parties().into_iter();
        let (patient_id, patient) =
            parties.next().map(|one| (one.patient_id, one.patient)).unwrap_or_default();
        let (mut entries, mut meetings, mut meaning) = (Vec::new(), Vec::new(), Vec::new());
        if !patient.name().is_empty() {
            meaning.push(Row::plain(Label::Key("patient"), patient.name(), 0));
        }
        for (n, ((url, resource), id)) in self.entries.iter().zip(&known).enumerate() {
            let kind = resource.str("resourceType").unwrap_or_default();
            let mut resource = resource.clone();
            self.point(&mut resource, &known);
            named_subject(&mut resource, &patient, &patient_id);
            if let Some(object) = resource.as_object_mut() {
                object.insert("id", id.as_str());
            }
            meaning.extend(value_of(&resource, n + 1));
            let entry = Object::new()
                .with("fullUrl", if url.is_empty() { format!("urn:uuid:{id}") } else { url.clone() })
                .with("resource", resource)
                .with("request", Value::from([("method", "PUT"), ("url", format!("{kind}/{id}").as_str())]));
            entries.push(Value::Object(entry));
            // Members that the sender does not state stay as they are.
            meetings.push(match kind {
                "Patient" => Meeting::Overlay { deletes: Vec::new(), weak: Vec::new() },
                _ => Meeting::Replace,
            });
        }
        let report = MappingReport { used: entries.len(), ..MappingReport::default() };
        let bundle =
            Object::new().with("resourceType", "Bundle").with("type", "transaction").with("entry", entries);
        Mapped {
            event,
            bundle: Value::Object(bundle),
            meetings,
            patient_id,
            patient,
            others: parties.collect(),
            report,
            links: Vec::new(),
            meaning,
        }
    }

    /// Our id for each entry.
    fn ids(&self) -> Vec<String> {
        let mut given: Vec<String> = Vec::new();
        for (url, resource) in &self.entries {
            let kind = resource.str("resourceType").unwrap_or_default();
            let identifier = identifiers(resource).into_iter().next();
            let by_identifier =
                identifier.map(|(system, value)| ids::stable(kind, &["fhir", &system, &value]));
            let named = resource.str("id").unwrap_or(url);
            let own = ids::stable(kind, &["fhir", &self.endpoint, named]);
            let id = by_identifier.filter(|id| !given.contains(id)).unwrap_or(own);
            given.push(id);
        }
        given
    }

    /// The patients, the one that the message is about first; somebody who is only named by an identifier last.
    fn parties(&self) -> Vec<Party> {
        let known = self.ids();
        let focus: Vec<&str> =
            self.header.items("focus").iter().filter_map(|one| one.str("reference")).collect();
        let mut parties: Vec<(bool, Party)> = Vec::new();
        for ((url, resource), id) in self.entries.iter().zip(&known) {
            if resource.str("resourceType") == Some("Patient") {
                let named = focus.iter().any(|one| leads(one, url, resource))
                    || self.focused(&focus).iter().any(|subject| leads(subject, url, resource));
                let party =
                    Party { patient_id: id.clone(), patient: identity(resource), role: Role::Subject };
                parties.push((!named, party));
            }
        }
        parties.sort_by_key(|(later, _)| *later);
        if parties.is_empty() {
            let subject =
                self.resources().find_map(|one| subject(one).and_then(|subject| subject.get("identifier")));
            if let Some(identifier) = subject {
                let named =
                    Value::Object(Object::new().with("identifier", Value::from(vec![identifier.clone()])));
                let patient = identity(&named);
                let first = patient.identifiers.first();
                let id = first.map(|one| ids::stable("Patient", &["fhir", &one.system, &one.value]));
                parties
                    .extend(id.map(|patient_id| (false, Party { patient_id, patient, role: Role::Subject })));
            }
        }
        parties.into_iter().map(|(_, party)| party).collect()
    }

    /// Whom the resources of the focus are about.
    fn focused(&self, focus: &[&str]) -> Vec<String> {
        let of = |(url, resource): &(String, Value)| {
            focus
                .iter()
                .any(|one| leads(one, url, resource))
                .then(|| subject(resource)?.str("reference").map(str::to_owned))?
        };
        self.entries.iter().filter_map(of).collect()
    }

    /// Lets references lead to the entries under our ids.
    fn point(&self, value: &mut Value, known: &[String]) {
        match value {
            Value::Object(object) => {
                for (key, member) in object.iter_mut() {
                    match member {
                        Value::String(text) if key == "reference" => {
                            let found =
                                self.entries.iter().zip(known).find(|((url, one), _)| leads(text, url, one));
                            if let Some(((_, one), id)) = found {
                                *text = format!("{}/{id}", one.str("resourceType").unwrap_or_default());
                            }
                        }
                        other => self.point(other, known),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.point(item, known)),
            _ => {}
        }
    }
}

/// Whether a reference leads to an entry.
fn leads(reference: &str, url: &str, resource: &Value) -> bool {
    if !url.is_empty() && reference == url {
        return true;
    }
    let (Some(kind), Some(id)) = (resource.str("resourceType"), resource.str("id")) else { return false };
    let own = format!("{kind}/{id}");
    reference.split("/_history/").next() == Some(own.as_str())
}

fn subject(resource: &Value) -> Option<&Value> {
    resource.get("subject").or_else(|| resource.get("patient"))
}

/// Somebody who is only named by an identifier gets a reference, so that matching can point it at the record.
fn named_subject(resource: &mut Value, patient: &PatientIdentity, id: &str) {
    for key in ["subject", "patient"] {
        let Some(subject) = resource.get_mut(key).and_then(Value::as_object_mut) else { continue };
        let same = subject.get("identifier").is_some_and(|one| {
            patient
                .identifiers
                .iter()
                .any(|i| one.str("system") == Some(&i.system) && one.str("value") == Some(&i.value))
        });
        if same && !subject.contains_key("reference") {
            subject.insert_at(0, "reference", format!("Patient/{id}"));
        }
    }
}

/// Identifiers with a system.
fn identifiers(resource: &Value) -> Vec<(String, String)> {
    let one = |identifier: &Value| {
        let (system, value) = (identifier.str("system")?, identifier.str("value")?);
        (!system.is_empty() && !value.is_empty()).then(|| (system.to_owned(), value.to_owned()))
    };
    match resource.get("identifier") {
        Some(Value::Array(all)) => all.iter().filter_map(one).collect(),
        Some(single) => one(single).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Who a Patient is.
fn identity(patient: &Value) -> PatientIdentity {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let name = patient.items("name").first();
    let sex =
        ["male", "female", "other", "unknown"].into_iter().find(|sex| patient.str("gender") == Some(sex));
    PatientIdentity {
        identifiers: identifiers(patient)
            .into_iter()
            .map(|(system, value)| PatientIdentifier { system, value, kind: None, assumed: false })
            .collect(),
        family: name.and_then(|name| text(name.get("family"))),
        given: name
            .map(|name| name.items("given").iter().filter_map(|one| text(Some(one))).collect())
            .unwrap_or_default(),
        birth: text(patient.get("birthDate")),
        sex,
        phones: patient.items("telecom").iter().filter_map(|one| text(one.get("value"))).collect(),
        place: patient.items("address").first().and_then(|address| text(address.get("city"))),
    }
}

/// The line of a result.
fn value_of(resource: &Value, segment: usize) -> Option<Row> {
    if resource.str("resourceType") != Some("Observation") {
        return None;
    }
    let code = resource.get("code")?;
    let coded =
        code.items("coding").first().and_then(|coding| coding.str("display").or_else(|| coding.str("code")));
    let label = code.str("text").or(coded)?.to_owned();
    let value = match resource.get("valueQuantity") {
        Some(quantity) => {
            let number = quantity.get("value").and_then(Value::as_number).map(|n| n.as_str().to_owned())?;
            let unit = quantity.str("unit").or_else(|| quantity.str("code")).unwrap_or_default();
            format!("{number} {unit}").trim_end().to_owned()
        }
        None => resource.str("valueString")?.to_owned(),
    };
    Some(Row::plain(Label::Text(label), value, segment))
}

#[cfg(test)]
mod tests;

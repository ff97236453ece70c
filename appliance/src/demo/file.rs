//! One patient's file while it is being written.
//!
//! Owns turning clinical facts (a visit, a reading, a prescription) into FHIR resources and collecting them as the
//! entries of one transaction. What happens to whom is told in `course`; the tests' names and ranges are in `labs`.

use clinicvault_gateway::json::Value;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use super::labs::{self, Test};
use super::patient;
use super::people::{Allergy, Born, Listed, Person};
use super::rng::Rng;
use crate::clinic::make::{coded, coding, concept, list, number, obj, reference, reference_as, text, words};

/// Who works at the clinic: logical id of the Practitioner and the printed name.
pub type Staff = (&'static str, &'static str);
/// The owner and doctor.
pub const DR_MEERA: Staff = ("meera-kulkarni", "Dr Meera Kulkarni");
/// The second doctor.
pub const DR_IMRAN: Staff = ("imran-shaikh", "Dr Imran Shaikh");
/// The nurse who takes the vitals.
pub const NURSE_REKHA: Staff = ("rekha-salve", "Rekha Salve");
/// The laboratory: logical id of the Organization and the printed name.
pub const LAB: Staff = ("citypath-lab", "CityPath Lab");
/// The clinic itself.
pub const CLINIC: Staff = ("nandini-clinic", "Nandini Clinic");

const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const INTERPRETATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";

/// A visit that other facts point at.
#[derive(Debug, Clone)]
pub struct Visit {
    /// `Encounter/…`.
    pub reference: String,
    /// The day.
    pub on: Date,
    /// `hh:mm`.
    pub at: String,
    /// Who saw the patient.
    pub by: Staff,
}

/// One line of a prescription.
#[derive(Debug, Clone, Copy)]
pub struct Drug {
    /// Generic name, strength and form: `Metformin 500 mg tablet`.
    pub what: &'static str,
    /// The three-part dose, or words.
    pub dose: &'static str,
    /// Route and timing in words.
    pub how: (&'static str, &'static str),
    /// Units given and for how many days; no days means as needed.
    pub given: (i64, Option<i64>),
}

/// The file of one patient.
pub struct File<'a> {
    /// Whose file it is.
    pub person: &'a Person,
    /// The day the demo is seen from.
    pub today: Date,
    /// The time of that day, so that nothing lies in the future.
    now: DateTime,
    /// Chance of this patient alone.
    pub rng: Rng,
    patient: String,
    entries: Vec<Value>,
    pub(super) height: Option<i64>,
}

impl<'a> File<'a> {
    /// Opens the file with its Patient and allergies.
    #[must_use]
    pub fn open(person: &'a Person, now: DateTime, rng: Rng) -> Self {
        let (id, today) = (rng.uuid(), now.date());
        let mut file = Self {
            person,
            today,
            now,
            rng,
            patient: format!("Patient/{id}"),
            entries: Vec::new(),
            height: None,
        };
        file.put("Patient", &id, patient::fields(person, today));
        file.allergies();
        file
    }

    /// The transaction that stores the file.
    #[must_use]
    pub fn close(self) -> Value {
        transaction(self.entries)
    }

    /// The day `days` before today, moved off a Sunday.
    #[must_use]
    pub fn ago(&self, days: i64) -> Date {
        let day = self.today.checked_sub(days.days()).unwrap_or(self.today);
        let sunday = day.weekday() == jiff::civil::Weekday::Sunday && days > 0;
        if sunday { day.checked_sub(1.days()).unwrap_or(day) } else { day }
    }

    /// A finished visit with its title, the patient's own words and what the doctor wrote.
    pub fn visit(&mut self, days: i64, by: Staff, title: &str, complaint: &str, summary: &str) -> Visit {
        self.visit_as(days, by, (title, "finished", "AMB"), complaint, summary)
    }

    /// A visit in any state and class (`AMB`, or `VR` for a video call).
    pub fn visit_as(
        &mut self,
        days: i64,
        by: Staff,
        kind: (&str, &str, &str),
        complaint: &str,
        summary: &str,
    ) -> Visit {
        let (title, status, class) = kind;
        let (on, hour) = (self.ago(days), self.rng.pick(HOURS).copied().unwrap_or("10:30"));
        let at = if on == self.today { a_little_before(self.now) } else { hour.to_owned() };
        let mut fields = vec![
            ("status", text(status)),
            ("class", coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", class, class_words(class))),
            ("type", list([words(title)])),
            ("subject", reference(&self.patient)),
            ("participant", list([obj([("individual", practitioner(by))])])),
        ];
        let mut period = vec![("start", text(moment(on, &at)))];
        if status == "finished" {
            period.push(("end", text(moment(on, later(&at)))));
        }
        fields.push(("period", obj(period)));
        if !complaint.is_empty() {
            fields.push(("reasonCode", list([words(complaint)])));
        }
        fields.push(("serviceProvider", organization(CLINIC)));
        let visit = Visit { reference: self.add("Encounter", fields), on, at, by };
        if !summary.is_empty() {
            self.summary(&visit, summary);
        }
        visit
    }

    fn summary(&mut self, visit: &Visit, words: &str) {
        self.add(
            "ClinicalImpression",
            vec![
                ("status", text("completed")),
                ("subject", reference(&self.patient)),
                ("encounter", reference(&visit.reference)),
                ("effectiveDateTime", text(moment(visit.on, &visit.at))),
                ("date", text(moment(visit.on, later(&visit.at)))),
                ("assessor", practitioner(visit.by)),
                ("summary", text(words)),
            ],
        );
    }

    pub(super) fn observed(
        &self,
        visit: &Visit,
        category: &str,
        code: Value,
        by: Staff,
    ) -> Vec<(&'static str, Value)> {
        let performer = if by == LAB { organization(by) } else { practitioner(by) };
        vec![
            ("status", text("final")),
            ("category", list([coded(CATEGORY, category)])),
            ("code", code),
            ("subject", reference(&self.patient)),
            ("encounter", reference(&visit.reference)),
            ("effectiveDateTime", text(moment(visit.on, &visit.at))),
            ("performer", list([performer])),
        ]
    }

    /// A laboratory report with its results.
    pub fn report(&mut self, visit: &Visit, title: &str, results: &[(Test, i64)]) {
        let mut references = Vec::new();
        for (test, value) in results {
            let mut fields = self.observed(visit, "laboratory", test.concept(), LAB);
            fields.push(("valueQuantity", test.quantity(*value)));
            if let Some(range) = test.reference_range(self.person.sex) {
                fields.push(("interpretation", flag(test.interpretation(*value, self.person.sex))));
                fields.push(("referenceRange", range));
            }
            references.push(reference(&self.add("Observation", fields)));
        }
        self.add(
            "DiagnosticReport",
            vec![
                ("status", text("final")),
                ("category", list([coded("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB")])),
                ("code", words(title)),
                ("subject", reference(&self.patient)),
                ("encounter", reference(&visit.reference)),
                ("effectiveDateTime", text(moment(visit.on, &visit.at))),
                ("issued", text(moment(visit.on, later(&visit.at)))),
                ("performer", list([organization(LAB)])),
                ("result", list(references)),
            ],
        );
    }

    /// A problem with its ICD-10 code and the year it began.
    pub fn problem(&mut self, name: &str, icd10: &str, since: i16, active: bool) {
        let status = if active { "active" } else { "resolved" };
        let mut fields = vec![
            ("clinicalStatus", coded("http://terminology.hl7.org/CodeSystem/condition-clinical", status)),
            (
                "verificationStatus",
                coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
            ),
            (
                "category",
                list([coded(
                    "http://terminology.hl7.org/CodeSystem/condition-category",
                    "problem-list-item",
                )]),
            ),
            ("code", concept([coding(ICD10, icd10, name)], name)),
            ("subject", reference(&self.patient)),
            ("onsetDateTime", text(since.to_string())),
        ];
        if !active {
            fields.push(("abatementDateTime", text((since + 1).to_string())));
        }
        self.add("Condition", fields);
    }

    /// A prescription line of a visit; `running` medicines are still meant to be taken.
    pub fn medicine(&mut self, visit: &Visit, drug: &Drug, running: bool) {
        let (quantity, days) = drug.given;
        let unit = drug.what.rsplit(' ').next().unwrap_or("unit");
        let mut dispense = Vec::new();
        if let Some(end) = days.and_then(|days| visit.on.checked_add(days.days()).ok()) {
            dispense.push((
                "validityPeriod",
                obj([("start", text(visit.on.to_string())), ("end", text(end.to_string()))]),
            ));
        }
        dispense.push(("quantity", obj([("value", number(&quantity.to_string())), ("unit", text(unit))])));
        if let Some(days) = days {
            dispense.push(("expectedSupplyDuration", labs::quantity(&days.to_string(), "days", "d")));
        }
        let mut dosage = vec![("text", text(drug.dose))];
        if !drug.how.1.is_empty() {
            dosage.push(("additionalInstruction", list([words(drug.how.1)])));
        }
        dosage.push(("asNeededBoolean", Value::Bool(days.is_none())));
        dosage.push(("route", words(drug.how.0)));
        self.add(
            "MedicationRequest",
            vec![
                ("status", text(if running { "active" } else { "completed" })),
                ("intent", text("order")),
                ("medicationCodeableConcept", words(drug.what)),
                ("subject", reference(&self.patient)),
                ("encounter", reference(&visit.reference)),
                ("authoredOn", text(moment(visit.on, &visit.at))),
                ("requester", practitioner(visit.by)),
                ("dosageInstruction", list([obj(dosage)])),
                ("dispenseRequest", obj(dispense)),
            ],
        );
    }

    /// A document with its bytes.
    pub fn document(&mut self, days: i64, title: &str, description: &str, attachment: (&str, &[u8])) {
        let on = self.ago(days);
        let (content_type, bytes) = attachment;
        self.add(
            "DocumentReference",
            vec![
                ("status", text("current")),
                ("type", words(title)),
                ("subject", reference(&self.patient)),
                ("date", text(moment(on, "12:00"))),
                ("description", text(description)),
                (
                    "content",
                    list([obj([(
                        "attachment",
                        obj([
                            ("contentType", text(content_type)),
                            ("data", text(data_encoding::BASE64.encode(bytes))),
                            ("size", number(&bytes.len().to_string())),
                            ("title", text(title)),
                            ("creation", text(on.to_string())),
                        ]),
                    )])]),
                ),
            ],
        );
    }

    /// A vaccine that was given.
    pub fn vaccine(&mut self, on: Date, name: &str, cvx: &str) {
        self.add(
            "Immunization",
            vec![
                ("status", text("completed")),
                ("vaccineCode", concept([coding("http://hl7.org/fhir/sid/cvx", cvx, name)], name)),
                ("patient", reference(&self.patient)),
                ("occurrenceDateTime", text(on.to_string())),
                ("primarySource", Value::Bool(true)),
            ],
        );
    }

    /// Age today in whole years.
    #[must_use]
    pub fn age_years(&self) -> i16 {
        match self.person.born {
            Born::Day { years, .. } | Born::Year { years } => years,
            Born::Months { months } => months / 12,
            Born::Weeks { .. } => 0,
        }
    }

    /// Day of birth as far as it is known; the first of the month or year where only those are.
    #[must_use]
    pub fn birth(&self) -> Date {
        patient::birth(self.person.born, self.today).0
    }

    fn allergies(&mut self) {
        let listed: &[Listed] = match self.person.allergy {
            Allergy::NotAsked => return,
            Allergy::None => {
                let on = self.ago(200);
                let code = concept(
                    [coding("http://snomed.info/sct", "716186003", "No known allergy")],
                    "No known allergy",
                );
                self.allergy(code, "confirmed", vec![("recordedDate", text(on.to_string()))]);
                return;
            }
            Allergy::Listed(listed) => listed,
        };
        for item in listed {
            self.allergy(
                words(item.substance),
                item.certainty,
                vec![
                    ("onsetDateTime", text(item.year.to_string())),
                    ("recordedDate", text(format!("{}-06-01", item.year))),
                    (
                        "reaction",
                        list([obj([
                            ("manifestation", list([words(item.reaction)])),
                            ("severity", text(item.severity)),
                        ])]),
                    ),
                ],
            );
        }
    }

    fn allergy(&mut self, code: Value, certainty: &str, rest: Vec<(&'static str, Value)>) {
        let mut fields = vec![
            (
                "clinicalStatus",
                coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "active"),
            ),
            (
                "verificationStatus",
                coded("http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", certainty),
            ),
            ("code", code),
            ("patient", reference(&self.patient)),
        ];
        fields.extend(rest);
        self.add("AllergyIntolerance", fields);
    }

    pub(super) fn add(&mut self, kind: &str, fields: Vec<(&'static str, Value)>) -> String {
        let id = self.rng.uuid();
        self.put(kind, &id, fields);
        format!("{kind}/{id}")
    }

    fn put(&mut self, kind: &str, id: &str, fields: Vec<(&'static str, Value)>) {
        self.entries.push(entry(kind, id, fields));
    }
}

/// An entry that stores a resource under a given id, so that writing the demo twice stores nothing twice.
#[must_use]
pub fn entry(kind: &str, id: &str, fields: Vec<(&'static str, Value)>) -> Value {
    let target = format!("{kind}/{id}");
    let head = [("resourceType", text(kind)), ("id", text(id))];
    obj([
        ("resource", obj(head.into_iter().chain(fields))),
        ("request", obj([("method", text("PUT")), ("url", text(target))])),
    ])
}

/// A transaction bundle.
#[must_use]
pub fn transaction(entries: Vec<Value>) -> Value {
    obj([("resourceType", text("Bundle")), ("type", text("transaction")), ("entry", list(entries))])
}

/// A moment in India Standard Time, which has had no change of offset since 1945.
#[must_use]
pub fn moment(on: Date, at: &str) -> String {
    format!("{on}T{at}:00+05:30")
}

const HOURS: &[&str] =
    &["09:20", "09:45", "10:10", "10:30", "11:05", "11:40", "12:15", "17:10", "17:35", "18:20", "19:00"];

fn later(at: &str) -> &str {
    HOURS.iter().copied().find(|hour| *hour > at).filter(|_| HOURS.contains(&at)).unwrap_or(at)
}

/// Half an hour before `now`, or the beginning of its day.
fn a_little_before(now: DateTime) -> String {
    let before = now.checked_sub(30.minutes()).ok().filter(|before| before.date() == now.date());
    before.unwrap_or_else(|| now.date().at(0, 0, 0, 0)).strftime("%H:%M").to_string()
}

fn practitioner(who: Staff) -> Value {
    reference_as(&format!("Practitioner/{}", who.0), who.1)
}

fn organization(which: Staff) -> Value {
    reference_as(&format!("Organization/{}", which.0), which.1)
}

fn class_words(class: &str) -> &'static str {
    if class == "VR" { "virtual" } else { "ambulatory" }
}

pub(super) fn flag(word: &str) -> Value {
    list([coded(INTERPRETATION, word)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::Sex;

    #[test]
    fn other_sex_is_judged_like_the_female_range() {
        assert_eq!(labs::HAEMOGLOBIN.interpretation(125, Sex::Other), "N");
    }
}

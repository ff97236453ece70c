//! The narrow callers, each with what it sees: the policy written out once more, by hand and apart from the box.

use clinicvault_tests::smart::App;
use clinicvault_tests::{Clinic, Http, Person};

use super::house::{Record, wish};

/// Who asks.
pub struct Caller {
    pub door: Door,
    pub sees: fn(&Record) -> bool,
}

/// How somebody gets in.
pub enum Door {
    /// A program for a doctor, with this scope, about this patient.
    App(&'static str, Option<&'static str>),
    /// A program of its own, with this scope.
    Machine(&'static str),
    /// A member of staff in this role.
    Staff(&'static str),
    /// Somebody, after this patient has said no to programs.
    ShutOut(&'static Door, &'static str),
}

impl Caller {
    /// Gets in once the records are there.
    pub fn enter(&self, clinic: &Clinic) -> Http {
        self.door.enter(clinic)
    }
}

impl Door {
    fn enter(&self, clinic: &Clinic) -> Http {
        match self {
            Door::Machine(scope) => clinic.http().bearer(&clinic.new_token(scope)),
            Door::Staff(role) => clinic.staff("someone", &[role]).http,
            Door::App(scope, patient) => {
                let mut owner = clinic.owner();
                owner.add_staff("asha", &["doctor"]);
                let app = App::register(&mut owner, scope);
                let password = Person::temporary_password("asha");
                app.launch(&mut Person::sign_in(clinic, "asha", &password), *patient)
            }
            Door::ShutOut(door, patient) => {
                let http = door.enter(clinic);
                clinic.fhir().put_fhir("/fhir/Consent/wish", &wish(patient)).expect(201);
                http
            }
        }
    }
}

/// What belongs to nobody and is read by everybody who treats.
fn directory(record: &Record) -> bool {
    record.is(&["Organization", "Practitioner", "Medication", "CodeSystem", "ValueSet", "ConceptMap"])
}

pub const ONE_PATIENT: Caller = Caller {
    door: Door::App("patient/*.rs", Some("a")),
    sees: |record| directory(record) || record.of.contains(&"a"),
};

pub const VERSION_ONE: Caller = Caller {
    door: Door::App(
        "launch/patient patient/Observation.read patient/Patient.read user/Practitioner.read",
        Some("a"),
    ),
    sees: |record| {
        record.is(&["Practitioner"]) || record.is(&["Observation", "Patient"]) && record.of.contains(&"a")
    },
};

pub const LABORATORY_RESULTS: Caller =
    Caller { door: Door::App("user/Observation.rs?category=laboratory", None), sees: of_laboratory };

fn of_laboratory(record: &Record) -> bool {
    record.category == Some("laboratory")
}

pub const PATIENTS_ONLY: Caller =
    Caller { door: Door::Machine("system/Patient.rs"), sees: |record| record.is(&["Patient"]) };

pub const ONE_PATIENT_AND_GROUPS: Caller = Caller {
    door: Door::Machine("system/Observation.rs?category=laboratory system/Patient.rs?_id=a system/Group.rs"),
    sees: |record| of_laboratory(record) || record.is(&["Group"]) || record.name() == "Patient/a",
};

pub const BYTES: Caller = Caller {
    door: Door::Machine("system/Binary.rs system/Patient.rs?_id=a"),
    sees: |record| record.name() == "Patient/a" || record.is(&["Binary"]) && record.id != "bnd-b",
};

pub const WRITER: Caller = Caller {
    door: Door::Machine("system/Observation.cruds?category=laboratory system/Patient.rs?_id=a"),
    sees: |record| of_laboratory(record) || record.name() == "Patient/a",
};

pub const TABLES: Caller = Caller {
    door: Door::Machine(
        "system/ValueSet.rs?_id=vs-d system/CodeSystem.rs?_id=cs-d system/ConceptMap.rs?_id=map-d \
         system/Observation.rs?category=laboratory",
    ),
    sees: |record| of_laboratory(record) || ["vs-d", "cs-d", "map-d"].contains(&record.id.as_str()),
};

/// Every right, but for the patient who says no to programs: what lies in their compartment is not there, and bytes that
/// belong to it neither. What they say about consent is.
pub const SHUT_OUT: Caller = Caller {
    door: Door::ShutOut(&Door::Machine("system/*.rs"), "b"),
    sees: |record| record.is(&["Consent"]) || !record.of.contains(&"b") && record.id != "bnd-b",
};

/// The same for a program of a doctor.
pub const SHUT_OUT_APP: Caller =
    Caller { door: Door::ShutOut(&Door::App("user/*.rs", None), "b"), sees: SHUT_OUT.sees };

pub const NURSE: Caller = Caller {
    door: Door::Staff("nurse"),
    sees: |record| {
        directory(record)
            || record.is(&["Patient", "RelatedPerson", "Encounter", "Appointment", "Observation", "Consent"])
            || record.is(&["DiagnosticReport", "Condition", "AllergyIntolerance"])
    },
};

pub const LAB: Caller = Caller {
    door: Door::Staff("lab"),
    sees: |record| {
        directory(record)
            || record.is(&["Patient", "RelatedPerson", "DiagnosticReport", "Consent"])
            || of_laboratory(record)
    },
};

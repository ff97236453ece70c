use clinicvault_gateway::fhir::id::LogicalId;

use super::*;

fn actor(who: Who) -> Actor {
    Actor { id: "u1".into(), name: "A".into(), who, session: None, source: "test".into() }
}

fn person(roles: &[Role]) -> Actor {
    actor(Who::Person { roles: roles.to_vec() })
}

fn machine(scopes: &str) -> Actor {
    actor(Who::Machine { scopes: Scopes::parse(scopes).unwrap() })
}

#[test]
fn the_matrix_has_a_row_for_every_area_and_a_letter_for_every_role() {
    for area in Area::ALL {
        for role in Role::ALL {
            let _ = grant(role, area);
        }
        // The portal is the patients' own: nobody of the clinic comes in by it.
        let granted = Role::ALL.iter().any(|role| grant(*role, area) != Grant::Nothing);
        assert_eq!(granted, area != Area::Portal, "{area:?}");
    }
}

#[test]
fn a_patient_reaches_the_portal_and_nothing_else() {
    let patient = actor(Who::Patient { patient: LogicalId::parse("p1").unwrap() });
    for area in Area::ALL {
        for op in Op::ALL {
            let own = area == Area::Portal && matches!(op, Op::Create | Op::Read | Op::Update | Op::Search);
            let subject = Subject::area_only(area).theirs(true).in_care(true);
            assert_eq!(decide(&patient, op, &subject).allowed(), own, "{area:?} {op:?}");
        }
    }
    for kind in ["Patient", "Encounter", "Observation", "Invoice"] {
        let subject = Subject::of_type(kind, true).theirs(true).in_care(true);
        assert!(Op::ALL.iter().all(|op| !decide(&patient, *op, &subject).allowed()), "{kind}");
    }
}

#[test]
fn owner_and_auditor_never_read_clinical_areas() {
    let clinical = [
        Area::Visits,
        Area::Vitals,
        Area::Problems,
        Area::Allergies,
        Area::Notes,
        Area::Prescriptions,
        Area::Results,
        Area::Review,
        Area::Transcript,
        Area::Inbox,
        Area::Other,
    ];
    for role in [Role::Owner, Role::Auditor] {
        for area in clinical {
            for op in Op::ALL {
                if op == Op::Export {
                    continue;
                }
                let subject = Subject::area_only(area).theirs(true).in_care(true);
                assert!(!decide(&person(&[role]), op, &subject).allowed(), "{role:?} {area:?} {op:?}");
            }
        }
    }
}

#[test]
fn the_roles_do_what_the_sheet_says() {
    let check = |role: Role, op: Op, kind: &str, expected: Result<Purpose, Refusal>| {
        let answer = decide(&person(&[role]), op, &Subject::of_type(kind, false)).check();
        assert_eq!(answer, expected, "{role:?} {op:?} {kind}");
    };
    check(Role::Doctor, Op::Create, "Condition", Ok(Purpose::Treatment));
    check(Role::Doctor, Op::Export, "Condition", Err(Refusal::NoGrant));
    check(Role::Owner, Op::Export, "Condition", Ok(Purpose::Operations));
    check(Role::Doctor, Op::Delete, "Observation", Ok(Purpose::Treatment));
    check(Role::Owner, Op::Read, "Patient", Ok(Purpose::Treatment));
    check(Role::Owner, Op::Update, "Patient", Err(Refusal::ReadOnly));
    check(Role::Owner, Op::Read, "Observation", Err(Refusal::NoGrant));
    check(Role::Reception, Op::Create, "Patient", Ok(Purpose::Treatment));
    check(Role::Reception, Op::Read, "DiagnosticReport", Err(Refusal::NoGrant));
    check(Role::Dispenser, Op::Read, "AllergyIntolerance", Ok(Purpose::Treatment));
    check(Role::Dispenser, Op::Read, "Condition", Err(Refusal::NoGrant));
    check(Role::Dispenser, Op::Read, "MedicationRequest", Err(Refusal::OutsideCare));
    check(Role::Cashier, Op::Create, "Invoice", Ok(Purpose::Billing));
    check(Role::Auditor, Op::Read, "AuditEvent", Ok(Purpose::Operations));
    check(Role::Lab, Op::Update, "Observation", Ok(Purpose::Treatment));
    check(Role::Nurse, Op::Update, "Condition", Err(Refusal::NotTheirs));
    check(Role::Nurse, Op::Create, "Condition", Ok(Purpose::Treatment));
}

#[test]
fn only_a_doctor_marks_a_result_as_reviewed() {
    let may = |roles: &[Role]| {
        decide(&person(roles), Op::Create, &Subject::area_only(Area::Review).theirs(true).in_care(true))
            .allowed()
    };
    for role in Role::ALL {
        assert_eq!(may(&[role]), role == Role::Doctor, "{role:?}");
    }
    assert!(may(&[Role::Owner, Role::Doctor]), "the owner of a one-person clinic is the doctor");
}

#[test]
fn what_is_theirs_or_in_their_care_opens_the_narrow_doors() {
    let nurse = person(&[Role::Nurse]);
    assert!(decide(&nurse, Op::Update, &Subject::of_type("Condition", false).theirs(true)).allowed());
    assert!(!decide(&nurse, Op::Delete, &Subject::of_type("Condition", false).theirs(true)).allowed());
    assert!(decide(&nurse, Op::Read, &Subject::of_type("Composition", false).in_care(true)).allowed());
    assert!(!decide(&nurse, Op::Create, &Subject::of_type("Composition", false).in_care(true)).allowed());
    assert!(decide(&nurse, Op::Read, &Subject::area_only(Area::Audit).theirs(true)).allowed());
}

#[test]
fn a_vital_sign_is_not_a_laboratory_result() {
    let reception = person(&[Role::Reception]);
    assert!(decide(&reception, Op::Create, &Subject::of_type("Observation", true)).allowed());
    assert!(!decide(&reception, Op::Create, &Subject::of_type("Observation", false)).allowed());
}

#[test]
fn a_one_person_clinic_has_the_reach_of_both_roles() {
    let both = person(&[Role::Owner, Role::Doctor]);
    assert!(decide(&both, Op::Create, &Subject::of_type("Observation", false)).allowed());
    assert!(decide(&both, Op::Create, &Subject::area_only(Area::Settings)).allowed());
}

#[test]
fn someone_without_a_role_may_do_nothing() {
    for area in Area::ALL {
        for op in Op::ALL {
            assert!(
                !decide(&person(&[]), op, &Subject::area_only(area).theirs(true).in_care(true)).allowed()
            );
        }
    }
}

#[test]
fn a_machine_reaches_only_the_types_of_its_scope() {
    let client = machine("system/Patient.rs system/Observation.c");
    assert!(decide(&client, Op::Read, &Subject::of_type("Patient", false)).allowed());
    assert!(!decide(&client, Op::Update, &Subject::of_type("Patient", false)).allowed());
    assert!(!decide(&client, Op::Read, &Subject::of_type("Observation", false)).allowed());
    let all = machine("system/*.cruds");
    for area in Area::ALL {
        for op in Op::ALL {
            assert!(!decide(&all, op, &Subject::area_only(area)).allowed(), "a machine reached {area:?}");
        }
    }
}

#[test]
fn a_sender_never_deletes_and_never_leaves_the_record() {
    let sender = Actor::sender("CITYPATH", "10.0.0.9");
    assert!(decide(&sender, Op::Create, &Subject::of_type("Observation", false)).allowed());
    assert!(!decide(&sender, Op::Delete, &Subject::of_type("Observation", false)).allowed());
    assert!(!decide(&sender, Op::Read, &Subject::area_only(Area::Settings)).allowed());
}

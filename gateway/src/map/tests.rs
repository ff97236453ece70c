//! Whole messages through the map: what a clinic's lab and hospital really send, and HL7's published samples.

use super::*;
use crate::fhir::validate::{Core, Level, Policy as Rules, Validator};
use crate::hl7::accept::{Policy, check};
use crate::hl7::parse::{Mode, read};

mod kept;
mod parts;

fn context() -> MapContext {
    MapContext {
        zone: TimeZone::get("Asia/Kolkata").unwrap(),
        authorities: vec![("NANDINI".into(), "urn:nandini".into())],
        maps: Maps::default(),
    }
}

fn map(text: &str) -> Mapped {
    let m = read(text.replace('\n', "\r").as_bytes(), Mode::Tolerant).unwrap();
    let event = check(&m, &Policy::default()).unwrap();
    to_transaction(&m, event, &context())
}

fn resources<'v>(mapped: &'v Mapped, kind: &str) -> Vec<&'v Value> {
    mapped
        .bundle
        .items("entry")
        .iter()
        .filter_map(|e| e.get("resource"))
        .filter(|r| r.str("resourceType") == Some(kind))
        .collect()
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    match value.pointer(pointer) {
        Some(Value::String(s)) => s,
        Some(Value::Number(n)) => n.as_str(),
        other => panic!("{pointer}: {other:?}"),
    }
}

const RENAL: &str = "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ORU^R01^ORU_R01|CP2611210417|P|2.5.1
PID|1||88120^^^CITYPATH^PI||THORAT^G R||1955|M|||^^NIMGAON
ORC|RE|ORD-2291|CP-88120||CM||||20261121080200|||D7^KULKARNI^MEERA^^^DR
OBR|1|ORD-2291|CP-88120|RFT^Renal function^99CP|||20261121081500+0530|||||||||D7^KULKARNI^MEERA^^^DR||||||20261121113000|||F
NTE|1||Sample slightly haemolysed
OBX|1|NM|2823-3^Potassium^LN||6.3|mmol/L|3.5-5.1|HH|||F
NTE|1||Repeat advised~Called to clinic
OBX|2|NM|2951-2^Sodium^LN||138|mmol/L|136-145|N|||F
OBX|3|NM|2160-0^Creatinine^LN||1.60|mg/dL|0.7-1.3|H|||F
OBX|4|SN|TITRE^Titre^99CP||^1^:^40||||||P
OBX|5|ED|PDF^Report^99CP||CITYPATH^AP^PDF^Base64^JVBERi0xLjQ=||||||F
OBX|6|NM|HBX^Odd^99CP||not done|g/dL|||||F";

#[test]
fn a_lab_result_becomes_what_a_doctor_reads() {
    let mapped = map(RENAL);
    let observations = resources(&mapped, "Observation");
    assert_eq!(observations.len(), 5);
    let potassium = observations[0];
    assert_eq!(at(potassium, "/status"), "final");
    assert_eq!(at(potassium, "/code/coding/0/system"), "http://loinc.org");
    assert_eq!(at(potassium, "/valueQuantity/value"), "6.3");
    assert_eq!(at(potassium, "/valueQuantity/code"), "mmol/L");
    assert_eq!(at(potassium, "/interpretation/0/coding/0/code"), "HH");
    assert_eq!(at(potassium, "/referenceRange/0/low/value"), "3.5");
    assert_eq!(at(potassium, "/effectiveDateTime"), "2026-11-21T08:15:00+05:30");
    assert_eq!(at(potassium, "/note/0/text"), "Repeat advised\nCalled to clinic");
    assert_eq!(at(observations[2], "/valueQuantity/value"), "1.60");
    assert_eq!(at(observations[3], "/valueRatio/denominator/value"), "40");
    assert_eq!(at(observations[3], "/status"), "preliminary");
    assert_eq!(at(observations[4], "/valueString"), "not done");
    let report = resources(&mapped, "DiagnosticReport")[0];
    assert_eq!(report.items("result").len(), 5);
    assert_eq!(at(report, "/presentedForm/0/contentType"), "application/pdf");
    assert_eq!(at(report, "/issued"), "2026-11-21T11:30:00+05:30");
    let request = resources(&mapped, "ServiceRequest")[0];
    assert_eq!(at(request, "/note/0/text"), "Sample slightly haemolysed");
    assert_eq!(at(request, "/status"), "completed");
    assert_eq!(resources(&mapped, "Practitioner").len(), 1, "one doctor mentioned twice");
    assert_eq!(at(resources(&mapped, "Patient")[0], "/identifier/0/system"), "urn:x-hl7v2:CITYPATH");
    assert_eq!(mapped.patient.name(), "G R THORAT");
    let row = mapped.meaning.iter().find(|r| r.flag.as_deref() == Some("HH")).unwrap();
    assert_eq!((row.value.as_str(), row.range.as_deref(), row.segment), ("6.3 mmol/L", Some("3.5-5.1"), 5));
    assert_eq!(row.tone, Some(meaning::Tone::Critical));
    assert_eq!(mapped.meaning[0].value, "G R THORAT, M, 1955, NIMGAON");
    assert!(mapped.report.warnings.iter().any(|w| w.code == "notANumber" && w.path == "OBX[6]-5"));
    let unmapped: Vec<&str> = mapped.report.unmapped.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(unmapped, ["OBX[6]-6"], "the unit of a value that is no number has no place");
}

#[test]
fn links_lead_from_the_message_to_the_record() {
    let mapped = map(RENAL);
    let link = mapped.links.iter().find(|l| l.segment == 5 && l.field == 5).unwrap();
    assert_eq!(link.pointer, "/valueQuantity");
    let resource = mapped.bundle.items("entry")[link.entry].get("resource").unwrap();
    assert_eq!(
        resource.pointer(&link.pointer).and_then(|q| q.get("value")).map(|v| v.to_vec()),
        Some(b"6.3".to_vec())
    );
    for link in &mapped.links {
        let resource = mapped.bundle.items("entry")[link.entry].get("resource").unwrap();
        assert!(resource.pointer(&link.pointer).is_some(), "{link:?}");
    }
}

#[test]
fn a_replay_has_the_same_ids_and_a_correction_meets_its_result() {
    let ids =
        |m: &Mapped| resources(m, "Observation").iter().map(|o| at(o, "/id").to_owned()).collect::<Vec<_>>();
    let first = map(RENAL);
    assert_eq!(map(RENAL).bundle, first.bundle);
    let corrected: String = RENAL
        .lines()
        .filter(|l| !l.starts_with("OBX") || l.contains("Sodium"))
        .collect::<Vec<_>>()
        .join("\n");
    let corrected =
        map(&corrected.replace("OBX|2", "OBX|1").replace("CP2611210417", "CP9").replace("||138|", "||148|"));
    assert_eq!(ids(&corrected), [ids(&first)[1].clone()]);
    assert_ne!(ids(&map(&RENAL.replace("CP-88120", "CP-88121")))[0], ids(&first)[0]);
    let twice = RENAL.replace("OBX|2|NM|2951-2^Sodium^LN", "OBX|2|NM|2823-3^Potassium^LN");
    let mut twins = ids(&map(&twice));
    twins.dedup();
    assert_eq!(twins.len(), 5);
}

const ADMIT: &str = "MSH|^~\\&|DESK|HOSP|BOX|NANDINI|20261121090000||ADT^A01|77|P|2.5
EVN|A01|20261121090000
PID|1||C-1^^^NANDINI^MR~22^^^HOSP^PI||Wagh^Sunita^K^^Smt^^L|Patil|198502101130|F|||12 Main Rd^^Nashik^MH^422001^IND^H||^PRN^PH^^^^9822011223~^NET^Internet^s@example.org|^WPN^CP^^^0253^123456|mr^Marathi^HL70296|M^Married^HL70002|HIN|ACC1||||||N|1||||\"\"|N
PD1||||G1^Joshi^Anil^^^Dr
NK1|1|Wagh^Ramesh|SPO^Spouse^HL70063||9822000000
PV1|1|I|WARD1^R2^B3|E|||D7^Kulkarni^Meera^^^Dr^^^HOSP|D8^Rao^V||MED||||2|||||V-100^^^HOSP^VN|||||||||||||||||01||||||||20261121083000
PV2|||R10^Abdominal pain^I10
AL1|1|DA|PEN^Penicillin^99L|SV|Rash~Wheeze|20200101
DG1|1||K35^Acute appendicitis^I10||20261120|W
IN1|1|GOLD^Gold plan|PAY1^^^TPA|Star Health||||GRP|Group Nine|||20260101|20261231|||Wagh^Sunita|SEL^Self^HL70063|||||||||||||||||||POL-9
OBX|1|NM|29463-7^Weight^LN||61.50|kg|||||F
ZPI|1|local^stuff";

/// A contact needs a name, a number or a place (pat-1): what else was said of nobody is reported.
#[test]
fn a_contact_that_cannot_be_is_reported_whole() {
    let nobody = ADMIT.replace("Wagh^Ramesh|SPO^Spouse^HL70063||9822000000", "|SPO^Spouse^HL70063|||^^X9^Y9");
    let mapped = map(&nobody);
    assert!(resources(&mapped, "Patient")[0].get("contact").is_none());
    let reported: Vec<&str> = mapped.report.unmapped.iter().map(|u| u.path.as_str()).collect();
    for path in ["NK1-3.1", "NK1-6.3", "NK1-6.4"] {
        assert!(reported.contains(&path), "{path} is missing from {reported:?}");
    }
}

#[test]
fn an_admission_becomes_a_patient_and_a_visit() {
    let mapped = map(ADMIT);
    let patient = resources(&mapped, "Patient")[0];
    assert_eq!(at(patient, "/identifier/0/system"), "urn:nandini");
    assert_eq!(at(patient, "/identifier/0/type/coding/0/code"), "MR");
    assert_eq!(at(patient, "/name/0/given/1"), "K");
    assert_eq!(at(patient, "/birthDate"), "1985-02-10");
    assert_eq!(at(patient, "/_birthDate/extension/0/valueDateTime"), "1985-02-10T11:30:00+05:30");
    assert_eq!(at(patient, "/gender"), "female");
    assert_eq!(at(patient, "/telecom/0/value"), "9822011223");
    assert_eq!(at(patient, "/telecom/1/system"), "email");
    assert_eq!(at(patient, "/telecom/2/value"), "0253 123456");
    assert_eq!(at(patient, "/contact/0/name/family"), "Wagh");
    assert_eq!(at(patient, "/maritalStatus/coding/0/code"), "M");
    assert_eq!(patient.get("multipleBirthInteger").map(|v| v.to_vec()), Some(b"1".to_vec()));
    let visit = resources(&mapped, "Encounter")[0];
    assert_eq!(at(visit, "/status"), "in-progress");
    assert_eq!(at(visit, "/class/code"), "IMP");
    assert_eq!(at(visit, "/period/start"), "2026-11-21T08:30:00+05:30");
    assert_eq!(at(visit, "/participant/0/type/0/coding/0/code"), "ATND");
    assert_eq!(at(resources(&mapped, "AllergyIntolerance")[0], "/reaction/0/severity"), "severe");
    assert_eq!(
        at(resources(&mapped, "Condition")[0], "/code/coding/0/system"),
        "http://hl7.org/fhir/sid/icd-10"
    );
    let cover = resources(&mapped, "Coverage")[0];
    assert_eq!(at(cover, "/subscriberId"), "POL-9");
    assert_eq!(at(cover, "/payor/0/display"), "Star Health");
    assert_eq!(at(resources(&mapped, "Observation")[0], "/valueQuantity/value"), "61.50");
    let unmapped: Vec<&str> = mapped.report.unmapped.iter().map(|u| u.path.as_str()).collect();
    assert_eq!(unmapped, ["IN1-16.1", "IN1-16.2", "ZPI-1", "ZPI-2.1", "ZPI-2.2"]);
    let Meeting::Overlay { deletes, .. } = &mapped.meetings[0] else { panic!("a patient is partial") };
    assert!(deletes.is_empty());
}

#[test]
fn a_merge_points_both_ways_and_keeps_the_old_number() {
    let text = "MSH|^~\\&|A|HOSP|C|D|2026||ADT^A40^ADT_A39|1|P|2.5\nEVN|A40|20260101090000\nPID|1||C-1^^^NANDINI||Wagh^S\n\
                MRG|C-7^^^NANDINI^MR||||||Wagh^Sunita";
    let mut mapped = map(text);
    let [stays, old] = resources(&mapped, "Patient")[..] else { panic!("two patients") };
    assert_eq!((at(stays, "/link/0/type"), at(old, "/link/0/type")), ("replaces", "replaced-by"));
    assert_eq!(at(old, "/link/0/other/reference"), format!("Patient/{}", mapped.patient_id));
    assert_eq!((at(old, "/identifier/0/value"), old.get("active")), ("C-7", Some(&Value::Bool(false))));
    let [other] = mapped.others.as_slice() else { panic!("one other patient") };
    assert_eq!((other.role, other.patient.identifiers[0].value.as_str()), (Role::Merged, "C-7"));
    let gone = other.patient_id.clone();
    mapped.leave_out("Patient", &gone);
    let [stays] = resources(&mapped, "Patient")[..] else { panic!("one patient") };
    assert_eq!(stays.get("link"), None, "nobody here has the old number");
    assert_eq!(mapped.bundle.items("entry").len(), mapped.meetings.len());
}

#[test]
fn segments_of_the_table_become_what_their_lines_say() {
    let text = "MSH|^~\\&|A|HOSP|C|D|2026||DFT^P03^DFT_P03|1|P|2.5\nPID|1||C-1^^^NANDINI||Wagh^S\n\
                PV1|1|O|||||||||||||||||V-1\nFT1|1|T-9||20260101|20260102|CG|XR1^Chest X-ray^L|||2||500&INR\n\
                PR1|1||XR1^Chest X-ray^L||20260101|D||||||D7^Kulkarni^Meera";
    let mapped = map(text);
    let charge = resources(&mapped, "ChargeItem")[0];
    assert_eq!((at(charge, "/status"), at(charge, "/quantity/value")), ("billable", "2"));
    assert_eq!(at(charge, "/code/coding/0/code"), "XR1");
    let procedure = resources(&mapped, "Procedure")[0];
    assert_eq!(at(procedure, "/category/coding/0/code"), "D");
    assert_eq!(at(procedure, "/performer/0/actor/display"), "Meera Kulkarni");
    assert_eq!(at(procedure, "/encounter/reference").split('/').next(), Some("Encounter"));
}

#[test]
fn a_discharge_before_the_admission_is_left_out_and_said() {
    let mapped = map(&ADMIT.replace("||20261121083000", "||20261121083000|20251121083000"));
    let visit = resources(&mapped, "Encounter")[0];
    assert!(at(visit, "/period/start").starts_with("2026-11-21"));
    assert_eq!(visit.pointer("/period/end"), None);
    assert!(mapped.report.warnings.iter().any(|w| w.code == "endsBeforeStart" && w.path == "PV1-45"));
}

#[test]
fn two_quotation_marks_delete_and_nothing_does_not() {
    let text =
        "MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.5\nPID|1||C-1^^^NANDINI||Wagh^S||\"\"|F|||\"\"|||||\"\"";
    let mapped = map(text);
    let Meeting::Overlay { deletes, .. } = &mapped.meetings[0] else { panic!("a patient is partial") };
    assert_eq!(deletes, &["birthDate", "address", "maritalStatus"]);
    assert!(resources(&mapped, "Encounter").is_empty());
    let discharge = ADMIT.replace("ADT^A01", "ADT^A03");
    let visit = map(&discharge);
    let visit = resources(&visit, "Encounter")[0];
    assert_eq!((at(visit, "/status"), at(visit, "/period/end")), ("finished", "2026-11-21T09:00:00+05:30"));
}

#[test]
fn values_of_a_specimen_are_kept_with_it() {
    let text = "MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5.1\nPID|1||1^^^H\nOBR|1|P1|F1|GLU^Glucose^L|||20260101\n\
                OBX|1|NM|G^Glucose^L||90|mg/dL|||||F\nSPM|1|S1&X^S2&Y||BLD^Blood^HL70487|||||||||||||202601010800|202601010900\n\
                OBX|1|CWE|HEM^Haemolysis^L||N^None^L||||||F";
    let mapped = map(text);
    let specimen = resources(&mapped, "Specimen")[0];
    assert_eq!(at(specimen, "/identifier/0/value"), "S2");
    assert_eq!(at(specimen, "/collection/collectedDateTime"), "2026-01-01T08:00:00+05:30");
    let observations = resources(&mapped, "Observation");
    assert_eq!(observations.len(), 2);
    assert!(observations.iter().all(|o| o.get("specimen").is_some()));
    assert_eq!(resources(&mapped, "DiagnosticReport")[0].items("result").len(), 1);
}

/// Every published message of the mapped types gives a bundle whose resources have no structural fault.
#[test]
fn published_messages_become_valid_resources() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/hl7v2/dev");
    if !root.is_dir() {
        println!("skipped: the shared sample messages are not here");
        return;
    }
    let (mut accepted, mut refused, mut resources, mut used, mut unmapped) = (0, 0, 0, 0, 0);
    for file in messages(&root) {
        let bytes = std::fs::read(&file).unwrap();
        for range in crate::hl7::batch::split(&bytes) {
            let Ok(m) = read(&bytes[range], Mode::Tolerant) else { continue };
            match check(&m, &Policy::default()) {
                Ok(event) => {
                    let mapped = to_transaction(&m, event, &context());
                    accepted += 1;
                    used += mapped.report.used;
                    unmapped += mapped.report.unmapped.len();
                    resources += sound(&mapped, &file);
                }
                // Fragments that show one data type are refused as messages; they must map all the same.
                Err(_) if m.header().message_type() == "ORU" => {
                    refused += 1;
                    sound(&to_transaction(&m, Event::of("ORU", "R01").unwrap(), &context()), &file);
                }
                Err(_) => {}
            }
        }
    }
    println!(
        "{accepted} accepted, {refused} refused, {resources} resources, {used} used, {unmapped} unmapped"
    );
    assert!(accepted > 90, "{accepted}");
    assert_eq!(FAULTS.load(std::sync::atomic::Ordering::Relaxed), 0, "messages that break a rule of R4");
}

static FAULTS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// Links lead somewhere and every resource keeps R4's invariants; answers how many there are.
fn sound(mapped: &Mapped, file: &std::path::Path) -> usize {
    for link in &mapped.links {
        let resource = mapped.bundle.items("entry")[link.entry].get("resource").unwrap();
        assert!(resource.pointer(&link.pointer).is_some(), "{}: {link:?}", file.display());
    }
    let entries = mapped.bundle.items("entry");
    let validator = Validator::new(&Core, Rules::write(Level::Invariants));
    let mut faults = Vec::new();
    for entry in entries {
        let resource = entry.get("resource").unwrap();
        let kind = resource.str("resourceType").unwrap_or_default();
        let issues = validator.check(resource, &[]);
        faults.extend(issues.iter().map(|i| format!("{kind}: {} {:?}", i.diagnostics, i.expression)));
    }
    if !faults.is_empty() {
        println!("{}: {}", file.display(), faults.join("; "));
        FAULTS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    entries.len()
}

pub(super) fn messages(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(messages(&path));
        } else if path.extension().is_some_and(|e| e == "hl7") {
            found.push(path);
        }
    }
    found.sort();
    found
}

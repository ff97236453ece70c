//! FHIR codes to HL7 v2 tables, as data: the tables of `map` read backwards. Where several codes of a table become one
//! FHIR code, the one that the standard lists first for it is sent.

fn find(table: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    table.iter().find(|(k, _)| *k == code).map(|(_, v)| *v)
}

/// administrative-gender to table 0001.
pub(super) fn sex(gender: &str) -> Option<&'static str> {
    find(&[("female", "F"), ("male", "M"), ("other", "O"), ("unknown", "U")], gender)
}

/// observation-status to table 0085.
pub(super) fn observation_status(status: &str) -> &'static str {
    const T: &[(&str, &str)] = &[
        ("final", "F"),
        ("preliminary", "P"),
        ("corrected", "C"),
        ("amended", "A"),
        ("entered-in-error", "W"),
        ("cancelled", "X"),
        ("registered", "I"),
    ];
    // A status that is unknown is sent as one that no table knows, so that nobody takes the value for final.
    find(T, status).unwrap_or("U")
}

/// diagnostic-report-status to table 0123.
pub(super) fn report_status(status: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("registered", "O"),
        ("preliminary", "P"),
        ("partial", "A"),
        ("final", "F"),
        ("amended", "C"),
        ("corrected", "C"),
        ("appended", "C"),
        ("cancelled", "X"),
        ("entered-in-error", "X"),
    ];
    find(T, status)
}

/// request-status to table 0038.
pub(super) fn order_status(status: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("completed", "CM"),
        ("active", "IP"),
        ("on-hold", "HD"),
        ("revoked", "CA"),
        ("entered-in-error", "ER"),
    ];
    find(T, status)
}

/// request-status to the order control code (table 0119) of a message that tells the state of an order.
pub(super) fn order_control(status: &str) -> &'static str {
    match status {
        "active" | "draft" => "NW",
        "on-hold" => "HD",
        "revoked" | "entered-in-error" => "CA",
        _ => "SC",
    }
}

/// medicationrequest-status to table 0038.
pub(super) fn prescription_status(status: &str) -> Option<&'static str> {
    match status {
        "cancelled" => Some("CA"),
        "stopped" => Some("DC"),
        other => order_status(other),
    }
}

/// medicationrequest-status to the order control code (table 0119).
pub(super) fn prescription_control(status: &str) -> &'static str {
    match status {
        "cancelled" => "CA",
        "stopped" => "DC",
        other => order_control(other),
    }
}

/// v3-ActCode to table 0004.
pub(super) fn patient_class(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("IMP", "I"),
        ("ACUTE", "I"),
        ("NONAC", "I"),
        ("AMB", "O"),
        ("VR", "O"),
        ("HH", "O"),
        ("EMER", "E"),
        ("PRENC", "P"),
        ("OBSENC", "I"),
        ("SS", "O"),
    ];
    find(T, code)
}

/// name-use to table 0200.
pub(super) fn name_type(used: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("official", "L"),
        ("usual", "D"),
        ("maiden", "M"),
        ("nickname", "N"),
        ("anonymous", "S"),
        ("temp", "T"),
        ("old", "BAD"),
    ];
    find(T, used)
}

/// address-use to table 0190.
pub(super) fn address_type(used: &str) -> Option<&'static str> {
    find(&[("home", "H"), ("work", "B"), ("temp", "C"), ("old", "BA"), ("billing", "BI")], used)
}

/// contact-point-use to table 0201.
pub(super) fn telecom_use(used: &str) -> Option<&'static str> {
    find(&[("home", "PRN"), ("work", "WPN"), ("mobile", "PRS"), ("temp", "VHN")], used)
}

/// contact-point-system to table 0202.
pub(super) fn telecom_equipment(system: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("phone", "PH"),
        ("sms", "CP"),
        ("fax", "FX"),
        ("pager", "BP"),
        ("email", "Internet"),
        ("url", "URL"),
        ("other", "TDD"),
    ];
    find(T, system)
}

/// allergy-intolerance-category to table 0127.
pub(super) fn allergy_category(category: &str) -> Option<&'static str> {
    find(&[("medication", "DA"), ("food", "FA"), ("environment", "EA"), ("biologic", "DA")], category)
}

/// Reaction severity to table 0128.
pub(super) fn allergy_severity(severity: &str) -> Option<&'static str> {
    find(&[("severe", "SV"), ("moderate", "MO"), ("mild", "MI")], severity)
}

/// v3-MaritalStatus to table 0002.
pub(super) fn marital(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("L", "A"),
        ("D", "D"),
        ("M", "M"),
        ("S", "S"),
        ("W", "W"),
        ("T", "P"),
        ("I", "I"),
        ("A", "N"),
        ("U", "U"),
        ("UNK", "U"),
    ];
    find(T, code)
}

/// appointmentstatus to table 0278.
pub(super) fn appointment_status(status: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("proposed", "Pending"),
        ("pending", "Pending"),
        ("waitlist", "Waitlist"),
        ("booked", "Booked"),
        ("checked-in", "Started"),
        ("arrived", "Started"),
        ("fulfilled", "Complete"),
        ("cancelled", "Cancelled"),
        ("noshow", "Noshow"),
        ("entered-in-error", "Deleted"),
    ];
    find(T, status)
}

/// composition-status to table 0271.
pub(super) fn document_completion(status: &str) -> Option<&'static str> {
    find(&[("preliminary", "IP"), ("final", "AU"), ("amended", "AU")], status)
}

/// document-reference-status to table 0273.
pub(super) fn document_availability(status: &str) -> Option<&'static str> {
    find(&[("current", "AV"), ("superseded", "OB"), ("entered-in-error", "CA")], status)
}

/// Immunization status to table 0322, with the action (table 0206).
pub(super) fn vaccination(status: &str) -> (&'static str, &'static str) {
    match status {
        "not-done" => ("RE", "A"),
        "entered-in-error" => ("CP", "D"),
        _ => ("CP", "A"),
    }
}

/// The name of a code system in table 0396; the URI itself when it has none.
pub(super) fn system_name(uri: &str) -> String {
    const T: &[(&str, &str)] = &[
        ("http://loinc.org", "LN"),
        ("http://snomed.info/sct", "SCT"),
        ("http://unitsofmeasure.org", "UCUM"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "I9C"),
        ("http://hl7.org/fhir/sid/icd-10", "I10"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10C"),
        ("http://www.ama-assn.org/go/cpt", "C4"),
        ("http://hl7.org/fhir/sid/cvx", "CVX"),
        ("http://hl7.org/fhir/sid/mvx", "MVX"),
        ("http://hl7.org/fhir/sid/ndc", "NDC"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "RXNORM"),
        ("http://www.whocc.no/atc", "ATC"),
        ("urn:ietf:bcp:47", "ISO639"),
        ("http://fdasis.nlm.nih.gov", "UNII"),
        ("http://terminology.hl7.org/CodeSystem/nubc", "UB"),
        ("urn:oid:2.16.840.1.113883.6.238", "CDCREC"),
        ("urn:iso:std:iso:3166", "ISO3166_1"),
        ("http://terminology.hl7.org/CodeSystem/HCPCS-all-codes", "HCPCS"),
    ];
    if let Some(name) = find(T, uri) {
        return name.to_owned();
    }
    let table = uri.strip_prefix("http://terminology.hl7.org/CodeSystem/v2-");
    if let Some(table) = table.filter(|t| t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit())) {
        return format!("HL7{table}");
    }
    super::types::local_name(uri).unwrap_or_else(|| uri.to_owned())
}

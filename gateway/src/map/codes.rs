//! Code maps from HL7 v2 tables to FHIR, as data. Source: the v2-to-FHIR guide 1.0.0 (STU 1), and where it leaves a
//! code unmapped, the local choice is marked.

/// Looks a code up in a table of pairs, without regard to case.
fn find(table: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    table.iter().find(|(k, _)| k.eq_ignore_ascii_case(code.trim())).map(|(_, v)| *v)
}

/// Table 0001 to administrative-gender.
pub(super) fn gender(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("F", "female"),
        ("M", "male"),
        ("O", "other"),
        ("U", "unknown"),
        ("A", "other"),
        ("N", "other"),
        ("X", "other"),
        ("Female", "female"),
        ("Male", "male"),
    ];
    find(T, code)
}

/// Table 0085 to observation-status. R, I, O and S are local choices; N, U and V have no counterpart.
pub(super) fn observation_status(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("F", "final"),
        ("P", "preliminary"),
        ("C", "corrected"),
        ("A", "amended"),
        ("D", "entered-in-error"),
        ("W", "entered-in-error"),
        ("X", "cancelled"),
        ("R", "preliminary"),
        ("I", "registered"),
        ("O", "registered"),
        ("S", "registered"),
    ];
    find(T, code)
}

/// Table 0123 to diagnostic-report-status.
pub(super) fn report_status(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("O", "registered"),
        ("I", "registered"),
        ("S", "registered"),
        ("P", "preliminary"),
        ("A", "partial"),
        ("R", "partial"),
        ("F", "final"),
        ("C", "corrected"),
        ("M", "corrected"),
        ("X", "cancelled"),
    ];
    find(T, code)
}

/// Table 0038 to request-status.
pub(super) fn order_status(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("CM", "completed"),
        ("IP", "active"),
        ("SC", "active"),
        ("A", "active"),
        ("HD", "on-hold"),
        ("CA", "revoked"),
        ("DC", "revoked"),
        ("RP", "revoked"),
        ("ER", "entered-in-error"),
    ];
    find(T, code)
}

/// Table 0004 to v3-ActCode, with its display.
pub(super) fn encounter_class(code: &str) -> Option<(&'static str, &'static str)> {
    match code.trim().to_ascii_uppercase().as_str() {
        "I" | "INPATIENT" => Some(("IMP", "inpatient encounter")),
        "O" | "OUTPATIENT" => Some(("AMB", "ambulatory")),
        "E" | "EMERGENCY" => Some(("EMER", "emergency")),
        "P" => Some(("PRENC", "pre-admission")),
        _ => None,
    }
}

/// Table 0200 to name-use. A (alias) and others without a counterpart are left out.
pub(super) fn name_use(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("L", "official"),
        ("C", "official"),
        ("D", "usual"),
        ("M", "maiden"),
        ("N", "nickname"),
        ("S", "anonymous"),
        ("U", "anonymous"),
        ("T", "temp"),
        ("BAD", "old"),
    ];
    find(T, code)
}

/// Table 0190 to address-use.
pub(super) fn address_use(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("H", "home"),
        ("HOME", "home"),
        ("B", "work"),
        ("O", "work"),
        ("C", "temp"),
        ("BA", "old"),
        ("P", "home"),
        ("L", "home"),
        ("BI", "billing"),
    ];
    find(T, code)
}

/// Table 0201 to contact-point-use.
pub(super) fn telecom_use(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("PRN", "home"),
        ("ORN", "home"),
        ("VHN", "home"),
        ("HOME", "home"),
        ("WPN", "work"),
        ("WORK", "work"),
        ("PRS", "mobile"),
    ];
    find(T, code)
}

/// Table 0202 to contact-point-system.
pub(super) fn telecom_system(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("PH", "phone"),
        ("CP", "phone"),
        ("SAT", "phone"),
        ("FX", "fax"),
        ("BP", "pager"),
        ("Internet", "email"),
        ("X.400", "email"),
        ("URL", "url"),
        ("TDD", "other"),
        ("TTY", "other"),
    ];
    find(T, code)
}

/// Table 0078 to v3-ObservationInterpretation: the code it becomes and its display.
pub(super) fn interpretation(code: &str) -> Option<(&'static str, &'static str)> {
    const T: &[(&str, &str, &str)] = &[
        ("L", "L", "Low"),
        ("H", "H", "High"),
        ("LL", "LL", "Critical low"),
        ("HH", "HH", "Critical high"),
        ("<", "<", "Off scale low"),
        (">", ">", "Off scale high"),
        ("N", "N", "Normal"),
        ("A", "A", "Abnormal"),
        ("AA", "AA", "Critical abnormal"),
        ("U", "U", "Significant change up"),
        ("D", "D", "Significant change down"),
        ("B", "B", "Better"),
        ("W", "W", "Worse"),
        ("S", "S", "Susceptible"),
        ("R", "R", "Resistant"),
        ("I", "I", "Intermediate"),
        ("NS", "NS", "Non-susceptible"),
        ("POS", "POS", "Positive"),
        ("NEG", "NEG", "Negative"),
        ("IND", "IND", "Indeterminate"),
        ("DET", "DET", "Detected"),
        ("ND", "ND", "Not detected"),
        ("RR", "RR", "Reactive"),
        ("NR", "NR", "Non-reactive"),
        ("WR", "WR", "Weakly reactive"),
        ("E", "E", "Equivocal"),
        ("EXP", "EXP", "Expected"),
        ("UNE", "UNE", "Unexpected"),
        ("AC", "AC", "Anti-complementary substances present"),
        ("TOX", "TOX", "Cytotoxic substance present"),
        ("MS", "MS", "Moderately susceptible"),
        ("VS", "VS", "Very susceptible"),
    ];
    T.iter().find(|(k, _, _)| k.eq_ignore_ascii_case(code.trim())).map(|(_, code, display)| (*code, *display))
}

/// Table 0127 to allergy-intolerance-category.
pub(super) fn allergy_category(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("DA", "medication"),
        ("FA", "food"),
        ("EA", "environment"),
        ("MA", "environment"),
        ("PA", "environment"),
        ("LA", "environment"),
        ("AA", "environment"),
    ];
    find(T, code)
}

/// Table 0128 to reaction severity.
pub(super) fn allergy_severity(code: &str) -> Option<&'static str> {
    const T: &[(&str, &str)] = &[
        ("SV", "severe"),
        ("MO", "moderate"),
        ("MI", "mild"),
        ("SEVERE", "severe"),
        ("MODERATE", "moderate"),
        ("MILD", "mild"),
    ];
    find(T, code)
}

/// Table 0002 to v3-MaritalStatus and its display.
pub(super) fn marital(code: &str) -> Option<(&'static str, &'static str)> {
    match code.trim().to_ascii_uppercase().as_str() {
        "A" | "E" => Some(("L", "Legally Separated")),
        "D" => Some(("D", "Divorced")),
        "M" | "MARRIED" => Some(("M", "Married")),
        "S" | "SINGLE" => Some(("S", "Never Married")),
        "W" => Some(("W", "Widowed")),
        "P" => Some(("T", "Domestic partner")),
        "I" => Some(("I", "Interlocutory")),
        "N" => Some(("A", "Annulled")),
        "U" => Some(("UNK", "unknown")),
        _ => None,
    }
}

/// Table 0136 and what peers write for yes and no.
pub(super) fn yes_no(code: &str) -> Option<bool> {
    match code.trim().to_ascii_uppercase().as_str() {
        "Y" | "YES" | "TRUE" | "1" => Some(true),
        "N" | "NO" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

/// Table 0396 (coding systems) to the URI that FHIR uses; `None` for local and unknown ones.
pub(super) fn code_system(name: &str) -> Option<String> {
    const T: &[(&str, &str)] = &[
        ("LN", "http://loinc.org"),
        ("LOINC", "http://loinc.org"),
        ("SCT", "http://snomed.info/sct"),
        ("SNM", "http://snomed.info/sct"),
        ("SNOMED-CT", "http://snomed.info/sct"),
        ("SNOMED", "http://snomed.info/sct"),
        ("UCUM", "http://unitsofmeasure.org"),
        ("I9C", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("I9", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("I10", "http://hl7.org/fhir/sid/icd-10"),
        ("ICD10", "http://hl7.org/fhir/sid/icd-10"),
        ("ICD-10", "http://hl7.org/fhir/sid/icd-10"),
        ("I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("ICD10CM", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("ICD-10-CM", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("C4", "http://www.ama-assn.org/go/cpt"),
        ("CPT", "http://www.ama-assn.org/go/cpt"),
        ("CVX", "http://hl7.org/fhir/sid/cvx"),
        ("MVX", "http://hl7.org/fhir/sid/mvx"),
        ("NDC", "http://hl7.org/fhir/sid/ndc"),
        ("RXNORM", "http://www.nlm.nih.gov/research/umls/rxnorm"),
        ("ATC", "http://www.whocc.no/atc"),
        ("ISO639", "urn:ietf:bcp:47"),
    ];
    let upper = name.trim().to_ascii_uppercase();
    if let Some(found) = find(T, &upper) {
        return Some(found.to_owned());
    }
    let digits = upper.strip_prefix("HL7")?;
    (digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| format!("http://terminology.hl7.org/CodeSystem/v2-{digits}"))
}

/// Units that are valid UCUM as they are commonly written in results without naming the system.
pub(super) fn is_common_ucum(unit: &str) -> bool {
    const T: &[&str] = &[
        "%",
        "mg/dL",
        "g/dL",
        "g/L",
        "mg/L",
        "ug/dL",
        "ug/L",
        "ng/mL",
        "pg/mL",
        "ng/dL",
        "ug/mL",
        "mmol/L",
        "umol/L",
        "nmol/L",
        "pmol/L",
        "mol/L",
        "meq/L",
        "U/L",
        "[IU]/L",
        "m[IU]/L",
        "u[IU]/mL",
        "10*3/uL",
        "10*6/uL",
        "10*9/L",
        "10*12/L",
        "fL",
        "pg",
        "g",
        "kg",
        "mg",
        "cm",
        "m",
        "mm",
        "mm[Hg]",
        "/min",
        "Cel",
        "s",
        "min",
        "h",
        "mm/h",
        "kg/m2",
        "mL/min",
        "mL/min/{1.73_m2}",
        "mL",
        "L",
        "g/(24.h)",
        "mg/(24.h)",
        "kPa",
        "mosm/kg",
        "/uL",
        "/[HPF]",
    ];
    T.contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_the_sheet_names_are_mapped() {
        assert_eq!(
            ["F", "m", "O", "U", "A", "N", "?"].map(gender),
            [
                Some("female"),
                Some("male"),
                Some("other"),
                Some("unknown"),
                Some("other"),
                Some("other"),
                None
            ]
        );
        assert_eq!(observation_status("D"), Some("entered-in-error"));
        assert_eq!(observation_status("V"), None);
        assert_eq!(report_status("R"), Some("partial"));
        assert_eq!(order_status("CA"), Some("revoked"));
        assert_eq!(encounter_class("E").map(|c| c.0), Some("EMER"));
        assert_eq!(code_system("HL70078").as_deref(), Some("http://terminology.hl7.org/CodeSystem/v2-0078"));
        assert_eq!(code_system("99CP"), None);
    }
}

//! Codes of HL7 v2 tables in FHIR: short names for the concept maps of `concepts.txt`, coding systems and units.

use super::clinic::Maps;
use super::concepts::Concept;

fn find(table: &[(&str, &'static str)], code: &str) -> Option<&'static str> {
    table.iter().find(|(k, _)| k.eq_ignore_ascii_case(code.trim())).map(|(_, v)| *v)
}

fn code<'m>(maps: &'m Maps, table: &str, sent: &str) -> Option<&'m str> {
    maps.find(table, sent).map(|c| c.code)
}

/// Table 0001 to administrative-gender.
pub(super) fn gender(maps: &Maps, sent: &str) -> Option<&'static str> {
    let found = code(maps, "sex", sent)?;
    ["female", "male", "other", "unknown"].into_iter().find(|known| *known == found)
}

/// Table 0085 to observation-status. N, U and V have no counterpart.
pub(super) fn observation_status<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "observation-status", sent)
}

/// Table 0123 to diagnostic-report-status.
pub(super) fn report_status<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "report-status", sent)
}

/// Table 0038 to request-status.
pub(super) fn order_status<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "order-status", sent)
}

/// Table 0119 to request-status, for orders without a status of their own.
pub(super) fn order_control<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "order-control", sent)
}

/// Table 0004 to v3-ActCode, with its display.
pub(super) fn encounter_class<'m>(maps: &'m Maps, sent: &str) -> Option<Concept<'m>> {
    maps.find("encounter-class", sent)
}

/// Table 0200 to name-use. A (alias) and others without a counterpart are left out.
pub(super) fn name_use<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "name-use", sent)
}

/// Table 0190 to address-use.
pub(super) fn address_use<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "address-use", sent)
}

/// Table 0201 to contact-point-use.
pub(super) fn telecom_use<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "telecom-use", sent)
}

/// Table 0202 to contact-point-system.
pub(super) fn telecom_system<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "telecom-system", sent)
}

/// Table 0078 to v3-ObservationInterpretation: the code it becomes and its display.
pub(super) fn interpretation<'m>(maps: &'m Maps, sent: &str) -> Option<Concept<'m>> {
    maps.find("interpretation", sent)
}

/// Table 0127 to allergy-intolerance-category.
pub(super) fn allergy_category<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "allergy-category", sent)
}

/// Table 0128 to reaction severity.
pub(super) fn allergy_severity<'m>(maps: &'m Maps, sent: &str) -> Option<&'m str> {
    code(maps, "allergy-severity", sent)
}

/// Table 0002 to v3-MaritalStatus and its display.
pub(super) fn marital<'m>(maps: &'m Maps, sent: &str) -> Option<Concept<'m>> {
    const NULL: &str = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor";
    let unknown = || sent.trim().eq_ignore_ascii_case("U");
    maps.own("marital", sent)
        .or_else(|| unknown().then_some(Concept { system: NULL, code: "UNK", display: "unknown" }))
        .or_else(|| maps.find("marital", sent))
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
        ("UNII", "http://fdasis.nlm.nih.gov"),
        ("UB", "http://terminology.hl7.org/CodeSystem/nubc"),
        ("CDCREC", "urn:oid:2.16.840.1.113883.6.238"),
        ("ISO3166_1", "urn:iso:std:iso:3166"),
        ("HCPCS", "http://terminology.hl7.org/CodeSystem/HCPCS-all-codes"),
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
        let ours = Maps::none();
        assert_eq!(
            ["F", "m", "O", "U", "A", "N", "?"].map(|sent| gender(ours, sent)),
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
        assert_eq!(observation_status(ours, "D"), Some("entered-in-error"));
        assert_eq!(observation_status(ours, "V"), None);
        assert_eq!(report_status(ours, "R"), Some("partial"));
        assert_eq!(order_status(ours, "CA"), Some("revoked"));
        assert_eq!(encounter_class(ours, "E").map(|c| c.code), Some("EMER"));
        assert_eq!(code_system("HL70078").as_deref(), Some("http://terminology.hl7.org/CodeSystem/v2-0078"));
        assert_eq!(code_system("99CP"), None);
    }
}

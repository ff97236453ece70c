//! Any JSON as a ViewDefinition: read or refused, and its rows are as wide as its columns, the same way again.
#![no_main]

use clinicvault_gateway::fhir::sql::{Around, Format, View, Writer};
use clinicvault_gateway::fhirpath::NoHost;
use clinicvault_gateway::json::{self, Limits};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"7","active":true,"birthDate":"1974-12-25",
    "name":[{"family":"Rao","given":["A","B"]},{"use":"old"}],"link":[{"other":{"reference":"Patient/8"}}]}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(tree) = json::parse(bytes, &Limits::default()) else { return };
    let Ok(view) = View::read(&tree) else { return };
    let resource = json::parse(PATIENT.as_bytes(), &Limits::default()).expect("the patient is JSON");
    let zone = jiff::tz::TimeZone::UTC;
    let table = || {
        let around = Around { now: jiff::Timestamp::UNIX_EPOCH, zone: &zone, host: &NoHost };
        let (mut out, mut writer) = (Vec::new(), Writer::new(&view, Format::Ndjson));
        let told = view.rows(&resource, &around, &mut |row| {
            assert_eq!(row.len(), view.columns.len());
            writer.row(row, &mut out);
        });
        told.map(|()| out)
    };
    assert_eq!(table(), table());
});

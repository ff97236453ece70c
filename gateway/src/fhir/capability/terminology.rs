//! TerminologyCapabilities: which code systems R4 brings along, and what can be asked of any.

use jiff::Timestamp;

use crate::fhir::datetime;
use crate::fhir::terminology::{Content, Core, Source};
use crate::json::{Object, Value};

/// Parameters of $expand that are applied.
const EXPANSION: [&str; 12] = [
    "filter",
    "offset",
    "count",
    "activeOnly",
    "includeDesignations",
    "designation",
    "includeDefinition",
    "excludeNotForUI",
    "displayLanguage",
    "exclude-system",
    "system-version",
    "check-system-version",
];

/// The TerminologyCapabilities. Code systems that are stored here come in front of those listed; whether there are any
/// is told to those who may read them.
pub fn terminology(version: &str, base: Option<&str>, date: Timestamp) -> Value {
    let mut urls: Vec<&str> = Core::code_systems().collect();
    urls.sort_unstable();
    let system = |url: &str| {
        let known = Core.code_system(url, None)?;
        let version = known.version.as_deref().map(|v| Value::from([Value::from([("code", v)])]));
        let listed = known.content == Content::Complete;
        Some(Value::Object(
            Object::new().with("uri", url).with_some("version", version).with("subsumption", listed),
        ))
    };
    let systems: Vec<Value> = urls.into_iter().filter_map(system).collect();
    let expansion = Object::new()
        .with("hierarchical", false)
        .with("paging", true)
        .with("incomplete", false)
        .with("parameter", EXPANSION.map(|name| Value::from([("name", name)])).to_vec())
        .with(
            "textFilter",
            "Each word must begin a word of the code, of its display or of another of its texts.",
        );
    let implementation = Object::new()
        .with("description", "ClinicVault: the records of one clinic, kept in its own house.")
        .with_some("url", base);
    Value::Object(
        Object::new()
            .with("resourceType", "TerminologyCapabilities")
            .with("status", "active")
            .with("date", datetime::instant(date))
            .with("kind", "instance")
            .with("software", Value::from([("name", "ClinicVault"), ("version", version)]))
            .with("implementation", implementation)
            .with("codeSystem", systems)
            .with("expansion", expansion)
            .with("codeSearch", "all")
            .with("validateCode", Value::from([("translations", true)]))
            .with("translation", Value::from([("needsMap", false)]))
            .with("closure", Value::from([("translation", false)])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::resource::Resource;

    #[test]
    fn it_is_itself_a_good_resource() {
        let date = "2026-01-01T00:00:00Z".parse().unwrap();
        let told = terminology("0.1.0", Some("https://box/fhir"), date);
        assert!(told.items("codeSystem").len() > 900);
        Resource::from_value(told).unwrap();
    }
}

//! Who takes part in a record, and with which device, as PRT or ROL behind the segment of that record.

use crate::json::Value;

use super::kind::Kind;
use super::rules::fill;
use super::segment::Segment;
use super::surroundings;
use super::types::Scope;

/// Tasks that have fields of their own in OBX, OBR and ORC.
const TASKS: &[&str] = &["RO", "MDIR", "OP", "PRI", "ARI", "TN", "TR"];

/// Whether a reference leads to a person in a role that no field tells of.
pub(super) fn is_participant(scope: &Scope<'_>, reference: &Value) -> bool {
    let Some(role) = scope.set.get(Some(reference)) else { return false };
    let mut codings = role.items("code").iter().flat_map(|c| c.items("coding"));
    role.str("resourceType") == Some("PractitionerRole")
        && !role.items("code").is_empty()
        && !codings.any(|c| c.str("code").is_some_and(|code| TASKS.contains(&code)))
}

/// PRT for each participant of a record.
pub(super) fn participants(scope: &Scope<'_>, host: &Value, out: &mut Vec<Segment>) {
    for who in references(host) {
        if is_participant(scope, who) {
            out.extend(scope.set.get(Some(who)).map(|role| prt(scope, role)));
        }
    }
    for what in references(host).chain(host.get("device")) {
        let told = ["udiCarrier", "lotNumber", "serialNumber", "manufactureDate", "expirationDate"];
        let device = scope.set.get(Some(what)).filter(|d| d.str("resourceType") == Some("Device"));
        let seen =
            |d: &Value| host.get("device") != Some(what) || told.iter().any(|key| d.get(key).is_some());
        if let Some(device) = device.filter(|d| seen(d)) {
            let mut segment = Segment::new("PRT").with(2, "UC");
            fill(scope, &mut segment, "PRTD", device);
            out.push(segment);
        }
    }
}

/// The same as ROL where the message has those.
pub(super) fn roles(scope: &Scope<'_>, kind: Kind, host: &Value, out: &mut Vec<Segment>) {
    if !surroundings::has_roles(kind) {
        return participants(scope, host, out);
    }
    for who in references(host).filter(|who| is_participant(scope, who)) {
        out.extend(scope.set.get(Some(who)).map(|role| surroundings::role(scope, role)));
    }
}

fn references(host: &Value) -> impl Iterator<Item = &Value> {
    let plain = match host.str("resourceType") {
        Some("ServiceRequest") => "supportingInfo",
        Some("Observation" | "DiagnosticReport") => "performer",
        Some("DocumentReference") => "author",
        _ => "",
    };
    // Who has a function of his own stands in a field of his own.
    let acting = matches!(host.str("resourceType"), Some("Procedure" | "Immunization"));
    let acting = host.items("performer").iter().filter(move |p| acting && p.get("function").is_none());
    host.items(plain).iter().chain(acting.filter_map(|p| p.get("actor")))
}

/// PRT of a person or an organisation in a role.
pub(super) fn prt(scope: &Scope<'_>, role: &Value) -> Segment {
    let mut prt = Segment::new("PRT").with(2, "UC");
    fill(scope, &mut prt, "PRT", role);
    if let Some(person) = scope.set.get(role.get("practitioner")) {
        fill(scope, &mut prt, "PRTP", person);
    }
    prt
}

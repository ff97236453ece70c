//! PRT and ROL: who takes part in what the segment before them says, with which device.
//!
//! Each becomes a role of its own, joined to the record of the segment before it: by the guide's message maps where they name
//! an element, else by the element that R4 has for whoever took part.

use crate::hl7::Segment;
use crate::hl7::structure::Layout;
use crate::json::{Object, Value};

use super::apply::Around;
use super::draft::Drafts;
use super::ids;
use super::types;

/// Maps all PRT and ROL of a message.
pub(super) fn followers<'a>(around: &Around<'a, '_>, drafts: &mut Drafts, layout: &Layout) {
    for (host, at) in &layout.tree.followers {
        let Some(segment) = around.book.segment(*at).filter(|s| s.is("ROL") || s.is("PRT")) else { continue };
        let role = role(around, drafts, segment);
        let device = device(around, drafts, segment);
        let Some(whom) = target(around, drafts, layout, *host) else { continue };
        if let Some(role) = role {
            role.join(drafts, &whom);
        }
        if let Some(device) = device {
            with_device(drafts, &whom, &device);
        }
    }
}

/// A role that a segment made.
struct Role {
    reference: Value,
    /// What it is, as the participant of a visit has it.
    kind: Option<Value>,
    /// Table 0443.
    code: String,
}

fn role<'a>(around: &Around<'a, '_>, drafts: &mut Drafts, segment: Segment<'a>) -> Option<Role> {
    let draft = around.resource(drafts, segment)?;
    let kind = draft.body.get("code").and_then(Value::as_array).and_then(<[Value]>::first).cloned();
    let person = draft.body.get("practitioner").and_then(|p| p.str("reference")).map(str::to_owned);
    if segment.is("PRT") {
        around.add_to(drafts, person.as_deref(), segment, "PRTP");
    }
    let code = around.book.field(segment, if segment.is("PRT") { 4 } else { 3 }).c(1).peek();
    Some(Role { reference: drafts.add(draft), kind, code: code.unwrap_or_default() })
}

/// PRT-10 and PRT-16 to PRT-22; known by its number where it has one, as everywhere.
fn device<'a>(around: &Around<'a, '_>, drafts: &mut Drafts, segment: Segment<'a>) -> Option<Value> {
    if !segment.is("PRT") {
        return None;
    }
    let mut draft = around.resource_by(drafts, segment, "PRTD")?;
    if let Some(number) = types::ei(around.scope, around.book.field(segment, 10), "") {
        draft.id = ids::stable("Device", &[&number.system, &number.value]);
        draft.body.insert("id", draft.id.as_str());
    }
    Some(drafts.add(draft))
}

/// What the segment at a position became: the first record of the kinds below that has something of it.
fn target(around: &Around<'_, '_>, drafts: &Drafts, layout: &Layout, host: usize) -> Option<Value> {
    const KINDS: &[&str] = &[
        "Observation",
        "MedicationDispense",
        "MedicationRequest",
        "Immunization",
        "ServiceRequest",
        "DiagnosticReport",
        "Procedure",
        "ChargeItem",
        "DocumentReference",
        "Appointment",
    ];
    let name = around.book.segment(host)?.name();
    match name.as_str() {
        "PID" | "PD1" => return around.refs.get("patient").cloned(),
        "PV1" | "PV2" => return around.refs.get("encounter").cloned(),
        _ => {}
    }
    // An order's own segment may have left nothing but a status.
    let order = layout.orders.iter().find(|o| o.orc == Some(host));
    let parts = order.into_iter().flat_map(|o| o.obr.iter().chain(&o.others)).copied();
    std::iter::once(host).chain(parts).find_map(|at| {
        let made =
            |kind: &str| drafts.0.iter().find(|d| d.kind == kind && d.links.iter().any(|link| link.0 == at));
        KINDS.iter().find_map(|kind| made(kind)).map(super::draft::Draft::reference)
    })
}

fn kind_of(reference: &Value) -> &str {
    reference.str("reference").and_then(|r| r.split_once('/')).map_or("", |(kind, _)| kind)
}

/// The report of the results of an order.
fn report_of(drafts: &Drafts, request: &Value) -> Option<Value> {
    let based = |v: &Value| v.str("reference") == request.str("reference");
    let of = |d: &&super::draft::Draft| {
        let on = d.body.get("basedOn").and_then(Value::as_array).unwrap_or_default();
        d.kind == "DiagnosticReport" && on.iter().any(based)
    };
    drafts.0.iter().find(of).map(super::draft::Draft::reference)
}

impl Role {
    fn join(self, drafts: &mut Drafts, whom: &Value) {
        let one = std::iter::once(&self.reference);
        match kind_of(whom) {
            "Patient" => drafts.extend(whom, "generalPractitioner", one),
            "Encounter" => {
                let kind = self.kind.map(|k| vec![k]);
                let item = Object::new().with_some("type", kind).with("individual", self.reference);
                drafts.extend(whom, "participant", std::iter::once(&item.into()));
            }
            "ServiceRequest" => match (self.code.as_str(), report_of(drafts, whom)) {
                ("OP", _) => drafts.complete(whom, "requester", "requester", self.reference),
                ("PRI", Some(report)) => drafts.extend(&report, "resultsInterpreter", one),
                ("ARI" | "TN" | "TR", Some(report)) => drafts.extend(&report, "performer", one),
                _ => drafts.extend(whom, "supportingInfo", one),
            },
            "Observation" | "DiagnosticReport" => drafts.extend(whom, "performer", one),
            "MedicationRequest" | "MedicationDispense" => drafts.extend(whom, "supportingInformation", one),
            "Procedure" | "ChargeItem" | "Immunization" => {
                let item = Object::new().with("actor", self.reference);
                drafts.extend(whom, "performer", std::iter::once(&item.into()));
            }
            "DocumentReference" => drafts.extend(whom, "author", one),
            "Appointment" => {
                let item = Object::new().with("actor", self.reference).with("status", "accepted");
                drafts.extend(whom, "participant", std::iter::once(&item.into()));
            }
            _ => {}
        }
    }
}

/// Joins a device to what it was used for, where R4 has an element for it.
fn with_device(drafts: &mut Drafts, whom: &Value, device: &Value) {
    let one = std::iter::once(device);
    match kind_of(whom) {
        "Observation" => drafts.complete(whom, "device", "device", device.clone()),
        "ServiceRequest" => drafts.extend(whom, "supportingInfo", one),
        "MedicationRequest" | "MedicationDispense" => drafts.extend(whom, "supportingInformation", one),
        "Procedure" | "ChargeItem" => {
            let item = Object::new().with("actor", device.clone());
            drafts.extend(whom, "performer", std::iter::once(&item.into()));
        }
        "DocumentReference" => drafts.extend(whom, "author", one),
        // Whose device it is.
        "Patient" => drafts.complete(device, "patient", "patient", whom.clone()),
        _ => {}
    }
}

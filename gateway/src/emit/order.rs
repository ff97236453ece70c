//! ServiceRequest and DiagnosticReport to ORC, OBR, and what belongs to them.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::observation::{notes, observation};
use super::participation::participants;
use super::rules::{fill, fill_but};
use super::segment::{Segment, parts, repeats, text};
use super::specimen::{self, spm};
use super::types::{Scope, cwe_of, cwes, dtm, identifier_type, period};
use super::value;

/// What an order group is sent for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Results of it.
    Results,
    /// The order itself.
    Order,
}

/// Where the specimens of an order stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Specimens {
    /// Each in an SPM.
    Apart,
    /// A single one in OBR where that can say all of it.
    InOrder,
}

/// The results of one report: ORC, OBR, OBX, SPM with their notes.
pub(super) fn report(scope: &Scope<'_>, report: &Value, at: usize, out: &mut Vec<Segment>) {
    let request = scope.set.all_of(report.items("basedOn")).into_iter().next();
    if let Some(request) = request {
        out.push(orc(scope, request, Purpose::Results));
    }
    out.push(obr(scope, report, request, at));
    if let Some(request) = request {
        notes(scope, request, out);
        participants(scope, request, out);
        timing(scope, request, out);
    }
    if let Some(words) = report.str("conclusion") {
        out.push(Segment::numbered("NTE", 0).with(3, words));
    }
    results(scope, report, false, out);
}

/// The order that a document belongs to: ORC and OBR without results.
pub(super) fn heading(scope: &Scope<'_>, report: &Value, at: usize, out: &mut Vec<Segment>) {
    let request = scope.set.all_of(report.items("basedOn")).into_iter().next();
    out.push(request.map_or_else(|| Segment::new("ORC").with(1, "RE"), |r| orc(scope, r, Purpose::Results)));
    if let Some(request) = request {
        timing(scope, request, out);
    }
    let mut obr = obr(scope, report, request, at);
    if let Some(specimen) = scope.set.all_of(report.items("specimen")).first() {
        specimen::in_order(scope, specimen, &mut obr);
    }
    out.push(obr);
    if let Some(request) = request {
        notes(scope, request, out);
        participants(scope, request, out);
    }
}

/// OBR of a report and of the order that it answers.
fn obr(scope: &Scope<'_>, report: &Value, request: Option<&Value>, at: usize) -> Segment {
    let mut obr = Segment::numbered("OBR", at);
    told(scope, report, &mut obr);
    ordered(scope, request, &mut obr);
    if let Some(request) = request {
        fill(scope, &mut obr, "OBR6", request);
    }
    if let Some(specimen) = scope.set.all_of(report.items("specimen")).first() {
        specimen::collector(scope, specimen, &mut obr);
    }
    obr
}

/// OBX and SPM of a report; `in_order` when the specimen stands in OBR.
fn results(scope: &Scope<'_>, report: &Value, in_order: bool, out: &mut Vec<Segment>) {
    let specimens = scope.set.all_of(report.items("specimen"));
    let results = scope.set.all_of(report.items("result"));
    let several = specimens.len() > 1;
    let of = |o: &Value, s: &Value| scope.set.get(o.get("specimen")) == Some(s);
    let mut n = 0;
    for result in &results {
        if !(several && specimens.iter().any(|s| of(result, s))) {
            observation(scope, result, &mut n, out);
        }
    }
    for form in report.items("presentedForm") {
        attached(report, form, &mut n, out);
    }
    if !report.items("presentedForm").is_empty() {
        participants(scope, report, out);
    }
    for (at, specimen) in specimens.iter().enumerate() {
        if !in_order {
            out.push(spm(scope, specimen, at));
            notes(scope, specimen, out);
        }
        let listed = |o: &Value| results.contains(&o);
        let about = scope.set.of_kind("Observation").filter(|o| of(o, specimen));
        for one in about.filter(|o| if listed(o) { several } else { !shared(scope, o, report) }) {
            observation(scope, one, &mut n, out);
        }
    }
}

/// What OBR takes from the report.
fn told(scope: &Scope<'_>, report: &Value, obr: &mut Segment) {
    for (field, kind) in [(2, "PLAC"), (3, "FILL")] {
        obr.set(field, scope.ei_of(report, kind));
    }
    if identifiers_are_plain(report) {
        obr.set(3, report.items("identifier").first().map_or(Content::Empty, |i| scope.ei(i)));
    }
    obr.set(4, cwe_of(report, "code"));
    let (start, end) = period(report.get("effectivePeriod"));
    obr.set(7, dtm(report.str("effectiveDateTime").or(start))).set(8, dtm(end));
    obr.set(22, dtm(report.str("issued")));
    obr.set(24, text(category(report)));
    obr.set(25, text(report.str("status").and_then(codes::report_status)));
    let task = |who: &&Value, code: &str| {
        let role = scope.set.get(Some(who)).map(|r| r.items("code")).unwrap_or_default();
        role.iter().any(|c| super::types::code_of(Some(c)) == Some(code))
    };
    let readers = || report.items("resultsInterpreter").iter();
    let mut principal = readers().filter(|who| !task(who, "ARI")).map(|who| scope.ndl(who));
    obr.set(32, principal.next().unwrap_or(Content::Empty));
    obr.set(33, repeats(readers().filter(|who| task(who, "ARI")).map(|who| scope.ndl(who)).chain(principal)));
    for (field, code) in [(34, "TN"), (35, "TR")] {
        let performers = report.items("performer").iter().filter(|who| task(who, code));
        obr.set(field, repeats(performers.map(|who| scope.ndl(who))));
    }
}

/// Whether an observation that no result list names is another report's.
fn shared(scope: &Scope<'_>, observation: &Value, report: &Value) -> bool {
    let own = observation.get("id");
    let named = |r: &Value| scope.set.all_of(r.items("result")).iter().any(|o| o.get("id") == own);
    scope.set.of_kind("DiagnosticReport").any(|r| r.get("id") != report.get("id") && named(r))
}

/// An observation that belongs to no report, as results of an order of its own name.
pub(super) fn lone(scope: &Scope<'_>, one: &Value, at: usize, out: &mut Vec<Segment>) {
    let mut obr = Segment::numbered("OBR", at);
    obr.set(3, one.items("identifier").first().map_or_else(|| text(one.str("id")), |i| scope.ei(i)));
    obr.set(4, cwe_of(one, "code"));
    obr.set(7, dtm(one.str("effectiveDateTime")));
    obr.set(22, dtm(one.str("issued")));
    let status = match one.str("status") {
        Some("final") => "F",
        Some("amended" | "corrected") => "C",
        Some("preliminary") => "P",
        Some("cancelled" | "entered-in-error") => "X",
        _ => "O",
    };
    obr.set(25, status);
    out.push(obr);
    observation(scope, one, &mut 0, out);
    if let Some(specimen) = scope.set.get(one.get("specimen")) {
        out.push(spm(scope, specimen, 0));
        notes(scope, specimen, out);
    }
}

/// An order: ORC, TQ1, OBR and what is known of its results and specimens.
pub(super) fn request(
    scope: &Scope<'_>,
    request: &Value,
    at: usize,
    specimens: Specimens,
    out: &mut Vec<Segment>,
) {
    out.push(orc(scope, request, Purpose::Order));
    timing(scope, request, out);
    let mut obr = Segment::numbered("OBR", at);
    let of =
        |r: &Value| scope.set.all_of(r.items("basedOn")).iter().any(|o| o.get("id") == request.get("id"));
    let report = scope.set.of_kind("DiagnosticReport").find(|r| of(r));
    if let Some(report) = report {
        told(scope, report, &mut obr);
    }
    ordered(scope, Some(request), &mut obr);
    fill(scope, &mut obr, "OBR6", request);
    if !obr.has(4) {
        obr.set(4, cwe_of(request, "code"));
    }
    if !obr.has(24) {
        obr.set(24, text(category(request)));
    }
    let samples = scope.set.all_of(match report {
        Some(report) => report.items("specimen"),
        None => request.items("specimen"),
    });
    let in_order = match samples.as_slice() {
        [one] if specimens == Specimens::InOrder && specimen::fits_order(one) => {
            specimen::in_order(scope, one, &mut obr);
            true
        }
        [one, ..] => {
            specimen::collector(scope, one, &mut obr);
            false
        }
        [] => false,
    };
    // With the specimen in OBR, OBR-7 is when that was collected.
    if !obr.has(7) && !in_order {
        let (start, end) = period(request.get("occurrencePeriod"));
        obr.set(7, dtm(request.str("occurrenceDateTime").or(start))).set(8, dtm(end));
    }
    out.push(obr);
    notes(scope, request, out);
    participants(scope, request, out);
    let reasons = scope.set.all_of(request.items("reasonReference"));
    let reasons = reasons.iter().filter(|r| r.str("resourceType") == Some("Condition"));
    for (n, condition) in reasons.enumerate() {
        out.push(super::clinical::dg1(scope, condition, None, n));
    }
    if let Some(report) = report {
        return results(scope, report, in_order, out);
    }
    let known = scope.set.all_of(request.items("supportingInfo"));
    let known: Vec<&Value> =
        known.into_iter().filter(|o| o.str("resourceType") == Some("Observation")).collect();
    let samples = if in_order { Vec::new() } else { samples };
    let mut n = 0;
    for one in &known {
        observation(scope, one, &mut n, out);
    }
    for (at, specimen) in samples.iter().enumerate() {
        out.push(spm(scope, specimen, at));
        notes(scope, specimen, out);
        let of = |o: &&Value| scope.set.get(o.get("specimen")) == Some(*specimen) && !known.contains(o);
        for one in scope.set.of_kind("Observation").filter(of) {
            observation(scope, one, &mut n, out);
        }
    }
}

/// TQ1 of an order that says when. Its priority stands in OBR-5, its notes in NTE.
fn timing(scope: &Scope<'_>, request: &Value, out: &mut Vec<Segment>) {
    let mut tq1 = Segment::numbered("TQ1", 0);
    fill_but(scope, &mut tq1, "TQ1S", request, &[9, 11]);
    if let Some(when) = request.get("occurrenceTiming") {
        super::timing::set(when, &mut tq1);
    }
    if tq1.says_something() {
        out.push(tq1);
    }
}

/// Whether no number of a resource is said to be a placer's or a filler's.
pub(super) fn identifiers_are_plain(resource: &Value) -> bool {
    resource.items("identifier").iter().all(|i| !matches!(identifier_type(i), Some("PLAC" | "FILL")))
}

/// Placer and filler number: as typed; one without a type is the number of the one who sends.
fn numbers(scope: &Scope<'_>, request: &Value, purpose: Purpose) -> (Content, Content) {
    if !identifiers_are_plain(request) {
        return (scope.ei_of(request, "PLAC"), scope.ei_of(request, "FILL"));
    }
    let own = request.items("identifier").first().map_or_else(|| text(request.str("id")), |i| scope.ei(i));
    match purpose {
        Purpose::Order => (own, Content::Empty),
        Purpose::Results => (Content::Empty, own),
    }
}

fn orc(scope: &Scope<'_>, request: &Value, purpose: Purpose) -> Segment {
    let status = request.str("status").unwrap_or("unknown");
    let (placer, filler) = numbers(scope, request, purpose);
    let mut orc = Segment::new("ORC");
    orc.set(1, if purpose == Purpose::Results { "RE" } else { codes::order_control(status) });
    orc.set(2, placer).set(3, filler);
    orc.set(4, request.get("requisition").map_or(Content::Empty, |r| scope.ei(r)));
    orc.set(5, text(codes::order_status(status)));
    orc.set(9, dtm(request.str("authoredOn")));
    orc.set(12, orderer(scope, request));
    // The other number of an order stands in OBR-53.
    fill_but(scope, &mut orc, "ORC+", request, &[33]);
    facility(scope, request, &mut orc);
    orc
}

/// ORC-12 and OBR-16: the person who orders.
fn orderer(scope: &Scope<'_>, request: &Value) -> Content {
    let person = request.get("requester").filter(|who| !scope.is(who, "Organization"));
    person.map_or(Content::Empty, |who| scope.xcn(who))
}

/// ORC-21 to ORC-24: in whose name the orderer orders, and where both are reached.
fn facility(scope: &Scope<'_>, request: &Value, orc: &mut Segment) {
    let Some(role) = scope.set.get(request.get("requester")) else { return };
    if let Some(person) = request.get("requester").and_then(|who| scope.person(who)) {
        fill(scope, orc, "ORC24", person);
    }
    let asks = request.get("requester").filter(|who| scope.is(who, "Organization"));
    if let Some(organization) = asks.or_else(|| role.get("organization")) {
        orc.set(21, scope.xon(organization));
        if let Some(found) = scope.set.get(Some(organization)) {
            fill(scope, orc, "ORC22", found);
        }
    }
}

/// What OBR takes from the order.
fn ordered(scope: &Scope<'_>, request: Option<&Value>, obr: &mut Segment) {
    let Some(request) = request else { return };
    let (placer, filler) = numbers(scope, request, Purpose::Order);
    for (field, number) in [(2, placer), (3, filler)] {
        if !obr.has(field) {
            obr.set(field, number);
        }
    }
    if request.str("intent") == Some("reflex-order") {
        obr.set(11, "G");
    }
    obr.set(16, orderer(scope, request));
    obr.set(29, parent(scope, request));
    obr.set(31, cwes(request, "reasonCode"));
    fill(scope, obr, "OBR+", request);
}

/// OBR-29: the numbers of the order that this one belongs to.
fn parent(scope: &Scope<'_>, request: &Value) -> Content {
    let numbers: Vec<&Value> = request.items("basedOn").iter().filter_map(|r| r.get("identifier")).collect();
    let of = |kind: &str| numbers.iter().find(|i| identifier_type(i) == Some(kind));
    let number = |kind| of(kind).map_or(Content::Empty, |i| scope.ei(i));
    parts(vec![number("PLAC"), number("FILL")])
}

/// OBR-24 (table 0074).
fn category(report: &Value) -> Option<&str> {
    let codings = report.items("category").iter().flat_map(|c| c.items("coding"));
    let mut of_table = codings.filter(|c| c.str("system").is_some_and(|s| s.ends_with("v2-0074")));
    of_table.next().and_then(|c| c.str("code"))
}

/// A document of a report as OBX.
fn attached(report: &Value, form: &Value, n: &mut usize, out: &mut Vec<Segment>) {
    let Some(typed) = value::attachment(form) else { return };
    let mut obx = Segment::numbered("OBX", *n);
    *n += 1;
    obx.set(2, typed.kind).set(3, cwe_of(report, "code")).set(5, typed.value);
    obx.set(11, codes::observation_status(report.str("status").unwrap_or("unknown")));
    out.push(obx);
}

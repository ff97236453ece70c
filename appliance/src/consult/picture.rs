//! What a consultation and its money are in FHIR R4: made from their rows, never read back.
//!
//! Owns the shapes: an Encounter with its status history and the exact state as an extension of the box's own, a
//! ChargeItem, an Invoice, a PaymentReconciliation, and the document of an addendum.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::json::Value;
use jiff::Timestamp;

use super::ask::{Colour, Mode, Urgency};
use super::kept::Row;
use super::state::{Course, State};
use crate::billing::payment::{CURRENCY, Method, Payment};
use crate::clinic::make::{coding, concept, identifier, list, number, obj, reference, text, words};

/// Extension with the exact state of the machine.
pub const STATE: &str = "urn:clinicvault:consultation-state";
/// Code system of the box's words about consultations.
pub(super) const SYSTEM: &str = "urn:clinicvault:consultation";
/// Identifies the account that takes part; accounts are no FHIR resources.
const ACCOUNT: &str = "urn:clinicvault:account";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActPriority";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// Numbers of the clinic's bills.
const BILL: &str = "urn:clinicvault:bill-number";

/// A doctor with the name shown.
pub type Named<'a> = dyn Fn(&str) -> String + 'a;

/// The status of R4 that a state comes nearest to.
fn status(course: &Course, state: State) -> &'static str {
    match state {
        State::Requested | State::PendingPayment => "planned",
        State::Waiting => "arrived",
        State::Active if course.interrupted.is_some() && course.state == State::Active => "onleave",
        State::Active => "in-progress",
        State::Completed => "finished",
        State::Cancelled | State::NoShow => "cancelled",
    }
}

fn period(start: Timestamp, end: Option<Timestamp>) -> Value {
    let mut fields = vec![("start", text(datetime::instant(start)))];
    fields.extend(end.map(|end| ("end", text(datetime::instant(end)))));
    obj(fields)
}

/// The Encounter.
pub fn encounter(row: &Row, name: &Named<'_>) -> Value {
    let course = &row.course;
    let extension = |url: &str, value: (&str, Value)| obj([("url", text(url)), value]);
    let mut extensions = vec![extension(STATE, ("valueCode", text(course.state.as_str())))];
    extensions
        .push(extension("urn:clinicvault:triage-colour", ("valueCode", text(course.ask.colour.as_str()))));
    for flag in &course.ask.flags {
        extensions.push(extension("urn:clinicvault:red-flag", ("valueCode", text(flag))));
    }
    extensions
        .push(extension("urn:clinicvault:consultation-mode", ("valueCode", text(course.ask.mode.as_str()))));
    if let Some(policy) = &course.policy {
        extensions.push(extension("urn:clinicvault:payment-policy", ("valueString", text(policy))));
    }
    if let Some(exempt) = &course.exempt {
        extensions.push(extension("urn:clinicvault:payment-exempt", ("valueString", text(&exempt.reason))));
    }
    let (class, display) = match course.ask.mode {
        Mode::InPerson => ("AMB", "ambulatory"),
        Mode::Video | Mode::Audio | Mode::Chat => ("VR", "virtual"),
    };
    let (priority, urgency) = match course.ask.urgency {
        Urgency::Emergency => ("EM", "emergency"),
        Urgency::Urgent => ("UR", "urgent"),
        Urgency::Routine if course.ask.colour == Colour::Red => ("EM", "emergency"),
        Urgency::Routine => ("R", "routine"),
    };
    let history = course.steps.windows(2).filter_map(|pair| match pair {
        [from, to] => Some(obj([
            ("extension", list([extension(STATE, ("valueCode", text(from.state.as_str())))])),
            ("status", text(status(course, from.state))),
            ("period", period(from.since, Some(to.since))),
        ])),
        _ => None,
    });
    let history: Vec<Value> = history.collect();
    let people = course.parts.iter().map(|part| {
        obj([
            ("type", list([concept([coding(PARTICIPATION, "PPRF", "primary performer")], "Doctor")])),
            ("period", period(part.since, part.until)),
            ("individual", account(&part.doctor, name)),
        ])
    });
    let people: Vec<Value> = people.collect();
    let began = course.steps.first().map_or(Timestamp::MIN, |step| step.since);
    let ended = course.state.is_over().then(|| course.since());
    let mut fields = vec![
        ("resourceType", text("Encounter")),
        ("extension", list(extensions)),
        ("status", text(status(course, course.state))),
    ];
    if !history.is_empty() {
        fields.push(("statusHistory", list(history)));
    }
    fields.extend([
        ("class", coding(ACT_CODE, class, display)),
        (
            "serviceType",
            concept([coding(SYSTEM, &course.ask.specialty, &course.ask.specialty)], &course.ask.specialty),
        ),
        ("priority", concept([coding(PRIORITY, priority, urgency)], urgency)),
        ("subject", reference(&format!("Patient/{}", row.patient))),
    ]);
    if !people.is_empty() {
        fields.push(("participant", list(people)));
    }
    fields.push(("period", period(began, ended)));
    fields.push(("reasonCode", list([words(&course.ask.complaint)])));
    obj(fields)
}

pub(super) fn account(id: &str, name: &Named<'_>) -> Value {
    obj([
        ("type", text("Practitioner")),
        ("identifier", identifier(ACCOUNT, id)),
        ("display", text(name(id))),
    ])
}

/// Paise as `Money`.
fn money(paise: u64) -> Value {
    obj([("value", number(&rupees(paise))), ("currency", text(CURRENCY))])
}

/// Paise as rupees with two decimals.
pub fn rupees(paise: u64) -> String {
    format!("{}.{:02}", paise / 100, paise % 100)
}

/// The ChargeItem of a consultation.
pub fn charge(row: &Row, payment: &Payment) -> Value {
    let status = match () {
        () if payment.state.is_paid() => "billed",
        () if payment.state.is_open() => "billable",
        () => "aborted",
    };
    obj([
        ("resourceType", text("ChargeItem")),
        ("status", text(status)),
        ("code", concept([coding(SYSTEM, "consultation", "Consultation")], "Consultation")),
        ("subject", reference(&format!("Patient/{}", row.patient))),
        ("context", reference(&format!("Encounter/{}", row.id))),
        ("occurrenceDateTime", text(datetime::instant(payment.created))),
        ("priceOverride", money(payment.amount)),
    ])
}

/// The Invoice of a consultation: a draft until money is there, then a bill of supply with its number.
pub fn invoice(row: &Row, payment: &Payment) -> Value {
    let status = match () {
        () if payment.state.is_paid() => "balanced",
        () if payment.state.is_open() => "draft",
        () => "cancelled",
    };
    let mut fields = vec![("resourceType", text("Invoice"))];
    fields.extend(payment.bill.as_deref().map(|bill| ("identifier", list([identifier(BILL, bill)]))));
    fields.push(("status", text(status)));
    fields.push(("subject", reference(&format!("Patient/{}", row.patient))));
    fields.push(("date", text(datetime::instant(payment.paid_at.unwrap_or(payment.created)))));
    let price = obj([("type", text("base")), ("amount", money(payment.amount))]);
    let item = obj([
        ("chargeItemReference", reference(&format!("ChargeItem/{}", row.id))),
        ("priceComponent", list([price])),
    ]);
    fields.push(("lineItem", list([item])));
    fields.push(("totalNet", money(payment.amount)));
    fields.push(("totalGross", money(payment.amount)));
    obj(fields)
}

/// The PaymentReconciliation of money that came, and of what went back.
pub fn reconciliation(payment: &Payment, zone: &jiff::tz::TimeZone) -> Value {
    let paid = payment.paid_at.unwrap_or(payment.since);
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date().to_string();
    let way = match payment.method {
        Some(Method::Cash) | None => "cash",
        Some(Method::Upi) => "upi",
        Some(Method::Razorpay) => "razorpay",
    };
    let detail = |kind: &str, at: Timestamp, paise: u64| {
        obj([
            ("type", concept([coding(SYSTEM, kind, kind)], kind)),
            ("request", reference(&format!("Invoice/{}", payment.consultation))),
            ("date", text(day(at))),
            ("amount", money(paise)),
        ])
    };
    let mut details = vec![detail("payment", paid, payment.amount)];
    if payment.refunded > 0 {
        details.push(detail("refund", payment.since, payment.refunded));
    }
    let mut fields = vec![
        ("resourceType", text("PaymentReconciliation")),
        ("status", text("active")),
        ("created", text(datetime::instant(payment.created))),
        ("disposition", text(format!("{} {way}", payment.state.as_str()))),
        ("paymentDate", text(day(paid))),
        ("paymentAmount", money(payment.amount)),
    ];
    if let Some(known) = &payment.reference {
        fields.push(("paymentIdentifier", identifier(&format!("urn:clinicvault:{way}-reference"), known)));
    }
    fields.push(("detail", list(details)));
    obj(fields)
}

/// The document that a doctor adds to a consultation that is over.
pub fn addendum(row: &Row, by: &str, words_of_it: &str, name: &Named<'_>, now: Timestamp) -> Value {
    let data = data_encoding::BASE64.encode(words_of_it.as_bytes());
    let attachment = obj([
        ("contentType", text("text/plain; charset=utf-8")),
        ("data", text(data)),
        ("size", number(&words_of_it.len().to_string())),
        ("creation", text(datetime::instant(now))),
    ]);
    obj([
        ("resourceType", text("DocumentReference")),
        ("status", text("current")),
        ("docStatus", text("final")),
        ("type", concept([coding(SYSTEM, "addendum", "Addendum")], "Addendum")),
        ("subject", reference(&format!("Patient/{}", row.patient))),
        ("date", text(datetime::instant(now))),
        ("author", list([account(by, name)])),
        ("description", text(words_of_it)),
        ("content", list([obj([("attachment", attachment)])])),
        ("context", obj([("encounter", list([reference(&format!("Encounter/{}", row.id))]))])),
    ])
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::fhir::resource::Resource;

    use super::super::ask::Ask;
    use super::super::state::{Event, Gate, Rules};
    use super::*;

    #[test]
    fn every_state_and_the_money_keep_the_rules_of_fhir() {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let ask = Ask {
            complaint: "Cough".to_owned(),
            specialty: "general".to_owned(),
            language: "hi".to_owned(),
            urgency: Urgency::Urgent,
            mode: Mode::Video,
            flags: vec!["chestPain".to_owned()],
            colour: Colour::Red,
        };
        let mut row = Row {
            id: "c1".to_owned(),
            patient: "p1".to_owned(),
            asked_by: "p1".to_owned(),
            revision: 0,
            course: Course::request(ask, "p1", true, now),
            payment: None,
        };
        let known = |id: &str| format!("Dr {id}");
        let check = |json: Value| {
            Resource::from_value(json.clone()).unwrap_or_else(|outcome| panic!("{outcome}: {json:?}"));
        };
        check(encounter(&row, &known));
        for event in [
            Event::Assign { doctor: "d1".to_owned(), gate: Gate::Prepay(50_000) },
            Event::PaymentVerified,
            Event::Identity { by: "r1".to_owned(), how: "known".to_owned(), adult: None },
            Event::Start { doctor: "d1".to_owned() },
            Event::Interrupted,
            Event::Complete { by: "d1".to_owned(), open_drafts: 0 },
        ] {
            row.course = row.course.apply(event, &Rules::default(), now).unwrap().0;
            check(encounter(&row, &known));
        }
        let mut payment = Payment::new("m1".to_owned(), ("c1", "p1"), 50_005, true, now);
        check(charge(&row, &payment));
        check(invoice(&row, &payment));
        payment.state = crate::billing::payment::State::PartlyRefunded;
        (payment.bill, payment.refunded) = (Some("CV/2627/000001".to_owned()), 5);
        payment.reference = Some("pay_1".to_owned());
        check(invoice(&row, &payment));
        check(reconciliation(&payment, &jiff::tz::TimeZone::UTC));
        check(addendum(&row, "d1", "One more thing", &known, now));
        assert_eq!(rupees(50_005), "500.05");
    }
}

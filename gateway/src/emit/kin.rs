//! Relatives, contacts and guarantors: Patient.contact and RelatedPerson to NK1 and GT1.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::contact::{xad, xpn, xtn};
use super::rules::fill;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, about, cwe, day, period};

/// What a related person is in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    /// NK1.
    Kin,
    /// GT1.
    Guarantor,
    /// IN1.
    Subscriber,
    /// PID-21.
    Mother,
}

fn part_of(scope: &Scope<'_>, person: &Value) -> As {
    let is = |reference: Option<&Value>| {
        scope.set.get(reference).is_some_and(|p| p.get("id") == person.get("id") && person_kind(p))
    };
    let pays = |account: &Value| account.items("guarantor").iter().any(|g| is(g.get("party")));
    let marked = |e: &Value| e.str("url").is_some_and(|url| url.starts_with("urn:x-hl7v2:GT1-"));
    if person.items("extension").iter().any(marked) || scope.set.of_kind("Account").any(pays) {
        As::Guarantor
    } else if scope.set.of_kind("Coverage").any(|c| is(c.get("subscriber"))) {
        As::Subscriber
    } else if mother(person) {
        As::Mother
    } else {
        As::Kin
    }
}

fn person_kind(resource: &Value) -> bool {
    resource.str("resourceType") == Some("RelatedPerson")
}

/// A mother of whom only numbers are known.
fn mother(person: &Value) -> bool {
    let mut codings = person.items("relationship").iter().flat_map(|r| r.items("coding"));
    person.items("name").is_empty() && codings.any(|c| c.str("code") == Some("MTH"))
}

fn people<'a>(scope: &Scope<'a>, who: &'a Value, part: As) -> Vec<&'a Value> {
    about(scope, who, "RelatedPerson").filter(|p| part_of(scope, p) == part).collect()
}

/// PID-21: the numbers of the mother.
pub(super) fn mothers(scope: &Scope<'_>, who: &Value) -> Content {
    let all = people(scope, who, As::Mother);
    repeats(all.into_iter().flat_map(|p| p.items("identifier")).map(|i| scope.cx(i)))
}

/// NK1 for each relative; a contact of the patient's own record that is the same person is not told twice.
pub(super) fn relatives(scope: &Scope<'_>, who: &Value, out: &mut Vec<Segment>) {
    let mut contacts: Vec<&Value> = who.items("contact").iter().collect();
    let mut n = 0;
    for person in people(scope, who, As::Kin) {
        let mut nk1 = Segment::numbered("NK1", n);
        n += 1;
        fill(scope, &mut nk1, "NK1", person);
        if let Some(at) = contacts.iter().position(|c| same(c, person)) {
            let contact = contacts.remove(at);
            nk1.set(13, contact.get("organization").map_or(Content::Empty, |o| scope.xon(o)));
        }
        out.push(nk1);
    }
    for contact in contacts {
        out.push(own(scope, contact, n));
        n += 1;
    }
}

/// Whether a contact and a related person are one: they share a name, or without one a number or an address.
fn same(contact: &Value, person: &Value) -> bool {
    let shares = |key: &str, one: &Value| person.items(key).contains(one);
    match contact.get("name") {
        Some(name) => shares("name", name),
        None => {
            contact.items("telecom").iter().any(|t| shares("telecom", t))
                || contact.get("address").is_some_and(|a| shares("address", a))
        }
    }
}

/// NK1 of a contact.
fn own(scope: &Scope<'_>, contact: &Value, at: usize) -> Segment {
    let mut nk1 = Segment::numbered("NK1", at);
    nk1.set(2, contact.get("name").map_or(Content::Empty, xpn));
    let relation = |n: usize| contact.items("relationship").get(n).map_or(Content::Empty, cwe);
    nk1.set(3, relation(0)).set(7, relation(1));
    nk1.set(4, contact.get("address").map_or(Content::Empty, xad));
    let work = |t: &&Value| t.str("use") == Some("work");
    let telecom = contact.items("telecom").iter();
    nk1.set(5, repeats(telecom.clone().filter(|t| !work(t)).map(xtn)));
    nk1.set(6, repeats(telecom.filter(work).map(xtn)));
    let (from, to) = period(contact.get("period"));
    nk1.set(8, day(from)).set(9, day(to));
    nk1.set(13, contact.get("organization").map_or(Content::Empty, |o| scope.xon(o)));
    nk1.set(15, text(contact.str("gender").and_then(codes::sex)));
    nk1
}

/// GT1 for each who pays for the patient's accounts.
pub(super) fn guarantors(scope: &Scope<'_>, who: &Value, out: &mut Vec<Segment>) {
    for (n, person) in people(scope, who, As::Guarantor).into_iter().enumerate() {
        let mut gt1 = Segment::numbered("GT1", n);
        fill(scope, &mut gt1, "GT1", person);
        out.push(gt1);
    }
}

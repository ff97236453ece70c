//! Relatives, contacts and guarantors: Patient.contact and RelatedPerson to NK1 and GT1.

use crate::hl7::encode::Content;
use crate::json::{Object, Value};

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
        let contact = contacts.iter().position(|c| same(c, person)).map(|at| contacts.remove(at));
        let organization = contact.and_then(|c| c.get("organization"));
        let speakers = scope.set.get(organization).map(|o| o.items("contact")).unwrap_or_default();
        let (own, theirs, more) = apart(person, contact, speakers);
        nk1.set(41, repeats(more.iter().map(xtn)));
        fill(scope, &mut nk1, "NK1", &own);
        fill(scope, &mut nk1, "NK1O", &theirs);
        nk1.set(13, organization.map_or(Content::Empty, |o| scope.xon(o)));
        // What the contact is to the patient is told in the words of the contact, which are the sender's own.
        let coded = |c: &&Value| !c.items("coding").is_empty();
        match contact.map(|c| c.items("relationship")).unwrap_or_default() {
            [relation, role] if coded(&relation) && coded(&role) => {
                nk1.set(3, cwe(relation)).set(7, cwe(role));
            }
            [one] if coded(&one) && nk1.has(3) != nk1.has(7) => {
                nk1.set(if nk1.has(3) { 3 } else { 7 }, cwe(one));
            }
            _ => {}
        }
        out.push(nk1);
    }
    for contact in contacts {
        out.push(own(scope, contact, n));
        n += 1;
    }
}

/// A person beside those who speak for the organisation of the contact (NK1-30 to NK1-32): the person without what is
/// said of them, those of their names, numbers and addresses that the person's record has, and of the person's numbers
/// those that the contact has not (NK1-41).
fn apart(person: &Value, contact: Option<&Value>, speakers: &[Value]) -> (Value, Value, Vec<Value>) {
    let of = |holder: &Value, key: &str, item: &Value| {
        holder.get(key) == Some(item) || holder.items(key).contains(item)
    };
    let mut own = person.clone();
    let mut more = Vec::new();
    for key in ["name", "telecom", "address"] {
        let list = own.as_object_mut().and_then(|o| o.get_mut(key)).and_then(Value::as_array_mut);
        let Some(list) = list else { continue };
        let mut seen: Vec<Value> = Vec::new();
        list.retain(|item| {
            let theirs = speakers.iter().any(|s| of(s, key, item));
            let contacts = contact.is_some_and(|c| of(c, key, item));
            let again = seen.contains(item);
            seen.push(item.clone());
            if key == "telecom" && contact.is_some() && !contacts && !theirs {
                more.push(item.clone());
                return false;
            }
            // Who has no name but that of a speaker keeps it.
            !theirs || (contacts && !again) || (key == "name" && seen.len() == 1)
        });
    }
    let told = speakers.iter().map(|speaker| {
        let said = |key| speaker.get(key).filter(|item| of(person, key, item)).cloned();
        let numbers: Vec<Value> =
            speaker.items("telecom").iter().filter(|t| of(person, "telecom", t)).cloned().collect();
        Value::from(
            Object::new()
                .with_some("name", said("name"))
                .with_some("telecom", (!numbers.is_empty()).then_some(numbers))
                .with_some("address", said("address")),
        )
    });
    (own, Object::new().with("contact", told.collect::<Vec<_>>()).into(), more)
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

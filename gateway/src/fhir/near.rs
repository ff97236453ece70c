//! What a resource contains, and what the entries of a Bundle hold, found by name: looked through once, so that finding
//! something costs about the same in a large Bundle as in a small one.

use std::collections::HashMap;
use std::rc::Rc;

use crate::json::Value;

/// Where one resource stands in another.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In `contained`.
    Contained,
    /// In an entry, with its full address when that is given.
    Entry(Option<&'a str>),
}

/// A resource with indexes of what is in it.
#[derive(Debug)]
pub struct Near<'a> {
    resource: &'a Value,
    places: HashMap<*const Value, Place<'a>>,
    /// By id, in order.
    contained: Vec<(&'a str, &'a Value)>,
    /// By the last step of the address, in order.
    entries: Vec<(&'a str, &'a Value)>,
}

impl<'a> Near<'a> {
    /// Looks through a resource once.
    pub fn new(resource: &'a Value) -> Rc<Self> {
        let (mut places, mut contained, mut entries) = (HashMap::new(), Vec::new(), Vec::new());
        if resource.str("resourceType") == Some("Bundle") {
            for entry in resource.items("entry") {
                let Some(inner) = entry.get("resource") else { continue };
                let url = entry.str("fullUrl");
                places.insert(std::ptr::from_ref(inner), Place::Entry(url));
                entries.extend(url.or_else(|| inner.str("id")).map(|name| (last_step(name), entry)));
            }
        }
        for inner in resource.items("contained") {
            places.insert(std::ptr::from_ref(inner), Place::Contained);
            contained.extend(inner.str("id").map(|id| (id, inner)));
        }
        contained.sort_by_key(|(id, _)| *id);
        entries.sort_by_key(|(step, _)| *step);
        Rc::new(Self { resource, places, contained, entries })
    }

    /// The resource itself.
    pub const fn resource(&self) -> &'a Value {
        self.resource
    }

    /// Whether this is about that very resource, not one that is equal.
    pub fn is(&self, resource: &Value) -> bool {
        std::ptr::eq(self.resource, resource)
    }

    /// Where an inner resource stands, if it is contained or an entry.
    pub fn place(&self, inner: &Value) -> Option<Place<'a>> {
        self.places.get(&std::ptr::from_ref(inner)).copied()
    }

    /// The first contained resource with an id.
    pub fn contained(&self, id: &str) -> Option<&'a Value> {
        named(&self.contained, id).next()
    }

    /// Entries that a reference may mean, in order: those with a resource whose full address, or id where there is no
    /// address, ends with the same step.
    pub fn entries(&self, reference: &str) -> impl Iterator<Item = &'a Value> {
        named(&self.entries, last_step(reference))
    }
}

/// Rows of a sorted list that have a name.
fn named<'a>(rows: &[(&'a str, &'a Value)], name: &str) -> impl Iterator<Item = &'a Value> {
    let first = rows.partition_point(|(own, _)| *own < name);
    let rows = rows.get(first..).unwrap_or_default();
    let end = rows.partition_point(|(own, _)| *own <= name);
    rows.iter().take(end).map(|(_, value)| *value)
}

/// What follows the last slash.
fn last_step(address: &str) -> &str {
    address.rsplit('/').next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn what_is_near_is_found_by_name() {
        let bundle = parse(
            br#"{"resourceType":"Bundle","entry":[
                {"fullUrl":"http://x/fhir/Patient/1","resource":{"resourceType":"Patient","id":"1"}},
                {"fullUrl":"urn:uuid:2"},
                {"resource":{"resourceType":"Group","id":"1","contained":[{"id":"a","x":1},{"id":"a","x":2}]}}]}"#,
            &Limits::default(),
        )
        .unwrap();
        let near = Near::new(&bundle);
        let entries = bundle.items("entry");
        assert_eq!(near.entries("Patient/1").collect::<Vec<_>>(), [&entries[0], &entries[2]]);
        assert_eq!(near.entries("1").count(), 2);
        assert!(near.entries("urn:uuid:2").chain(near.entries("Patient/")).next().is_none());
        let group = entries[2].get("resource").unwrap();
        assert!(matches!(near.place(group), Some(Place::Entry(None))));
        let patient = entries[0].get("resource").unwrap();
        assert!(matches!(near.place(patient), Some(Place::Entry(Some("http://x/fhir/Patient/1")))));
        assert!(near.place(&patient.clone()).is_none() && near.is(&bundle));
        let inner = Near::new(group);
        assert_eq!(inner.contained("a"), group.items("contained").first());
        assert!(matches!(inner.place(&group.items("contained")[1]), Some(Place::Contained)));
        assert!(inner.contained("b").is_none() && inner.entries("1").next().is_none());
    }
}

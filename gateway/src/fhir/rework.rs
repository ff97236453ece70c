//! Changing a FHIR message by a short list of operations, before it is read: set, copy, map by a table, delete, move.
//!
//! Places are [`Place`]s. Only the places named change. The message as it came is kept elsewhere. What a changed message must
//! be like is looked at when it is read; an operation refuses only what no message could hold.

use std::collections::BTreeMap;

use super::definitions::Primitive;
use super::place::{Leaf, Place, Step};
use crate::json::{Number, Object, Value};

/// Most sentences about what could not be done.
const MOST_NOTES: usize = 100;
/// Most values that one place stands for.
const MOST_VALUES: usize = 10_000;

/// What is done at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The place gets this text; an empty one empties it.
    Set(String),
    /// The place gets what stands at another one, in the same resource where both name the same type.
    Copy(Place),
    /// The same, and the other one is emptied.
    Move(Place),
    /// The text is looked up.
    Map {
        /// What stands for what.
        table: BTreeMap<String, String>,
        /// What a text becomes that is not in the table; without it, it stays.
        otherwise: Option<String>,
    },
    /// The place is emptied; a whole resource is taken out.
    Delete,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Where.
    pub at: Place,
    /// In every resource of that type and every item of its lists, not only in the first.
    pub each: bool,
    /// What.
    pub deed: Deed,
}

/// Why an operation cannot be carried out on any message; for whoever writes the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongOperation {
    /// The place is a whole resource.
    #[error("name an element, such as Patient.gender: only deleting works on a whole resource")]
    WholeResource,
    /// The place is what makes it a message.
    #[error("the Bundle and its MessageHeader cannot be taken out, nor Bundle.type and Bundle.entry changed")]
    Frame,
    /// A text cannot stand there.
    #[error("name an element that holds a text, a number or a truth value, such as Patient.name[0].family")]
    NoText,
    /// What is copied is of another type.
    #[error("what stands at one place cannot stand at the other: they are of different types")]
    Types,
}

impl Operation {
    /// Checks what holds for every message.
    ///
    /// # Errors
    /// [`WrongOperation`].
    pub fn check(&self) -> Result<(), WrongOperation> {
        let deletes = self.deed == Deed::Delete;
        let other = match &self.deed {
            Deed::Copy(from) | Deed::Move(from) => Some(from),
            Deed::Set(_) | Deed::Map { .. } | Deed::Delete => None,
        };
        for place in std::iter::once(&self.at).chain(other) {
            let first = place.steps.first().map(|step| step.name.as_str());
            let frame = matches!(
                (place.kind.as_str(), first),
                ("Bundle", None | Some("type" | "entry")) | ("MessageHeader", None)
            );
            if frame {
                return Err(WrongOperation::Frame);
            }
            if place.leaf == Leaf::Resource && !deletes {
                return Err(WrongOperation::WholeResource);
            }
        }
        match (&self.deed, other.map(|from| from.leaf), self.at.leaf) {
            (Deed::Set(_) | Deed::Map { .. }, _, Leaf::Complex(_)) => Err(WrongOperation::NoText),
            (_, Some(Leaf::Complex(from)), Leaf::Complex(at)) if from != at => Err(WrongOperation::Types),
            (_, Some(Leaf::Complex(_)), Leaf::Primitive(_))
            | (_, Some(Leaf::Primitive(_)), Leaf::Complex(_)) => Err(WrongOperation::Types),
            _ => Ok(()),
        }
    }
}

/// A copy of a message that is being changed.
pub struct Draft {
    bundle: Value,
    notes: Vec<String>,
    size: usize,
}

/// Shows the shape only.
impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft({} entries)", self.bundle.items("entry").len())
    }
}

impl Draft {
    /// A copy of this message, which has so many bytes.
    pub fn of(bundle: &Value, size: usize) -> Self {
        Self { bundle: bundle.clone(), notes: Vec::new(), size }
    }

    /// The first text at a place; empty where there is none.
    pub fn text(&self, place: &Place) -> String {
        texts(&self.bundle, place).into_iter().next().unwrap_or_default()
    }

    /// How many resources of a type there are.
    pub fn count(&self, kind: &str) -> usize {
        resources(&self.bundle, kind).count()
    }

    /// At most so many bytes as it came with, and what was added since.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The changed message, and what could not be done, one sentence each.
    pub fn finish(self) -> (Value, Vec<String>) {
        (self.bundle, self.notes)
    }

    fn note(&mut self, text: String) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(text);
        }
    }

    /// Numbers of the entries that an operation is about; none as a number for the Bundle itself.
    fn targets(&self, place: &Place, each: bool) -> Vec<Option<usize>> {
        if place.kind == "Bundle" {
            return vec![None];
        }
        let own = self.bundle.items("entry").iter().enumerate();
        let own = own.filter(|(_, entry)| is_of(entry, &place.kind)).map(|(at, _)| Some(at));
        match (place.occurrence, each) {
            (None, true) => own.take(MOST_VALUES).collect(),
            (number, _) => own.skip(number.unwrap_or(0)).take(1).collect(),
        }
    }

    fn resource(&mut self, target: Option<usize>) -> Option<&mut Value> {
        match target {
            None => Some(&mut self.bundle),
            Some(at) => self.bundle.get_mut("entry")?.as_array_mut()?.get_mut(at)?.get_mut("resource"),
        }
    }

    /// Carries out an operation that [`Operation::check`] has found right; `number` names it in what could not be done.
    pub fn carry_out(&mut self, number: usize, operation: &Operation) {
        let Operation { at, each, deed } = operation;
        let targets = self.targets(at, *each);
        if targets.is_empty() {
            self.note(format!("Operation {number}: there is no {}.", at.kind));
            return;
        }
        if at.leaf == Leaf::Resource {
            if let Some(entries) = self.bundle.get_mut("entry").and_then(Value::as_array_mut) {
                let mut n = 0;
                entries.retain(|_| {
                    n += 1;
                    !targets.contains(&Some(n - 1))
                });
            }
            return;
        }
        for target in targets {
            match deed {
                Deed::Set(text) => self.set(number, target, at, text, *each),
                Deed::Delete => self.take_out(target, &at.steps, *each),
                Deed::Map { table, otherwise } => self.map(number, target, at, (table, otherwise), *each),
                Deed::Copy(from) | Deed::Move(from) => {
                    let same = *each && from.kind == at.kind && from.occurrence.is_none();
                    let source = if same { Some(target) } else { self.targets(from, false).first().copied() };
                    let Some(source) = source else {
                        self.note(format!("Operation {number}: there is no {}.", from.kind));
                        continue;
                    };
                    let mut found = Vec::new();
                    if let Some(resource) = self.resource(source) {
                        gather(resource, &from.steps, &mut found);
                    }
                    let value = found.first().map(|value| (*value).clone());
                    if matches!(deed, Deed::Move(_)) {
                        self.take_out(source, &from.steps, false);
                    }
                    match (value, at.leaf) {
                        (None, _) => self.take_out(target, &at.steps, *each),
                        (Some(value), Leaf::Primitive(_)) => {
                            self.set(number, target, at, &text_of(&value).unwrap_or_default(), *each);
                        }
                        (Some(value), _) => self.write(number, target, at, &value, *each),
                    }
                }
            }
        }
    }

    fn set(&mut self, number: usize, target: Option<usize>, at: &Place, text: &str, each: bool) {
        let Leaf::Primitive(primitive) = at.leaf else { return };
        if text.is_empty() {
            return self.take_out(target, &at.steps, each);
        }
        match literal(primitive, text) {
            Some(value) => self.write(number, target, at, &value, each),
            None => {
                let of = primitive.as_str();
                self.note(format!(
                    "Operation {number}: {at} holds a value of the type {of}, not such a text."
                ));
            }
        }
    }

    fn write(&mut self, number: usize, target: Option<usize>, at: &Place, value: &Value, each: bool) {
        let length = value.to_vec().len() + at.steps.iter().map(|step| step.name.len() + 8).sum::<usize>();
        let mut written = 0;
        if let Some(resource) = self.resource(target) {
            put(resource, &at.steps, value, each, &mut written);
        }
        self.size = self.size.saturating_add(length.saturating_mul(written));
        if written == 0 {
            self.take_out(target, &at.steps, false);
            self.note(format!("Operation {number}: {at} leaves out items of a list before it."));
        }
    }

    fn map(
        &mut self,
        number: usize,
        target: Option<usize>,
        at: &Place,
        (table, otherwise): (&BTreeMap<String, String>, &Option<String>),
        each: bool,
    ) {
        let Leaf::Primitive(primitive) = at.leaf else { return };
        let (mut grown, mut unfit) = (0, false);
        if let Some(resource) = self.resource(target) {
            let mut change = |value: &mut Value| {
                let text = text_of(value).unwrap_or_default();
                let Some(new) = table.get(text.trim()).or(otherwise.as_ref()) else { return };
                match literal(primitive, new) {
                    Some(new) => {
                        grown += new.to_vec().len();
                        *value = new;
                    }
                    None => unfit = true,
                }
            };
            alter(resource, &at.steps, each, &mut change);
        }
        self.size = self.size.saturating_add(grown);
        if unfit {
            let of = primitive.as_str();
            self.note(format!("Operation {number}: {at} holds a value of the type {of}, not such a text."));
        }
    }

    fn take_out(&mut self, target: Option<usize>, steps: &[Step], each: bool) {
        if let Some(resource) = self.resource(target) {
            remove(resource, steps, each);
        }
    }
}

/// Every text at a place: where a number is not written, of each resource and each item.
pub fn texts(bundle: &Value, place: &Place) -> Vec<String> {
    let all = resources(bundle, &place.kind);
    let skip = place.occurrence.unwrap_or(0);
    let take = if place.occurrence.is_some() { 1 } else { MOST_VALUES };
    let mut found = Vec::new();
    for resource in all.skip(skip).take(take) {
        gather(resource, &place.steps, &mut found);
    }
    found.into_iter().filter_map(text_of).collect()
}

fn resources<'a>(bundle: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let own = (kind == "Bundle").then_some(bundle);
    let entries = bundle.items("entry").iter().filter(move |entry| is_of(entry, kind));
    own.into_iter().chain(entries.filter_map(|entry| entry.get("resource")))
}

fn is_of(entry: &Value, kind: &str) -> bool {
    entry.get("resource").and_then(|resource| resource.str("resourceType")) == Some(kind)
}

/// The text of a primitive.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text as a value of a type; none when the type has no such value.
fn literal(primitive: Primitive, text: &str) -> Option<Value> {
    match primitive {
        Primitive::Boolean => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal => {
            Number::parse(text).map(Value::Number)
        }
        _ => Some(Value::from(text)),
    }
}

fn gather<'a>(value: &'a Value, steps: &[Step], found: &mut Vec<&'a Value>) {
    let Some((step, deeper)) = steps.split_first() else {
        if found.len() < MOST_VALUES {
            found.push(value);
        }
        return;
    };
    let items = value.items(&step.name);
    match step.index {
        Some(at) => items.get(at).into_iter().for_each(|item| gather(item, deeper, found)),
        None => items.iter().for_each(|item| gather(item, deeper, found)),
    }
}

/// Writes a value, making what is missing on the way; items of a list are not made out of turn.
fn put(value: &mut Value, steps: &[Step], new: &Value, each: bool, written: &mut usize) {
    let Some((step, deeper)) = steps.split_first() else {
        *value = new.clone();
        *written += 1;
        return;
    };
    let Some(object) = value.as_object_mut() else { return };
    let empty = || if deeper.is_empty() { Value::Null } else { Value::Object(Object::new()) };
    if !step.list {
        if !object.contains_key(&step.name) {
            object.insert(step.name.as_str(), empty());
        }
        if let Some(member) = object.get_mut(&step.name) {
            put(member, deeper, new, each, written);
        }
        return;
    }
    if !object.contains_key(&step.name) {
        if step.index.unwrap_or(0) > 0 {
            return;
        }
        object.insert(step.name.as_str(), Value::Array(Vec::new()));
    }
    let Some(items) = object.get_mut(&step.name).and_then(Value::as_array_mut) else { return };
    let at = step.index.unwrap_or(0);
    if items.len() == at {
        items.push(empty());
    }
    if each && step.index.is_none() {
        items.iter_mut().for_each(|item| put(item, deeper, new, each, written));
    } else if let Some(item) = items.get_mut(at) {
        put(item, deeper, new, each, written);
    }
}

/// Calls `change` with the values that are there: the first, or all.
fn alter(value: &mut Value, steps: &[Step], each: bool, change: &mut dyn FnMut(&mut Value)) {
    let Some((step, deeper)) = steps.split_first() else { return change(value) };
    match value.get_mut(&step.name) {
        Some(Value::Array(items)) => match step.index {
            None if each => items.iter_mut().for_each(|item| alter(item, deeper, each, change)),
            at => {
                if let Some(item) = items.get_mut(at.unwrap_or(0)) {
                    alter(item, deeper, each, change);
                }
            }
        },
        Some(one) => alter(one, deeper, each, change),
        None => {}
    }
}

/// Takes a value out, and what holds nothing after that.
fn remove(value: &mut Value, steps: &[Step], each: bool) {
    let Some((step, deeper)) = steps.split_first() else { return };
    let Some(object) = value.as_object_mut() else { return };
    let beside = format!("_{}", step.name);
    if deeper.is_empty() {
        match step.index {
            None => {
                object.remove(&step.name);
                object.remove(&beside);
            }
            Some(at) => {
                for name in [step.name.as_str(), beside.as_str()] {
                    if let Some(items) = object.get_mut(name).and_then(Value::as_array_mut)
                        && at < items.len()
                    {
                        items.remove(at);
                    }
                }
            }
        }
    } else {
        match object.get_mut(&step.name) {
            Some(Value::Array(items)) => match step.index {
                None if each => items.iter_mut().for_each(|item| remove(item, deeper, each)),
                at => {
                    if let Some(item) = items.get_mut(at.unwrap_or(0)) {
                        remove(item, deeper, each);
                    }
                }
            },
            Some(one) => remove(one, deeper, each),
            None => {}
        }
    }
    if let Some(items) = object.get_mut(&step.name).and_then(Value::as_array_mut) {
        items.retain(|item| !item.as_object().is_some_and(Object::is_empty));
    }
    let bare = |value: &Value| {
        value.as_object().is_some_and(Object::is_empty) || value.as_array().is_some_and(<[Value]>::is_empty)
    };
    for name in [step.name.as_str(), beside.as_str()] {
        if object.get(name).is_some_and(bare) {
            object.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};
    use proptest::prelude::*;

    const TEXT: &str = r#"{"resourceType":"Bundle","type":"message","identifier":{"value":"1"},"entry":[
        {"resource":{"resourceType":"MessageHeader","id":"h","eventCoding":{"code":"x"}}},
        {"resource":{"resourceType":"Patient","name":[{"family":"Rao","given":["Anil","K"]},{"family":"Rao-2"}],"active":true}},
        {"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":5}}},
        {"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"code":"b"}]}}}]}"#;

    fn bundle() -> Value {
        parse(TEXT.as_bytes(), &Limits::default()).unwrap()
    }

    fn place(text: &str) -> Place {
        text.parse().unwrap()
    }

    fn done(at: &str, each: bool, deed: Deed) -> (Value, Vec<String>) {
        let operation = Operation { at: place(at), each, deed };
        operation.check().unwrap();
        let mut draft = Draft::of(&bundle(), TEXT.len());
        draft.carry_out(1, &operation);
        draft.finish()
    }

    fn set(text: &str) -> Deed {
        Deed::Set(text.to_owned())
    }

    #[test]
    fn only_the_named_places_change() {
        let table = || [("a".to_owned(), "A".to_owned())].into();
        for (at, each, deed, read, expected) in [
            ("Patient.gender", false, set("male"), "Patient.gender", vec!["male"]),
            ("Patient.name.family", false, set("Z"), "Patient.name.family", vec!["Z", "Rao-2"]),
            ("Patient.name.family", true, set("Z"), "Patient.name.family", vec!["Z", "Z"]),
            ("Patient.name[2].text", false, set("T"), "Patient.name[2].text", vec!["T"]),
            ("Patient.active", false, set("false"), "Patient.active", vec!["false"]),
            ("Patient.active", false, set(""), "Patient.active", vec![]),
            (
                "Observation[1].valueQuantity.value",
                false,
                set("1.50"),
                "Observation[1].valueQuantity.value",
                vec!["1.50"],
            ),
            ("Observation.status", true, set("preliminary"), "Observation.status", vec!["preliminary"; 2]),
            (
                "Observation.code.coding.code",
                true,
                Deed::Map { table: table(), otherwise: Some("?".into()) },
                "Observation.code.coding.code",
                vec!["A", "?"],
            ),
            (
                "Observation.code.text",
                true,
                Deed::Copy(place("Observation.code.coding.code")),
                "Observation.code.text",
                vec!["a", "b"],
            ),
            ("Bundle.identifier.value", false, set("2"), "Bundle.identifier.value", vec!["2"]),
        ] {
            let (changed, notes) = done(at, each, deed);
            assert_eq!(texts(&changed, &place(read)), expected, "{at}");
            assert!(notes.is_empty(), "{notes:?}");
        }
        let (changed, _) = done("Observation.valueQuantity.value", false, Deed::Delete);
        assert_eq!(changed.pointer("/entry/2/resource/valueQuantity"), None, "nothing empty is left");
        let (changed, _) = done("Patient.name[0].given[0]", false, Deed::Delete);
        assert_eq!(texts(&changed, &place("Patient.name.given")), ["K"]);
        let (changed, _) = done("Observation", true, Deed::Delete);
        assert_eq!(changed.items("entry").len(), 2);
        let (changed, _) = done("Patient.name[0].text", false, Deed::Move(place("Patient.name[0].family")));
        assert_eq!(texts(&changed, &place("Patient.name[0].text")), ["Rao"]);
        assert_eq!(texts(&changed, &place("Patient.name.family")), ["Rao-2"]);
    }

    #[test]
    fn what_cannot_be_done_is_told_and_the_rest_goes_on() {
        for (at, text, told) in [
            ("Encounter.status", "planned", "there is no Encounter"),
            ("Patient.active", "maybe", "of the type boolean"),
            ("Observation.valueQuantity.value", "many", "of the type decimal"),
            ("Patient.name[9].family", "Z", "leaves out items"),
        ] {
            let (changed, notes) = done(at, false, set(text));
            assert_eq!(changed, bundle(), "{at}");
            assert!(notes[0].contains(told), "{notes:?}");
        }
    }

    #[test]
    fn what_no_message_allows_is_refused_when_it_is_written() {
        for (at, deed, expected) in [
            ("Bundle.type", set("x"), WrongOperation::Frame),
            ("MessageHeader", Deed::Delete, WrongOperation::Frame),
            ("Patient", set("x"), WrongOperation::WholeResource),
            ("Patient.name", set("x"), WrongOperation::NoText),
            ("Patient.name", Deed::Copy(place("Patient.gender")), WrongOperation::Types),
            ("Patient.name", Deed::Copy(place("Patient.address")), WrongOperation::Types),
        ] {
            let operation = Operation { at: place(at), each: false, deed };
            assert_eq!(operation.check(), Err(expected), "{at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_set_reads_back(text in "[ -~\u{900}-\u{950}]{1,20}", n in 0usize..3, each: bool) {
            let at = place(&format!("Patient.name[{n}].family"));
            let operation = Operation { at: at.clone(), each, deed: Deed::Set(text.clone()) };
            let mut draft = Draft::of(&bundle(), TEXT.len());
            draft.carry_out(1, &operation);
            let size = draft.size();
            let (changed, _) = draft.finish();
            prop_assert_eq!(texts(&changed, &at), [text]);
            prop_assert!(changed.to_vec().len() <= size, "the bound holds");
        }
    }
}

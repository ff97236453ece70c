//! SPM, and OBR-15 of older senders, to Specimen.

use crate::hl7::Segment;
use crate::hl7::structure::Order;
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::Spot;
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::observation;
use super::order::Orders;
use super::people;
use super::types::{self, Identified, Scope};

impl<'a> Orders<'a, '_> {
    /// The specimens of an order, each by its SPM.
    pub(super) fn specimens(
        &mut self,
        drafts: &mut Drafts,
        order: &Order,
        obr: Segment<'a>,
        order_key: &[String; 3],
    ) -> Vec<Option<Value>> {
        if order.specimens.is_empty() {
            return self.old_specimen(drafts, obr, order_key).map(Some).into_iter().collect();
        }
        let segments: Vec<_> = order.specimens.iter().map(|s| self.book.segment(s.spm)).collect();
        segments.into_iter().map(|spm| spm.map(|spm| self.specimen(drafts, spm, order_key))).collect()
    }

    pub(super) fn specimen(
        &mut self,
        drafts: &mut Drafts,
        spm: Segment<'a>,
        order_key: &[String; 3],
    ) -> Value {
        let book = self.book;
        let f = |n| book.field(spm, n);
        book.structural(spm, &[1]);
        let number = assigned(self.scope, f(2));
        let id = match number.first() {
            Some(first) => ids::stable("Specimen", &[&first.system, &first.value]),
            None => self.id("Specimen", order_key),
        };
        let mut draft = Draft::new("Specimen", id);
        for n in number {
            draft.push("identifier", Some(n.json()), f(2));
        }
        draft.set("type", types::cwe(f(4)), f(4));
        draft.put("subject", self.patient.clone());
        draft.set("receivedTime", f(18).date_time(), f(18));
        let (start, end) = (f(17).c(1).date_time(), f(17).c(2).date_time());
        let collection = match (start, end) {
            (Some(start), None) => Object::new().with("collectedDateTime", start),
            (None, None) => Object::new(),
            (start, end) => Object::new()
                .with("collectedPeriod", Object::new().with_some("start", start).with_some("end", end)),
        };
        let collection =
            collection.with_some("method", types::cwe(f(7))).with_some("bodySite", types::cwe(f(8)));
        if !collection.is_empty() {
            draft.set("collection", Some(collection), f(17));
        }
        for spot in f(24).reps() {
            draft.push("condition", types::cwe(spot), spot);
        }
        let around = Around { book, scope: self.scope, refs: Default::default() };
        around.add(drafts, spm, "SPM+", &mut draft);
        for nte in self.notes(spm.index()) {
            let note = observation::note_of(book, self.scope, drafts, nte);
            draft.push("note", note, book.field(nte, 3));
        }
        drafts.add(draft)
    }

    /// OBR-14 and OBR-15 of senders before SPM existed.
    fn old_specimen(
        &mut self,
        drafts: &mut Drafts,
        obr: Segment<'a>,
        order_key: &[String; 3],
    ) -> Option<Value> {
        let book = self.book;
        let f = |n| book.field(obr, n);
        let source = f(15);
        let said = [1, 2, 3, 4, 6].into_iter().any(|n| source.c(n).has_content());
        let received = f(14).date_time();
        if !said && received.is_none() && !f(10).has_content() && !f(9).has_content() {
            return None;
        }
        let id = self.id("Specimen", order_key);
        let mut draft = Draft::new("Specimen", id);
        // The guide's SPS map.
        draft.set("type", inner_cwe(source.c(1)), source);
        draft.put("subject", self.patient.clone());
        draft.set("receivedTime", received, f(14));
        let mut collection = Object::new();
        if let Some((key, when)) = super::order::effective(f(7), f(8)).1 {
            collection.insert(key.replace("effective", "collected"), when);
        }
        let collector = f(10).reps().into_iter().find_map(|s| people::practitioner(self.scope, drafts, s));
        let collection =
            collection.with_some("collector", collector).with_some("bodySite", inner_cwe(source.c(4)));
        if !collection.is_empty() {
            draft.set("collection", Some(collection), source);
        }
        let around = Around { book, scope: self.scope, refs: Default::default() };
        around.add(drafts, obr, "OBRS", &mut draft);
        if let Some(additive) = inner_cwe(source.c(2)) {
            draft.append("container", Object::new().with("additiveCodeableConcept", additive));
        }
        if let Some(text) = source.c(3).take() {
            draft.append("note", Object::new().with("text", text));
        }
        draft.push("condition", inner_cwe(source.c(6)), source);
        Some(drafts.add(draft))
    }
}

/// A coded value in the sub-components of one component.
fn inner_cwe(part: Spot<'_>) -> Option<Value> {
    let (code, text) = (part.s(1).take(), part.s(2).take());
    let shown = text.or_else(|| code.clone())?;
    let system = part.s(3).take().map(|s| codes::code_system(&s).unwrap_or_else(|| ids::local_system(&s)));
    let coding = (code.is_some() || system.is_some()).then(|| {
        let coding =
            Object::new().with_some("system", system).with_some("code", code.map(|c| types::code_text(&c)));
        vec![Value::from(coding)]
    });
    Some(Object::new().with_some("coding", coding).with("text", shown).into())
}

/// SPM-2: the placer's and the filler's number in the sub-components of its two components.
pub(super) fn assigned(scope: &Scope<'_>, spot: Spot<'_>) -> Vec<Identified> {
    let mut all = Vec::new();
    for (n, kind) in [(2, "FILL"), (1, "PLAC")] {
        let part = spot.c(n);
        if let Some(value) = part.s(1).take() {
            let (authority, assigner) = scope.resolve([part.s(2), part.s(3), part.s(4)]);
            let assumed = authority.is_none();
            let system = authority.unwrap_or_else(|| scope.sender_system());
            all.push(Identified {
                system,
                value,
                kind: Some(kind.to_owned()),
                assumed,
                period: None,
                assigner,
                check: Vec::new(),
            });
        }
    }
    all
}

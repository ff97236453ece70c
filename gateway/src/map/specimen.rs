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
            let note = observation::note_of(book, nte);
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
        let code = source.c(1).s(1).take();
        let text = source.c(1).s(2).take();
        let system =
            source.c(1).s(3).take().map(|s| codes::code_system(&s).unwrap_or_else(|| ids::local_system(&s)));
        let received = f(14).date_time();
        if code.is_none() && text.is_none() && received.is_none() {
            return None;
        }
        let id = self.id("Specimen", order_key);
        let mut draft = Draft::new("Specimen", id);
        if code.is_some() || text.is_some() {
            let coding = code.as_ref().map(|c| {
                let coding = Object::new().with_some("system", system).with("code", types::code_text(c));
                vec![Value::from(coding)]
            });
            let shown = text.or(code);
            draft.set(
                "type",
                Some(Object::new().with_some("coding", coding).with_some("text", shown)),
                source,
            );
        }
        draft.put("subject", self.patient.clone());
        draft.set("receivedTime", received, f(14));
        Some(drafts.add(draft))
    }
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

//! O with its R and C to Specimen, ServiceRequest, DiagnosticReport and Observations.

use std::collections::{BTreeMap, BTreeSet};

use crate::astm::Message;
use crate::astm::record::Record;
use crate::json::{Object, Value};

use super::super::ids;
use super::super::meaning::{Label, Row};
use super::account::{Account, Spot};
use super::build::{Draft, Drafts};
use super::code::{self, Test};
use super::{Scope, day, named, result};

/// What the results of an order share.
pub(super) struct Frame {
    /// What tells this order from the analyser's others: sample, patient, day.
    pub key: [String; 4],
    pub request: Option<Value>,
    pub specimen: Option<Value>,
    pub collected: Option<String>,
    /// O-26 as the status of results that state none.
    pub status: Option<&'static str>,
}

/// All orders of a message.
pub(super) struct Orders<'a, 'b> {
    pub account: &'a Account<'a>,
    pub scope: &'b Scope<'b>,
    pub drafts: &'b mut Drafts,
    pub rows: Vec<Row>,
    pub samples: Vec<String>,
    /// The same without an order.
    pub met: BTreeSet<String>,
}

/// What a comment belongs to.
enum Target {
    Nothing,
    Draft(&'static str, String),
}

impl<'a> Orders<'a, '_> {
    pub fn all(&mut self, message: &'a Message) {
        let records: Vec<Record<'a>> = message.records().collect();
        let (mut at, mut patients) = (0, 0);
        while let Some(record) = records.get(at) {
            patients += usize::from(record.kind() == 'P');
            if patients > 1 {
                // A part holds one patient. Nothing of another one may become the first one's.
                let text = "The records name several patients; those after the first one were left out.";
                self.account.warn(String::new(), "severalPatients", text);
                break;
            }
            let end = records
                .iter()
                .skip(at + 1)
                .position(|r| matches!(r.kind(), 'O' | 'P' | 'L' | 'Q' | 'H'))
                .map_or(records.len(), |n| at + 1 + n);
            let group = records.get(at + 1..end).unwrap_or_default();
            match record.kind() {
                'O' => self.order(Some(*record), group),
                // Results without an order, as simple meters send them.
                'P' | 'H' if group.iter().any(|r| r.kind() == 'R') => self.order(None, group),
                _ => {}
            }
            at = end;
        }
    }

    fn order(&mut self, order: Option<Record<'a>>, group: &[Record<'a>]) {
        let account = self.account;
        let results = || group.iter().filter(|r| r.kind() == 'R');
        let first_time = results().map(|r| r.field(13).component(1).text()).find(|t| !t.is_empty());
        let o = |n| order.map(|record| account.field(record, n));
        let place = order.map_or(0, |record| record.index());
        let tests: Vec<(Test, Spot<'a>)> = o(5)
            .map(|spot| spot.reps())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|spot| Some((code::test(self.scope, spot)?, spot)))
            .collect();
        let (sample, others) = order.map_or((None, Vec::new()), |record| self.sample(record));
        let ordered = [o(8), o(7)].into_iter().flatten().find_map(|spot| spot.c(1).peek());
        let when = ordered.or(first_time).unwrap_or_else(|| self.scope.sent.clone());
        // Without a sample number only the moment tells one measurement from the next.
        let moment = if sample.is_some() { day(&when) } else { when };
        let key = [
            self.scope.system.clone(),
            sample.clone().unwrap_or_default(),
            self.scope.patient_key.clone(),
            moment,
        ];
        let panel: Vec<&str> = tests.iter().map(|(test, _)| test.key.as_str()).collect();
        let panel = panel.join(" ");
        let (specimen, collected) = match order {
            Some(record) => self.specimen(record, &key, sample.as_deref(), &others),
            None => (None, None),
        };
        let stated = o(26).and_then(|spot| spot.c(1).peek().map(|text| (spot, text)));
        let status = stated.as_ref().and_then(|(_, text)| report_status(text));
        match &stated {
            Some((spot, _)) if status.is_some() => spot.c(1).mark(),
            Some((spot, text)) => spot.c(1).unknown_code(text),
            None => {}
        }
        let request = order
            .filter(|_| sample.is_some() && !tests.is_empty())
            .map(|record| self.request(record, &key, &panel, &tests, sample.as_deref(), specimen.clone()));
        let shown: Vec<&str> = tests.iter().map(|(test, _)| test.shown.as_str()).collect();
        let row = [sample.as_deref().unwrap_or_default(), &shown.join(", ")].join(" ");
        self.rows.push(Row::plain(Label::Key("order"), row.trim().to_owned(), place));
        let frame = Frame { key, request, specimen, collected, status: result_status(status) };
        let references = self.results(group, &frame);
        if !references.is_empty() {
            self.report(order, place, &frame, &panel, &tests, status, references);
        }
        if let Some(sample) = sample.filter(|s| self.met.insert(s.clone())) {
            self.samples.push(sample);
        }
    }

    /// The sample number, and the other parts of O-3 and O-4.
    fn sample(&self, order: Record<'a>) -> (Option<String>, Vec<String>) {
        let account = self.account;
        account.structural(order, &[1, 2]);
        let at = self.scope.context.sample.max(1);
        let chosen = account.field(order, 3).c(at).peek();
        let mut rest: Vec<String> = account.field(order, 3).all();
        rest.extend(account.field(order, 4).all());
        let sample = chosen.or_else(|| rest.first().cloned());
        rest.retain(|part| Some(part) != sample.as_ref());
        (sample, rest)
    }

    fn specimen(
        &mut self,
        order: Record<'a>,
        key: &[String; 4],
        sample: Option<&str>,
        others: &[String],
    ) -> (Option<Value>, Option<String>) {
        let account = self.account;
        let f = |n| account.field(order, n);
        let id = stable("Specimen", key, &[]);
        let mut draft = Draft::partial("Specimen", id, order.index());
        let number =
            |value: &str| Object::new().with("system", self.scope.system.as_str()).with("value", value);
        draft.set("accessionIdentifier", sample.map(number), f(3));
        for other in others {
            // Rack, position, sequence: numbers of the analyser's own.
            draft.push("identifier", Some(number(other)), f(3));
        }
        let kind = f(16).all().join(" ");
        draft.set("type", (!kind.is_empty()).then(|| Object::new().with("text", kind)), f(16));
        if let Some(subject) = &self.scope.subject {
            draft.put("subject", subject.clone());
        }
        draft.set("receivedTime", f(15).date_time(), f(15));
        let (start, end) = (f(8).date_time(), f(9).date_time());
        let collected = start.clone().or_else(|| end.clone());
        let collection = match (start, end) {
            (Some(start), None) => Object::new().with("collectedDateTime", start),
            (None, None) => Object::new(),
            (start, end) => Object::new()
                .with("collectedPeriod", Object::new().with_some("start", start).with_some("end", end)),
        };
        let collection = collection.with_some("collector", named(&f(11)));
        draft.set("collection", (!collection.is_empty()).then_some(collection), f(8));
        let says_something = draft.body.len() > 2 + usize::from(self.scope.subject.is_some());
        if !says_something {
            return (None, collected);
        }
        let reference = draft.reference();
        self.drafts.add(draft);
        (Some(reference), collected)
    }

    fn request(
        &mut self,
        order: Record<'a>,
        key: &[String; 4],
        panel: &str,
        tests: &[(Test, Spot<'a>)],
        sample: Option<&str>,
        specimen: Option<Value>,
    ) -> Value {
        let account = self.account;
        let f = |n| account.field(order, n);
        let mut draft =
            Draft::partial("ServiceRequest", stable("ServiceRequest", key, &[panel]), order.index());
        let number =
            sample.map(|value| Object::new().with("system", self.scope.system.as_str()).with("value", value));
        draft.push("identifier", number, f(3));
        let report = f(26).c(1).peek().unwrap_or_default().to_ascii_uppercase();
        draft.put(
            "status",
            match report.as_str() {
                "F" | "C" => "completed",
                "X" => "revoked",
                _ => "active",
            },
        );
        draft.weak.push("status".to_owned());
        draft.put("intent", "filler-order");
        if let Some(sent) = f(6).c(1).peek() {
            let priority = match sent.to_ascii_uppercase().as_str() {
                "S" => Some("stat"),
                "A" => Some("asap"),
                "R" => Some("routine"),
                _ => None,
            };
            match priority {
                Some(_) => f(6).c(1).mark(),
                None => f(6).c(1).unknown_code(&sent),
            }
            draft.set("priority", priority, f(6));
        }
        // What the sample is there for; C and A add to it or take from it, which the status says.
        f(12).c(1).mark();
        if let [(one, spot)] = tests {
            draft.set("code", Some(one.concept.clone()), *spot);
        } else {
            let text: Vec<&str> = tests.iter().map(|(test, _)| test.shown.as_str()).collect();
            draft.put("code", Object::new().with("text", text.join(", ")));
            for (test, spot) in tests {
                draft.push("orderDetail", Some(test.concept.clone()), *spot);
            }
        }
        // R4 wants a subject in every request; without one there is nothing to order for.
        let subject = self.scope.subject.clone();
        draft.put("subject", subject.unwrap_or_else(|| Object::new().with("display", "unknown").into()));
        draft.set("authoredOn", f(7).date_time(), f(7));
        draft.set("requester", named(&f(17)), f(17));
        if let Some(specimen) = specimen {
            draft.append("specimen", specimen);
        }
        let reference = draft.reference();
        self.drafts.add(draft);
        reference
    }

    /// The results of the group, each with its comments; answers references to them.
    fn results(&mut self, group: &[Record<'a>], frame: &Frame) -> Vec<(Value, String)> {
        let account = self.account;
        let mut references = Vec::new();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let specimen = frame.specimen.as_ref().and_then(|s| s.str("reference")?.split_once('/'));
        let mut target = match specimen {
            Some((_, id)) => Target::Draft("Specimen", id.to_owned()),
            None => Target::Nothing,
        };
        for record in group {
            match record.kind() {
                'R' => {
                    let named = account.field(*record, 3).reps().into_iter().next();
                    let test = named.and_then(|spot| code::test(self.scope, spot));
                    let key = test.as_ref().map(|t| t.key.clone()).unwrap_or_default();
                    let n = seen.entry(key.clone()).or_insert(0);
                    *n += 1;
                    let turn = if *n > 1 { n.to_string() } else { String::new() };
                    let id = stable("Observation", &frame.key, &[&key, &turn]);
                    let (draft, row) = result::observation(account, self.scope, *record, test, frame, id);
                    let status =
                        draft.body.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
                    references.push((draft.reference(), status));
                    target = Target::Draft(draft.kind, draft.id.clone());
                    self.rows.push(row);
                    self.drafts.add(draft);
                }
                'C' => self.comment(*record, &target),
                _ => {}
            }
        }
        references
    }

    /// C: its text is a note on what it follows.
    fn comment(&mut self, record: Record<'a>, target: &Target) {
        let Target::Draft(kind, id) = target else { return };
        let Some(draft) = self.drafts.get(kind, id) else { return };
        let text = self.account.field(record, 4).all().join(" ");
        if text.is_empty() {
            return;
        }
        // Number, source (always the analyser or the laboratory) and kind of the comment.
        self.account.structural(record, &[2, 3, 5]);
        let note = Object::new().with("text", text);
        draft.push("note", Some(note), self.account.field(record, 4));
    }

    #[allow(clippy::too_many_arguments)]
    fn report(
        &mut self,
        order: Option<Record<'a>>,
        place: usize,
        frame: &Frame,
        panel: &str,
        tests: &[(Test, Spot<'a>)],
        status: Option<&'static str>,
        references: Vec<(Value, String)>,
    ) {
        let account = self.account;
        let mut draft =
            Draft::new("DiagnosticReport", stable("DiagnosticReport", &frame.key, &[panel]), place);
        let all = |wanted: &[&str]| references.iter().all(|(_, s)| wanted.contains(&s.as_str()));
        let whole = if all(&["final", "corrected"]) {
            "final"
        } else if all(&["cancelled"]) {
            "cancelled"
        } else if references.iter().any(|(_, s)| s == "final" || s == "corrected") {
            "partial"
        } else if all(&["preliminary"]) {
            "preliminary"
        } else {
            "unknown"
        };
        draft.put("status", status.unwrap_or(whole));
        let coding =
            Object::new().with("system", "http://terminology.hl7.org/CodeSystem/v2-0074").with("code", "LAB");
        draft.append("category", Object::new().with("coding", vec![Value::from(coding)]));
        match tests {
            [(one, spot)] => {
                draft.set("code", Some(one.concept.clone()), *spot);
            }
            _ => draft.put("code", Object::new().with("text", "Laboratory results")),
        }
        if let Some(request) = &frame.request {
            draft.append("basedOn", request.clone());
        }
        if let Some(subject) = &self.scope.subject {
            draft.put("subject", subject.clone());
        }
        if let Some(collected) = &frame.collected {
            draft.put("effectiveDateTime", collected.as_str());
        }
        if let Some(spot) = order.map(|record| account.field(record, 23)) {
            draft.set("issued", spot.instant(), spot);
        }
        if let Some(specimen) = &frame.specimen {
            draft.append("specimen", specimen.clone());
        }
        for (reference, _) in references {
            draft.append("result", reference);
        }
        self.drafts.add(draft);
    }
}

fn stable(kind: &str, key: &[String; 4], more: &[&str]) -> String {
    let parts: Vec<&str> = key.iter().map(String::as_str).chain(more.iter().copied()).collect();
    ids::stable(kind, &parts)
}

/// O-26 (LIS2-A2, 9.4.26) to diagnostic-report-status. O and Q say nothing about the results.
fn report_status(text: &str) -> Option<&'static str> {
    match text.to_ascii_uppercase().as_str() {
        "F" => Some("final"),
        "C" => Some("corrected"),
        "P" => Some("preliminary"),
        "X" => Some("cancelled"),
        "I" => Some("registered"),
        _ => None,
    }
}

/// What the order's status says of a result that states none.
fn result_status(report: Option<&'static str>) -> Option<&'static str> {
    report.filter(|status| matches!(*status, "final" | "preliminary"))
}

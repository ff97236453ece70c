//! ORC, OBR and OBX to ServiceRequest, DiagnosticReport and Observation.

use std::collections::BTreeMap;

use crate::hl7::Segment;
use crate::hl7::structure::{Layout, Order};
use crate::json::{Object, Value};

use super::apply::Around;
use super::book::{Book, Spot};
use super::clinical::key_of;
use super::codes;
use super::draft::{Draft, Drafts};
use super::ids;
use super::meaning::{Label, Row};
use super::observation::{self, Frame};
use super::people::{self, Task};
use super::specimen;
use super::timing;
use super::types::{self, Identified, Scope};

/// A value of a type that R4 has not for it (the guide's map of OBX, ED and RP).
pub(crate) const VALUE: &str = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value";

/// What all orders of a message share.
pub(super) struct Orders<'a, 'b> {
    pub book: &'a Book<'a>,
    pub scope: &'b Scope<'b>,
    pub layout: &'b Layout,
    pub patient: Value,
    pub encounter: Option<Value>,
    /// The message orders and reports nothing: results in it are what the placer knows.
    pub asks_only: bool,
    /// How often an id's parts have been used, so that twins in one message stay two.
    pub seen: BTreeMap<String, u32>,
    pub rows: Vec<Row>,
}

impl<'a> Orders<'a, '_> {
    /// Maps one order with all its results.
    pub fn map(&mut self, drafts: &mut Drafts, order: &Order, around: &Around<'a, '_>) {
        let Some(obr) = order.obr.and_then(|i| self.book.segment(i)) else {
            return self.unasked(drafts, order);
        };
        let orc = order.orc.and_then(|i| self.book.segment(i));
        let book = self.book;
        let f = |n| book.field(obr, n);
        book.structural(obr, &[1]);
        let numbers = Numbers::read(book, self.scope, obr, orc);
        let code = types::cwe(f(4)).unwrap_or_else(|| {
            f(4).warn("orderUnnamed", "The order does not say what was asked for.");
            types::text_concept("(unnamed)")
        });
        let key = numbers.key(self.scope, &self.patient, f(7));
        let order_key = [self.scope.sender_system(), key, key_of(&code)];
        let request = self.request(drafts, order, obr, orc, &numbers, &order_key, around);
        let (collected, effective) = effective(f(7), f(8));
        let issued = f(22).instant();
        let mut report = Draft::new("DiagnosticReport", self.id("DiagnosticReport", &order_key));
        numbers.add(&mut report, f(2), f(3));
        if let Some(group) = orc.map(|o| book.field(o, 4)) {
            let number = types::ei(self.scope, group, "PGN").map(|n| n.json());
            report.push("identifier", number, group);
        }
        if let Some(request) = &request {
            report.append("basedOn", request.clone());
        }
        let observation_category = self.category(&mut report, f(24));
        report.set("code", Some(code.clone()), f(4));
        report.put("subject", self.patient.clone());
        if let Some(encounter) = &self.encounter {
            report.put("encounter", encounter.clone());
        }
        if let Some((key, value)) = &effective {
            report.set(key, Some(value.clone()), f(7));
        }
        report.set("issued", issued.clone(), f(22));
        for (n, task) in
            [(32, Task::Interpreter), (33, Task::Assistant), (34, Task::Technician), (35, Task::Transcriber)]
        {
            for spot in f(n).reps() {
                let who = people::interpreter(self.scope, drafts, task, spot);
                report.push(if n < 34 { "resultsInterpreter" } else { "performer" }, who, spot);
            }
        }
        self.order_row(obr, &numbers, &code, orc);
        if let Some(when) = collected {
            self.rows.push(Row::plain(Label::Key("collected"), when, obr.index()));
        }
        let specimens = self.specimens(drafts, order, obr, &order_key);
        for specimen in specimens.iter().flatten() {
            report.append("specimen", specimen.clone());
        }
        // An order that says nothing of results is no report.
        let said = order.prior || f(25).has_content() || f(22).has_content();
        let reports = !self.asks_only || said || request.is_none();
        if let (false, Some(request)) = (reports, &request) {
            let category = report.body.get("category").and_then(Value::as_array).unwrap_or_default();
            drafts.extend(request, "category", category.iter().filter(|_| f(24).has_content()));
            if let Some(("effectiveDateTime", when)) = &effective {
                drafts.complete(request, "occurrence", "occurrenceDateTime", when.clone());
            }
        }
        if let Some(request) = &request {
            drafts.extend(request, "specimen", specimens.iter().flatten());
        }
        let one = specimens.iter().flatten().next().filter(|_| specimens.len() == 1).cloned();
        let mut statuses = Vec::new();
        let groups = std::iter::once((&order.observations, one, true)).chain(
            order.specimens.iter().zip(specimens.iter().cloned()).map(|(s, r)| {
                // OBX after SPM are about the specimen; they are the order's results only when it has no others.
                (&s.observations, r, order.observations.is_empty())
            }),
        );
        let groups: Vec<_> = groups.collect();
        for (observations, specimen, of_report) in groups {
            for obx in observations.iter().filter_map(|i| book.segment(*i)) {
                let frame = Frame {
                    patient: self.patient.clone(),
                    encounter: self.encounter.clone(),
                    request: request.clone(),
                    part_of: None,
                    specimen: specimen.clone(),
                    category: observation_category,
                    effective: effective.clone(),
                    issued: issued.clone(),
                    notes: self.notes(obx.index()),
                };
                let found = self.observe(drafts, obx, frame, &order_key, false);
                if let Some(status) = found.1 {
                    statuses.push(status);
                }
                if let (Some(reference), true) = (found.0, of_report) {
                    report.append("result", reference);
                }
                if let Some(attached) = found.2 {
                    report.push("presentedForm", Some(attached.json), attached.spot);
                }
            }
        }
        if reports {
            report_status(&mut report, f(25), &statuses);
            drafts.add(report);
        } else if let (Some(request), Some(known)) =
            (&request, report.body.get("result").and_then(Value::as_array))
        {
            drafts.extend(request, "supportingInfo", known.iter());
        }
    }

    /// Specimens and results without an order that names a test.
    fn unasked(&mut self, drafts: &mut Drafts, order: &Order) {
        let key = [
            self.scope.sender_system(),
            self.patient.str("reference").unwrap_or("").to_owned(),
            String::new(),
        ];
        for specimen in &order.specimens {
            if let Some(spm) = self.book.segment(specimen.spm) {
                let reference = self.specimen(drafts, spm, &key);
                self.values(drafts, &specimen.observations, None, Some(reference));
            }
        }
        self.values(drafts, &order.observations, None, None);
    }

    /// The results of an order that is no test, such as those with a vaccination: about what the order became.
    pub fn about(&mut self, drafts: &mut Drafts, order: &Order, what: Value) {
        let what = (what != Value::Null).then_some(what);
        self.values(drafts, &order.observations, what, None);
        for specimen in &order.specimens {
            self.values(drafts, &specimen.observations, None, None);
        }
    }

    fn values(&mut self, drafts: &mut Drafts, at: &[usize], about: Option<Value>, specimen: Option<Value>) {
        for obx in at.iter().filter_map(|i| self.book.segment(*i)) {
            let when = self.book.field(obx, 14).c(1).peek().unwrap_or_default();
            let about_id = about.as_ref().and_then(|a| a.str("reference")).map(str::to_owned);
            let about_id =
                about_id.or_else(|| self.patient.str("reference").map(str::to_owned)).unwrap_or_default();
            let key = [self.scope.sender_system(), about_id, when];
            let immunization = about
                .as_ref()
                .and_then(|a| a.str("reference"))
                .is_some_and(|r| r.starts_with("Immunization/"));
            let frame = Frame {
                patient: self.patient.clone(),
                encounter: self.encounter.clone(),
                request: about.clone().filter(|_| !immunization),
                part_of: about.clone().filter(|_| immunization),
                specimen: specimen.clone(),
                category: "exam",
                effective: None,
                issued: None,
                notes: self.notes(obx.index()),
            };
            self.observe(drafts, obx, frame, &key, true);
        }
    }

    /// The comments on the segment at a position, as annotations.
    pub fn notes_at(&self, drafts: &mut Drafts, at: usize) -> Vec<Value> {
        let notes = self.notes(at).into_iter();
        notes.filter_map(|n| observation::note_of(self.book, self.scope, drafts, n)).collect()
    }

    fn observe(
        &mut self,
        drafts: &mut Drafts,
        obx: Segment<'a>,
        frame: Frame<'a>,
        order_key: &[String; 3],
        alone: bool,
    ) -> (Option<Value>, Option<String>, Option<super::value::Attached<'a>>) {
        let code = types::cwe(self.book.field(obx, 3)).unwrap_or_else(|| types::text_concept("(unnamed)"));
        let group = self.book.field(obx, 4).c(1).peek().unwrap_or_default();
        let [sender, number, panel] = order_key;
        let parts = [sender.clone(), number.clone(), panel.clone(), key_of(&code), group];
        let id = self.id("Observation", &parts);
        let observed = observation::observation(self.book, self.scope, drafts, obx, code, frame, id);
        self.rows.push(observed.row);
        let (mut draft, attached) = (observed.draft, observed.attached);
        match attached {
            // A document of an order is a form of its report.
            Some(attached) if !alone => return (None, None, Some(attached)),
            Some(attached) => {
                let extension = Object::new().with("url", VALUE).with("valueAttachment", attached.json);
                draft.push("extension", Some(extension), attached.spot);
            }
            None => {}
        }
        let status = draft.body.get("status").and_then(Value::as_str).map(str::to_owned);
        (Some(drafts.add(draft)), status, None)
    }

    pub(super) fn id(&mut self, kind: &str, parts: &[String]) -> String {
        let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let plain = ids::stable(kind, &parts);
        let n = self.seen.entry(plain.clone()).or_insert(0);
        *n += 1;
        if *n == 1 {
            return plain;
        }
        let ordinal = n.to_string();
        parts.push(&ordinal);
        ids::stable(kind, &parts)
    }

    pub(super) fn notes(&self, of: usize) -> Vec<Segment<'a>> {
        self.layout.notes_of(of).filter_map(|i| self.book.segment(i)).collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn request(
        &mut self,
        drafts: &mut Drafts,
        order: &Order,
        obr: Segment<'a>,
        orc: Option<Segment<'a>>,
        numbers: &Numbers,
        order_key: &[String; 3],
        around: &Around<'a, '_>,
    ) -> Option<Value> {
        let book = self.book;
        let f = |n| book.field(obr, n);
        let o = |n| orc.map(|s| book.field(s, n));
        let [.., code_key] = order_key;
        // Without a number of its own an order is known by what tells its results from others.
        let parts = match numbers.placer.as_ref().or(numbers.filler.as_ref()) {
            Some(number) => [number.system.clone(), number.value.clone(), code_key.clone()],
            None => order_key.clone(),
        };
        let mut draft = Draft::partial("ServiceRequest", self.id("ServiceRequest", &parts));
        numbers.add(&mut draft, f(2), f(3));
        let status = o(5).and_then(|s| s.c(1).peek().map(|t| (s, t)));
        match status.as_ref().map(|(s, t)| (s, codes::order_status(book.maps, t))) {
            Some((s, Some(code))) => {
                s.c(1).mark();
                draft.set("status", Some(code), *s);
            }
            Some((s, None)) => {
                s.unknown_code(&s.c(1).take().unwrap_or_default());
                draft.put("status", "unknown");
            }
            None if self.asks_only && control_status(o(1)).is_some() => {
                draft.put("status", control_status(o(1)).unwrap_or("unknown"));
            }
            None => {
                let done = f(25).c(1).peek().is_some_and(|t| matches!(t.as_str(), "F" | "C"));
                draft.assume("status", if done { "completed" } else { "active" });
            }
        }
        // RE, OK, NW and the like steer the exchange of orders; the status above is what they lead to.
        if let Some(control) = o(1) {
            control.mark();
        }
        let reflex = f(11).c(1).peek().as_deref() == Some("G");
        draft.put("intent", if reflex { "reflex-order" } else { "order" });
        if reflex {
            f(11).c(1).mark();
        }
        draft.set("code", types::cwe(f(4)).or_else(|| Some(types::text_concept("(unnamed)"))), f(4));
        draft.put("subject", self.patient.clone());
        if let Some(encounter) = &self.encounter {
            draft.put("encounter", encounter.clone());
        }
        if let Some(spot) = o(9) {
            draft.set("authoredOn", spot.date_time(), spot);
        }
        if let Some(group) = o(4).and_then(|s| types::ei(self.scope, s, "PGN").map(|g| (s, g))) {
            draft.set("requisition", Some(group.1.json()), group.0);
        }
        let parents = std::iter::once(f(29)).chain(o(8)).flat_map(|s| specimen::assigned(self.scope, s));
        for parent in parents {
            let known = Object::new().with("type", "ServiceRequest").with("identifier", parent.json());
            draft.append_once("basedOn", known.into());
        }
        // Who orders is a role, as the guide's map of ORC-12 has it, also where only OBR-16 names him.
        let requester = o(12).into_iter().flat_map(|s| s.reps().into_iter().map(|s| (s, orc)));
        for (spot, orc) in requester.chain(f(16).reps().into_iter().map(|s| (s, None))) {
            let who = people::practitioner(self.scope, drafts, spot);
            if !draft.body.contains_key("requester") {
                let who = who.map(|person| self.orderer(drafts, person, orc, around));
                draft.set("requester", who, spot);
            }
        }
        if let Some(orc) = orc.filter(|_| !draft.body.contains_key("requester")) {
            // Only the facility that asks is named (ORC-21 to 23).
            draft.set("requester", self.facility(drafts, orc, around), book.field(orc, 21));
        }
        for spot in f(31).reps() {
            draft.push("reasonCode", types::cwe(spot), spot);
        }
        if f(13).has_content() {
            let relevant = f(13).raw_text();
            f(13).mark();
            draft.push("note", Some(Object::new().with("text", relevant)), f(13));
        }
        for from in std::iter::once(obr.index()).chain(orc.map(|s| s.index())) {
            for nte in self.notes(from) {
                let note = observation::note_of(book, self.scope, drafts, nte);
                draft.push("note", note, book.field(nte, 3));
            }
        }
        around.add(drafts, obr, "OBR+", &mut draft);
        if let Some(orc) = orc {
            around.add(drafts, orc, "ORC+", &mut draft);
        }
        for tq1 in order.others.iter().filter_map(|i| book.segment(*i)).filter(|s| s.is("TQ1")) {
            around.add(drafts, tq1, "TQ1S", &mut draft);
            if let Some((when, from)) =
                timing::timing(book, tq1).filter(|_| !draft.body.contains_key("occurrenceTiming"))
            {
                draft.put("occurrenceTiming", when);
                from.iter().for_each(|(spot, at)| draft.link(*spot, format!("/occurrenceTiming{at}")));
            }
        }
        // Before TQ1 there were ORC-7 and OBR-27; the latter repeats the former.
        match o(7).filter(|s| s.has_content()) {
            Some(old) => {
                quantity_timing(&mut draft, old);
                if f(27).raw_text() == old.raw_text() {
                    f(27).mark();
                }
            }
            None => quantity_timing(&mut draft, f(27)),
        }
        if !draft.body.contains_key("occurrenceTiming") {
            around.add(drafts, obr, "OBR6", &mut draft);
        }
        self.reasons(drafts, order, &mut draft);
        Some(drafts.add(draft))
    }

    /// OBR-24; answers the category that the observations get.
    fn category(&self, report: &mut Draft, spot: Spot<'_>) -> &'static str {
        const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
        let sent = spot.c(1).take();
        let code = sent.as_deref().map(types::code_text);
        let coding = Object::new().with("system", SYSTEM).with("code", code.as_deref().unwrap_or("LAB"));
        let concept = Object::new().with("coding", vec![Value::from(coding)]);
        report.push("category", Some(concept), spot);
        match code.as_deref() {
            Some("RAD" | "RUS" | "CT" | "NMR" | "CTH" | "RX" | "VUS" | "OUS" | "XRC" | "NMS" | "CUS") => {
                "imaging"
            }
            Some("EC" | "EN" | "CG" | "PF") => "procedure",
            Some(_) | None => "laboratory",
        }
    }

    fn order_row(&mut self, obr: Segment<'a>, numbers: &Numbers, code: &Value, orc: Option<Segment<'a>>) {
        let number = numbers.placer.as_ref().or(numbers.filler.as_ref()).map(|n| n.value.clone());
        let who = [Some((obr, 16)), orc.map(|o| (o, 12))].into_iter().flatten().find_map(|(segment, n)| {
            let spot = self.book.field(segment, n);
            let name: Vec<String> = [6, 3, 2].into_iter().filter_map(|c| spot.c(c).peek()).collect();
            (!name.is_empty()).then(|| name.join(" "))
        });
        let text = [number, Some(super::value::shown_concept(code)), who];
        let value = text.into_iter().flatten().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
        self.rows.push(Row::plain(Label::Key("order"), value, obr.index()));
    }
}

/// Placer and filler number of an order, from OBR or ORC.
struct Numbers {
    placer: Option<Identified>,
    filler: Option<Identified>,
}

impl Numbers {
    fn read<'a>(book: &'a Book<'a>, scope: &Scope<'_>, obr: Segment<'a>, orc: Option<Segment<'a>>) -> Self {
        let read = |n: u16, kind: &str| {
            let own = types::ei(scope, book.field(obr, n), kind);
            let common = orc.map(|o| book.field(o, n));
            // The same number again; another one stands in the report.
            if let (Some(own), Some(common)) = (&own, common)
                && common.c(1).peek().as_deref() == Some(own.value.as_str())
            {
                common.mark();
            }
            own.or_else(|| types::ei(scope, common?, kind))
        };
        Self { placer: read(2, "PLAC"), filler: read(3, "FILL") }
    }

    /// What tells this order from the sender's others.
    fn key(&self, scope: &Scope<'_>, patient: &Value, observed: Spot<'_>) -> String {
        match self.filler.as_ref().or(self.placer.as_ref()) {
            Some(n) => format!("{}|{}", n.system, n.value),
            None => {
                let when = observed.c(1).peek().unwrap_or_else(|| {
                    // Neither number nor time: the message itself tells it from others.
                    String::from_utf8_lossy(observed.book.message.header().control_id()).into_owned()
                });
                format!("{}|{}|{when}", scope.sender_system(), patient.str("reference").unwrap_or(""))
            }
        }
    }

    fn add(&self, draft: &mut Draft, placer: Spot<'_>, filler: Spot<'_>) {
        for (number, from) in [(&self.placer, placer), (&self.filler, filler)] {
            if let Some(n) = number {
                draft.push("identifier", Some(n.json()), from);
            }
        }
    }
}

/// OBR-7 and OBR-8: a moment, or a period when both are sent and differ.
pub(super) fn effective(from: Spot<'_>, to: Spot<'_>) -> (Option<String>, Option<(&'static str, Value)>) {
    let (start, end) = (from.date_time(), to.date_time());
    let effective = match (&start, &end) {
        (Some(s), Some(e)) if s != e => {
            let period = Object::new().with("start", s.as_str()).with("end", e.as_str());
            Some(("effectivePeriod", period.into()))
        }
        (Some(one), _) | (None, Some(one)) => Some(("effectiveDateTime", Value::from(one.as_str()))),
        (None, None) => None,
    };
    (start.or(end), effective)
}

/// OBR-25; without it, what the results say together.
fn report_status(report: &mut Draft, spot: Spot<'_>, statuses: &[String]) {
    let sent = spot.c(1).take();
    match (&sent, sent.as_deref().and_then(|s| codes::report_status(spot.book.maps, s))) {
        (_, Some(code)) => {
            report.set("status", Some(code), spot);
        }
        (Some(sent), None) => {
            spot.unknown_code(sent);
            report.set("status", Some("unknown"), spot);
        }
        (None, None) => {
            let all = |s: &[&str]| !statuses.is_empty() && statuses.iter().all(|t| s.contains(&t.as_str()));
            let status = if all(&["final", "corrected", "amended"]) {
                if statuses.iter().any(|s| s == "corrected") { "corrected" } else { "final" }
            } else if statuses.iter().any(|s| s == "final") {
                "partial"
            } else if all(&["preliminary"]) {
                "preliminary"
            } else {
                "unknown"
            };
            report.put("status", status);
        }
    }
}

impl Orders<'_, '_> {
    /// OBX outside any order, as ADT messages send height and weight.
    pub fn loose(&mut self, drafts: &mut Drafts) {
        let layout = self.layout;
        self.values(drafts, &layout.observations, None, None);
    }
}

/// TQ of an order; what other segments have said stays.
fn quantity_timing(draft: &mut Draft, spot: Spot<'_>) {
    let Some(spot) = spot.reps().into_iter().next() else { return };
    if !draft.body.contains_key("occurrenceTiming") {
        draft.set("occurrenceTiming", timing::old(spot), spot);
    }
    if !draft.body.contains_key("quantityQuantity") {
        draft.set("quantityQuantity", timing::old_quantity(spot), spot);
    }
    if !draft.body.contains_key("priority") {
        draft.set("priority", timing::old_priority(spot), spot);
    }
    draft.push("note", spot.c(8).take().map(|text| Object::new().with("text", text)), spot);
}

impl Orders<'_, '_> {
    /// The diagnoses of an order are why it is given (the guide's maps of ORM and OML).
    fn reasons(&self, drafts: &Drafts, order: &Order, draft: &mut Draft) {
        for at in order.others.iter().filter(|i| self.book.segment(**i).is_some_and(|s| s.is("DG1"))) {
            let made = |d: &&Draft| d.kind == "Condition" && d.links.iter().any(|link| link.0 == *at);
            if let Some(condition) = drafts.0.iter().find(made) {
                draft.append_once("reasonReference", condition.reference());
            }
        }
    }
}

/// What ORC-1 makes of an order that has no status of its own.
fn control_status(spot: Option<Spot<'_>>) -> Option<&str> {
    let spot = spot?;
    spot.c(1).peek().and_then(|code| codes::order_control(spot.book.maps, &code))
}

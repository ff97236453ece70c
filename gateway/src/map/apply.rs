//! Carrying the rules out: a segment and its block become a resource, or additions to one.

use std::collections::BTreeMap;

use crate::hl7::Segment;
use crate::hl7::datetime::Precision;
use crate::json::{Number, Object, Value};

use super::book::{Book, Spot};
use super::codes;
use super::concepts::Concept;
use super::draft::{Draft, Drafts};
use super::ids;
use super::people;
use super::rules::{Block, How, List, RULES, Rule, Step, When};
use super::slots::Slots;
use super::telecom;
use super::types::{self, Scope};
use super::value;

const ALTERNATE: &str = "http://hl7.org/fhir/StructureDefinition/alternate-codes";

/// What a segment knows of the message around it.
pub(super) struct Around<'a, 'b> {
    pub book: &'a Book<'a>,
    pub scope: &'b Scope<'b>,
    /// References by the names that rules use: `patient`, `encounter`, `order`, `source`.
    pub refs: BTreeMap<&'static str, Value>,
}

impl<'a> Around<'a, '_> {
    /// The resource of a segment that has a block of its own, or `None` when there is no block or nothing to say.
    pub fn resource(&self, drafts: &mut Drafts, segment: Segment<'a>) -> Option<Draft> {
        self.resource_by(drafts, segment, &segment.name())
    }

    /// The resource that the block of that name makes of a segment.
    pub fn resource_by(&self, drafts: &mut Drafts, segment: Segment<'a>, name: &str) -> Option<Draft> {
        let block = RULES.block(name)?;
        let field = |n: u16| self.book.field(segment, n);
        if !block.needs.is_empty() && !block.needs.iter().any(|n| field(*n).has_content()) {
            return None;
        }
        let mut draft = Draft::partial(block.kind, self.id(block, segment, &segment.name()));
        self.extend(drafts, segment, &mut draft, block);
        Some(draft)
    }

    /// The resource that a block makes of a segment, under the id that it has when another segment names it.
    pub fn resource_as(
        &self,
        drafts: &mut Drafts,
        segment: Segment<'a>,
        name: &str,
        known_by: &str,
    ) -> Option<Draft> {
        let block = RULES.block(name)?;
        let mut draft = Draft::partial(block.kind, self.id(block, segment, known_by));
        self.extend(drafts, segment, &mut draft, block);
        Some(draft)
    }

    /// Adds what the block of that name says of a segment to a resource.
    pub fn add(&self, drafts: &mut Drafts, segment: Segment<'a>, name: &str, draft: &mut Draft) {
        if let Some(block) = RULES.block(name) {
            self.extend(drafts, segment, draft, block);
        }
    }

    /// Adds what a block says of a segment to a resource that is here already, named by its reference.
    pub fn add_to(&self, drafts: &mut Drafts, reference: Option<&str>, segment: Segment<'a>, name: &str) {
        let Some((kind, id)) = reference.and_then(|r| r.split_once('/')) else { return };
        if let Some(at) = drafts.0.iter().position(|d| d.kind == kind && d.id == id) {
            let mut draft = drafts.0.remove(at);
            self.add(drafts, segment, name, &mut draft);
            drafts.0.insert(at.min(drafts.0.len()), draft);
        }
    }

    /// The patient and the key fields name it; without those, the message and the segment's place in it.
    fn id(&self, block: &Block, segment: Segment<'a>, name: &str) -> String {
        let read = |all: &[u16]| -> Vec<String> {
            all.iter().map(|n| self.book.field(segment, *n).raw_text()).collect()
        };
        let mut keys = read(&block.keys);
        if keys.iter().all(String::is_empty) && !block.else_keys.is_empty() {
            keys = read(&block.else_keys);
        }
        let mut parts = vec![self.scope.sender_system()];
        if let Some(patient) = self.refs.get("patient").and_then(|p| p.str("reference")) {
            parts.push(patient.to_owned());
        }
        if keys.iter().all(String::is_empty) {
            parts.push(String::from_utf8_lossy(self.book.message.header().control_id()).into_owned());
            parts.push(segment.occurrence().to_string());
        }
        parts.push(name.to_owned());
        parts.extend(keys);
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ids::stable(block.kind, &parts)
    }

    fn extend(&self, drafts: &mut Drafts, segment: Segment<'a>, draft: &mut Draft, block: &Block) {
        let mut slots = Slots::default();
        if set_id(segment) {
            self.book.structural(segment, &[1]);
        }
        for rule in &block.rules {
            if rule.when.as_ref().is_some_and(|w| !self.holds(segment, w)) {
                continue;
            }
            self.rule(drafts, segment, draft, rule, &mut slots);
        }
        if draft.kind == "Organization" {
            self.no_home(segment, draft);
        }
    }

    /// An organisation has no home (invariants org-2 and org-3): such a use is left out, and said.
    fn no_home(&self, segment: Segment<'a>, draft: &mut Draft) {
        for key in ["address", "telecom"] {
            let items = draft.body.get_mut(key).and_then(Value::as_array_mut);
            for item in items.into_iter().flatten().filter_map(Value::as_object_mut) {
                if item.get("use").and_then(Value::as_str) == Some("home") {
                    item.remove("use");
                    let text = "An organization has no home address or number; this use (home) was left out.";
                    self.book.warn(segment.name(), "homeOfOrganization", text);
                }
            }
        }
    }

    fn holds(&self, segment: Segment<'a>, when: &When) -> bool {
        let spot = place(self.book.field(segment, when.source.0), when.source);
        let found = match spot.peek() {
            Some(_) if when.values.is_empty() => true,
            Some(text) => when.values.iter().any(|v| v.eq_ignore_ascii_case(&text)),
            None => false,
        };
        found != when.negated
    }

    fn rule(
        &self,
        drafts: &mut Drafts,
        segment: Segment<'a>,
        draft: &mut Draft,
        rule: &Rule,
        slots: &mut Slots,
    ) {
        if rule.source.0 == 0 {
            if let How::Always(text) = rule.how {
                slots.put(&mut draft.body, &rule.path, 0, literal(text));
            } else if let How::Assume(text) = rule.how {
                self.assume(draft, rule, text);
            } else if let How::Refer(name) = rule.how
                && let Some(reference) = self.refs.get(name)
            {
                slots.put(&mut draft.body, &rule.path, 0, reference.clone());
            }
            return;
        }
        let field = self.book.field(segment, rule.source.0);
        // What another segment or field has said already stays; this one is then in the report.
        if !matches!(rule.how, How::Always(_) | How::Assume(_) | How::Unit) && said(&draft.body, &rule.path) {
            return;
        }
        if let ([Step { name, .. }], true) = (rule.path.as_slice(), field.deleted()) {
            draft.deletes.push((*name).to_owned());
            return;
        }
        let many = rule.path.iter().any(|s| s.list != List::No);
        for (rep, spot) in field.reps().into_iter().enumerate().take(if many { MOST_REPEATS } else { 1 }) {
            let spot = place(spot, rule.source);
            if !spot.has_content() {
                continue;
            }
            // A constant completes what a rule above has made of the same repetition.
            if matches!(rule.how, How::Always(_)) && !slots.has(&rule.path, rep) {
                continue;
            }
            match self.value(drafts, draft, rule, spot) {
                Some(value) => {
                    let pointer = slots.put(&mut draft.body, &rule.path, rep, value);
                    draft.link(spot, pointer);
                }
                None => self.alternate(draft, rule, spot, rep, slots),
            }
        }
    }

    fn assume(&self, draft: &mut Draft, rule: &Rule, text: &str) {
        if let [first, rest @ ..] = rule.path.as_slice() {
            let value = rest.iter().rev().fold(literal(text), |value, step| {
                let value = if step.list == List::No { value } else { Value::from(vec![value]) };
                Object::new().with(step.name, value).into()
            });
            let value = if first.list == List::No { value } else { Value::from(vec![value]) };
            draft.assume(first.name, value);
        }
    }

    /// A code that the table does not know stays beside the element, as the guide's alternate-codes extension says.
    fn alternate(&self, draft: &mut Draft, rule: &Rule, spot: Spot<'a>, rep: usize, slots: &mut Slots) {
        let How::Code(_) = rule.how else { return };
        let Some((last, before)) = rule.path.split_last().filter(|(last, _)| last.list == List::No) else {
            return;
        };
        if before.is_empty() && draft.body.contains_key(&format!("_{}", last.name)) {
            // Another segment has said one already; this one stands in the report.
            return;
        }
        if !before.is_empty() && slots.reach(&mut draft.body, before, rep).is_none() {
            return;
        }
        let Some(concept) = types::cwe(spot) else { return };
        let extension = Object::new().with("url", ALTERNATE).with("valueCodeableConcept", concept);
        let extended: Value = Object::new().with("extension", vec![Value::from(extension)]).into();
        if before.is_empty() {
            draft.body.insert(format!("_{}", last.name), extended);
        } else if let Some(place) = slots.reach(&mut draft.body, before, rep) {
            place.insert(format!("_{}", last.name), extended);
        }
    }

    fn value(&self, drafts: &mut Drafts, draft: &Draft, rule: &Rule, spot: Spot<'a>) -> Option<Value> {
        let scope = self.scope;
        Some(match rule.how {
            How::Always(text) => literal(text),
            How::Assume(text) => literal(text),
            How::Refer(name) => self.refs.get(name)?.clone(),
            How::Cwe(None) => types::cwe(spot)?,
            How::Cwe(Some(table)) if table.starts_with("v2-") => types::cwe_of(spot, table)?,
            How::Cwe(Some(table)) => mapped(spot, table)?,
            How::Coding(table) => {
                let mut coding = types::coding(spot, 1)?;
                if let (Some(table), true) =
                    (table, coding.contains_key("code") && !coding.contains_key("system"))
                {
                    coding.insert_at(0, "system", format!("http://terminology.hl7.org/CodeSystem/{table}"));
                    let code = coding.get("code").and_then(Value::as_str);
                    let known = code.and_then(|c| spot.book.maps.find(table, c)).map(|c| c.display);
                    if let Some(shown) = known.filter(|_| !coding.contains_key("display")) {
                        coding.insert("display", shown);
                    }
                }
                coding.into()
            }
            How::Code(table) => {
                let sent = spot.c1().peek()?;
                let Some(found) = spot.book.maps.find(table, &sent) else {
                    spot.unknown_code(&sent);
                    return None;
                };
                spot.mark_code();
                found.code.into()
            }
            How::Text => spot.c1().take()?.into(),
            How::Lines => {
                let text = spot.raw_text();
                spot.mark();
                text.into()
            }
            How::Date => spot.when()?.date().into(),
            How::Instant => spot.instant()?.into(),
            How::Day => spot.when_if(|w| w.precision <= Precision::Day)?.date().into(),
            How::DateTime => spot.date_time()?.into(),
            How::Bool => {
                let yes = codes::yes_no(&spot.c1().peek()?)?;
                spot.mark_code();
                yes.into()
            }
            How::Int => {
                let n = spot.c1().peek()?.parse::<u32>().ok()?;
                spot.c1().mark();
                n.into()
            }
            How::Decimal => Value::Number(decimal(spot.c1())?),
            How::Cx => types::cx(scope, spot)?.json(),
            How::Ei(Some(kind)) => types::ei(scope, spot, kind)?.json(),
            How::Ei(None) => types::ei_typed(&types::ei(scope, spot, "")?, spot),
            How::Xpn => types::xpn(spot)?.json,
            How::Xad => types::xad(spot)?,
            How::Xtn(used) => telecom::xtn(spot, used)?.1,
            How::Practitioner => people::practitioner(scope, drafts, spot)?,
            How::Organization => people::organization(scope, drafts, spot)?,
            How::OrganizationNamed => {
                let number = spot.c(1).take();
                let named = number.is_some();
                let name = spot.c(2).take().or_else(|| number.clone());
                let system = spot.c(3).peek().filter(|_| named).inspect(|_| spot.c(3).mark());
                let system = system.map(|s| codes::code_system(&s).unwrap_or_else(|| ids::local_system(&s)));
                let number = number.map(|n| {
                    types::Identified::plain(system.unwrap_or_else(|| scope.sender_system()), n, None)
                });
                people::organization_of(scope, drafts, name, number, spot)?
            }
            How::Device => people::device(scope, drafts, spot)?,
            How::DeviceNamed => people::device_named(scope, drafts, spot)?,
            How::Location => people::location(scope, drafts, spot)?,
            How::LocationNamed => people::place_named(scope, drafts, spot)?,
            How::LocationAddress => people::place_at(scope, drafts, spot)?,
            How::Period => types::period(spot.c(1), spot.c(2))?,
            How::Money => money(spot)?,
            How::Quantity => quantity(spot)?,
            How::Unit => {
                // The unit of the number that stands there already.
                let number = slots_number(&draft.body, &rule.path)?;
                value::with_unit(Object::new().with("value", number), spot).into()
            }
            How::Annotation => Object::new().with("text", spot.c1().take()?).into(),
            How::Concept => types::text_concept(&spot.c1().take()?),
        })
    }
}

/// True when a member that is no list is there already.
fn said(body: &Object, path: &[Step]) -> bool {
    if path.iter().any(|s| s.list != List::No) {
        return false;
    }
    let mut steps = path.iter();
    let Some(mut at) = steps.next().and_then(|s| body.get(s.name)) else { return false };
    for step in steps {
        match at.get(step.name) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    true
}

/// More repetitions of one field than this go into the report only.
const MOST_REPEATS: usize = 200;

/// Segments whose first field only counts them.
fn set_id(segment: Segment<'_>) -> bool {
    !["SCH", "RXA", "RXO", "RXE", "RXD", "RXR", "ACC", "EVN", "MRG", "TXA", "PD1", "PV2", "SFT", "PDA", "ORC"]
        .iter()
        .any(|n| segment.is(n))
}

fn place(spot: Spot<'_>, source: (u16, u16, u16)) -> Spot<'_> {
    match source {
        (_, 0, _) => spot,
        (_, component, 0) => spot.c(component),
        (_, component, sub) => spot.c(component).s(sub),
    }
}

fn literal(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        text => text.into(),
    }
}

fn decimal(spot: Spot<'_>) -> Option<Number> {
    let number = value::json_number(&spot.peek()?)?;
    spot.mark();
    Some(number)
}

/// CP and MO: an amount with its currency in sub-components, or in the first two components of old senders.
fn money(spot: Spot<'_>) -> Option<Value> {
    let amount = decimal(spot.c(1).s(1))?;
    let currency = spot
        .c(1)
        .s(2)
        .take()
        .or_else(|| spot.c(2).peek().filter(|c| c.len() == 3).inspect(|_| spot.c(2).mark()));
    Some(Object::new().with("value", amount).with_some("currency", currency).into())
}

/// CQ: a number and its unit in the sub-components of component 2.
fn quantity(spot: Spot<'_>) -> Option<Value> {
    let number = decimal(spot.c(1))?;
    let unit = spot.c(2);
    let (code, text) = (unit.s(1).peek(), unit.s(2).take());
    let system = unit.s(3).peek().filter(|_| code.is_some()).inspect(|_| unit.s(3).mark());
    let system = system.map(|s| codes::code_system(&s).unwrap_or_else(|| ids::local_system(&s)));
    if system.is_some() || text.is_none() {
        unit.s(1).mark();
    }
    let unit = text.or_else(|| code.clone());
    let code = code.filter(|_| system.is_some());
    Some(
        Object::new()
            .with("value", number)
            .with_some("unit", unit)
            .with_some("system", system)
            .with_some("code", code)
            .into(),
    )
}

/// A CWE through a concept map: the FHIR codings first, the sender's own behind them where they say more.
pub(super) fn mapped(spot: Spot<'_>, table: &str) -> Option<Value> {
    let sent = spot.c1().peek();
    let first = sent.as_deref().and_then(|s| spot.book.maps.find(table, s));
    let mut found: Vec<Concept<'_>> = first.into_iter().collect();
    if spot.comp == 0 {
        // The alternative codings may be of the table, too.
        for other in [4, 10].into_iter().filter_map(|n| spot.book.maps.find(table, &spot.c(n).peek()?)) {
            if !found.contains(&other) {
                found.push(other);
            }
        }
    }
    let own = types::cwe(spot);
    if let (Some(sent), None) = (&sent, first) {
        spot.unknown_code(sent);
    }
    if found.is_empty() { own } else { Some(with_targets(&found, own)) }
}

fn with_targets(found: &[Concept<'_>], own: Option<Value>) -> Value {
    let mut codings: Vec<Value> = found.iter().map(|f| f.coding()).collect();
    let mut text = None;
    if let Some(own) = own {
        text = own.str("text").map(str::to_owned);
        let same = |c: &Value, f: &Concept<'_>| {
            c.str("code") == Some(f.code) && c.str("system").is_none_or(|s| s == f.system)
        };
        let differs = |c: &&Value| !found.iter().any(|f| same(c, f));
        codings.extend(own.items("coding").iter().filter(differs).cloned());
    }
    let text = text.filter(|t| !found.iter().any(|f| t == f.code));
    Object::new().with("coding", codings).with_some("text", text).into()
}

fn slots_number(body: &Object, path: &[Step]) -> Option<Value> {
    let mut steps = path.iter();
    let mut at = body.get(steps.next()?.name)?;
    for step in steps {
        if let Some(items) = at.as_array() {
            at = items.last()?;
        }
        at = at.get(step.name)?;
    }
    at.get("value").cloned()
}

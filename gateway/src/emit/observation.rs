//! Observation to OBX and NTE.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::participation::{is_participant, participants};
use super::rules::fill;
use super::segment::{Segment, repeats, text};
use super::types::{Scope, code_of, cwe_of, dtm};
use super::value::{self, Typed};

/// The OBX of an observation, one for each value, with its notes behind. `at` counts the OBX of the order.
pub(super) fn observation(scope: &Scope<'_>, observation: &Value, at: &mut usize, out: &mut Vec<Segment>) {
    let own = value::typed(observation).or_else(|| value::repeated(observation));
    let parts: Vec<&Value> = match (&own, value::repeated(observation)) {
        (_, Some(_)) => Vec::new(),
        (_, None) => observation.items("component").iter().collect(),
    };
    let grouped = !parts.is_empty();
    if own.is_some() || !grouped {
        let group = if grouped { Some(0) } else { None };
        out.push(obx(scope, observation, observation, own, group, at));
        participants(scope, observation, out);
        notes(scope, observation, out);
    }
    for (n, part) in parts.iter().enumerate() {
        out.push(obx(scope, observation, part, value::typed(part), Some(n + 1), at));
        if n == 0 && own_is_absent(observation) {
            participants(scope, observation, out);
            notes(scope, observation, out);
        }
    }
}

fn own_is_absent(observation: &Value) -> bool {
    value::typed(observation).is_none()
}

/// One OBX: what is asked and answered from `holder`, all else from the observation. `group` numbers the parts of one
/// observation in OBX-4.
fn obx(
    scope: &Scope<'_>,
    observation: &Value,
    holder: &Value,
    typed: Option<Typed>,
    group: Option<usize>,
    at: &mut usize,
) -> Segment {
    let mut obx = Segment::numbered("OBX", *at);
    *at += 1;
    obx.set(3, cwe_of(holder, "code"));
    if let Some(group) = group {
        obx.set(4, format!("1.{group}").as_str());
    }
    if let Some(typed) = typed {
        obx.set(2, typed.kind).set(5, typed.value).set(6, typed.unit);
    }
    let either = |key| if holder.get(key).is_some() { holder } else { observation };
    if let Some(range) = either("referenceRange").items("referenceRange").first() {
        obx.set(7, text(value::range(range).as_deref()));
        // A range may have a unit where there is no value that has one.
        let limit = ["low", "high"].into_iter().find_map(|key| range.get(key));
        if observation.get("valueQuantity").is_none() && holder.get("valueQuantity").is_none() {
            obx.set(6, limit.map_or(Content::Empty, value::unit));
        }
    }
    obx.set(8, repeats(either("interpretation").items("interpretation").iter().map(flag)));
    obx.set(11, codes::observation_status(observation.str("status").unwrap_or("unknown")));
    let when = observation.str("effectiveDateTime").or_else(|| observation.str("effectiveInstant"));
    let when = when.or_else(|| observation.get("effectivePeriod").and_then(|p| p.str("start")));
    obx.set(14, dtm(when));
    obx.set(17, cwe_of(observation, "method"));
    obx.set(19, dtm(observation.str("issued")));
    performers(scope, observation, &mut obx);
    fill(scope, &mut obx, "OBX+", observation);
    obx
}

/// OBX-15, 16, 23, 24 and 25: who made the result, who answers for it, and where.
fn performers(scope: &Scope<'_>, observation: &Value, obx: &mut Segment) {
    let told = |who: &&Value| !is_participant(scope, who);
    let all: Vec<&Value> = observation.items("performer").iter().filter(told).collect();
    let directs = |who: &Value| {
        let role = scope.set.get(Some(who)).map(|r| r.items("code")).unwrap_or_default();
        role.iter().any(|c| code_of(Some(c)) == Some("MDIR"))
    };
    let organization = |who: &Value| scope.is(who, "Organization");
    let (directors, others): (Vec<&Value>, Vec<&Value>) = all.iter().copied().partition(|who| directs(who));
    let observers = others.iter().filter(|who| !organization(who));
    obx.set(16, repeats(observers.clone().map(|who| scope.xcn(who))));
    obx.set(25, repeats(directors.iter().map(|who| scope.xcn(who))));
    let directed = directors.iter().find_map(|who| scope.set.get(Some(who))?.get("organization"));
    let mut places: Vec<&Value> = others.iter().copied().filter(|who| organization(who)).collect();
    // The producer stands before the persons; one organisation alone performed it.
    let leads = all.first().copied().is_some_and(organization);
    let in_role = observers.clone().any(|who| scope.is(who, "PractitionerRole"));
    if leads && (places.len() > 1 || directed.is_some() || in_role) {
        obx.set(15, scope.producer(places.remove(0)));
    }
    let mut performed: Vec<&Value> = directed.into_iter().collect();
    performed.extend(places);
    obx.set(23, repeats(performed.iter().map(|who| scope.xon(who))));
    if let Some(found) = performed.first().and_then(|who| scope.set.get(Some(who))) {
        fill(scope, obx, "OBX24", found);
    }
}

/// OBX-8: the flag; what has no code stands as words.
fn flag(concept: &Value) -> Content {
    let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
    let known = concept.items("coding").iter().find(|c| c.str("system") == Some(system));
    match known.and_then(|c| c.str("code")).or_else(|| code_of(Some(concept))) {
        Some(code) if known.is_some() => code.into(),
        Some(_) | None => super::types::cwe(concept),
    }
}

/// NTE for each note, with who wrote it and when.
pub(super) fn notes(scope: &Scope<'_>, resource: &Value, out: &mut Vec<Segment>) {
    let texts = resource.items("note").iter().filter_map(|note| Some((note, note.str("text")?)));
    for (n, (note, words)) in texts.enumerate() {
        let lines =
            repeats(words.split('\n').map(|line| Content::from(if line.is_empty() { " " } else { line })));
        let author = note.get("authorReference").map_or(Content::Empty, |who| scope.xcn(who));
        let nte = Segment::numbered("NTE", n).with(3, lines).with(5, author);
        out.push(nte.with(6, dtm(note.str("time"))));
    }
}

//! Results: readings of one test together, flagged, with those that cannot wait in front.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use clinicvault_gateway::json::Value;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::dto::{Alert, BloodPressure, Flag, Point, Range, ResultRow};
use crate::clinic::read::{compare_decimals, display, has_code, instant, words};
use crate::clinic::review::Reviewed;

/// Readings drawn in a row of the chart.
const LAST: usize = 5;
/// Pairs drawn in the pressure trend.
const PRESSURES: usize = 10;
/// A critical value known for longer than this is history, not an alert.
const ALERT_AGE: SignedDuration = SignedDuration::from_hours(24 * 14);

/// LOINC codes of a blood pressure panel and its two parts.
const PRESSURE_PANEL: &[&str] = &["85354-9", "55284-4"];
const SYSTOLIC: &[&str] = &["8480-6"];
const DIASTOLIC: &[&str] = &["8462-4"];

/// Who has looked at which Observation, by its id, as it stands now.
pub type Reviews = BTreeMap<String, Reviewed>;

/// Rows as the chart shows them: critical first, then abnormal, then by name; each with its last five readings.
pub fn shorten(mut rows: Vec<ResultRow>) -> Vec<ResultRow> {
    for row in &mut rows {
        let from = row.series.len().saturating_sub(LAST);
        row.series.drain(..from);
    }
    rows.sort_by(|a, b| urgency(b).cmp(&urgency(a)).then_with(|| a.text.cmp(&b.text)));
    rows
}

/// Every reading of one test; `name` is `system|code`, a code alone, or the words of a test without a code.
#[must_use]
pub fn series(observations: &[Value], reviews: &Reviews, name: &str, zone: &TimeZone) -> Vec<ResultRow> {
    let (system, code) = name.rsplit_once('|').map_or((None, name), |(system, code)| (Some(system), code));
    let mut rows = rows(observations, reviews, zone);
    rows.retain(|row| row.code == code && system.is_none_or(|system| row.system.as_deref() == Some(system)));
    rows
}

/// Critical readings that wait for a doctor, the newest first: of each test the newest that is recent enough to act on
/// and that nobody has seen, neither by a mark of its own nor beside a later reading that was marked after this one
/// had come. A mark cannot speak for what arrived after it.
#[must_use]
pub fn alerts(rows: &[ResultRow], now: Timestamp, zone: &TimeZone) -> Vec<Alert> {
    let waiting = |row: &ResultRow| {
        let mut looked = i64::MIN;
        let mut latest_first = row.series.iter().rev();
        let open = latest_first.find(|point| {
            if let Some(mark) = &point.reviewed {
                looked = looked.max(instant(&mark.at, zone));
                return false;
            }
            is_critical(point.flag) && point.arrived > looked && is_recent(point, now)
        });
        open.map(|point| alert(row, point))
    };
    newest_first(rows.iter().filter_map(waiting), zone)
}

/// Critical readings that a doctor has looked at since `since`, the newest first.
#[must_use]
pub fn settled(rows: &[ResultRow], since: Timestamp, zone: &TimeZone) -> Vec<Alert> {
    let late = |point: &&Point| {
        is_critical(point.flag)
            && point.reviewed.as_ref().is_some_and(|r| instant(&r.at, zone) >= since.as_microsecond())
    };
    let all = rows.iter().flat_map(|row| row.series.iter().filter(late).map(|point| alert(row, point)));
    newest_first(all, zone)
}

/// Whether a flag asks for somebody at once.
#[must_use]
pub fn is_critical(flag: Option<Flag>) -> bool {
    matches!(flag, Some(Flag::HH | Flag::LL | Flag::AA))
}

/// Critical readings that arrived from this moment on are still alerts.
#[must_use]
pub fn alert_since(now: Timestamp) -> Timestamp {
    now.checked_sub(ALERT_AGE).unwrap_or(Timestamp::MIN)
}

fn is_recent(point: &Point, now: Timestamp) -> bool {
    point.arrived >= alert_since(now).as_microsecond()
}

fn alert(row: &ResultRow, point: &Point) -> Alert {
    Alert {
        id: point.id.clone(),
        version: point.version,
        code: row.code.clone(),
        text: row.text.clone(),
        value: point.value.clone(),
        unit: row.unit.clone(),
        flag: point.flag.unwrap_or(Flag::AA),
        range: row.range.clone(),
        at: point.at.clone(),
        source: point.source.clone(),
        reviewed: point.reviewed.clone(),
    }
}

fn newest_first(alerts: impl Iterator<Item = Alert>, zone: &TimeZone) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = alerts.collect();
    alerts.sort_by_key(|alert| std::cmp::Reverse(instant(&alert.at, zone)));
    alerts
}

/// Blood pressures as pairs, oldest first.
pub fn blood_pressure(observations: &[Value], zone: &TimeZone) -> Vec<BloodPressure> {
    let mut pairs: Vec<BloodPressure> =
        observations.iter().filter(|each| counts(each)).filter_map(pressure).collect();
    pairs.sort_by_key(|pair| instant(&pair.at, zone));
    let from = pairs.len().saturating_sub(PRESSURES);
    pairs.split_off(from)
}

/// The pair of a blood pressure panel.
pub fn pressure(observation: &Value) -> Option<BloodPressure> {
    if !has_code(observation, "code", PRESSURE_PANEL) {
        return None;
    }
    let part = |codes| {
        let part = observation.items("component").iter().find(|part| has_code(part, "code", codes))?;
        part.get("valueQuantity")?.get("value")?.as_number()?.as_f64()
    };
    let (systolic, diastolic) = (part(SYSTOLIC)?.round() as i64, part(DIASTOLIC)?.round() as i64);
    Some(BloodPressure {
        at: when(observation)?.to_owned(),
        systolic,
        diastolic,
        flag: stated_flag(observation).unwrap_or_else(|| pressure_flag(systolic, diastolic)),
    })
}

/// Adult limits of the Indian hypertension guideline: 140/90 high, 180/120 urgent.
fn pressure_flag(systolic: i64, diastolic: i64) -> Option<Flag> {
    match (systolic, diastolic) {
        (180.., _) | (_, 120..) => Some(Flag::HH),
        (140.., _) | (_, 90..) => Some(Flag::H),
        (..90, _) => Some(Flag::L),
        _ => None,
    }
}

/// One row for each test and unit, with every reading.
pub fn rows(observations: &[Value], reviews: &Reviews, zone: &TimeZone) -> Vec<ResultRow> {
    let mut groups: BTreeMap<(String, String, String), Vec<&Value>> = BTreeMap::new();
    for observation in observations.iter().filter(|each| is_result(each)) {
        let (system, code) = key(observation);
        if code.is_empty() || value(observation).is_none() || when(observation).is_none() {
            continue;
        }
        groups.entry((system, code, unit(observation).unwrap_or_default())).or_default().push(observation);
    }
    groups.into_iter().filter_map(|(key, group)| row(key, group, reviews, zone)).collect()
}

fn row(
    (system, code, unit): (String, String, String),
    mut group: Vec<&Value>,
    reviews: &Reviews,
    zone: &TimeZone,
) -> Option<ResultRow> {
    group.sort_by_key(|observation| {
        (when(observation).map(|at| instant(at, zone)), issued(observation).map(|at| instant(at, zone)))
    });
    let newest = *group.last()?;
    let points: Vec<Point> =
        group.into_iter().filter_map(|observation| point(observation, reviews, zone)).collect();
    Some(ResultRow {
        text: words(newest.get("code")).unwrap_or_else(|| code.clone()),
        code,
        system: Some(system).filter(|system| !system.is_empty()),
        unit: Some(unit).filter(|unit| !unit.is_empty()),
        range: range(newest),
        latest: points.last()?.clone(),
        series: points,
    })
}

fn point(observation: &Value, reviews: &Reviews, zone: &TimeZone) -> Option<Point> {
    let id = observation.str("id").unwrap_or_default();
    Some(Point {
        id: id.to_owned(),
        version: version(observation),
        reviewed: reviews.get(id).cloned(),
        value: value(observation)?,
        flag: flag(observation),
        at: when(observation)?.to_owned(),
        arrived: arrived(observation, zone),
        status: observation.str("status").unwrap_or_default().to_owned(),
        source: display(observation.items("performer").first()),
    })
}

/// How far an Observation lies from usual: what the laboratory said, else what its range says.
pub fn flag(observation: &Value) -> Option<Flag> {
    stated_flag(observation).unwrap_or_else(|| {
        let (value, range) = (value(observation)?, range(observation)?);
        let against = |end: &Option<String>| compare_decimals(&value, end.as_deref()?);
        if against(&range.high) == Some(Ordering::Greater) {
            Some(Flag::H)
        } else if against(&range.low) == Some(Ordering::Less) {
            Some(Flag::L)
        } else {
            None
        }
    })
}

/// The stated interpretation; the outer `None` means that nothing was stated.
fn stated_flag(observation: &Value) -> Option<Option<Flag>> {
    let codings = observation.items("interpretation").iter().flat_map(|concept| concept.items("coding"));
    codings.filter_map(|coding| coding.str("code")).find_map(|code| match code {
        "HH" | "HU" | "H>" | ">" => Some(Some(Flag::HH)),
        "LL" | "LU" | "L<" | "<" => Some(Some(Flag::LL)),
        "AA" => Some(Some(Flag::AA)),
        "H" => Some(Some(Flag::H)),
        "L" => Some(Some(Flag::L)),
        "A" | "POS" => Some(Some(Flag::A)),
        "N" | "NEG" => Some(None),
        _ => None,
    })
}

fn urgency(row: &ResultRow) -> u8 {
    match row.latest.flag {
        Some(Flag::HH | Flag::LL | Flag::AA) => 2,
        Some(Flag::H | Flag::L | Flag::A) => 1,
        None => 0,
    }
}

/// The version an Observation was read at; 0 where it does not say.
pub fn version(observation: &Value) -> u64 {
    let stated = observation.get("meta").and_then(|meta| meta.str("versionId"));
    stated.and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// Whether an Observation is a result that counts: neither a vital sign nor withdrawn.
#[must_use]
pub fn is_result(observation: &Value) -> bool {
    counts(observation) && !is_vital(observation)
}

/// Whether a result is a report of somebody who judges values: a laboratory's, or one with an interpretation.
#[must_use]
pub fn is_reported(observation: &Value) -> bool {
    is_result(observation)
        && (has_code(observation, "category", &["laboratory"])
            || !observation.items("interpretation").is_empty())
}

fn counts(observation: &Value) -> bool {
    !matches!(observation.str("status"), Some("entered-in-error" | "cancelled" | "registered"))
}

fn is_vital(observation: &Value) -> bool {
    has_code(observation, "category", &["vital-signs", "social-history", "survey"])
        || has_code(observation, "code", PRESSURE_PANEL)
}

fn key(observation: &Value) -> (String, String) {
    let codings = observation.get("code").map(|code| code.items("coding")).unwrap_or_default();
    let loinc = codings.iter().find(|coding| coding.str("system") == Some("http://loinc.org"));
    let coded = loinc.or_else(|| codings.first()).and_then(|coding| {
        Some((coding.str("system").unwrap_or_default().to_owned(), coding.str("code")?.to_owned()))
    });
    coded.unwrap_or_else(|| (String::new(), words(observation.get("code")).unwrap_or_default()))
}

fn unit(observation: &Value) -> Option<String> {
    let quantity = observation.get("valueQuantity")?;
    quantity.str("unit").or_else(|| quantity.str("code")).map(str::to_owned)
}

/// The value as it reads: digits as stored with their comparator, words, or a ratio.
pub fn value(observation: &Value) -> Option<String> {
    let number = |quantity: &Value| {
        let digits = quantity.get("value")?.as_number()?.as_str();
        Some(format!("{}{digits}", quantity.str("comparator").map(|c| format!("{c} ")).unwrap_or_default()))
    };
    if let Some(quantity) = observation.get("valueQuantity") {
        return number(quantity);
    }
    if let Some(text) = observation.str("valueString") {
        return Some(text.to_owned());
    }
    if let Some(whole) = observation.get("valueInteger").and_then(Value::as_number) {
        return Some(whole.as_str().to_owned());
    }
    if let Some(ratio) = observation.get("valueRatio") {
        return Some(format!("{}:{}", number(ratio.get("numerator")?)?, number(ratio.get("denominator")?)?));
    }
    words(observation.get("valueCodeableConcept"))
}

fn when(observation: &Value) -> Option<&str> {
    let period = || observation.get("effectivePeriod").and_then(|period| period.str("start"));
    observation
        .str("effectiveDateTime")
        .or_else(|| observation.str("effectiveInstant"))
        .or_else(period)
        .or_else(|| issued(observation))
}

/// When this version could first be seen here, in microseconds from 1970: when it was stored, which no specimen and no
/// report comes after; for a reading that is not stored the later of when it was taken and when it was issued.
fn arrived(observation: &Value, zone: &TimeZone) -> i64 {
    let stored = observation.get("meta").and_then(|meta| meta.str("lastUpdated"));
    let stated = || [when(observation), observation.str("issued")].into_iter().flatten();
    let stated = || stated().map(|at| instant(at, zone)).max();
    stored.map(|at| instant(at, zone)).or_else(stated).unwrap_or(i64::MIN)
}

fn issued(observation: &Value) -> Option<&str> {
    observation.str("issued").or_else(|| observation.get("meta")?.str("lastUpdated"))
}

fn range(observation: &Value) -> Option<Range> {
    let stated = observation
        .items("referenceRange")
        .iter()
        .find(|range| range.get("type").is_none() || has_code(range, "type", &["normal"]))?;
    let end = |key| stated.get(key)?.get("value")?.as_number().map(|number| number.as_str().to_owned());
    let (low, high) = (end("low"), end("high"));
    let text = stated.str("text").map(str::to_owned).or_else(|| match (&low, &high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (None, Some(high)) => Some(format!("up to {high}")),
        (Some(low), None) => Some(format!("{low} or more")),
        (None, None) => None,
    })?;
    Some(Range { low, high, text })
}

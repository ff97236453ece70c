//! `Observation/$lastn` and `Observation/$stats`: the newest of each kind, and figures over many (R4).

use axum::response::Response;
use clinicvault_gateway::decimal::Decimal;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::lastn::newest_of_each;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_gateway::fhir::parameters::{Answer, Parameters};
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::fhir::statistics::{SYSTEM, Statistic, figure};
use clinicvault_gateway::json::{Number, Object, Value};
use clinicvault_gateway::ucum;
use http::StatusCode;

use super::answer;
use super::operations::{Call, Rest};
use super::sets::Set;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::error::Error;
use crate::records::gather::parsed;
use crate::records::read::Stored;
use crate::records::search::Asked;

/// Most observations that one operation looks at.
const MOST: usize = 20_000;

type Pairs = Vec<(String, String)>;

/// `$lastn`
pub async fn lastn(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let max = given.integer("max").map_err(Error::Unreadable)?.unwrap_or(1);
    let max = usize::try_from(max)
        .ok()
        .filter(|max| *max > 0)
        .ok_or_else(|| HttpError::bad_request("max must be a whole number above zero.").field("max"))?;
    let pairs = given.texts_left().map_err(Error::Unreadable)?;
    let of = |names: &[&str]| {
        pairs.iter().any(|(name, _)| names.contains(&name.split([':', '.']).next().unwrap_or_default()))
    };
    if !of(&["patient", "subject"]) || !of(&["code", "category"]) {
        let message = "$lastn needs a patient (or subject) and a category or code.";
        return Err(HttpError::bad_request(message).field("patient"));
    }
    if let Some((name, _)) = pairs.iter().find(|(name, _)| {
        matches!(
            name.as_str(),
            "_count" | "_sort" | "_cursor" | "_include" | "_revinclude" | "_summary" | "_elements" | "_total"
        )
    }) {
        return Err(HttpError::bad_request(format!("$lastn takes no {name}.")).field(name.clone()));
    }
    let work = tokio::task::spawn_blocking(move || {
        let rows = found(&call, pairs.clone())?;
        let trees = rows.iter().map(parsed).collect::<Result<Vec<_>, Error>>()?;
        let address = format!("{}/Observation/$lastn?max={max}&{}", call.ask.base, query::encode(&pairs));
        let chosen = newest_of_each(&trees, max);
        let mut set = Set::open("searchset", Some(chosen.len() as u64), &[("self", address)]);
        for stored in chosen.into_iter().filter_map(|at| rows.get(at)) {
            set.matched(&call.ask.base, stored, &stored.body);
        }
        Ok::<_, HttpError>(set.close())
    });
    let bytes = work.await.map_err(|_| HttpError::internal())??;
    Ok(answer::body(StatusCode::OK, bytes))
}

/// All observations that a search finds, newest first.
fn found(call: &Rest, mut pairs: Pairs) -> Result<Vec<Stored>, HttpError> {
    pairs.push(("_sort".to_owned(), "-date".to_owned()));
    pairs.push(("_count".to_owned(), MOST.to_string()));
    let asked = Asked {
        kind: ResourceType::OBSERVATION,
        parameters: &pairs,
        handling: Handling::Strict,
        most_rows: MOST,
    };
    let page = call.ask.records.search(&call.ask.caller, &asked)?;
    if page.next.is_some() {
        let what = format!("more than {MOST} observations match; narrow the operation by date or code");
        return Err(Error::TooMuch(what).into());
    }
    Ok(page.rows)
}

/// What `$stats` was asked.
struct Wanted {
    subject: String,
    codes: Vec<(String, String)>,
    statistics: Vec<Statistic>,
    dates: Vec<String>,
    include: bool,
    limit: Option<usize>,
}

/// `$stats`
pub async fn stats(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let wanted = wanted(&call, &mut given)?;
    given.finish().map_err(Error::Unreadable)?;
    let work = tokio::task::spawn_blocking(move || {
        let mut answer = Answer::new();
        for (system, code) in &wanted.codes {
            let rows = found(&call, asked(&wanted, system, code))?;
            let rows: Vec<(Stored, Value)> = rows
                .into_iter()
                .map(|stored| parsed(&stored).map(|json| (stored, json)))
                .collect::<Result<_, _>>()?;
            let mut rows: Vec<_> = rows.into_iter().filter(|(_, json)| counts(json)).collect();
            rows.truncate(wanted.limit.unwrap_or(MOST));
            let trees: Vec<&Value> = rows.iter().map(|(_, json)| json).collect();
            answer = answer.resource("statistics", observation(&wanted, system, code, &trees)?);
            if wanted.include {
                answer = rows.into_iter().fold(answer, |answer, (_, json)| answer.resource("source", json));
            }
        }
        Ok::<_, HttpError>(answer.to_json())
    });
    let parameters = work.await.map_err(|_| HttpError::internal())??;
    Ok(answer::body(StatusCode::OK, answer::text(&parameters)))
}

fn wanted(call: &Rest, given: &mut Parameters) -> Result<Wanted, HttpError> {
    let needed = |name: &str| {
        Error::Unreadable(
            Issue::error(IssueCode::Required, format!("The parameter {name} is needed.")).at(name).into(),
        )
    };
    let subject = given.text("subject").map_err(Error::Unreadable)?.ok_or_else(|| needed("subject"))?;
    let system = given.text("system").map_err(Error::Unreadable)?.unwrap_or_default();
    let mut codes: Vec<(String, String)> = Vec::new();
    for code in given.texts("code").map_err(Error::Unreadable)? {
        match code.split_once('|') {
            Some((system, code)) => codes.push((system.to_owned(), code.to_owned())),
            None => codes.push((system.clone(), code)),
        }
    }
    for coding in given.take_all("coding") {
        let coding = coding.complex("Coding").map_err(Error::Unreadable)?;
        let part = |key: &str| coding.str(key).unwrap_or_default().to_owned();
        codes.push((part("system"), part("code")));
    }
    if codes.is_empty() {
        return Err(needed("code").into());
    }
    let mut statistics = Vec::new();
    for code in given.texts("statistic").map_err(Error::Unreadable)?.iter().flat_map(|list| list.split(',')) {
        statistics.push(Statistic::parse(code).ok_or_else(|| {
            let known: Vec<_> = Statistic::ALL.iter().map(|statistic| statistic.code()).collect();
            HttpError::bad_request(format!("The box computes {}.", known.join(", "))).field("statistic")
        })?);
    }
    if statistics.is_empty() {
        return Err(needed("statistic").into());
    }
    let mut dates = Vec::new();
    if let Some(period) = given.complex("period", "Period").map_err(Error::Unreadable)? {
        dates.extend(period.str("start").map(|start| format!("ge{start}")));
        dates.extend(period.str("end").map(|end| format!("le{end}")));
    }
    if let Some(hours) = given.decimal("duration").map_err(Error::Unreadable)? {
        let minutes = hours.times(Decimal::new(60, 0).unwrap_or(Decimal::ONE));
        let minutes =
            minutes.and_then(|m| m.round(0, clinicvault_gateway::decimal::Rounding::HalfUp).as_i64());
        let back = minutes
            .filter(|m| *m > 0)
            .and_then(|m| call.ask.records.now().checked_sub(jiff::SignedDuration::from_mins(m)).ok());
        let back = back.ok_or_else(|| {
            HttpError::bad_request("duration is a number of hours above zero.").field("duration")
        })?;
        dates.push(format!("ge{}", clinicvault_gateway::fhir::datetime::instant(back)));
    }
    let limit = given.integer("limit").map_err(Error::Unreadable)?;
    let limit = limit.map(|n| {
        usize::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| HttpError::bad_request("limit must be a whole number above zero.").field("limit"))
    });
    let include = given.flag("include").map_err(Error::Unreadable)?.unwrap_or(false);
    Ok(Wanted { subject, codes, statistics, dates, include, limit: limit.transpose()? })
}

/// The search that finds the observations of a code.
fn asked(wanted: &Wanted, system: &str, code: &str) -> Pairs {
    let token =
        |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(',', "\\,").replace('$', "\\$");
    let code = match system {
        "" => token(code),
        system => format!("{}|{}", token(system), token(code)),
    };
    let mut pairs = vec![("subject".to_owned(), wanted.subject.clone()), ("code".to_owned(), code)];
    pairs.extend(wanted.dates.iter().map(|date| ("date".to_owned(), date.clone())));
    pairs
}

fn counts(observation: &Value) -> bool {
    !matches!(observation.str("status"), Some("entered-in-error" | "cancelled" | "registered"))
}

/// One Observation with a component for each figure.
fn observation(wanted: &Wanted, system: &str, code: &str, rows: &[&Value]) -> Result<Value, HttpError> {
    let unit = rows.iter().find_map(|row| row.get("valueQuantity"));
    let mut values = Vec::new();
    for row in rows {
        if let Some(value) = row.get("valueQuantity") {
            values.extend(in_unit(value, unit.unwrap_or(value))?);
        } else if let Some(number) = row.get("valueInteger").and_then(Value::as_number) {
            values.extend(Decimal::parse(number.as_str()));
        }
    }
    let component = |statistic: &Statistic| {
        let named = Object::new()
            .with("system", SYSTEM)
            .with("code", statistic.code())
            .with("display", statistic.display());
        let component = Object::new().with("code", Object::new().with("coding", vec![Value::from(named)]));
        let number = figure(*statistic, &values, rows.len()).and_then(|f| Number::parse(&f.to_string()));
        match (number, statistic.is_count()) {
            (Some(number), true) => component.with("valueInteger", number),
            (Some(number), false) => {
                let quantity = Object::new().with("value", number);
                let copied =
                    ["unit", "system", "code"].iter().filter_map(|key| Some((*key, unit?.get(key)?.clone())));
                component.with(
                    "valueQuantity",
                    copied.fold(quantity, |quantity, (key, value)| quantity.with(key, value)),
                )
            }
            (None, _) => {
                let reason = Object::new()
                    .with("system", "http://terminology.hl7.org/CodeSystem/data-absent-reason")
                    .with("code", "not-applicable");
                component.with("dataAbsentReason", Object::new().with("coding", vec![Value::from(reason)]))
            }
        }
    };
    let components: Vec<Value> = wanted.statistics.iter().map(|s| component(s).into()).collect();
    let coding = Object::new().with_some("system", Some(system).filter(|s| !s.is_empty())).with("code", code);
    let subject = rows.iter().find_map(|row| row.get("subject")).cloned();
    Ok(Value::Object(
        Object::new()
            .with("resourceType", "Observation")
            .with("status", "final")
            .with("code", Object::new().with("coding", vec![Value::from(coding)]))
            .with_some("subject", subject)
            .with("component", components),
    ))
}

/// The number in the unit of another quantity; none when there is no number. Refused when the units do not go together:
/// a mean of them would be nonsense.
fn in_unit(value: &Value, unit: &Value) -> Result<Option<Decimal>, HttpError> {
    let number = value.get("value").and_then(Value::as_number).and_then(|n| Decimal::parse(n.as_str()));
    let Some(number) = number.filter(|_| value.get("comparator").is_none()) else { return Ok(None) };
    let name = |quantity: &Value| {
        quantity.str("code").or_else(|| quantity.str("unit")).unwrap_or_default().to_owned()
    };
    let (own, wanted) = (name(value), name(unit));
    if own == wanted {
        return Ok(Some(number));
    }
    match ucum::convert(number, &own, &wanted) {
        Some(number) => Ok(Some(number)),
        None => {
            Err(HttpError::invalid("The observations have units that cannot be converted into one another."))
        }
    }
}

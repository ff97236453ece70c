//! `Patient/$everything` and `Encounter/$everything` (R4, Patient/$everything, Encounter/$everything).

use axum::response::Response;
use clinicvault_gateway::fhir::datetime::Span;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Severity};
use clinicvault_gateway::fhir::parameters::Parameters;
use http::StatusCode;

use super::answer;
use super::operations::{Call, On, Rest};
use super::sets::Set;
use crate::http::error::HttpError;
use crate::http::query;
use crate::records::error::Error;
use crate::records::everything::{MOST_SUPPORTING, Page, Wanted};

/// Name of the parameter that carries a page's link.
const CURSOR: &str = "_cursor";

/// A page of everything.
pub async fn show(call: Call) -> Result<Response, HttpError> {
    let (call, mut given) = call.parameters().await?;
    let link = given.text(CURSOR).map_err(Error::Unreadable)?;
    let wanted = match &link {
        Some(_) => None,
        None => Some(wanted(&call, &mut given)?),
    };
    given.finish().map_err(Error::Unreadable)?;
    let work = tokio::task::spawn_blocking(move || {
        let (kind, id) = named(&call.on)?;
        let page = match (wanted, link) {
            (Some(wanted), _) => call.ask.records.everything(&call.ask.caller, wanted)?,
            (None, link) => {
                let link = link.unwrap_or_default();
                call.ask.records.more_of_everything(&call.ask.caller, kind, id, &link)?
            }
        };
        Ok::<_, HttpError>(written(&call, page))
    });
    let bytes = work.await.map_err(|_| HttpError::internal())??;
    Ok(answer::body(StatusCode::OK, bytes))
}

fn named(on: &On) -> Result<(ResourceType, Option<&str>), HttpError> {
    match on {
        On::Type(kind) => Ok((*kind, None)),
        On::Instance(kind, id) => Ok((*kind, Some(id))),
        On::System => Err(HttpError::internal()),
    }
}

fn wanted(call: &Rest, given: &mut Parameters) -> Result<Wanted, HttpError> {
    let (kind, id) = named(&call.on)?;
    let most = call.app.config().limits.page_rows;
    let zone = call.ask.records.context(&call.ask.caller).zone;
    let mut wanted = Wanted {
        compartment: kind.number(),
        id: id.map(str::to_owned),
        kinds: Vec::new(),
        since: given.instant("_since").map_err(Error::Unreadable)?.map(|since| since.as_microsecond()),
        care: None,
        rows: most,
    };
    if let Some(count) = given.integer("_count").map_err(Error::Unreadable)? {
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            HttpError::bad_request("_count must be a whole number above zero.").field("_count")
        })?;
        wanted.rows = count.min(most);
    }
    for name in given.texts("_type").map_err(Error::Unreadable)?.iter().flat_map(|list| list.split(',')) {
        let kind = ResourceType::parse(name.trim()).ok_or_else(|| {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            HttpError::bad_request(format!("\"{shown}\" is not a resource type of FHIR R4.")).field("_type")
        })?;
        if !wanted.kinds.contains(&kind.number()) {
            wanted.kinds.push(kind.number());
        }
    }
    if kind == ResourceType::PATIENT {
        let span = |moment: clinicvault_gateway::fhir::datetime::Moment| moment.span(&zone);
        let start = given.moment("start").map_err(Error::Unreadable)?.map(span);
        let end = given.moment("end").map_err(Error::Unreadable)?.map(span);
        if start.is_some() || end.is_some() {
            let low = start.map_or(Span::OPEN_LOW, |span| span.low);
            wanted.care = Some((low, end.map_or(Span::OPEN_HIGH, |span| span.high)));
        }
    }
    Ok(wanted)
}

fn written(call: &Rest, page: Page) -> bytes::Bytes {
    let address = match &call.on {
        On::Instance(kind, id) => format!("{}/{kind}/{id}/$everything", call.ask.base),
        On::Type(kind) => format!("{}/{kind}/$everything", call.ask.base),
        On::System => call.ask.base.to_string(),
    };
    let own = query::encode(&call.ask.parameters);
    let own = if own.is_empty() { address.clone() } else { format!("{address}?{own}") };
    let mut links = vec![("self", own)];
    links.extend(page.next.as_ref().map(|link| ("next", format!("{address}?{CURSOR}={link}"))));
    let total = (page.is_first && page.next.is_none()).then_some(page.matches.len() as u64);
    let mut set = Set::open("searchset", total, &links);
    for stored in &page.matches {
        set.matched(&call.ask.base, stored, &stored.body);
    }
    for stored in &page.supporting {
        set.included(&call.ask.base, stored, &stored.body);
    }
    set.warned(&warnings(&page));
    set.close()
}

fn warnings(page: &Page) -> Vec<Issue> {
    let mut warnings: Vec<Issue> = page.unfinished.iter().cloned().collect();
    if page.hidden {
        let text = "Types of records that you may not read are left out.";
        let issue = Issue::warning(IssueCode::Suppressed, text);
        warnings.push(Issue { severity: Severity::Information, ..issue });
    }
    if page.cut {
        let text = format!(
            "The records of this page refer to more than {MOST_SUPPORTING} others; ask for smaller pages (_count)."
        );
        warnings.push(Issue::warning(IssueCode::TooCostly, text));
    }
    warnings
}

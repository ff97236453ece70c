//! Queries for people: by what is known of them, or by a number. All of it is a search as any program could ask it.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::search::Handling;
use clinicvault_gateway::hl7::query::{Asked, Authority, Demographics, Number, Query};
use clinicvault_gateway::hl7::{ErrorCode, Place, Problem};
use clinicvault_gateway::map::ids;

use super::found::{self, Found, Hit};
use super::{MOST, USUAL, problem, stale};
use crate::exchange::Exchange;
use crate::exchange::lookup::escape;
use crate::records::Caller;
use crate::records::search::{Asked as Search, Page};

type Parameters = Vec<(String, String)>;

impl Exchange {
    pub(super) fn people_told(&self, from: &Caller, query: &Query, mark: &str) -> Result<Found, Problem> {
        let domains = self.domains(from, &query.domains)?;
        let most = query.most.unwrap_or(USUAL).min(MOST);
        let page = match &query.pointer {
            Some(pointer) => {
                let cursor = found::cursor(mark, pointer).ok_or_else(stale)?;
                self.records().next_page(from, ResourceType::PATIENT, cursor, most)
            }
            None => {
                let mut parameters = self.parameters(&query.asked)?;
                if !domains.is_empty() {
                    let any: Vec<String> = domains.iter().map(|d| format!("{}|", escape(d))).collect();
                    parameters.push(("identifier".to_owned(), any.join(",")));
                }
                parameters.push(("_count".to_owned(), most.to_string()));
                parameters.push(("_total".to_owned(), "accurate".to_owned()));
                self.seek(from, &parameters, most)
            }
        };
        let page = page.map_err(|error| problem(&error))?;
        let hits = page.rows.iter().map(Hit::of).collect::<Result<Vec<_>, _>>();
        let mut hits = hits.map_err(|error| problem(&error))?;
        if let Asked::Person(number) | Asked::Numbers(number) = &query.asked {
            // One number, one person; two would tell of the wrong one.
            if hits.len() > 1 || page.next.is_some() {
                let text = "This number is not of one person alone; name who gave it.";
                let place = Place { repetition: 1, component: 4, ..Place::field("QPD", 1, 3) };
                return Err(Problem::error(ErrorCode::UnknownKey, Some(place), text));
            }
            if hits.is_empty() && matches!(query.asked, Asked::Numbers(_)) && !self.is_known(from, number)? {
                let text = "This number is not known here.";
                let place = Place { repetition: 1, component: 1, ..Place::field("QPD", 1, 3) };
                return Err(Problem::error(ErrorCode::UnknownKey, Some(place), text));
            }
        }
        let mut total = page.total.filter(|_| query.pointer.is_none());
        if let Asked::Numbers(number) = &query.asked {
            // The number that was asked with is no answer.
            let system = number.authority.as_ref().and_then(|authority| self.system(authority));
            hits.iter_mut().for_each(|hit| hit.forget(system.as_deref(), &number.value));
            hits.retain(|hit| hit.has_numbers(&domains));
            total = Some(hits.len() as u64);
        }
        let next = page.next.as_ref().map(|cursor| found::pointer(mark, cursor));
        let before = query.pointer.is_none().then_some(0);
        Ok(Found { hits, total, before, next, domains, reasons: reasons(&query.asked) })
    }

    fn seek(
        &self,
        from: &Caller,
        parameters: &[(String, String)],
        most: usize,
    ) -> Result<Page, crate::records::error::Error> {
        let asked =
            Search { kind: ResourceType::PATIENT, parameters, handling: Handling::Strict, most_rows: most };
        self.records().search(from, &asked)
    }

    /// Whether the number is of somebody whom the asker may know.
    fn is_known(&self, from: &Caller, number: &Number) -> Result<bool, Problem> {
        let parameters = self.parameters(&Asked::Numbers(number.clone()))?;
        let page = self.seek(from, &parameters, 1).map_err(|error| problem(&error))?;
        Ok(!page.rows.is_empty())
    }

    /// The systems of the domains that are asked for; one of which nobody has a number is refused by its place.
    fn domains(&self, from: &Caller, domains: &[Authority]) -> Result<Vec<String>, Problem> {
        let mut systems = Vec::new();
        for domain in domains {
            let unknown = || {
                let text = "Nobody here has a number of this domain.";
                let place = Place { component: 4, ..domain.place.clone() };
                Problem::error(ErrorCode::UnknownKey, Some(place), text)
            };
            let system = self.system(domain).ok_or_else(unknown)?;
            let own = self.rules().map.authorities.iter().any(|(_, uri)| *uri == system);
            if !own {
                let any = [("identifier".to_owned(), format!("{}|", escape(&system)))];
                if self.seek(from, &any, 1).map_err(|error| problem(&error))?.rows.is_empty() {
                    return Err(unknown());
                }
            }
            systems.push(system);
        }
        Ok(systems)
    }

    /// The URI of an authority, by the clinic's names of them or as it is stated.
    fn system(&self, authority: &Authority) -> Option<String> {
        let named = self.rules().map.authorities.iter().find(|(name, _)| *name == authority.namespace);
        named
            .map(|(_, uri)| uri.clone())
            .or_else(|| ids::authority(&authority.namespace, &authority.universal, &authority.kind))
    }

    fn parameters(&self, asked: &Asked) -> Result<Parameters, Problem> {
        let mut all = vec![("active:not".to_owned(), "false".to_owned())];
        match asked {
            Asked::Person(number) | Asked::Numbers(number) => {
                all.push(("identifier".to_owned(), self.token(number)?));
            }
            Asked::People(people) => {
                if let Some(number) = &people.number {
                    all.push(("identifier".to_owned(), self.token(number)?));
                }
                let texts = [
                    ("family", &people.family),
                    ("given", &people.given),
                    ("birthdate", &people.birth),
                    ("address-city", &people.city),
                    ("address-postalcode", &people.postal),
                    ("phone", &people.phone),
                ];
                for (name, text) in texts {
                    all.extend(text.iter().map(|text| (name.to_owned(), escape(text))));
                }
                all.extend(people.sex.iter().map(|sex| ("gender".to_owned(), (*sex).to_owned())));
            }
            Asked::Orders(_) => {}
        }
        Ok(all)
    }

    fn token(&self, number: &Number) -> Result<String, Problem> {
        let Some(authority) = &number.authority else { return Ok(escape(&number.value)) };
        let system = self.system(authority).ok_or_else(|| {
            let text = "This assigning authority cannot be understood.";
            Problem::error(ErrorCode::UnknownKey, Some(authority.place.clone()), text)
        })?;
        Ok(escape(&format!("{system}|{}", number.value)))
    }
}

/// Why people were found (table 0392).
fn reasons(asked: &Asked) -> Vec<&'static str> {
    let Asked::People(Demographics { family, given, birth, phone, .. }) = asked else { return Vec::new() };
    let all = [("NA", family.is_some() || given.is_some()), ("DB", birth.is_some()), ("PH", phone.is_some())];
    all.into_iter().filter(|(_, yes)| *yes).map(|(code, _)| code).collect()
}

//! Questions of terminology and of validity: they look at stored definitions and change nothing but closure tables.

use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};
use clinicvault_gateway::fhir::terminology::Source;
use clinicvault_gateway::fhir::terminology::operation::{Closure, ClosureAsked, Refusal};
use clinicvault_gateway::fhir::validate::{Level, Policy, Validator};
use clinicvault_gateway::json::{self, Limits, Value};
use clinicvault_vault::Action;

use super::access::{Actor, Op};
use super::audit::{self, About};
use super::error::Error;
use super::seen::Seen;
use super::{Caller, Records};
use crate::collections::CLOSURES;

/// Most tables of one client.
const MOST_TABLES: usize = 100;

/// An answer, or why there is none; the outer error is the box's.
pub type Answered = Result<Result<Value, Refusal>, Error>;

impl Records {
    /// Asks a question about a type of definitions, or about one of them. Whoever may read the type may ask, and is
    /// answered from what they may read.
    pub fn ask(
        &self,
        from: &Caller,
        kind: ResourceType,
        id: Option<&str>,
        question: impl FnOnce(&dyn Source, Option<&Value>) -> Result<Value, Refusal>,
    ) -> Answered {
        let stored = match id {
            Some(id) => Some(self.tree(from, kind, id)?),
            None => {
                let purpose = self.gate(&from.who, Op::Read, kind)?;
                let about = About::of_type(kind, None);
                self.vault().note(audit::done(&from.who, Action::Read, purpose, about))?;
                None
            }
        };
        Ok(question(&*self.seen_by(&from.who), stored.as_ref()))
    }

    /// A record as a tree.
    pub fn tree(&self, from: &Caller, kind: ResourceType, id: &str) -> Result<Value, Error> {
        let stored = self.read(&from.who, kind, id)?;
        json::parse(&stored.body, &Limits::bytes(usize::MAX))
            .map_err(|_| Error::Damaged(format!("{kind} record {}", stored.head.rid.0)))
    }

    /// Everything that is wrong with a resource by the definitions that the caller may read, warnings and hints too. Nothing is
    /// stored.
    pub fn validate(&self, from: &Caller, resource: &Value, profiles: &[&str]) -> Vec<Issue> {
        let definitions = Seen::new(self.clone(), Actor::clone(&from.who));
        Validator::new(&definitions, Policy::report(Level::Profiles))
            .with_most_steps(self.checks().most_steps)
            .check(resource, profiles)
    }

    /// Refuses whoever may do none of these to a type.
    pub fn may(&self, from: &Caller, any: &[Op], kind: ResourceType) -> Result<(), Error> {
        let sight = self.sight(&from.who)?;
        if any.iter().any(|op| sight.look(*op, kind).gate().allowed()) {
            return Ok(());
        }
        let first = any.first().copied().unwrap_or(Op::Read);
        self.gate(&from.who, first, kind).map(|_| ())
    }

    /// Begins a closure table of this client, adds to it, or tells what it has.
    pub async fn closure(&self, from: &Caller, asked: ClosureAsked) -> Answered {
        let kind =
            ResourceType::parse("ConceptMap").ok_or_else(|| Error::Fault("no ConceptMap".to_owned()))?;
        let purpose = self.gate(&from.who, Op::Update, kind)?;
        let definitions = self.seen_by(&from.who);
        let date = datetime::instant(self.now());
        let (prefix, key) = key(&from.who.id, &asked.name);
        let done = self.unit(from.who.clone(), move |work| {
            let before = work.unit().doc_get(CLOSURES, &key)?;
            let table = match &before {
                Some(bytes) => {
                    let read = json::parse(bytes, &Limits::bytes(usize::MAX)).ok();
                    let read = read.as_ref().and_then(Closure::from_json);
                    read.ok_or_else(|| Error::Damaged("a closure table".to_owned()))?
                }
                None if asked.begins() => {
                    let all = work.unit().doc_scan(CLOSURES, &prefix, MOST_TABLES)?;
                    if all.len() >= MOST_TABLES {
                        let text = format!("a client keeps at most {MOST_TABLES} closure tables");
                        return Err(Error::TooMuch(text));
                    }
                    Closure::default()
                }
                None => return Ok(Err(unknown(&asked.name))),
            };
            work.audit(audit::done(work.who(), Action::Update, purpose, About::of_type(kind, None)))?;
            match table.next(&*definitions, &asked, &date) {
                Ok((next, answer)) => {
                    work.unit().doc_put(CLOSURES, &key, &next.to_json().to_vec())?;
                    Ok(Ok(answer))
                }
                Err(refusal) => Ok(Err(refusal)),
            }
        });
        Ok(done.await?.0)
    }
}

fn unknown(name: &str) -> Refusal {
    let shown: String = name.chars().take(60).collect();
    let text = format!("There is no closure table \"{shown}\"; begin it by a call with the name alone.");
    Refusal::Missing(Outcome::error(IssueCode::NotFound, text))
}

/// What all tables of a client begin with, and the key of one.
fn key(client: &str, name: &str) -> (Vec<u8>, Vec<u8>) {
    let prefix = format!("{}/", client.chars().take(64).collect::<String>()).into_bytes();
    let key = [prefix.as_slice(), name.as_bytes()].concat();
    (prefix, key)
}

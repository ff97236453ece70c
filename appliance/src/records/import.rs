//! Taking in records in bulk: parts of files, each one unit of work, each remembered so that it is never done twice.
//!
//! Finding the records in files is the command line's work; a part arrives as raw texts with the lines they came
//! from. A bad one is reported with its line and left out, the rest of the part goes in.

use clinicvault_gateway::fhir::bundle::{self, Answer};
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::json::{self, Limits, Object, Value};
use clinicvault_vault::Action;
use jiff::{SignedDuration, Timestamp};

use super::access::Purpose;
use super::audit::{self, About};
use super::error::Error;
use super::transaction::Rules;
use super::{Caller, Records};

/// Most entries of one part.
pub const MOST_ENTRIES: usize = 100_000;
/// Largest text of one entry, in bytes.
const MOST_BYTES: usize = 16 << 20;
/// How long a finished part is remembered: as long as anybody may want to go on with an import.
const REMEMBER: SignedDuration = SignedDuration::from_hours(24 * 400);

/// What the texts of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Form {
    /// Entries of a transaction or batch bundle, with their `request`. Their references are rewritten within the part.
    Requests,
    /// Entries of a collection, or bare resources (`{"resource":…}` is put around them by the caller): stored under
    /// the id they have, or a new one.
    Plain,
}

/// Some records of a file.
pub struct Part {
    /// SHA-256 of the file: a file is known by what it holds, not by its name.
    pub file: [u8; 32],
    /// Number of the part within the file.
    pub number: u32,
    /// What the texts are.
    pub form: Form,
    /// Line and text of each entry.
    pub entries: Vec<(u64, Vec<u8>)>,
}

/// Size only.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} entries)", self.entries.len())
    }
}

/// What became of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// Records that have a new version.
    pub stored: u64,
    /// Records that were already so.
    pub unchanged: u64,
    /// The part had been taken before; nothing was done.
    pub known: bool,
    /// Lines that were left out, and why.
    pub problems: Vec<(u64, String)>,
}

impl Records {
    /// Takes in a part. Blocking, and long for a long part.
    pub fn import(&self, from: &Caller, part: Part) -> Result<Taken, Error> {
        let scope = scope(&part);
        if let Some(taken) = self.recalled(&scope)? {
            return Ok(taken);
        }
        let lines: Vec<u64> = part.entries.iter().map(|(line, _)| *line).collect();
        let mut problems = Vec::new();
        let mut entries = Vec::with_capacity(part.entries.len());
        let mut places = Vec::with_capacity(part.entries.len());
        for (number, (line, text)) in part.entries.into_iter().enumerate() {
            match json::parse(&text, &Limits::bytes(MOST_BYTES)).map_err(Outcome::from) {
                Ok(value) => {
                    entries.push(if part.form == Form::Plain { requested(value) } else { value });
                    places.push(number);
                }
                Err(outcome) => problems.push((line, reason(&outcome))),
            }
        }
        // A batch, so that what cannot be read is told entry by entry.
        let whole = Object::new().with("resourceType", "Bundle").with("type", "batch");
        let whole = if entries.is_empty() { whole } else { whole.with("entry", entries) };
        let mut bundle = bundle::parse(Value::Object(whole), MOST_ENTRIES).map_err(Error::Unreadable)?;
        let line_of = |index: usize| places.get(index).and_then(|n| lines.get(*n)).copied().unwrap_or(0);
        for (index, outcome) in std::mem::take(&mut bundle.refused) {
            problems.push((line_of(index), reason(&outcome)));
        }
        let written: Vec<usize> = bundle.entries.iter().map(|entry| entry.index).collect();
        let rules = Rules { check_references: false, representation: false, skip_broken: true };
        let job = self.prepare(from, bundle, rules)?;
        let ((answers, stored), _) = self.unit_blocking(from.who.clone(), move |work| {
            let answers = job.run(work)?;
            let until = work.now().checked_add(REMEMBER).unwrap_or(Timestamp::MAX);
            work.unit().remember(&scope, until, &[])?;
            work.audit(audit::done(work.who(), Action::Import, Purpose::Operations, About::default()))?;
            Ok((answers, work.written()))
        })?;
        let mut taken = Taken { problems, stored, ..Taken::default() };
        let mut whole = 0u64;
        for index in written {
            match answers.get(index) {
                Some(Answer { outcome: Some(outcome), .. }) => {
                    taken.problems.push((line_of(index), reason(outcome)));
                }
                _ => whole += 1,
            }
        }
        taken.unchanged = whole.saturating_sub(stored);
        taken.problems.sort();
        Ok(taken)
    }

    /// Whether a part was taken before.
    fn recalled(&self, scope: &[u8]) -> Result<Option<Taken>, Error> {
        let known = self.vault().snapshot()?.recall(scope)?.is_some();
        Ok(known.then(|| Taken { known: true, ..Taken::default() }))
    }
}

fn scope(part: &Part) -> Vec<u8> {
    [b"import/".as_slice(), &part.file, &part.number.to_be_bytes()].concat()
}

/// Gives a plain entry the request that stores it: PUT under its own id, POST when it has none.
fn requested(entry: Value) -> Value {
    let kind = entry.get("resource").and_then(|r| r.str("resourceType")).unwrap_or_default().to_owned();
    let id = entry.get("resource").and_then(|r| r.str("id")).map(str::to_owned);
    let (method, url) = match id {
        Some(id) => ("PUT", format!("{kind}/{id}")),
        None => ("POST", kind),
    };
    let mut kept = Object::new();
    if let Value::Object(members) = entry {
        for (key, value) in members.into_iter().filter(|(key, _)| key == "fullUrl" || key == "resource") {
            kept.insert(key, value);
        }
    }
    let request = Object::new().with("method", method).with("url", url);
    Value::Object(kept.with("request", request))
}

/// Everything that is wrong with an entry, in one line.
fn reason(outcome: &Outcome) -> String {
    if outcome.issues.is_empty() {
        return Outcome::error(IssueCode::Processing, "It was refused.").to_string();
    }
    outcome.to_string()
}

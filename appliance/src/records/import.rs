//! Taking in records in bulk: parts of files, each one unit of work, each remembered so that it is never done twice.
//!
//! Finding the records in files is the command line's work; a part arrives as raw texts with the lines they came
//! from. A bad one is reported with its line and left out, the rest of the part goes in.

use clinicvault_gateway::fhir::bundle::{self, Answer};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{IssueCode, Outcome};
use clinicvault_gateway::json::{self, Limits, Object, Value};
use clinicvault_vault::Action;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::access::Purpose;
use super::audit::{self, About};
use super::error::Error;
use super::origin::Origin;
use super::transaction::Rules;
use super::unit::Work;
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
        let form = part.form;
        let read = |(line, text): (u64, Vec<u8>)| {
            let value = json::parse(&text, &Limits::bytes(MOST_BYTES));
            let value = value.map_err(|error| reason(&error.into()));
            (line, value.map(|value| if form == Form::Plain { requested(value) } else { value }))
        };
        let entries = part.entries.into_iter().map(read).collect();
        self.take_in(from, entries, move |work, _| {
            let until = work.now().checked_add(REMEMBER).unwrap_or(Timestamp::MAX);
            Ok(work.unit().remember(&scope, until, &[])?)
        })
    }

    /// Takes in lines of one type, each a resource. One that carries no id gets one that follows from `source` and its
    /// text, so that the same line sent again is the same record. `and` runs in the same unit, once it is known what
    /// became of the lines: progress and records are committed together or not at all. Blocking.
    pub fn import_lines<F>(
        &self,
        from: &Caller,
        source: &str,
        kind: ResourceType,
        lines: Vec<(u64, Vec<u8>)>,
        and: F,
    ) -> Result<Taken, Error>
    where
        F: FnOnce(&mut Work<'_, '_>, &Taken) -> Result<(), Error> + Send + 'static,
    {
        let read = |(line, text): (u64, Vec<u8>)| {
            let value = resource(source, kind, &text);
            (line, value.map(|value| requested(Value::Object(Object::new().with("resource", value)))))
        };
        let origin = Origin::of_import(&from.who, source);
        let records = self.clone();
        self.take_in(from, lines.into_iter().map(read).collect(), move |work, taken| {
            records.keep_origin(work, &origin)?;
            and(work, taken)
        })
    }

    /// Takes in entries, each with its line; those that could not be read are told with the others.
    fn take_in<F>(
        &self,
        from: &Caller,
        read: Vec<(u64, Result<Value, String>)>,
        and: F,
    ) -> Result<Taken, Error>
    where
        F: FnOnce(&mut Work<'_, '_>, &Taken) -> Result<(), Error> + Send + 'static,
    {
        let mut problems = Vec::new();
        let mut entries = Vec::with_capacity(read.len());
        let mut places = Vec::with_capacity(read.len());
        for (line, value) in read {
            match value {
                Ok(value) => {
                    entries.push(value);
                    places.push(line);
                }
                Err(why) => problems.push((line, why)),
            }
        }
        // A batch, so that what cannot be read is told entry by entry.
        let whole = Object::new().with("resourceType", "Bundle").with("type", "batch");
        let whole = if entries.is_empty() { whole } else { whole.with("entry", entries) };
        let mut bundle = bundle::parse(Value::Object(whole), MOST_ENTRIES).map_err(Error::Unreadable)?;
        let line_of = move |index: usize| places.get(index).copied().unwrap_or(0);
        for (index, outcome) in std::mem::take(&mut bundle.refused) {
            problems.push((line_of(index), reason(&outcome)));
        }
        let written: Vec<usize> = bundle.entries.iter().map(|entry| entry.index).collect();
        let rules = Rules { check_references: false, representation: false, skip_broken: true };
        let job = self.prepare(from, bundle, rules)?;
        let (taken, _) = self.unit_blocking(from.who.clone(), move |work| {
            let answers = job.run(work)?;
            let mut taken = Taken { problems, stored: work.written(), ..Taken::default() };
            let mut whole = 0u64;
            for index in written {
                match answers.get(index) {
                    Some(Answer { outcome: Some(outcome), .. }) => {
                        taken.problems.push((line_of(index), reason(outcome)));
                    }
                    _ => whole += 1,
                }
            }
            taken.unchanged = whole.saturating_sub(taken.stored);
            taken.problems.sort();
            work.audit(audit::done(work.who(), Action::Import, Purpose::Operations, About::default()))?;
            and(work, &taken)?;
            Ok(taken)
        })?;
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

/// A line of one type as a resource with an id.
fn resource(source: &str, kind: ResourceType, text: &[u8]) -> Result<Value, String> {
    let mut value =
        json::parse(text, &Limits::bytes(MOST_BYTES)).map_err(|error| reason(&Outcome::from(error)))?;
    match value.str("resourceType") {
        Some(name) if name == kind.as_str() => {}
        Some(_) => return Err(format!("The file was said to hold {kind}; this is of another type.")),
        None => return Err("The line is not a resource: resourceType is missing.".to_owned()),
    }
    if value.get("id").is_none()
        && let Some(object) = value.as_object_mut()
    {
        object.insert_at(1, "id", derived_id(source, kind, text));
    }
    Ok(value)
}

/// The id of a record that came without one: a version 8 UUID (RFC 9562) of where it came from and what it says.
fn derived_id(source: &str, kind: ResourceType, text: &[u8]) -> String {
    let mut digest = Sha256::new();
    for part in [source.as_bytes(), kind.as_str().as_bytes(), text.trim_ascii()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
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

/// Everything that is wrong with a record, in one line. Its places are those in the record: whoever sent a file knows of no
/// bundle.
fn reason(outcome: &Outcome) -> String {
    if outcome.issues.is_empty() {
        return Outcome::error(IssueCode::Processing, "It was refused.").to_string();
    }
    let mut outcome = outcome.clone();
    for place in outcome.issues.iter_mut().flat_map(|issue| &mut issue.expression) {
        let rest = place.strip_prefix("Bundle.entry[").and_then(|rest| rest.split_once("].resource."));
        if let Some((_, own)) = rest {
            *place = own.to_owned();
        }
    }
    outcome.to_string()
}

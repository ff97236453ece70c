//! One import under way: a step takes in some lines, and commits the records, what was wrong and how far it came in one
//! unit. So a power cut in the middle leaves each line either taken and counted, or neither.

use std::io::{self, BufRead, BufReader, Read};

use clinicvault_gateway::fhir::bulk::import::Input as AskedInput;
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::ndjson;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode, Outcome};

use super::job::{self, Input, Job, Progress, State, Work};
use super::pages::{self, Pages, Role};
use super::place::{self, Lines, Place};
use super::shelf::{self, Shelf};
use super::{JobError, Jobs};
use crate::records::Caller;
use crate::records::error::Error;
use crate::records::import::Taken;

/// Lines of one unit: the writer is held for some ten milliseconds.
const LINES: usize = 100;
/// About as many bytes.
const BYTES: u64 = 1 << 20;
/// File of what was left out.
const ERRORS: &str = "errors.ndjson";

impl Jobs {
    /// Where an input of a manifest is; a refusal names its place.
    pub(super) fn input(&self, from: &Caller, index: usize, asked: &AskedInput) -> Result<Input, JobError> {
        let own = format!("{}/_jobs/", from.base.as_deref().unwrap_or_default());
        let name = |url: &str| url.split_once('/').is_some_and(|(_, name)| name == pages::UPLOAD);
        let upload = asked.url.strip_prefix(own.as_str()).filter(|rest| name(rest));
        let place = match upload.and_then(|rest| rest.split('/').next()) {
            Some(id) => match self.of(&from.who, id) {
                Ok(Job { id, files, work: Work::Upload(_), .. }) => {
                    Ok(Place::Upload { job: id, bytes: files.first().map_or(0, |file| file.plain) })
                }
                Ok(_) | Err(Error::NotFound(_)) => Err("there is no such upload"),
                Err(error) => return Err(error.into()),
            },
            None => place::file(&asked.url, &self.rules().import_folders),
        };
        let place = place.map_err(|why| {
            let text = format!("The {}. input cannot be read: {why}.", index + 1);
            let issue = Issue::error(IssueCode::NotFound, text).at(format!("input[{index}].url"));
            Error::Unreadable(issue.into())
        })?;
        Ok(Input { kind: asked.kind.as_str().to_owned(), url: asked.url.clone(), place, count: 0 })
    }
}

/// An import in memory.
#[derive(Default)]
pub struct Importing {
    /// Lines of the present input up to here go in one by one, because a whole part was refused.
    careful_until: u64,
    input: usize,
}

/// What becomes of a step.
struct Step {
    lines: Lines,
    input: usize,
    kind: ResourceType,
    whole: u64,
}

impl Importing {
    /// One step; answers the job as it then stands. `longest` bounds a line, in bytes.
    pub fn step(
        &mut self,
        shelf: &Shelf,
        job: &Job,
        import: &job::Import,
        longest: usize,
    ) -> Result<Job, Error> {
        let caller = job.caller()?;
        let whole: u64 = import.inputs.iter().map(|input| input.place.bytes()).sum();
        let Some(input) = import.inputs.get(import.current) else {
            return shelf.change(caller.who, &job.id, Vec::new(), Vec::new(), |job, now| {
                job.state = State::Done;
                job.finished = Some(now);
            });
        };
        if self.input != import.current {
            *self = Self { careful_until: 0, input: import.current };
        }
        let kind = ResourceType::parse(&input.kind)
            .ok_or_else(|| Error::Damaged("the type of an import's file".to_owned()))?;
        let most = if import.line < self.careful_until { 1 } else { LINES };
        let lines = read(shelf, &input.place, import, most, longest)?;
        let last = lines.lines.last().map(|(line, _)| *line);
        let step = Step { lines, input: import.current, kind, whole };
        let many = step.lines.lines.len() > 1;
        match self.take(shelf, job, &caller, &import.source, step, longest) {
            // Something that a single line is refused for must not keep the others out.
            Err(error) if many && !is_passing(&error) => {
                self.careful_until = last.unwrap_or_default();
                tracing::debug!(job = job.id, "a part is taken line by line");
                shelf.get(&job.id)?.ok_or_else(|| Error::NotFound("this job".to_owned()))
            }
            done => done,
        }
    }

    fn take(
        &self,
        shelf: &Shelf,
        job: &Job,
        caller: &Caller,
        source: &str,
        step: Step,
        longest: usize,
    ) -> Result<Job, Error> {
        let Step { lines, input, kind, whole } = step;
        let Lines { lines, bytes, count, end } = lines;
        let alone = if let [(line, _)] = lines.as_slice() { Some(*line) } else { None };
        let mut texts = Vec::with_capacity(lines.len());
        let mut too_long = Vec::new();
        for (line, text) in lines {
            match text {
                Some(text) => texts.push((line, text)),
                None => {
                    let why = format!("The line is longer than {longest} bytes (limits.body_mib).");
                    too_long.push((line, why));
                }
            }
        }
        let advance = Advance { input, bytes, count, end, whole };
        let (id, pages) = (job.id.clone(), shelf.pages(job)?);
        let (sink, again) = (pages.clone(), too_long.clone());
        let (key, noted) = (id.clone(), advance.clone());
        let done = if texts.is_empty() {
            Err(None)
        } else {
            let taken = shelf.records().import_lines(caller, source, kind, texts, move |work, taken| {
                let mut taken = taken.clone();
                taken.problems.extend(too_long);
                let (files, blocks) = told(sink, &noted, &taken)?;
                shelf::change(work, &key, &blocks, |job| noted.apply(job, files, &taken)).map(|_| ())
            });
            taken.map_err(Some)
        };
        let taken = match done {
            Ok(_) => return shelf.get(&id)?.ok_or_else(|| Error::NotFound("this job".to_owned())),
            Err(None) => Taken { problems: again, ..Taken::default() },
            Err(Some(error)) => match alone {
                Some(line) if !is_passing(&error) => {
                    Taken { problems: vec![(line, error.to_string())], ..Taken::default() }
                }
                Some(_) | None => return Err(error),
            },
        };
        let (files, blocks) = told(pages, &advance, &taken)?;
        shelf.change(caller.who.clone(), &id, blocks, Vec::new(), move |job, _| {
            advance.apply(job, files, &taken)
        })
    }
}

/// How far a step came.
#[derive(Clone)]
struct Advance {
    input: usize,
    bytes: u64,
    count: u64,
    end: bool,
    whole: u64,
}

impl Advance {
    fn apply(&self, job: &mut Job, files: Vec<pages::File>, taken: &Taken) {
        job.state = State::Running;
        job.files = files;
        let Work::Import(import) = &mut job.work else { return };
        import.stored += taken.stored;
        import.unchanged += taken.unchanged;
        import.problems += taken.problems.len() as u64;
        if let Some(input) = import.inputs.get_mut(self.input) {
            input.count += taken.stored + taken.unchanged;
        }
        (import.at, import.line) = (import.at + self.bytes, import.line + self.count);
        job.progress = Progress { done: job.progress.done + self.bytes, total: self.whole };
        if self.end {
            (import.current, import.at, import.line) = (self.input + 1, 0, 0);
        }
    }
}

/// Adds what was left out to the file of errors.
fn told(
    mut pages: Pages,
    advance: &Advance,
    taken: &Taken,
) -> Result<(Vec<pages::File>, Vec<pages::Block>), Error> {
    for (line, why) in &taken.problems {
        let text = format!("Line {line} of the {}. input was left out: {why}", advance.input + 1);
        let issue = Issue::error(IssueCode::Processing, text).at(format!("input[{}]", advance.input));
        let mut out = Vec::new();
        ndjson::write(&Outcome::from(issue).to_json(), &mut out);
        let file = pages.file(ERRORS, "OperationOutcome", Role::Error);
        pages.push(file, &out, 1);
    }
    pages.take()
}

/// Whether the same may succeed later, or nothing will until somebody looks after the box.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::NoRoom
        | Error::Busy
        | Error::Renewing
        | Error::Indexing(_)
        | Error::Stopped(_)
        | Error::Unknown
        | Error::Fault(_) => true,
        // The job was ended meanwhile.
        Error::NotFound(what) => what == "this job",
        Error::Gone { .. }
        | Error::Refused(_)
        | Error::Fixed(_)
        | Error::NotYours(_)
        | Error::Unreadable(_)
        | Error::Broken(_)
        | Error::Precondition(_)
        | Error::Conflict(_)
        | Error::TooMuch(_)
        | Error::PageExpired
        | Error::Damaged(_) => false,
    }
}

fn read(
    shelf: &Shelf,
    place: &Place,
    import: &job::Import,
    most: usize,
    longest: usize,
) -> Result<Lines, Error> {
    let moved = || {
        let text = format!("The {}. input is not the file that it was.", import.current + 1);
        Error::Broken(Outcome::error(IssueCode::Conflict, text))
    };
    let mut from: Box<dyn BufRead> = match place {
        Place::File { path, bytes, changed } => {
            place::open(path, *bytes, *changed, import.at).map_err(|_| moved())?.ok_or_else(moved)?
        }
        Place::Upload { job, bytes } => Box::new(BufReader::new(Uploaded {
            shelf,
            job,
            at: import.at,
            left: bytes.saturating_sub(import.at),
        })),
    };
    place::lines(&mut from, import.line + 1, most, BYTES, longest).map_err(|_| moved())
}

/// The lines of an upload, block by block.
struct Uploaded<'a> {
    shelf: &'a Shelf,
    job: &'a str,
    at: u64,
    left: u64,
}

impl Read for Uploaded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let bytes = self.shelf.plain(self.job, 0, self.at).map_err(io::Error::other)?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = bytes.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(bytes.iter()) {
            *to = *from;
        }
        self.at += length as u64;
        self.left = self.left.saturating_sub(length as u64);
        Ok(length)
    }
}

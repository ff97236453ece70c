//! Narrow callers against every path, in two boxes: one holds everything, its twin holds only what the caller may see.
//!
//! Every question is asked of both. Apart from ids by chance, times and seals the answers are one and the same: what is
//! hidden is not returned, not counted, not included, not followed, in no order, no page, no error. A record that may not be
//! written over is the one thing that cannot be pretended to be absent, so no write names a hidden record as its own.

mod asks;
mod callers;
mod compare;
mod house;
mod live;

use std::time::{Duration, Instant};

use clinicvault_tests::{Answer, Clinic, Http};
use serde_json::Value;

use asks::Ask;
use callers::Caller;
use house::Record;

/// A test never waits longer than this for something that is answered later.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pages that are turned of one search.
const PAGES: usize = 6;

/// The two boxes under one caller.
struct Pair {
    full: (Clinic, Http),
    twin: (Clinic, Http),
    all: Vec<Record>,
    /// Words of what the caller may not see.
    hidden: Vec<String>,
    asked: usize,
    told: usize,
    found: Vec<String>,
}

fn furnished(all: &[Record], caller: &Caller, sees: impl Fn(&Record) -> bool) -> (Clinic, Http) {
    let clinic = Clinic::open();
    let mut fhir = clinic.fhir();
    for parameter in house::own_parameters() {
        fhir.post_fhir("/fhir/SearchParameter", &parameter).expect(201);
    }
    all.iter().filter(|record| sees(record)).for_each(|record| record.put(&mut fhir));
    let http = caller.enter(&clinic);
    (clinic, http)
}

impl Pair {
    fn of(caller: &Caller) -> Pair {
        let all = house::records();
        let hidden: Vec<String> = all.iter().filter(|r| !(caller.sees)(r)).map(Record::word).collect();
        assert!(!hidden.is_empty() && hidden.len() < all.len());
        let (full, twin) = std::thread::scope(|scope| {
            let twin = scope.spawn(|| furnished(&all, caller, caller.sees));
            (furnished(&all, caller, |_| true), twin.join().expect("a twin"))
        });
        Pair { full, twin, all, hidden, asked: 0, told: 0, found: Vec::new() }
    }

    /// Asks both; complains when the answers differ or a word of something hidden is in the first.
    fn ask(&mut self, ask: &Ask) -> (Answer, Answer) {
        let headers: Vec<(&str, &str)> = ask.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let send = |http: &mut Http| http.send(ask.method, &ask.path, &headers, ask.body.as_bytes());
        let (one, other) = (send(&mut self.full.1), send(&mut self.twin.1));
        self.weigh(ask, &one, &other);
        (one, other)
    }

    fn weigh(&mut self, ask: &Ask, one: &Answer, other: &Answer) {
        self.asked += 1;
        self.told += usize::from(one.status == 200);
        let text = one.text();
        for word in self.hidden.iter().filter(|word| !ask.names(word)) {
            // A longer word may begin with a shorter one: the end of the word counts.
            let leaks = text
                .match_indices(word.as_str())
                .any(|(at, _)| !text[at + word.len()..].starts_with(|c: char| c.is_ascii_alphanumeric()));
            if leaks {
                self.found.push(format!("{} {}: the word {word} is in the answer", ask.method, ask.path));
            }
        }
        let (plain, expected) = (compare::plain(one), compare::plain(other));
        if plain != expected {
            let body: String = ask.body.chars().take(300).collect();
            let (left, right) = (plain.to_string(), expected.to_string());
            let same = left.chars().zip(right.chars()).take_while(|(one, other)| one == other).count();
            let shown =
                |text: &str| text.chars().skip(same.saturating_sub(400)).take(900).collect::<String>();
            self.found.push(format!(
                "{} {} {body}\n   full {}\n   twin {}",
                ask.method,
                ask.path,
                shown(&left),
                shown(&right)
            ));
        }
    }

    /// Asks both, and turns the pages in both.
    fn read_on(&mut self, ask: &Ask) {
        let (mut one, mut other) = self.ask(ask);
        for _ in 0..PAGES {
            let (Some(next), Some(theirs)) = (next(&one), next(&other)) else { break };
            let page = Ask::get(next);
            one = self.full.1.get(&page.path);
            other = self.twin.1.get(&theirs);
            let about = Ask::get(format!("{} (a further page)", ask.path));
            self.weigh(&about, &one, &other);
        }
    }

    /// Asks both for something that is answered later, and compares what is answered, files included.
    fn wait(&mut self, ask: &Ask) {
        let ask = ask.clone().with("Prefer", "respond-async");
        let (one, other) = self.ask(&ask);
        if one.status != 202 || other.status != 202 {
            return;
        }
        let (one, other) = (done(&mut self.full.1, &one), done(&mut self.twin.1, &other));
        self.weigh(&ask, &one, &other);
        let files = |answer: &Answer| -> Vec<String> {
            let Ok(manifest) = serde_json::from_slice::<Value>(&answer.body) else { return Vec::new() };
            let lists = ["output", "deleted", "error"].iter().filter_map(|list| manifest[list].as_array());
            lists.flatten().filter_map(|file| Some(path(file["url"].as_str()?))).collect()
        };
        for (mine, theirs) in files(&one).iter().zip(files(&other)) {
            let (one, other) = (self.full.1.get(mine), self.twin.1.get(&theirs));
            let about = Ask::get(format!("{} (file {mine})", ask.path));
            self.weigh(&about, &one, &other);
        }
    }

    fn all_looks(&mut self) {
        for ask in asks::looks(&self.all) {
            self.read_on(&ask);
        }
        for path in asks::LATER.into_iter().chain(asks::EXPORTS) {
            self.wait(&Ask::get(path));
        }
        self.wait(&asks::export_of_one());
    }

    /// What the box tells of what this caller has done. The entries of a batch are carried out side by side, so their
    /// lines have no order among one another.
    fn trail(&mut self) {
        let (mut one, mut other) = (lines_of(&mut self.full.1), lines_of(&mut self.twin.1));
        // The line of a look is written a moment after its answer, and the moments of two boxes differ.
        let began = Instant::now();
        while one.len() != other.len() && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(100));
            (one, other) = (lines_of(&mut self.full.1), lines_of(&mut self.twin.1));
        }
        assert!(one.len() > 40, "only {} lines", one.len());
        self.asked += 1;
        for (own, others, whose) in [(&one, &other, "full"), (&other, &one, "twin")] {
            let only: Vec<&String> = own.iter().filter(|line| !others.contains(line)).take(3).collect();
            if !only.is_empty() || own.len() != others.len() {
                self.found
                    .push(format!("{} lines of the trail, only in the {whose} box: {only:?}", own.len()));
            }
        }
        self.ask(&Ask::get("/fhir/AuditEvent?outcome=4&_total=accurate"));
    }

    fn end(self) {
        assert!(self.told > 40, "only {} of {} questions were answered", self.told, self.asked);
        let shown: Vec<&str> = self.found.iter().take(20).map(String::as_str).collect();
        assert!(
            self.found.is_empty(),
            "{} of {} differ:\n{}",
            self.found.len(),
            self.asked,
            shown.join("\n")
        );
    }
}

/// Everything that a caller may look at by FHIR is the same in both boxes.
fn looks_of(caller: &Caller) {
    let mut pair = Pair::of(caller);
    pair.all_looks();
    pair.end();
}

/// That, what the screens ask for, and the trail of it.
fn looks_and_screens_of(caller: &Caller) {
    let mut pair = Pair::of(caller);
    pair.all_looks();
    for path in asks::SCREENS {
        pair.ask(&Ask::get(path));
    }
    pair.trail();
    pair.end();
}

/// Every line of the audit trail that is told, without what differs from box to box.
fn lines_of(http: &mut Http) -> Vec<String> {
    let mut lines = Vec::new();
    let mut page = Some("/fhir/AuditEvent?_sort=date&_count=500".to_owned());
    while let Some(path) = page {
        let answer = http.get(&path).expect(200);
        let told = compare::plain(&answer);
        lines.extend(told["body"]["entry"].as_array().into_iter().flatten().map(Value::to_string));
        page = next(&answer);
    }
    lines
}

/// The path of an address of the box.
fn path(address: &str) -> String {
    format!("/fhir{}", address.split_once("/fhir").expect("an address of the box").1)
}

fn next(answer: &Answer) -> Option<String> {
    let bundle: Value = serde_json::from_slice(&answer.body).ok()?;
    let links = bundle["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == "next")?;
    Some(path(link["url"].as_str()?))
}

fn done(http: &mut Http, taken: &Answer) -> Answer {
    let job = path(taken.header("content-location").expect("a place"));
    let began = Instant::now();
    loop {
        let answer = http.get(&job);
        if answer.status != 202 {
            http.delete(&job).expect(202);
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "the job does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_about_one_patient_learns_of_no_other() {
    let mut pair = Pair::of(&callers::ONE_PATIENT);
    pair.all_looks();
    pair.trail();
    pair.end();
}

#[test]
fn the_scopes_of_version_one_reach_no_further() {
    looks_of(&callers::VERSION_ONE);
}

#[test]
fn a_program_for_laboratory_results_learns_of_nothing_else() {
    looks_of(&callers::LABORATORY_RESULTS);
}

#[test]
fn a_program_for_patients_learns_of_nothing_about_them() {
    looks_of(&callers::PATIENTS_ONLY);
}

#[test]
fn restricted_scopes_hold_in_exports_and_behind_groups() {
    looks_of(&callers::ONE_PATIENT_AND_GROUPS);
}

#[test]
fn bytes_are_shown_with_the_record_that_they_belong_to() {
    looks_of(&callers::BYTES);
}

#[test]
fn tables_of_codes_that_are_not_theirs_are_as_if_nobody_had_stored_them() {
    looks_of(&callers::TABLES);
}

#[test]
fn a_program_learns_nothing_of_a_patient_who_says_no() {
    looks_of(&callers::SHUT_OUT);
}

#[test]
fn a_program_of_a_doctor_learns_nothing_of_a_patient_who_says_no() {
    looks_of(&callers::SHUT_OUT_APP);
}

#[test]
fn a_write_tells_nothing_of_what_is_hidden() {
    let mut pair = Pair::of(&callers::WRITER);
    for ask in asks::writes() {
        pair.ask(&ask);
    }
    pair.told += 40;
    pair.end();
}

#[test]
fn a_nurse_learns_nothing_of_papers_and_prescriptions() {
    looks_and_screens_of(&callers::NURSE);
}

#[test]
fn a_laboratory_learns_nothing_of_vital_signs_and_diagnoses() {
    looks_and_screens_of(&callers::LAB);
}

#[test]
fn a_page_is_turned_only_by_whom_it_was_given_to() {
    let clinic = Clinic::open();
    let mut wide = clinic.fhir();
    house::records().iter().for_each(|record| record.put(&mut wide));
    let mut narrow = callers::ONE_PATIENT_AND_GROUPS.enter(&clinic);
    let first = wide.get("/fhir/Observation?_count=1&_total=accurate").expect(200);
    let theirs = next(&first).expect("a further page");
    wide.get(&theirs).expect(200);
    narrow.get(&theirs).expect(404);
    let own = narrow.get("/fhir/Observation?_count=1&_total=accurate").expect(200);
    let own = next(&own).expect("a further page");
    narrow.get(&own).expect(200);
    wide.get(&own).expect(404);
}

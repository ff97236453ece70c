//! Searchset and history bundles, written around the stored bytes of their records, which are never parsed for it.

use bytes::Bytes;
use clinicvault_gateway::fhir::bundle::{EntryParts, Writer};
use clinicvault_gateway::fhir::datetime;
use clinicvault_gateway::fhir::outcome::{Issue, Outcome};
use clinicvault_gateway::fhir::patient_match::Verdict;
use clinicvault_gateway::json::{Number, Object, Value};

use crate::records::mark;
use crate::records::read::Stored;

/// Says how a score is to be taken.
const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

/// What an entry has around its record, in bytes: its address, the mode and the keys; more only costs a move.
const AROUND: usize = 192;

/// A bundle being written.
pub struct Set(Writer);

impl Set {
    /// Opens a bundle of `kind` (`searchset` or `history`) with its links.
    pub fn open(kind: &str, total: Option<u64>, links: &[(&str, String)]) -> Self {
        let mut writer = Writer::new(kind, total);
        for (relation, url) in links {
            writer.link(relation, url);
        }
        Self(writer)
    }

    /// Makes room for entries with these records.
    pub fn expect<'a>(&mut self, records: impl Iterator<Item = &'a Stored>) {
        self.0.reserve(records.map(|stored| stored.body.len() + AROUND).sum());
    }

    /// A record that matched, shown as `body`.
    pub fn matched(&mut self, base: &str, stored: &Stored, body: &[u8]) {
        self.found(base, stored, body, "match");
    }

    /// A record that came along with those that matched, shown as `body`.
    pub fn included(&mut self, base: &str, stored: &Stored, body: &[u8]) {
        self.found(base, stored, body, "include");
    }

    /// A record that matched, with how well it does (R4, Patient/$match).
    pub fn scored(&mut self, base: &str, stored: &Stored, verdict: &Verdict) {
        let grade = Object::new().with("url", MATCH_GRADE).with("valueCode", verdict.grade.code());
        let score = match verdict.score() {
            100 => "1.00".to_owned(),
            hundredths => format!("0.{hundredths:02}"),
        };
        let search = Object::new()
            .with("extension", vec![Value::Object(grade)])
            .with("mode", "match")
            .with_some("score", Number::parse(&score).map(Value::Number));
        let url = full_url(base, stored);
        self.0.entry(&EntryParts {
            full_url: Some(&url),
            resource: Some(&stored.body),
            search: Some(&Value::Object(search)),
            ..EntryParts::default()
        });
    }

    fn found(&mut self, base: &str, stored: &Stored, body: &[u8], mode: &str) {
        let url = full_url(base, stored);
        let parts = EntryParts {
            full_url: Some(&url),
            resource: Some(body),
            mode: Some(mode),
            ..EntryParts::default()
        };
        self.0.entry(&parts);
    }

    /// A version in a history, shown as `body`; one that is a delete has no resource.
    pub fn version(&mut self, base: &str, stored: &Stored, body: &[u8]) {
        let (head, kind) = (&stored.head, stored.kind().map_or("", |kind| kind.as_str()));
        let (method, status) = match (head.deleted, head.version) {
            (true, _) => ("DELETE", "204"),
            (false, _) if head.mark == mark::BROUGHT => ("PUT", "201"),
            (false, _) if head.mark == mark::PATCHED => ("PATCH", "200"),
            (false, 1) if is_boxes_own(&head.id) => ("POST", "201"),
            (false, 1) => ("PUT", "201"),
            (false, _) => ("PUT", "200"),
        };
        let address = if method == "POST" { kind.to_owned() } else { format!("{kind}/{}", head.id) };
        let request = Object::new().with("method", method).with("url", address);
        let response = Object::new()
            .with("status", status)
            .with("etag", format!("W/\"{}\"", head.version))
            .with("lastModified", datetime::instant(head.time));
        let url = full_url(base, stored);
        self.0.entry(&EntryParts {
            full_url: Some(&url),
            resource: (!head.deleted).then_some(body),
            request: Some(&Value::Object(request)),
            response: Some(&Value::Object(response)),
            ..EntryParts::default()
        });
    }

    /// Warnings of a search, as an entry of mode `outcome`.
    pub fn warned(&mut self, warnings: &[Issue]) {
        if warnings.is_empty() {
            return;
        }
        let outcome = Outcome::of(warnings.to_vec()).to_json().to_vec();
        let parts = EntryParts { resource: Some(&outcome), mode: Some("outcome"), ..EntryParts::default() };
        self.0.entry(&parts);
    }

    /// The whole bundle.
    pub fn close(self) -> Bytes {
        self.0.finish().into()
    }
}

/// Whether an id has the form that the box gives. Versions written before updates were marked tell by it which of them
/// were creates.
fn is_boxes_own(id: &str) -> bool {
    let version = id.as_bytes().get(14);
    id.len() == 36 && id.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && version == Some(&b'7')
}

fn full_url(base: &str, stored: &Stored) -> String {
    format!("{base}/{}/{}", stored.kind().map_or("", |kind| kind.as_str()), stored.head.id)
}

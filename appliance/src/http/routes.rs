//! Every address of the box and what it takes to get in: one table.
//!
//! The guard looks each request up here before a handler runs; an address without a row is refused to everybody, so a
//! new route works only once somebody has written down who may use it. The table is also what the tests walk.

use http::Method;

use crate::records::access::{Area, Op};

/// What it takes to get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing; the handler itself asks for a code or a password where one is needed.
    Nothing,
    /// To be signed in, as a person, in whatever role.
    Person,
    /// An actor who may do this in that area. Handlers look closer where the answer depends on the record.
    May(Op, Area),
    /// A person or a machine; the records room decides for each resource type.
    Fhir,
}

/// One address.
#[derive(Debug, Clone)]
pub struct Row {
    /// `GET` stands for `HEAD` too.
    pub method: Method,
    /// As the router writes it; the names of parameters do not matter.
    pub path: &'static str,
    /// What it takes.
    pub need: Need,
    /// The browser asks by itself, so it does not keep a session alive.
    pub quiet: bool,
}

const fn row(method: Method, path: &'static str, need: Need) -> Row {
    Row { method, path, need, quiet: false }
}

const fn quiet(method: Method, path: &'static str, need: Need) -> Row {
    Row { method, path, need, quiet: true }
}

const DELETE: Method = Method::DELETE;
const GET: Method = Method::GET;
const PATCH: Method = Method::PATCH;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;

/// The table.
pub const TABLE: &[Row] = &[
    // The box itself.
    row(GET, "/health", Need::Nothing),
    row(GET, "/ca.crt", Need::Nothing),
    row(GET, "/ca.der", Need::Nothing),
    row(GET, "/install", Need::Nothing),
    row(GET, "/install/{file}", Need::Nothing),
    row(GET, "/api/status", Need::Nothing),
    // The code on a printed paper; the handler tells nothing clinical (0207).
    row(GET, "/verify/{code}", Need::Nothing),
    row(POST, "/api/setup", Need::Nothing),
    quiet(GET, "/api/setup/recovery", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/setup/confirm", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/unlock", Need::Nothing),
    row(POST, "/api/rescue/retry", Need::Nothing),
    // Signing in.
    row(POST, "/api/login", Need::Nothing),
    row(POST, "/api/login/totp", Need::Nothing),
    row(POST, "/api/login/enrol", Need::Nothing),
    row(POST, "/api/login/password", Need::Nothing),
    row(POST, "/api/logout", Need::Nothing),
    quiet(GET, "/api/session", Need::Person),
    row(POST, "/api/session/prove", Need::Person),
    row(PATCH, "/api/me", Need::Person),
    row(POST, "/api/me/password", Need::Person),
    row(PUT, "/api/me/pin", Need::Person),
    row(POST, "/api/me/second-factor", Need::Person),
    row(POST, "/api/me/second-factor/confirm", Need::Person),
    row(GET, "/api/me/sessions", Need::Person),
    row(DELETE, "/api/me/sessions/{id}", Need::Person),
    row(GET, "/api/me/consents", Need::Person),
    row(DELETE, "/api/me/consents/{id}", Need::Person),
    // People and machines.
    row(GET, "/api/users", Need::May(Op::Search, Area::Settings)),
    row(POST, "/api/users", Need::May(Op::Create, Area::Settings)),
    row(PATCH, "/api/users/{id}", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/users/{id}/reset", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/tokens", Need::May(Op::Search, Area::Settings)),
    row(POST, "/api/tokens", Need::May(Op::Create, Area::Settings)),
    row(DELETE, "/api/tokens/{id}", Need::May(Op::Delete, Area::Settings)),
    row(GET, "/api/clients", Need::May(Op::Search, Area::Settings)),
    row(POST, "/api/clients", Need::May(Op::Create, Area::Settings)),
    row(PATCH, "/api/clients/{id}", Need::May(Op::Update, Area::Settings)),
    row(DELETE, "/api/clients/{id}", Need::May(Op::Delete, Area::Settings)),
    row(GET, "/api/clients/{id}/grants", Need::May(Op::Search, Area::Settings)),
    row(DELETE, "/api/clients/{id}/grants", Need::May(Op::Delete, Area::Settings)),
    row(POST, "/api/clients/{id}/secret", Need::May(Op::Update, Area::Settings)),
    // Programs of other makers. They prove themselves to the handlers; the page asks who is signed in.
    row(GET, "/.well-known/smart-configuration", Need::Nothing),
    row(GET, "/fhir/.well-known/smart-configuration", Need::Nothing),
    row(GET, "/.well-known/openid-configuration", Need::Nothing),
    row(GET, "/oauth/jwks", Need::Nothing),
    row(GET, "/oauth/authorize", Need::Nothing),
    row(GET, "/oauth/page.css", Need::Nothing),
    row(POST, "/oauth/authorize", Need::Nothing),
    row(POST, "/oauth/token", Need::Nothing),
    row(POST, "/oauth/introspect", Need::Nothing),
    row(POST, "/oauth/revoke", Need::Nothing),
    // Patients.
    row(GET, "/api/search", Need::May(Op::Search, Area::Demographics)),
    row(GET, "/api/patients/recent", Need::May(Op::Search, Area::Demographics)),
    row(POST, "/api/patients", Need::May(Op::Create, Area::Demographics)),
    row(POST, "/api/patients/duplicates", Need::May(Op::Search, Area::Demographics)),
    row(GET, "/api/patients/{id}/chart", Need::May(Op::Read, Area::Demographics)),
    row(GET, "/api/patients/{id}/results/{code}", Need::May(Op::Read, Area::Results)),
    row(POST, "/api/patients/{id}/emergency", Need::May(Op::Create, Area::Problems)),
    row(GET, "/api/emergencies", Need::May(Op::Search, Area::Audit)),
    row(GET, "/api/patients/{id}/access-log", Need::May(Op::Read, Area::AccessLog)),
    row(POST, "/api/patients/{id}/allergies", Need::May(Op::Create, Area::Allergies)),
    row(POST, "/api/patients/{id}/problems", Need::May(Op::Create, Area::Problems)),
    row(GET, "/api/patients/{id}/documents/{document}", Need::May(Op::Read, Area::Notes)),
    row(GET, "/api/results/critical", Need::May(Op::Search, Area::Results)),
    row(POST, "/api/patients/{id}/observations/{observation}/review", Need::May(Op::Create, Area::Review)),
    row(DELETE, "/api/patients/{id}/observations/{observation}/review", Need::May(Op::Delete, Area::Review)),
    // Messages from other systems.
    row(GET, "/api/inbox", Need::May(Op::Search, Area::Inbox)),
    row(GET, "/api/inbox/{seq}", Need::May(Op::Read, Area::Inbox)),
    row(POST, "/api/inbox/{seq}/settle", Need::May(Op::Update, Area::Inbox)),
    // Where messages come from.
    // Messages that leave the box.
    row(GET, "/api/outbox", Need::May(Op::Search, Area::Inbox)),
    row(GET, "/api/outbox/{seq}", Need::May(Op::Read, Area::Inbox)),
    row(POST, "/api/outbox/{seq}/resend", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/outbox/{seq}/edit", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/outbox/{seq}/discard", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/destinations/{channel}/{name}/pause", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/destinations/{channel}/{name}/resume", Need::May(Op::Update, Area::Settings)),
    row(PUT, "/api/destinations/{channel}/{name}/secret", Need::May(Op::Update, Area::Settings)),
    row(DELETE, "/api/destinations/{channel}/{name}/secret", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/channels", Need::May(Op::Search, Area::Settings)),
    row(GET, "/api/channels/schema", Need::May(Op::Search, Area::Settings)),
    row(GET, "/api/channels/{name}", Need::May(Op::Read, Area::Settings)),
    row(PUT, "/api/channels/{name}", Need::May(Op::Update, Area::Settings)),
    row(DELETE, "/api/channels/{name}", Need::May(Op::Delete, Area::Settings)),
    row(POST, "/api/channels/{name}/pause", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/channels/{name}/resume", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/channels/{name}/versions", Need::May(Op::Search, Area::Settings)),
    row(GET, "/api/channels/{name}/versions/{version}", Need::May(Op::Read, Area::Settings)),
    row(POST, "/api/channels/{name}/versions/{version}/restore", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/channels/{name}/try", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/channels/{name}/upload", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/replays", Need::May(Op::Search, Area::Inbox)),
    row(POST, "/api/replays", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/replays/preview", Need::May(Op::Update, Area::Inbox)),
    row(GET, "/api/replays/{id}", Need::May(Op::Read, Area::Inbox)),
    row(POST, "/api/replays/{id}/pause", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/replays/{id}/resume", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/replays/{id}/cancel", Need::May(Op::Update, Area::Inbox)),
    row(POST, "/api/destinations/{channel}/{name}/test", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/channels/{name}/test", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/channels/{name}/sheet", Need::May(Op::Read, Area::Settings)),
    row(GET, "/api/alerts", Need::May(Op::Search, Area::Settings)),
    row(POST, "/api/alerts/{channel}/{about}/acknowledge", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/hl7/maps", Need::May(Op::Read, Area::Settings)),
    row(PUT, "/api/hl7/maps", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/hl7/maps/try", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/hl7/maps/versions", Need::May(Op::Search, Area::Settings)),
    row(GET, "/api/hl7/maps/versions/{version}", Need::May(Op::Read, Area::Settings)),
    // The handler asks whether the channel takes messages of this token.
    row(POST, "/hl7/v2/{channel}", Need::Nothing),
    // Consultations and their money.
    row(GET, "/api/consultations", Need::May(Op::Search, Area::Queue)),
    row(POST, "/api/consultations", Need::May(Op::Create, Area::Queue)),
    row(GET, "/api/consultations/flags", Need::May(Op::Read, Area::Queue)),
    row(GET, "/api/consultations/{id}", Need::May(Op::Read, Area::Queue)),
    row(POST, "/api/consultations/{id}/assign", Need::May(Op::Update, Area::Queue)),
    row(POST, "/api/consultations/{id}/arrived", Need::May(Op::Update, Area::Queue)),
    row(POST, "/api/consultations/{id}/identity", Need::May(Op::Update, Area::Queue)),
    row(POST, "/api/consultations/{id}/consent", Need::May(Op::Update, Area::Queue)),
    row(POST, "/api/consultations/{id}/cancel", Need::May(Op::Update, Area::Queue)),
    row(GET, "/api/consultations/{id}/note", Need::May(Op::Read, Area::Notes)),
    row(PUT, "/api/consultations/{id}/note", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/note/extract", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/note/discard", Need::May(Op::Update, Area::Notes)),
    row(GET, "/api/consultations/{id}/prescription", Need::May(Op::Read, Area::Prescriptions)),
    row(PUT, "/api/consultations/{id}/prescription", Need::May(Op::Update, Area::Prescriptions)),
    row(POST, "/api/consultations/{id}/prescription/discard", Need::May(Op::Update, Area::Prescriptions)),
    row(POST, "/api/consultations/{id}/prescription/cancel", Need::May(Op::Update, Area::Prescriptions)),
    row(POST, "/api/consultations/{id}/sign", Need::May(Op::Update, Area::Notes)),
    row(GET, "/api/consultations/{id}/documents/{document}/pdf", Need::May(Op::Read, Area::Notes)),
    row(POST, "/api/prescriptions/parse", Need::May(Op::Update, Area::Prescriptions)),
    row(GET, "/api/formulary", Need::May(Op::Read, Area::Directory)),
    row(GET, "/api/formulary/own", Need::May(Op::Read, Area::Directory)),
    row(PUT, "/api/formulary/own", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/telemedicine-lists", Need::May(Op::Read, Area::Directory)),
    row(PUT, "/api/telemedicine-lists", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/consultations/{id}/emergency", Need::May(Op::Create, Area::Problems)),
    row(POST, "/api/consultations/{id}/start", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/absent", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/interrupted", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/resumed", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/transfer", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/transfer/accept", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/transfer/decline", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/complete", Need::May(Op::Update, Area::Notes)),
    row(POST, "/api/consultations/{id}/addendum", Need::May(Op::Update, Area::Notes)),
    // Who takes part is the room's question.
    row(POST, "/api/consultations/{id}/ticket", Need::May(Op::Read, Area::Visits)),
    row(GET, "/api/consultations/{id}/chat", Need::May(Op::Read, Area::Visits)),
    row(GET, "/api/consultations/{id}/segments", Need::May(Op::Read, Area::Visits)),
    row(POST, "/api/consultations/{id}/files", Need::May(Op::Read, Area::Visits)),
    row(GET, "/api/consultations/{id}/files/{file}", Need::May(Op::Read, Area::Visits)),
    // The session and the ticket are what count; the handler asks for both.
    row(GET, "/api/room", Need::Nothing),
    // The handler looks whose it is.
    row(GET, "/api/consultations/{id}/transcript", Need::May(Op::Read, Area::Notes)),
    // Its doctors and the owner see that there are recordings, its doctors play them, the owner deletes them.
    row(GET, "/api/consultations/{id}/recordings", Need::Person),
    row(GET, "/api/consultations/{id}/recordings/{recording}", Need::May(Op::Read, Area::Notes)),
    row(DELETE, "/api/consultations/{id}/recordings/{recording}", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/patients/{id}/dictations", Need::May(Op::Create, Area::Notes)),
    row(GET, "/api/dictations/{id}", Need::May(Op::Read, Area::Notes)),
    row(GET, "/api/transcription", Need::May(Op::Read, Area::Settings)),
    row(GET, "/api/live", Need::May(Op::Read, Area::Settings)),
    row(GET, "/api/presence", Need::May(Op::Search, Area::Queue)),
    row(POST, "/api/presence/me", Need::May(Op::Update, Area::Notes)),
    quiet(POST, "/api/presence/me/beat", Need::May(Op::Update, Area::Notes)),
    row(PUT, "/api/presence/{id}/profile", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/prices", Need::May(Op::Read, Area::Directory)),
    row(POST, "/api/prices", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/payments", Need::May(Op::Search, Area::Invoices)),
    row(GET, "/api/payments/ways", Need::May(Op::Read, Area::Settings)),
    row(PUT, "/api/payments/ways", Need::May(Op::Update, Area::Settings)),
    row(GET, "/api/payments/{id}", Need::May(Op::Read, Area::Invoices)),
    row(GET, "/api/payments/{id}/upi.svg", Need::May(Op::Read, Area::Invoices)),
    row(POST, "/api/payments/{id}/claim", Need::May(Op::Create, Area::Invoices)),
    row(POST, "/api/payments/{id}/confirm", Need::May(Op::Create, Area::Invoices)),
    row(POST, "/api/payments/{id}/order", Need::May(Op::Create, Area::Invoices)),
    row(POST, "/api/payments/{id}/callback", Need::May(Op::Create, Area::Invoices)),
    row(POST, "/api/payments/{id}/refund", Need::May(Op::Update, Area::Refunds)),
    row(POST, "/api/payments/{id}/credit", Need::May(Op::Update, Area::Refunds)),
    row(POST, "/api/patients/{id}/join-link", Need::May(Op::Update, Area::Queue)),
    row(POST, "/api/join", Need::Nothing),
    // The signature of the message is what counts.
    row(POST, "/hooks/razorpay", Need::Nothing),
    row(POST, "/hooks/razorpay/{id}/back", Need::Nothing),
    // What patients do for themselves; nobody of the clinic comes in here.
    row(GET, "/api/portal", Need::May(Op::Read, Area::Portal)),
    row(POST, "/api/portal/leave", Need::May(Op::Update, Area::Portal)),
    row(GET, "/api/portal/consultations", Need::May(Op::Search, Area::Portal)),
    row(POST, "/api/portal/consultations", Need::May(Op::Create, Area::Portal)),
    row(GET, "/api/portal/consultations/{id}", Need::May(Op::Read, Area::Portal)),
    row(POST, "/api/portal/consultations/{id}/arrived", Need::May(Op::Update, Area::Portal)),
    row(POST, "/api/portal/consultations/{id}/cancel", Need::May(Op::Update, Area::Portal)),
    row(POST, "/api/portal/consultations/{id}/ticket", Need::May(Op::Update, Area::Portal)),
    row(GET, "/api/portal/consultations/{id}/chat", Need::May(Op::Read, Area::Portal)),
    row(POST, "/api/portal/consultations/{id}/files", Need::May(Op::Update, Area::Portal)),
    row(GET, "/api/portal/consultations/{id}/files/{file}", Need::May(Op::Read, Area::Portal)),
    row(GET, "/api/portal/consultations/{id}/recordings", Need::May(Op::Read, Area::Portal)),
    row(GET, "/api/portal/files", Need::May(Op::Search, Area::Portal)),
    row(GET, "/api/portal/papers", Need::May(Op::Search, Area::Portal)),
    row(GET, "/api/portal/consultations/{id}/documents/{document}/pdf", Need::May(Op::Read, Area::Portal)),
    row(GET, "/api/portal/access-log", Need::May(Op::Read, Area::Portal)),
    row(GET, "/api/portal/payments/{id}/upi.svg", Need::May(Op::Read, Area::Portal)),
    row(POST, "/api/portal/payments/{id}/claim", Need::May(Op::Update, Area::Portal)),
    row(POST, "/api/portal/payments/{id}/order", Need::May(Op::Update, Area::Portal)),
    row(GET, "/api/portal/payments/{id}/checkout", Need::May(Op::Update, Area::Portal)),
    row(POST, "/api/portal/payments/{id}/callback", Need::May(Op::Update, Area::Portal)),
    // Long work.
    row(GET, "/api/jobs", Need::May(Op::Search, Area::Settings)),
    row(DELETE, "/api/jobs/{id}", Need::May(Op::Delete, Area::Settings)),
    // Changes told to others.
    row(GET, "/api/search-parameters", Need::May(Op::Search, Area::Settings)),
    row(GET, "/api/subscriptions", Need::May(Op::Search, Area::Settings)),
    row(POST, "/api/subscriptions/{id}/pause", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/subscriptions/{id}/resume", Need::May(Op::Update, Area::Settings)),
    row(POST, "/api/subscriptions/{id}/retry", Need::May(Op::Update, Area::Settings)),
    // What has changed. Each line is decided again for the one who listens.
    quiet(GET, "/api/events", Need::Person),
    quiet(GET, "/api/changes", Need::Person),
    // FHIR. Only what the box can do is public.
    row(GET, "/fhir/metadata", Need::Nothing),
    // A subscriber says on the socket who it is: by a bearer token when it opens it, or by a binding token.
    row(GET, "/fhir/_notifications", Need::Nothing),
];

/// Everything below it is asked by programs of other makers or by plain forms, which cannot send the header of our own
/// page; the handlers check for themselves where a request comes from. No cookie counts there but on the page that asks.
pub const OAUTH: &str = "/oauth/";

/// Everything below it is sent by other systems, which sign what they send.
pub const HOOKS: &str = "/hooks/";

/// Everything below it is sent by programs with a token.
pub const HL7: &str = "/hl7/";

/// Everything below it but what has a row of its own is FHIR.
pub const FHIR: &str = "/fhir";

/// What a request to a route needs. `None`: there is no row, so nobody gets in.
pub fn find(method: &Method, path: &str) -> Option<(Need, bool)> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let own = TABLE.iter().find(|row| row.method == *method && same(row.path, path));
    match own {
        Some(row) => Some((row.need, row.quiet)),
        None if path == FHIR || path.starts_with("/fhir/") => Some((Need::Fhir, false)),
        None => None,
    }
}

/// Whether any method of this route has a row.
pub fn is_known(path: &str) -> bool {
    TABLE.iter().any(|row| same(row.path, path))
}

/// Whether two addresses are one route, whatever their parameters are called.
fn same(one: &str, other: &str) -> bool {
    let mut ones = one.split('/');
    let mut others = other.split('/');
    loop {
        match (ones.next(), others.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (a.starts_with('{') && b.starts_with('{')) => {}
            (Some(_) | None, Some(_) | None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::records::access::{Actor, Role, Subject, Who, decide};

    #[test]
    fn no_address_has_two_rows() {
        for (at, row) in TABLE.iter().enumerate() {
            let again = TABLE
                .iter()
                .skip(at + 1)
                .find(|other| other.method == row.method && same(row.path, other.path));
            assert!(again.is_none(), "{} {}", row.method, row.path);
        }
    }

    #[test]
    fn every_route_that_the_sources_name_has_a_row() {
        let mut named = Vec::new();
        routes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut named);
        assert!(named.iter().any(|(path, _)| path == "/health"), "the search for routes finds nothing");
        for (path, file) in named {
            let known = [GET, POST, PUT, PATCH, DELETE].iter().any(|method| find(method, &path).is_some());
            assert!(known, "{path} in {file} has no row in the table of routes");
        }
    }

    /// The first argument of every `.route(` call.
    fn routes_in(folder: &Path, named: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                routes_in(&path, named);
            } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("routes.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for call in text.split(".route(").skip(1) {
                    if let Some(rest) = call.trim_start().strip_prefix('"') {
                        let end = rest.find('"').unwrap();
                        named.push((rest[..end].to_owned(), path.display().to_string()));
                    }
                }
            }
        }
    }

    #[test]
    fn an_address_without_a_row_is_for_nobody() {
        assert_eq!(find(&GET, "/api/everything"), None);
        assert_eq!(find(&DELETE, "/api/users/{id}"), None);
        assert_eq!(find(&GET, "/fhirs"), None);
        assert_eq!(find(&Method::HEAD, "/health"), Some((Need::Nothing, false)));
        assert_eq!(find(&GET, "/api/inbox/{number}"), Some((Need::May(Op::Read, Area::Inbox), false)));
        assert_eq!(find(&GET, "/fhir/{kind}/{id}"), Some((Need::Fhir, false)));
    }

    /// The walk: every address by every role, against what clinic-workflow.md section 2 says, written out once more by
    /// hand. Letters are those of `Role::ALL`: owner, doctor, nurse, reception, dispenser, lab, cashier, auditor.
    #[test]
    fn every_role_gets_in_where_the_sheet_says_and_nowhere_else() {
        let everybody = "odnrplca";
        let expected: &[(&str, &str, &str)] = &[
            ("GET", "/api/setup/recovery", "o"),
            ("POST", "/api/setup/confirm", "o"),
            ("GET", "/api/session", everybody),
            ("POST", "/api/session/prove", everybody),
            ("PATCH", "/api/me", everybody),
            ("POST", "/api/me/password", everybody),
            ("PUT", "/api/me/pin", everybody),
            ("POST", "/api/me/second-factor", everybody),
            ("POST", "/api/me/second-factor/confirm", everybody),
            ("GET", "/api/me/sessions", everybody),
            ("DELETE", "/api/me/sessions/{id}", everybody),
            ("GET", "/api/me/consents", everybody),
            ("DELETE", "/api/me/consents/{id}", everybody),
            ("GET", "/api/users", "oa"),
            ("POST", "/api/users", "o"),
            ("PATCH", "/api/users/{id}", "o"),
            ("POST", "/api/users/{id}/reset", "o"),
            ("GET", "/api/tokens", "oa"),
            ("POST", "/api/tokens", "o"),
            ("DELETE", "/api/tokens/{id}", "o"),
            ("GET", "/api/clients", "oa"),
            ("POST", "/api/clients", "o"),
            ("PATCH", "/api/clients/{id}", "o"),
            ("DELETE", "/api/clients/{id}", "o"),
            ("GET", "/api/clients/{id}/grants", "oa"),
            ("DELETE", "/api/clients/{id}/grants", "o"),
            ("POST", "/api/clients/{id}/secret", "o"),
            ("GET", "/api/search", everybody),
            ("GET", "/api/patients/recent", everybody),
            ("POST", "/api/patients", "dnr"),
            ("POST", "/api/patients/duplicates", everybody),
            ("GET", "/api/patients/{id}/chart", everybody),
            ("GET", "/api/patients/{id}/results/{code}", "dnl"),
            ("POST", "/api/patients/{id}/emergency", "dn"),
            ("GET", "/api/emergencies", "oa"),
            ("GET", "/api/patients/{id}/access-log", "odna"),
            ("POST", "/api/patients/{id}/allergies", "dn"),
            ("POST", "/api/patients/{id}/problems", "dn"),
            ("GET", "/api/patients/{id}/documents/{document}", "d"),
            ("GET", "/api/results/critical", "dnl"),
            ("POST", "/api/patients/{id}/observations/{observation}/review", "d"),
            ("DELETE", "/api/patients/{id}/observations/{observation}/review", "d"),
            ("GET", "/api/inbox", "dnl"),
            ("GET", "/api/inbox/{seq}", "dnl"),
            ("POST", "/api/inbox/{seq}/settle", "dl"),
            ("GET", "/api/outbox", "dnl"),
            ("GET", "/api/outbox/{seq}", "dnl"),
            ("POST", "/api/outbox/{seq}/resend", "dl"),
            ("POST", "/api/outbox/{seq}/edit", "dl"),
            ("POST", "/api/outbox/{seq}/discard", "dl"),
            ("POST", "/api/destinations/{channel}/{name}/pause", "o"),
            ("POST", "/api/destinations/{channel}/{name}/resume", "o"),
            ("PUT", "/api/destinations/{channel}/{name}/secret", "o"),
            ("DELETE", "/api/destinations/{channel}/{name}/secret", "o"),
            ("GET", "/api/channels", "oa"),
            ("GET", "/api/channels/schema", "oa"),
            ("GET", "/api/channels/{name}", "oa"),
            ("PUT", "/api/channels/{name}", "o"),
            ("DELETE", "/api/channels/{name}", "o"),
            ("POST", "/api/channels/{name}/pause", "o"),
            ("POST", "/api/channels/{name}/resume", "o"),
            ("GET", "/api/channels/{name}/versions", "oa"),
            ("GET", "/api/channels/{name}/versions/{version}", "oa"),
            ("POST", "/api/channels/{name}/versions/{version}/restore", "o"),
            ("POST", "/api/channels/{name}/try", "o"),
            ("POST", "/api/channels/{name}/upload", "o"),
            ("GET", "/api/replays", "dnl"),
            ("POST", "/api/replays", "dl"),
            ("POST", "/api/replays/preview", "dl"),
            ("GET", "/api/replays/{id}", "dnl"),
            ("POST", "/api/replays/{id}/pause", "dl"),
            ("POST", "/api/replays/{id}/resume", "dl"),
            ("POST", "/api/replays/{id}/cancel", "dl"),
            ("POST", "/api/destinations/{channel}/{name}/test", "o"),
            ("POST", "/api/channels/{name}/test", "o"),
            ("GET", "/api/channels/{name}/sheet", "oa"),
            ("GET", "/api/alerts", "oa"),
            ("POST", "/api/alerts/{channel}/{about}/acknowledge", "o"),
            ("GET", "/api/hl7/maps", "oa"),
            ("PUT", "/api/hl7/maps", "o"),
            ("POST", "/api/hl7/maps/try", "o"),
            ("GET", "/api/hl7/maps/versions", "oa"),
            ("GET", "/api/hl7/maps/versions/{version}", "oa"),
            ("GET", "/api/consultations", everybody),
            ("POST", "/api/consultations", "dnr"),
            ("GET", "/api/consultations/flags", everybody),
            ("GET", "/api/consultations/{id}", everybody),
            ("POST", "/api/consultations/{id}/assign", "dnr"),
            ("POST", "/api/consultations/{id}/arrived", "dnr"),
            ("POST", "/api/consultations/{id}/identity", "dnr"),
            ("POST", "/api/consultations/{id}/consent", "dnr"),
            ("POST", "/api/consultations/{id}/cancel", "dnr"),
            ("POST", "/api/consultations/{id}/emergency", "dn"),
            ("POST", "/api/consultations/{id}/start", "d"),
            ("POST", "/api/consultations/{id}/absent", "d"),
            ("POST", "/api/consultations/{id}/interrupted", "d"),
            ("POST", "/api/consultations/{id}/resumed", "d"),
            ("POST", "/api/consultations/{id}/transfer", "d"),
            ("POST", "/api/consultations/{id}/transfer/accept", "d"),
            ("POST", "/api/consultations/{id}/transfer/decline", "d"),
            ("POST", "/api/consultations/{id}/complete", "d"),
            ("POST", "/api/consultations/{id}/addendum", "d"),
            ("POST", "/api/consultations/{id}/ticket", "dnr"),
            ("GET", "/api/consultations/{id}/chat", "dnr"),
            ("GET", "/api/consultations/{id}/segments", "dnr"),
            ("POST", "/api/consultations/{id}/files", "dnr"),
            ("GET", "/api/consultations/{id}/files/{file}", "dnr"),
            ("GET", "/api/consultations/{id}/transcript", "d"),
            ("GET", "/api/consultations/{id}/recordings", everybody),
            ("GET", "/api/consultations/{id}/recordings/{recording}", "d"),
            ("DELETE", "/api/consultations/{id}/recordings/{recording}", "o"),
            ("POST", "/api/patients/{id}/dictations", "d"),
            ("GET", "/api/dictations/{id}", "d"),
            ("GET", "/api/transcription", "oa"),
            ("GET", "/api/live", "oa"),
            ("GET", "/api/consultations/{id}/note", "d"),
            ("PUT", "/api/consultations/{id}/note", "d"),
            ("POST", "/api/consultations/{id}/note/extract", "d"),
            ("POST", "/api/consultations/{id}/note/discard", "d"),
            ("GET", "/api/consultations/{id}/prescription", "d"),
            ("PUT", "/api/consultations/{id}/prescription", "d"),
            ("POST", "/api/consultations/{id}/prescription/discard", "d"),
            ("POST", "/api/consultations/{id}/prescription/cancel", "d"),
            ("POST", "/api/consultations/{id}/sign", "d"),
            ("GET", "/api/consultations/{id}/documents/{document}/pdf", "d"),
            ("POST", "/api/prescriptions/parse", "d"),
            ("GET", "/api/formulary", everybody),
            ("GET", "/api/formulary/own", everybody),
            ("PUT", "/api/formulary/own", "o"),
            ("GET", "/api/telemedicine-lists", everybody),
            ("PUT", "/api/telemedicine-lists", "o"),
            ("GET", "/api/presence", everybody),
            ("POST", "/api/presence/me", "d"),
            ("POST", "/api/presence/me/beat", "d"),
            ("PUT", "/api/presence/{id}/profile", "o"),
            ("GET", "/api/prices", everybody),
            ("POST", "/api/prices", "o"),
            ("GET", "/api/payments", "odrplca"),
            ("GET", "/api/payments/ways", "oa"),
            ("PUT", "/api/payments/ways", "o"),
            ("GET", "/api/payments/{id}", "odrplca"),
            ("GET", "/api/payments/{id}/upi.svg", "odrplca"),
            ("POST", "/api/payments/{id}/claim", "orplc"),
            ("POST", "/api/payments/{id}/confirm", "orplc"),
            ("POST", "/api/payments/{id}/order", "orplc"),
            ("POST", "/api/payments/{id}/callback", "orplc"),
            ("POST", "/api/payments/{id}/refund", "o"),
            ("POST", "/api/payments/{id}/credit", "o"),
            ("POST", "/api/patients/{id}/join-link", "dnr"),
            ("GET", "/api/portal", ""),
            ("POST", "/api/portal/leave", ""),
            ("GET", "/api/portal/consultations", ""),
            ("POST", "/api/portal/consultations", ""),
            ("GET", "/api/portal/consultations/{id}", ""),
            ("POST", "/api/portal/consultations/{id}/arrived", ""),
            ("POST", "/api/portal/consultations/{id}/cancel", ""),
            ("POST", "/api/portal/consultations/{id}/ticket", ""),
            ("GET", "/api/portal/consultations/{id}/chat", ""),
            ("POST", "/api/portal/consultations/{id}/files", ""),
            ("GET", "/api/portal/consultations/{id}/files/{file}", ""),
            ("GET", "/api/portal/consultations/{id}/recordings", ""),
            ("GET", "/api/portal/files", ""),
            ("GET", "/api/portal/papers", ""),
            ("GET", "/api/portal/consultations/{id}/documents/{document}/pdf", ""),
            ("GET", "/api/portal/access-log", ""),
            ("GET", "/api/portal/payments/{id}/upi.svg", ""),
            ("POST", "/api/portal/payments/{id}/claim", ""),
            ("POST", "/api/portal/payments/{id}/order", ""),
            ("GET", "/api/portal/payments/{id}/checkout", ""),
            ("POST", "/api/portal/payments/{id}/callback", ""),
            ("GET", "/api/jobs", "oa"),
            ("DELETE", "/api/jobs/{id}", "o"),
            ("GET", "/api/search-parameters", "oa"),
            ("GET", "/api/subscriptions", "oa"),
            ("POST", "/api/subscriptions/{id}/pause", "o"),
            ("POST", "/api/subscriptions/{id}/resume", "o"),
            ("POST", "/api/subscriptions/{id}/retry", "o"),
            ("GET", "/api/events", everybody),
            ("GET", "/api/changes", everybody),
        ];
        for row in TABLE.iter().filter(|row| row.need != Need::Nothing) {
            let line = expected.iter().find(|(method, path, _)| *method == row.method && *path == row.path);
            let (_, _, who) =
                line.unwrap_or_else(|| panic!("{} {} is not in the walk", row.method, row.path));
            for (role, letter) in Role::ALL.into_iter().zip(everybody.chars()) {
                let gets_in = admits(row.need, role);
                assert_eq!(gets_in, who.contains(letter), "{role:?} {} {}", row.method, row.path);
            }
        }
        assert_eq!(TABLE.iter().filter(|row| row.need != Need::Nothing).count(), expected.len());
    }

    fn admits(need: Need, role: Role) -> bool {
        let who = Who::Person { roles: vec![role] };
        let actor = Actor { id: "p".into(), name: "P".into(), who, session: None, source: "test".into() };
        match need {
            Need::Nothing | Need::Person | Need::Fhir => true,
            Need::May(op, area) => decide(&actor, op, &Subject::area_only(area)).allowed(),
        }
    }
}

//! One line of the audit log as an AuditEvent: what the leaf says, in the terms of `fhir::audit`.

use clinicvault_gateway::fhir::audit::{self, About, Agent, Ending, Event, Line, Sort};
use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, AuditEntry, Outcome};

use super::super::audit::Detail;
use super::super::names::Names;

/// The AuditEvent of a line. `clinic` is the id of the box.
pub fn event(entry: &AuditEntry, clinic: &str, names: &mut Names<'_>) -> Value {
    let leaf = &entry.leaf;
    let detail = leaf.detail.as_deref().and_then(Detail::read);
    let detail = detail.unwrap_or_default();
    let kind = leaf.object.as_ref().and_then(|(kind, _, _)| ResourceType::from_number(kind.0));
    let record = leaf.object.as_ref().zip(kind).filter(|((_, id, _), _)| !id.is_empty());
    let record = record.map(|((_, id, version), kind)| match version {
        0 => format!("{kind}/{id}"),
        version => format!("{kind}/{id}/_history/{version}"),
    });
    let name = names.of(&leaf.actor);
    let (address, program) = match leaf.source.split_once(' ') {
        Some((address, program)) if leaf.role.ends_with("app") => (address, Some(program)),
        Some(_) | None => (leaf.source.as_str(), None),
    };
    let line = Line {
        id: entry.seq.to_string(),
        recorded: entry.at,
        event: what(entry),
        ending: match leaf.outcome {
            Outcome::Success => Ending::Success,
            Outcome::Refused => Ending::Refused,
            Outcome::Failed => Ending::Failed,
        },
        reason: leaf.reason.as_deref(),
        purpose: &leaf.purpose,
        agent: Agent {
            sort: match leaf.role.as_str() {
                "machine" => Sort::Machine,
                "sender" => Sort::Sender,
                "operator" => Sort::Operator,
                _ => Sort::Person,
            },
            id: &leaf.actor,
            name: &name,
            roles: leaf.role.split(',').filter(|role| !role.is_empty()).collect(),
            address,
            program,
        },
        source: clinic,
        about: About {
            record,
            kind: kind.map(|kind| kind.as_str()),
            patient: leaf.owner.as_deref(),
            query: detail.query.as_deref(),
            touched: detail.touched.iter().map(String::as_str).collect(),
        },
    };
    audit::resource(&line)
}

/// What was done or tried: a refusal's reason begins with the letters of what was asked.
fn what(entry: &AuditEntry) -> Event {
    let leaf = &entry.leaf;
    let (named, versioned) =
        leaf.object.as_ref().map_or((false, false), |(_, id, version)| (!id.is_empty(), *version > 0));
    match leaf.action {
        Action::Read => Event::Read,
        Action::Search => Event::Search,
        Action::Create => Event::Create,
        Action::Update => Event::Update,
        Action::Delete => Event::Delete,
        Action::History if named && versioned => Event::VersionRead,
        Action::History if named => Event::HistoryOfOne,
        Action::History => Event::HistoryOfMany,
        Action::Transaction => Event::Transaction,
        Action::Login => Event::Login,
        Action::LoginFailed => Event::LoginFailed,
        Action::Logout => Event::Logout,
        Action::Denied => tried(leaf.reason.as_deref().unwrap_or_default()),
        Action::BreakGlass => Event::BreakGlass,
        Action::Export => Event::Export,
        Action::Print => Event::Print,
        Action::Import => Event::Import,
        Action::Configure => Event::Configure,
        Action::UserChange => Event::UserChange,
        Action::TokenChange => Event::TokenChange,
        Action::KeyChange => Event::KeyChange,
        Action::Setup => Event::Setup,
        Action::Unlock => Event::Unlock,
        Action::Start => Event::Start,
        Action::Stop => Event::Stop,
        Action::Verify => Event::Verify,
        Action::Backup => Event::Backup,
        Action::Restore => Event::Restore,
        Action::MessageIn => Event::MessageIn,
        Action::MessageApplied => Event::MessageApplied,
        Action::MessageHeld => Event::MessageHeld,
        Action::MessageRefused => Event::MessageRefused,
        Action::MessageSettled => Event::MessageSettled,
        Action::Execute => Event::Operation,
        Action::Alarm => Event::Alarm,
    }
}

fn tried(reason: &str) -> Event {
    match reason.split(' ').next() {
        Some("c") => Event::Create,
        Some("r") => Event::Read,
        Some("u") => Event::Update,
        Some("d") => Event::Delete,
        Some("s") => Event::Search,
        Some("rs") => Event::Export,
        Some(_) | None => Event::Operation,
    }
}

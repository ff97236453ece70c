//! What a row of the inbox says of its message: the names in the header, what was odd, its title, its person, and in
//! whose order it is applied.

use clinicvault_gateway::hl7::accept::Event;
use clinicvault_gateway::hl7::structure::Class;
use clinicvault_gateway::hl7::{ErrorCode, Header, Message, Problem};
use clinicvault_gateway::map;

use super::row::Facts;

pub(super) fn name(facts: &mut Facts, header: &Header) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().chars().take(200).collect::<String>();
    facts.sender = map::sender(header);
    facts.channel = format!("{}|{}", text(header.component(3, 1)), text(header.component(4, 1)));
    facts.control_id = text(header.control_id());
    facts.version = text(header.component(12, 1));
    let (kind, trigger) = (header.message_type(), header.trigger());
    facts.kind = if trigger.is_empty() { kind } else { format!("{kind}^{trigger}") };
    facts.kind.truncate(40);
}

pub(super) fn oddities(facts: &mut Facts, message: &Message) {
    let t = message.tolerated();
    let mut say = |yes: bool, text: String| {
        if yes {
            facts.warnings.push(text);
        }
    };
    say(
        t.joined_lines > 0,
        format!("{} wrapped lines were joined to the segment before them.", t.joined_lines),
    );
    say(t.odd_names > 0, format!("{} segments have a name that is not three characters long.", t.odd_names));
    say(t.charset_guessed, format!("The character set was guessed: {}.", message.charset().name()));
    say(t.transcoded, "The text was rewritten as UTF-8 before reading.".to_owned());
    let processing = message.header().component(11, 1);
    say(!matches!(processing, b"P" | b""), "MSH-11 does not mark it as a production message.".to_owned());
}

pub(super) fn accepted(facts: &mut Facts, message: &Message, event: Event) {
    facts.title = title(event).to_owned();
    if event.class() == Class::Result {
        facts.values = u32::try_from(message.all("OBX").count()).ok();
    }
    facts.person = person(message);
}

/// What a message is, as a key that the screen translates.
fn title(event: Event) -> &'static str {
    match (event.class(), event.trigger()) {
        (Class::Visit, "A01") => "patientAdmitted",
        (Class::Visit, "A03") => "patientDischarged",
        (Class::Visit, "A04") => "patientRegistered",
        (Class::Visit, "A05" | "A14") => "patientExpected",
        (Class::Person, "A28") => "newPatient",
        (Class::Visit | Class::Person, "A08" | "A31" | "A60") => "patientUpdate",
        (Class::Person | Class::Renumber, _) => "patientUpdate",
        (Class::Visit | Class::Swap | Class::Move, _) => "visitChanged",
        (Class::Merge, _) => "patientsMerged",
        (Class::Link, _) => "patientsLinked",
        (Class::Referral, _) => "referral",
        (Class::Result, _) => "testResult",
        (Class::Order | Class::Reply, _) => "testOrder",
        (Class::Medication, _) => "prescription",
        (Class::Vaccination, _) => "vaccination",
        (Class::Document, _) => "document",
        (Class::Schedule, _) => "appointment",
        (Class::Charge | Class::Account, _) => "charges",
        (Class::Query, _) => "query",
    }
}

pub(super) fn refused(facts: &mut Facts, message: &Message, problems: &[Problem]) {
    let unsupported =
        problems.iter().any(|p| matches!(p.code, ErrorCode::MessageType | ErrorCode::EventCode));
    facts.title = if unsupported { "unsupported" } else { "incomplete" }.to_owned();
    facts.person = person(message);
}

/// The patient's name as the row's second line shows it: given names, then family.
fn person(message: &Message) -> Option<String> {
    let name = message.first("PID")?.field(5);
    let family = name.component(1).sub(1).text().trim().to_owned();
    let given = name.component(2).text().trim().to_owned();
    let both = format!("{given} {family}");
    let both = both.trim();
    (!both.is_empty()).then(|| both.to_owned())
}

/// Rows of one patient are applied in order: the first identifier names the patient, with the authority that gave it
/// or, where none is named, with the sender. Several senders may speak of one patient.
pub(super) fn patient_key(message: &Message) -> Option<String> {
    let id = message.first("PID")?.field(3);
    let value = id.component(1).text();
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let authority = id.component(4).text();
    let authority = authority.trim();
    Some(match authority.is_empty() || authority == "\"\"" {
        true => map::ids::stable("partition", &[value, "sender", &map::sender(message.header())]),
        false => map::ids::stable("partition", &[value, authority]),
    })
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::hl7::{Mode, parse};

    use super::*;

    fn key(facility: &str, number: &str) -> Option<String> {
        let text =
            format!("MSH|^~\\&|APP|{facility}|BOX|CLINIC|20260101080000||ADT^A04|1|P|2.5.1\rPID|1||{number}");
        patient_key(&parse::read(text.as_bytes(), Mode::Tolerant).unwrap())
    }

    #[test]
    fn senders_share_a_patient_of_one_authority_and_no_others() {
        assert_eq!(key("HOSP", "7^^^CITY"), key("LAB", "7^^^CITY"));
        assert_ne!(key("HOSP", "7^^^CITY"), key("HOSP", "7^^^TOWN"));
        assert_ne!(key("HOSP", "7"), key("LAB", "7"));
        assert_eq!(key("HOSP", "7^^^\"\""), key("HOSP", "7"));
        assert_eq!(key("HOSP", "^^^CITY"), None);
    }
}

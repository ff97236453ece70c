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

/// The sender on its channel. At the listener of the settings it is the sender alone, as it always was.
pub(super) fn named(facts: &Facts) -> String {
    if facts.through.is_empty() {
        facts.channel.clone()
    } else {
        format!("{}\n{}", facts.through, facts.channel)
    }
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

/// Numbers of one patient that order their rows.
const MOST_KEYS: usize = 8;

/// Rows of one patient are applied in order. Each number of PID-3 names the patient, with the authority that gave it
/// or, where none is named, with the sender: several senders may speak of one patient, each by its own number first.
pub(super) fn patient_keys(message: &Message) -> Vec<String> {
    let Some(pid) = message.first("PID") else { return Vec::new() };
    let mut keys = Vec::new();
    for id in pid.field(3).repeats() {
        let value = id.component(1).text();
        let authority = id.component(4).text();
        let (value, authority) = (value.trim(), authority.trim());
        if value.is_empty() {
            continue;
        }
        let key = match authority {
            "" | "\"\"" => map::ids::stable("partition", &[value, "sender", &map::sender(message.header())]),
            authority => map::ids::stable("partition", &[value, authority]),
        };
        if !keys.contains(&key) && keys.len() < MOST_KEYS {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::hl7::{Mode, parse};

    use super::*;

    fn keys(facility: &str, number: &str) -> Vec<String> {
        let text =
            format!("MSH|^~\\&|APP|{facility}|BOX|CLINIC|20260101080000||ADT^A04|1|P|2.5.1\rPID|1||{number}");
        patient_keys(&parse::read(text.as_bytes(), Mode::Tolerant).unwrap())
    }

    #[test]
    fn senders_share_a_patient_of_one_authority_and_no_others() {
        assert_eq!(keys("HOSP", "7^^^CITY"), keys("LAB", "7^^^CITY"));
        assert_ne!(keys("HOSP", "7^^^CITY"), keys("HOSP", "7^^^TOWN"));
        assert_ne!(keys("HOSP", "7"), keys("LAB", "7"));
        assert_eq!(keys("HOSP", "7^^^\"\""), keys("HOSP", "7"));
        assert!(keys("HOSP", "^^^CITY").is_empty());
        let both = keys("HOSP", "7^^^CITY~~9^^^LAB~7^^^CITY");
        assert_eq!(both, [keys("X", "7^^^CITY"), keys("X", "9^^^LAB")].concat());
    }
}

//! What a browser and a room say to each other over one socket: version 1 (`docs/room-protocol.md`).
//!
//! Owns the shapes and their bounds. Signalling is handed through as it is: its shapes are `clinicvault-media`'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ears::{Caption, Part};
use crate::consult::ask;
use crate::consult::state::State;
use crate::consult::view::Doctor;

/// The version that both sides name.
pub const VERSION: u32 = 1;
/// Longest message: an answer of a call of six has 128 kB (`media::room::Limits`).
pub const MOST_BYTES: usize = 160 * 1024;
/// Longest message that is not signalling.
const MOST_SMALL: usize = 16 * 1024;
/// Longest chat message, in characters.
pub const LONGEST_CHAT: usize = 4_000;

/// What a browser says first.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`VERSION`].
    pub v: u32,
    /// Which consultation.
    pub consultation: String,
    /// What it was let in by.
    pub ticket: String,
    /// The browser's own name.
    pub device: String,
    /// The room it was in before.
    #[serde(default)]
    pub epoch: Option<String>,
    /// The last event of that room that it has seen.
    #[serde(default)]
    pub seen: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum First {
    Hello(Hello),
}

impl Hello {
    /// Reads the first message. None when it is another, or none.
    pub fn read(text: &str) -> Option<Hello> {
        serde_json::from_str(text).ok().map(|First::Hello(hello)| hello)
    }
}

/// What somebody has switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Muted {
    /// The microphone.
    pub audio: bool,
    /// The picture.
    pub video: bool,
}

/// What a browser says after that.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FromClient {
    /// Comes into the call or leaves it, and whether the others' pictures are wanted.
    Call {
        /// In or out.
        join: bool,
        /// The others' pictures.
        #[serde(default)]
        video: bool,
    },
    /// About the connection of the call.
    Signal {
        /// As `media::signal::FromPeer`.
        signal: Value,
    },
    /// What is switched off, and whether the picture is the screen.
    Media {
        /// What is off.
        muted: Muted,
        /// The picture is the screen.
        #[serde(default)]
        screen: bool,
    },
    /// Words for everybody in the room.
    Chat {
        /// The sender's own name for it: sent again, it is written once.
        key: String,
        /// The words.
        text: String,
    },
    /// Agrees to being heard by the transcriber, or no longer.
    Agree {
        /// Yes or no.
        on: bool,
    },
    /// The doctor wants sound and pictures to be kept, or no longer. To ask is to agree.
    Record {
        /// Yes or no.
        on: bool,
    },
    /// Agrees to sound and pictures being kept, or no longer: apart from being heard.
    AgreeRecording {
        /// Yes or no.
        on: bool,
    },
    /// They go on by phone, or no longer.
    Phone {
        /// Yes or no.
        on: bool,
    },
    /// Goes, and does not come back at once.
    Leave {},
}

impl FromClient {
    /// Reads a message. None when it is none, or too long for what it says.
    pub fn read(text: &str) -> Option<FromClient> {
        let said: FromClient = serde_json::from_str(text).ok()?;
        (text.len() <= MOST_SMALL || matches!(said, FromClient::Signal { .. })).then_some(said)
    }

    /// Its type, for answers.
    pub fn name(&self) -> &'static str {
        match self {
            FromClient::Call { .. } => "call",
            FromClient::Signal { .. } => "signal",
            FromClient::Media { .. } => "media",
            FromClient::Chat { .. } => "chat",
            FromClient::Agree { .. } => "agree",
            FromClient::Record { .. } => "record",
            FromClient::AgreeRecording { .. } => "agreeRecording",
            FromClient::Phone { .. } => "phone",
            FromClient::Leave {} => "leave",
        }
    }
}

/// How they are in touch for a while. Which medicines may be prescribed depends on it (clinic-workflow.md section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SegmentMode)]
pub enum Mode {
    /// Sound both ways and the patient's picture.
    Video,
    /// Sound both ways.
    Audio,
    /// Text.
    Chat,
    /// By phone, as the doctor says.
    Phone,
    /// In the clinic.
    InPerson,
}

impl Mode {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Video => "video",
            Mode::Audio => "audio",
            Mode::Chat => "chat",
            Mode::Phone => "phone",
            Mode::InPerson => "inPerson",
        }
    }
}

/// Somebody in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Account, or the patient's id.
    pub id: String,
    /// Name.
    pub name: String,
    /// In which part.
    pub part: Part,
    /// Degrees, of doctors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualification: Option<String>,
    /// Number with the council, of doctors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<String>,
    /// False while the line is lost and the seat is kept.
    pub here: bool,
    /// The number in the call: streams have the id `p` and this.
    pub peer: Option<u32>,
    /// Whether media flow.
    pub up: bool,
    /// What is off.
    pub muted: Muted,
    /// The picture is the screen.
    pub screen: bool,
    /// Agrees to being heard by the transcriber.
    pub agrees: bool,
    /// Agrees to sound and pictures being kept.
    pub agrees_recording: bool,
}

/// An offer to take the consultation over, without its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    /// Account of the one to whom.
    pub to: String,
    /// Name of that one.
    pub to_name: String,
}

/// Where the consultation stands, as everybody in the room may know.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Rises with every change.
    pub revision: u64,
    /// How they wanted to meet.
    pub mode: ask::Mode,
    /// Since when media are lost.
    pub interrupted: Option<Timestamp>,
    /// Until when they are waited for.
    pub grace_until: Option<Timestamp>,
    /// Who has it.
    pub doctor: Option<Doctor>,
    /// An offer that waits.
    pub transfer: Option<Offered>,
    /// Somebody made sure who the patient is.
    pub identity: bool,
    /// The patient agrees to a consultation at a distance.
    pub consent: bool,
}

/// Whether speech is being heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// It is.
    pub open: bool,
    /// Who is in the call and has not agreed.
    pub missing: Vec<String>,
}

/// Whether sound and pictures are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The doctor wants it.
    pub asked: bool,
    /// They are, now.
    pub open: bool,
    /// Who is in the call and has not agreed.
    pub missing: Vec<String>,
}

/// Words that are written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChatMessage {
    /// From 1 on, in the order in which they were written down.
    pub no: u64,
    /// Account, or the patient's id.
    pub by: String,
    /// Name.
    pub name: String,
    /// In which part.
    pub part: Part,
    /// The words, plain text.
    pub text: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The sender's own name for it.
    pub key: String,
    /// The file that it hands over; `text` is its name then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<ChatFile>,
}

/// A file of a consultation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatFile {
    /// From 1 on; it is read at `files/{no}` of the consultation.
    pub no: u64,
    /// Its name.
    pub name: String,
    /// Its type, as its content says.
    pub media_type: String,
    /// Bytes.
    pub bytes: u64,
}

/// Why somebody is no longer in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// Went.
    Left,
    /// Did not come back in time.
    Lost,
    /// Takes no longer part.
    Out,
}

/// What everybody in the room has to know, in order, once.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Words were written down.
    Chat {
        /// Them.
        message: ChatMessage,
    },
    /// Somebody came, or something about somebody changed.
    Person {
        /// As he is now.
        person: Person,
    },
    /// Somebody is gone.
    Left {
        /// Who.
        id: String,
        /// Why.
        why: Why,
    },
    /// The consultation moved.
    Standing {
        /// Where it stands now.
        consultation: Standing,
    },
    /// Whether speech is heard changed.
    Consent {
        /// As it is now.
        consent: Heard,
    },
    /// Whether sound and pictures are kept changed.
    Recording {
        /// As it is now.
        recording: Recorded,
    },
    /// They are in touch in another way.
    Mode {
        /// How; none when they are not.
        mode: Option<Mode>,
    },
    /// A caption stays.
    Caption {
        /// It.
        caption: Caption,
    },
}

/// What the box says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToClient<'a> {
    /// The first message.
    Welcome {
        /// [`VERSION`].
        v: u32,
        /// The reader's own id.
        you: &'a str,
        /// The name of the room; another one has other numbers.
        epoch: &'a str,
        /// The number of the last event.
        n: u64,
        /// Whether the events after the last that was seen follow.
        resumed: bool,
        /// Where the consultation stands.
        consultation: &'a Standing,
        /// Who is in.
        people: Vec<Person>,
        /// Whether speech is heard.
        consent: Heard,
        /// How they are in touch.
        mode: Option<Mode>,
        /// How many chat messages there are.
        chat: u64,
        /// Whether this box carries calls.
        calls: bool,
        /// Whether it can hear.
        captions: bool,
        /// Whether the clinic lets calls be recorded.
        records: bool,
        /// Whether sound and pictures are kept.
        recording: Recorded,
    },
    /// Something that everybody has to know.
    Event {
        /// Its number.
        n: u64,
        /// When.
        at: Timestamp,
        /// It.
        event: &'a Event,
    },
    /// About the connection of the call.
    Signal {
        /// As `media::signal::ToPeer`.
        signal: &'a Value,
    },
    /// The reader is in the call.
    Call {
        /// The reader's number in it.
        peer: u32,
        /// It takes a new connection.
        fresh: bool,
    },
    /// A caption that goes on.
    Caption {
        /// It.
        caption: &'a Caption,
    },
    /// How much is heard live.
    Level {
        /// A word for it.
        level: &'a str,
    },
    /// A message was not taken; all else goes on.
    Refused {
        /// Its type.
        of: &'a str,
        /// Its key, if it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<&'a str>,
        /// A word for the reason.
        code: &'a str,
        /// A sentence.
        message: &'a str,
    },
}

impl ToClient<'_> {
    /// The message as text.
    pub fn text(&self) -> std::sync::Arc<str> {
        // Maps with text keys and numbers: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// Why the box closes a socket; the code of the closing frame (RFC 6455 section 7.4.2, private use).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The box stops.
    Away = 1001,
    /// Not understood.
    Protocol = 4400,
    /// The ticket or the session is not valid.
    Ticket = 4401,
    /// Takes no longer part.
    Out = 4403,
    /// Too slow: come back and resume.
    Slow = 4408,
    /// Came in elsewhere.
    Replaced = 4409,
    /// The consultation is over.
    Over = 4410,
    /// Too many messages.
    Flood = 4429,
}

impl Code {
    /// A sentence for the closing frame.
    pub const fn reason(self) -> &'static str {
        match self {
            Code::Away => "the box stops; come back with a new ticket",
            Code::Protocol => "this message is not understood; reload the page",
            Code::Ticket => "the ticket or the session is not valid; ask for a new ticket",
            Code::Out => "you take no longer part in this consultation",
            Code::Slow => "too slow; come back with a new ticket and resume",
            Code::Replaced => "you came in elsewhere",
            Code::Over => "the consultation is over",
            Code::Flood => "too many messages; wait, then come back with a new ticket",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_or_refused() {
        let check =
            |text: &str, expected: bool| assert_eq!(FromClient::read(text).is_some(), expected, "{text:.80}");
        check(r#"{"type":"call","join":true,"video":true}"#, true);
        check(r#"{"type":"call","join":true}"#, true);
        check(r#"{"type":"call"}"#, false);
        check(r#"{"type":"agreeRecording","on":true}"#, true);
        check(r#"{"type":"record","on":false}"#, true);
        check(r#"{"type":"record"}"#, false);
        check(r#"{"type":"leave"}"#, true);
        check(r#"{"type":"leave","now":true}"#, false);
        check(r#"{"type":"media","muted":{"audio":true,"video":false}}"#, true);
        check(r#"{"type":"media","muted":{"audio":1,"video":false}}"#, false);
        check(r#"{"type":"hello","v":1}"#, false);
        check("[]", false);
        check("", false);
        let long = "a".repeat(MOST_SMALL);
        check(&format!(r#"{{"type":"chat","key":"12345678","text":"{long}"}}"#), false);
        check(&format!(r#"{{"type":"signal","signal":{{"type":"answer","n":1,"sdp":"{long}"}}}}"#), true);
        let hello = r#"{"type":"hello","v":1,"consultation":"c","ticket":"t","device":"d"}"#;
        assert!(Hello::read(hello).is_some_and(|hello| hello.seen.is_none()));
        assert!(Hello::read(&hello.replace("hello", "call")).is_none());
        assert!(Hello::read(&hello.replace("\"v\"", "\"w\":1,\"v\"")).is_none());
    }
}

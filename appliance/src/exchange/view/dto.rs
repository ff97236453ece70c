//! What the message screen gets on the wire.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clinic::identity::Identity;
use crate::exchange::row::Moment;

/// A page of the inbox.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxPage {
    /// Newest first.
    pub rows: Vec<InboxRow>,
    /// For the tabs.
    pub counts: InboxCounts,
    /// Where to go on with `before`; absent when the end is reached. A page may be short and go on: then it took long
    /// to look for its rows.
    pub next: Option<u64>,
    /// Words that so many others begin with that only the words themselves were looked for: type more of them.
    pub whole_words: Vec<String>,
}

/// One row of the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxRow {
    /// Number of the row, rising.
    pub seq: u64,
    /// When it came.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// What it is, for translation.
    pub title: Title,
    /// The sending facility.
    pub sender: String,
    /// The patient as the message names it.
    pub person: Option<String>,
    /// `received`, `applied`, `held`, `refused` or `dismissed`.
    pub state: &'static str,
}

/// A title to be translated.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Title {
    /// `testResult`, `newPatient`, `patientUpdate`, `patientRegistered`, `patientAdmitted`, `patientDischarged`,
    /// `patientExpected`, `visitChanged`, `patientsMerged`, `testOrder`, `prescription`, `vaccination`, `document`,
    /// `appointment`, `charges`, `query`, `qualityControl`, `analyserNote`, `printout`, `unreadable`, `unsupported` or
    /// `incomplete`.
    pub key: String,
    /// What goes into it.
    pub params: Option<TitleParams>,
}

/// What goes into a title.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TitleParams {
    /// Number of result values.
    pub n: u32,
}

/// Numbers beside the tabs.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct InboxCounts {
    /// Since midnight in the clinic.
    pub today: u64,
    /// Waiting for a person.
    pub needs: u64,
    /// Refused by the box.
    pub refused: u64,
}

/// One message.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxMessage {
    /// Its row.
    pub row: InboxRow,
    /// MSH-9; of an analyser `LIS2-A2` or `printout`; of a FHIR message its event.
    #[serde(rename = "type")]
    pub kind: String,
    /// MSH-10.
    pub control_id: String,
    /// When it came.
    #[schema(value_type = String)]
    pub received: Timestamp,
    /// `tls`, `plain` or `serial`.
    pub transport: &'static str,
    /// MSA-1 of the answer, to an analyser `ACK`, to a FHIR message `ok` or `fatal-error`; absent when the sender wanted none.
    pub answered: Option<String>,
    /// MSA-1 of the later application acknowledgement, and whether the peer was there to hear it.
    pub answered_later: Option<AnsweredLater>,
    /// MSH-12.
    pub version: Option<String>,
    /// As received.
    pub segments: Vec<SegmentView>,
    /// What it means.
    pub meaning: Vec<MeaningView>,
    /// What is stored, or would be.
    pub resources: Vec<ResourceView>,
    /// Fields without a place in the record.
    pub unmapped: Vec<Place>,
    /// Codes that are in no table known here.
    pub unknown_codes: Vec<Place>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    /// Why it waits, and who may be meant.
    pub held: Option<HeldView>,
    /// Why it was refused, as the sender was told.
    pub error: Option<ErrorView>,
    /// The patient it was applied to.
    pub patient: Option<Identity>,
    /// What a person decided.
    pub settled: Option<SettledView>,
    /// What happened to it since it came, oldest first.
    pub course: Vec<Moment>,
    /// When what it said was removed, because its channel keeps messages no longer.
    #[schema(value_type = Option<String>)]
    pub removed: Option<Timestamp>,
}

/// The application acknowledgement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AnsweredLater {
    /// MSA-1.
    pub code: String,
    /// The peer was connected.
    pub heard: bool,
}

/// A segment as received.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SegmentView {
    /// Three characters; of an analyser's record its letter; of a FHIR message the type of the resource; empty for a line of a
    /// print-out.
    pub name: String,
    /// Position in the message, from 0.
    pub index: usize,
    /// Its fields in order.
    pub fields: Vec<FieldView>,
}

/// A field as received, escapes and delimiters included.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldView {
    /// Field number; MSH-1, the separator itself, is left out.
    pub number: usize,
    /// Its text.
    pub text: String,
    /// Where its bytes start in the message.
    pub start: usize,
    /// Where they end.
    pub end: usize,
}

/// A line of the meaning.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeaningView {
    /// Name of the line.
    pub label: LabelView,
    /// What it says.
    pub value: String,
    /// Flag, such as `HH`.
    pub flag: Option<String>,
    /// Reference range as sent.
    pub range: Option<String>,
    /// Segment it comes from.
    pub link: Option<usize>,
    /// `abnormal`, `critical` or `attention`.
    pub tone: Option<&'static str>,
}

/// The name of a line: a key to translate, or a text from the message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LabelView {
    /// `patient`, `order`, `collected`, `visit`, `allergy`, `problem`, `cover`, `line`, or `test` for a named test.
    pub key: String,
    /// The name of the test.
    pub text: Option<String>,
}

/// A resource with its origins.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResourceView {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Logical id.
    pub id: String,
    /// Version, once stored.
    pub version: Option<u64>,
    /// Indented JSON.
    pub json: String,
    /// From places in the resource to places in the message.
    pub links: Vec<LinkView>,
}

/// One link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkView {
    /// JSON pointer in the resource.
    pub pointer: String,
    /// Segment index.
    pub segment: usize,
    /// Field number.
    pub field: Option<u16>,
}

/// A place with what it says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Place {
    /// Such as `PID-18`.
    pub path: String,
    /// Its text.
    pub value: String,
}

/// Why a message waits.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldView {
    /// `unknownPatient`, `unknownSample`, `looksAlike`, `conflict`, `noIdentifier`, `printout` or `cannotStore`.
    pub reason: String,
    /// For `cannotStore`: which rule.
    pub detail: Option<String>,
    /// Who may be meant, likeliest first.
    pub candidates: Vec<CandidateView>,
    /// The sender's number for the patient, when it can be remembered.
    pub sender_number: Option<String>,
}

/// Someone who may be meant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CandidateView {
    /// Who.
    pub patient: Identity,
    /// Why, as words to translate.
    pub reasons: Vec<&'static str>,
}

/// Why a message was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErrorView {
    /// Segment.
    pub segment: Option<String>,
    /// Field.
    pub field: Option<String>,
    /// Table 0357.
    pub code: String,
    /// What is wrong.
    pub reason: String,
}

/// What a person decided.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettledView {
    /// Name of the person; the id where no name is known.
    pub by: String,
    /// Why it was put aside.
    pub reason: Option<String>,
}

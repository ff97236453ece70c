//! What the chart says on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clinic::identity::Identity;
use crate::clinic::review::Reviewed;

/// One page about one patient.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chart {
    /// Who it is.
    pub patient: Person,
    /// Allergies, always one of four states.
    pub allergies: Allergies,
    /// Problems, active first.
    pub problems: Vec<Problem>,
    /// Medicines in use, and those that ran out.
    pub medicines: Vec<Medicine>,
    /// Results by test, the most urgent first.
    pub results: Vec<ResultRow>,
    /// Readings that are drawn as pairs.
    pub trends: Trends,
    /// Visits, newest first.
    pub visits: Vec<Visit>,
    /// Documents, newest first.
    pub documents: Vec<Document>,
    /// Critical results of the last two weeks that no doctor has marked as reviewed, one for each test.
    pub alerts: Vec<Alert>,
    /// The two openings before this one.
    pub opened: Vec<Opened>,
    /// Parts left out because the reader's role does not reach them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// What a consent of the patient does to this page; absent when it withholds nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ByConsent>,
    /// The transaction the page was read at.
    pub as_of: u64,
}

/// That a consent of the patient withholds something from this reader, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ByConsent {
    /// How much.
    pub state: Withheld,
    /// Until when the record is open to this reader, in an emergency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// How much of a record a consent withholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Withheld {
    /// Everything but who it is.
    All,
    /// Some records of the parts that are named as hidden.
    Part,
    /// Nothing for now: the reader has opened the record in an emergency.
    Open,
}

/// Identity with what only the chart shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The four facts.
    #[serde(flatten)]
    pub identity: Identity,
    /// Street lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Parent or caregiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardian: Option<String>,
    /// ABHA number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abha: Option<String>,
}

/// What is known of allergies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allergies {
    /// One of four different words.
    pub state: AllergyState,
    /// When it was recorded that none are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The list.
    pub items: Vec<AllergyItem>,
}

/// Not asked, asked and none, listed, or not visible to this reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum AllergyState {
    /// Nobody has asked.
    NotAsked,
    /// Asked on a date, none known.
    NoneKnown,
    /// At least one.
    Listed,
    /// Cannot be told from here.
    Unknown,
}

/// One allergy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllergyItem {
    /// Logical id of the AllergyIntolerance.
    pub id: String,
    /// Substance.
    pub substance: String,
    /// What happened.
    pub reaction: Option<String>,
    /// mild, moderate or severe; or high where only the criticality is known.
    pub severity: Option<String>,
    /// Year of the first reaction, else of the record.
    pub year: Option<i16>,
    /// confirmed, unconfirmed, presumed.
    pub certainty: Option<String>,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Logical id of the Condition.
    pub id: String,
    /// The words.
    pub text: String,
    /// Year, month or day of the beginning.
    pub since: Option<String>,
    /// Whether it is present now.
    pub active: bool,
}

/// One medicine, the latest order of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Medicine {
    /// Logical id of the MedicationRequest.
    pub id: String,
    /// Generic name.
    pub name: String,
    /// `500 mg`.
    pub strength: Option<String>,
    /// `tablet`.
    pub form: Option<String>,
    /// `1-0-1`.
    pub dose: Option<String>,
    /// `by mouth`.
    pub route: Option<String>,
    /// `after food`.
    pub timing: Option<String>,
    /// Quantity given, as a number in text.
    pub given: Option<String>,
    /// Day it was given.
    pub given_on: Option<String>,
    /// Last day the quantity reaches.
    pub until: Option<String>,
    /// Whether it should still be in the house.
    pub status: MedicineStatus,
}

/// Whether a medicine should still be in the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum MedicineStatus {
    /// In use, and enough is there.
    Current,
    /// In use, but what was given is used up.
    RanOut,
    /// Taken only when needed.
    AsNeeded,
    /// Paused by a doctor.
    OnHold,
}

/// A usual range.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// Lower end, digits as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<String>,
    /// Upper end, digits as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
    /// In words.
    pub text: String,
}

/// How far a value lies from usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub enum Flag {
    /// Critically high.
    HH,
    /// Critically low.
    LL,
    /// Critical without a direction.
    AA,
    /// High.
    H,
    /// Low.
    L,
    /// Abnormal without a direction.
    A,
}

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// Logical id of the Observation.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// Digits as stored, or words.
    pub value: String,
    /// How far from usual; none when usual or unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<Flag>,
    /// When.
    pub at: String,
    /// When this version came to be known here, in microseconds from 1970; for reckoning, not for the wire.
    #[serde(skip)]
    pub arrived: i64,
    /// FHIR status: final, preliminary, corrected ...
    pub status: String,
    /// Laboratory or person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which doctor has looked at this version of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Reviewed>,
}

/// All readings of one test in one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultRow {
    /// Code of the test; the words where it has none.
    pub code: String,
    /// Code system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Printed name.
    pub text: String,
    /// Printed unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Range that came with the latest reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// The newest reading.
    pub latest: Point,
    /// Oldest first: the last five in the chart, all in the detail.
    pub series: Vec<Point>,
}

/// Readings drawn as pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trends {
    /// Oldest first, at most ten.
    pub blood_pressure: Vec<BloodPressure>,
}

/// One blood pressure, mmHg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BloodPressure {
    /// When.
    pub at: String,
    /// Upper, mmHg.
    pub systolic: i64,
    /// Lower, mmHg.
    pub diastolic: i64,
    /// How far from usual.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<Flag>,
}

/// One row of the visits register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// Logical id of the Encounter.
    pub id: String,
    /// When it began.
    pub date: String,
    /// What it was for.
    pub title: String,
    /// FHIR status: planned, arrived, in-progress, finished ...
    pub state: String,
    /// Complaint, findings, measurements, medicines; each a line.
    pub lines: Vec<String>,
    /// Who saw the patient.
    pub by: Option<String>,
    /// visit, video, home, emergency, admission.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Logical id of the DocumentReference.
    pub id: String,
    /// When it was made.
    pub date: String,
    /// Its title.
    pub title: String,
    /// What it says in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Media type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether it can be saved from here.
    pub saves: bool,
    /// The consultation whose transcript it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// The dictation that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dictation: Option<String>,
}

/// A critical result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Logical id of the Observation.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// Code of the test.
    pub code: String,
    /// Printed name.
    pub text: String,
    /// Digits as stored.
    pub value: String,
    /// Printed unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// HH, LL or AA.
    pub flag: Flag,
    /// Range that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// When.
    pub at: String,
    /// Laboratory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which doctor has looked at it; none in the list of those that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Reviewed>,
}

/// An earlier opening of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// In which role.
    pub role: String,
}

//! Consultations: from a patient's request through payment and waiting room to the last addendum.
//!
//! `ask` is the request and its triage, `state` the course, `presence` the doctors: three pure parts that take `now` and
//! answer the next state with what belongs to it. `carry` is the one place that carries an event out: course, doctor,
//! money, FHIR records and audit lines in one unit of work. `desk`, `doctors` and `money` are what people ask for, `clock`
//! what the box does of itself, `view` what is shown, `door` how patients come in, `room` where doctor and patient meet,
//! `files` what they hand each other there. `prescribe` and `note` are the pure rules of prescriptions and of what a
//! transcript gives a note, `medicines` what of them the clinic has of its own, `papers` keeps and signs both. `recordings` keeps and plays what was recorded; `growing` knows
//! the blobs that it and `files` are writing.
//!
//! Transcription and drafts plug in as further modules of this room: they learn of a consultation by [`Consult::course`],
//! hear by [`room::ears::Ears`], and count what is not signed yet through [`Drafts`]. Payments as such are
//! `billing`'s.

pub mod ask;
mod carry;
pub mod clock;
pub mod desk;
pub mod doctors;
pub mod door;
pub mod files;
mod growing;
pub(crate) mod kept;
pub mod medicines;
pub mod money;
pub mod note;
pub mod papers;
pub mod picture;
pub mod prescribe;
pub mod presence;
pub mod recordings;
pub mod room;
pub mod state;
pub mod view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::billing::razorpay::Client;
use crate::config;
use crate::records::Records;
use crate::records::error::Error;
use crate::records::unit::Work;
use kept::Docs;
use state::{Course, Rules};

/// What is written for a consultation and neither signed nor discarded. Rooms that write drafts say so here.
pub trait Drafts: Send + Sync {
    /// How many there are, seen from the unit of work that ends the consultation.
    ///
    /// # Errors
    /// What reading answers.
    fn open(&self, work: &Work<'_, '_>, consultation: &str) -> Result<usize, Error>;
}

/// Where the transcript of a consultation is kept. The room that makes transcripts says so here.
pub trait Transcripts: Send + Sync {
    /// The lines of a consultation's transcript, once it is whole; none while there is none.
    ///
    /// # Errors
    /// What reading answers.
    fn passages(&self, consultation: &str) -> Result<Option<Vec<note::Passage>>, Error>;
}

/// The room. A clone is another handle to it.
#[derive(Clone)]
pub struct Consult(Arc<Inner>);

struct Inner {
    records: Records,
    rules: Rules,
    lapse: SignedDuration,
    /// When each doctor's screen was last heard of. Not kept: after a restart each has the time of a lapse to be heard.
    beats: Mutex<HashMap<String, Timestamp>>,
    opened: Timestamp,
    drafts: Mutex<Vec<Arc<dyn Drafts>>>,
    transcripts: Mutex<Option<Arc<dyn Transcripts>>>,
    seen: door::Seen,
    forged: Mutex<Option<Timestamp>>,
    gateway: Client,
    polls: config::Payments,
    rooms: room::Rooms,
    ears: Mutex<Option<Arc<dyn room::ears::Ears>>>,
    growing: growing::Growing,
    books: medicines::Books,
    recordings: recordings::Recordings,
}

impl Consult {
    /// The room of these records.
    pub fn new(
        records: Records,
        times: &config::Consultations,
        payments: &config::Payments,
        calls: &config::Calls,
    ) -> Self {
        let seconds = |count: u64| SignedDuration::from_secs(i64::try_from(count).unwrap_or(i64::MAX / 4));
        let rules = Rules {
            hold: seconds(times.hold_seconds),
            absent: seconds(times.absent_seconds),
            grace: seconds(times.grace_seconds),
        };
        Self(Arc::new(Inner {
            opened: records.now(),
            books: medicines::Books::read(&records),
            records,
            rules,
            lapse: seconds(times.lapse_seconds),
            beats: Mutex::default(),
            drafts: Mutex::new(vec![Arc::new(papers::Unsigned)]),
            transcripts: Mutex::default(),
            seen: door::Seen::default(),
            forged: Mutex::default(),
            gateway: Client::new(&payments.razorpay, payments.timeout_seconds),
            polls: payments.clone(),
            rooms: room::Rooms::new(calls),
            ears: Mutex::default(),
            growing: growing::Growing::default(),
            recordings: recordings::Recordings::new(calls.recording),
        }))
    }

    /// Adds a room whose drafts stand before the end of a consultation.
    pub fn ask_for_drafts(&self, drafts: Arc<dyn Drafts>) {
        self.0.drafts.lock().unwrap_or_else(PoisonError::into_inner).push(drafts);
    }

    /// From now on speech in calls is heard by these, or by nobody. Who is being heard already goes on as before.
    pub fn hear_with(&self, ears: Option<Arc<dyn room::ears::Ears>>) {
        *self.0.ears.lock().unwrap_or_else(PoisonError::into_inner) = ears;
    }

    /// What hears speech in calls.
    pub fn ears(&self) -> Option<Arc<dyn room::ears::Ears>> {
        self.0.ears.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rooms in which people are.
    pub fn rooms(&self) -> &room::Rooms {
        &self.0.rooms
    }

    /// Recordings of calls.
    pub(crate) fn recordings(&self) -> &recordings::Recordings {
        &self.0.recordings
    }

    /// Says where transcripts are kept.
    pub fn ask_for_transcripts(&self, transcripts: Arc<dyn Transcripts>) {
        *self.0.transcripts.lock().unwrap_or_else(PoisonError::into_inner) = Some(transcripts);
    }

    fn transcripts(&self) -> Option<Arc<dyn Transcripts>> {
        self.0.transcripts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a consultation stands and whose it is: patient and course.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn course(&self, id: &str) -> Result<(String, Course), Error> {
        let row = self.records().vault().snapshot()?.row(id)?;
        Ok((row.patient, row.course))
    }

    pub(crate) fn records(&self) -> &Records {
        &self.0.records
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    fn open_drafts(&self, work: &Work<'_, '_>, consultation: &str) -> Result<usize, Error> {
        let asked = self.0.drafts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        asked.iter().try_fold(0, |sum, each| Ok(sum + each.open(work, consultation)?))
    }

    /// When a doctor's screen was last heard of.
    fn beat(&self, doctor: &str) -> Timestamp {
        let beats = self.0.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.get(doctor).copied().unwrap_or(self.0.opened)
    }

    /// Notes that a doctor's screen was heard of.
    pub fn heard(&self, doctor: &str) {
        let now = self.records().now();
        let mut beats = self.0.beats.lock().unwrap_or_else(PoisonError::into_inner);
        if beats.len() < kept::MOST_DOCTORS || beats.contains_key(doctor) {
            beats.insert(doctor.to_owned(), now);
        }
    }

    fn has_lapsed(&self, doctor: &str, now: Timestamp) -> bool {
        now.duration_since(self.beat(doctor)) > self.0.lapse
    }
}

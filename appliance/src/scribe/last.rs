//! Makes transcripts: of consultations once they are over, of dictations at once. What waits lies in the vault, so a stop of the
//! box loses nothing; speech goes when its transcript is there.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clinicvault_scribe::pipeline::last::{Recording, Settings};
use clinicvault_scribe::pipeline::vocabulary::Vocabulary;
use clinicvault_scribe::speech::Samples;
use clinicvault_vault::{BlobError, BlobId, BlobReader};
use jiff::Timestamp;

use super::kept::{self, Of, Speech as Row};
use super::spool::Speech;
use super::transcriber::Transcriber;
use super::transcript::{Speaker, State, Transcript, after};
use super::{choose, model_of, store};
use crate::app::App;
use crate::consult::Consult;
use crate::records::error::Error;
use crate::supervisor::Stop;

/// How often it looks without being woken.
const EVERY: Duration = Duration::from_secs(5);
/// Candidates that are followed at once.
const BEAM: u8 = 1;

/// Finds what hears, and makes transcripts until told to stop.
///
/// # Errors
/// When the vault stops or what is kept is damaged; the supervisor starts the task again.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let (mut given_up, mut swept) = (HashSet::new(), false);
    while !stop.is_wanted() {
        let mut more = false;
        let woken = app.rooms().ok().map(|rooms| rooms.transcriber.clone());
        if let Ok(rooms) = app.rooms() {
            let (room, consult) = (rooms.transcriber.clone(), rooms.consult.clone());
            drop(rooms);
            let (sweep, known) = (!std::mem::replace(&mut swept, true), given_up.clone());
            let next = tokio::task::spawn_blocking(move || {
                room.start();
                // Rooms offer captions only while something hears.
                if room.is_ready() && consult.ears().is_none() {
                    consult.hear_with(Some(Arc::new(room.clone())));
                }
                if sweep {
                    room.sweep(&consult)?;
                }
                room.due(&consult, &known)
            });
            if let (Some(due), Some(room)) = (next.await??, woken.clone()) {
                let id = due.first().map(|row| row.of.id().to_owned()).unwrap_or_default();
                tokio::select! {
                    () = stop.wanted() => return Ok(()),
                    made = room.make(due, app.zone()) => {
                        more = true;
                        if !made? {
                            given_up.insert(id);
                        }
                    }
                }
            }
        }
        if more {
            continue;
        }
        let told = async {
            match &woken {
                Some(room) => room.wake().notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = told => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

/// What a recording of the transcript belongs to: who speaks, and when it begins.
type Tracks = Vec<(Speaker, Timestamp)>;

impl Transcriber {
    /// Removes blobs that nothing refers to: a power cut came between the file and its row, or between a transcript and the end
    /// of its speech. Blocking.
    fn sweep(&self, consult: &Consult) -> Result<(), Error> {
        let speaking = self.speaking().lock().unwrap_or_else(PoisonError::into_inner);
        let belongings = consult.belongings();
        let snapshot = self.records().vault().snapshot()?;
        let known: HashSet<String> = kept::speech(&snapshot)?.into_iter().map(|row| row.blob).collect();
        for blob in self.records().vault().blobs().map_err(fault)? {
            let name = blob.to_string();
            let kept =
                known.contains(&name) || speaking.contains(&name) || belongings.has(&snapshot, &name)?;
            if !kept {
                self.records().vault().remove_blob(&blob).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// The speech of which a transcript can be made now, the longest waiting first. Blocking.
    fn due(&self, consult: &Consult, given_up: &HashSet<String>) -> Result<Option<Vec<Row>>, Error> {
        if !self.is_ready() {
            return Ok(None);
        }
        let snapshot = self.records().vault().snapshot()?;
        let mut waiting: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in kept::speech(&snapshot)? {
            waiting.entry(row.of.id().to_owned()).or_default().push(row);
        }
        let speaking = self.speaking().lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut due: Vec<Vec<Row>> = Vec::new();
        for (id, rows) in waiting {
            let busy = given_up.contains(&id) || rows.iter().any(|row| speaking.contains(&row.blob));
            let over = match rows.first().map(|row| &row.of) {
                Some(Of::Consultation(id)) => consult.course(id)?.1.state.is_over(),
                Some(Of::Dictation(_)) => true,
                None => false,
            };
            if over && !busy {
                due.push(rows);
            }
        }
        for rows in &mut due {
            rows.sort_by(|a, b| (a.began, &a.blob).cmp(&(b.began, &b.blob)));
        }
        Ok(due.into_iter().min_by_key(|rows| rows.first().map(|row| row.began)))
    }

    /// Makes a transcript; false when it cannot be made and has been given up until the next start.
    async fn make(&self, rows: Vec<Row>, zone: jiff::tz::TimeZone) -> Result<bool, Error> {
        let Some(first) = rows.first().cloned() else { return Ok(true) };
        let id = first.of.id().to_owned();
        self.progress(&id, Some(0));
        let made = self.hear(&first, rows.clone()).await;
        self.progress(&id, None);
        let (room, records) = (self.clone(), self.records().clone());
        let finished = tokio::task::spawn_blocking(move || match made {
            Err(why) => {
                tracing::warn!(why, "no transcript was made");
                kept::mark(&records, &id, State::Failed, Some(why)).map(|()| false)
            }
            Ok(transcript) => {
                kept::done(&records, transcript, rows.clone(), &zone)?;
                for row in &rows {
                    room.forget(&row.blob);
                }
                Ok(true)
            }
        });
        finished.await.map_err(|_| Error::Fault("a transcript was not laid down".to_owned()))?
    }

    fn forget(&self, blob: &str) {
        let Some(id) = BlobId::parse(blob) else { return };
        if let Err(error) = self.records().vault().remove_blob(&id) {
            // The next start sweeps it away.
            tracing::warn!(%error, "speech that is not needed any more still lies there");
        }
    }

    /// Hears all recordings; the error is a sentence for people.
    async fn hear(&self, first: &Row, rows: Vec<Row>) -> Result<Transcript, String> {
        let ready = self.ready()?;
        let (room, asked) = (self.clone(), first.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let (recordings, tracks) = room.open(&rows)?;
            Ok::<_, String>((room.settings(&asked)?, recordings, tracks))
        });
        let opened = opened.await.map_err(|_| "the transcriber stopped; restart the box".to_owned())?;
        let (settings, recordings, tracks) = opened?;
        let now = self.records().now();
        let mut made = Transcript::empty(first.of.id(), &first.patient, &first.language, State::Making, now);
        let heard = ready.scribe.transcript(settings, recordings).await;
        let heard = heard.map_err(|_| "the transcriber stopped; restart the box".to_owned())?;
        if matches!(first.of, Of::Dictation(_)) {
            made.dictated_by = Some(first.speaker.id.clone());
        }
        made.fill(heard.map_err(|error| error.to_string())?, &tracks);
        Ok(made)
    }

    fn settings(&self, of: &Row) -> Result<Settings, String> {
        let (config, language) = (self.config(), of.language.as_str());
        let store = store(config);
        let preferred = [config.scribe.final_model.as_str(), config.scribe.live_model.as_str()];
        let installed = choose(&store, None, &preferred, language).map_err(|why| format!("{why:#}"))?;
        store.verify(&installed).map_err(|why| why.to_string())?;
        Ok(Settings {
            model: model_of(installed),
            language: of.language.clone(),
            vocabulary: Vocabulary::new(&of.vocabulary),
            beam: BEAM,
        })
    }

    /// The recordings, each with who speaks and when it begins. One without sound is left out. Blocking.
    fn open(&self, rows: &[Row]) -> Result<(Vec<Recording>, Tracks), String> {
        let mut opened = Vec::new();
        let mut total = 0;
        for row in rows {
            let id = BlobId::parse(&row.blob).ok_or("kept speech has no name")?;
            let blob = match self.records().vault().blob(&row.patient, &id) {
                Ok(blob) => blob,
                Err(BlobError::NotFound) => continue,
                Err(error) => return Err(error.to_string()),
            };
            total += blob.file_bytes();
            let mut speech = Speech::new(blob);
            if let Some(at) = speech.begins().map_err(|error| error.to_string())? {
                opened.push((speech, row.speaker.clone(), after(row.began, at)));
            }
        }
        let read = Arc::new(AtomicU64::new(0));
        let id = rows.first().map(|row| row.of.id().to_owned()).unwrap_or_default();
        let mut recordings = Vec::new();
        let mut tracks = Vec::new();
        for (number, (speech, speaker, began)) in opened.into_iter().enumerate() {
            let counted = Counted { speech, read: read.clone(), total, room: self.clone(), id: id.clone() };
            recordings.push(Recording { track: number as u64, sound: Box::new(counted) });
            tracks.push((speaker, began));
        }
        Ok((recordings, tracks))
    }
}

/// Speech that tells how much of all has been read.
struct Counted {
    speech: Speech<BlobReader>,
    read: Arc<AtomicU64>,
    total: u64,
    room: Transcriber,
    id: String,
}

impl Iterator for Counted {
    type Item = io::Result<Samples>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.speech.next();
        if let Some(Ok(samples)) = &next {
            let bytes = samples.len() as u64 * 2;
            let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
            let percent = u8::try_from((read * 100 / self.total.max(1)).min(99)).unwrap_or(99);
            self.room.progress(&self.id, Some(percent));
        }
        next
    }
}

fn fault(error: BlobError) -> Error {
    Error::Fault(error.to_string())
}

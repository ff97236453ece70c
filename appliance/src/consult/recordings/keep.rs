//! Keeps the pieces of a recording in blobs as they come, each on the disk before the next is taken; and mends what was cut
//! short: the vault says which recordings never ended, their pieces say how far they came.

use std::sync::Arc;

use clinicvault_vault::{BlobError, BlobId, BlobWriter};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::kept::{self, Person, Recording, State};
use crate::consult::Consult;
use crate::consult::carry::line;
use crate::consult::growing::unwritten;
use crate::consult::kept::{Docs, Within};
use crate::consult::room::mend;
use crate::consult::room::protocol::Mode;
use crate::consult::room::reel::{Closing, Piece};
use crate::records::access::{Actor, Purpose};
use crate::records::error::Error;

/// Pieces that wait for the disk; more wait in the call, half a minute of them.
const WAITING: usize = 4;

/// Who is recorded, where, for whom.
#[derive(Debug, Clone)]
pub struct Sitting {
    /// The consultation.
    pub consultation: String,
    /// Whose it is.
    pub patient: String,
    /// When its call began.
    pub began: Timestamp,
    /// Who is recorded.
    pub person: Person,
    /// The doctor who asked for it: account and name.
    pub operator: (String, String),
    /// How they are in touch.
    pub mode: Option<Mode>,
}

/// One file that grows.
struct Growing {
    row: Recording,
    blob: BlobWriter,
}

fn program() -> Arc<Actor> {
    Arc::new(Actor::operator("recording"))
}

impl Consult {
    /// Where the pieces of somebody's recording go. `failed` is told when they cannot be kept; then no more are taken.
    pub(in crate::consult) fn keep_reel(
        &self,
        sitting: Sitting,
        failed: mpsc::Sender<()>,
    ) -> mpsc::Sender<Piece> {
        let (to, pieces) = mpsc::channel(WAITING);
        let room = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = room.keep_pieces(&sitting, pieces) {
                tracing::error!(op = "recording", resource = %sitting.consultation, %error, "a recording ended early");
                let _ = failed.try_send(());
            }
        });
        to
    }

    /// Keeps pieces until there are no more. Blocking.
    fn keep_pieces(&self, sitting: &Sitting, mut pieces: mpsc::Receiver<Piece>) -> Result<(), Error> {
        let mut open: Option<Growing> = None;
        let kept = loop {
            match pieces.blocking_recv() {
                None => {
                    break if open.is_some() {
                        Err(Error::Fault("it was not taken in time".to_owned()))
                    } else {
                        Ok(())
                    };
                }
                Some(piece) => {
                    if let Err(error) = self.keep_piece(sitting, &mut open, piece) {
                        break Err(error);
                    }
                }
            }
        };
        if let Some(open) = open {
            self.close_cut(open)?;
        }
        kept
    }

    fn keep_piece(&self, sitting: &Sitting, open: &mut Option<Growing>, piece: Piece) -> Result<(), Error> {
        match piece {
            Piece::Begin { at, pictures, head } => {
                let after = SignedDuration::try_from(at).unwrap_or(SignedDuration::ZERO);
                let began = sitting.began.checked_add(after).unwrap_or(sitting.began);
                let mut growing = self.begin_recording(sitting, began, pictures)?;
                let appended = growing.blob.append(&head).map_err(unwritten);
                *open = Some(growing);
                appended
            }
            Piece::Cluster(bytes) => match open {
                Some(growing) => growing.blob.append(&bytes).map_err(unwritten),
                None => Ok(()),
            },
            Piece::End { closing, lost } => {
                let Some(Growing { mut row, blob }) = open.take() else { return Ok(()) };
                row.lost = lost;
                let name = row.blob.clone();
                let done = blob.finish().map_err(unwritten).and_then(|sealed| {
                    row.bytes = sealed.bytes;
                    self.end_recording(row, State::Whole, closing)
                });
                self.0.growing.ended(&name);
                done
            }
        }
    }

    fn begin_recording(&self, sitting: &Sitting, began: Timestamp, pictures: bool) -> Result<Growing, Error> {
        let id = self.records().new_id()?.as_str().to_owned();
        let blob = self.grow(&sitting.patient)?;
        let name = blob.id();
        let row = Recording {
            id,
            consultation: sitting.consultation.clone(),
            patient: sitting.patient.clone(),
            person: sitting.person.clone(),
            operator: sitting.operator.clone(),
            blob: name.to_string(),
            began,
            lasts_ms: 0,
            bytes: 0,
            tail: 0,
            pictures,
            mode: sitting.mode,
            lost: 0,
            state: State::Growing,
            deleted: None,
        };
        let (room, one) = (self.clone(), row.clone());
        let begun = self.records().unit_blocking(program(), move |work| {
            let of = Within(work).row(&one.consultation)?;
            let mode = one.mode.map_or("none", Mode::as_str);
            let said = format!("recording {} of {} begins, mode {mode}", one.id, one.person.id);
            work.audit(line(work.who(), Some(&one.patient), Purpose::Treatment, &said))?;
            kept::put(work, &one)?;
            room.put_bound(work, kept::media(&of, &one), &one.id, &one.id).map(|_| ())
        });
        if let Err(error) = begun {
            self.forget_blob(&name);
            self.0.growing.ended(&row.blob);
            return Err(error);
        }
        Ok(Growing { row, blob })
    }

    /// Notes that a recording is over.
    fn end_recording(&self, mut row: Recording, state: State, closing: Closing) -> Result<(), Error> {
        row.state = state;
        row.lasts_ms = u64::try_from(closing.lasts.as_millis()).unwrap_or(u64::MAX);
        row.tail = closing.tail.len() as u64;
        let room = self.clone();
        let done = self.records().unit_blocking(program(), move |work| {
            let of = Within(work).row(&row.consultation)?;
            let how = if state == State::Cut { "was cut short" } else { "ends" };
            let said = format!("recording {} of {} {how} after {} ms", row.id, row.person.id, row.lasts_ms);
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))?;
            kept::put(work, &row)?;
            kept::put_ends(work, &row, &closing)?;
            room.put(work, kept::media(&of, &row), &row.id, Purpose::Treatment)
        });
        done.map(|_| ())
    }

    /// A file whose end never came.
    fn close_cut(&self, open: Growing) -> Result<(), Error> {
        let name = open.row.blob.clone();
        drop(open.blob);
        let done = self.mend_recording(open.row);
        self.0.growing.ended(&name);
        done
    }

    /// Ends every recording that a stop of the box cut short. Blocking.
    ///
    /// # Errors
    /// What reading and storing answer.
    pub(crate) fn mend_recordings(&self) -> Result<(), Error> {
        for row in kept::growing(&self.records().vault().snapshot()?)? {
            let grows = self.0.growing.has(&row.blob);
            if !grows {
                self.mend_recording(row)?;
            }
        }
        Ok(())
    }

    fn mend_recording(&self, mut row: Recording) -> Result<(), Error> {
        let blob = BlobId::parse(&row.blob).ok_or_else(|| Error::Damaged("a recording".to_owned()))?;
        let mut reader = match self.records().vault().blob(&row.patient, &blob) {
            Ok(reader) => Some(reader),
            Err(BlobError::NotFound) => None,
            Err(error) => return Err(unwritten(error)),
        };
        let (mut bytes, mut trouble) = (0, None);
        let pieces = std::iter::from_fn(|| match reader.as_mut()?.chunk() {
            Ok(piece) => piece.map(|piece| {
                bytes += piece.len() as u64;
                piece.to_vec()
            }),
            Err(error) => {
                trouble = Some(error);
                None
            }
        });
        let closing = mend(pieces);
        if let Some(error) = trouble {
            // What lies there is left alone: a backup may bring it back.
            tracing::error!(op = "recording", resource = %row.id, %error, "a recording cannot be read");
            return Ok(());
        }
        match closing {
            Some(closing) => {
                row.bytes = bytes;
                self.end_recording(row, State::Cut, closing)
            }
            None if bytes == 0 || crate::consult::room::CARRIES => self.forget_recording(row, &blob),
            // A box without calls cannot say what is in it.
            None => Ok(()),
        }
    }

    /// Nothing was kept but the beginning.
    fn forget_recording(&self, row: Recording, blob: &BlobId) -> Result<(), Error> {
        let room = self.clone();
        self.records().unit_blocking(program(), move |work| {
            let of = Within(work).row(&row.consultation)?;
            let said = format!("recording {} of {} holds nothing and goes", row.id, row.person.id);
            work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))?;
            kept::forget(work, &row)?;
            let row = Recording { state: State::Deleted, ..row };
            room.put(work, kept::media(&of, &row), &row.id, Purpose::Treatment)
        })?;
        self.records().vault().remove_blob(blob).map_err(unwritten)
    }
}

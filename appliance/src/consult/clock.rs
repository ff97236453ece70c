//! What the box does of itself when time passes: holds that end, patients who do not come, doctors whose screen is not heard
//! of any more, orders that the gateway is asked about. It looks at what is stored and closes the gap, so a stop of the box
//! loses nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Consult;
use super::carry::line;
use super::kept::{Docs, Within};
use super::presence::{Move, Presence, Wanted};
use super::state::{Event, State};
use crate::app::App;
use crate::records::access::{Actor, Purpose};
use crate::records::error::Error;
use crate::supervisor::Stop;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);

/// Keeps time until told to stop, whenever the vault is open.
///
/// # Errors
/// When the vault stops or what is kept is damaged; the supervisor starts the task again.
pub async fn keep(app: App, mut stop: Stop) -> anyhow::Result<()> {
    while !stop.is_wanted() {
        if let Ok(rooms) = app.rooms() {
            let (room, now) = (rooms.consult.clone(), app.now());
            let looking = room.clone();
            let looked = tokio::task::spawn_blocking(move || looking.look(now)).await?;
            drop(rooms);
            for done in [looked, room.poll(now).await] {
                match done {
                    // It is tried again in a moment.
                    Ok(()) | Err(Error::NoRoom | Error::Busy | Error::Unknown) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        tokio::select! {
            () = stop.wanted() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

impl Consult {
    /// Does what is due. Blocking.
    ///
    /// # Errors
    /// What reading and storing answer.
    pub fn look(&self, now: Timestamp) -> Result<(), Error> {
        let snapshot = self.records().vault().snapshot()?;
        for row in snapshot.open_rows()? {
            if row.course.due(self.rules()).is_some_and(|due| due <= now) {
                self.is_due(row.id)?;
            }
        }
        for doctor in snapshot.doctors()? {
            let there = match doctor.presence {
                Presence::Offline => false,
                Presence::Online | Presence::Break => true,
                Presence::Reserved { .. } | Presence::Busy { .. } => doctor.then != Some(Wanted::Offline),
            };
            if there && self.has_lapsed(&doctor.id, now) {
                self.lapse(doctor.id)?;
            }
        }
        Ok(())
    }

    fn is_due(&self, id: String) -> Result<(), Error> {
        let room = self.clone();
        let who = Arc::new(Actor::operator("consultations"));
        let done = self.records().unit_blocking(who, move |work| {
            let mut row = Within(work).row(&id)?;
            let event = match row.course.state {
                State::PendingPayment => Event::HoldExpired,
                State::Waiting => Event::Absent,
                State::Requested | State::Active | State::Completed | State::Cancelled | State::NoShow => {
                    return Err(super::carry::conflict("nothing is due"));
                }
            };
            room.carry(work, &mut row, event)?;
            room.assign_waiting(work)
        });
        match done {
            // Somebody was quicker.
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn lapse(&self, id: String) -> Result<(), Error> {
        let room = self.clone();
        let who = Arc::new(Actor::operator("consultations"));
        let done = self.records().unit_blocking(who, move |work| {
            room.turn(work, &id, Move::Lapse)?;
            let said = format!("nothing is heard of the screen of doctor {id}");
            work.audit(line(work.who(), None, Purpose::Operations, &said))
        });
        done.map(|_| ())
    }
}

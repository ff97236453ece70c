//! What comes in through a channel and goes on to its destinations: committed with the inbox's row, so that a message that
//! is acknowledged is never lost on its way.
//!
//! A message that comes back to the box and would go round for ever is stopped: what was sent on to a destination a few
//! times within minutes waits for a person the next time.

use clinicvault_gateway::hl7::ack::Code;
use clinicvault_gateway::hl7::reply::Reply;
use clinicvault_vault::MAX_BODY;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::destination::{Destination, Target};
use super::row::{Attempt, Facts, Form, State};
use super::{OUTBOX, Parcel, SAME, answered, enqueue_as, reference, settle};
use crate::records::error::Error;
use crate::records::unit::Work;

/// How often the same content may go to one destination within [`WINDOW`].
const MOST: u32 = 3;
/// For so long content is remembered.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// A message that has come in, as it goes on.
pub struct Onward<'a> {
    /// The channel.
    pub channel: &'a str,
    /// MSH-9.
    pub kind: &'a str,
    /// MSH-10 of the bytes that are sent.
    pub control_id: &'a str,
    /// Whose messages keep their order.
    pub lane: &'a str,
    /// The other names of that patient.
    pub also: &'a [String],
    /// The bytes: as received where nothing is changed in them.
    pub message: &'a [u8],
}

/// The parcels of a message, one for each destination; `bundle` is the FHIR transaction that it would become.
pub fn parcels(onward: &Onward<'_>, targets: &[Target], bundle: impl Fn() -> Vec<u8>) -> Vec<Parcel> {
    let mut written: Option<Vec<u8>> = None;
    let parcel = |target: &Target| {
        let form = target.to.form();
        let message = match form {
            Form::Er7 => onward.message.to_vec(),
            Form::Bundle | Form::Notice | Form::Record => written.get_or_insert_with(&bundle).clone(),
        };
        let facts = Facts {
            destination: format!("{}/{}", onward.channel, target.name),
            lane: onward.lane.to_owned(),
            also: onward.also.to_vec(),
            kind: onward.kind.to_owned(),
            form,
            control_id: onward.control_id.to_owned(),
            ..Facts::default()
        };
        Parcel { facts, message, unfit: None }
    };
    targets.iter().map(parcel).collect()
}

/// Puts the parcels of the inbox's row `seq` into the outbox; answers the destinations to which one does not go because it
/// goes round.
///
/// # Errors
/// As the unit's writes.
pub fn enqueue_all(work: &mut Work<'_, '_>, seq: u64, parcels: Vec<Parcel>) -> Result<Vec<String>, Error> {
    let mut round = Vec::new();
    for mut parcel in parcels {
        parcel.facts.cause = format!("inbox/{seq}");
        let mut state = State::Waiting;
        let mut stop = |facts: &mut Facts, at: Timestamp, outcome: &str, text: String| {
            facts.tried(Attempt { at, outcome: outcome.to_owned(), code: None, text });
            state = State::Failed;
        };
        let now = work.now();
        if let Some(why) = parcel.unfit.take() {
            stop(&mut parcel.facts, now, "unfit", why);
        } else if parcel.message.len() > MAX_BODY {
            parcel.message = Vec::new();
            stop(&mut parcel.facts, now, "unfit", "as FHIR it is longer than the outbox keeps".to_owned());
        } else if goes_round(work, &parcel, now)? {
            let text = format!(
                "The same content has gone to this destination {MOST} times within {} minutes: it comes back to the box from there, or its sender repeats it under other control ids. End that, then send it again or put it aside.",
                WINDOW.as_mins()
            );
            stop(&mut parcel.facts, now, "loop", text);
            round.push(parcel.facts.destination.clone());
        }
        enqueue_as(work, parcel, state)?;
    }
    Ok(round)
}

/// Counts what goes to a destination, by its content without the header and by its control id for the same patient; whether
/// it goes there too often.
fn goes_round(work: &mut Work<'_, '_>, parcel: &Parcel, now: Timestamp) -> Result<bool, Error> {
    let facts = &parcel.facts;
    let content = match facts.form {
        Form::Er7 => parcel.message.splitn(2, |b| matches!(b, b'\r' | b'\n')).nth(1).unwrap_or_default(),
        Form::Bundle | Form::Notice | Form::Record => parcel.message.as_slice(),
    };
    let to = facts.destination.as_bytes();
    let named =
        [b"id".as_slice(), to, facts.control_id.as_bytes(), facts.kind.as_bytes(), facts.lane.as_bytes()];
    let mut often = count(work, &[b"content", to, facts.kind.as_bytes(), content], now)? > MOST;
    if !facts.control_id.is_empty() {
        often |= count(work, &named, now)? > MOST;
    }
    Ok(often)
}

/// Counts one more of what the parts name; answers how many there were within the window.
fn count(work: &mut Work<'_, '_>, parts: &[&[u8]], now: Timestamp) -> Result<u32, Error> {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let scope = [b"outbox:".as_slice(), &digest.finalize()].concat();
    let kept = work.unit().recall(&scope)?;
    let kept = kept.as_ref().and_then(|kept| {
        let (until, count) = kept.split_first_chunk::<8>()?;
        let until = Timestamp::from_microsecond(i64::from_be_bytes(*until)).ok()?;
        Some((until, u32::from_be_bytes(count.try_into().ok()?)))
    });
    let (until, before) = kept
        .filter(|(until, _)| *until > now)
        .unwrap_or((now.checked_add(WINDOW).unwrap_or(Timestamp::MAX), 0));
    let many = before.saturating_add(1);
    let value = [until.as_microsecond().to_be_bytes().as_slice(), &many.to_be_bytes()].concat();
    work.unit().remember(&scope, until, &value)?;
    Ok(many)
}

/// Whether a target of a channel waits for what the receiving application says of a message.
pub fn waits_for_application(target: &Target) -> bool {
    let acknowledge = match &target.to {
        Destination::Mllp(mllp) => mllp.acknowledge,
        Destination::Http(http) => http.acknowledge,
        Destination::Folder(_) | Destination::FhirHook(_) => return false,
    };
    acknowledge == super::destination::Acknowledgement::Application
}

/// Settles the message that an answer is about which came to a listener of the box as a message of its own (enhanced mode);
/// `destinations` are those that wait for such answers. Answers the row. An answer that could be about several messages
/// settles none.
///
/// # Errors
/// As the unit's writes.
pub fn settle_late(
    work: &mut Work<'_, '_>,
    destinations: &[String],
    reply: &Reply,
) -> Result<Option<u64>, Error> {
    let (outcome, to) = match reply.code {
        Code::AA => ("taken", State::Sent),
        Code::AE | Code::AR => ("refused", State::Failed),
        Code::CA | Code::CE | Code::CR => return Ok(None),
    };
    let about = String::from_utf8_lossy(&reply.about).into_owned();
    let mut found = Vec::new();
    for destination in destinations {
        for seq in work.unit().queue_by_ref(OUTBOX, &reference(destination, &about), SAME)? {
            let item = work.unit().queue_get(OUTBOX, seq)?;
            // It may be faster than the acceptance that was given on our own connection.
            let open = [State::Accepted, State::Waiting];
            if item.is_some_and(|item| open.contains(&State::of(item.row.state))) {
                found.push(seq);
            }
        }
    }
    let [seq] = found[..] else { return Ok(None) };
    let attempt = answered(work.now(), reply, outcome);
    settle(work, seq, &[State::Accepted, State::Waiting], attempt, to)?;
    Ok(Some(seq))
}

//! Which messages are to be taken up again: the filter of the message screen, of those that are held or refused.

use clinicvault_vault::Snapshot;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::exchange::Exchange;
use crate::exchange::view::{Shown, Wanted};
use crate::records::error::Error;

/// Most messages of one replay.
pub(super) const MOST: usize = 10_000;

/// Which messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReplayAsk {
    /// Those that wait for a person, those that were refused, or both.
    pub of: ReplayOf,
    /// Of this channel; `default` is the listener of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Of this type, such as `ORU^R01`, or `ORU` for all its events.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// From this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Words, as on the message screen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub q: String,
    /// From this day in the clinic, `2026-03-14`.
    #[schema(value_type = Option<String>, format = Date)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// To this day, itself included.
    #[schema(value_type = Option<String>, format = Date)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// One message alone, by the number of its row; it must fit the rest as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// Held ones, refused ones, or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplayOf {
    /// Waiting for a person.
    Held,
    /// Refused by the box.
    Refused,
    /// Both.
    #[default]
    Both,
}

impl ReplayAsk {
    fn states(&self) -> &'static [Shown] {
        match self.of {
            ReplayOf::Held => &[Shown::Needs],
            ReplayOf::Refused => &[Shown::Refused],
            ReplayOf::Both => &[Shown::Needs, Shown::Refused],
        }
    }

    fn wanted(&self, shown: Shown) -> Wanted {
        Wanted {
            shown,
            text: self.q.clone(),
            from: self.from,
            to: self.to,
            channel: self.channel.clone(),
            kind: self.kind.clone(),
            peer: self.peer.clone(),
            ..Wanted::default()
        }
    }
}

impl Exchange {
    /// The rows that are asked for, oldest first.
    ///
    /// # Errors
    /// [`Error::TooMuch`] when there are more than one replay may have, or the question is too long.
    pub(super) fn replay_rows(&self, snapshot: &Snapshot, ask: &ReplayAsk) -> Result<Vec<u64>, Error> {
        let mut rows = Vec::new();
        for shown in ask.states() {
            let mut wanted = ask.wanted(*shown);
            if let Some(seq) = ask.seq {
                wanted.before = seq.checked_add(1);
            }
            loop {
                let found = self.find_rows(snapshot, &wanted)?;
                rows.extend(
                    found
                        .rows
                        .iter()
                        .map(|(item, _)| item.seq)
                        .filter(|seq| ask.seq.is_none_or(|one| one == *seq)),
                );
                if rows.len() > MOST {
                    return Err(Error::TooMuch(format!(
                        "one replay has at most {MOST} messages; narrow the question, for instance by days"
                    )));
                }
                wanted.before = match found.next {
                    Some(next) if ask.seq.is_none() => Some(next),
                    Some(_) | None => break,
                };
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }
}

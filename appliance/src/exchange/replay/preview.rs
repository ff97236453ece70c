//! What a replay would do, without doing it: how many messages by state, type and reason, the first of them, and for some
//! what today's rules and today's record would make of them.

use std::collections::{BTreeMap, BTreeSet};

use clinicvault_vault::{Action, Outcome, QueueItem};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::again::{Over, Would};
use super::ask::ReplayAsk;
use crate::clinic::identity::Identity;
use crate::exchange::inbox::leaf;
use crate::exchange::row::{self, Facts, State};
use crate::exchange::view::{InboxRow, row_of};
use crate::exchange::{Exchange, INBOX};
use crate::records::access::{Actor, Area, Op, Subject, decide};
use crate::records::error::Error;

/// Messages that are shown.
const SHOWN: usize = 50;
/// Messages that are tried: each is mapped, matched and checked as if it had come now.
const TRIED: usize = 20;

/// Messages that are looked at for what they would change of a patient.
const LOOKED: u64 = 1_000;

/// What a replay would take up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayPreview {
    /// Messages in all.
    pub total: u64,
    /// By state, type and reason, the largest first.
    pub groups: Vec<ReplayGroup>,
    /// The first, oldest first; at most 50. What would become of it is said of the first 20.
    pub rows: Vec<ReplayLine>,
    /// Whose newer particulars older messages would take the place of.
    pub over: ReplayOver,
}

/// Patients whose record was changed after a message came that would change it now.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOver {
    /// How many.
    pub patients: u64,
    /// By so many messages.
    pub messages: u64,
    /// Messages that were looked at for it, oldest first; fewer than bring particulars where there are very many.
    pub looked: u64,
    /// Messages that bring particulars.
    pub of: u64,
    /// The first of them, at most 50.
    pub first: Vec<ReplayOverPatient>,
}

/// A patient, and the first message that would change the newer record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOverPatient {
    /// Who.
    pub patient: Identity,
    /// The message's row.
    pub seq: u64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When the record was changed last.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// Messages of one state, type and reason.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayGroup {
    /// `held` or `refused`.
    pub state: &'static str,
    /// MSH-9.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it waits, or the code and place of what was wrong.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayLine {
    /// As on the message screen.
    pub row: InboxRow,
    /// MSH-9.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why it waits or was refused.
    pub reason: String,
    /// What would become of it; absent where it was not tried.
    pub would: Option<ReplayWould>,
}

/// What would become of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayWould {
    /// `applied`, `held`, `refused`, `passedOver`, or `unclear` where only the replay itself can tell.
    pub outcome: &'static str,
    /// Why, where it would not be applied.
    pub reason: Option<String>,
    /// Records that would be written.
    pub records: u64,
}

impl ReplayWould {
    pub(super) fn of(outcome: &'static str, reason: impl Into<Option<String>>) -> Self {
        Self { outcome, reason: reason.into(), records: 0 }
    }
}

impl Exchange {
    /// What a replay would do. Blocking; writes nothing but the line of the audit log that messages were looked at.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not settle messages, [`Error::TooMuch`] for too many messages or too long a
    /// question.
    pub fn replay_preview(&self, who: &Actor, ask: &ReplayAsk) -> Result<ReplayPreview, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Inbox)).check()?;
        let snapshot = self.records().vault().snapshot()?;
        let seqs = self.replay_rows(&snapshot, ask)?;
        let mut groups: BTreeMap<(&'static str, String, String), u64> = BTreeMap::new();
        let mut rows = Vec::new();
        let (mut over, mut known) = (ReplayOver::default(), BTreeSet::new());
        for seq in &seqs {
            let Some(item) = snapshot.queue_get(INBOX, *seq)? else { continue };
            let Some((facts, _)) = row::decode(&item.row.body) else { continue };
            let state = State::of(item.row.state).as_str();
            let reason = why(&facts);
            *groups.entry((state, facts.kind.clone(), reason.clone())).or_default() += 1;
            let brings = self.may_feed_patients(&item);
            let whole = rows.len() < TRIED;
            over.of += u64::from(brings);
            let looks = brings && over.looked < LOOKED;
            let tried = (whole || looks).then(|| self.would(&item, whole)).transpose()?;
            over.looked += u64::from(looks);
            let (would, found) = tried.map_or((None, None), |one| (Some(one.would), one.over));
            if let Some(Over { patient, since }) = found {
                over.messages += 1;
                if known.insert(patient.id.clone()) {
                    over.patients += 1;
                    if over.first.len() < SHOWN {
                        over.first.push(ReplayOverPatient { patient, seq: *seq, at: item.at, since });
                    }
                }
            }
            if rows.len() < SHOWN {
                let would = would.filter(|_| whole);
                rows.push(ReplayLine { row: row_of(&item, &facts), kind: facts.kind.clone(), reason, would });
            }
        }
        let group = |((state, kind, reason), count)| ReplayGroup { state, kind, reason, count };
        let mut groups: Vec<ReplayGroup> = groups.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        let mut looked = leaf(who, Action::Search, Outcome::Success, 0, None, None);
        looked.reason = Some(format!("inbox: preview of a replay of {} messages", seqs.len()));
        self.records().vault().note(looked)?;
        Ok(ReplayPreview { total: seqs.len() as u64, groups, rows, over })
    }

    /// What would become of one row.
    fn would(&self, item: &QueueItem, whole: bool) -> Result<Would, Error> {
        match State::of(item.row.state) {
            State::Held => self.would_apply(item, whole),
            State::Refused => self.would_be_taken(item, whole),
            State::Received | State::Applied | State::Dismissed => {
                Ok(Would { would: ReplayWould::of("unclear", None), over: None })
            }
        }
    }
}

/// Why a message waits or was refused, without anything that it says: a word, or a code of table 0357 with the place.
fn why(facts: &Facts) -> String {
    if let Some(held) = &facts.held {
        return held.why.clone();
    }
    let Some(fault) = &facts.problem else { return String::new() };
    let place = fault.segment.as_ref().map(|segment| match &fault.field {
        Some(field) => format!(" {segment}-{field}"),
        None => format!(" {segment}"),
    });
    format!("{}{}", fault.code, place.unwrap_or_default())
}

//! Messages that were held or refused, taken up again many at a time: today's rules may take what yesterday's did not.
//!
//! `ask` says which messages, `preview` what would become of them without writing anything, `job` what is kept of a replay,
//! `desk` what people decide about it, `carry` how it goes on in small steps over restarts, `again` what is done with one
//! message. The original is always kept (0177).

mod again;
mod ask;
pub mod carry;
mod desk;
mod job;
mod preview;

pub use ask::{ReplayAsk, ReplayOf};
pub use desk::ReplayList;
pub use job::{Replay, ReplayCounts, ReplayState};
pub use preview::{ReplayGroup, ReplayLine, ReplayOver, ReplayOverPatient, ReplayPreview, ReplayWould};

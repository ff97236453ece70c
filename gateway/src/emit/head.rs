//! MSH and EVN: who tells whom, when, and how the answer is wanted.

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::hl7::datetime;
use crate::hl7::encode::Content;
use crate::json::Value;

use super::kind::Kind;
use super::rules::fill_but;
use super::segment::Segment;
use super::types::{Scope, dtm};

/// How the receiver shall acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// Original mode: one answer.
    #[default]
    Original,
    /// Enhanced mode: that it is safely stored is enough (MSH-15 `AL`, MSH-16 `NE`).
    Accept,
    /// Enhanced mode: stored, and later what came of it (MSH-15 and MSH-16 `AL`).
    Application,
}

/// What a message says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// MSH-3 and MSH-4: application and facility of the sender.
    pub sender: (&'a str, &'a str),
    /// MSH-5 and MSH-6: application and facility of the receiver.
    pub receiver: (&'a str, &'a str),
    /// MSH-10, at most 20 characters for old receivers.
    pub control_id: &'a str,
    /// MSH-7.
    pub now: Timestamp,
    /// The clinic's offset at that time.
    pub offset: Offset,
    /// MSH-11 is `P`, or `T` for a rehearsal.
    pub training: bool,
    /// MSH-15 and MSH-16.
    pub acknowledge: Acknowledge,
}

/// MSH.
pub(super) fn msh(kind: Kind, envelope: &Envelope<'_>) -> Segment {
    let mut msh = Segment::new("MSH");
    msh.set(3, envelope.sender.0).set(4, envelope.sender.1);
    msh.set(5, envelope.receiver.0).set(6, envelope.receiver.1);
    msh.set(7, datetime::write(envelope.now, envelope.offset).as_str());
    let (message, trigger) = kind.parts();
    msh.set(9, Content::from([message, trigger, kind.structure()]));
    msh.set(10, envelope.control_id);
    msh.set(11, if envelope.training { "T" } else { "P" });
    msh.set(12, "2.5.1");
    let (accept, application) = match envelope.acknowledge {
        Acknowledge::Original => ("", ""),
        Acknowledge::Accept => ("AL", "NE"),
        Acknowledge::Application => ("AL", "AL"),
    };
    msh.set(15, accept).set(16, application);
    msh.set(18, "UNICODE UTF-8");
    msh
}

/// EVN: when it was recorded, and when it happened.
pub(super) fn evn(kind: Kind, envelope: &Envelope<'_>, root: &Value, scope: &Scope<'_>) -> Segment {
    let updated = root.get("meta").and_then(|m| m.str("lastUpdated")).and_then(|m| m.parse().ok());
    // The record's own time is kept in UTC; it is told in the clinic's, as MSH-7 is.
    let recorded = datetime::write(updated.unwrap_or(envelope.now), envelope.offset);
    let mut evn = Segment::new("EVN").with(1, kind.parts().1);
    let told = |p: &&Value| scope.set.all_of(p.items("target")).iter().any(|t| t.get("id") == root.get("id"));
    if let Some(event) = scope.set.of_kind("Provenance").find(told) {
        // Who is known by a name only stands for the sender.
        let known = event.items("agent").iter().any(|a| scope.set.get(a.get("who")).is_some());
        fill_but(scope, &mut evn, "EVN", event, if known { &[] } else { &[5] });
    }
    if !evn.has(2) {
        evn.set(2, recorded.as_str());
    }
    let ended = root.get("period").and_then(|p| p.str("end"));
    if !evn.has(6) {
        evn.set(6, dtm(ended.filter(|_| kind == Kind::A03)));
    }
    evn
}

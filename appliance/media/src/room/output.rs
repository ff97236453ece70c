//! What the room asks to be done, and the small values that go with it.

use crate::engine::{PeerId, TrackId};
use crate::quality::Cap;
use crate::signal::{Candidate, Seat};
use serde::{Deserialize, Serialize};

/// What somebody has switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Muted {
    /// His microphone.
    pub audio: bool,
    /// His camera.
    pub video: bool,
}

/// What somebody wants to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wants {
    /// The pictures of the others; sound is always sent.
    pub video: bool,
}

/// Why somebody is no longer in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// He left, or was taken out.
    Left,
    /// His connection was broken too long.
    Lost,
    /// His browser did not answer an offer in time, or its answer could not be used.
    NoAnswer,
    /// The box could not open or keep his connection.
    Box,
    /// The call is over.
    Over,
}

/// To be performed in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Open a connection.
    Open(PeerId),
    /// Close it, and say why.
    Close {
        /// Whose.
        peer: PeerId,
        /// Why.
        why: Why,
    },
    /// Make an offer of everything subscribed so far and send it under this number.
    Offer {
        /// To whom.
        peer: PeerId,
        /// Its number.
        n: u32,
        /// Find new ways through the network.
        restart: bool,
    },
    /// Send the outstanding offer once more.
    OfferAgain {
        /// To whom.
        peer: PeerId,
        /// Its number.
        n: u32,
    },
    /// Apply the answer.
    Answer {
        /// Whose.
        peer: PeerId,
        /// The description.
        sdp: String,
    },
    /// Apply an address.
    Candidate {
        /// Whose.
        peer: PeerId,
        /// The address.
        candidate: Candidate,
    },
    /// Add a track to the next offer.
    Subscribe {
        /// To whom.
        peer: PeerId,
        /// Whose track.
        track: TrackId,
    },
    /// Take it out of the next offer.
    Unsubscribe {
        /// From whom.
        peer: PeerId,
        /// Whose track.
        track: TrackId,
    },
    /// Hand on packets of this track from now on.
    Flow {
        /// To whom.
        peer: PeerId,
        /// Whose track.
        track: TrackId,
    },
    /// Ask for a whole picture.
    AskKeyframe(PeerId),
    /// Tell somebody how much to send.
    TellCap {
        /// Whom.
        to: PeerId,
        /// The caps.
        cap: Cap,
    },
    /// Somebody's line carries sound only.
    TellAudioOnly {
        /// Whom.
        to: PeerId,
    },
    /// Somebody came.
    TellJoined {
        /// Whom to tell.
        to: PeerId,
        /// Who came.
        seat: Seat,
    },
    /// Somebody left.
    TellLeft {
        /// Whom to tell.
        to: PeerId,
        /// Who left.
        who: PeerId,
        /// Why.
        why: Why,
    },
    /// Somebody switched sound or picture off or on.
    TellMuted {
        /// Whom to tell.
        to: PeerId,
        /// Who did.
        who: PeerId,
        /// What is off now.
        muted: Muted,
    },
}

//! What the box and a browser say to each other about a call: values only; how they travel is the caller's.
//! Field names follow the browser's own (`RTCIceCandidateInit`), so that a page hands them on as they are.

use crate::engine::PeerId;
use crate::ice::IceServer;
use crate::quality::{Cap, Meter};
use crate::room::{Muted, Why};
use serde::{Deserialize, Serialize};

/// An address of one side, as the browser writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate attribute of SDP; empty at the end of a generation.
    pub candidate: String,
    /// The media section it belongs to.
    #[serde(default)]
    pub sdp_mid: Option<String>,
    /// The same by number.
    #[serde(default, rename = "sdpMLineIndex")]
    pub sdp_mline_index: Option<u16>,
    /// Which generation of addresses it belongs to.
    #[serde(default)]
    pub username_fragment: Option<String>,
}

/// Somebody in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    /// Who. His streams carry the id `p` and this number in SDP.
    pub who: PeerId,
    /// What he has switched off.
    pub muted: Muted,
}

/// From the box to one browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ToPeer {
    /// The first message: who you are, who is there, which servers help to connect.
    Welcome {
        /// The reader's own number.
        you: PeerId,
        /// The others.
        others: Vec<Seat>,
        /// For `RTCPeerConnection`'s `iceServers`.
        ice_servers: Vec<IceServer>,
    },
    /// An offer, to be answered with its number.
    Offer {
        /// Its number; grows.
        n: u32,
        /// The description.
        sdp: String,
    },
    /// An address of the box.
    Candidate {
        /// The address.
        candidate: Candidate,
    },
    /// Somebody came.
    Joined {
        /// Who.
        seat: Seat,
    },
    /// Somebody left.
    Left {
        /// Who.
        who: PeerId,
        /// Why.
        why: Why,
    },
    /// Somebody switched sound or picture off or on.
    Muted {
        /// Who.
        who: PeerId,
        /// What is off now.
        muted: Muted,
    },
    /// How much to send from now on (`RTCRtpSender.setParameters`, `maxBitrate`).
    Cap {
        /// The caps.
        cap: Cap,
    },
    /// How good the call is, for the meter of everyone in it.
    Quality {
        /// One for each participant.
        meters: Vec<Meter>,
    },
    /// The reader's line carries sound only: it is time to ask whether to do without pictures.
    AudioOnlyAdvised,
    /// The reader is out of the call; nothing follows.
    Ended {
        /// Why.
        why: Why,
    },
}

/// From a browser to the box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FromPeer {
    /// The answer to an offer.
    Answer {
        /// The number of the offer.
        n: u32,
        /// The description.
        sdp: String,
    },
    /// An address of the browser.
    Candidate {
        /// The address.
        candidate: Candidate,
    },
    /// Sound or picture was switched off or on.
    Muted {
        /// What is off now.
        muted: Muted,
    },
    /// Whether to be sent the pictures of the others.
    ReceiveVideo {
        /// Yes or no.
        on: bool,
    },
    /// The browser sees its connection broken: find another way.
    Restart,
    /// The browser lost what it was sent: say the unanswered offer again.
    Resume,
}

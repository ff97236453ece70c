//! Laboratory analysers as pure code: bytes and the time go in, values come out.
//!
//! Owns the frame ([`frame`]: LIS1-A, formerly ASTM E1381), the conversation around it ([`line`]), the rule that says
//! which records must be safe before an answer leaves ([`part`]), captures of a line in a file ([`capture`]), the texts
//! of a printer's port ([`printout`]) and the records themselves ([`message`], [`record`], [`query`], [`write`]: LIS2-A2,
//! formerly ASTM E1394). Sockets, serial ports, clocks and the stored inbox belong to the appliance; what a record means
//! in FHIR belongs to [`crate::map::analyser`].
//!
//! The rule of this folder: **nothing is taken from a frame whose checksum does not hold**, and no frame is answered
//! positively that would let the analyser forget a result which is not safely stored.

pub mod capture;
pub mod frame;
pub mod line;
pub mod message;
pub mod part;
pub mod printout;
pub mod query;
pub mod record;
pub mod write;

pub use capture::Capture;
pub use line::{Effect, Line, Role, Settings};
pub use message::{Limits, Message, Refusal};
pub use part::{Ending, Part};

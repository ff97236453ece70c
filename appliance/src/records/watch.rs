//! What is kept of a Subscription beside its record: on whose behalf it watches, how far it has come in the log, the
//! events it has found, and the values of its headers, which the record never holds.
//!
//! The row is written in the unit of work that writes the record, whichever path it came by, and is gone with it. Rows
//! change in units of their own afterwards, together with the record's status. Sending is the room `subscriptions`.

mod gate;
mod row;
mod shelf;
mod through;

pub(super) use gate::check;
pub use gate::{Gate, Plan};
pub use row::{Happened, Row, Sort, Standing};
pub use shelf::Change;
pub(super) use shelf::{begin, end};
pub use through::{Looked, Opened};

//! Messages of HL7 v2: how fast they are acknowledged, read, converted and applied, and how they leave.

mod pace;
mod peers;
mod pure;
mod told;

use crate::Scale;
use crate::table::Table;

/// Everything about messages.
pub fn all(table: &mut Table, scale: &Scale) {
    pure::all(table, scale);
    pace::all(table, scale);
    pace::delimiters(table);
    told::all(table, scale);
    peers::all(table, scale);
}

//! Messages of HL7 v2: how fast they are acknowledged, read, converted and applied, how they leave, and how much of them is
//! kept.

pub mod faithful;
mod pace;
mod peers;
mod pure;
mod told;

use pace::Disk;

use crate::Scale;
use crate::table::Table;

/// Everything about messages.
pub fn all(table: &mut Table, scale: &Scale) {
    pure::all(table, scale);
    faithful::all(table);
    pace::all(table, scale, Disk::Own);
    pace::all(table, scale, Disk::Slow);
    pace::delimiters(table);
    told::all(table, scale);
    peers::all(table, scale);
}

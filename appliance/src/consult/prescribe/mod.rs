//! Prescriptions as pure rules: a line is read as it is typed (`para 650 1-0-1 pc 5d`), printed so that nobody misreads it,
//! and checked against the patient's allergies, the other lines and the lists of teleconsultation.
//!
//! Owns the grammar, the amounts, the formulary, the lists and the checks; all of it data in, values out. Drafts, signatures
//! and records are `consult::papers`'.

pub mod amount;
pub mod book;
pub mod check;
pub mod formulary;
pub mod line;
pub mod lists;
mod parse;
mod tokens;
pub mod words;

pub use book::Book;
pub use parse::{Problem, parse};

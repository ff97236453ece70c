//! Backups of the box: where copies go and what became of them.
//!
//! `place` is what a clinic sets about a place, `places` how the box gets there, `open` leads from one to the other, `outcome`
//! says what became of copies and when the next is due (pure), `book` keeps all of that. What a set is and how a vault comes
//! back from it is the vault's.

pub mod book;
pub mod open;
pub mod outcome;
pub mod place;
pub mod places;

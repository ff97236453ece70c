//! Files of a consultation: photos and documents that patient, doctor and nurse hand each other in its room.
//!
//! Owns who may send and read them, how many, and that each is whole or not there (`docs/decisions/0208-*.md`): its content lies
//! in a sealed blob, its row beside it, and in the same unit of work a DocumentReference and a Communication, so that it stands in
//! the record and in the order of the chat. Leaves to others: what a file is and whether it is taken (`gateway::files`), the bytes
//! of blobs (`vault::blob`), telling whoever is in the room (`room`).

mod desk;
mod kept;
mod own;
mod record;

pub use desk::{Given, Sent};
pub(super) use kept::is_kept;
pub use kept::{MOST_FILES, MOST_TOGETHER};
pub use own::OwnFile;
pub(in crate::consult) use record::url;

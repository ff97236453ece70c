//! From samples to captions and transcripts, as pure rules: time and what was heard come in, jobs and captions go out.
//!
//! `cut` finds utterances, `agree` says which words of a growing utterance stand, `sift` drops what nobody said and marks what is
//! doubtful, `queue` decides what is heard next, `live` puts them together for running tracks, `last` for whole recordings.

pub mod agree;
pub mod cut;
pub mod last;
pub mod live;

pub mod queue;
pub mod sift;
pub mod vocabulary;

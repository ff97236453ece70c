//! The room in which doctor and patient meet: who is in, what is said and shown there, and what is heard.
//!
//! [`ears`]: the seam to whoever makes captions of speech.

pub mod ears;

//! Model files: what one must look like before the C++ sees it, how the box's own are made, and where they are kept.
//!
//! Owns the formats (ggml of whisper.cpp, CTranslate2's `model.bin`), quantisation and the folder of models. Fetching over a
//! network is the caller's: it hands bytes to [`store::Download`].

pub mod convert;
pub mod ct2;
pub mod ggml;
mod half;
mod layout;
pub mod manifest;
mod mel;
pub mod quant;
mod read;
pub mod store;
pub mod vocabulary;

use thiserror::Error;

pub use manifest::Entry;
pub use store::Store;

/// Why a model file is not taken.
#[derive(Debug, Error)]
pub enum ModelError {
    /// The bytes are not what a model of this format has at this place.
    #[error("not a usable model: {0}")]
    Bad(String),
    /// The file is whole but not the one that was asked for.
    #[error(
        "{name} has the sha256 {found}, but {wanted} was expected: the file is damaged or another one; fetch it again"
    )]
    OtherHash {
        /// Which model.
        name: String,
        /// Lower case hex.
        found: String,
        /// Lower case hex.
        wanted: String,
    },
    /// Nothing of this name is known or installed.
    #[error("no model is called {0}; `clinicvault model list` names what is there")]
    Unknown(String),
    /// The disk did not do what was asked.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl ModelError {
    fn bad(why: impl Into<String>) -> Self {
        Self::Bad(why.into())
    }
}

//! Recordings and other rates become 16 kHz mono.

mod resample;
pub mod wav;

pub use resample::Resampler;

//! Places for backups: a folder, a USB disk, an S3-compatible store, a server with SFTP.
//!
//! Owns how the box gets to each kind of place and what a person is told when it does not: every call is bounded in time,
//! bytes and number of answers, because what stands at the other end is not ours (0220). `usb` recognises plugged disks,
//! `wire` carries requests to a store, `bridge` lets calls that block wait for work that does not, `pace` slows a place down.
//! Leaves what lies on a place to the vault's backup, and when a backup runs to `crate::backup`.

pub mod bridge;
pub mod pace;
pub mod reach;
pub mod s3;
pub mod sftp;
pub mod usb;
pub mod wire;

#[cfg(test)]
mod peer_tests;

use clinicvault_vault::backup::ShelfError;

/// Most files of a place that are listed: a clinic's sets of ten years are a few ten thousand. A place that goes on listing is
/// not believed.
pub const MOST_LISTED: usize = 200_000;

/// What to answer when a place lists without end.
pub(super) fn endless(place: &str) -> ShelfError {
    ShelfError::Permanent(format!(
        "{place} lists more than {MOST_LISTED} files. Give the backups a folder of their own there."
    ))
}

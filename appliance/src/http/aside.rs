//! Two small helpers of the UI's handlers: the caller of an interaction, and work that blocks.

use std::sync::Arc;

use super::error::HttpError;
use super::extract::Actor;
use crate::records::Caller;
use crate::records::error::Error;

/// The caller for an interaction of the UI's API, which knows no absolute addresses.
pub fn caller(who: Actor) -> Caller {
    Caller { who: Arc::new(who), base: None }
}

/// Runs work that reads many records on a thread that may block, so that other requests are not held up.
pub async fn aside<T, F>(job: F) -> Result<T, HttpError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    match tokio::task::spawn_blocking(job).await {
        Ok(done) => done.map_err(HttpError::from),
        Err(_) => Err(HttpError::internal()),
    }
}

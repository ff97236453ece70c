//! Lets a call that blocks wait for work that does not.
//!
//! A place has a runtime of its own, so that it does not depend on whether the box's is busy, and the command line needs none.
//! Calls come from threads that may block, never from a task.

use std::future::Future;
use std::time::Duration;

use clinicvault_vault::backup::ShelfError;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// What any call may take.
const PATIENCE: Duration = Duration::from_secs(45);
/// The slowest line that is waited for, bytes a second: a bad mobile network.
const SLOWEST: u64 = 16 * 1024;

/// A runtime for one place.
#[derive(Debug)]
pub struct Bridge(Option<Runtime>);

impl Bridge {
    /// A bridge that carries nothing yet.
    ///
    /// # Errors
    /// [`ShelfError::Transient`] when the system gives no resources.
    pub fn new() -> Result<Self, ShelfError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| ShelfError::Transient(format!("The box is too busy: {error}.")))?;
        Ok(Self(Some(runtime)))
    }

    /// Waits for `work` that moves `bytes`, at most as long as a slow line takes for them.
    ///
    /// # Errors
    /// [`ShelfError::Transient`] when it takes longer, and as the work.
    pub fn wait<T>(
        &self,
        bytes: usize,
        place: &str,
        work: impl Future<Output = Result<T, ShelfError>>,
    ) -> Result<T, ShelfError> {
        let Some(runtime) = &self.0 else {
            return Err(ShelfError::Transient("The box is stopping.".to_owned()));
        };
        let most = limit(bytes);
        let slow = || {
            ShelfError::Transient(format!(
                "{place} did not answer within {} s. Look whether the line is up.",
                most.as_secs()
            ))
        };
        runtime.block_on(async { timeout(most, work).await.unwrap_or_else(|_| Err(slow())) })
    }
}

/// A runtime may not be dropped where tasks run: this one lets go of it instead.
impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How long moving `bytes` may take.
pub fn limit(bytes: usize) -> Duration {
    PATIENCE + Duration::from_secs(u64::try_from(bytes).unwrap_or(u64::MAX) / SLOWEST)
}

#[cfg(test)]
mod tests {
    use clinicvault_vault::backup::Class;

    use super::*;

    #[test]
    fn a_large_file_gets_more_time_and_none_gets_all() {
        assert_eq!(limit(0).as_secs(), 45);
        assert_eq!(limit(16 * 1024 * 100).as_secs(), 145);
    }

    #[tokio::test]
    async fn it_may_be_made_used_and_dropped_from_anywhere() {
        let bridge = Bridge::new().unwrap();
        let bridge = tokio::task::spawn_blocking(move || {
            assert_eq!(bridge.wait(0, "here", async { Ok(7) }).unwrap(), 7);
            let refused = bridge.wait::<()>(0, "here", async { Err(ShelfError::Full("full".into())) });
            assert_eq!(refused.unwrap_err().class(), Class::Full);
            bridge
        });
        drop(bridge.await.unwrap());
    }
}

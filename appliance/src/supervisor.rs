//! Named tasks and an ordered stop.
//!
//! Every long-lived task of the box is started here under its name, with what happens when it fails. Stopping goes
//! listeners, then jobs, then the vault; each stage is awaited before the next begins. What the tasks do is theirs.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The long-lived tasks of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// HTTPS for the clinic's network.
    HttpsListener,
    /// Plain HTTP on the box itself, and the install page.
    HttpListener,
    /// HL7 v2 over MLLP.
    MllpListener,
    /// The command line's way into a running box.
    ControlSocket,
    /// The sources of the channels.
    Channels,
    /// What came through them is kept.
    ChannelCounts,
    /// Looks for what about channels is worth a look.
    ChannelAlerts,
    /// Carries replays of messages on.
    Replays,
    /// Received HL7 messages become records.
    InboxWorker,
    /// Records that an older program indexed are indexed anew.
    IndexRenewal,
    /// Exports, imports and requests that are answered later.
    JobWorker,
    /// Changes are told to those who asked to be told.
    Subscriptions,
    /// Messages leave the box.
    Outbox,
    /// Consultations and payments whose time has come.
    Consultations,
    /// Rooms in which somebody is.
    Rooms,
    /// Finds what hears, and makes transcripts.
    Transcripts,
    /// Ended sessions and expired tokens are swept away.
    SessionSweeper,
    /// The leaf certificate is renewed before it ends.
    CertificateRenewal,
    /// Ends the box when the vault has latched.
    VaultWatch,
    /// Looks whether the box can do its work.
    Pulse,
    /// Forgets failed starts once the box has worked for a while.
    Settled,
}

/// When a task is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running = 0,
    StopListeners = 1,
    StopJobs = 2,
}

/// What happens when a task returns an error or panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// Start it again after a pause that grows from 100 ms to 30 s.
    Restart,
    /// Stop the whole box: without this task it would only look alive.
    StopBox,
}

/// A task's view of the stop signal.
#[derive(Debug, Clone)]
pub struct Stop {
    stage: watch::Receiver<Stage>,
    at: Stage,
}

/// Ends a task that another task started; dropping it does, too.
#[derive(Debug)]
pub struct Halt(watch::Sender<Stage>);

impl Halt {
    /// Tells the task to end.
    pub fn stop(&self) {
        self.0.send_replace(Stage::StopListeners);
    }
}

impl Stop {
    /// The signal for a task that is not named here but belongs to one that is, and what gives it.
    pub fn own() -> (Halt, Self) {
        let (sender, stage) = watch::channel(Stage::Running);
        (Halt(sender), Self { stage, at: Stage::StopListeners })
    }

    /// Waits until this task should end.
    pub async fn wanted(&mut self) {
        let at = self.at;
        // The sender lives as long as the supervisor; if it is gone, stopping is right as well.
        let _ = self.stage.wait_for(|stage| *stage >= at).await;
    }

    /// True once this task should end.
    pub fn is_wanted(&self) -> bool {
        *self.stage.borrow() >= self.at
    }
}

/// Starts, restarts and stops the tasks. Clones share the same set.
#[derive(Debug, Clone)]
pub struct Supervisor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stage: watch::Sender<Stage>,
    fatal: watch::Sender<Option<String>>,
    running: Mutex<HashMap<Task, JoinHandle<()>>>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without tasks.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            stage: watch::Sender::new(Stage::Running),
            fatal: watch::Sender::new(None),
            running: Mutex::new(HashMap::new()),
        }))
    }

    /// Starts `task`; `make` is called for each (re)start. A task that is already running is replaced.
    /// Must be called inside the tokio runtime.
    pub fn run<F, R>(&self, task: Task, on_error: OnError, make: F)
    where
        F: Fn(Stop) -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let stop = Stop { stage: self.0.stage.subscribe(), at: task.stops_at() };
        let fatal = self.0.fatal.clone();
        #[allow(clippy::disallowed_methods)] // This is where the named tasks are started.
        let handle = tokio::spawn(keep_running(task, on_error, make, stop, fatal));
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = running.insert(task, handle) {
            old.abort();
        }
    }

    /// Waits until a task marked [`OnError::StopBox`] has failed, or someone called [`Supervisor::fail`]; says why.
    pub async fn failed(&self) -> String {
        let mut fatal = self.0.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "the supervisor is gone".to_owned(),
        }
    }

    /// Asks for the whole box to stop because of `why`.
    pub fn fail(&self, why: impl Into<String>) {
        self.0.fatal.send_replace(Some(why.into()));
    }

    /// Stops listeners, then jobs. Each stage gets its time and is then aborted, so this returns within 4 s.
    pub async fn stop(&self) {
        for (stage, patience) in [(Stage::StopListeners, 2500), (Stage::StopJobs, 1500)] {
            self.0.stage.send_replace(stage);
            let ending = self.take(stage);
            let deadline = tokio::time::Instant::now() + Duration::from_millis(patience);
            for (task, mut handle) in ending {
                if tokio::time::timeout_at(deadline, &mut handle).await.is_err() {
                    tracing::warn!(?task, "did not stop in time, aborted");
                    handle.abort();
                    let _ = handle.await;
                }
            }
        }
    }

    fn take(&self, stage: Stage) -> Vec<(Task, JoinHandle<()>)> {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<Task> = running.keys().copied().filter(|task| task.stops_at() <= stage).collect();
        due.into_iter().filter_map(|task| running.remove_entry(&task)).collect()
    }
}

impl Task {
    fn stops_at(self) -> Stage {
        match self {
            Task::HttpsListener
            | Task::HttpListener
            | Task::MllpListener
            | Task::Channels
            | Task::Rooms
            | Task::ControlSocket => Stage::StopListeners,
            Task::InboxWorker
            | Task::IndexRenewal
            | Task::JobWorker
            | Task::Subscriptions
            | Task::Outbox
            | Task::ChannelCounts
            | Task::ChannelAlerts
            | Task::Replays
            | Task::Consultations
            | Task::Transcripts
            | Task::SessionSweeper
            | Task::CertificateRenewal
            | Task::VaultWatch
            | Task::Pulse
            | Task::Settled => Stage::StopJobs,
        }
    }
}

async fn keep_running<F, R>(
    task: Task,
    on_error: OnError,
    make: F,
    mut stop: Stop,
    fatal: watch::Sender<Option<String>>,
) where
    F: Fn(Stop) -> R + Send + 'static,
    R: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut pause = Duration::from_millis(100);
    loop {
        // A task of its own, so that a panic inside is an error here and not the end of the supervisor's task.
        #[allow(clippy::disallowed_methods)]
        let mut inner = AbortOnDrop(tokio::spawn(make(stop.clone())));
        let why = match (&mut inner.0).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(join) if join.is_panic() => "it panicked".to_owned(),
            Err(_) => return,
        };
        if stop.is_wanted() {
            return;
        }
        match on_error {
            OnError::StopBox => {
                tracing::error!(?task, why, "stops the box");
                fatal.send_replace(Some(format!("{task:?}: {why}")));
                return;
            }
            OnError::Restart => {
                tracing::error!(?task, why, pause_ms = pause.as_millis(), "will be started again");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.wanted() => return,
                }
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
    }
}

struct AbortOnDrop(JoinHandle<anyhow::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_failing_task_is_started_again() {
        let supervisor = Supervisor::new();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = starts.clone();
        supervisor.run(Task::InboxWorker, OnError::Restart, move |mut stop| {
            let nth = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                anyhow::ensure!(nth > 0, "first start fails");
                stop.wanted().await;
                Ok(())
            }
        });
        while starts.load(Ordering::SeqCst) < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        supervisor.stop().await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn listeners_end_before_jobs() {
        let supervisor = Supervisor::new();
        let order = Arc::new(Mutex::new(Vec::new()));
        for task in [Task::InboxWorker, Task::HttpListener] {
            let order = order.clone();
            supervisor.run(task, OnError::Restart, move |mut stop| {
                let order = order.clone();
                async move {
                    stop.wanted().await;
                    order.lock().unwrap().push(task);
                    Ok(())
                }
            });
        }
        supervisor.stop().await;
        assert_eq!(*order.lock().unwrap(), [Task::HttpListener, Task::InboxWorker]);
    }

    #[tokio::test]
    async fn a_fatal_task_reports_why() {
        let supervisor = Supervisor::new();
        supervisor.run(Task::MllpListener, OnError::StopBox, |_| async { anyhow::bail!("port taken") });
        assert!(supervisor.failed().await.contains("port taken"));
    }
}

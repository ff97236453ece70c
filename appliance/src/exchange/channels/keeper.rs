//! Keeps the sources as the documents say: starts those that are new, stops those that are gone or paused, and starts
//! again exactly those whose source changed. A source that fails is tried again; the others never notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::counts::Came;
use super::document::Source;
use super::live::{Live, Running};
use crate::app::App;
use crate::exchange::lines::News;
use crate::exchange::sources::{analyser, folder, mllp, records};
use crate::supervisor::{Halt, Stop};

/// A look without being woken.
const LOOK: Duration = Duration::from_secs(2);
/// A source that was told to stop gets this long to finish the message it is in.
const GRACE: Duration = Duration::from_secs(3);
/// First pause before a source that failed is tried again; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A source that runs.
struct Task {
    source: Source,
    live: Arc<Live>,
    halt: Halt,
    handle: JoinHandle<anyhow::Result<()>>,
}

/// A source that failed.
struct Failure {
    source: Source,
    pause: Duration,
    again: Instant,
}

#[derive(Default)]
struct Keeper {
    tasks: BTreeMap<String, Task>,
    failures: BTreeMap<String, Failure>,
    ended: Arc<Notify>,
}

/// Keeps the sources until told to stop, whenever the vault is open.
///
/// # Errors
/// Never: what fails is a channel, and the channel says why.
pub async fn run(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let mut keeper = Keeper::default();
    while !stop.is_wanted() {
        // Held only for one round, so that sealing the vault can close it.
        let channels = app.rooms().ok().map(|rooms| rooms.exchange.channels().clone());
        let there = channels.as_ref().map(|channels| channels.there()).unwrap_or_default();
        keeper.settle(&app, there).await;
        let ended = keeper.ended.clone();
        let woken = async {
            match &channels {
                Some(channels) => channels.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.wanted() => break,
            () = woken => {}
            () = ended.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    let all = std::mem::take(&mut keeper.tasks);
    end(all.into_values().collect()).await;
    Ok(())
}

impl Keeper {
    /// Closes the gap between what runs and what should.
    async fn settle(&mut self, app: &App, there: Vec<Arc<Live>>) {
        let wanted: BTreeMap<String, Arc<Live>> =
            there.into_iter().map(|live| (live.kept().document.name.clone(), live)).collect();
        let mut ending = Vec::new();
        for name in self.tasks.keys().cloned().collect::<Vec<_>>() {
            let stays = self.tasks.get(&name).is_some_and(|task| {
                let now =
                    wanted.get(&name).filter(|live| Arc::ptr_eq(live, &task.live)).map(|live| live.kept());
                now.is_some_and(|kept| kept.document.on && kept.document.source == task.source)
            });
            let finished = self.tasks.get(&name).is_some_and(|task| task.handle.is_finished());
            if (!stays || finished)
                && let Some(task) = self.tasks.remove(&name)
            {
                if finished && stays {
                    self.failed(name, task).await;
                } else {
                    ending.push(task);
                }
            }
        }
        end(ending).await;
        for (name, live) in wanted {
            let document = live.kept().document.clone();
            if !document.on {
                self.failures.remove(&name);
                live.is(Running::Paused);
            } else if !self.tasks.contains_key(&name) && self.is_due(&name, &document.source) {
                self.start(app, name, live, document.source);
            }
        }
    }

    /// Whether a source that failed is tried again now: after its pause, or because it is another one.
    fn is_due(&self, name: &str, source: &Source) -> bool {
        self.failures.get(name).is_none_or(|f| f.source != *source || f.again <= Instant::now())
    }

    fn start(&mut self, app: &App, name: String, live: Arc<Live>, source: Source) {
        let (halt, stop) = Stop::own();
        live.is(Running::Starting);
        let (app, to, of, ended) = (app.clone(), live.clone(), source.clone(), self.ended.clone());
        tracing::info!(op = "channel.start", channel = name, kind = source.kind());
        let channel = name.clone();
        #[allow(clippy::disallowed_methods)] // The keeper is the named task; it awaits each of its sources.
        let handle = tokio::spawn(async move {
            let done = run_one(of, &channel, app, to, stop).await;
            ended.notify_one();
            done
        });
        self.tasks.insert(name, Task { source, live, halt, handle });
    }

    async fn failed(&mut self, name: String, task: Task) {
        let why = match task.handle.await {
            Ok(Ok(())) => "the source ended by itself".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "the source failed inside; the log says more".to_owned(),
        };
        tracing::warn!(op = "channel.start", channel = name, outcome = "failed", why);
        task.live.is(Running::Failed(why));
        let before = self.failures.get(&name).filter(|f| f.source == task.source).map(|f| f.pause);
        let pause = before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.failures.insert(name, Failure { source: task.source, pause, again: Instant::now() + pause });
    }
}

/// Runs one source until it is told to stop.
async fn run_one(
    source: Source,
    channel: &str,
    app: App,
    live: Arc<Live>,
    mut stop: Stop,
) -> anyhow::Result<()> {
    match source {
        Source::Mllp(mllp) => mllp::run(mllp, app, live, stop).await,
        Source::Folder(folder) => folder::run(folder, app, live, stop).await,
        // The box's own listeners take its requests while the channel is on.
        Source::Http(_) => {
            live.running(None, None);
            stop.wanted().await;
            Ok(())
        }
        Source::Records(records) => records::run(records, app, live, stop).await,
        Source::Analyser(analyser) => {
            let clock = app.clock().clone();
            let door = Arc::new(move || app.rooms().ok().map(|rooms| rooms.exchange.clone()));
            let tell = Arc::new(move |news| match news {
                News::Open(address) => live.running(address, None),
                News::Trouble(what) => live.complain(what),
                News::Stored(parts) => live.counts().add(Came::Received, parts, clock.now()),
                News::Repeated(parts) => live.counts().add(Came::Repeated, parts, clock.now()),
            });
            analyser::run(*analyser, channel, door, tell, async move { stop.wanted().await }).await
        }
    }
}

/// Tells tasks to stop and waits until they have.
async fn end(tasks: Vec<Task>) {
    for task in &tasks {
        task.halt.stop();
    }
    for mut task in tasks {
        if timeout(GRACE, &mut task.handle).await.is_err() {
            task.handle.abort();
            let _ = task.handle.await;
        }
    }
}

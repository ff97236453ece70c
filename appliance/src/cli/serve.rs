//! `clinicvault serve`: the box itself, from its first socket to its ordered stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use clinicvault_vault::{Health, is_initialised};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::place::{self, Place};
use super::say;
use crate::admin::{people, socket};
use crate::app::{App, Rescue, Slot};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::consult;
use crate::exchange::channels::{alerts, counts, keeper};
use crate::exchange::{mllp, outbox, replay, worker};
use crate::http::connections::Connections;
use crate::http::fhir::later::Within;
use crate::http::server::{self, Service};
use crate::jobs;
use crate::lan::tls;
use crate::manager::{self, Ports};
use crate::records::renewal;
use crate::starts::{self, Moment, Starts, Trouble};
use crate::supervisor::{OnError, Stop, Task};
use crate::{http, pulse, scribe, subscriptions, telemetry};

/// How often the vault's health is looked at.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked at whether the box has settled.
const SETTLES_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address and port for the clinic's network (HTTPS); port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Address and port for plain HTTP: the application for this machine, the install page for others
    #[arg(long, value_name = "LOOPBACK:PORT")]
    http: Option<SocketAddr>,
    /// Address and port for HL7 v2 over MLLP: plain on loopback, TLS otherwise
    #[arg(long, value_name = "ADDR:PORT")]
    mllp: Option<SocketAddr>,
}

/// Runs the box until it is told to stop (SIGTERM, SIGINT) or can no longer do its work.
pub fn run(command: &Serve) -> anyhow::Result<()> {
    let mut config = command.place.settings()?;
    let listen = &mut config.listen;
    listen.https = command.listen.unwrap_or(listen.https);
    listen.http = command.http.unwrap_or(listen.http);
    listen.mllp = command.mllp.unwrap_or(listen.mllp);
    telemetry::start(&config.log.level).map_err(anyhow::Error::msg)?;
    let connections = limit_connections(config.limits.connections);
    make_folder(&config.storage.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(serve(command, config, connections));
    // Threads that still wait for a peer end with the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    done
}

async fn serve(command: &Serve, config: Config, connections: usize) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let clock = Arc::new(SystemClock);
    let initialised = is_initialised(&config.storage.data);
    if !initialised && command.place.unlock.is_some() {
        bail!("there is no vault in {} to unlock yet", config.storage.data.display());
    }
    if socket::ask(&config.storage.data, &socket::Request::Status).is_ok_and(|answer| answer.is_some()) {
        bail!(
            "a box already runs on {}; stop it first, or use another --data",
            config.storage.data.display()
        );
    }
    let data = config.storage.data.clone();
    let trouble = if initialised { begins(&data, &*clock) } else { None };
    let done = work(command, config, connections, trouble, (&mut terminate, &mut interrupt)).await;
    match &done {
        Ok(()) => Starts::read(&data).well(),
        Err(error) => Starts::read(&data).failed(&format!("{error:#}")),
    }
    done
}

/// Notes that the vault's box starts, unless a service manager has started it too often in vain.
fn begins(data: &Path, clock: &dyn Clock) -> Option<Trouble> {
    let (mut starts, now) = (Starts::read(data), Moment::at(clock.now()));
    let trouble = starts.trouble(now).filter(|_| manager::is_there());
    if trouble.is_none() {
        starts.begins(now);
    }
    trouble
}

async fn work(
    command: &Serve,
    config: Config,
    connections: usize,
    trouble: Option<Trouble>,
    (terminate, interrupt): (&mut Signal, &mut Signal),
) -> anyhow::Result<()> {
    let clock = Arc::new(SystemClock);
    let initialised = is_initialised(&config.storage.data);
    let mut key = if initialised { command.place.key(&config)? } else { None };
    consult::room::check(&config.calls).map_err(anyhow::Error::msg)?;
    let slot = match trouble {
        Some(trouble) => Slot::Rescue(Arc::new(Rescue::new(trouble, key.take()))),
        None if initialised => Slot::Sealed,
        None => Slot::Setup,
    };
    let app = App::new(config, clock.clone(), slot)?;
    if let Some(key) = key {
        let (opening, told) = (app.clone(), Arc::new(told));
        let vault =
            tokio::task::spawn_blocking(move || place::open(opening.config(), &key, Some(told), clock));
        // Checking a large vault after a crash takes a while; whoever stops the box does not have to wait for it.
        let vault = tokio::select! {
            vault = vault => vault??,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        app.enter(vault)?;
    }
    let bound = Bound::all(app.config(), &mut Ports::handed_over()).await?;
    app.bound(bound.https.local_addr()?.port(), bound.http.local_addr()?.port());
    let control = Arc::new(socket::listen(app.data()).with_context(|| {
        format!("cannot make the control socket in {}; is the folder writable?", app.data().display())
    })?);
    start(&app, &bound, control, connections);
    for (what, listener) in [("https", &bound.https), ("http", &bound.http), ("mllp", &bound.mllp)] {
        say(format_args!("listening {what} {}", listener.local_addr()?));
    }
    introduce(&app, bound.http.local_addr()?)?;
    say("ready");
    manager::ready(&match app.slot() {
        Slot::Setup => "waits to be set up".to_owned(),
        Slot::Sealed => "sealed: unlock it in the browser".to_owned(),
        Slot::Open(_) => "at work".to_owned(),
        Slot::Rescue(rescue) => rescue.sentence(),
    });
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        why = app.supervisor().failed() => Some(why),
    };
    manager::stopping();
    stop(&app).await?;
    match failure {
        None => Ok(()),
        Some(why) => bail!("{why}"),
    }
}

/// What a person at the box needs to know before anything else.
fn introduce(app: &App, http: SocketAddr) -> anyhow::Result<()> {
    // This machine's own name, where the port is open on every address.
    let http = match http {
        any if any.ip().is_unspecified() => format!("localhost:{}", any.port()),
        one => one.to_string(),
    };
    match app.slot() {
        Slot::Setup => {
            let code = app.gate().setup_code()?;
            say(format_args!(
                "to set the box up, open http://{http}/ and enter the setup code {}",
                code.as_str()
            ));
        }
        Slot::Sealed => say(format_args!("the vault is sealed; unlock it at http://{http}/")),
        Slot::Rescue(rescue) => say(format_args!("{}; see http://{http}/", rescue.sentence())),
        Slot::Open(_) => {}
    }
    Ok(())
}

struct Bound {
    https: Arc<TcpListener>,
    http: Arc<TcpListener>,
    mllp: Arc<TcpListener>,
}

impl Bound {
    /// The ports: handed over by the service manager under the names `https`, `http` and `mllp`, else opened here.
    async fn all(config: &Config, given: &mut Ports) -> anyhow::Result<Self> {
        let listen = &config.listen;
        Ok(Self {
            https: bind(given.take("https"), listen.https, "--listen").await?,
            http: bind(given.take("http"), listen.http, "--http").await?,
            mllp: bind(given.take("mllp"), listen.mllp, "--mllp").await?,
        })
    }
}

async fn bind(
    given: Option<std::net::TcpListener>,
    address: SocketAddr,
    option: &str,
) -> anyhow::Result<Arc<TcpListener>> {
    if let Some(given) = given {
        given.set_nonblocking(true)?;
        return Ok(Arc::new(TcpListener::from_std(given)?));
    }
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with {option}"))?;
    Ok(Arc::new(listener))
}

fn start(app: &App, bound: &Bound, control: Arc<tokio::net::UnixListener>, connections: usize) {
    let supervisor = app.supervisor();
    let service = Service {
        whole: http::router(app.clone()),
        install: http::install_router(app.clone()),
        connections: Connections::new(connections),
        header_time: Duration::from_secs(app.config().limits.header_seconds),
    };
    let (own, listener, with) = (app.clone(), bound.https.clone(), service.clone());
    supervisor.run(Task::HttpsListener, OnError::Restart, move |stop| {
        let app = own.clone();
        // Browsers with certificates of their own may ask people for one, so nobody is asked without need.
        let config = move || match app.rooms().is_ok_and(|rooms| rooms.exchange.channels().ask_certificates())
        {
            true => app.tls().https_asking(),
            false => app.tls().https(),
        };
        server::https(listener.clone(), config, with.clone(), stop)
    });
    let (listener, with) = (bound.http.clone(), service.clone());
    supervisor.run(Task::HttpListener, OnError::Restart, move |stop| {
        server::http(listener.clone(), with.clone(), stop)
    });
    let (own, listener) = (app.clone(), bound.mllp.clone());
    supervisor.run(Task::MllpListener, OnError::Restart, move |stop| {
        let tls = own.tls().clone();
        mllp::serve(own.clone(), listener.clone(), move || tls.mllp(), stop)
    });
    let own = app.clone();
    supervisor.run(Task::Channels, OnError::Restart, move |stop| keeper::run(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::ChannelCounts, OnError::Restart, move |stop| counts::keep(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::ChannelAlerts, OnError::Restart, move |stop| alerts::keep(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::Replays, OnError::Restart, move |stop| replay::carry::run(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::InboxWorker, OnError::Restart, move |stop| worker::run(own.clone(), stop));
    let (own, carrier) = (app.clone(), Arc::new(Within::new(app.clone(), service.whole.clone())));
    supervisor.run(Task::JobWorker, OnError::Restart, move |stop| {
        jobs::worker::run(own.clone(), carrier.clone(), stop)
    });
    let own = app.clone();
    supervisor.run(Task::Subscriptions, OnError::Restart, move |stop| {
        subscriptions::worker::run(own.clone(), stop)
    });
    let own = app.clone();
    supervisor.run(Task::Outbox, OnError::Restart, move |stop| outbox::worker::run(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::IndexRenewal, OnError::Restart, move |stop| renewal::run(own.clone(), stop));
    let own = app.clone();
    supervisor
        .run(Task::Consultations, OnError::Restart, move |stop| consult::clock::keep(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::Rooms, OnError::Restart, move |stop| consult::room::keep(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::Transcripts, OnError::Restart, move |stop| scribe::last::run(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::SessionSweeper, OnError::Restart, move |stop| people::keep_swept(own.clone(), stop));
    let own = app.clone();
    supervisor
        .run(Task::CertificateRenewal, OnError::Restart, move |stop| tls::keep_renewed(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::ControlSocket, OnError::Restart, move |stop| {
        socket::serve(own.clone(), control.clone(), stop)
    });
    let own = app.clone();
    supervisor.run(Task::Pulse, OnError::Restart, move |stop| pulse::keep(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::Settled, OnError::Restart, move |stop| settle(own.clone(), stop));
    let own = app.clone();
    supervisor.run(Task::VaultWatch, OnError::StopBox, move |stop| watch(own.clone(), stop));
}

/// A vault that has latched answers nothing any more: the box ends, so that whoever started it starts it anew.
async fn watch(app: App, mut stop: Stop) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(HEALTH_EVERY) => {}
        }
        if let Ok(rooms) = app.rooms()
            && let Health::Latched(fault) = rooms.records.vault().health()
        {
            bail!("the vault has stopped: {fault}");
        }
    }
}

/// A box that has worked for a while has started well, whatever comes later.
async fn settle(app: App, mut stop: Stop) -> anyhow::Result<()> {
    let mut worked = Duration::ZERO;
    while worked < starts::SETTLED {
        tokio::select! {
            () = stop.wanted() => return Ok(()),
            () = tokio::time::sleep(SETTLES_EVERY) => {}
        }
        worked = if let Slot::Rescue(_) = app.slot() { Duration::ZERO } else { worked + SETTLES_EVERY };
    }
    Starts::read(app.data()).well();
    stop.wanted().await;
    Ok(())
}

async fn stop(app: &App) -> anyhow::Result<()> {
    app.supervisor().stop().await;
    let Ok(rooms) = app.rooms() else { return Ok(()) };
    if let Err(error) = rooms.people.close().await {
        tracing::warn!(%error, "the last use of some sessions was not kept");
    }
    app.seal();
    tokio::task::spawn_blocking(move || rooms.records.vault().close())
        .await?
        .context("the vault did not close")
}

fn told(part: f64) {
    let percent = (part * 100.0).round();
    tracing::info!(percent, "checking the vault after an unclean stop");
    manager::starting(&format!("checking the vault after an unclean stop: {percent} %"));
}

/// The data folder is for the box's own user only.
fn make_folder(data: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make the data folder {}", data.display()))
}

/// Lets the process have as many open files as it may, and keeps connections below that.
fn limit_connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Files besides HTTP connections: the vault, MLLP connections, listeners.
    const OTHERS: u64 = 256;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let room = now.map_or(u64::MAX, |files| files.saturating_sub(OTHERS).max(files / 4));
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

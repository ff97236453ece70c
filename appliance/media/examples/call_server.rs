//! A box that can do calls and nothing else, for the browser walks: a page, a WebSocket, and wires to cut.
//!
//! `call_server [--ip ADDRESS] [--listen ADDRESS:PORT] [--turn URL --secret SECRET] [--wire]` prints
//! `ready ADDRESS:PORT`. The page takes `?policy=relay&video=0`. With `--wire` every packet between browsers and box
//! passes a wire of this program, which `POST /cut` and `POST /mend` cut and mend. `GET /heard/N` is what the tap of
//! participant N has heard: samples of 16 bits, 16 kHz, from the first one on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unused_async
)]

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use clinicvault_media::audio::Sound;
use clinicvault_media::call::{Call, Joined, Joining};
use clinicvault_media::ice::Servers;
use clinicvault_media::peer::{Config, VideoCodec, WebRtc};
use clinicvault_media::room::{Limits, Wants};
use clinicvault_media::signal::{FromPeer, ToPeer};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

#[derive(Clone)]
struct App {
    call: Call,
    servers: Servers,
    heard: Arc<Mutex<BTreeMap<u32, Vec<i16>>>>,
    wires: Option<Arc<Wires>>,
}

/// Sockets in between, one for each of the box's.
struct Wires {
    cut: AtomicBool,
    of: tokio::sync::Mutex<HashMap<SocketAddr, SocketAddr>>,
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let value = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let ip: IpAddr = value("--ip").unwrap_or("127.0.0.1".into()).parse().expect("an address");
    let turn: Vec<String> = value("--turn").into_iter().collect();
    let servers = Servers::new(vec![], turn, &value("--secret").unwrap_or_default()).expect("settings");
    let config = Config { addresses: vec![ip], ports: None, video: VideoCodec::Vp8, servers: vec![] };
    let (call, drive) = Call::new(Arc::new(WebRtc::new(config).expect("settings")), Limits::default());
    tokio::spawn(drive);
    let wires = args
        .iter()
        .any(|a| a == "--wire")
        .then(|| Arc::new(Wires { cut: AtomicBool::new(false), of: tokio::sync::Mutex::default() }));
    let app = App { call, servers, heard: Arc::default(), wires };
    let routes = Router::new()
        .route("/", get(|| async { Html(include_str!("call.html")) }))
        .route("/ws", get(socket))
        .route("/heard/{who}", get(heard))
        .route("/meters", get(|State(app): State<App>| async move { axum::Json(app.call.meters().await) }))
        .route("/cut", post(|State(app): State<App>| async move { app.cut(true) }))
        .route("/mend", post(|State(app): State<App>| async move { app.cut(false) }))
        .with_state(app);
    let listen = value("--listen").unwrap_or(format!("{ip}:0"));
    let listener = tokio::net::TcpListener::bind(listen).await.expect("a free port");
    println!("ready {}", listener.local_addr().expect("an address"));
    axum::serve(listener, routes).await.expect("to serve");
}

impl App {
    fn cut(&self, cut: bool) {
        if let Some(wires) = &self.wires {
            wires.cut.store(cut, Ordering::Relaxed);
        }
    }
}

async fn heard(State(app): State<App>, Path(who): Path<u32>) -> Vec<u8> {
    let heard = app.heard.lock().unwrap();
    heard.get(&who).into_iter().flatten().flat_map(|s| s.to_le_bytes()).collect()
}

async fn socket(
    upgrade: WebSocketUpgrade,
    State(app): State<App>,
    Query(query): Query<HashMap<String, String>>,
) -> impl IntoResponse {
    upgrade.on_upgrade(move |mut socket| async move {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let wants = Wants { video: query.get("video").is_none_or(|v| v != "0") };
        let ice_servers = app.servers.for_participant("walk", now, 600);
        match app.call.join(Joining { wants, ice_servers }).await {
            Ok(joined) => serve(app, joined, socket).await,
            Err(refusal) => {
                let _ = socket.send(Message::Text(refused(&refusal.to_string()).into())).await;
            }
        }
    })
}

fn refused(why: &str) -> String {
    serde_json::json!({ "type": "refused", "why": why }).to_string()
}

async fn serve(app: App, mut joined: Joined, mut socket: WebSocket) {
    let id = joined.id;
    let (to, mut sounds) = mpsc::channel::<Sound>(256);
    app.call.tap(id, Some(to)).await.expect("he is in");
    let heard = app.heard.clone();
    tokio::spawn(async move {
        while let Some(sound) = sounds.recv().await {
            heard.lock().unwrap().entry(id.0).or_default().extend(sound.samples);
        }
    });
    loop {
        tokio::select! {
            said = joined.outbox.recv() => {
                let Some(said) = said else { break };
                let said = app.over_wires(said).await;
                if socket.send(Message::Text(serde_json::to_string(&said).unwrap().into())).await.is_err() { break }
            }
            message = socket.recv() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    _ => break,
                };
                let answer = match serde_json::from_str::<FromPeer>(&text) {
                    // With wires the box must not learn a way around them.
                    Ok(FromPeer::Candidate { .. }) if app.wires.is_some() => Ok(()),
                    Ok(FromPeer::Answer { n, sdp }) if app.wires.is_some() => {
                        let sdp = sdp.lines().filter(|l| !l.starts_with("a=candidate")).fold(String::new(), |s, l| s + l + "\r\n");
                        app.call.hear(id, FromPeer::Answer { n, sdp }).await
                    }
                    Ok(said) => app.call.hear(id, said).await,
                    Err(error) => {
                        let _ = socket.send(Message::Text(refused(&error.to_string()).into())).await;
                        continue;
                    }
                };
                if let Err(refusal) = answer {
                    let _ = socket.send(Message::Text(refused(&refusal.to_string()).into())).await;
                }
            }
        }
    }
    app.call.leave(id).await;
}

impl App {
    /// Puts the wire's address in place of the box's.
    async fn over_wires(&self, said: ToPeer) -> ToPeer {
        let Some(wires) = &self.wires else { return said };
        match said {
            ToPeer::Offer { n, sdp } => {
                let mut out = String::new();
                for line in sdp.lines() {
                    let line = match line.strip_prefix("a=") {
                        Some(rest) if rest.starts_with("candidate:") => {
                            format!("a={}", wires.line(rest).await)
                        }
                        _ => line.to_owned(),
                    };
                    out += &(line + "\r\n");
                }
                ToPeer::Offer { n, sdp: out }
            }
            ToPeer::Candidate { mut candidate } => {
                candidate.candidate = wires.line(&candidate.candidate).await;
                ToPeer::Candidate { candidate }
            }
            other => other,
        }
    }
}

impl Wires {
    async fn line(self: &Arc<Wires>, line: &str) -> String {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let Some(Ok(address)) =
            words.get(4).zip(words.get(5)).map(|(ip, port)| format!("{ip}:{port}").parse())
        else {
            return line.to_owned();
        };
        let wire = self.wire(address).await;
        words[4] = wire.ip().to_string();
        words[5] = wire.port().to_string();
        words.join(" ")
    }

    async fn wire(self: &Arc<Wires>, to: SocketAddr) -> SocketAddr {
        let mut of = self.of.lock().await;
        if let Some(wire) = of.get(&to) {
            return *wire;
        }
        let near = Arc::new(UdpSocket::bind((to.ip(), 0)).await.expect("a port"));
        let address = near.local_addr().expect("an address");
        of.insert(to, address);
        tokio::spawn(Arc::clone(self).carry(near, to));
        address
    }

    /// Each browser socket that sends here gets a socket of its own towards the box.
    async fn carry(self: Arc<Wires>, near: Arc<UdpSocket>, to: SocketAddr) {
        let mut far: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut bytes = vec![0u8; 2048];
        while let Ok((length, from)) = near.recv_from(&mut bytes).await {
            if let Entry::Vacant(place) = far.entry(from) {
                let socket = Arc::new(UdpSocket::bind((to.ip(), 0)).await.expect("a port"));
                socket.connect(to).await.expect("an address");
                place.insert(Arc::clone(&socket));
                let (near, wires) = (Arc::clone(&near), Arc::clone(&self));
                tokio::spawn(async move {
                    let mut bytes = vec![0u8; 2048];
                    loop {
                        // A box that closed its socket answers with an error; the next packet may do better.
                        let Ok(length) = socket.recv(&mut bytes).await else { continue };
                        if !wires.cut.load(Ordering::Relaxed) {
                            let _ = near.send_to(&bytes[..length], from).await;
                        }
                    }
                });
            }
            if !self.cut.load(Ordering::Relaxed) {
                let _ = far[&from].send(&bytes[..length]).await;
            }
        }
    }
}

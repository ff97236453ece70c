//! The media engine on `webrtc` (one connection and one UDP socket for each participant and address).
//!
//! Every setting here that differs from the library's own was found necessary in running calls; decision 0193 tells why.

mod feedback;
mod handler;
mod leg;
mod setup;

use crate::Error;
use crate::engine::{Media, MediaPeer, PeerId, PeerSink};
use crate::ice::IceServer;
use async_trait::async_trait;
use handler::{Handler, Shared};
use leg::Leg;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler};

/// Which video codec calls use. One for all, so that nothing has to be re-encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoCodec {
    /// Every browser has it.
    #[default]
    Vp8,
    /// Constrained baseline 3.1, which phones encode in hardware.
    H264,
}

/// How the box takes part in calls.
#[derive(Clone, Debug)]
pub struct Config {
    /// The box's own addresses that browsers can reach, named one by one. `0.0.0.0` stands for every interface but
    /// loopback.
    pub addresses: Vec<IpAddr>,
    /// UDP ports to use, as opened in the firewall; every connection takes one. None: any free port.
    pub ports: Option<RangeInclusive<u16>>,
    /// The codec of pictures.
    pub video: VideoCodec,
    /// Servers that help the box itself to be reached. Mostly empty: browsers reach the box, or bring a relay.
    pub servers: Vec<IceServer>,
}

/// Opens connections on `webrtc`.
pub struct WebRtc {
    config: Config,
    /// Where the search for a free port begins: behind the one found last.
    cursor: AtomicU32,
}

impl WebRtc {
    /// With these settings. Refused when no address is named or the range of ports is empty.
    pub fn new(config: Config) -> Result<WebRtc, Error> {
        if config.addresses.is_empty() {
            return Err(Error::Setting(
                "calls need an address of the box: name one that browsers can reach".into(),
            ));
        }
        if config.ports.as_ref().is_some_and(|range| range.is_empty() || *range.start() == 0) {
            return Err(Error::Setting(
                "the range of UDP ports is empty: write first and last, as 40000-40100".into(),
            ));
        }
        Ok(WebRtc { config, cursor: AtomicU32::new(0) })
    }

    /// Ports in the order they are tried.
    fn ports(&self) -> impl Iterator<Item = u16> + use<> {
        let (first, many) = match &self.config.ports {
            Some(range) => (*range.start(), u32::from(range.end() - range.start()) + 1),
            None => (0, 1),
        };
        let start = self.cursor.fetch_add(1, Ordering::Relaxed) % many;
        (0..many).filter_map(move |i| u16::try_from((start + i) % many).ok().map(|offset| first + offset))
    }

    fn sockets(&self, port: u16) -> Vec<SocketAddr> {
        self.config.addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
    }

    fn no_port(&self) -> Error {
        let addresses: Vec<String> = self.config.addresses.iter().map(ToString::to_string).collect();
        let ports = self.config.ports.as_ref().map_or("any".into(), |r| format!("{}-{}", r.start(), r.end()));
        Error::NoPort { addresses: addresses.join(", "), ports }
    }

    async fn build(&self, handler: &Arc<Handler>) -> Result<Arc<dyn PeerConnection>, Error> {
        for port in self.ports() {
            let sockets = self.sockets(port);
            // Tried first, because a failed build costs a key pair; another may still be faster.
            if port != 0 && sockets.iter().any(|address| UdpSocket::bind(address).is_err()) {
                continue;
            }
            let (media, interceptors) = setup::media(self.config.video)?;
            let built = PeerConnectionBuilder::new()
                .with_configuration(setup::configuration(&self.config.servers))
                .with_media_engine(media)
                .with_setting_engine(setup::settings())
                .with_interceptor_registry(interceptors)
                .with_handler(Arc::clone(handler) as Arc<dyn PeerConnectionEventHandler>)
                .with_udp_addrs(sockets)
                .build()
                .await;
            match built {
                Ok(connection) => return Ok(Arc::new(connection)),
                Err(error) if port == 0 => return Err(engine(error)),
                Err(error) => tracing::debug!(op = "media.port", port, %error, "port not usable"),
            }
        }
        Err(self.no_port())
    }
}

#[async_trait]
impl Media for WebRtc {
    async fn open(&self, id: PeerId, sink: Arc<dyn PeerSink>) -> Result<Arc<dyn MediaPeer>, Error> {
        let shared = Arc::new(Shared::new(sink));
        let handler = Arc::new(Handler::new(Arc::clone(&shared)));
        let connection = self.build(&handler).await?;
        Ok(Arc::new(Leg::start(id, connection, shared, setup::codecs(self.config.video)).await?))
    }
}

fn engine(error: impl std::fmt::Display) -> Error {
    Error::Engine(error.to_string())
}

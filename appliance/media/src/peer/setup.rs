//! Codecs, interceptors and settings of every connection.

use super::feedback::Feedback;
use super::{VideoCodec, engine};
use crate::Error;
use crate::ice::IceServer;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::Slot;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8};
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use std::time::Duration;
use webrtc::peer_connection::{
    MediaEngine, RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, Registry, SettingEngine,
    SettingEngineBuilder, register_default_interceptors,
};

/// The codecs of a call, the same on every leg: their payload types stand in each forwarded packet.
#[derive(Clone, Debug)]
pub(super) struct Codecs {
    pub audio: RTCRtpCodecParameters,
    pub video: RTCRtpCodecParameters,
}

pub(super) fn codecs(video: VideoCodec) -> Codecs {
    let (mime, payload_type, fmtp) = match video {
        VideoCodec::Vp8 => (MIME_TYPE_VP8, 96, ""),
        VideoCodec::H264 => {
            (MIME_TYPE_H264, 102, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
        }
    };
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    Codecs {
        audio: RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: MIME_TYPE_OPUS.to_owned(),
                clock_rate: 48_000,
                channels: 2,
                sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
                rtcp_feedback: vec![],
            },
            payload_type: 111,
        },
        video: RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: mime.to_owned(),
                clock_rate: 90_000,
                channels: 0,
                sdp_fmtp_line: fmtp.to_owned(),
                rtcp_feedback: vec![feedback("ccm", "fir"), feedback("nack", ""), feedback("nack", "pli")],
            },
            payload_type,
        },
    }
}

/// Opus and one video codec, without RTX: the library unwraps RTX behind its detector of losses, which then asks for
/// what has arrived for ever.
pub(super) fn media(video: VideoCodec) -> Result<(MediaEngine, Registry), Error> {
    let mut media = MediaEngine::default();
    let codecs = codecs(video);
    media.register_codec(codecs.audio, RtpCodecKind::Audio).map_err(engine)?;
    media.register_codec(codecs.video, RtpCodecKind::Video).map_err(engine)?;
    let registry = register_default_interceptors(Registry::new(), &mut media).map_err(engine)?;
    // Nearest to the application: what it marks has been seen by all others.
    Ok((media, registry.with(Slot::from(14_000), Feedback::default())))
}

/// Nomination without waiting: otherwise a browser whose check arrives before its address waits a second, and its DTLS
/// hello is lost meanwhile.
pub(super) fn settings() -> SettingEngine {
    let at_once = Some(Duration::ZERO);
    SettingEngineBuilder::new()
        .with_host_acceptance_min_wait(at_once)
        .with_srflx_acceptance_min_wait(at_once)
        .with_prflx_acceptance_min_wait(at_once)
        .with_relay_acceptance_min_wait(at_once)
        // No socket on the multicast port: hidden addresses are learnt from the browser's own check, and a box
        // without a multicast route can hold calls.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .build()
}

pub(super) fn configuration(servers: &[IceServer]) -> RTCConfiguration {
    let servers = servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone().unwrap_or_default(),
        credential: server.credential.clone().unwrap_or_default(),
    });
    RTCConfigurationBuilder::new().with_ice_servers(servers.collect()).build()
}

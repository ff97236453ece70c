//! The tap: somebody's speech as 16 kHz mono samples with times of the call, for a transcriber.
//!
//! Packets are put in order ([`order`]), decoded with gaps concealed or silent ([`speech`]), and given times of the
//! call ([`timeline`]). The three are pure; [`tap`] drives them.

pub mod order;
pub mod speech;
pub mod timeline;

use crate::forward::Heard;
use order::Order;
use speech::Speech;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Samples a second of decoded speech.
pub const RATE: u32 = 16_000;

/// Some decoded speech.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// When its first sample was spoken, since the call began.
    pub at: Duration,
    /// 16 kHz mono.
    pub samples: Vec<i16>,
}

/// Decodes what comes until nothing comes any more or nobody listens. What finds no room is dropped: the times of what
/// follows say so.
pub async fn tap(mut heard: mpsc::Receiver<Heard>, to: mpsc::Sender<Sound>) {
    let mut speech = match Speech::new() {
        Ok(speech) => speech,
        Err(error) => {
            tracing::error!(op = "media.tap", %error, "no decoder");
            return;
        }
    };
    let mut order = Order::default();
    let began = Instant::now();
    loop {
        let wake = order.wake().map(|at| began + at);
        tokio::select! {
            next = heard.recv() => match next {
                Some(next) => order.push(next, began.elapsed()),
                None => return,
            },
            () = at(wake), if wake.is_some() => {}
            () = to.closed() => return,
        }
        while let Some(next) = order.pop(began.elapsed()) {
            for sound in speech.hear(&next) {
                let _ = to.try_send(sound);
            }
        }
    }
}

async fn at(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

//! Lines over a serial port, real or of a USB converter: opened raw, with the speed and the frame that the analyser's
//! manual states.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::{Mode, OFlags};
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr,
};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use utoipa::ToSchema;

use super::tcp::{FIRST_PAUSE, LONGEST_PAUSE, speak};
use super::{Lines, News, Peer};

/// The check bit of each character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Parity {
    /// No check bit.
    #[default]
    None,
    /// An even number of ones.
    Even,
    /// An odd number of ones.
    Odd,
}

/// Who holds back whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Flow {
    /// Nobody.
    #[default]
    None,
    /// The wires RTS and CTS.
    Hardware,
    /// The characters XON and XOFF.
    Software,
}

/// How a port is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Bits per second.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// The check bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// Flow control.
    pub flow: Flow,
}

/// Keeps a port open and speaks over it until `stop`. A converter that is pulled out is looked for again.
pub async fn serve(device: &Path, setting: &Setting, lines: Lines, stop: impl Future<Output = ()> + Send) {
    let keep = async {
        let mut pause = FIRST_PAUSE;
        loop {
            match Port::open(device, setting) {
                Ok(port) => {
                    pause = FIRST_PAUSE;
                    (lines.tell)(News::Open(None));
                    let name = device.display().to_string();
                    speak(port, &lines, Peer { wire: "serial", name }).await;
                    lines.trouble(format!("{} is gone; it is opened again.", device.display()));
                }
                Err(error) => lines.trouble(refused(device, &error)),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    };
    tokio::select! {
        () = keep => {}
        () = stop => {}
    }
}

/// Why a port cannot be opened, and what helps.
fn refused(device: &Path, error: &io::Error) -> String {
    let device = device.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "Cannot open {device}: permission denied; add the user of the box to the group of the port (dialout)."
            )
        }
        io::ErrorKind::NotFound => {
            format!("There is no {device}: plug in the converter, or name another port.")
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error()) => {
            format!("{device} is no serial port; name another one.")
        }
        _ => format!("Cannot open {device} with these settings: {error}."),
    }
}

/// An open port.
pub struct Port(AsyncFd<OwnedFd>);

impl Port {
    /// Opens and sets a port; what had come before is thrown away. Needs the runtime.
    ///
    /// # Errors
    /// When it cannot be opened, is no serial port, or cannot be set so.
    pub fn open(device: &Path, setting: &Setting) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(device, flags, Mode::empty())?;
        let mut modes = tcgetattr(&fd)?;
        modes.make_raw();
        let control = &mut modes.control_modes;
        control.remove(
            ControlModes::CSIZE
                | ControlModes::CSTOPB
                | ControlModes::PARENB
                | ControlModes::PARODD
                | ControlModes::CRTSCTS,
        );
        control.insert(ControlModes::CLOCAL | ControlModes::CREAD);
        control.insert(if setting.data_bits == 7 { ControlModes::CS7 } else { ControlModes::CS8 });
        control.set(ControlModes::CSTOPB, setting.stop_bits == 2);
        control.set(ControlModes::PARENB, setting.parity != Parity::None);
        control.set(ControlModes::PARODD, setting.parity == Parity::Odd);
        control.set(ControlModes::CRTSCTS, setting.flow == Flow::Hardware);
        // A character whose check bit is wrong reads as NUL, and the checksum of its frame does not hold.
        modes.input_modes.set(InputModes::INPCK, setting.parity != Parity::None);
        modes.input_modes.set(InputModes::IXON | InputModes::IXOFF, setting.flow == Flow::Software);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        modes.set_speed(setting.baud)?;
        tcsetattr(&fd, OptionalActions::Now, &modes)?;
        tcflush(&fd, QueueSelector::IOFlush)?;
        Self::of(fd)
    }

    /// Reads and writes a descriptor that does not block.
    pub(super) fn of(fd: OwnedFd) -> io::Result<Self> {
        // Deprecated because of types that close or change their descriptor while it is registered; an `OwnedFd` that
        // nobody else holds does neither.
        #[allow(deprecated)]
        let registered = AsyncFd::new(fd)?;
        Ok(Self(registered))
    }
}

impl AsyncRead for Port {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
            let room = buffer.initialize_unfilled();
            match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), room)?)) {
                Ok(Ok(n)) => {
                    buffer.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
    }
}

impl AsyncWrite for Port {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(cx))?;
            match ready.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(done) => return Poll::Ready(done),
                Err(_) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

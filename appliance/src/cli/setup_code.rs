//! `clinicvault setup-code`: where a new box is reached, and the code with which it is set up.

use anyhow::bail;
use clap::Args;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::place::Place;
use super::{reach, say};
use crate::admin::socket::{Answer, Request};

#[derive(Debug, Args)]
pub struct SetupCode {
    #[command(flatten)]
    place: Place,
    /// No QR code
    #[arg(long)]
    plain: bool,
}

/// Prints addresses, fingerprint and code of the box that waits to be set up.
pub fn run(command: &SetupCode) -> anyhow::Result<()> {
    let config = command.place.settings()?;
    let data = config.storage.data.display();
    match reach::ask_running(&config, &Request::SetupCode)? {
        Some(Answer::SetupCode { code, addresses, install, fingerprint }) => {
            say("This box waits to be set up. On a phone or computer of the clinic's network open");
            for address in &addresses {
                say(format_args!("    {address}"));
            }
            say(format_args!("and enter the setup code\n    {code}"));
            say(format_args!(
                "The browser warns once. The certificate that it shows begins with\n    {fingerprint}"
            ));
            if let Some(install) = install {
                say(format_args!("Later each device learns to trust the box at {install}"));
            }
            if let (false, Some(address)) = (command.plain, addresses.first()) {
                let code = QrCode::with_error_correction_level(format!("{address}#code={code}"), EcLevel::M)?;
                say(code.render::<Dense1x2>().quiet_zone(true).build());
            }
            Ok(())
        }
        Some(Answer::Refused { message }) => bail!("{message}"),
        Some(other) => bail!("the box answered something else: {other:?}"),
        None => bail!("no box runs on {data}; start it with: clinicvault serve --data {data}"),
    }
}

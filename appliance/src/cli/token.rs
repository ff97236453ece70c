//! `clinicvault token`: a bearer token for a machine client.

use anyhow::bail;
use clap::Args;

use super::place::Place;
use super::{note, reach, say};
use crate::admin::socket::{Answer, Request};

#[derive(Debug, Args)]
pub struct Token {
    #[command(flatten)]
    place: Place,
    /// What the token may do: SMART scopes such as "system/*.cruds" or "system/Patient.rs system/Observation.c"
    #[arg(long, value_name = "SCOPE")]
    scope: String,
    /// Name shown in the list of tokens
    #[arg(long, value_name = "NAME", default_value = "machine")]
    name: String,
    /// How long it is good for: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
    ttl: i64,
}

/// Makes the token and prints it, alone on its line.
pub fn run(command: &Token) -> anyhow::Result<()> {
    let request =
        Request::Token { name: command.name.clone(), scope: command.scope.clone(), ttl_seconds: command.ttl };
    match reach::ask(&command.place, request)? {
        Answer::Token { token, id, expires } => {
            note(format_args!("token {id}, good until {expires}; it is shown only now"));
            say(token);
            Ok(())
        }
        other => bail!("the box answered something else: {other:?}"),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "write a number with s, m, h or d, such as 90m or 24h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, expected) in [
            ("24h", Some(86_400)),
            ("90m", Some(5_400)),
            ("1d", Some(86_400)),
            ("5s", Some(5)),
            ("5", None),
            ("h", None),
            ("-1h", None),
            ("0s", None),
            ("", None),
            ("1w", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
    }
}

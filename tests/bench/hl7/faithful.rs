//! How much of a message is still there after it was read and written again, and how far the reading agrees with other
//! makers' converters: for each type of message. The gateway's own tests measure it; what they print is taken over.
//!
//! The published samples lie beside the checkout or not at all; without them the round trip is that of the tests' own
//! messages, and there is nothing to agree with.

use std::process::Command;

use crate::table::Aim::AtLeast;
use crate::table::Table;

/// Of the fields of each type so many come back, per cent; the tests hold it.
const KEPT: f64 = 98.0;
/// Of the fields of all types.
const KEPT_OF_ALL: f64 = 99.0;

/// Runs the measuring tests and takes their figures.
pub fn all(table: &mut Table) {
    let published = printed("emit::tests::published_messages_keep_their_fields");
    let there =
        published.lines().any(|line| line.starts_with("round trip ") && !line.contains(" of published"));
    let text = match there {
        true => published,
        false => printed("emit::tests::a_message_written_from_its_records_says_the_same"),
    };
    let samples = if there { "published samples" } else { "own samples" };
    for (what, messages, share) in text.lines().filter_map(trip) {
        match what.strip_prefix("of ") {
            Some(_) => {
                table.aimed(format!("round trip, all {samples}"), share, "% of fields", AtLeast(KEPT_OF_ALL));
            }
            None => table.aimed(
                format!("round trip {what}, {messages} {samples}"),
                share,
                "% of fields",
                AtLeast(KEPT),
            ),
        }
    }
    let text = printed("map::comparison::published_messages_give_the_values_that_other_converters_give");
    let mut folder = "";
    for line in text.lines() {
        if let Some((name, _)) = line.split_once(": events without a map here") {
            folder = name;
        } else if let Some((kind, messages, share)) = agreement(line) {
            let name = format!("agreement with {folder}, {kind}, {messages} messages");
            table.figure(name, share, "% of values");
        }
    }
}

/// `round trip ORU^R01: 12 messages, 340 of 341 fields, 99.71 %, ...`
fn trip(line: &str) -> Option<(&str, &str, f64)> {
    let (what, rest) = line.strip_prefix("round trip ")?.split_once(": ")?;
    let (messages, rest) = rest.split_once(" messages, ")?;
    let share = rest.split_once(" fields, ")?.1.split_once(" %")?.0;
    Some((what, messages, share.parse().ok()?))
}

/// `ADT^A01      12     333     320   96%         10`: event, messages, values, equal ones, share, found elsewhere.
fn agreement(line: &str) -> Option<(&str, &str, f64)> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [kind, messages, values, equal, share, _] = columns[..] else { return None };
    let figures = kind.contains('^') && share.ends_with('%');
    let (values, equal): (f64, f64) = (values.parse().ok()?, equal.parse().ok()?);
    (figures && values > 0.0).then_some((kind, messages, 100.0 * equal / values))
}

/// What one test of the gateway prints.
fn printed(test: &str) -> String {
    eprintln!("{test}");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--quiet", "--locked", "-p", "clinicvault-gateway", "--lib", "--", "--nocapture"]);
    cargo.args(["--exact", test]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{test}: {text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "there is no test {test}: {text}");
    text
}

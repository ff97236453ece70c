//! Where a channel's messages go: its part of the document, and what its values must be like. Each kind of destination has
//! a file of its own.

use std::path::{Path, PathBuf};

use clinicvault_gateway::emit::Acknowledge as Wish;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::folder::{DropFolder, FolderTarget};
use super::hook::FhirHookTarget;
use super::http::HttpTarget;
use super::line::Dial;
use super::mllp::MllpTarget;
use super::row::Form;
use super::web::Web;
use crate::exchange::channels::check::Findings;

/// Most destinations of a channel.
const MOST: usize = 20;

/// A destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its name within the channel: small letters, digits and hyphens, at most 40, the first a letter.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,39}$")]
    pub name: String,
    /// Where that is.
    pub to: Destination,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Destination {
    /// A receiver of MLLP, plain or over TLS.
    Mllp(MllpTarget),
    /// A receiver of HTTP requests.
    Http(HttpTarget),
    /// A folder, one file a message.
    Folder(FolderTarget),
    /// A FHIR server, or a receiver of its notifications.
    FhirHook(FhirHookTarget),
}

/// In which form a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// HL7 v2 with delimiters.
    #[default]
    Er7,
    /// A FHIR R4 transaction bundle: of a record, it and what it refers to; of a message, what it was read as.
    Fhir,
}

impl Format {
    /// The form of a message in the outbox.
    pub const fn form(self) -> Form {
        match self {
            Self::Er7 => Form::Er7,
            Self::Fhir => Form::Bundle,
        }
    }
}

/// How a receiver acknowledges (tables 0008 and 0155).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Acknowledgement {
    /// Original mode: one answer.
    #[default]
    Original,
    /// Enhanced mode: that it is safely stored is enough.
    Accept,
    /// Enhanced mode: stored, and later what came of it.
    Application,
}

impl Acknowledgement {
    /// What MSH-15 and MSH-16 ask for.
    pub const fn wish(self) -> Wish {
        match self {
            Self::Original => Wish::Original,
            Self::Accept => Wish::Accept,
            Self::Application => Wish::Application,
        }
    }
}

/// How a destination is reached.
#[derive(Clone)]
pub enum Way {
    /// Over a connection that stays open.
    Mllp(Dial),
    /// By requests.
    Web(Box<Web>),
    /// By files.
    Folder(DropFolder),
}

/// Where things of the box lie that a destination needs.
pub struct Place {
    /// The folder of the data.
    pub data: PathBuf,
    /// The folders of the setting `hl7.folders`.
    pub folders: Vec<PathBuf>,
}

impl Destination {
    /// In which form messages go there.
    pub const fn form(&self) -> Form {
        match self {
            Self::Mllp(_) => Form::Er7,
            Self::Http(http) => http.format.form(),
            Self::Folder(folder) => folder.format.form(),
            Self::FhirHook(hook) => hook.deliver.form(),
        }
    }

    /// MSH-5 and MSH-6 of messages that the box makes for it.
    pub fn receiver(&self) -> (&str, &str) {
        match self {
            Self::Mllp(mllp) => (&mllp.application, &mllp.facility),
            Self::Http(http) => (&http.application, &http.facility),
            Self::Folder(folder) => (&folder.application, &folder.facility),
            Self::FhirHook(_) => ("", ""),
        }
    }

    /// How it shall acknowledge. A folder takes a file and says nothing.
    pub const fn acknowledge(&self) -> Acknowledgement {
        match self {
            Self::Mllp(mllp) => mllp.acknowledge,
            Self::Http(http) => http.acknowledge,
            Self::Folder(_) | Self::FhirHook(_) => Acknowledgement::Original,
        }
    }

    /// Messages that may be under way at a time.
    pub const fn connections(&self) -> usize {
        match self {
            Self::Mllp(mllp) => mllp.connections,
            Self::Http(http) => http.connections,
            Self::Folder(_) => 1,
            Self::FhirHook(hook) => hook.connections,
        }
    }

    /// The way there.
    ///
    /// # Errors
    /// A sentence that says what is missing, such as a certificate.
    pub fn way(&self, place: &Place) -> Result<Way, String> {
        let web = |web: anyhow::Result<Web>| web.map(|web| Way::Web(Box::new(web)));
        let way = match self {
            Self::Mllp(mllp) => mllp.dial(&place.data).map(Way::Mllp),
            Self::Http(http) => web(http.web(&place.data)),
            Self::Folder(folder) => Ok(Way::Folder(folder.drop_into(&place.folders))),
            Self::FhirHook(hook) => web(hook.web(&place.data)),
        };
        way.map_err(|error| format!("{error:#}"))
    }
}

/// The usual patience.
pub(super) fn timeout_seconds() -> u64 {
    30
}

/// The usual number of connections.
pub(super) fn connections() -> usize {
    1
}

/// Notes what is wrong with how fast a destination is to be served.
pub(super) fn check_pace(seconds: u64, connections: usize, place: &str, findings: &mut Findings) {
    let patient = (1..=300).contains(&seconds);
    findings.need(patient, &format!("{place}.timeoutSeconds"), "From 1 to 300 seconds.");
    let lines = (1..=128).contains(&connections);
    findings.need(lines, &format!("{place}.connections"), "From 1 to 128 connections.");
}

/// Notes what is wrong with MSH-5 and MSH-6.
pub(super) fn check_names(application: &str, facility: &str, place: &str, findings: &mut Findings) {
    for (name, text) in [("application", application), ("facility", facility)] {
        let right = text.len() <= 180 && !text.chars().any(char::is_control);
        findings.need(right, &format!("{place}.{name}"), "One line of at most 180 bytes.");
    }
}

/// Notes what is wrong with the destinations of a channel; `made` of one that tells of the box's own records, `watched` is
/// the folder that its messages come from.
pub fn check(targets: &[Target], made: bool, watched: Option<&Path>, findings: &mut Findings) {
    findings.need(targets.len() <= MOST, "destinations", "At most 20 destinations.");
    for (n, target) in targets.iter().enumerate() {
        let place = format!("destinations[{n}]");
        findings.need(
            crate::exchange::channels::check::is_name(&target.name),
            &format!("{place}.name"),
            "A name is of small letters, digits and hyphens, the first a letter, at most 40.",
        );
        let twice = targets.iter().take(n).any(|other| other.name == target.name);
        findings.need(!twice, &format!("{place}.name"), "Another destination of this channel has this name.");
        let place = format!("{place}.to");
        match &target.to {
            Destination::Mllp(mllp) => mllp.check(&place, findings),
            Destination::Http(http) => http.check(&place, findings),
            Destination::Folder(folder) => {
                folder.check(&place, findings);
                let round = watched.is_some_and(|watched| watched == folder.path);
                findings.need(
                    !round,
                    &format!("{place}.path"),
                    "This is the folder that its messages come from.",
                );
            }
            Destination::FhirHook(hook) => {
                hook.check(&place, findings);
                let why =
                    "A fhirHook tells of the box's own records: the source is then of the kind records.";
                findings.need(made, &format!("{place}.kind"), why);
            }
        }
    }
}

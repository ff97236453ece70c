//! Messages over HTTP (HL7 v2 over HTTP): its part of the document. The address belongs to the box's own HTTPS, so that
//! there is nothing to start; a request says by its token who it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pins::{Pin, check_pins};
use crate::exchange::channels::check::Findings;

/// `POST /hl7/v2/NAME` of the box, over HTTPS, or plain on the box itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSource {
    /// Ids of the tokens and programs that may send here. What a message writes is bound by the channel's rules, not by
    /// the token's scope.
    #[schema(min_items = 1, max_items = 100)]
    pub tokens: Vec<String>,
    /// Which messages are taken, and are what the channel's rules are about. Without it, HL7 v2 is, and FHIR messages too as
    /// long as no rule (kinds, processing ids, filter, operations) is about HL7 v2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
    /// Certificates of the programs that may send here, besides their tokens. None asks for no certificate; otherwise only
    /// who shows one of these over HTTPS may send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub peers: Vec<Pin>,
}

/// Which messages a channel over HTTP takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Takes {
    /// HL7 v2.
    Hl7,
    /// FHIR messages.
    Fhir,
}

impl HttpSource {
    /// Notes what is wrong with it.
    pub fn check(&self, findings: &mut Findings) {
        findings.need(
            (1..=100).contains(&self.tokens.len()),
            "source.tokens",
            "Name the ids of 1 to 100 tokens or programs that may send; the page of tokens shows them.",
        );
        for (n, id) in self.tokens.iter().enumerate() {
            let right = (1..=100).contains(&id.len()) && !id.chars().any(char::is_control);
            findings.need(right, &format!("source.tokens[{n}]"), "Write the id of a token, not its secret.");
        }
        check_pins(&self.peers, "source.peers", findings);
    }

    /// Whether a program may send here.
    pub fn admits(&self, program: &str) -> bool {
        self.tokens.iter().any(|id| id == program)
    }
}

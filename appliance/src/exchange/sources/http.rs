//! Messages over HTTP (HL7 v2 over HTTP): its part of the document. The address belongs to the box's own HTTPS, so that
//! there is nothing to start; a request says by its token who it is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::exchange::channels::check::Findings;

/// `POST /hl7/v2/NAME` of the box, over HTTPS, or plain on the box itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSource {
    /// Ids of the tokens and programs that may send here. What a message writes is bound by the channel's rules, not by
    /// the token's scope.
    #[schema(min_items = 1, max_items = 100)]
    pub tokens: Vec<String>,
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
    }

    /// Whether a program may send here.
    pub fn admits(&self, program: &str) -> bool {
        self.tokens.iter().any(|id| id == program)
    }
}

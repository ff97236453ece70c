//! Messages that come as one piece: a file, a request, an upload. Each goes through the inbox; the whole has one answer.

use std::sync::Arc;

use clinicvault_gateway::hl7::batch::file::File;

use super::Exchange;
use super::inbox::{Reply, Told};
use super::intake::{Intake, Way};

/// What became of a whole piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of its messages were taken.
    Taken,
    /// Some were refused, or there were none; the answer says which.
    Refused,
    /// Something could not be stored now; the piece is to be handed in again.
    Later,
}

/// What became of a piece and of each message in it.
#[derive(Debug)]
pub struct Done {
    /// In the order of the messages.
    pub told: Vec<Told>,
    /// What does not fit about the piece as a whole.
    pub warnings: Vec<String>,
    /// The acknowledgements: alone for a single message, else between BHS and BTS.
    pub answer: Vec<u8>,
    /// The whole.
    pub verdict: Verdict,
}

impl Exchange {
    /// Takes in a file of messages that came over `wire` from `from` (the name of the file, or of who handed it in).
    pub async fn take_file(
        &self,
        bytes: Vec<u8>,
        intake: Arc<Intake>,
        wire: &'static str,
        from: &str,
    ) -> Done {
        let way =
            Way { intake, wire, peer: from.to_owned(), from: from.to_owned(), tls: false, connection: 0 };
        self.take_piece(bytes, &way).await
    }

    /// Takes in what came in one piece.
    pub async fn take_piece(&self, bytes: Vec<u8>, way: &Way) -> Done {
        let file = File::read(&bytes);
        let mut told = Vec::with_capacity(file.messages.len());
        let mut warnings = file.warnings.clone();
        if file.messages.is_empty() {
            warnings.push("There is no message in it: none of its lines begins with MSH.".to_owned());
        } else {
            told = self.take_by(bytes.clone(), way).await;
        }
        let answers: Vec<Vec<u8>> = told.iter().map(|told| told.reply.payload().to_vec()).collect();
        let answer = match answers.as_slice() {
            [one] if !file.is_wrapped() => one.clone(),
            all => {
                let now = self.records().now();
                let id = format!("{}-", self.control_id(now));
                file.answer(&bytes, all, &id, now, self.rules().map.zone.to_offset(now))
            }
        };
        let unsure = |told: &Told| told.reply == Reply::Close || (told.seq.is_none() && !told.repeated);
        let verdict = if told.iter().any(unsure) {
            Verdict::Later
        } else if told.is_empty() || told.iter().any(Told::is_refused) {
            Verdict::Refused
        } else {
            Verdict::Taken
        };
        Done { told, warnings, answer, verdict }
    }
}

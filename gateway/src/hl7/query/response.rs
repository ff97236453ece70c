//! RSP: MSH, MSA, ERR, QAK, the query as it was asked (QPD), what was found, and where to go on (DSC).

use super::Trigger;
use crate::hl7::ack::{self, Answer, Named};
use crate::hl7::encode::{Builder, Content};
use crate::hl7::message::Message;

/// QAK-2 (table 0208).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Something was found.
    Ok,
    /// Nothing was found.
    NotFound,
    /// The query cannot be answered as it stands.
    Error,
    /// The query is not answered.
    Rejected,
}

impl Status {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NotFound => "NF",
            Self::Error => "AE",
            Self::Rejected => "AR",
        }
    }
}

/// What a response says.
#[derive(Debug)]
pub struct Response<'a> {
    /// MSA and ERR, and what the header needs.
    pub answer: Answer<'a>,
    /// QAK-2.
    pub status: Status,
    /// QAK-4: how many there are in all, where that is known.
    pub total: Option<u64>,
    /// QAK-5: how many this response holds.
    pub told: usize,
    /// QAK-6: how many are left, where that is known.
    pub left: Option<u64>,
    /// Their segments, in the delimiters of the query, each ended by CR.
    pub found: &'a str,
    /// DSC-1.
    pub pointer: Option<&'a str>,
}

/// The bytes of a response to a query, in its delimiters and its character set; in UTF-8, and saying so, where that set
/// cannot write what was found.
pub fn respond(query: &Message, trigger: Trigger, response: &Response<'_>) -> Vec<u8> {
    let text = body(query, response);
    let stated = !query.header().field(18).is_empty();
    let own = query.charset().encode(&text).filter(|_| stated || text.is_ascii());
    let charset = if own.is_some() { None } else { Some("UNICODE UTF-8") };
    let named = Named { kind: trigger.response(), charset };
    let mut out = ack::opening(query.header(), &response.answer, named);
    match own {
        Some(bytes) => out.extend_from_slice(&bytes),
        None => out.extend_from_slice(text.as_bytes()),
    }
    out
}

fn body(query: &Message, response: &Response<'_>) -> String {
    let qpd = query.first("QPD");
    let mut lines = Builder::new(*query.delimiters());
    let count = |n: Option<u64>| n.map_or(Content::Empty, |n| n.to_string().as_str().into());
    let counted = matches!(response.status, Status::Ok | Status::NotFound);
    let told = if counted { response.told.to_string() } else { String::new() };
    let tag = qpd.map(|qpd| qpd.field(2).text().into_owned()).unwrap_or_default();
    lines.segment(
        "QAK",
        &[
            tag.as_str().into(),
            response.status.as_str().into(),
            Content::Empty,
            count(response.total),
            told.as_str().into(),
            count(response.left),
        ],
    );
    let mut text = String::from_utf8_lossy(&lines.finish()).into_owned();
    if let Some(qpd) = qpd {
        let raw = qpd.raw();
        // The name of the query is told again beside its status.
        if let Some(name) = raw.split(|b| *b == query.delimiters().field).nth(1) {
            text = with_name(&text, query.delimiters().field, &query.charset().decode(name));
        }
        text.push_str(&query.charset().decode(raw));
        text.push('\r');
    }
    text.push_str(response.found);
    if let Some(pointer) = response.pointer {
        let mut dsc = Builder::new(*query.delimiters());
        dsc.segment("DSC", &[pointer.into(), "I".into()]);
        text.push_str(&String::from_utf8_lossy(&dsc.finish()));
    }
    text
}

/// QAK with its third field, as the sender wrote it.
fn with_name(qak: &str, by: u8, name: &str) -> String {
    let by = char::from(by);
    let mut fields: Vec<&str> = qak.trim_end_matches('\r').split(by).collect();
    if fields.len() < 4 {
        fields.resize(4, "");
    }
    if let Some(place) = fields.get_mut(3) {
        *place = name;
    }
    let mut line = fields.join(by.to_string().as_str());
    line.push('\r');
    line
}

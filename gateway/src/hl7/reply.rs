//! Answers to what was sent: which message they are about, and what they say of it.
//!
//! An answer is matched by MSA-2, never by position; one without MSA-2 settles nothing. A response to a query carries its
//! own MSA and is read the same way.

use super::ack::Code;
use super::message::Message;
use super::parse::{Limits, Mode, parse};

/// Longest text of an answer that is kept, in characters.
const LONGEST: usize = 500;

/// An acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// MSA-1.
    pub code: Code,
    /// MSA-2: the control id of the message that it answers, byte for byte.
    pub about: Vec<u8>,
    /// What it says besides: MSA-3 and the texts of ERR.
    pub text: String,
}

/// Reads an answer; `None` for what is no message, has no MSA, no code of table 0008, or names no message.
pub fn read(bytes: &[u8]) -> Option<Reply> {
    let message = parse(bytes.to_vec(), &Limits::default(), Mode::Tolerant, None).ok()?;
    let msa = message.first("MSA")?;
    let code = code(msa.field(1).text().trim())?;
    let about = msa.field(2).raw().trim_ascii().to_vec();
    (!about.is_empty()).then(|| Reply { code, about, text: words(&message) })
}

fn code(text: &str) -> Option<Code> {
    [Code::AA, Code::AE, Code::AR, Code::CA, Code::CE, Code::CR].into_iter().find(|c| c.as_str() == text)
}

fn words(message: &Message) -> String {
    let own = message.first("MSA").map(|msa| msa.field(3).text().trim().to_owned());
    let errors = message.all("ERR").flat_map(|err| {
        let code = err.field(3).component(1).text().trim().to_owned();
        let place = err.field(2).component(1).text().trim().to_owned();
        let said = [8, 7].map(|n| err.field(n).text().trim().to_owned());
        let old = err.field(1).component(4).text().trim().to_owned();
        [code, place].into_iter().chain(said).chain([old])
    });
    let all: Vec<String> = own.into_iter().chain(errors).filter(|text| !text.is_empty()).collect();
    all.join("; ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_is_about() {
        let head = "MSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5.1\r";
        for (rest, expected) in [
            ("MSA|AA|CV1", Some((Code::AA, "CV1", ""))),
            ("MSA|CA|CV1\r", Some((Code::CA, "CV1", ""))),
            ("MSA|AE|CV1|no such patient", Some((Code::AE, "CV1", "no such patient"))),
            ("MSA|AR|CV1\rERR||PID^1^3|204|E||||unknown", Some((Code::AR, "CV1", "204; PID; unknown"))),
            ("MSA|AA|", None),
            ("MSA|OK|CV1", None),
            ("NTE|1", None),
        ] {
            let found = read(format!("{head}{rest}").as_bytes());
            let found =
                found.as_ref().map(|r| (r.code, std::str::from_utf8(&r.about).unwrap(), r.text.as_str()));
            assert_eq!(found, expected, "{rest}");
        }
        assert_eq!(read(b"hello"), None);
    }
}

//! Acknowledgements: which one is asked for, and its bytes.
//!
//! Original mode answers once (AA, AE, AR). Enhanced mode answers at accept level as MSH-15 asks (CA, CE, CR) and
//! later, as MSH-16 asks, at application level. The answer uses the sender's own delimiters and echoes its control id
//! byte for byte. An answer must never carry patient data: it holds header values and the words of a [`Problem`].

use jiff::Timestamp;
use jiff::tz::Offset;

use super::datetime;
use super::delimiters::Delimiters;
use super::error::{Problem, Verdict};
use super::escape;
use super::header::Header;

/// The acknowledgement codes of table 0008.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Original mode or application level: done.
    AA,
    /// Original mode or application level: content error.
    AE,
    /// Original mode or application level: rejected.
    AR,
    /// Accept level: safely stored.
    CA,
    /// Accept level: content error.
    CE,
    /// Accept level: rejected.
    CR,
}

impl Code {
    /// The two letters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AA => "AA",
            Self::AE => "AE",
            Self::AR => "AR",
            Self::CA => "CA",
            Self::CE => "CE",
            Self::CR => "CR",
        }
    }
}

/// When an acknowledgement is wanted (table 0155).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// AL.
    Always,
    /// NE.
    Never,
    /// ER: on error or reject.
    OnError,
    /// SU: on success.
    OnSuccess,
}

impl When {
    fn wants(self, failed: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnError => failed,
            Self::OnSuccess => !failed,
        }
    }
}

/// How one message is to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// `None` in original mode.
    enhanced: Option<(When, When)>,
    /// MSH-15 or MSH-16 held a value that is not in table 0155 and was taken as empty.
    pub odd: bool,
}

impl Wish {
    /// Reads MSH-15 and MSH-16. Both empty means original mode; in enhanced mode an empty one means never.
    /// Unknown values (a space, `ACCEPT`) count as empty and set [`Self::odd`].
    pub fn of(header: &Header) -> Self {
        let mut odd = false;
        let mut read = |field| match header.component(field, 1) {
            b"AL" => Some(When::Always),
            b"NE" => Some(When::Never),
            b"ER" => Some(When::OnError),
            b"SU" => Some(When::OnSuccess),
            b"" | b"\"\"" => None,
            _ => {
                odd = true;
                None
            }
        };
        let (accept, application) = (read(15), read(16));
        let enhanced = (accept.is_some() || application.is_some())
            .then(|| (accept.unwrap_or(When::Never), application.unwrap_or(When::Never)));
        Self { enhanced, odd }
    }

    /// Original mode, for a header that cannot be read.
    pub fn original() -> Self {
        Self { enhanced: None, odd: false }
    }

    /// The code to send at once, once the message is stored (or refused); `None` when the sender wants none.
    pub fn at_once(&self, problem: Option<&Problem>) -> Option<Code> {
        let verdict = problem.map(|p| p.verdict);
        match self.enhanced {
            None => Some(application(verdict)),
            Some((accept, _)) => accept.wants(verdict.is_some()).then_some(match verdict {
                None => Code::CA,
                Some(Verdict::Error) => Code::CE,
                Some(Verdict::Reject) => Code::CR,
            }),
        }
    }

    /// The code to send when the message was applied or failed to be; `None` when none is wanted, and always in
    /// original mode, where the one answer has gone out already.
    pub fn later(&self, problem: Option<&Problem>) -> Option<Code> {
        let verdict = problem.map(|p| p.verdict);
        let (_, wanted) = self.enhanced?;
        wanted.wants(verdict.is_some()).then_some(application(verdict))
    }
}

fn application(verdict: Option<Verdict>) -> Code {
    match verdict {
        None => Code::AA,
        Some(Verdict::Error) => Code::AE,
        Some(Verdict::Reject) => Code::AR,
    }
}

/// What an answer is made of besides the header it answers.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// MSA-1.
    pub code: Code,
    /// The problems, one ERR segment each (one ERR-1 repetition each before 2.5).
    pub problems: &'a [Problem],
    /// MSH-10 of the answer, unique per answer.
    pub control_id: &'a str,
    /// MSH-7.
    pub now: Timestamp,
    /// The offset in which MSH-7 is written.
    pub offset: Offset,
}

/// The bytes of the acknowledgement for a message with this header; `None` stands for a header that cannot be read,
/// which gets the standard delimiters and an empty MSA-2. Segments end with CR, the last one too.
pub fn build(header: Option<&Header>, answer: &Answer<'_>) -> Vec<u8> {
    written(header, answer, None)
}

/// How a response names itself: MSH-9, and MSH-18 where it is not the sender's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// Message type, trigger and structure.
    pub kind: [&'a str; 3],
    /// MSH-18.
    pub charset: Option<&'a str>,
}

/// The first segments of a response: MSH, MSA and ERR, as an acknowledgement has them but with another name.
pub(super) fn opening(header: &Header, answer: &Answer<'_>, named: Named<'_>) -> Vec<u8> {
    written(Some(header), answer, Some(named))
}

fn written(header: Option<&Header>, answer: &Answer<'_>, named: Option<Named<'_>>) -> Vec<u8> {
    let mut out = Writer::new(header);
    msh(&mut out, header, answer, named);
    let text = answer.problems.first().map(|p| p.reason.as_str());
    let old_text = header.is_some_and(|h| !h.at_least(5)).then_some(text).flatten();
    out.segment(
        "MSA",
        &[answer.code.as_str().into(), header.map_or(vec![], |h| h.control_id().to_vec()), {
            old_text.map_or(vec![], |t| out.escaped(t))
        }],
    );
    if header.is_none_or(|h| h.at_least(5)) {
        for problem in answer.problems {
            err(&mut out, problem);
        }
    } else if !answer.problems.is_empty() {
        old_err(&mut out, answer.problems);
    }
    out.bytes
}

struct Writer {
    bytes: Vec<u8>,
    delimiters: Delimiters,
}

impl Writer {
    fn new(header: Option<&Header>) -> Self {
        let mut delimiters = header.map_or_else(Delimiters::default, |h| *h.delimiters());
        if header.is_some_and(|h| !h.at_least(7)) {
            delimiters = delimiters.without_truncation();
        }
        Self { bytes: Vec::with_capacity(256), delimiters }
    }

    fn segment(&mut self, name: &str, fields: &[Vec<u8>]) {
        self.bytes.extend_from_slice(name.as_bytes());
        let last = fields.iter().rposition(|f| !f.is_empty()).map_or(0, |n| n + 1);
        for field in fields.iter().take(last) {
            self.bytes.push(self.delimiters.field);
            self.bytes.extend_from_slice(field);
        }
        self.bytes.push(b'\r');
    }

    /// Parts joined by the component delimiter; only the first when the sender has none.
    fn components(&self, parts: &[&str]) -> Vec<u8> {
        join(self.delimiters.component, parts)
    }

    fn escaped(&self, text: &str) -> Vec<u8> {
        escape::encode(text, &self.delimiters).into_bytes()
    }
}

fn join(by: Option<u8>, parts: &[&str]) -> Vec<u8> {
    let used = parts.iter().rposition(|p| !p.is_empty()).map_or(0, |n| n + 1);
    let used = if by.is_some() { used } else { used.min(1) };
    let mut out = Vec::new();
    for (i, part) in parts.iter().take(used).enumerate() {
        if let (Some(by), true) = (by, i > 0) {
            out.push(by);
        }
        out.extend_from_slice(part.as_bytes());
    }
    out
}

fn msh(out: &mut Writer, header: Option<&Header>, answer: &Answer<'_>, named: Option<Named<'_>>) {
    let echo = |n| header.map_or(vec![], |h| h.field(n).to_vec());
    let trigger = header.map(Header::trigger).unwrap_or_default();
    let trigger = String::from_utf8_lossy(&out.escaped(&trigger)).into_owned();
    let [kind, trigger, structure] = named.map_or(["ACK", trigger.as_str(), "ACK"], |named| named.kind);
    let kind = match header {
        Some(h) if h.at_least(4) => out.components(&[kind, trigger, structure]),
        Some(_) => out.components(&[kind, trigger]),
        None => kind.as_bytes().to_vec(),
    };
    let mut fields = vec![out.delimiters.declared()];
    fields.extend([echo(5), echo(6), echo(3), echo(4)]);
    fields.push(datetime::write(answer.now, answer.offset).into_bytes());
    fields.push(vec![]);
    fields.push(kind);
    fields.push(answer.control_id.as_bytes().to_vec());
    fields.push(header.map_or(b"P".to_vec(), |h| h.field(11).to_vec()));
    fields.push(header.map_or(b"2.5.1".to_vec(), |h| h.field(12).to_vec()));
    fields.extend([vec![], vec![], vec![], vec![], vec![]]);
    let charset = named.and_then(|named| named.charset);
    fields.push(charset.map_or_else(|| echo(18), |name| out.escaped(name)));
    out.segment("MSH", &fields);
}

/// ERR of 2.5 and later: location, code, severity, and the sentence for a person.
fn err(out: &mut Writer, problem: &Problem) {
    let place = problem.place.clone().unwrap_or_default();
    let number = |n: u32| if n == 0 { String::new() } else { n.to_string() };
    let location = out.components(&[
        &place.segment,
        &number(place.occurrence),
        &number(place.field),
        &number(if place.field > 0 { place.repetition.max(1) } else { 0 }),
        &number(place.component),
        &number(place.subcomponent),
    ]);
    let code = out.components(&[problem.code.number(), problem.code.text(), "HL70357"]);
    let technical = problem.offset.map_or(vec![], |o| out.escaped(&format!("byte {o}")));
    let text = out.escaped(&problem.reason);
    out.segment("ERR", &[vec![], location, code, b"E".to_vec(), vec![], vec![], technical, text]);
}

/// ERR of 2.4 and older: everything in the repetitions of ERR-1.
fn old_err(out: &mut Writer, problems: &[Problem]) {
    let mut field = Vec::new();
    for problem in problems {
        if let (Some(repetition), false) = (out.delimiters.repetition, field.is_empty()) {
            field.push(repetition);
        } else if !field.is_empty() {
            break;
        }
        let place = problem.place.clone().unwrap_or_default();
        let number = |n: u32| if n == 0 { String::new() } else { n.to_string() };
        let code =
            join(out.delimiters.subcomponent, &[problem.code.number(), problem.code.text(), "HL70357"]);
        let code = String::from_utf8_lossy(&code).into_owned();
        field.extend(out.components(&[
            &place.segment,
            &number(place.occurrence),
            &number(place.field),
            &code,
        ]));
    }
    out.segment("ERR", &[field]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::error::{ErrorCode, Place};

    fn header(text: &str) -> Header {
        Header::find(text.as_bytes()).unwrap()
    }

    fn ack(header: Option<&Header>, code: Code, problems: &[Problem]) -> String {
        let answer = Answer {
            code,
            problems,
            control_id: "CV1",
            now: "2026-11-21T06:08:02Z".parse().unwrap(),
            offset: Offset::from_seconds(19_800).unwrap(),
        };
        String::from_utf8(build(header, &answer)).unwrap().replace('\r', "\n")
    }

    #[test]
    fn an_answer_swaps_sender_and_receiver_and_echoes_the_control_id() {
        let h = header(
            "MSH|^~\\&|LAB^1.2^ISO|CITY|BOX|CLINIC|2026||ORU^R01^ORU_R01|AB 0012345678901234567890|P^T|2.5.1|||||IN|UTF-8",
        );
        assert_eq!(
            ack(Some(&h), Code::AA, &[]),
            "MSH|^~\\&|BOX|CLINIC|LAB^1.2^ISO|CITY|20261121113802+0530||ACK^R01^ACK|CV1|P^T|2.5.1||||||UTF-8\n\
             MSA|AA|AB 0012345678901234567890\n"
        );
    }

    #[test]
    fn problems_are_told_as_the_version_tells_them() {
        let problem = Problem::error(
            ErrorCode::RequiredField,
            Some(Place::field("PID", 1, 3)),
            "No patient number & name.",
        );
        let new = header("MSH|^~\\&#|A|B|C|D|2026||ADT^A01|7|P|2.8");
        let text = ack(Some(&new), Code::AE, std::slice::from_ref(&problem));
        assert!(text.starts_with("MSH|^~\\&#|C|D|A|B|"), "{text}");
        assert!(text.ends_with(
            "ERR||PID^1^3^1|101^Required field missing^HL70357|E||||No patient number \\T\\ name.\n"
        ));
        let mid = header("MSH|^~\\&#|A|B|C|D|2026||ADT^A01|7|P|2.5.1");
        assert!(
            ack(Some(&mid), Code::AA, &[]).starts_with("MSH|^~\\&|C"),
            "no truncation character before 2.7"
        );
        let old = header("MSH|^~\\&|A|B|C|D|2026||ADT^A01|7|P|2.3");
        let text = ack(Some(&old), Code::AE, &[problem]);
        assert!(text.contains("|ACK^A01|"), "{text}");
        assert!(
            text.ends_with(
                "MSA|AE|7|No patient number \\T\\ name.\nERR|PID^1^3^101&Required field missing&HL70357\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_delimiters_of_the_sender_are_used() {
        let h = header("MSH$%*!@$A$B$C$D$2026$$ADT%A01$7$P$2.5");
        let problem = Problem::reject(ErrorCode::Other, Some(Place::segment("PID", 1)), "100% $wrong");
        let text = ack(Some(&h), Code::AR, &[problem]);
        assert!(text.starts_with("MSH$%*!@$C$D$A$B$"), "{text}");
        assert!(text.ends_with("ERR$$PID%1$199%Other HL7 error%HL70357$E$$$$100!S! !F!wrong\n"), "{text}");
        let bare = header("MSH|^|A|B|C|D|2026||ADT^A01|7|P|2.5");
        assert!(ack(Some(&bare), Code::AA, &[]).starts_with("MSH|^|C|D|A|B|"));
    }

    #[test]
    fn an_unreadable_header_still_gets_an_answer() {
        let problem = Problem::reject(ErrorCode::Other, None, "No header.");
        let text = ack(None, Code::AR, &[problem]);
        assert_eq!(
            text,
            "MSH|^~\\&|||||20261121113802+0530||ACK|CV1|P|2.5.1\nMSA|AR\nERR|||199^Other HL7 error^HL70357|E||||No header.\n"
        );
    }

    #[test]
    fn the_mode_follows_msh_15_and_16() {
        let fail = Problem::error(ErrorCode::DataType, None, "x");
        let wish =
            |tail: &str| Wish::of(&header(&format!("MSH|^~\\&|A|B|C|D|2026||ADT^A01|7|P|2.5|||{tail}")));
        for (tail, ok, bad, later, odd) in [
            ("", Some(Code::AA), Some(Code::AE), None, false),
            (" |ACCEPT", Some(Code::AA), Some(Code::AE), None, true),
            ("AL|NE", Some(Code::CA), Some(Code::CE), None, false),
            ("AL|AL", Some(Code::CA), Some(Code::CE), Some(Code::AA), false),
            ("NE|NE", None, None, None, false),
            ("ER|SU", None, Some(Code::CE), Some(Code::AA), false),
            ("SU", Some(Code::CA), None, None, false),
            ("|AL", None, None, Some(Code::AA), false),
        ] {
            let w = wish(tail);
            assert_eq!(
                (w.at_once(None), w.at_once(Some(&fail)), w.later(None), w.odd),
                (ok, bad, later, odd),
                "{tail}"
            );
        }
    }
}

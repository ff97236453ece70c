//! Handing a signed paper out as a page, and saying of a printed one whether it is what was signed.

use std::sync::Arc;

use jiff::Timestamp;

use super::kept::{Papers, Signed, Stands, put_signed};
use super::page::{Look, Paper, render};
use super::paper::Kind;
use super::sign::{CODE, Sheet, hash};
use super::words::Language;
use crate::consult::Consult;
use crate::consult::carry::line;
use crate::consult::desk::allowed;
use crate::consult::kept::Within;
use crate::print::face::Faces;
use crate::records::access::{Actor, Area, Op, Purpose};
use crate::records::error::Error;

/// How a page is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// On which paper.
    pub paper: Paper,
    /// Millimetres of a printed letterhead.
    pub letterhead: Option<u8>,
    /// Language of the patient's part; that of the prescription without.
    pub language: Option<String>,
    /// What stands before `/verify/…` in the QR code.
    pub base: String,
}

/// A page.
#[derive(Debug, Clone)]
pub enum Page {
    /// As PDF.
    Pdf(Vec<u8>),
    /// This box was built without fonts.
    NoFonts,
}

/// What is told of a signed paper to whoever has its code: nothing clinical.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Note or prescription.
    pub kind: Kind,
    /// Name of the signer.
    pub signer: String,
    /// Number with the council.
    pub registration: String,
    /// When.
    pub at: Timestamp,
    /// Where it stands.
    pub stands: Stands,
    /// Initials of the patient.
    pub initials: String,
    /// Whether the kept bytes still have the hash that they were signed with.
    pub whole: bool,
    /// That hash, in hex.
    pub sha256: String,
}

impl Consult {
    /// A signed paper as PDF. From the second time on it says DUPLICATE, by whom and when. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`].
    pub fn paper_page(&self, who: &Actor, id: &str, doc: &str, wanted: &Wanted) -> Result<Page, Error> {
        let Some(faces) = Faces::own() else { return Ok(Page::NoFonts) };
        let of = |signed: &Signed| match signed.kind {
            Kind::Note => Area::Notes,
            Kind::Prescription => Area::Prescriptions,
        };
        let (asked, consultation) = (doc.to_owned(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let mut signed = Within(work).signed(&asked)?;
            if signed.consultation != consultation {
                return Err(Error::NotFound(format!("signed paper {asked}")));
            }
            allowed(work.who(), (Op::Read, of(&signed)), Some(&signed.patient))?;
            let again = signed.printed.is_some();
            signed.printed.get_or_insert(work.now());
            put_signed(work, &signed)?;
            let said = format!(
                "{} {} printed{}",
                signed.kind.as_str(),
                signed.id,
                if again { " again" } else { "" }
            );
            work.audit(line(work.who(), Some(&signed.patient), Purpose::Treatment, &said))?;
            let by = format!("{} {}", work.who().name, work.now().strftime("%Y-%m-%d %H:%MZ"));
            Ok((signed, again.then_some(by)))
        });
        let ((signed, duplicate), _) = done?;
        let sheet: Sheet = serde_json::from_str(&signed.bytes)
            .map_err(|_| Error::Damaged("the bytes of a signed paper".to_owned()))?;
        let language = wanted.language.clone().or_else(|| sheet.language.clone()).unwrap_or_default();
        let look = Look {
            paper: wanted.paper,
            letterhead: wanted.letterhead,
            language: Language::of(&language),
            book: self.book(),
            duplicate,
            verify: format!("{}/verify/{}", wanted.base, signed.code),
            zone: self.records().zone().clone(),
        };
        let page = render(faces, &sheet, &signed, &look).map_err(|error| Error::Fault(error.to_string()))?;
        Ok(Page::Pdf(page))
    }

    /// What is signed under a code; none where nothing is. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn verify_paper(&self, code: &str) -> Result<Option<Verified>, Error> {
        if code.len() != CODE {
            return Ok(None);
        }
        let signed = self.records().vault().snapshot()?.by_code(&code.to_ascii_lowercase())?;
        Ok(signed.map(|signed| Verified {
            whole: hash(signed.bytes.as_bytes()) == signed.sha256,
            kind: signed.kind,
            signer: signed.signer_name,
            registration: signed.registration,
            at: signed.at,
            stands: signed.stands,
            initials: signed.initials,
            sha256: signed.sha256,
        }))
    }
}

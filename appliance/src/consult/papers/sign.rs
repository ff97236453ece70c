//! Signing: one unit of work in which drafts become signed papers with their bytes, hash, code, FHIR records and audit lines,
//! or nothing of it. Whether it is the doctor who holds the pen was made sure of before (`admin::signing`).
//!
//! What is signed is a JSON text with everything that stands on the page, the signer and the moment; a page of any size is
//! made from it (decision 0205).

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::Value;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::desk::{allergies_in, reason, theirs};
use super::kept::{Papers, Signed, Stands, put_paper, put_signed};
use super::note::{Note, Written};
use super::paper::{Kind, NotKept, Paper};
use super::picture;
use super::prescription::{OwnList, Prescription, Reason};
use super::view::SignedDoc;
use crate::clinic::form::Wrong;
use crate::clinic::identity::Identity;
use crate::collections::SETTINGS;
use crate::consult::Consult;
use crate::consult::ask::Mode;
use crate::consult::carry::{conflict, line};
use crate::consult::desk::allowed;
use crate::consult::kept::{Docs, Row, Within};
use crate::consult::note::Suggestion;
use crate::consult::prescribe::line::Line;
use crate::records::access::{Actor, Area, Op, Purpose};
use crate::records::compartment;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Letters of the code on a page: base 32 without look-alikes, 60 bits.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a code.
pub const CODE: usize = 12;

/// The clinic as it stands on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClinicFacts {
    /// Name.
    pub name: String,
    /// Address.
    pub place: String,
    /// Phone.
    pub phone: String,
    /// Registration number.
    pub registration: String,
}

/// The doctor as he stands on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorFacts {
    /// Account.
    pub id: String,
    /// Name.
    pub name: String,
    /// Degrees.
    pub qualification: Option<String>,
    /// Number with the council.
    pub registration: String,
}

/// The patient as he stands on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientFacts {
    /// Logical id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Age at that time, in words: `34 years`.
    pub age: String,
    /// F, M, O or U.
    pub sex: String,
    /// Clinic number.
    pub number: String,
    /// Phone.
    pub phone: Option<String>,
    /// Village or town.
    pub place: Option<String>,
}

/// What is signed of either kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
    /// Version of this form.
    pub format: String,
    /// Id of the paper.
    pub id: String,
    /// Consultation.
    pub consultation: String,
    /// How they met.
    pub mode: Mode,
    /// When it was signed.
    pub at: Timestamp,
    /// Clinic.
    pub clinic: ClinicFacts,
    /// Signer.
    pub doctor: DoctorFacts,
    /// Patient.
    pub patient: PatientFacts,
    /// The note; with a prescription, what was written down by then.
    pub note: Option<Note>,
    /// Where what was taken over from a transcript was said.
    #[serde(default)]
    pub sources: Vec<Suggestion>,
    /// Lines as they are written out.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Answers to issues.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// Lists that the doctor gave.
    #[serde(default)]
    pub classified: Vec<OwnList>,
    /// Which formulary and lists it was checked with.
    pub checked_with: Option<String>,
    /// Language of the patient's part.
    pub language: Option<String>,
    /// What it takes the place of.
    pub replaces: Option<String>,
    /// The code printed on it.
    pub code: String,
}

/// The format of [`Sheet`].
const FORMAT: &str = "clinicvault-paper/1";

/// What is to be signed: the versions on the screen.
#[derive(Debug, Clone, Copy)]
pub struct ToSign {
    /// Of the note.
    pub note: Option<u64>,
    /// Of the prescription.
    pub prescription: Option<u64>,
}

/// What came of signing or taking back.
#[derive(Debug, Clone)]
pub enum Done {
    /// It is done.
    Papers(Vec<SignedDoc>),
    /// A field is not acceptable.
    Wrong(Wrong),
    /// Another version is stored by now.
    Stale,
}

/// Everything that both papers of one signing share.
struct Signing {
    row: Row,
    clinic: ClinicFacts,
    doctor: DoctorFacts,
    patient: PatientFacts,
}

impl Consult {
    /// Signs drafts of the consultation's doctor. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for another doctor, [`Error::Conflict`] when something stands against it.
    pub fn sign(&self, who: &Actor, id: &str, wish: ToSign) -> Result<Done, Error> {
        if wish.note.is_none() && wish.prescription.is_none() {
            let message = "Say what is signed: the note, the prescription or both.".to_owned();
            return Ok(Done::Wrong(Wrong { field: "note", code: "invalid", message }));
        }
        for area in [wish.note.map(|_| Area::Notes), wish.prescription.map(|_| Area::Prescriptions)] {
            area.map_or(Ok(()), |area| allowed(who, (Op::Update, area), None))?;
        }
        let ids = (self.new_paper()?, self.new_paper()?);
        let patient = self.patient_of(id)?;
        let (room, id) = (self.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            theirs(&row, &work.who().id, true)?;
            let signing = room.signing(work, row, patient)?;
            let mut signed = Vec::new();
            if let Some(version) = wish.note {
                match room.sign_note(work, &signing, version, ids.0)? {
                    Some(paper) => signed.push(paper),
                    None => return Ok(Done::Stale),
                }
            }
            if let Some(version) = wish.prescription {
                match room.sign_prescription(work, &signing, version, ids.1)? {
                    Some(paper) => signed.push(paper),
                    None => {
                        // Both or neither: an error undoes the note.
                        return if signed.is_empty() { Ok(Done::Stale) } else { Err(stale()) };
                    }
                }
            }
            Ok(Done::Papers(signed.iter().map(SignedDoc::of).collect()))
        });
        Ok(done?.0)
    }

    /// Takes a signed prescription back, with a reason. Blocking.
    ///
    /// # Errors
    /// As [`Consult::sign`].
    pub fn cancel_prescription(&self, who: &Actor, id: &str, version: u64, why: &str) -> Result<Done, Error> {
        if let Err(wrong) = reason(why) {
            return Ok(Done::Wrong(wrong));
        }
        let (room, asked, why) = (self.clone(), id.to_owned(), why.trim().to_owned());
        self.change(who, id, (Op::Update, Area::Prescriptions), true, move |work, row| {
            let Some(before) = Within(work).paper::<Prescription>(&asked)? else { return Ok(Done::Stale) };
            let by = work.who().id.clone();
            let next = match before.cancel(version, &why, &by, work.now()) {
                Ok(next) => next,
                Err(NotKept::Stale | NotKept::Leased | NotKept::Signed) => return Ok(Done::Stale),
            };
            put_paper(work, &row.id, &next)?;
            let mut docs = Vec::new();
            if let Some(last) = before.signed.last() {
                let signed = room.end(work, last, Stands::Cancelled, &why)?;
                docs.push(SignedDoc::of(&signed));
            }
            Ok(Done::Papers(docs))
        })
    }

    /// The patient of a consultation as his record says now.
    fn patient_of(&self, id: &str) -> Result<Option<Value>, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        self.patient_json(&snapshot, &row.patient)
    }

    fn new_paper(&self) -> Result<(String, String), Error> {
        let mut random = [0_u8; CODE];
        getrandom::fill(&mut random).map_err(|_| Error::Fault("no chance to be had".to_owned()))?;
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
        Ok((self.records().new_id()?.as_str().to_owned(), random.iter().map(letter).collect()))
    }

    fn signing(&self, work: &Work<'_, '_>, row: Row, patient: Option<Value>) -> Result<Signing, Error> {
        let reader = Within(work);
        let who = work.who();
        let account = reader.account(&who.id)?.ok_or_else(|| conflict("there is no account to sign with"))?;
        let registration = account.registration.map(|number| number.trim().to_owned());
        let Some(registration) = registration.filter(|number| !number.is_empty()) else {
            return Err(conflict(
                "your account has no registration number with the council; the owner enters it under Users",
            ));
        };
        let clinic: ClinicFacts = match reader.doc(SETTINGS, b"clinic")? {
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| Error::Damaged("the clinic".to_owned()))?
            }
            None => ClinicFacts::default(),
        };
        let patient =
            patient.ok_or_else(|| Error::NotFound("the patient of this consultation".to_owned()))?;
        let known = Identity::of(&patient);
        let today = work.now().to_zoned(self.records().zone().clone()).date();
        let patient = PatientFacts {
            id: row.patient.clone(),
            age: age(&known.birth_date, today),
            name: known.name,
            sex: format!("{:?}", known.sex),
            number: known.number,
            phone: known.phone,
            place: known.village,
        };
        let doctor = DoctorFacts {
            id: who.id.clone(),
            name: account.name,
            qualification: account.qualification,
            registration,
        };
        Ok(Signing { row, clinic, doctor, patient })
    }

    fn sign_note(
        &self,
        work: &mut Work<'_, '_>,
        signing: &Signing,
        version: u64,
        (id, code): (String, String),
    ) -> Result<Option<Signed>, Error> {
        let Some(before) = Within(work).paper::<Written>(&signing.row.id)? else { return Ok(None) };
        let by = work.who().id.clone();
        let Ok(next) = before.sign(version, &id, &by, work.now()) else { return Ok(None) };
        if before.content.note.is_empty() {
            return Err(conflict("there is nothing in the note; discard it instead"));
        }
        let sheet = Sheet {
            note: Some(before.content.note.clone()),
            sources: before.content.sources.clone(),
            ..signing.sheet(&before, id, code, work.now())
        };
        put_paper(work, &signing.row.id, &next)?;
        let signed = self.lay_down(
            work,
            signing,
            Kind::Note,
            &sheet,
            before.replaces.as_ref().map(|r| r.reason.as_str()),
        )?;
        let reference =
            self.put_bound(work, picture::composition(&sheet, &signed), &signed.id, &signed.id)?;
        self.finish(work, &sheet, &signed, vec![reference])?;
        Ok(Some(signed))
    }

    fn sign_prescription(
        &self,
        work: &mut Work<'_, '_>,
        signing: &Signing,
        version: u64,
        (id, code): (String, String),
    ) -> Result<Option<Signed>, Error> {
        let row = &signing.row;
        let Some(before) = Within(work).paper::<Prescription>(&row.id)? else { return Ok(None) };
        let by = work.who().id.clone();
        let Ok(next) = before.sign(version, &id, &by, work.now()) else { return Ok(None) };
        let stored = allergies_in(work, row)?;
        let distance = self.distance(&Within(work), row, before.content.same_condition)?;
        let book = self.book();
        let judged = self.judge(&book, &before.content, &stored, distance.map(|(distance, _)| distance));
        if let Some(why) = judged.hindrance() {
            return Err(conflict(why.trim_end_matches('.')));
        }
        let lines: Vec<Line> = judged.read().unwrap_or_default().into_iter().cloned().collect();
        let note = Within(work).paper::<Written>(&row.id)?;
        let note = note.filter(|paper| paper.state != super::paper::State::Discarded);
        let answered = |reason: &&Reason| judged.issues.iter().any(|(issue, _)| issue.key == reason.key);
        let sheet = Sheet {
            note: note.map(|paper| paper.content.note),
            lines: lines.iter().map(Line::written).collect(),
            reasons: before.content.reasons.iter().filter(answered).cloned().collect(),
            classified: before.content.classified.clone(),
            checked_with: Some(book.version()),
            language: before.content.language.clone().or_else(|| Some(row.course.ask.language.clone())),
            ..signing.sheet(&before, id, code, work.now())
        };
        put_paper(work, &row.id, &next)?;
        let why = before.replaces.as_ref().map(|replaces| replaces.reason.as_str());
        let signed = self.lay_down(work, signing, Kind::Prescription, &sheet, why)?;
        let mut references = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let json = picture::medication(&sheet, &signed, line);
            let id = line_id(&signed.id, at);
            references.push(self.put_bound(work, json, &id, &signed.id)?);
        }
        self.finish(work, &sheet, &signed, references)?;
        Ok(Some(signed))
    }

    /// Keeps the signed bytes; what they take the place of is superseded.
    fn lay_down(
        &self,
        work: &mut Work<'_, '_>,
        signing: &Signing,
        kind: Kind,
        sheet: &Sheet,
        why: Option<&str>,
    ) -> Result<Signed, Error> {
        let bytes = serde_json::to_string(sheet).map_err(|error| Error::Fault(error.to_string()))?;
        let signed = Signed {
            id: sheet.id.clone(),
            kind,
            consultation: signing.row.id.clone(),
            patient: signing.row.patient.clone(),
            signer: signing.doctor.id.clone(),
            signer_name: signing.doctor.name.clone(),
            registration: signing.doctor.registration.clone(),
            at: work.now(),
            sha256: hash(bytes.as_bytes()),
            bytes,
            code: sheet.code.clone(),
            initials: initials(&signing.patient.name),
            lines: sheet.lines.len(),
            stands: Stands::Signed,
            reason: None,
            printed: None,
        };
        put_signed(work, &signed)?;
        if let Some(old) = &sheet.replaces {
            self.end(work, old, Stands::Superseded, why.unwrap_or("replaced"))?;
        }
        let said = format!(
            "signed {} {} of consultation {}, sha256 {}",
            kind.as_str(),
            signed.id,
            signed.consultation,
            signed.sha256
        );
        work.audit(line(work.who(), Some(&signed.patient), Purpose::Treatment, &said))?;
        Ok(signed)
    }

    /// The records that every signed paper has: its document and where it came from.
    fn finish(
        &self,
        work: &mut Work<'_, '_>,
        sheet: &Sheet,
        signed: &Signed,
        mut references: Vec<String>,
    ) -> Result<(), Error> {
        let json = picture::document(sheet, signed);
        references.push(self.put_bound(work, json, &signed.id, &signed.id)?);
        let json = picture::provenance(sheet, signed, &references);
        self.put(work, json, &signed.id, Purpose::Treatment)
    }

    /// Something signed does not hold any more: its bytes stay, its records say so.
    fn end(&self, work: &mut Work<'_, '_>, id: &str, stands: Stands, why: &str) -> Result<Signed, Error> {
        let mut signed = Within(work).signed(id)?;
        signed.stands = stands;
        signed.reason = Some(why.to_owned());
        put_signed(work, &signed)?;
        let sheet: Sheet = serde_json::from_str(&signed.bytes)
            .map_err(|_| Error::Damaged("the bytes of a signed paper".to_owned()))?;
        for at in 0..sheet.lines.len() {
            // What was ordered stays as it was signed, whatever medicines the clinic knows by now.
            let id = line_id(&signed.id, at);
            let head = work.head(ResourceType::MEDICATION_REQUEST, &id)?.filter(|head| !head.deleted);
            let head = head.ok_or_else(|| Error::Damaged(format!("line {} of a signed paper", at + 1)))?;
            let json = picture::restated(compartment::parsed_in(work, &head)?, &signed);
            self.put(work, json, &id, Purpose::Treatment)?;
        }
        let json = picture::document(&sheet, &signed);
        self.put(work, json, &signed.id, Purpose::Treatment)?;
        let how = match stands {
            Stands::Signed => "holds",
            Stands::Superseded => "superseded",
            Stands::Cancelled => "taken back",
        };
        let said = format!("{} {} {how}: {why}", signed.kind.as_str(), signed.id);
        work.audit(line(work.who(), Some(&signed.patient), Purpose::Treatment, &said))?;
        Ok(signed)
    }
}

impl Signing {
    fn sheet<T>(&self, paper: &Paper<T>, id: String, code: String, now: Timestamp) -> Sheet {
        Sheet {
            format: FORMAT.to_owned(),
            id,
            consultation: self.row.id.clone(),
            mode: self.row.course.ask.mode,
            at: now,
            clinic: self.clinic.clone(),
            doctor: self.doctor.clone(),
            patient: self.patient.clone(),
            note: None,
            sources: Vec::new(),
            lines: Vec::new(),
            reasons: Vec::new(),
            classified: Vec::new(),
            checked_with: None,
            language: None,
            replaces: paper.replaces.as_ref().map(|replaces| replaces.id.clone()),
            code,
        }
    }
}

fn stale() -> Error {
    conflict("another version of the prescription is stored by now; look at it again")
}

fn line_id(paper: &str, at: usize) -> String {
    format!("{paper}-{}", at + 1)
}

/// SHA-256 in hex.
pub(super) fn hash(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The first letters of up to four names.
fn initials(name: &str) -> String {
    let letters = name.split_whitespace().take(4).filter_map(|word| word.chars().next());
    letters.map(|letter| format!("{}.", letter.to_uppercase())).collect()
}

/// The age on a day, as exactly as the birth date is known: months below two years, days below two months.
fn age(birth: &str, today: Date) -> String {
    let number = |range: std::ops::Range<usize>| birth.get(range).and_then(|text| text.parse::<i16>().ok());
    let Some(year) = number(0..4) else { return "age not known".to_owned() };
    let of = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    let born = birth.parse::<Date>().ok().filter(|_| birth.len() == 10);
    if let Some(born) = born.filter(|born| *born <= today) {
        let days = i64::from((today - born).get_days());
        let months = i64::from(today.year() - born.year()) * 12 + i64::from(today.month() - born.month())
            - i64::from(today.day() < born.day());
        return match months {
            ..2 => of(days, "day"),
            2..24 => of(months, "month"),
            _ => of(months / 12, "year"),
        };
    }
    let month = number(5..7).unwrap_or(7);
    let whole = i64::from(today.year() - year) - i64::from(i16::from(today.month()) < month);
    format!("about {}", of(whole.max(0), "year"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_as_exact_as_the_birth_date() {
        let today: Date = "2026-11-23".parse().unwrap();
        for (birth, expected) in [
            ("1992-11-23", "34 years"),
            ("1992-11-24", "33 years"),
            ("2025-11-23", "12 months"),
            ("2026-10-01", "53 days"),
            ("1992-03", "about 34 years"),
            ("1992", "about 34 years"),
            ("2030-01-01", "about 0 years"),
            ("", "age not known"),
        ] {
            assert_eq!(age(birth, today), expected, "{birth}");
        }
        assert_eq!(initials("Sunita  Gaikwad"), "S.G.");
        assert_eq!(initials("सुनीता गायकवाड"), "स.ग.");
    }
}

//! Sending a file and reading one. The content is durable before its row is written; the row, its records and its message are one
//! unit of work, so a power cut leaves a whole file or none.

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::files::{self, Kind, Unfit};
use clinicvault_vault::{Action, BlobId, Ending, MAX_CHUNK, Snapshot};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::kept::{self, FileRow, MOST_FILES, MOST_TOGETHER};
use super::record;
use crate::clinic::form::Wrong;
use crate::consult::Consult;
use crate::consult::carry::{conflict, line};
use crate::consult::desk::patient;
use crate::consult::growing::unwritten;
use crate::consult::kept::{Docs, Row, Within};
use crate::consult::room::desk::{is_open, takes_part, unfit};
use crate::consult::room::kept::Kept as RoomKept;
use crate::consult::room::member::Guest;
use crate::consult::room::protocol::ChatMessage;
use crate::consult::room::record::moment;
use crate::records::access::{Actor, Op, Purpose, Refusal, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;
use crate::records::unit::Work;

/// What became of a file.
#[derive(Debug)]
pub enum Sent {
    /// It stands, now or since an earlier sending, as this message.
    Stands(ChatMessage),
    /// It is not taken.
    Unfit(Unfit),
    /// A parameter is not acceptable.
    Wrong(Wrong),
}

/// A file to be given out.
#[derive(Debug)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its type, as its content says.
    pub media_type: String,
    /// All of it.
    pub content: Vec<u8>,
}

/// A file before it has a place.
struct Fresh {
    name: String,
    kind: Kind,
    bytes: u64,
    sha256: String,
    sha1: String,
    blob: String,
    key: String,
}

impl Consult {
    /// Takes a file into a consultation, once for each key of its sender. It is durable when this returns. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`], [`Error::Conflict`] when the room is not open or the key was used for another
    /// file, [`Error::TooMuch`] when the consultation has as many as it may have.
    pub fn send_file(
        &self,
        who: &Actor,
        id: &str,
        (name, key): (&str, &str),
        content: &[u8],
    ) -> Result<Sent, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        takes_part(who, &row)?;
        is_open(&row)?;
        let guest = self.guest(who, id, "")?;
        if let Some(why) = unfit(key, "a file") {
            return Ok(Sent::Wrong(Wrong { field: "key", code: "invalid", message: format!("{why}.") }));
        }
        let kind = match files::look(content) {
            Ok(kind) => kind,
            Err(why) => {
                let said = format!("a file was refused: {}", why.code());
                let leaf = line(who, Some(&row.patient), Purpose::Treatment, &said);
                self.records().vault().note(leaf)?;
                return Ok(Sent::Unfit(why));
            }
        };
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(content));
        let before = kept::all(&snapshot, id)?;
        if known(&before, &guest.id, key, &sha256)?.is_none() {
            room_for(&before, content.len() as u64)?;
        }
        drop(snapshot);
        let blob = self.store_content(&row.patient, content)?;
        let fresh = Fresh {
            name: files::clean(name, kind),
            kind,
            bytes: content.len() as u64,
            sha256,
            sha1: data_encoding::BASE64.encode(&Sha1::digest(content)),
            blob: blob.to_string(),
            key: key.to_owned(),
        };
        let done = self.write_file(who, guest, id, fresh);
        self.0.growing.ended(&blob.to_string());
        let (message, used) = match done {
            Ok(done) => done,
            Err(error) => {
                // After any other error nobody knows whether the row is there; the next start sweeps.
                if matches!(
                    error,
                    Error::Conflict(_) | Error::TooMuch(_) | Error::Refused(_) | Error::NotFound(_)
                ) {
                    self.forget_blob(&blob);
                }
                return Err(error);
            }
        };
        if used {
            self.rooms().tell(id, &message);
        } else {
            self.forget_blob(&blob);
        }
        Ok(Sent::Stands(message))
    }

    /// Writes content to a blob that a sweep leaves alone until it has ended.
    fn store_content(&self, patient: &str, content: &[u8]) -> Result<BlobId, Error> {
        let mut blob = self.grow(patient)?;
        let id = blob.id();
        let written = content.chunks(MAX_CHUNK).try_for_each(|chunk| blob.append(chunk));
        match written.and_then(|()| blob.finish()) {
            Ok(_) => Ok(id),
            Err(error) => {
                self.forget_blob(&id);
                self.0.growing.ended(&id.to_string());
                Err(unwritten(error))
            }
        }
    }

    /// Row, DocumentReference and Communication in one unit; the message, and whether the blob is used.
    fn write_file(
        &self,
        who: &Actor,
        guest: Guest,
        id: &str,
        fresh: Fresh,
    ) -> Result<(ChatMessage, bool), Error> {
        let (room, id) = (self.clone(), id.to_owned());
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            let row = Within(work).row(&id)?;
            takes_part(work.who(), &row)?;
            is_open(&row)?;
            let before = kept::all(&Within(work), &id)?;
            if let Some(file) = known(&before, &guest.id, &fresh.key, &fresh.sha256)? {
                let said = format!("file {} sent again", file.no);
                work.audit(line(work.who(), Some(&row.patient), Purpose::Treatment, &said))?;
                return Ok((message(&guest, file), false));
            }
            room_for(&before, fresh.bytes)?;
            room.put_file(work, &row, &guest, before.len(), fresh).map(|message| (message, true))
        });
        Ok(done?.0)
    }

    fn put_file(
        &self,
        work: &mut Work<'_, '_>,
        row: &Row,
        guest: &Guest,
        before: usize,
        fresh: Fresh,
    ) -> Result<ChatMessage, Error> {
        let chat = RoomKept::next_chat(work, &row.id)?;
        let file = FileRow {
            no: before as u64 + 1,
            patient: row.patient.clone(),
            name: fresh.name,
            media_type: fresh.kind.media_type().to_owned(),
            bytes: fresh.bytes,
            sha256: fresh.sha256,
            blob: fresh.blob,
            by: guest.id.clone(),
            at: moment(work.now()),
            key: fresh.key,
            chat,
        };
        kept::put(work, &row.id, &file)?;
        let message = message(guest, &file);
        let json = record::document(row, &file, &message, &fresh.sha1);
        self.put(work, json, &kept::id_of(&row.id, file.no), Purpose::Treatment)?;
        self.put_message(work, row, &message)?;
        Ok(message)
    }

    /// Gives a file out: to the patient, to whoever may read the documents of the record. Each look is an audit line. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotFound`] also for another patient, [`Error::Fault`] when its content is damaged.
    pub fn file(&self, who: &Actor, id: &str, no: u64) -> Result<Given, Error> {
        let snapshot = self.records().vault().snapshot()?;
        let row = snapshot.row(id)?;
        let missing = || Error::NotFound(format!("file {no} of this consultation"));
        if patient(who).is_some() {
            takes_part(who, &row)?;
        }
        let document = kept::id_of(id, no);
        let file = kept::of_document(&snapshot, &document)?.ok_or_else(missing)?;
        let version = self.may_read(who, &snapshot, &row, &document)?;
        let content = self.content(&file)?;
        let about = About {
            object: Some((ResourceType::DOCUMENT_REFERENCE, &document, version)),
            patient: Some(&file.patient),
        };
        self.records().vault().note(audit::done(who, Action::Read, Purpose::Treatment, about))?;
        Ok(Given { name: file.name, media_type: file.media_type, content })
    }

    /// The file behind a document of a patient's chart; none when it is no file of a consultation. Blocking.
    ///
    /// # Errors
    /// As [`Consult::file`].
    pub fn file_of_document(&self, who: &Actor, of: &str, document: &str) -> Result<Option<Given>, Error> {
        let Some((consultation, no)) = document.rsplit_once('.') else { return Ok(None) };
        let Ok(no) = no.parse() else { return Ok(None) };
        let file = kept::of_document(&self.records().vault().snapshot()?, document)?;
        match file {
            Some(file) if file.patient == of => self.file(who, consultation, no).map(Some),
            Some(_) => Err(Error::missing(ResourceType::DOCUMENT_REFERENCE, document)),
            None => Ok(None),
        }
    }

    /// Refuses who may not read documents, or not this one; the version that is read.
    fn may_read(&self, who: &Actor, snapshot: &Snapshot, row: &Row, document: &str) -> Result<u64, Error> {
        let kind = ResourceType::DOCUMENT_REFERENCE;
        let head = snapshot.head(clinicvault_vault::Kind(kind.number()), document)?;
        let head = head.filter(|head| !head.deleted).ok_or_else(|| Error::missing(kind, document))?;
        if patient(who).is_none() {
            let in_care = !row.course.state.is_over();
            decide(who, Op::Read, &Subject::of_type(kind.as_str(), false).in_care(in_care)).check()?;
            let sight = self.records().sight(who)?;
            let look = sight.look(Op::Read, kind);
            // What the patient's consent withholds.
            if look.looks_inside() && !look.stored(snapshot, &head)?.allowed() {
                return Err(Error::Refused(Refusal::NoConsent));
            }
        }
        Ok(head.version)
    }

    fn content(&self, file: &FileRow) -> Result<Vec<u8>, Error> {
        let damaged = || Error::Damaged(format!("file {} of a consultation", file.no));
        let id = BlobId::parse(&file.blob).ok_or_else(damaged)?;
        let mut blob = self.records().vault().blob(&file.patient, &id).map_err(unwritten)?;
        let mut content = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or(0));
        while let Some(chunk) = blob.chunk().map_err(unwritten)? {
            content.extend_from_slice(&chunk);
        }
        match blob.ending() {
            Some(Ending::Whole(sealed))
                if sealed.bytes == file.bytes
                    && data_encoding::HEXLOWER.encode(&sealed.sha256) == file.sha256 =>
            {
                Ok(content)
            }
            Some(Ending::Whole(_) | Ending::Cut(_)) | None => Err(damaged()),
        }
    }
}

/// The file that its sender has sent under this key; another content under it is a conflict.
fn known<'a>(files: &'a [FileRow], by: &str, key: &str, sha256: &str) -> Result<Option<&'a FileRow>, Error> {
    match files.iter().find(|file| file.by == by && file.key == key) {
        Some(file) if file.sha256 != sha256 => Err(conflict("another file was sent with this key")),
        found => Ok(found),
    }
}

/// Refuses one file more than a consultation may have.
fn room_for(files: &[FileRow], bytes: u64) -> Result<(), Error> {
    if files.len() >= MOST_FILES {
        return Err(Error::TooMuch(format!("a consultation has at most {MOST_FILES} files")));
    }
    let together: u64 = files.iter().map(|file| file.bytes).sum();
    if together + bytes > MOST_TOGETHER {
        let most = MOST_TOGETHER >> 20;
        return Err(Error::TooMuch(format!("the files of a consultation have at most {most} MiB together")));
    }
    Ok(())
}

/// The message by which a file stands in the chat.
fn message(guest: &Guest, file: &FileRow) -> ChatMessage {
    ChatMessage {
        no: file.chat,
        by: guest.id.clone(),
        name: guest.name.clone(),
        part: guest.part,
        text: file.name.clone(),
        at: file.at,
        key: file.key.clone(),
        file: Some(record::told(file)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn file(no: u64, by: &str, key: &str, bytes: u64) -> FileRow {
        FileRow {
            no,
            patient: "p".to_owned(),
            name: "a.png".to_owned(),
            media_type: "image/png".to_owned(),
            bytes,
            sha256: format!("hash {key}"),
            blob: "b".to_owned(),
            by: by.to_owned(),
            at: Timestamp::UNIX_EPOCH,
            key: key.to_owned(),
            chat: no,
        }
    }

    #[test]
    fn there_is_room_for_so_many_and_so_much() {
        let files: Vec<_> = (1..=50).map(|no| file(no, "a", "k", 1)).collect();
        assert!(room_for(&files[..49], 10 << 20).is_ok());
        assert!(matches!(room_for(&files, 1), Err(Error::TooMuch(_))));
        let heavy = [file(1, "a", "k", 95 << 20)];
        assert!(room_for(&heavy, 5 << 20).is_ok());
        assert!(matches!(room_for(&heavy, (5 << 20) + 1), Err(Error::TooMuch(_))));
    }

    #[test]
    fn a_key_is_its_senders_and_for_one_file() {
        let files = [file(1, "a", "one", 1), file(2, "b", "one", 1)];
        let no = |by: &str, key: &str, hash: &str| {
            known(&files, by, key, hash).map(|found| found.map(|file| file.no))
        };
        assert_eq!(no("a", "one", "hash one").unwrap(), Some(1));
        assert_eq!(no("b", "one", "hash one").unwrap(), Some(2));
        assert_eq!(no("a", "two", "hash one").unwrap(), None);
        assert!(matches!(no("a", "one", "another"), Err(Error::Conflict(_))));
    }
}

//! The clinic itself: its name and what was decided at setup; and the recovery sheet until it is confirmed.

use std::sync::Arc;

use clinicvault_vault::{Action, Outcome, RecoveryKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::error::AdminError;
use super::people::People;
use super::secret::Hash;
use super::store::{Change, Collection, leaf};
use crate::records::access::Actor;

/// Key of the one settings document of this room.
pub(super) const KEY: &[u8] = b"clinic";
/// Key of the authority.
pub(super) const AUTHORITY_KEY: &[u8] = b"authority";

/// What is known of the clinic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clinic {
    /// Random name of this vault; part of every seal.
    pub id: String,
    /// The clinic's name.
    pub name: String,
    /// Town or quarter.
    pub place: String,
    /// Phone.
    pub phone: String,
    /// Registration number under the Clinical Establishments Act.
    pub registration: String,
    /// Language chosen at setup.
    pub language: String,
    /// When the box was set up.
    pub created: Timestamp,
    /// Somebody has written the recovery key down and proven it.
    pub recovery_confirmed: bool,
}

/// The recovery key, shown until two of its groups have been typed back. Memory only; wiped when dropped.
pub(super) struct Sheet {
    key: RecoveryKey,
    /// The one session that may see it.
    session: Hash,
    /// Positions (from 1) of the groups to type back.
    ask: [usize; 2],
}

/// What the screen shows.
pub struct SheetView {
    /// The groups.
    pub groups: Vec<Zeroizing<String>>,
    /// The whole key in one line, for the QR code.
    pub line: Zeroizing<String>,
    /// Positions (from 1) of the groups to type back.
    pub ask: [usize; 2],
}

impl Sheet {
    /// A sheet that asks for two different groups, chosen by chance.
    pub(super) fn new(key: RecoveryKey, session: Hash) -> Result<Sheet, AdminError> {
        let mut random = [0u8; 2];
        getrandom::fill(&mut random)?;
        let count = key.groups().len();
        let first = usize::from(random[0]) % count;
        let second = (first + 1 + usize::from(random[1]) % (count - 1)) % count;
        Ok(Sheet { key, session, ask: [first.min(second) + 1, first.max(second) + 1] })
    }

    pub(super) fn view(&self) -> SheetView {
        SheetView {
            groups: self.key.groups().into_iter().map(Zeroizing::new).collect(),
            line: self.key.line(),
            ask: self.ask,
        }
    }

    fn is_proven(&self, typed: impl Fn(usize) -> Option<String>) -> bool {
        let groups = self.key.groups();
        self.ask.iter().all(|place| {
            let typed = typed(*place).map(|text| plain(&text)).unwrap_or_default();
            let wanted = groups.get(place - 1).map(|group| plain(group)).unwrap_or_default();
            !wanted.is_empty() && bool::from(typed.as_bytes().ct_eq(wanted.as_bytes()))
        })
    }
}

/// A group without gaps, look-alikes settled.
fn plain(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase());
    letters
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

impl People {
    /// The clinic.
    pub fn clinic(&self) -> Clinic {
        self.book().clinic.clone()
    }

    /// Whether the recovery key still waits to be written down.
    pub fn awaits_recovery(&self) -> bool {
        !self.book().clinic.recovery_confirmed
    }

    pub(super) fn show_sheet(&self, sheet: Sheet) {
        self.book_mut().sheet = Some(sheet);
    }

    /// The recovery sheet, until it is confirmed, for the session that set the box up. If that session or the sheet is
    /// gone (the box was restarted in between), an owner gets a sheet with a new recovery key.
    pub async fn sheet(&self, who: &Actor) -> Result<SheetView, AdminError> {
        let session = who.session.ok_or(AdminError::SignedOut)?;
        let _turn = self.turn().await;
        {
            let book = self.book();
            if book.clinic.recovery_confirmed {
                return Err(AdminError::Missing("recovery sheet"));
            }
            if let Some(sheet) = &book.sheet {
                if sheet.session == session {
                    return Ok(sheet.view());
                }
                if book.sessions.find(&sheet.session, self.now()).is_some() {
                    return Err(AdminError::Missing("recovery sheet"));
                }
            }
        }
        self.recently_proven(who)?;
        let line = leaf(who, Action::KeyChange, Outcome::Success, Some("new recovery key".to_owned()));
        self.store().commit(Arc::new(who.clone()), line, Vec::new()).await?;
        let store = self.store().clone();
        let made = tokio::task::spawn_blocking(move || store.new_recovery_key()).await;
        let sheet = Sheet::new(made.map_err(|_| AdminError::Damaged("a thread"))??, session)?;
        let view = sheet.view();
        self.show_sheet(sheet);
        Ok(view)
    }

    /// Takes two typed groups; when they are right the sheet is wiped and never shown again. Answers whether they were.
    pub async fn confirm_recovery(
        &self,
        who: &Actor,
        typed: impl Fn(usize) -> Option<String>,
    ) -> Result<bool, AdminError> {
        let _turn = self.turn().await;
        let mut clinic = {
            let book = self.book();
            let sheet = book.sheet.as_ref().filter(|sheet| who.session == Some(sheet.session));
            if !sheet.ok_or(AdminError::Missing("recovery sheet"))?.is_proven(typed) {
                return Ok(false);
            }
            book.clinic.clone()
        };
        clinic.recovery_confirmed = true;
        let line =
            leaf(who, Action::Configure, Outcome::Success, Some("recovery key written down".to_owned()));
        let change = Change::put(Collection::Settings, KEY, &clinic)?;
        self.store().commit(Arc::new(who.clone()), line, vec![change]).await?;
        let mut book = self.book_mut();
        book.clinic = clinic;
        book.sheet = None;
        Ok(true)
    }
}

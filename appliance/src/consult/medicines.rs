//! The clinic's own medicines, over those that the box brings, and its own lists of telemedicine in place of the box's: kept in
//! the vault, in force at once, named in what is signed (0214).
//!
//! Owns who changes them, that two who change at once do not lose each other's work, and which words whoever listens to a
//! consultation should expect. What a list may hold is `prescribe`'s.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use clinicvault_gateway::fhir::id::{LogicalId, ResourceType};
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Action, Leaf};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Consult;
use super::carry::{conflict, line};
use super::kept::{Docs, Within};
use super::prescribe::Book;
use super::prescribe::formulary::{Formulary, Own};
use super::prescribe::lists::{Pack, Written};
use crate::clinic::form::Wrong;
use crate::collections::OWN_BOOK;
use crate::records::Records;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::compartment;
use crate::records::error::Error;
use crate::records::unit::Work;

/// Medicines of one patient that whoever listens is told of.
const MOST_EXPECTED: usize = 15;
/// Orders that are looked through for them.
const MOST_ORDERS: usize = 50;

/// What the clinic has of its own, and who changed it last.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept<T> {
    /// Counts changes; named by whoever makes the next one.
    pub revision: u64,
    /// Name of whoever made the last one.
    pub by_name: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What the clinic has of its own; left out when it goes by what the box brings, or it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<T>,
    /// Why it is not gone by: this version of the program does not take it. What the box brings holds instead.
    pub problem: Option<String>,
}

/// The same as it lies in the vault, where another version of the program may have laid it down.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    revision: u64,
    by_name: Option<String>,
    at: Option<Timestamp>,
    own: Option<serde_json::Value>,
}

/// A part of the book that a clinic may have of its own.
trait Part: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its key.
    const KEY: &'static str;

    /// The book with it.
    fn laid(book: &Book, own: Option<&Self>, revision: u64) -> Result<Book, String>;
}

impl Part for Own {
    const KEY: &'static str = "formulary";

    fn laid(book: &Book, own: Option<&Self>, revision: u64) -> Result<Book, String> {
        let below = Formulary::own();
        let formulary = match own {
            Some(own) => below.under(own, &format!("clinic {revision}")).map_err(|why| why.to_string())?,
            None => below.clone(),
        };
        Ok(Book { formulary, lists: book.lists.clone() })
    }
}

impl Part for Written {
    const KEY: &'static str = "lists";

    fn laid(book: &Book, own: Option<&Self>, _: u64) -> Result<Book, String> {
        let lists = match own {
            Some(own) => Pack::of(own.clone()).map_err(|why| why.to_string())?,
            None => Pack::own().clone(),
        };
        Ok(Book { formulary: book.formulary.clone(), lists })
    }
}

fn row<T: Part>(reader: &impl Docs) -> Result<Row, Error> {
    let Some(bytes) = reader.doc(OWN_BOOK, T::KEY.as_bytes())? else { return Ok(Row::default()) };
    serde_json::from_slice(&bytes).map_err(|_| Error::Damaged(format!("the clinic's {}", T::KEY)))
}

impl Row {
    fn kept<T: Part>(self) -> Kept<T> {
        let (own, problem) = match self.own.map(serde_json::from_value::<T>) {
            None => (None, None),
            Some(Ok(own)) => {
                let problem = T::laid(&Book::own(), Some(&own), self.revision).err();
                (Some(own), problem)
            }
            Some(Err(why)) => (None, Some(why.to_string())),
        };
        Kept { revision: self.revision, by_name: self.by_name, at: self.at, own, problem }
    }
}

/// The book in force.
pub(super) struct Books {
    now: RwLock<Arc<Book>>,
    /// Held from before a change is laid down until it is in force.
    changing: Mutex<()>,
}

impl Books {
    /// As it is kept. What the clinic has of its own and cannot be gone by is left out, and said where it is looked after.
    /// Blocking.
    pub(super) fn read(records: &Records) -> Self {
        let read = records.vault().snapshot().map_err(Error::from).and_then(|snapshot| {
            let book = over::<Own>(&Book::own(), row::<Own>(&snapshot)?);
            Ok(over::<Written>(&book, row::<Written>(&snapshot)?))
        });
        let book = read.unwrap_or_else(|error| {
            tracing::error!(op = "book", %error, "the box's own holds instead");
            Book::own()
        });
        Self { now: RwLock::new(Arc::new(book)), changing: Mutex::new(()) }
    }
}

fn over<T: Part>(book: &Book, row: Row) -> Book {
    let kept = row.kept::<T>();
    let laid = kept.problem.map_or_else(|| T::laid(book, kept.own.as_ref(), kept.revision), Err);
    laid.unwrap_or_else(|why| {
        tracing::error!(op = "book", what = T::KEY, why, "the box's own holds instead");
        book.clone()
    })
}

impl Consult {
    /// By what prescriptions are read and checked now.
    pub fn book(&self) -> Arc<Book> {
        self.0.books.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The clinic's own medicines. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn own_medicines(&self) -> Result<Kept<Own>, Error> {
        Ok(row::<Own>(&self.records().vault().snapshot()?)?.kept())
    }

    /// The clinic's own lists of telemedicine. Blocking.
    ///
    /// # Errors
    /// What reading answers.
    pub fn own_lists(&self) -> Result<Kept<Written>, Error> {
        Ok(row::<Written>(&self.records().vault().snapshot()?)?.kept())
    }

    /// Lays the clinic's own medicines over the box's; none takes them away. Blocking.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but an owner; [`Error::Conflict`] when they were changed since.
    pub fn set_medicines(
        &self,
        who: &Actor,
        revision: u64,
        own: Option<Own>,
    ) -> Result<Result<Kept<Own>, Wrong>, Error> {
        self.set_part(who, revision, own.filter(|own| !own.is_empty()), "medicines")
    }

    /// Goes by the clinic's own lists of telemedicine; none takes them away. Blocking.
    ///
    /// # Errors
    /// As [`Consult::set_medicines`].
    pub fn set_lists(
        &self,
        who: &Actor,
        revision: u64,
        own: Option<Written>,
    ) -> Result<Result<Kept<Written>, Wrong>, Error> {
        self.set_part(who, revision, own, "pack")
    }

    fn set_part<T: Part>(
        &self,
        who: &Actor,
        revision: u64,
        own: Option<T>,
        field: &'static str,
    ) -> Result<Result<Kept<T>, Wrong>, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        if let Err(message) = T::laid(&Book::own(), own.as_ref(), revision + 1) {
            return Ok(Err(Wrong { field, code: "invalid", message }));
        }
        let kept = own.as_ref().map(serde_json::to_value).transpose();
        let kept = kept.map_err(|error| Error::Fault(error.to_string()))?;
        let _turn = self.0.books.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.records().unit_blocking(Arc::new(who.clone()), move |work| {
            if row::<T>(&Within(work))?.revision != revision {
                return Err(conflict("it was changed since; look at it again"));
            }
            let next = Row {
                revision: revision + 1,
                by_name: Some(work.who().name.clone()),
                at: Some(work.now()),
                own: kept,
            };
            let bytes = serde_json::to_vec(&next).map_err(|error| Error::Fault(error.to_string()))?;
            work.unit().doc_put(OWN_BOOK, T::KEY.as_bytes(), &bytes)?;
            work.audit(changed::<T>(work, &next))?;
            Ok(next)
        });
        let next = done?.0;
        let book = T::laid(&self.book(), own.as_ref(), next.revision).map_err(Error::Fault)?;
        *self.0.books.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
        Ok(Ok(next.kept()))
    }

    /// Words that whoever listens to this patient's matters should expect, the likeliest first: medicines that were ordered
    /// for the patient, and those that are common here. Blocking.
    pub fn vocabulary(&self, patient: &str) -> Vec<String> {
        let ordered = self.ordered(patient).unwrap_or_else(|error| {
            tracing::warn!(op = "vocabulary", %error, "a patient's medicines could not be read");
            Vec::new()
        });
        let book = self.book();
        ordered.into_iter().chain(book.formulary.common().map(str::to_owned)).collect()
    }

    fn ordered(&self, patient: &str) -> Result<Vec<String>, Error> {
        let Some(patient) = LogicalId::parse(patient) else { return Ok(Vec::new()) };
        let snapshot = self.records().vault().snapshot()?;
        let orders = compartment::newest(&snapshot, &patient, ResourceType::MEDICATION_REQUEST, MOST_ORDERS)?;
        let mut names: Vec<String> = Vec::new();
        for name in orders.iter().filter(|order| is_wanted(order)).filter_map(name_of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(MOST_EXPECTED);
        Ok(names)
    }
}

fn is_wanted(order: &Value) -> bool {
    matches!(order.str("status"), Some("active" | "on-hold" | "completed" | "stopped" | "draft"))
}

/// The medicine of an order as people say it: what stands before its strength.
fn name_of(order: &Value) -> Option<String> {
    let medicine = order.get("medicationCodeableConcept")?;
    let label = medicine.str("text").or_else(|| medicine.items("coding").first()?.str("display"))?;
    let words = label.split_whitespace().take_while(|word| {
        !word.starts_with(|first: char| first.is_ascii_digit() || first == '(' || first == '[')
    });
    let name = words.take(4).collect::<Vec<_>>().join(" ").to_lowercase();
    (!name.is_empty()).then_some(name)
}

fn changed<T: Part>(work: &Work<'_, '_>, next: &Row) -> Leaf {
    let what = if next.own.is_some() { "the clinic's own" } else { "the box's" };
    let said = format!("{} {}: {what}", T::KEY, next.revision);
    Leaf { action: Action::Configure, ..line(work.who(), None, Purpose::Operations, &said) }
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::json::{self, Limits};

    use super::*;

    #[test]
    fn what_another_version_laid_down_is_said_and_not_gone_by() {
        let row = |own: &str| -> Row {
            serde_json::from_str(&format!(r#"{{"revision":7,"byName":"Asha","own":{own}}}"#)).unwrap()
        };
        let fine = r#"{"medicines":[{"name":"tulsi","class":"cough","forms":["syp"],"unit":"ml"}]}"#;
        assert!(over::<Own>(&Book::own(), row(fine)).formulary.find("tulsi").is_some());
        assert!(row("null").kept::<Own>().problem.is_none());
        for other in [fine.replace("class", "klass"), fine.replace("syp", "brick")] {
            let kept = row(&other).kept::<Own>();
            assert!(kept.problem.is_some() && kept.revision == 7, "{other}");
            assert!(over::<Own>(&Book::own(), row(&other)).formulary.find("tulsi").is_none());
        }
    }

    #[test]
    fn a_medicine_is_called_what_people_say() {
        let name = |text: &str| {
            let text = format!(r#"{{"medicationCodeableConcept":{text}}}"#);
            name_of(&json::parse(text.as_bytes(), &Limits::bytes(10_000)).unwrap())
        };
        assert_eq!(name(r#"{"text":"AMLODIPINE 5 mg TAB"}"#).as_deref(), Some("amlodipine"));
        assert_eq!(
            name(r#"{"text":"INSULIN GLARGINE (Lantus) 100 units"}"#).as_deref(),
            Some("insulin glargine")
        );
        let coded = r#"{"coding":[{"display":"Metformin hydrochloride 500 MG Oral Tablet"}]}"#;
        assert_eq!(name(coded).as_deref(), Some("metformin hydrochloride"));
        assert_eq!(name(r#"{"text":"5-ASA"}"#), None);
        assert_eq!(name("{}"), None);
    }
}

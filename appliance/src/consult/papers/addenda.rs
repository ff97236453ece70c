//! What a doctor added to a consultation after its end, as screens show it: documents of the record, in the order in which they
//! were added.

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::json::Value;
use clinicvault_vault::{Kind, Snapshot};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::consult::kept::Row;
use crate::records::compartment;
use crate::records::error::Error;

/// Something added after the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Addendum {
    /// Its id, and that of its DocumentReference.
    pub id: String,
    /// Name of who added it.
    pub by_name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What it says.
    pub text: String,
}

impl Addendum {
    /// Reads a DocumentReference as `picture::addendum` makes it.
    fn of(document: &Value) -> Option<Self> {
        let attachment = document.items("content").first()?.get("attachment")?;
        let bytes = data_encoding::BASE64.decode(attachment.str("data")?.as_bytes()).ok()?;
        Some(Self {
            id: document.str("id")?.to_owned(),
            by_name: document.items("author").first()?.str("display").unwrap_or_default().to_owned(),
            at: document.str("date")?.parse().ok()?,
            text: String::from_utf8(bytes).ok()?,
        })
    }
}

/// The addenda of a consultation, the oldest first; one that was deleted is left out.
pub(super) fn of(snapshot: &Snapshot, row: &Row) -> Result<Vec<Addendum>, Error> {
    let kind = ResourceType::DOCUMENT_REFERENCE;
    let mut all = Vec::new();
    for id in &row.course.addenda {
        let Some(head) = snapshot.head(Kind(kind.number()), id)?.filter(|head| !head.deleted) else {
            continue;
        };
        let json = compartment::parsed(snapshot, &head)?;
        all.push(Addendum::of(&json).ok_or_else(|| Error::Damaged(format!("addendum {id}")))?);
    }
    Ok(all)
}

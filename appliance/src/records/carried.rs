//! Records that another room of the box carries on: their truth is that room's row, the record is its picture in FHIR, and
//! nobody else writes it (`docs/decisions/0185-the-row-is-the-truth-of-a-consultation.md`).

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::Unit;

use super::error::Error;
use crate::collections::{CARRIED_RECORDS, CONSULTATIONS, FILES, PAYMENTS};

/// Whether a row carries this record.
pub(super) fn is(unit: &Unit<'_>, kind: ResourceType, id: &str) -> Result<bool, Error> {
    let carried = match kind {
        ResourceType::ENCOUNTER | ResourceType::CHARGE_ITEM | ResourceType::INVOICE => {
            unit.doc_get(CONSULTATIONS, id.as_bytes())?
        }
        // What is said and agreed to in a room: the consultation, a dot, a number (0200).
        ResourceType::COMMUNICATION | ResourceType::CONSENT => match id.rsplit_once('.') {
            Some((consultation, _)) => unit.doc_get(CONSULTATIONS, consultation.as_bytes())?,
            None => None,
        },
        ResourceType::PAYMENT_RECONCILIATION => unit.doc_get(PAYMENTS, id.as_bytes())?,
        ResourceType::COMPOSITION
        | ResourceType::DOCUMENT_REFERENCE
        | ResourceType::MEDICATION_REQUEST
        | ResourceType::MEDIA => match unit.doc_get(CARRIED_RECORDS, &key(kind, id))? {
            // A file of a consultation (0208).
            None if kind == ResourceType::DOCUMENT_REFERENCE => unit.doc_get(FILES, id.as_bytes())?,
            bound => bound,
        },
        _ => None,
    };
    Ok(carried.is_some())
}

/// Notes what carries a record: a signed paper, a consultation or a recording, by its id.
pub(super) fn bind(unit: &mut Unit<'_>, kind: ResourceType, id: &str, by: &str) -> Result<(), Error> {
    Ok(unit.doc_put(CARRIED_RECORDS, &key(kind, id), by.as_bytes())?)
}

fn key(kind: ResourceType, id: &str) -> Vec<u8> {
    format!("{kind}/{id}").into_bytes()
}

/// Why nobody else writes it.
pub(super) fn fixed() -> Error {
    Error::Fixed(
        "this record is carried by a consultation of the box: ask for a transition of the consultation or its payment instead, \
         and add to a signed paper or replace it"
            .to_owned(),
    )
}

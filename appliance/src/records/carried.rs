//! Records that another room of the box carries on: their truth is that room's row, the record is its picture in FHIR, and
//! nobody else writes it (`docs/decisions/0185-the-row-is-the-truth-of-a-consultation.md`).

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_vault::Unit;

use super::error::Error;
use crate::collections::{CONSULTATIONS, FILES, PAYMENTS, SIGNED_RECORDS};

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
        ResourceType::COMPOSITION | ResourceType::DOCUMENT_REFERENCE | ResourceType::MEDICATION_REQUEST => {
            match unit.doc_get(SIGNED_RECORDS, format!("{kind}/{id}").as_bytes())? {
                // A file of a consultation (0208).
                None if kind == ResourceType::DOCUMENT_REFERENCE => unit.doc_get(FILES, id.as_bytes())?,
                signed => signed,
            }
        }
        _ => None,
    };
    Ok(carried.is_some())
}

/// Why nobody else writes it.
pub(super) fn fixed() -> Error {
    Error::Fixed(
        "this record is carried by a consultation of the box: ask for a transition of the consultation or its payment instead, \
         and add to a signed paper or replace it"
            .to_owned(),
    )
}

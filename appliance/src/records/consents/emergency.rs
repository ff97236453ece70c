//! Breaking the glass: a clinician opens a record that a consent withholds, for an hour and with a reason
//! (clinic-workflow.md section 2).

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::{Issue, IssueCode};
use clinicvault_vault::{Action, Kind};
use jiff::Timestamp;

use super::super::access::{Area, Op, Purpose, Refusal, Subject, Who, decide};
use super::super::audit::{self, About};
use super::super::error::Error;
use super::super::{Caller, Records};
use super::openings::Kept;

/// Purpose of use: break the glass (HL7 v3 ActReason).
const PURPOSE: &str = "BTG";
/// Characters of a reason, at least and at most.
const REASON: std::ops::RangeInclusive<usize> = 10..=500;

impl Records {
    /// Opens a patient's record to a clinician for [`super::EMERGENCY`], whatever the patient's consents say. The reason is
    /// in the audit log before the record is open. Answers until when.
    ///
    /// # Errors
    /// [`Error::Refused`] for everybody but people who treat patients, [`Error::NotFound`] without such a patient,
    /// [`Error::Broken`] without a reason.
    pub async fn break_glass(&self, from: &Caller, patient: &str, reason: &str) -> Result<Timestamp, Error> {
        let subject = Subject::area_only(Area::Problems);
        let person = matches!(from.who.who, Who::Person { .. });
        let about = About { object: Some((ResourceType::PATIENT, patient, 0)), patient: Some(patient) };
        decide(&from.who, Op::Create, &subject)
            .check()
            .and(if person { Ok(()) } else { Err(Refusal::NoGrant) })
            .map_err(|why| {
                self.deny(&from.who, Op::Read, why, About::of_type(ResourceType::PATIENT, None));
                Error::Refused(why)
            })?;
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        if !REASON.contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            let text = "Say in 10 to 500 characters why this record has to be opened now.";
            return Err(Error::Broken(Issue::error(IssueCode::Required, text).at("reason").into()));
        }
        let head = self.vault().snapshot()?.head(Kind(ResourceType::PATIENT.number()), patient)?;
        if head.is_none_or(|head| head.deleted) {
            return Err(Error::missing(ResourceType::PATIENT, patient));
        }
        let mut line = audit::done(&from.who, Action::BreakGlass, Purpose::Treatment, about);
        line.purpose = PURPOSE.to_owned();
        line.reason = Some(reason.clone());
        let now = self.now();
        let opened = Kept::of(&from.who, patient, reason, now);
        self.unit(from.who.clone(), move |work| {
            work.audit(line)?;
            opened.keep(work)
        })
        .await?;
        Ok(self.consents().open_in_emergency(&from.who.id, patient, now))
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_gateway::fhir::id::LogicalId;
    use clinicvault_gateway::json::Limits;
    use jiff::SignedDuration;

    use super::super::Consents;
    use crate::records::access::Role;
    use crate::records::testing::{Room, caller, person};
    use crate::records::write::Draft;

    use super::*;

    #[tokio::test]
    async fn an_opening_lasts_its_hour_over_a_restart_and_no_longer() {
        let room = Room::empty();
        let draft = Draft::read(br#"{"resourceType":"Patient","id":"p1"}"#, &Limits::default()).unwrap();
        let id = LogicalId::parse("p1").unwrap();
        room.records.update(&caller(Who::Operator), &id, draft, None).await.unwrap();
        let doctor = person(Role::Doctor);
        let until = room.records.break_glass(&doctor, "p1", "unconscious in the house").await.unwrap();
        for (minutes, open) in [(60, true), (1, true), (0, false), (-30, false), (61, false)] {
            let now = until.checked_sub(SignedDuration::from_mins(minutes)).unwrap();
            let after = Consents::default();
            after.reopen(room.records.vault(), now).unwrap();
            let found = after.open_until(&doctor.who.id, "p1", now);
            assert_eq!(found, open.then_some(until), "{minutes} minutes before its end");
            assert_eq!(after.open_until("p-other", "p1", now), None);
            assert_eq!(after.open_until(&doctor.who.id, "p2", now), None);
        }
    }
}

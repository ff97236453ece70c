//! What stands around a patient and is no order: allergies, problems, procedures, covers, people, charges.
//!
//! AL1, DG1 and IN1 have code of their own; every other segment that has a block in `rules.txt` becomes what the block
//! says. What has neither is in the report, field by field.

use crate::hl7::Segment;
use crate::json::{Object, Value};

use super::apply::Around;
use super::clinical;
use super::draft::{Draft, Drafts};
use super::meaning::{Label, Row};
use super::people;
use super::types;
use super::value;

/// Maps the segments about one patient, in order.
pub(super) fn map<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    patient: &mut Draft,
    encounter: &mut Option<Draft>,
    segments: impl Iterator<Item = Segment<'a>>,
    rows: &mut Vec<Row>,
) {
    let mut cover: Option<Draft> = None;
    for segment in segments {
        let row = match segment.name().as_str() {
            "PV1" if encounter.is_none() => {
                around.add(drafts, segment, "PV1P", patient);
                None
            }
            "PD1" => {
                around.add(drafts, segment, "PD1+", patient);
                None
            }
            "PV1" | "PV2" => {
                if let Some(encounter) = encounter {
                    around.add(drafts, segment, if segment.is("PV1") { "PV1+" } else { "PV2+" }, encounter);
                }
                if segment.is("PV1") {
                    around.add(drafts, segment, "PV1P", patient);
                }
                episode(around, drafts, segment, encounter);
                None
            }
            "AL1" => clinical::allergy(around.book, patient, segment).map(|mut draft| {
                around.add(drafts, segment, "AL1+", &mut draft);
                ("allergy", named(&draft), draft)
            }),
            "IAM" => around.resource(drafts, segment).map(|mut draft| {
                draft.assume("clinicalStatus", clinical::status("allergyintolerance-clinical", "active"));
                ("allergy", named(&draft), draft)
            }),
            "DG1" => problem(around, drafts, patient, encounter, segment),
            "IN1" => {
                drafts.0.extend(cover.take());
                cover = insurance(around, drafts, patient, segment);
                if let Some(draft) = &cover {
                    let payor = draft.body.get("payor").and_then(Value::as_array).and_then(<[Value]>::first);
                    let name = payor.and_then(|p| p.str("display")).unwrap_or("").to_owned();
                    rows.push(Row::plain(Label::Key("cover"), name, segment.index()));
                }
                None
            }
            "IN2" => {
                if let Some(cover) = &mut cover {
                    around.add(drafts, segment, "IN2+", cover);
                    let subscriber = cover.body.get("subscriber").and_then(|s| s.str("reference"));
                    let subscriber = subscriber.filter(|s| s.starts_with("RelatedPerson/"));
                    around.add_to(drafts, subscriber, segment, "IN2S");
                }
                None
            }
            "PR1" => {
                if let Some(mut draft) = around.resource(drafts, segment) {
                    described(around, segment, &mut draft);
                    drafts.add(draft);
                }
                None
            }
            "PDA" => {
                for block in ["PDA", "PDAA"] {
                    let made = around.resource_by(drafts, segment, block);
                    drafts.0.extend(made);
                }
                None
            }
            "GT1" => {
                guarantor(around, drafts, segment);
                None
            }
            "RXO" | "RXE" | "RXD" | "RXA" | "RXR" | "TQ1" | "SCH" | "TXA" | "PID" => None,
            _ => {
                if let Some(draft) = around.resource(drafts, segment) {
                    drafts.add(draft);
                }
                None
            }
        };
        if let Some((key, value, draft)) = row {
            rows.push(Row::plain(Label::Key(key), value, segment.index()));
            drafts.add(draft);
        }
    }
    if let Some(cover) = cover {
        drafts.add(cover);
    }
}

fn named(draft: &Draft) -> String {
    draft.body.get("code").map(value::shown_concept).unwrap_or_default()
}

type Named = (&'static str, String, Draft);

/// DG1: the Condition, and its part in the visit.
fn problem<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    patient: &Draft,
    encounter: &mut Option<Draft>,
    segment: Segment<'a>,
) -> Option<Named> {
    let at = encounter.as_ref().map(Draft::reference);
    let (book, scope) = (around.book, around.scope);
    let mut draft = clinical::condition(book, scope, drafts, patient, at.as_ref(), segment)?;
    around.add(drafts, segment, "DG1+", &mut draft);
    let kind = book.field(segment, 6).c(1);
    let found = kind.peek().and_then(|k| book.maps.find("diagnosis-use", &k));
    let role = found.map(|c| types::concept(c, &kind.peek().unwrap_or_default(), "0052"));
    let rank = book.field(segment, 15).c(1);
    let number = rank.peek().and_then(|t| t.parse::<u32>().ok()).filter(|n| *n > 0);
    // The part of a diagnosis in a visit is its `use`, in a stay its `role` (the guide's maps of DG1).
    let part = |name: &str| {
        let item = Object::new().with("condition", draft.reference());
        item.with_some(name, role.clone()).with_some("rank", number)
    };
    let stay = drafts.0.iter_mut().find(|d| d.kind == "EpisodeOfCare");
    if number.is_some() && (encounter.is_some() || stay.is_some()) {
        rank.mark();
    }
    if let Some(stay) = stay {
        stay.append_once("diagnosis", part("role").into());
    }
    if let Some(encounter) = encounter {
        encounter.append("diagnosis", part("use"));
    }
    Some(("problem", named(&draft), draft))
}

/// IN1: the Coverage, its payer in full and its subscriber.
fn insurance<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    patient: &Draft,
    segment: Segment<'a>,
) -> Option<Draft> {
    let mut cover = clinical::coverage(around.book, around.scope, drafts, patient, segment)?;
    around.add(drafts, segment, "IN1+", &mut cover);
    holder(around, drafts, segment, &mut cover);
    let payer = cover.body.get("payor").and_then(Value::as_array).and_then(<[Value]>::first);
    let payer = payer.and_then(|p| p.str("reference")).map(str::to_owned);
    around.add_to(drafts, payer.as_deref(), segment, "IN1O");
    let own = around.book.field(segment, 17).c(1).peek();
    let own =
        own.is_some_and(|c| matches!(c.to_ascii_uppercase().as_str(), "SEL" | "18" | "SELF" | "PATIENT"));
    if own {
        cover.put("subscriber", patient.reference());
    } else if let Some(person) = around.resource_by(drafts, segment, "IN1S") {
        cover.put("subscriber", drafts.add(person));
    }
    if let Some(account) = drafts.0.iter_mut().find(|d| d.kind == "Account") {
        account.append_once("coverage", Object::new().with("coverage", cover.reference()).into());
    }
    Some(cover)
}

/// IN1-10: the numbers of the group that holds the policy (IN1-11), unless they are the subscriber's (SN).
fn holder<'a>(around: &Around<'a, '_>, drafts: &mut Drafts, segment: Segment<'a>, cover: &mut Draft) {
    for spot in around.book.field(segment, 10).reps() {
        if spot.c(5).peek().as_deref() == Some("SN") {
            continue;
        }
        let Some(number) = types::cx(around.scope, spot) else { continue };
        match cover.body.get("policyHolder").cloned() {
            Some(holder) => drafts.extend(&holder, "identifier", std::iter::once(&number.json())),
            None => {
                let holder = people::organization_of(around.scope, drafts, None, Some(number), spot);
                cover.set("policyHolder", holder, spot);
            }
        }
    }
}

/// PR1-4 says what was done in the surgeon's words, unless PR1-3.9 does; what the code is called stays with the coding.
fn described<'a>(around: &Around<'a, '_>, segment: Segment<'a>, draft: &mut Draft) {
    let words = around.book.field(segment, 4).c(1);
    if around.book.field(segment, 3).c(9).has_content() {
        return;
    }
    let Some(code) = draft.body.get_mut("code") else { return };
    let kept = |text: &str| {
        code.items("coding").iter().any(|c| [c.str("display"), c.str("code")].contains(&Some(text)))
    };
    if code.str("text").is_none_or(kept)
        && let (Some(object), Some(text)) = (code.as_object_mut(), words.take())
    {
        object.insert("text", text);
    }
}

/// GT1: who pays, and that he pays for the account.
fn guarantor<'a>(around: &Around<'a, '_>, drafts: &mut Drafts, segment: Segment<'a>) {
    let Some(person) = around.resource(drafts, segment) else { return };
    let period = person.body.get("period").cloned();
    let party = drafts.add(person);
    if let Some(account) = drafts.0.iter_mut().find(|d| d.kind == "Account") {
        // GT1-22: he has asked that his share is not billed.
        let hold = around.book.field(segment, 22).c(1);
        let held = hold.peek().and_then(|t| super::codes::yes_no(&t)).inspect(|_| hold.mark());
        let guarantor =
            Object::new().with("party", party).with_some("onHold", held).with_some("period", period);
        account.append_once("guarantor", guarantor.into());
    }
}

/// PV1-54: the stay that several visits belong to.
fn episode<'a>(
    around: &Around<'a, '_>,
    drafts: &mut Drafts,
    segment: Segment<'a>,
    encounter: &mut Option<Draft>,
) {
    if !segment.is("PV1") {
        return;
    }
    if let Some(episode) = around.resource_by(drafts, segment, "PV1E") {
        let reference = drafts.add(episode);
        if let Some(encounter) = encounter {
            encounter.append_once("episodeOfCare", reference);
        }
    }
}

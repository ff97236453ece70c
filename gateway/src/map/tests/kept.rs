//! What older senders and rarer segments say: quantity and timing of orders, reasons, policies, autopsies, places.

use super::*;

fn admitted(lines: &str) -> Mapped {
    map(&format!(
        "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ADT^A01^ADT_A01|K1|P|2.5.1\n\
         EVN||20261121113802+0530\nPID|1||88120^^^CITYPATH^PI||THORAT^G R||1955|M\n{lines}"
    ))
}

fn ordered(lines: &str) -> Mapped {
    map(&format!(
        "MSH|^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ORM^O01^ORM_O01|K2|P|2.3.1\n\
         PID|1||88120^^^CITYPATH^PI||THORAT^G R||1955|M\n{lines}"
    ))
}

#[test]
fn quantity_and_timing_of_older_senders_are_kept() {
    let mapped = ordered(
        "ORC|NW|O1|||||2&mg^BID&0800,2000^D7^^^S^^with food^^^^14\nOBR|1|O1||GLU^Glucose^99CP\n\
         DG1|1||E11^Diabetes^I10",
    );
    let request = resources(&mapped, "ServiceRequest")[0];
    let when = request.get("occurrenceTiming").unwrap();
    assert_eq!(at(when, "/code/coding/0/code"), "BID");
    assert_eq!([at(when, "/repeat/timeOfDay/0"), at(when, "/repeat/timeOfDay/1")], ["08:00:00", "20:00:00"]);
    assert_eq!(
        [at(when, "/repeat/boundsDuration/value"), at(when, "/repeat/boundsDuration/code")],
        ["7", "d"]
    );
    assert_eq!(at(when, "/repeat/count"), "14");
    assert_eq!([at(request, "/quantityQuantity/value"), at(request, "/quantityQuantity/unit")], ["2", "mg"]);
    assert_eq!([at(request, "/priority"), at(request, "/note/0/text")], ["stat", "with food"]);
    let reason = at(request, "/reasonReference/0/reference");
    assert_eq!(at(resources(&mapped, "Condition")[0], "/id"), reason.trim_start_matches("Condition/"));
}

#[test]
fn the_group_of_a_policy_holds_it() {
    let mapped = admitted(
        "PV1|1|O\nIN1|1|HMO^Plan|44|Star Health||||||G77^^^STAR^EN|||||||||||||||||||||||||||500&INR^DC",
    );
    let group = resources(&mapped, "Organization")
        .into_iter()
        .find(|o| o.pointer("/identifier/0/value").and_then(Value::as_str) == Some("G77"));
    let cover = resources(&mapped, "Coverage")[0];
    let id = at(group.unwrap(), "/id");
    assert_eq!(at(cover, "/policyHolder/reference"), format!("Organization/{id}"));
    assert_eq!(at(cover, "/costToBeneficiary/0/type/coding/0/code"), "DC");
}

#[test]
fn an_autopsy_is_told_of_beside_the_death_and_a_place_of_an_accident_is_one() {
    let mapped = admitted(
        "PV1|1|O\nACC|20261101|MVA^Car|||||||||12 Ring Road^^Pune\n\
         PDA|I21^Infarction^I10||Y|||Y|20261102^20261103|77^Rao^Asha",
    );
    let named = |name: &str| {
        resources(&mapped, "Observation").into_iter().find(|o| at(o, "/code/text") == name).unwrap()
    };
    let autopsy = named("Autopsy");
    assert_eq!(at(autopsy, "/effectivePeriod/end"), "2026-11-03");
    assert!(at(autopsy, "/performer/0/reference").starts_with("Practitioner/"));
    let place = at(named("Accident"), "/extension/0/valueReference/reference");
    let (_, id) = place.split_once('/').unwrap();
    let place = resources(&mapped, "Location").into_iter().find(|l| l.str("id") == Some(id)).unwrap();
    assert_eq!(at(place, "/address/city"), "Pune");
}

#[test]
fn a_document_outside_an_order_is_a_value_of_its_own() {
    let mapped =
        admitted("PV1|1|O\nOBX|1|RP|XR^Chest^99CP||http://pacs.example/1^^IM^JPEG||||||F|||||5^Sen^Ila");
    let seen = resources(&mapped, "Observation")[0];
    assert_eq!(at(seen, "/extension/0/valueAttachment/url"), "http://pacs.example/1");
    assert!(seen.get("dataAbsentReason").is_none());
    assert!(at(seen, "/performer/0/reference").starts_with("PractitionerRole/"));
}

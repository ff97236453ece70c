//! The clinic itself: its organisation, its people, its laboratory.

use clinicvault_gateway::json::Value;

use super::file::{CLINIC, DR_IMRAN, DR_MEERA, LAB, NURSE_REKHA, Staff, entry, transaction};
use crate::clinic::make::{identifier, list, obj, text, words};

/// The clinic's printed name and place.
pub const NAME: &str = "Nandini Clinic";
/// Where it stands.
pub const PLACE: &str = "Sangamner";
/// Its telephone.
pub const PHONE: &str = "7000040000";
/// Its registration number.
pub const REGISTRATION: &str = "MH-SNG-0417";

/// A user account of the demo: user name, printed name, roles, and the registration and qualification of doctors.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// What is typed at sign-in.
    pub username: &'static str,
    /// What the screen shows.
    pub name: &'static str,
    /// Role names as in the policy.
    pub roles: &'static [&'static str],
    /// Registration and qualification of a doctor.
    pub doctor: Option<(&'static str, &'static str)>,
}

/// Who can sign in. The first is the owner.
pub const USERS: &[User] = &[
    User {
        username: "meera",
        name: "Dr Meera Kulkarni",
        roles: &["owner", "doctor"],
        doctor: Some(("MMC-2004-031177", "MBBS, DGO")),
    },
    User {
        username: "imran",
        name: "Dr Imran Shaikh",
        roles: &["doctor"],
        doctor: Some(("MMC-2011-048820", "MBBS")),
    },
    User { username: "rekha", name: "Rekha Salve", roles: &["nurse"], doctor: None },
    User { username: "sanjana", name: "Sanjana Gite", roles: &["reception"], doctor: None },
    User { username: "vikas", name: "Vikas Lokhande", roles: &["lab"], doctor: None },
];

/// The transaction that stores organisations and practitioners.
#[must_use]
pub fn transaction_of_the_house() -> Value {
    let organizations =
        [(CLINIC, PHONE, PLACE), (LAB, "7000040555", "Nashik")].map(|(which, phone, place)| {
            entry(
                "Organization",
                which.0,
                vec![
                    ("active", Value::Bool(true)),
                    ("name", text(which.1)),
                    ("telecom", list([phone_of(phone)])),
                    (
                        "address",
                        list([obj([
                            ("city", text(place)),
                            ("state", text("Maharashtra")),
                            ("country", text("IN")),
                        ])]),
                    ),
                ],
            )
        });
    let practitioners = [
        practitioner(DR_MEERA, "female", Some(("MMC-2004-031177", "MBBS, DGO"))),
        practitioner(DR_IMRAN, "male", Some(("MMC-2011-048820", "MBBS"))),
        practitioner(NURSE_REKHA, "female", None),
    ];
    transaction(organizations.into_iter().chain(practitioners).collect())
}

fn practitioner(who: Staff, gender: &str, doctor: Option<(&str, &str)>) -> Value {
    let mut fields = vec![("active", Value::Bool(true))];
    if let Some((registration, _)) = doctor {
        fields.push((
            "identifier",
            list([identifier("https://www.maharashtramedicalcouncil.in", registration)]),
        ));
    }
    fields.push(("name", list([obj([("text", text(who.1))])])));
    fields.push(("gender", text(gender)));
    if let Some((_, qualification)) = doctor {
        fields.push(("qualification", list([obj([("code", words(qualification))])])));
    }
    entry("Practitioner", who.0, fields)
}

fn phone_of(phone: &str) -> Value {
    obj([("system", text("phone")), ("value", text(format!("+91{phone}")))])
}

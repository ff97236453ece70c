//! Carrying the demo clinic through the real doors of an open box.
//!
//! Owns the order: staff first, so that their names stand in the records, then the house, then each patient's year, then
//! the messages over the inbox, and at last what the first morning looked like (who opened whose chart).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clinicvault_gateway::fhir::bundle;
use thiserror::Error;

use super::house::{USERS, User};
use super::messages::Arriving;
use super::{Demo, messages};
use crate::admin::error::AdminError;
use crate::admin::people::People;
use crate::admin::staff::NewAccount;
use crate::app::Rooms;
use crate::exchange::inbox::Arrival;
use crate::records::access::{Actor, Role, Who};
use crate::records::transaction::Rules;
use crate::records::{self, Caller, Records};

/// Why the demo clinic is not complete.
#[derive(Debug, Error)]
pub enum InstallError {
    /// The records room refused.
    #[error(transparent)]
    Records(#[from] records::error::Error),
    /// An account was refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The generator made something that is no transaction.
    #[error("the demo holds a bundle that is none: {0}")]
    Bundle(String),
    /// The messages were not all taken in.
    #[error("the messages were not applied: {0}")]
    Exchange(String),
}

/// Puts the clinic into the box. `password` is what every account but the owner's gets; `step` hears how far it is.
///
/// # Errors
/// [`InstallError`]; what was stored before stays, and the same call completes it.
pub async fn install(
    rooms: &Rooms,
    demo: Demo,
    password: &str,
    mut step: impl FnMut(usize, usize),
) -> Result<(), InstallError> {
    staff(&rooms.people, password).await?;
    let all = demo.transactions.len();
    let operator = Caller { who: Arc::new(Actor::operator("demo")), base: None };
    for (at, transaction) in demo.transactions.into_iter().enumerate() {
        let bundle = bundle::parse(transaction, bundle::MOST_ENTRIES)
            .map_err(|outcome| InstallError::Bundle(outcome.to_string()))?;
        let rules = Rules { check_references: true, representation: false, skip_broken: false };
        rooms.records.transaction(&operator, bundle, rules).await?;
        step(at + 1, all);
    }
    rooms.records.last_number_is(demo.last_number).await?;
    receive(rooms, messages::messages(demo.today)).await?;
    first_morning(&rooms.people, &rooms.records)
}

async fn staff(people: &People, password: &str) -> Result<(), InstallError> {
    let known: Vec<String> = people.accounts().into_iter().map(|listed| listed.account.username).collect();
    for user in USERS.iter().filter(|user| known.iter().all(|name| name != user.username)) {
        let new = NewAccount {
            name: user.name.to_owned(),
            username: user.username.to_owned(),
            roles: roles(user),
            registration: user.doctor.map(|(registration, _)| registration.to_owned()),
            qualification: user.doctor.map(|(_, qualification)| qualification.to_owned()),
        };
        people.add_account(&Actor::operator("demo"), new, password, false).await?;
    }
    Ok(())
}

fn roles(user: &User) -> Vec<Role> {
    user.roles.iter().filter_map(|role| Role::parse(role)).collect()
}

/// The messages as the laboratory and the old desk program send them, one after the other.
async fn receive(rooms: &Rooms, arriving: Vec<Arriving>) -> Result<(), InstallError> {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for (connection, message) in (0..).zip(arriving) {
        rooms.exchange.take(message.bytes, Arrival { peer, tls: false, connection }).await;
    }
    rooms.exchange.drain().await.map_err(|error| InstallError::Exchange(error.to_string()))
}

/// Numbers of patients whose charts were opened this morning, by reception and then by the doctor.
const OPENED: &[&str] = &["NC-003148", "NC-001904", "NC-005120", "NC-004218"];

fn first_morning(people: &People, records: &Records) -> Result<(), InstallError> {
    let accounts = people.accounts();
    for number in OPENED {
        for username in ["sanjana", "imran"] {
            let Some(account) =
                accounts.iter().map(|listed| &listed.account).find(|account| account.username == username)
            else {
                continue;
            };
            let who = Actor {
                id: account.id.clone(),
                name: account.name.clone(),
                who: Who::Person { roles: account.roles.clone() },
                session: None,
                source: "demo".to_owned(),
            };
            let from = Caller { who: Arc::new(who), base: None };
            let (hits, _) = records.find_people(&from, number)?;
            if let Some(hit) = hits.first() {
                records.chart(&from, &hit.patient.id)?;
            }
        }
    }
    Ok(())
}

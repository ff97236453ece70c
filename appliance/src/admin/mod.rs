//! People and machines that may use the box: accounts, sessions, tokens, setup, the control socket.

mod absent;
pub mod account;
mod blocklist;
pub mod clinic;
pub mod errands;
pub mod error;
pub mod gate;
mod half;
pub mod machines;
mod own_factor;
pub mod password;
pub mod people;
pub mod recovery_code;
pub mod secret;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod signing;
pub mod smart;
pub mod socket;
pub mod staff;
mod store;
pub mod throttle;
pub mod totp;

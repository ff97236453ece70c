//! Making the box trusted on the clinic's network: its own certificate authority, its certificate, the install page.

pub mod addresses;
pub mod authority;
mod clients;
pub mod install;
pub mod origin;
pub mod tls;

//! The whole face over a real vault, without sockets: what a browser sends and what it gets.

mod bench;
mod first_run;
mod jobs;
mod parameters;
mod people;
mod roles;
mod sign_in;
mod smart;

//! Money: one state machine for cash, UPI and the gateway.

pub mod payment;

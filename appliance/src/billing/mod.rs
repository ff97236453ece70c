//! Money: what a consultation costs and how it is paid.
//!
//! `payment` is the one state machine for cash, UPI and the gateway; `prices` the dated list; `upi` the link and its
//! picture; `razorpay` the gateway's proofs and requests; `ways` which of these the clinic has, with their secrets. What a
//! payment means for a consultation, and storing either, is `consult`'s.

pub mod payment;
pub mod prices;
pub mod razorpay;
pub mod upi;
pub mod ways;

//! Settings of consultations and their money.

use serde::{Deserialize, Serialize};

/// Times of consultations (clinic-workflow.md section 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consultations {
    pub hold_seconds: u64,
    pub absent_seconds: u64,
    pub grace_seconds: u64,
    pub lapse_seconds: u64,
}

impl Default for Consultations {
    fn default() -> Self {
        Self { hold_seconds: 600, absent_seconds: 900, grace_seconds: 600, lapse_seconds: 90 }
    }
}

/// The payment gateway. Its keys lie in the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payments {
    pub razorpay: String,
    pub timeout_seconds: u64,
    pub poll_seconds: u64,
    pub poll_most_seconds: u64,
}

impl Default for Payments {
    fn default() -> Self {
        Self {
            razorpay: "https://api.razorpay.com".to_owned(),
            timeout_seconds: 10,
            poll_seconds: 15,
            poll_most_seconds: 300,
        }
    }
}

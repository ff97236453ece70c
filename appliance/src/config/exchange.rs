//! Settings of what goes in and out: HL7 v2, long work, notifications.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The HL7 v2 side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hl7 {
    pub frame_kib: usize,
    pub idle_seconds: u64,
    pub connections: usize,
    pub plain_peers: Vec<IpAddr>,
    pub strict_senders: Vec<String>,
    pub folders: Vec<PathBuf>,
    pub keep_days: u32,
}

impl Default for Hl7 {
    fn default() -> Self {
        Self {
            frame_kib: 16_000,
            idle_seconds: 10,
            connections: 128,
            plain_peers: Vec::new(),
            strict_senders: Vec::new(),
            folders: Vec::new(),
            keep_days: 0,
        }
    }
}

/// Long work: exports, imports, and requests that are answered later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    pub per_caller: usize,
    pub most: usize,
    pub keep_minutes: u64,
    pub answer_mib: usize,
    pub import_folders: Vec<PathBuf>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { per_caller: 20, most: 100, keep_minutes: 24 * 60, answer_mib: 64, import_folders: Vec::new() }
    }
}

/// Alerts about channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    pub look_seconds: u64,
    pub destination: String,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { look_seconds: 60, destination: String::new() }
    }
}

/// Notifications of changes to other systems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscriptions {
    pub endpoints: Vec<String>,
    pub private_addresses: bool,
    pub ca_file: PathBuf,
    pub per_owner: usize,
    pub most: usize,
    pub attempts: u32,
    pub retry_seconds: u64,
    pub retry_most_seconds: u64,
    pub timeout_seconds: u64,
    pub batch: u64,
    pub keep_events: u64,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            private_addresses: false,
            ca_file: PathBuf::new(),
            per_owner: 20,
            most: 100,
            attempts: 12,
            retry_seconds: 2,
            retry_most_seconds: 900,
            timeout_seconds: 20,
            batch: 20,
            keep_events: 1_000,
        }
    }
}

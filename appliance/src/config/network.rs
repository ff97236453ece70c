//! Where the box listens, and what a peer may ask of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::records::PATCH_STEPS;

/// Addresses the box listens on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    pub https: SocketAddr,
    pub http: SocketAddr,
    pub mllp: SocketAddr,
    pub names: Vec<String>,
    pub origins: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            https: SocketAddr::new(everywhere, 8443),
            http: SocketAddr::new(here, 8080),
            mllp: SocketAddr::new(here, 2575),
            names: vec!["clinicvault.local".to_owned()],
            origins: Vec::new(),
        }
    }
}

/// Bounds on what a peer may ask of the box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub connections: usize,
    pub header_seconds: u64,
    pub body_seconds: u64,
    pub body_mib: usize,
    pub binary_mib: usize,
    pub json_depth: usize,
    pub bundle_entries: usize,
    pub patch_steps: u64,
    pub page_rows: usize,
    pub search_values: usize,
    pub table_seconds: u64,
    pub chain_depth: usize,
    pub search_rows: u64,
    pub count_rows: u64,
    pub included: usize,
    pub check_references: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 900,
            header_seconds: 10,
            body_seconds: 30,
            body_mib: 16,
            binary_mib: 10,
            json_depth: 64,
            bundle_entries: 10_000,
            patch_steps: PATCH_STEPS,
            page_rows: 1_000,
            search_values: 500,
            table_seconds: 300,
            chain_depth: 5,
            search_rows: 200_000,
            count_rows: 2_000_000,
            included: 1_000,
            check_references: true,
        }
    }
}

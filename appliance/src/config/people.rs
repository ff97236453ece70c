//! Settings of sign-ins and of the audit log.

use serde::{Deserialize, Serialize};

/// How strictly reads wait for their audit line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    pub await_reads: bool,
}

/// Life of sign-ins (security-storage reference, section 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    pub idle_minutes: u64,
    pub absolute_hours: u64,
    pub admin_idle_minutes: u64,
    pub admin_absolute_hours: u64,
    pub second_factor: SecondFactor,
    pub prove_minutes: u64,
    pub app_minutes: u64,
    pub password_memory_mib: u32,
    pub password_passes: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle_minutes: 15,
            absolute_hours: 12,
            admin_idle_minutes: 10,
            admin_absolute_hours: 4,
            second_factor: SecondFactor::Required,
            prove_minutes: 5,
            app_minutes: 10,
            password_memory_mib: 64,
            password_passes: 3,
        }
    }
}

/// Whether staff must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    Required,
    Optional,
}

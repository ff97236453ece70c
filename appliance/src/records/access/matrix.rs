//! The permission matrix of clinic-workflow.md section 2, as data.

use serde::{Deserialize, Serialize};

use super::Area;

/// A role of a member of the clinic. Patients and their proxies come with the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the clinic: users, devices, money, export. Has no clinical read.
    Owner,
    /// Treats patients.
    Doctor,
    /// Takes vitals, keeps the queue moving.
    Nurse,
    /// Registers patients and keeps the book.
    Reception,
    /// Hands out medicines.
    Dispenser,
    /// Does tests.
    Lab,
    /// Takes money.
    Cashier,
    /// Reads the audit trail and the books.
    Auditor,
}

impl Role {
    /// Every role, in the order of the matrix's columns.
    pub const ALL: [Role; 8] = [
        Role::Owner,
        Role::Doctor,
        Role::Nurse,
        Role::Reception,
        Role::Dispenser,
        Role::Lab,
        Role::Cashier,
        Role::Auditor,
    ];

    /// The name in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Doctor => "doctor",
            Role::Nurse => "nurse",
            Role::Reception => "reception",
            Role::Dispenser => "dispenser",
            Role::Lab => "lab",
            Role::Cashier => "cashier",
            Role::Auditor => "auditor",
        }
    }

    /// Reads a name; `None` for a word that is no role.
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether a second factor is needed for this role when the clinic requires it (security-storage.md section 7).
    pub fn wants_second_factor(self) -> bool {
        matches!(self, Role::Owner | Role::Doctor | Role::Nurse)
    }
}

/// How far a role reaches into an area. The order is by generosity, so the best of several roles is the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grant {
    /// Not at all.
    Nothing,
    /// May propose to someone who decides.
    Propose,
    /// Only what concerns or comes from the person.
    Own,
    /// Read, only patients in the person's present queue or care team.
    Scoped,
    /// Read.
    Read,
    /// Read, create, and change what the person wrote.
    Write,
    /// Everything.
    Full,
}

impl Grant {
    /// The letter of the matrix, as the user interface gets it. A proposal shows as none until proposals exist.
    pub fn letter(self) -> &'static str {
        match self {
            Grant::Nothing | Grant::Propose => "-",
            Grant::Own => "O",
            Grant::Scoped => "S",
            Grant::Read => "R",
            Grant::Write => "W",
            Grant::Full => "F",
        }
    }
}

/// What a role may do in an area.
pub fn grant(role: Role, area: Area) -> Grant {
    let column = Role::ALL.iter().position(|each| *each == role).unwrap_or(usize::MAX);
    let row = MATRIX.iter().find(|(each, _)| *each == area);
    match row.and_then(|(_, letters)| letters.as_bytes().get(column)) {
        Some(b'F') => Grant::Full,
        Some(b'W') => Grant::Write,
        Some(b'R') => Grant::Read,
        Some(b'S') => Grant::Scoped,
        Some(b'O') => Grant::Own,
        Some(b'p') => Grant::Propose,
        Some(_) | None => Grant::Nothing,
    }
}

/// One letter a role, in the order of [`Role::ALL`]: owner, doctor, nurse, reception, dispenser, lab, cashier, auditor.
/// F full, W create and change own, R read, S read in care, O own, p propose, - none.
const MATRIX: [(Area, &str); 24] = [
    (Area::Demographics, "RFFFRRRR"),
    (Area::Merge, "FW-p---R"),
    (Area::Queue, "RFFFRRRR"),
    (Area::Appointments, "RFFF--RR"),
    (Area::Visits, "-FFF----"),
    (Area::Vitals, "-FFW----"),
    (Area::Problems, "-FW-----"),
    (Area::Allergies, "-FW-R---"),
    (Area::Notes, "-FS-----"),
    (Area::Prescriptions, "-FS-S---"),
    (Area::Results, "-FW--F--"),
    (Area::Review, "-F------"),
    (Area::Transcript, "-S------"),
    (Area::Inbox, "-FR--F--"),
    (Area::Invoices, "FR-WWWFR"),
    (Area::Refunds, "Fp-p--WR"),
    (Area::Directory, "FRRRRRRR"),
    (Area::Settings, "F------R"),
    (Area::AccessLog, "RRR----R"),
    (Area::Audit, "ROOOOOOR"),
    (Area::Origin, "RF-----R"),
    (Area::Export, "F-------"),
    (Area::Portal, "--------"),
    (Area::Other, "-F------"),
];

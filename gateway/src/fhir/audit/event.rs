//! What was done, in the codes of R4, DICOM and the box's own words.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Event {
    Read,
    VersionRead,
    Search,
    Create,
    Update,
    Delete,
    HistoryOfOne,
    HistoryOfMany,
    Transaction,
    Operation,
    Login,
    LoginFailed,
    Logout,
    BreakGlass,
    Export,
    Print,
    Import,
    Configure,
    UserChange,
    TokenChange,
    KeyChange,
    Setup,
    Unlock,
    Start,
    Stop,
    Verify,
    Backup,
    Restore,
    MessageIn,
    MessageApplied,
    MessageHeld,
    MessageRefused,
    MessageSettled,
    Alarm,
}

/// System, code and name.
type Code = (&'static str, &'static str, &'static str);

const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: Code = ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation");
const ACTIVITY: Code = (DICOM, "110100", "Application Activity");
const TAKEN_OUT: Code = (DICOM, "110106", "Export");
const TAKEN_IN: Code = (DICOM, "110107", "Import");
const SECURITY: Code = (DICOM, "110113", "Security Alert");
const SIGNING_IN: Code = (DICOM, "110114", "User Authentication");

impl Event {
    /// Every event.
    pub const ALL: [Self; 34] = [
        Self::Read,
        Self::VersionRead,
        Self::Search,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::HistoryOfOne,
        Self::HistoryOfMany,
        Self::Transaction,
        Self::Operation,
        Self::Login,
        Self::LoginFailed,
        Self::Logout,
        Self::BreakGlass,
        Self::Export,
        Self::Print,
        Self::Import,
        Self::Configure,
        Self::UserChange,
        Self::TokenChange,
        Self::KeyChange,
        Self::Setup,
        Self::Unlock,
        Self::Start,
        Self::Stop,
        Self::Verify,
        Self::Backup,
        Self::Restore,
        Self::MessageIn,
        Self::MessageApplied,
        Self::MessageHeld,
        Self::MessageRefused,
        Self::MessageSettled,
        Self::Alarm,
    ];

    /// `AuditEvent.type`.
    pub fn kind(self) -> Code {
        match self {
            Self::Read
            | Self::VersionRead
            | Self::Search
            | Self::Create
            | Self::Update
            | Self::Delete
            | Self::HistoryOfOne
            | Self::HistoryOfMany
            | Self::Transaction
            | Self::Operation => REST,
            Self::Login | Self::LoginFailed | Self::Logout => SIGNING_IN,
            Self::Export | Self::Print | Self::Backup => TAKEN_OUT,
            Self::Import
            | Self::Restore
            | Self::MessageIn
            | Self::MessageApplied
            | Self::MessageHeld
            | Self::MessageRefused
            | Self::MessageSettled => TAKEN_IN,
            Self::BreakGlass
            | Self::Configure
            | Self::UserChange
            | Self::TokenChange
            | Self::KeyChange
            | Self::Setup
            | Self::Unlock
            | Self::Alarm => SECURITY,
            Self::Start | Self::Stop | Self::Verify => ACTIVITY,
        }
    }

    /// `AuditEvent.subtype` in the codes of others; the box's own word stands beside it.
    pub fn subtype(self) -> Option<Code> {
        let code = match self {
            Self::Read => (INTERACTION, "read", "read"),
            Self::VersionRead => (INTERACTION, "vread", "vread"),
            Self::Search => (INTERACTION, "search", "search"),
            Self::Create => (INTERACTION, "create", "create"),
            Self::Update => (INTERACTION, "update", "update"),
            Self::Delete => (INTERACTION, "delete", "delete"),
            Self::HistoryOfOne => (INTERACTION, "history-instance", "history-instance"),
            Self::HistoryOfMany => (INTERACTION, "history", "history"),
            Self::Transaction => (INTERACTION, "transaction", "transaction"),
            Self::Operation => (INTERACTION, "operation", "operation"),
            Self::Login | Self::LoginFailed => (DICOM, "110122", "Login"),
            Self::Logout => (DICOM, "110123", "Logout"),
            Self::BreakGlass => (DICOM, "110127", "Emergency Override Started"),
            Self::Configure | Self::Setup => (DICOM, "110129", "Security Configuration"),
            Self::UserChange => (DICOM, "110137", "User Security Attributes Changed"),
            Self::Start => (DICOM, "110120", "Application Start"),
            Self::Stop => (DICOM, "110121", "Application Stop"),
            Self::Export
            | Self::Print
            | Self::Import
            | Self::TokenChange
            | Self::KeyChange
            | Self::Unlock
            | Self::Verify
            | Self::Backup
            | Self::Restore
            | Self::MessageIn
            | Self::MessageApplied
            | Self::MessageHeld
            | Self::MessageRefused
            | Self::MessageSettled
            | Self::Alarm => return None,
        };
        Some(code)
    }

    /// `AuditEvent.action` (value set audit-event-action).
    pub fn letter(self) -> &'static str {
        match self {
            Self::Create | Self::MessageIn => "C",
            Self::Read
            | Self::VersionRead
            | Self::HistoryOfOne
            | Self::HistoryOfMany
            | Self::Export
            | Self::Print
            | Self::Backup => "R",
            Self::Update
            | Self::Configure
            | Self::UserChange
            | Self::TokenChange
            | Self::KeyChange
            | Self::MessageSettled => "U",
            Self::Delete => "D",
            Self::Search
            | Self::Transaction
            | Self::Operation
            | Self::Login
            | Self::LoginFailed
            | Self::Logout
            | Self::BreakGlass
            | Self::Import
            | Self::Setup
            | Self::Unlock
            | Self::Start
            | Self::Stop
            | Self::Verify
            | Self::Restore
            | Self::MessageApplied
            | Self::MessageHeld
            | Self::MessageRefused
            | Self::Alarm => "E",
        }
    }

    /// The box's own word, each its own.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::VersionRead => "version-read",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::HistoryOfOne => "history-of-one",
            Self::HistoryOfMany => "history-of-many",
            Self::Transaction => "transaction",
            Self::Operation => "operation",
            Self::Login => "login",
            Self::LoginFailed => "login-failed",
            Self::Logout => "logout",
            Self::BreakGlass => "break-glass",
            Self::Export => "export",
            Self::Print => "print",
            Self::Import => "import",
            Self::Configure => "configure",
            Self::UserChange => "user-change",
            Self::TokenChange => "token-change",
            Self::KeyChange => "key-change",
            Self::Setup => "setup",
            Self::Unlock => "unlock",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Verify => "verify",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::MessageIn => "message-in",
            Self::MessageApplied => "message-applied",
            Self::MessageHeld => "message-held",
            Self::MessageRefused => "message-refused",
            Self::MessageSettled => "message-settled",
            Self::Alarm => "alarm",
        }
    }
}

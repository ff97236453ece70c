//! What a message means, as rows for a person: the middle column of the message screen.

/// The name of a row: a key that the screen translates, or a text from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// `patient`, `order`, `collected`, `visit`, `allergy`, `problem`, `cover`, `event`, `note`, `line`.
    Key(&'static str),
    /// The name of a test.
    Text(String),
}

/// How much a row wants to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Outside its range.
    Abnormal,
    /// Dangerous: someone has to act.
    Critical,
}

impl Tone {
    /// The tone of an abnormal flag of table 0078.
    pub fn of_flag(flag: &str) -> Option<Self> {
        match flag {
            "HH" | "LL" | "AA" | ">" | "<" => Some(Self::Critical),
            "H" | "L" | "A" | "R" | "POS" | "DET" | "RR" | "WR" | "U" | "D" | "W" | "UNE" => {
                Some(Self::Abnormal)
            }
            _ => None,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub label: Label,
    /// What it says, unit included.
    pub value: String,
    /// The flag as the record keeps it, such as `HH`.
    pub flag: Option<String>,
    /// The reference range as sent.
    pub range: Option<String>,
    /// How it is to be shown.
    pub tone: Option<Tone>,
    /// Position of its segment in the message, counted from 0.
    pub segment: usize,
}

impl Row {
    /// A row without flag and range.
    pub fn plain(label: Label, value: String, segment: usize) -> Self {
        Self { label, value, flag: None, range: None, tone: None, segment }
    }
}

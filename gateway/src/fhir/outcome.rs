//! OperationOutcome: what was wrong, with its place, for the machine and for the reader.

use std::fmt;

use crate::json::{JsonError, Object, Reason, Value};

/// How grave an issue is (value set issue-severity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Only to know.
    Information,
    /// Worth a look; the interaction went on.
    Warning,
    /// The interaction was refused.
    Error,
    /// The interaction was refused and checking stopped here.
    Fatal,
}

impl Severity {
    /// The code of the value set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

macro_rules! issue_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What kind of issue it is (value set issue-type).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum IssueCode { $($(#[$doc])* $name,)* }
        impl IssueCode {
            /// The code of the value set.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The member of this code, where it is one of those above.
            pub fn of(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

issue_codes! {
    /// Content does not follow the specification.
    Invalid = "invalid",
    /// A structural rule is broken: not JSON, unknown element, wrong type, wrong count.
    Structure = "structure",
    /// A required element is missing.
    Required = "required",
    /// An element or parameter value is not acceptable.
    Value = "value",
    /// An invariant failed.
    Invariant = "invariant",
    /// Something about identity or credentials.
    Security = "security",
    /// Nobody is signed in.
    Login = "login",
    /// Not allowed.
    Forbidden = "forbidden",
    /// The record is not visible in full.
    Suppressed = "suppressed",
    /// The server does not do this.
    NotSupported = "not-supported",
    /// The same thing twice.
    Duplicate = "duplicate",
    /// Several records match where one is needed.
    MultipleMatches = "multiple-matches",
    /// No such record.
    NotFound = "not-found",
    /// The record has been deleted.
    Deleted = "deleted",
    /// More than a limit allows.
    TooLong = "too-long",
    /// A code is not in its value set.
    CodeInvalid = "code-invalid",
    /// An extension is not acceptable here.
    Extension = "extension",
    /// More work than the server is willing to do.
    TooCostly = "too-costly",
    /// A business rule of the box.
    BusinessRule = "business-rule",
    /// Somebody else changed it meanwhile.
    Conflict = "conflict",
    /// The box cannot do it at present.
    Transient = "transient",
    /// The store is not available.
    NoStore = "no-store",
    /// A limit on the number of requests.
    Throttled = "throttled",
    /// An error inside the server.
    Exception = "exception",
    /// Took too long.
    Timeout = "timeout",
    /// Not everything could be looked at.
    Incomplete = "incomplete",
    /// Only to know.
    Informational = "informational",
    /// Something in processing failed.
    Processing = "processing",
}

/// One thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How grave.
    pub severity: Severity,
    /// What kind.
    pub code: IssueCode,
    /// A sentence for the person who reads it.
    pub diagnostics: String,
    /// FHIRPath of the places, such as `Patient.name[0].given`.
    pub expression: Vec<String>,
}

impl Issue {
    /// An error without a place.
    pub fn error(code: IssueCode, diagnostics: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, diagnostics: diagnostics.into(), expression: Vec::new() }
    }

    /// A warning without a place.
    pub fn warning(code: IssueCode, diagnostics: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, diagnostics) }
    }

    /// The same issue at a place.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression.push(expression.into());
        self
    }

    /// The issue as an element of OperationOutcome.
    pub fn to_json(&self) -> Value {
        let places = (!self.expression.is_empty())
            .then(|| self.expression.iter().map(Value::from).collect::<Vec<Value>>());
        let issue = Object::new()
            .with("severity", self.severity.as_str())
            .with("code", self.code.as_str())
            .with("diagnostics", self.diagnostics.as_str())
            .with_some("expression", places);
        Value::Object(issue)
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expression.first() {
            Some(place) => write!(f, "{place}: {}", self.diagnostics),
            None => f.write_str(&self.diagnostics),
        }
    }
}

/// The issues of one refused or finished interaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", issues.iter().map(Issue::to_string).collect::<Vec<_>>().join("; "))]
pub struct Outcome {
    /// At least one.
    pub issues: Vec<Issue>,
}

impl Outcome {
    /// An outcome of several issues.
    pub const fn of(issues: Vec<Issue>) -> Self {
        Self { issues }
    }

    /// One error.
    pub fn error(code: IssueCode, diagnostics: impl Into<String>) -> Self {
        Self::from(Issue::error(code, diagnostics))
    }

    /// Whether any issue is an error.
    pub fn is_error(&self) -> bool {
        self.issues.iter().any(|issue| issue.severity >= Severity::Error)
    }

    /// The same outcome with every place put behind a prefix: `Bundle.entry[3].resource` + `Patient.name` gives
    /// `Bundle.entry[3].resource.name`; issues without a place get the prefix itself.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        for issue in &mut self.issues {
            if issue.expression.is_empty() {
                issue.expression.push(prefix.to_owned());
            }
            for place in &mut issue.expression {
                if place != prefix {
                    let rest = place.split_once('.').map_or("", |(_, rest)| rest);
                    *place = if rest.is_empty() { prefix.to_owned() } else { format!("{prefix}.{rest}") };
                }
            }
        }
        self
    }

    /// The OperationOutcome resource.
    pub fn to_json(&self) -> Value {
        Value::Object(
            Object::new()
                .with("resourceType", "OperationOutcome")
                .with("issue", self.issues.iter().map(Issue::to_json).collect::<Vec<Value>>()),
        )
    }
}

impl From<Issue> for Outcome {
    fn from(issue: Issue) -> Self {
        Self { issues: vec![issue] }
    }
}

/// A text that is not JSON: `too-long` where a limit was met, `structure` otherwise.
impl From<JsonError> for Outcome {
    fn from(error: JsonError) -> Self {
        let code = match error.reason {
            Reason::TooLong { .. } | Reason::TooDeep { .. } => IssueCode::TooLong,
            Reason::NotUtf8
            | Reason::Truncated
            | Reason::Expected(_)
            | Reason::DuplicateKey { .. }
            | Reason::ControlCharacter(_)
            | Reason::LoneSurrogate
            | Reason::BadEscape
            | Reason::BadNumber
            | Reason::TrailingData => IssueCode::Structure,
        };
        let mut issue = Issue::error(code, format!("The body is not acceptable JSON: {error}"));
        issue.severity = Severity::Fatal;
        if !error.path.is_empty() {
            issue.expression.push(error.path);
        }
        Self::from(issue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn places_move_under_a_bundle_entry() {
        let outcome = Outcome::of(vec![
            Issue::error(IssueCode::Value, "x").at("Patient.name[0].given"),
            Issue::error(IssueCode::Value, "y").at("Patient"),
            Issue::error(IssueCode::Value, "z"),
        ])
        .within("Bundle.entry[3].resource");
        let places: Vec<_> = outcome.issues.iter().map(|i| i.expression[0].as_str()).collect();
        assert_eq!(
            places,
            [
                "Bundle.entry[3].resource.name[0].given",
                "Bundle.entry[3].resource",
                "Bundle.entry[3].resource"
            ]
        );
    }

    #[test]
    fn unreadable_json_becomes_an_outcome_with_its_place() {
        let outcome = Outcome::from(parse(b"{\"a\": {\"b\": tru}}", &Limits::default()).unwrap_err());
        assert_eq!(
            outcome.to_json().to_string(),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"structure","diagnostics":"The body is not acceptable JSON: line 1, column 13, in a.b: expected true, false or null","expression":["a.b"]}]}"#
        );
    }
}

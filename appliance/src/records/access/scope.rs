//! Machine scopes in the words of SMART App Launch 2: `system/<Type or *>.<letters of cruds in order>`.

use super::Op;

/// Longest scope text taken.
const MAX_SCOPE: usize = 1000;

/// One or more scopes, as read and as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    text: String,
    each: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    kind: String,
    letters: String,
}

/// A scope that this box does not take, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scope \"{part}\" cannot be used: {why}. Write it like \"system/*.cruds\" or \"system/Patient.rs\"."
)]
pub struct UnreadableScope {
    part: String,
    why: &'static str,
}

impl Scopes {
    /// Reads scopes separated by spaces.
    ///
    /// Refuses what it cannot honour exactly (user or patient context, search restrictions, SMART 1 words), so that
    /// nobody believes a token to be narrower than it is.
    pub fn parse(text: &str) -> Result<Scopes, UnreadableScope> {
        if text.len() > MAX_SCOPE {
            return Err(UnreadableScope { part: text.chars().take(40).collect(), why: "it is too long" });
        }
        let each = text.split_ascii_whitespace().map(Scope::parse).collect::<Result<Vec<_>, _>>()?;
        if each.is_empty() {
            return Err(UnreadableScope { part: String::new(), why: "it is empty" });
        }
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Scopes { text, each })
    }

    /// The scopes as written, single spaces between them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some scope covers the type and the operation.
    pub fn cover(&self, kind: &str, op: Op) -> bool {
        op.letters().chars().all(|letter| self.each.iter().any(|scope| scope.covers(kind, letter)))
    }

    /// The FHIR types named, `*` apart; the caller checks them against the types it knows.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.each.iter().map(|scope| scope.kind.as_str()).filter(|kind| *kind != "*")
    }
}

impl Scope {
    fn parse(part: &str) -> Result<Scope, UnreadableScope> {
        let refuse = |why| UnreadableScope { part: part.to_owned(), why };
        let rest = part.strip_prefix("system/").ok_or(refuse("only system scopes exist for machines"))?;
        if rest.contains('?') {
            return Err(refuse("search restrictions are not supported"));
        }
        let (kind, letters) = rest.split_once('.').ok_or(refuse("the operations are missing"))?;
        if kind != "*" && !is_type_name(kind) {
            return Err(refuse("the type is not a FHIR type name"));
        }
        if !in_order(letters) {
            return Err(refuse("the operations are letters of \"cruds\", in that order"));
        }
        Ok(Scope { kind: kind.to_owned(), letters: letters.to_owned() })
    }

    fn covers(&self, kind: &str, letter: char) -> bool {
        (self.kind == "*" || self.kind == kind) && self.letters.contains(letter)
    }
}

fn is_type_name(kind: &str) -> bool {
    kind.len() <= 64
        && kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.chars().all(|each| each.is_ascii_alphabetic())
}

/// Whether the letters are a non-empty subsequence of `cruds`.
fn in_order(letters: &str) -> bool {
    let mut left = "cruds".chars();
    !letters.is_empty() && letters.chars().all(|letter| left.any(|each| each == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_cover_what_they_say() {
        let check = |text: &str, kind: &str, op: Op, expected: bool| {
            assert_eq!(Scopes::parse(text).unwrap().cover(kind, op), expected, "{text} {kind} {op:?}");
        };
        check("system/*.cruds", "Patient", Op::Delete, true);
        check("system/Patient.rs", "Patient", Op::Read, true);
        check("system/Patient.rs", "Patient", Op::Search, true);
        check("system/Patient.rs", "Patient", Op::Export, true);
        check("system/Patient.r system/Patient.s", "Patient", Op::Export, true);
        check("system/Patient.r", "Patient", Op::Export, false);
        check("system/Patient.rs", "Patient", Op::Create, false);
        check("system/Patient.rs", "Observation", Op::Read, false);
        check("system/Patient.rs  system/Observation.c", "Observation", Op::Create, true);
        check("system/Patient.rs system/Observation.c", "Observation", Op::Read, false);
    }

    #[test]
    fn a_scope_that_cannot_be_honoured_is_refused() {
        for text in [
            "",
            "  ",
            "user/Patient.rs",
            "patient/*.r",
            "system/Patient",
            "system/Patient.",
            "system/Patient.sr",
            "system/Patient.rr",
            "system/Patient.read",
            "system/patient.r",
            "system/*.cruds?category=x",
            "system/.r",
            "openid",
        ] {
            assert!(Scopes::parse(text).is_err(), "{text}");
        }
        assert!(Scopes::parse(&"system/Patient.r ".repeat(100)).is_err());
    }
}

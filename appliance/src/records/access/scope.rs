//! Scopes in the words of SMART App Launch 2: `context/Type.letters?restriction`.
//!
//! `context` is `system`, `user` or `patient`, the type a FHIR type or `*`, the letters a part of `cruds` in that order
//! (or the words of version 1: `read`, `write`, `*`), and a restriction one or more search parameters that a record must
//! fulfil. What a scope means for one type is worked out by `records::sight`; here it is read, kept and compared.
//!
//! A scope that cannot be honoured exactly is refused with the reason when it is granted, so that nobody believes a token
//! to be narrower than it is (`docs/decisions/0120-scopes-and-what-they-restrict.md`).

mod restriction;

use std::sync::Arc;

use clinicvault_gateway::fhir::id::ResourceType;
use clinicvault_gateway::fhir::outcome::Issue;
use clinicvault_gateway::fhir::search::own::OwnParam;
use clinicvault_gateway::fhir::search::{Context, Criterion};

use super::Op;

/// Longest scope text taken, bytes.
const MAX_SCOPE: usize = 4_000;
/// Most scopes in one text.
const MOST_SCOPES: usize = 100;

/// One or more scopes, as read and as written. A clone is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    text: String,
    each: Vec<Scope>,
}

/// Whose records a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// One patient's, who is named beside the scope.
    Patient,
    /// Those that the person on whose behalf a program asks may see.
    User,
    /// Everybody's: a program of its own.
    System,
}

impl About {
    fn word(self) -> &'static str {
        match self {
            About::Patient => "patient",
            About::User => "user",
            About::System => "system",
        }
    }
}

/// One scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    about: About,
    /// None for `*`.
    kind: Option<ResourceType>,
    letters: String,
    restriction: Vec<(String, String)>,
}

/// A scope that this box does not take, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scope \"{part}\" cannot be used: {why}. Write it like \"system/*.cruds\" or \"patient/Observation.rs?category=laboratory\"."
)]
pub struct UnreadableScope {
    part: String,
    why: String,
}

impl Scopes {
    /// Reads scopes separated by spaces.
    pub fn parse(text: &str) -> Result<Scopes, UnreadableScope> {
        if text.len() > MAX_SCOPE || text.split_ascii_whitespace().count() > MOST_SCOPES {
            return Err(refusal(text, "it is too long"));
        }
        let each = text.split_ascii_whitespace().map(Scope::parse).collect::<Result<Vec<_>, _>>()?;
        if each.is_empty() {
            return Err(refusal("", "it is empty"));
        }
        Ok(Scopes::of(each))
    }

    /// These scopes; none at all cover nothing.
    pub fn of(each: Vec<Scope>) -> Scopes {
        let text = each.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ");
        Scopes(Arc::new(Inner { text, each }))
    }

    /// Refuses what cannot be honoured here and now: a restriction by a parameter that the type has not, by one that does
    /// not know every record yet, or by a value set that cannot be found; and one by definitions which the same scopes
    /// let the program change, for then they would restrict nothing. To be asked when scopes are granted.
    pub fn judge(&self, context: &Context) -> Result<(), UnreadableScope> {
        let writes = |kind: &str| {
            let covers = |scope: &Scope| "cud".chars().any(|letter| scope.covers(kind, letter));
            self.0.each.iter().any(covers)
        };
        for scope in &self.0.each {
            let Some((kind, pairs)) = scope.restricted() else { continue };
            let refuse = |why: &str| refusal(&scope.to_string(), why);
            restriction::criteria(kind, pairs, context).map_err(|why| refuse(&why))?;
            if let Some(kind) = restriction::rests_on(kind, pairs).iter().find(|kind| writes(kind)) {
                let why = format!(
                    "it rests on what stands in a {kind}, and the scopes beside it let one be changed"
                );
                return Err(refuse(&why));
            }
        }
        Ok(())
    }

    /// Why these scopes cannot be answered for at the moment: a parameter of the clinic's own that restricts one does not
    /// know every record yet.
    pub fn unready(&self, context: &Context) -> Option<Issue> {
        let of_own = |own: &OwnParam| {
            let kind = own.kinds().first()?;
            context.own.find(*kind, &own.param.code).err()
        };
        self.0.each.iter().find_map(|scope| scope.own_params(context).find_map(of_own))
    }

    /// The transaction since which every own parameter that restricts one of these scopes knows every record; none when
    /// none does.
    pub fn known_since(&self, context: &Context) -> Option<u64> {
        let of_scope = |scope: &Scope| scope.own_params(context).filter_map(|own| own.since).max();
        self.0.each.iter().filter_map(of_scope).max()
    }

    /// The same, if all are about `about`; machines have `system` scopes only.
    pub fn all_about(self, about: About) -> Result<Scopes, UnreadableScope> {
        match self.0.each.iter().find(|scope| scope.about != about) {
            None => Ok(self),
            Some(other) => {
                Err(refusal(&other.to_string(), &format!("only {} scopes can be given here", about.word())))
            }
        }
    }

    /// The scopes in their plain form, single spaces between them.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Each scope.
    pub fn each(&self) -> &[Scope] {
        &self.0.each
    }

    /// Whether some scope without a restriction, about no one patient, covers the type and the operation: what can be
    /// said without looking at a record.
    pub fn cover(&self, kind: &str, op: Op) -> bool {
        op.letters().chars().all(|letter| {
            self.0.each.iter().any(|scope| {
                scope.about != About::Patient && scope.restriction.is_empty() && scope.covers(kind, letter)
            })
        })
    }

    /// Of these, what `granted` covers too: each asked scope cut down to the letters that some granted scope has for the
    /// type, with the restrictions of both.
    #[must_use]
    pub fn within(&self, granted: &Scopes) -> Scopes {
        let mut each: Vec<Scope> = Vec::new();
        for asked in &self.0.each {
            for other in granted.0.each.iter().filter(|other| other.about == asked.about) {
                if let Some(both) = asked.and(other)
                    && !each.contains(&both)
                {
                    each.push(both);
                }
            }
        }
        Scopes::of(each)
    }
}

impl Scope {
    fn parse(part: &str) -> Result<Scope, UnreadableScope> {
        let refuse = |why: &str| refusal(part, why);
        let (context, rest) =
            part.split_once('/').ok_or_else(|| refuse("it does not say whose records it is about"))?;
        let about = match context {
            "patient" => About::Patient,
            "user" => About::User,
            "system" => About::System,
            _ => return Err(refuse("it begins with patient/, user/ or system/")),
        };
        let (rest, restriction) =
            rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (kind, letters) = rest.split_once('.').ok_or_else(|| refuse("the operations are missing"))?;
        let kind = match kind {
            "*" => None,
            name => Some(ResourceType::parse(name).ok_or_else(|| refuse("the type is not a FHIR R4 type"))?),
        };
        let letters = match letters {
            "read" => "rs",
            "write" => "cud",
            "*" => "cruds",
            letters if in_order(letters) => letters,
            _ => return Err(refuse("the operations are letters of \"cruds\", in that order")),
        };
        let restriction = match (restriction, kind) {
            (None, _) => Vec::new(),
            (Some(_), None) => return Err(refuse("a restriction needs one type, not *")),
            (Some(query), Some(kind)) => restriction::read(kind, query).map_err(|why| refuse(&why))?,
        };
        Ok(Scope { about, kind, letters: letters.to_owned(), restriction })
    }

    /// Whose records it is about.
    pub fn about(&self) -> About {
        self.about
    }

    /// The type; none for all.
    pub fn kind(&self) -> Option<ResourceType> {
        self.kind
    }

    /// Letters of `cruds`.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// The search parameters that a record must fulfil.
    pub fn restriction(&self) -> &[(String, String)] {
        &self.restriction
    }

    /// Whether it covers a letter for a type, its restriction apart.
    pub fn covers(&self, kind: &str, letter: char) -> bool {
        self.kind.is_none_or(|own| own.as_str() == kind) && self.letters.contains(letter)
    }

    /// The restriction as criteria; `None` when it cannot be evaluated (any more), and then nothing is within it.
    pub fn criteria(&self, context: &Context) -> Option<Vec<Criterion>> {
        let Some((kind, restriction)) = self.restricted() else { return Some(Vec::new()) };
        restriction::criteria(kind, restriction, context).ok()
    }

    /// The type and what its records are restricted by, if they are.
    fn restricted(&self) -> Option<(ResourceType, &[(String, String)])> {
        self.kind.filter(|_| !self.restriction.is_empty()).map(|kind| (kind, self.restriction.as_slice()))
    }

    /// The parameters of the clinic's own that restrict it.
    fn own_params<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a OwnParam> {
        self.restricted().into_iter().flat_map(|(kind, pairs)| restriction::own_params(kind, pairs, context))
    }

    /// What both cover.
    fn and(&self, other: &Scope) -> Option<Scope> {
        let kind = match (self.kind, other.kind) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        let letters: String = self.letters.chars().filter(|letter| other.letters.contains(*letter)).collect();
        let mut restriction = self.restriction.clone();
        restriction.extend(other.restriction.iter().filter(|pair| !self.restriction.contains(pair)).cloned());
        (!letters.is_empty()).then_some(Scope { about: self.about, kind, letters, restriction })
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = self.kind.map_or("*", |kind| kind.as_str());
        write!(f, "{}/{kind}.{}", self.about.word(), self.letters)?;
        for (at, (name, value)) in self.restriction.iter().enumerate() {
            write!(f, "{}{}={}", if at == 0 { '?' } else { '&' }, name, encoded(value))?;
        }
        Ok(())
    }
}

fn refusal(part: &str, why: &str) -> UnreadableScope {
    UnreadableScope { part: part.chars().take(100).collect(), why: why.trim_end_matches('.').to_owned() }
}

/// A value as it stands in a query: what would end it, or a scope, is escaped.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'%' | b'&' | b'+' | b'#' | b' ' | b'=' | b'"' | b'\\' | 0..=0x1f | 0x7f.. => {
                out.push_str(&format!("%{byte:02X}"));
            }
            other => out.push(char::from(other)),
        }
    }
    out
}

/// Whether the letters are a non-empty subsequence of `cruds`.
fn in_order(letters: &str) -> bool {
    let mut left = "cruds".chars();
    !letters.is_empty() && letters.chars().all(|letter| left.any(|each| each == letter))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

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
        check("user/Patient.rs", "Patient", Op::Read, true);
        // What depends on the record is not covered without looking at it.
        check("patient/Patient.rs", "Patient", Op::Read, false);
        check("system/Observation.rs?category=laboratory", "Observation", Op::Read, false);
    }

    #[test]
    fn the_words_of_version_one_are_letters() {
        let plain = |text: &str| Scopes::parse(text).unwrap().as_str().to_owned();
        assert_eq!(
            plain("patient/*.read user/Patient.write system/Task.*"),
            "patient/*.rs user/Patient.cud system/Task.cruds"
        );
        assert_eq!(plain("  system/Task.r   user/*.s "), "system/Task.r user/*.s");
    }

    #[test]
    fn a_restriction_is_kept_and_written_as_it_was() {
        for text in [
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "system/Observation.rs?category=laboratory&status=final,amended",
            "user/Observation.r?code:not=a%26b",
            "system/Patient.r?_id=7",
        ] {
            let scopes = Scopes::parse(text).unwrap();
            assert_eq!(scopes.as_str(), text);
            let context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
            assert!(!scopes.each()[0].criteria(&context).unwrap().is_empty());
        }
    }

    #[test]
    fn a_scope_that_cannot_be_honoured_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "empty"),
            ("  ", "empty"),
            ("openid", "whose"),
            ("clinic/Patient.rs", "begins with"),
            ("system/Patient", "missing"),
            ("system/Patient.", "letters"),
            ("system/Patient.sr", "letters"),
            ("system/Patient.rr", "letters"),
            ("system/patient.r", "FHIR R4 type"),
            ("system/.r", "FHIR R4 type"),
            ("system/*.cruds?category=x", "one type"),
            ("system/Observation.rs?", "one to"),
            ("system/Observation.rs?colour=red", "colour"),
            ("system/Observation.rs?subject:Patient.name=x", "cannot restrict"),
            ("system/Observation.rs?patient.name=x", "patient.name"),
            ("system/Observation.rs?_has:Provenance:target:agent=x", "_has"),
            ("system/Observation.rs?_count=1", "_count"),
            ("system/Observation.rs?_lastUpdated=gt2020", "_lastUpdated"),
            ("system/Observation.rs?code:text=x", "modifier"),
            ("system/Observation.rs?colour:not=red", "modifier"),
            ("system/Observation.rs?code:in=http://c.example/none", "http://c.example/none"),
            (
                "system/Observation.rs?status:in=http://hl7.org/fhir/ValueSet/observation-status system/*.cud",
                "ValueSet",
            ),
            (
                "system/Observation.r?status:in=http://hl7.org/fhir/ValueSet/observation-status system/CodeSystem.u",
                "CodeSystem",
            ),
            ("system/Observation.rs?date=yesterday", "date"),
            ("system/Observation.rs?code=a&code=b&code=c&code=d&code=e&code=f", "one to"),
        ] {
            let context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
            let error =
                Scopes::parse(text).and_then(|scopes| scopes.judge(&context)).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let context = Context::new(TimeZone::UTC, Timestamp::UNIX_EPOCH);
        let within =
            Scopes::parse("system/Observation.rs?status:in=http://hl7.org/fhir/ValueSet/observation-status")
                .unwrap();
        assert!(within.judge(&context).is_ok() && within.each()[0].criteria(&context).is_some());
        // What is not known covers nothing, wherever the scope comes from.
        let gone = Scopes::parse("system/Observation.rs?colour=red").unwrap();
        assert_eq!(gone.each()[0].criteria(&context), None);
        assert!(Scopes::parse(&"system/Patient.r ".repeat(101)).is_err());
        let user = Scopes::parse("system/Patient.r user/Patient.r").unwrap();
        assert!(user.all_about(About::System).is_err());
    }

    #[test]
    fn what_is_asked_is_cut_down_to_what_was_granted() {
        let check = |asked: &str, granted: &str, expected: &str| {
            let both = Scopes::parse(asked).unwrap().within(&Scopes::parse(granted).unwrap());
            assert_eq!(both.as_str(), expected, "{asked} within {granted}");
        };
        check("system/Patient.cruds", "system/*.rs", "system/Patient.rs");
        check("system/*.cruds", "system/Patient.rs", "system/Patient.rs");
        check("system/Patient.r", "user/Patient.r", "");
        check("system/Patient.r", "system/Patient.s", "");
        check(
            "system/Observation.rs",
            "system/Observation.r?category=laboratory",
            "system/Observation.r?category=laboratory",
        );
        check(
            "system/Observation.rs?status=final",
            "system/Observation.rs?category=laboratory",
            "system/Observation.rs?status=final&category=laboratory",
        );
        check("system/*.rs", "system/Patient.rs system/Task.r", "system/Patient.rs system/Task.r");
    }
}

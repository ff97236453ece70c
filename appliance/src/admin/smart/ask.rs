//! What a program asks for: words of OpenID and SMART, and scopes.

use std::collections::BTreeSet;
use std::fmt;

use crate::records::access::{About, Scope, Scopes, UnreadableScope};

/// A word that is no resource scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Who the person is: an id token.
    OpenId,
    /// A patient is chosen.
    LaunchPatient,
    /// Refresh while the person is signed in.
    Online,
    /// Refresh after that, too.
    Offline,
}

impl Word {
    const ALL: [Word; 4] = [Word::OpenId, Word::LaunchPatient, Word::Online, Word::Offline];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::OpenId => "openid",
            Word::LaunchPatient => "launch/patient",
            Word::Online => "online_access",
            Word::Offline => "offline_access",
        }
    }
}

/// A scope text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Words.
    pub words: BTreeSet<Word>,
    /// Resource scopes; there may be none.
    pub scopes: Scopes,
}

impl Asked {
    /// Reads words and scopes separated by spaces.
    ///
    /// # Errors
    /// What cannot be honoured: a scope as [`Scopes::parse`] says, an unknown word, nothing at all.
    pub fn read(text: &str) -> Result<Asked, UnreadableScope> {
        let (mut words, mut rest) = (BTreeSet::new(), String::new());
        for part in text.split_ascii_whitespace() {
            match Word::ALL.into_iter().find(|word| word.as_str() == part) {
                Some(word) => {
                    words.insert(word);
                }
                None => {
                    rest.push_str(part);
                    rest.push(' ');
                }
            }
        }
        let scopes =
            if rest.is_empty() && !words.is_empty() { Scopes::of(Vec::new()) } else { Scopes::parse(&rest)? };
        Ok(Asked { words, scopes })
    }

    /// What of it was granted to the program.
    #[must_use]
    pub fn within(&self, granted: &Asked) -> Asked {
        Asked {
            words: self.words.intersection(&granted.words).copied().collect(),
            scopes: self.scopes.within(&granted.scopes),
        }
    }

    /// The same with only those scopes that `keep` names by their text.
    #[must_use]
    pub fn kept(&self, keep: &BTreeSet<String>) -> Asked {
        let scopes: Vec<Scope> =
            self.scopes.each().iter().filter(|scope| keep.contains(&scope.to_string())).cloned().collect();
        Asked { words: self.words.clone(), scopes: Scopes::of(scopes) }
    }

    /// Whether a patient has to be chosen.
    pub fn wants_patient(&self) -> bool {
        self.words.contains(&Word::LaunchPatient)
            || self.scopes.each().iter().any(|scope| scope.about() == About::Patient)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.scopes.each().is_empty()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for text in self.words.iter().map(|word| word.as_str()).chain(self.scopes.as_str().split_whitespace())
        {
            write!(f, "{}{text}", if first { "" } else { " " })?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_scopes_are_told_apart() {
        let asked = Asked::read("openid  patient/*.read offline_access launch/patient").unwrap();
        assert_eq!(asked.to_string(), "openid launch/patient offline_access patient/*.rs");
        assert!(asked.wants_patient());
        assert!(Asked::read("openid").unwrap().scopes.each().is_empty());
        for text in ["", "launch", "fhirUser", "profile", "openid patient/*.x"] {
            assert!(Asked::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_program_gets_no_more_than_was_granted_and_kept() {
        let granted = Asked::read("openid patient/Observation.rs patient/Patient.r").unwrap();
        let asked = Asked::read("openid offline_access patient/*.cruds").unwrap().within(&granted);
        assert_eq!(asked.to_string(), "openid patient/Observation.rs patient/Patient.r");
        let keep = BTreeSet::from(["patient/Patient.r".to_owned(), "patient/Task.r".to_owned()]);
        assert_eq!(asked.kept(&keep).to_string(), "openid patient/Patient.r");
    }
}

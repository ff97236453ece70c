//! What the pages of this room say, in the words of the screens: the same catalogue, so that a scope reads alike where a
//! program is registered and where a person is asked (`docs/decisions/0078-one-catalogue-for-pages-of-the-box.md`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::lan::install::Language;
use crate::records::access::{About, Scope};

type Words = BTreeMap<String, String>;

static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| read(include_str!(concat!(env!("OUT_DIR"), "/words.en.json"))));
static HINDI: LazyLock<Words> =
    LazyLock::new(|| read(include_str!(concat!(env!("OUT_DIR"), "/words.hi.json"))));

fn read(text: &str) -> Words {
    serde_json::from_str(text).unwrap_or_default()
}

fn found(language: Language, key: &str) -> Option<&'static str> {
    let words = match language {
        Language::English => &ENGLISH,
        Language::Hindi => &HINDI,
    };
    words.get(key).map(String::as_str)
}

/// The text of a key; the key itself when there is none, so that a mistake is seen.
pub fn say(language: Language, key: &str) -> &str {
    found(language, key).unwrap_or(key)
}

/// The text of a key with its places filled in.
pub fn tell(language: Language, key: &str, places: &[(&str, &str)]) -> String {
    let mut text = say(language, key).to_owned();
    for (name, value) in places {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// A scope for the person who decides.
pub struct Plain {
    /// `Read laboratory results`
    pub does: String,
    /// `of the one patient you choose`
    pub whose: String,
    /// What else restricts it.
    pub only: Vec<String>,
}

/// What a scope lets a program do, in plain words.
pub fn plain(language: Language, scope: &Scope) -> Plain {
    let does = |letter: char| scope.letters().contains(letter);
    let verbs = [("r", does('r') || does('s')), ("a", does('c')), ("c", does('u')), ("d", does('d'))];
    let verbs: String = verbs.iter().filter(|(_, does)| *does).map(|(verb, _)| *verb).collect();
    let (what, told) = what(language, scope);
    let whose = match scope.about() {
        About::Patient => "scope.whose.patient",
        About::User => "scope.whose.user",
        About::System => "scope.whose.system",
    };
    let restrictions = scope.restriction().iter().filter(|pair| !told || pair.0 != "category");
    let only =
        restrictions.map(|(name, value)| tell(language, "scope.only", &[("name", name), ("value", value)]));
    Plain {
        does: tell(language, &format!("scope.does.{verbs}"), &[("what", &what)]),
        whose: say(language, whose).to_owned(),
        only: only.collect(),
    }
}

/// What a scope is about, and whether that says its category too.
fn what(language: Language, scope: &Scope) -> (String, bool) {
    let Some(kind) = scope.kind() else { return (say(language, "scope.what.all").to_owned(), false) };
    let key = format!("scope.what.{kind}");
    let category = scope.restriction().iter().find(|(name, _)| name == "category");
    let category = category.and_then(|(_, value)| value.rsplit('|').next());
    if let Some(text) = category.and_then(|category| found(language, &format!("{key}.{category}"))) {
        return (text.to_owned(), true);
    }
    let text = found(language, &key).map(str::to_owned);
    (text.unwrap_or_else(|| tell(language, "scope.what.other", &[("type", kind.as_str())])), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::access::Scopes;

    #[test]
    fn both_languages_have_the_same_words() {
        assert!(ENGLISH.len() > 80, "{} words", ENGLISH.len());
        assert!(ENGLISH.keys().eq(HINDI.keys()));
    }

    #[test]
    fn every_set_of_rights_is_a_sentence() {
        for letters in 1..32u32 {
            let text: String = "cruds"
                .chars()
                .enumerate()
                .filter(|(at, _)| letters & (1 << at) != 0)
                .map(|(_, c)| c)
                .collect();
            let scopes = Scopes::parse(&format!("user/Encounter.{text}")).unwrap();
            for language in [Language::English, Language::Hindi] {
                let does = plain(language, &scopes.each()[0]).does;
                assert!(!does.contains("scope.") && !does.contains('{'), "{text}: {does}");
            }
        }
    }

    #[test]
    fn a_person_reads_what_it_means() {
        let read = |text: &str| plain(Language::English, &Scopes::parse(text).unwrap().each()[0]);
        let lab = read("patient/Observation.rs?category=laboratory");
        assert_eq!(
            (lab.does.as_str(), lab.whose.as_str()),
            ("Read laboratory results", "of the one patient you choose")
        );
        assert!(lab.only.is_empty());
        assert_eq!(read("user/*.cruds").does, "Read, add, change and delete everything");
        assert_eq!(read("user/Media.r").does, "Read records of the type Media");
        let some = read("user/Observation.rs?category=survey");
        assert_eq!(
            (some.does.as_str(), some.only),
            ("Read measurements and results", vec!["only where category is survey".to_owned()])
        );
    }
}

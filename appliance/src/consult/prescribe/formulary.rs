//! The medicines that the box knows: names, abbreviations, class, forms and which allergies they belong to.
//!
//! Data, not code: the box brings a short list, a clinic may put its own over it. A medicine that is not in it can be
//! prescribed by its name in quotes; what is known of it then is its name.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::words::{Form, Unit};

/// Largest formulary that is read, in bytes, and most medicines in one.
const LARGEST: usize = 4 << 20;
const MOST: usize = 5_000;
/// Longest name, in words and in bytes.
pub(super) const LONGEST_NAME: (usize, usize) = (6, 100);

/// One medicine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medicine {
    /// Generic name, lower case.
    pub name: String,
    /// What else it is typed as.
    #[serde(default)]
    pub abbreviations: Vec<String>,
    /// What it is for, in a word or two.
    pub class: String,
    /// Classes in which an allergy to one speaks against the others.
    #[serde(default)]
    pub allergy: Vec<String>,
    /// Forms in which it comes, the usual one first.
    pub forms: Vec<String>,
    /// What a bare number after its name counts.
    pub unit: String,
    /// Its substances, where they are not its name.
    #[serde(default)]
    pub ingredients: Vec<String>,
    /// A bare amount is a dose, not a strength: insulins.
    #[serde(default)]
    pub dosed: bool,
}

impl Medicine {
    /// Its substances.
    pub fn substances(&self) -> &[String] {
        if self.ingredients.is_empty() { std::slice::from_ref(&self.name) } else { &self.ingredients }
    }

    /// The form that is meant when none is said.
    pub fn usual_form(&self) -> Option<Form> {
        self.forms.first().and_then(|form| Form::read(form))
    }

    /// What a bare number counts.
    pub fn unit(&self) -> Option<Unit> {
        Unit::read(&self.unit)
    }
}

/// A class of substances in which one allergy speaks against the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// As medicines name it.
    pub name: String,
    /// As people write it down.
    pub words: Vec<String>,
    /// Classes near enough for a second thought.
    #[serde(default)]
    pub near: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    #[serde(default)]
    note: String,
    classes: Vec<Class>,
    medicines: Vec<Medicine>,
}

/// Why a formulary is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadFormulary {
    /// It cannot be read.
    #[error("the formulary cannot be read: {0}")]
    Unreadable(String),
    /// One medicine in it is wrong.
    #[error("the formulary's medicine \"{0}\": {1}")]
    Medicine(String, &'static str),
}

/// The medicines, by every name.
#[derive(Debug, Clone)]
pub struct Formulary {
    version: String,
    classes: Vec<Class>,
    medicines: Vec<Medicine>,
    by_name: HashMap<String, usize>,
}

static OWN: LazyLock<Formulary> = LazyLock::new(|| {
    Formulary::read(include_bytes!("formulary.json")).unwrap_or_else(|_| Formulary::empty())
});

impl Formulary {
    /// The list that the box brings.
    pub fn own() -> &'static Formulary {
        &OWN
    }

    fn empty() -> Formulary {
        Formulary {
            version: "none".to_owned(),
            classes: Vec::new(),
            medicines: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`BadFormulary`] when it cannot be read, is too large, names a form or unit that does not exist, or uses a name twice.
    pub fn read(bytes: &[u8]) -> Result<Formulary, BadFormulary> {
        if bytes.len() > LARGEST {
            return Err(BadFormulary::Unreadable("it is larger than 4 MiB".to_owned()));
        }
        let written: Written =
            serde_json::from_slice(bytes).map_err(|error| BadFormulary::Unreadable(error.to_string()))?;
        if written.medicines.len() > MOST {
            return Err(BadFormulary::Unreadable("it has more than 5000 medicines".to_owned()));
        }
        let mut by_name = HashMap::new();
        for (at, medicine) in written.medicines.iter().enumerate() {
            let bad = |why| BadFormulary::Medicine(medicine.name.clone(), why);
            if medicine.forms.is_empty() || medicine.forms.iter().any(|form| Form::read(form).is_none()) {
                return Err(bad("a form is not known"));
            }
            if medicine.unit().is_none() {
                return Err(bad("its unit is not known"));
            }
            for name in medicine.abbreviations.iter().chain([&medicine.name]) {
                if !is_name(name) {
                    return Err(bad("a name is in lower case, up to six words, and begins with a letter"));
                }
                if by_name.insert(name.clone(), at).is_some() {
                    return Err(bad("a name stands there twice"));
                }
            }
        }
        Ok(Formulary {
            version: written.version,
            classes: written.classes,
            medicines: written.medicines,
            by_name,
        })
    }

    /// Which list it is.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every medicine.
    pub fn medicines(&self) -> &[Medicine] {
        &self.medicines
    }

    /// The classes.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The medicine of this name or abbreviation, in lower case.
    pub fn find(&self, name: &str) -> Option<&Medicine> {
        self.by_name.get(name).and_then(|at| self.medicines.get(*at))
    }

    /// The longest name that these words begin with, and how many of them it takes.
    pub fn longest(&self, words: &[String]) -> Option<(&Medicine, usize)> {
        (1..=words.len().min(LONGEST_NAME.0)).rev().find_map(|count| {
            let name = words.get(..count)?.join(" ");
            self.find(&name).map(|medicine| (medicine, count))
        })
    }

    /// Names that somebody may have meant, the nearest first, at most three.
    pub fn near(&self, word: &str) -> Vec<&str> {
        if word.chars().count() < 3 || word.len() > LONGEST_NAME.1 {
            return Vec::new();
        }
        let mut near: Vec<(usize, &str)> = self
            .by_name
            .iter()
            .filter_map(|(name, at)| {
                let far = if name.starts_with(word) { 0 } else { distance(name, word, 3) };
                let canonical = self.medicines.get(*at)?.name.as_str();
                (far <= 2).then_some((far, canonical))
            })
            .collect();
        near.sort_unstable();
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in near {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.truncate(3);
        names
    }
}

fn is_name(name: &str) -> bool {
    let words: Vec<&str> = name.split(' ').collect();
    words.len() <= LONGEST_NAME.0
        && name.len() <= LONGEST_NAME.1
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && words.iter().all(|word| {
            !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-'".contains(&b))
        })
}

/// Letters that must change to make one word of the other; `most` stands for that and more.
fn distance(one: &str, other: &str, most: usize) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) >= most {
        return most;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut corner = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (place, above) in other.iter().zip(row.iter_mut().skip(1)) {
            let changed = corner + usize::from(place != letter);
            corner = *above;
            left = changed.min(left + 1).min(corner + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_list_is_whole() {
        let own = Formulary::read(include_bytes!("formulary.json")).unwrap();
        assert!(own.medicines().len() >= 120, "{}", own.medicines().len());
        assert_eq!(own.find("para").unwrap().name, "paracetamol");
        assert_eq!(own.find("vit d3").unwrap().unit(), Some(Unit::Units));
        for medicine in own.medicines() {
            assert!(medicine.usual_form().is_some() && !medicine.allergy.is_empty(), "{}", medicine.name);
        }
    }

    #[test]
    fn names_near_a_typing_error_are_offered() {
        let own = Formulary::own();
        assert_eq!(own.near("paracetmol").first(), Some(&"paracetamol"));
        assert_eq!(own.near("azithromycn").first(), Some(&"azithromycin"));
        assert_eq!(own.near("zzzzzz"), Vec::<&str>::new());
        assert_eq!((distance("kitten", "sitting", 9), distance("a", "abcdef", 3)), (3, 3));
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        let list = |medicine: &str| {
            let text = format!(r#"{{"version":"1","classes":[],"medicines":[{medicine}]}}"#);
            Formulary::read(text.as_bytes()).map(|_| ()).map_err(|error| error.to_string())
        };
        let fine = r#"{"name":"a b","class":"x","forms":["tab"],"unit":"mg"}"#;
        assert_eq!(list(fine), Ok(()));
        for (wrong, expected) in [
            (fine.replace("tab", "brick"), "form"),
            (fine.replace("mg", "stones"), "unit"),
            (fine.replace("a b", "A B"), "lower case"),
            (format!("{fine},{fine}"), "twice"),
            (fine.replace("class", "klass"), "unknown field"),
        ] {
            assert!(list(&wrong).unwrap_err().contains(expected), "{wrong}");
        }
    }
}

//! The medicines that the box knows: names, abbreviations, class, forms and which allergies they belong to.
//!
//! Data, not code: the box brings a short list, a clinic lays its own over it (0214). A medicine that is not in it can be
//! prescribed by its name in quotes; what is known of it then is its name.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use super::words::{Form, Unit};

/// Most medicines and classes of a clinic's own list.
const MOST: usize = 2_000;
/// Longest word of it that is no name of a medicine, in bytes, and most of them in one place.
const LONGEST_WORD: usize = 60;
const MOST_WORDS: usize = 20;
/// Longest name, in words and in bytes.
pub(super) const LONGEST_NAME: (usize, usize) = (6, 100);

/// One medicine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OwnMedicine)]
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
    /// Prescribed here often: whoever listens is told its name.
    #[serde(default)]
    pub common: bool,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AllergyClass)]
pub struct Class {
    /// As medicines name it.
    pub name: String,
    /// As people write it down.
    pub words: Vec<String>,
    /// Classes near enough for a second thought.
    #[serde(default)]
    pub near: Vec<String>,
}

/// What a clinic lays over the list of the box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OwnMedicines)]
pub struct Own {
    /// Medicines. One of a name that the box knows takes its place.
    pub medicines: Vec<Medicine>,
    /// Classes of allergies. One of a name that the box knows takes its place.
    #[serde(default)]
    pub classes: Vec<Class>,
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
    /// It cannot be read, or there is too much in it.
    #[error("The list of medicines cannot be read: {0}.")]
    Unreadable(String),
    /// One medicine or class in it is wrong.
    #[error("\"{0}\": {1}.")]
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

    fn read(bytes: &[u8]) -> Result<Formulary, BadFormulary> {
        let written: Written =
            serde_json::from_slice(bytes).map_err(|error| BadFormulary::Unreadable(error.to_string()))?;
        Formulary::build(written.version, written.classes, written.medicines)
    }

    /// This list with a clinic's own over it: the clinic's medicine stands where both have one of its name, and a name that
    /// the clinic gives is the clinic's.
    ///
    /// # Errors
    /// [`BadFormulary`] when there is too much, a form or unit does not exist, or a name is used twice.
    pub fn under(&self, own: &Own, version: &str) -> Result<Formulary, BadFormulary> {
        own.check()?;
        let names = own.medicines.iter().flat_map(|one| one.abbreviations.iter().chain([&one.name]));
        let names: HashSet<&String> = names.collect();
        let below = self.medicines.iter().filter(|one| !names.contains(&one.name)).cloned();
        let below = below.map(|mut one| {
            one.abbreviations.retain(|name| !names.contains(name));
            one
        });
        let medicines = own.medicines.iter().cloned().chain(below).collect();
        let replaced = |class: &&Class| !own.classes.iter().any(|other| other.name == class.name);
        let classes = own.classes.iter().chain(self.classes.iter().filter(replaced)).cloned().collect();
        Formulary::build(format!("{version} over {}", self.version), classes, medicines)
    }

    fn build(
        version: String,
        classes: Vec<Class>,
        medicines: Vec<Medicine>,
    ) -> Result<Formulary, BadFormulary> {
        let mut by_name = HashMap::new();
        for (at, medicine) in medicines.iter().enumerate() {
            let bad = |why| BadFormulary::Medicine(medicine.name.clone(), why);
            if medicine.forms.is_empty() || medicine.forms.iter().any(|form| Form::read(form).is_none()) {
                return Err(bad("choose a form that the box knows, such as tab"));
            }
            if medicine.unit().is_none() {
                return Err(bad("choose a unit that the box knows, such as mg"));
            }
            for name in medicine.abbreviations.iter().chain([&medicine.name]) {
                if !is_name(name) {
                    return Err(bad(
                        "write its names in lower case, up to six words that begin with a letter",
                    ));
                }
                if by_name.insert(name.clone(), at).is_some() {
                    return Err(bad("a name stands there twice"));
                }
            }
        }
        Ok(Formulary { version, classes, medicines, by_name })
    }

    /// The medicines whose names whoever listens should expect, the clinic's own first.
    pub fn common(&self) -> impl Iterator<Item = &str> {
        self.medicines.iter().filter(|medicine| medicine.common).map(|medicine| medicine.name.as_str())
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

impl Own {
    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        self.medicines.is_empty() && self.classes.is_empty()
    }

    fn check(&self) -> Result<(), BadFormulary> {
        if self.medicines.len() > MOST || self.classes.len() > MOST {
            return Err(BadFormulary::Unreadable(format!("it has more than {MOST} medicines or classes")));
        }
        let short = |words: &[String]| {
            words.len() <= MOST_WORDS
                && words.iter().all(|word| !word.is_empty() && word.len() <= LONGEST_WORD)
        };
        for one in &self.medicines {
            let lists = [&one.abbreviations, &one.allergy, &one.forms, &one.ingredients];
            if one.class.is_empty() || one.class.len() > LONGEST_WORD || !lists.iter().all(|list| short(list))
            {
                let why =
                    "say in a word or two what it is for; no more than 20 words of 60 letters in one place";
                return Err(BadFormulary::Medicine(shown(&one.name), why));
            }
        }
        for class in &self.classes {
            if !short(std::slice::from_ref(&class.name)) || !short(&class.words) || !short(&class.near) {
                let why = "a class has a name and at most 20 words of 60 letters";
                return Err(BadFormulary::Medicine(shown(&class.name), why));
            }
        }
        Ok(())
    }
}

/// As much of a name as a message bears.
fn shown(name: &str) -> String {
    name.chars().take(LONGEST_WORD).collect()
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

    fn own(json: &str) -> Result<Formulary, String> {
        let own: Own = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Formulary::own().under(&own, "clinic 1").map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        let list = |medicine: &str| own(&format!(r#"{{"medicines":[{medicine}]}}"#)).map(|_| ());
        let fine = r#"{"name":"a b","class":"x","forms":["tab"],"unit":"mg"}"#;
        assert_eq!(list(fine), Ok(()));
        for (wrong, expected) in [
            (fine.replace("tab", "brick"), "form"),
            (fine.replace("mg", "stones"), "unit"),
            (fine.replace("a b", "A B"), "lower case"),
            (format!("{fine},{fine}"), "twice"),
            (fine.replace("class", "klass"), "unknown field"),
            (fine.replace("\"x\"", "\"\""), "what it is for"),
            (fine.replace("\"tab\"", &["\"tab\""; 21].join(",")), "20 words"),
        ] {
            assert!(list(&wrong).unwrap_err().contains(expected), "{wrong}");
        }
        let many = vec![fine; MOST + 1].join(",");
        assert!(list(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn a_name_that_the_clinic_gives_is_the_clinics() {
        let list = own(
            r#"{"medicines":[
            {"name":"paracetamol","abbreviations":["dolo","amox"],"class":"analgesic","forms":["syp"],"unit":"ml"},
            {"name":"tulsi linctus","class":"cough","forms":["syp"],"unit":"ml","common":true}]}"#,
        )
        .unwrap();
        assert_eq!(list.version(), format!("clinic 1 over {}", Formulary::own().version()));
        assert_eq!(list.find("dolo").unwrap().usual_form(), Some(Form::Syrup));
        assert_eq!(list.find("amox").unwrap().name, "paracetamol");
        assert_eq!(list.find("pcm"), None, "what the box knew of it is gone with it");
        assert!(list.find("amoxicillin").unwrap().abbreviations.iter().all(|name| name != "amox"));
        assert_eq!(list.medicines().len(), Formulary::own().medicines().len() + 1);
        assert_eq!(list.common().next(), Some("tulsi linctus"));
        assert!(list.common().count() > 10);
        assert_eq!(list.classes().len(), Formulary::own().classes().len());
    }
}

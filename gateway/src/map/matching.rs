//! Whose record a message belongs to, decided from facts that the caller looks up. Pure rules; nothing is guessed.
//!
//! A result is applied only when the identifiers lead to exactly one patient and nothing else contradicts; otherwise it
//! is held for a person. A feed may create a patient that is not known by any identifier, unless someone with the same
//! name, birth and sex exists already.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::identity::PatientIdentity;

/// A stored patient that an identifier or the demographics led to.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Logical id.
    pub id: String,
    /// All names, each as one text.
    pub names: Vec<String>,
    /// FHIR `date`.
    pub birth: Option<String>,
    /// administrative-gender.
    pub sex: Option<String>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// City or village.
    pub places: Vec<String>,
    /// True when one of the message's identifiers is this patient's.
    pub by_identifier: bool,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({})", self.id)
    }
}

/// Why a stored patient may be the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// One of the identifiers is this patient's.
    SameIdentifier,
    /// The names agree, initials counted.
    SameName,
    /// The dates of birth agree to the day.
    SameBirth,
    /// They agree as far as both are known, less than to the day.
    SameBirthYear,
    /// The sexes agree.
    SameSex,
    /// A telephone number is the same.
    SamePhone,
    /// The place is the same.
    SamePlace,
}

impl Reason {
    /// The word that the screen translates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameIdentifier => "sameIdentifier",
            Self::SameName => "sameName",
            Self::SameBirth => "sameBirth",
            Self::SameBirthYear => "sameBirthYear",
            Self::SameSex => "sameSex",
            Self::SamePhone => "samePhone",
            Self::SamePlace => "samePlace",
        }
    }
}

/// A patient to offer to a person, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Logical id.
    pub id: String,
    /// In the order of [`Reason`].
    pub reasons: Vec<Reason>,
}

/// What the facts say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The identifiers lead to this one patient and nothing contradicts.
    Exact(String),
    /// No identifier is known here; these patients look alike, the likeliest first. May be empty.
    Unknown(Vec<Candidate>),
    /// The identifiers lead to several patients, or to one whose name and birth or sex are someone else's.
    Conflict(Vec<Candidate>),
}

/// What to do with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Apply to this patient.
    Apply(String),
    /// Create the patient.
    Create,
    /// Hold for a person.
    Hold {
        /// `unknownPatient`, `looksAlike`, `conflict` or `noIdentifier`.
        why: &'static str,
        /// Whom to offer.
        candidates: Vec<Candidate>,
    },
}

/// Matches the identity in a message against the patients that its identifiers and demographics led to.
pub fn decide(identity: &PatientIdentity, known: &[Known]) -> Match {
    let named: Vec<&Known> = known.iter().filter(|k| k.by_identifier).collect();
    match named.as_slice() {
        [] => Match::Unknown(candidates(identity, known.iter())),
        [one] if !contradicts(identity, one) => Match::Exact(one.id.clone()),
        several => Match::Conflict(candidates(identity, several.iter().copied())),
    }
}

/// What follows from a match: for a result (`creates` false) certainty or a person; for a feed also a new patient.
pub fn conclude(found: Match, identity: &PatientIdentity, creates: bool) -> Decision {
    match found {
        Match::Exact(id) => Decision::Apply(id),
        Match::Conflict(candidates) => Decision::Hold { why: "conflict", candidates },
        Match::Unknown(candidates) if identity.identifiers.is_empty() => {
            Decision::Hold { why: "noIdentifier", candidates }
        }
        Match::Unknown(candidates) if creates && !candidates.iter().any(looks_the_same) => {
            if identity.name().is_empty() {
                Decision::Hold { why: "unknownPatient", candidates }
            } else {
                Decision::Create
            }
        }
        Match::Unknown(candidates) if creates => Decision::Hold { why: "looksAlike", candidates },
        Match::Unknown(candidates) => Decision::Hold { why: "unknownPatient", candidates },
    }
}

fn looks_the_same(candidate: &Candidate) -> bool {
    let has = |r| candidate.reasons.contains(&r);
    has(Reason::SameName) && (has(Reason::SameBirth) || has(Reason::SameBirthYear)) && has(Reason::SameSex)
}

fn candidates<'k>(identity: &PatientIdentity, known: impl Iterator<Item = &'k Known>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = known
        .map(|k| Candidate { id: k.id.clone(), reasons: reasons(identity, k) })
        .filter(|c| {
            let strong =
                |r: &Reason| matches!(r, Reason::SameIdentifier | Reason::SameName | Reason::SamePhone);
            c.reasons.iter().any(strong)
                && (c.reasons.len() > 1 || c.reasons.contains(&Reason::SameIdentifier))
        })
        .collect();
    all.sort_by(|a, b| b.reasons.len().cmp(&a.reasons.len()).then_with(|| a.id.cmp(&b.id)));
    all.truncate(MAX_CANDIDATES);
    all
}

/// More than this is no help to the person who decides.
const MAX_CANDIDATES: usize = 8;

fn reasons(identity: &PatientIdentity, known: &Known) -> Vec<Reason> {
    let mut all = Vec::new();
    let mut add = |yes: bool, reason| {
        if yes {
            all.push(reason);
        }
    };
    add(known.by_identifier, Reason::SameIdentifier);
    add(known.names.iter().any(|n| same_name(&identity.name(), n)), Reason::SameName);
    match births(identity, known) {
        Some((true, true)) => add(true, Reason::SameBirth),
        Some((true, false)) => add(true, Reason::SameBirthYear),
        Some((false, _)) | None => {}
    }
    add(identity.sex.is_some() && identity.sex == known.sex.as_deref(), Reason::SameSex);
    let digits = |t: &String| t.chars().filter(char::is_ascii_digit).collect::<String>();
    let tail = |t: &String| {
        let d = digits(t);
        d.get(d.len().saturating_sub(10)..).unwrap_or("").to_owned()
    };
    let phone = identity
        .phones
        .iter()
        .map(tail)
        .any(|p| p.len() >= 6 && known.phones.iter().map(tail).any(|k| k == p));
    add(phone, Reason::SamePhone);
    let place = identity.place.as_deref().map(fold);
    add(place.is_some_and(|p| !p.is_empty() && known.places.iter().any(|k| fold(k) == p)), Reason::SamePlace);
    all
}

/// Whether the dates of birth agree as far as both are known, and whether both are known to the day.
fn births(identity: &PatientIdentity, known: &Known) -> Option<(bool, bool)> {
    let (a, b) = (identity.birth.as_deref()?, known.birth.as_deref()?);
    let shorter = a.len().min(b.len());
    Some((a.get(..shorter) == b.get(..shorter), shorter >= 10))
}

/// One identifier is not proof when the name shares nothing and the birth or the sex is another's: a number reused or
/// mistyped would put a result into a stranger's record.
fn contradicts(identity: &PatientIdentity, known: &Known) -> bool {
    let name = identity.name();
    if name.is_empty() || known.names.is_empty() {
        return false;
    }
    let shares = known.names.iter().any(|n| shares_a_word(&name, n));
    let other_birth = births(identity, known).is_some_and(|(same, _)| !same);
    let certain = |s: &str| matches!(s, "male" | "female");
    let other_sex = match (identity.sex, known.sex.as_deref()) {
        (Some(a), Some(b)) => certain(a) && certain(b) && a != b,
        (_, _) => false,
    };
    (!shares && (other_birth || other_sex)) || (other_birth && other_sex)
}

fn shares_a_word(a: &str, b: &str) -> bool {
    let (a, b) = (words(a), words(b));
    // Names in different scripts cannot be compared letter by letter; that is no contradiction.
    let ascii = |w: &[String]| w.iter().all(|w| w.is_ascii());
    let whole = |w: &String| w.chars().count() > 1;
    ascii(&a) != ascii(&b)
        || !a.iter().any(whole)
        || !b.iter().any(whole)
        || a.iter().filter(|w| whole(w)).any(|w| b.contains(w))
}

/// Same words in any order; an initial stands for a word that begins with it. At least one whole word must be equal.
pub fn same_name(a: &str, b: &str) -> bool {
    let (a, b) = (words(a), words(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() || !short.iter().any(|w| w.chars().count() > 1 && long.contains(w)) {
        return false;
    }
    let mut free = long;
    for word in &short {
        match free.iter().position(|w| w == word).or_else(|| free.iter().position(|w| agrees(w, word))) {
            Some(at) => {
                free.swap_remove(at);
            }
            None => return false,
        }
    }
    short.len() > 1 || free.is_empty()
}

fn agrees(a: &str, b: &str) -> bool {
    a == b || (a.chars().count() == 1 && b.starts_with(a)) || (b.chars().count() == 1 && a.starts_with(b))
}

fn words(text: &str) -> Vec<String> {
    const TITLES: &[&str] = &["mr", "mrs", "ms", "dr", "shri", "smt", "kum", "master", "baby"];
    fold(text)
        .split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c))
        .filter(|w| !w.is_empty() && !TITLES.contains(w))
        .map(str::to_owned)
        .collect()
}

/// Lower case without Latin accents; the vowel signs of Indian scripts stay, they are letters there.
fn fold(text: &str) -> String {
    text.nfd()
        .filter(|c| !('\u{300}'..='\u{36f}').contains(c))
        .nfc()
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::PatientIdentifier;

    fn thorat() -> PatientIdentity {
        PatientIdentity {
            identifiers: vec![PatientIdentifier {
                system: "urn:x-hl7v2:CITYPATH".into(),
                value: "88120".into(),
                kind: None,
                assumed: false,
            }],
            family: Some("THORAT".into()),
            given: vec!["G".into(), "R".into()],
            birth: Some("1955".into()),
            sex: Some("male"),
            phones: vec!["+91 98220 11223".into()],
            place: Some("Nimgaon".into()),
        }
    }

    fn known(id: &str, name: &str, birth: &str, sex: &str, by_identifier: bool) -> Known {
        Known {
            id: id.into(),
            names: vec![name.into()],
            birth: Some(birth.into()),
            sex: Some(sex.into()),
            by_identifier,
            ..Known::default()
        }
    }

    #[test]
    fn one_identifier_and_no_contradiction_is_certain() {
        let one = known("a", "Ganpat Rao Thorat", "1955-04-30", "male", true);
        let other = known("b", "Ganpat Rao Thorat", "1955-04-30", "male", false);
        assert_eq!(decide(&thorat(), &[one.clone(), other]), Match::Exact("a".into()));
        let married = known("a", "Ganpat Rao Shinde", "1955-04-30", "male", true);
        assert_eq!(decide(&thorat(), &[married]), Match::Exact("a".into()));
        let hindi = known("a", "गणपत राव थोरात", "1955", "male", true);
        assert_eq!(decide(&thorat(), &[hindi]), Match::Exact("a".into()));
    }

    #[test]
    fn contradictions_are_for_a_person() {
        for stranger in [
            known("a", "Sunita Gaikwad", "1990-01-01", "male", true),
            known("a", "Sunita Gaikwad", "1955", "female", true),
            known("a", "Ganpat Thorat", "1990", "female", true),
        ] {
            assert!(matches!(decide(&thorat(), &[stranger]), Match::Conflict(_)));
        }
        let two = [
            known("a", "Ganpat Rao Thorat", "1955", "male", true),
            known("b", "Ganpat Rao Thorat", "1955", "male", true),
        ];
        let Match::Conflict(c) = decide(&thorat(), &two) else { panic!("two patients with one number") };
        assert_eq!(c.len(), 2);
    }

    #[test]
    fn an_unknown_number_never_becomes_someone() {
        let alike = known("a", "Ganpat Rao Thorat", "1955-04-30", "male", false);
        let found = decide(&thorat(), &[alike, known("z", "Sunita Gaikwad", "1955", "female", false)]);
        let Match::Unknown(c) = &found else { panic!("{found:?}") };
        assert_eq!(c.len(), 1);
        assert_eq!(c[0].reasons, [Reason::SameName, Reason::SameBirthYear, Reason::SameSex]);
        assert!(matches!(
            conclude(found.clone(), &thorat(), false),
            Decision::Hold { why: "unknownPatient", .. }
        ));
        assert!(matches!(conclude(found, &thorat(), true), Decision::Hold { why: "looksAlike", .. }));
        let nobody = decide(&thorat(), &[]);
        assert_eq!(conclude(nobody.clone(), &thorat(), true), Decision::Create);
        assert!(matches!(conclude(nobody, &thorat(), false), Decision::Hold { why: "unknownPatient", .. }));
        let unnumbered = PatientIdentity { identifiers: vec![], ..thorat() };
        assert!(matches!(
            conclude(decide(&unnumbered, &[]), &unnumbered, true),
            Decision::Hold { why: "noIdentifier", .. }
        ));
    }

    #[test]
    fn names_agree_with_initials_titles_and_order() {
        for (a, b, expected) in [
            ("G R Thorat", "Ganpat Rao Thorat", true),
            ("Thorat Ganpat", "Mr Ganpat Rao Thorat", true),
            ("José Müller", "jose muller", true),
            ("S Wagh", "Sunita Gaikwad", false),
            ("G R", "Ganpat Rao", false),
            ("Thorat", "Ganpat Thorat", false),
            ("Thorat", "THORAT", true),
            ("", "Thorat", false),
            ("सुनीता वाघ", "सुनीता वाघ", true),
        ] {
            assert_eq!(same_name(a, b), expected, "{a} / {b}");
        }
    }
}

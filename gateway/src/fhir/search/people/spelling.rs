//! What people spell differently: one folded spelling, and a sound key for what is left.
//!
//! Folding (clinic-workflow.md, section 5): Laxmi and Lakshmi; Mohammed, Muhammad and Md; v, w and b; sh and s; aa and a;
//! ee and i; ph and f; dh and d. The folding of a beginning is, but for a last p or c, the beginning of the folding, so
//! that a name can be found while it is typed.

/// The folded spelling of one word in Latin letters. Letters of other scripts stay as they are.
pub fn folded(word: &str) -> String {
    let plain = super::super::fold::fold(word);
    let letters: Vec<char> = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    let at = |n: usize| letters.get(n).copied().unwrap_or('\0');
    let mut out = String::with_capacity(plain.len());
    let mut n = 0;
    while n < letters.len() {
        let (text, used) = rule(&letters, n, at(n), at(n + 1), at(n + 2));
        for c in text.chars().chain((text.is_empty() && used == 0).then_some(at(n))) {
            if !out.ends_with(c) {
                out.push(c);
            }
        }
        n += used.max(1);
    }
    if letters.len() > 4 && out.ends_with("ah") {
        out.pop();
    }
    out
}

/// What stands at a place becomes, and how many letters that uses; nothing and 0 leaves the letter as it is.
fn rule(letters: &[char], n: usize, a: char, b: char, c: char) -> (&'static str, usize) {
    let vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    match (a, b, c) {
        ('x', ..) => ("ks", 1),
        ('d', 'n', 'y') => ("gi", 3),
        ('j', 'n', _) => ("gi", 2),
        ('c', 'h', 'h') => ("c", 3),
        ('c', 'h', _) => ("c", 2),
        ('c', 'k', _) => ("k", 2),
        ('c', 'e' | 'i' | 'y', _) => ("s", 1),
        ('c' | 'q', ..) => ("k", 1),
        ('p', 'h', _) => ("f", 2),
        ('s', 'c', 'h') => ("s", 3),
        ('z', 'h', _) => ("l", 2),
        ('z', ..) => ("j", 1),
        ('a' | 'o', 'u', _) => ("u", 2),
        ('o' | 'a', 'w', next) if next != '\0' && !vowel(next) => ("u", 2),
        // Rao is written ravu in the south.
        ('v', 'u', '\0') => ("u", 2),
        ('v' | 'w', ..) => ("b", 1),
        ('e' | 'y', ..) => ("i", 1),
        ('o', ..) => ("u", 1),
        // An h behind a consonant only tells how it is breathed.
        ('h', ..)
            if n > 0
                && letters.get(n - 1).is_some_and(|p| p.is_ascii_alphabetic() && !vowel(*p) && *p != 'h') =>
        {
            ("", 1)
        }
        _ => ("", 0),
    }
}

/// Spellings under which a word is looked for: its own, and the common one for the many forms of Muhammad.
pub fn spellings(word: &str) -> Vec<String> {
    let own = folded(word);
    let mut out = Vec::with_capacity(2);
    if is_muhammad(&own) && own != MUHAMMAD {
        out.push(MUHAMMAD.to_owned());
    }
    if !own.is_empty() {
        out.insert(0, own);
    }
    out
}

const MUHAMMAD: &str = "muhamad";

fn is_muhammad(folded: &str) -> bool {
    let skeleton: String = folded.chars().filter(|c| !is_vowel(*c)).collect();
    skeleton == "mhmd" || matches!(folded, "md" | "muhd" | "mhd" | "muhmd" | "muhumud")
}

fn is_vowel(c: char) -> bool {
    matches!(c, 'a' | 'i' | 'u' | 'e' | 'o')
}

/// The sound key of a folded spelling: its first letter, then the consonants, without h, each once in a row.
pub fn sound(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len());
    for (n, c) in folded.chars().enumerate() {
        if n == 0 || !(is_vowel(c) || c == 'h' || out.ends_with(c)) {
            out.push(c);
        }
    }
    out
}

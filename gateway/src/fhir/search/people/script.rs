//! Nine Indic scripts to Latin letters, syllable by syllable.
//!
//! The nine Unicode blocks of 128 letters repeat one layout, so one table by place in the block serves all of them.

/// One syllable: the characters it came from and its Latin letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syllable {
    /// UTF-16 length of the characters.
    pub width: usize,
    /// Latin letters, lower case.
    pub latin: String,
    /// Written as one shape with the next syllable, so that nothing can end between them.
    pub joined: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Devanagari, Bengali, Gurmukhi, Gujarati: the last inherent vowel is silent.
    North,
    /// Odia, Telugu, Kannada, Malayalam.
    South,
    /// One letter for voiced and unvoiced.
    Tamil,
}

const FIRST: u32 = 0x900;
const TAMIL_BLOCK: u32 = 5;
const BLOCKS: u32 = 9;

/// Whether a character belongs to one of the nine scripts.
pub fn is_indic(c: char) -> bool {
    (FIRST..FIRST + BLOCKS * 0x80).contains(&u32::from(c))
}

fn place(c: char) -> Option<(Script, u32)> {
    let at = is_indic(c).then(|| u32::from(c) - FIRST)?;
    let script = match at / 0x80 {
        0..=3 => Script::North,
        TAMIL_BLOCK => Script::Tamil,
        _ => Script::South,
    };
    Some((script, at % 0x80))
}

const CONSONANTS: [&str; 37] = [
    "k", "kh", "g", "gh", "n", "ch", "chh", "j", "jh", "n", "t", "th", "d", "dh", "n", "t", "th", "d", "dh",
    "n", "n", "p", "ph", "b", "bh", "m", "y", "r", "r", "l", "l", "zh", "v", "sh", "sh", "s", "h",
];

const VOWELS: [&str; 16] =
    ["a", "aa", "i", "ii", "u", "uu", "ri", "li", "e", "e", "e", "ai", "o", "o", "o", "au"];

const SIGNS: [&str; 15] = ["aa", "i", "ii", "u", "uu", "ri", "ri", "e", "e", "e", "ai", "o", "o", "o", "au"];

const VIRAMA: u32 = 0x4d;
const NUKTA: u32 = 0x3c;

fn entry(table: &[&'static str], at: u32, from: u32) -> Option<&'static str> {
    table.get(usize::try_from(at.checked_sub(from)?).ok()?).copied()
}

fn consonant(c: char, at: u32) -> Option<&'static str> {
    match (c, at) {
        // Letters that one script alone has: Bengali (Assamese) ra and va, Odia wa.
        ('\u{9f0}', _) => Some("r"),
        ('\u{9f1}' | '\u{b71}', _) => Some("v"),
        (_, 0x15..=0x39) => entry(&CONSONANTS, at, 0x15),
        (_, 0x58..=0x5f) => entry(&["k", "kh", "g", "z", "r", "rh", "f", "y"], at, 0x58),
        _ => None,
    }
}

/// Letters that end a syllable by themselves: nasal signs, visarga, Malayalam's chillu letters.
fn closing(c: char, at: u32) -> Option<&'static str> {
    match at {
        0x01 | 0x02 => Some("n"),
        // Gurmukhi tippi.
        0x70 if c == '\u{a70}' => Some("n"),
        0x03 => Some("h"),
        0x7a | 0x7b => Some("n"),
        0x7c => Some("r"),
        0x7d | 0x7e => Some("l"),
        0x7f => Some("k"),
        _ => None,
    }
}

/// A consonant whose dot below makes another sound of it.
fn dotted(latin: &str) -> &'static str {
    match latin {
        "j" => "z",
        "ph" => "f",
        "d" | "dh" => "r",
        "k" => "k",
        "kh" => "kh",
        "g" => "g",
        "b" => "r",
        "y" => "y",
        "s" => "sh",
        "l" => "l",
        _ => "",
    }
}

struct Letter {
    latin: String,
    width: usize,
    /// A consonant that still carries the vowel that is not written.
    inherent: bool,
    script: Script,
    /// Whether it began with a consonant.
    hard: bool,
    joined: bool,
}

/// Syllables of one word that holds Indic letters, composed or not. Other characters are syllables of their own.
pub fn syllables(word: &str) -> Vec<Syllable> {
    let letters = letters(word);
    let last = letters.len().saturating_sub(1);
    let mut out: Vec<Syllable> = Vec::with_capacity(letters.len());
    for (n, letter) in letters.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| letters.get(n));
        let mut latin = if letter.script == Script::Tamil {
            tamil(letter, before, letters.get(n + 1))
        } else {
            letter.latin.clone()
        };
        if letter.inherent && (n < last || letter.script != Script::North || last == 0) {
            latin.push('a');
        }
        out.push(Syllable { width: letter.width, latin, joined: letter.joined && n < last });
    }
    out
}

fn letters(word: &str) -> Vec<Letter> {
    let mut out: Vec<Letter> = Vec::new();
    for c in word.chars() {
        let width = c.len_utf16();
        let Some((script, at)) = place(c) else {
            let latin: String = c.to_lowercase().filter(|c| c.is_alphanumeric()).collect();
            match out.last_mut() {
                // Joiners and stray marks belong to the syllable before them.
                Some(letter) if latin.is_empty() => letter.width += width,
                _ => out.push(Letter {
                    latin,
                    width,
                    inherent: false,
                    script: Script::South,
                    hard: false,
                    joined: false,
                }),
            }
            continue;
        };
        if let Some(latin) = consonant(c, at) {
            out.push(Letter {
                latin: latin.to_owned(),
                width,
                inherent: true,
                script,
                hard: true,
                joined: false,
            });
            continue;
        }
        if (0x05..=0x14).contains(&at) {
            let latin = entry(&VOWELS, at, 0x05).unwrap_or_default().to_owned();
            out.push(Letter { latin, width, inherent: false, script, hard: false, joined: false });
            continue;
        }
        let Some(letter) = out.last_mut() else {
            let latin = entry(&SIGNS, at, 0x3e).unwrap_or_default().to_owned();
            out.push(Letter { latin, width, inherent: false, script, hard: false, joined: false });
            continue;
        };
        letter.width += width;
        match at {
            VIRAMA => {
                letter.inherent = false;
                letter.joined = script != Script::Tamil;
            }
            NUKTA => letter.latin = dotted(&letter.latin).to_owned(),
            0x3e..=0x4c => {
                letter.inherent = false;
                letter.latin.push_str(entry(&SIGNS, at, 0x3e).unwrap_or_default());
            }
            _ => {
                if let Some(end) = closing(c, at) {
                    if std::mem::take(&mut letter.inherent) {
                        letter.latin.push('a');
                    }
                    letter.latin.push_str(end);
                }
            }
        }
    }
    out
}

/// Tamil writes one letter for k and g, ch and s, t and d, p and b; which is meant depends on the letters around.
fn tamil(letter: &Letter, before: Option<&Letter>, after: Option<&Letter>) -> String {
    let same = |other: Option<&Letter>| {
        other.is_some_and(|o| o.hard && letter.hard && o.latin.chars().next() == letter.latin.chars().next())
    };
    let doubled = same(after) && !letter.inherent && letter.latin.len() <= 2
        || same(before) && before.is_some_and(|b| !b.inherent && b.latin.len() <= 2);
    let nasal = before.is_some_and(|b| b.latin.ends_with(['n', 'm']) && !b.inherent);
    let between = before.is_some_and(|b| b.inherent || b.latin.ends_with(['a', 'e', 'i', 'o', 'u']));
    let swap = |from: &str, to: &str| letter.latin.strip_prefix(from).map(|rest| format!("{to}{rest}"));
    let soft = match (doubled, nasal, between) {
        (true, _, _) => None,
        (_, true, _) => {
            swap("k", "g").or_else(|| swap("ch", "j")).or_else(|| swap("p", "b")).or_else(|| swap("t", "d"))
        }
        (_, _, true) => swap("k", "g").or_else(|| swap("ch", "s")).or_else(|| swap("p", "b")),
        _ if before.is_none() => swap("ch", "s"),
        _ => None,
    };
    soft.unwrap_or_else(|| letter.latin.clone())
}

/// The other reading of a first Tamil letter: voiced instead of unvoiced, `ch` instead of `s`.
pub fn other_tamil_beginning(word: &str, latin: &str) -> Option<String> {
    let (script, _) = place(word.chars().next()?)?;
    if script != Script::Tamil {
        return None;
    }
    [("k", "g"), ("s", "ch"), ("p", "b"), ("t", "d")]
        .iter()
        .find_map(|(from, to)| latin.strip_prefix(from).map(|rest| format!("{to}{rest}")))
}

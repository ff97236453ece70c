//! Planted words and the search for them: invented names, phone numbers and notes that occur nowhere else, and a
//! scanner that finds them in any bytes, also in the disguises that software gives to text.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// One invented person.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Family name, one word.
    pub family: String,
    /// Given name, one word.
    pub given: String,
    /// Ten digits.
    pub phone: String,
    /// A sentence that a clinician might write, with two words of its own.
    pub note: String,
}

/// `count` people, the same for the same seed.
pub fn plant(count: usize, seed: u64) -> Vec<Canary> {
    let mut dice = Dice(seed);
    (0..count)
        .map(|_| Canary {
            family: dice.word(5),
            given: dice.word(4),
            phone: format!("98{:08}", dice.next() % 100_000_000),
            note: format!("{} since the {} festival", dice.word(6), dice.word(6)),
        })
        .collect()
}

/// Everything of these people that must stay secret, each word alone as well.
pub fn secrets(people: &[Canary]) -> Vec<String> {
    let mut all = Vec::new();
    for person in people {
        all.extend([person.family.clone(), person.given.clone(), person.phone.clone()]);
        all.extend(person.note.split(' ').filter(|w| w.len() > 8).map(str::to_owned));
    }
    all
}

/// SplitMix64: enough chance for test data, and the same on every machine.
pub struct Dice(pub u64);

impl Dice {
    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A word of `syllables`, capitalised, such as `Zuvorakem`.
    pub fn word(&mut self, syllables: usize) -> String {
        let mut word = String::new();
        for _ in 0..syllables {
            word.push(char::from(b"bdfghjkmnprtvxz"[self.below(15) as usize]));
            word.push(char::from(b"aeiou"[self.below(5) as usize]));
        }
        word[..1].to_uppercase() + &word[1..]
    }
}

/// Finds any of a set of words in bytes: as text in any case, as UTF-16 of either order, as base64 at each of its
/// three alignments, and as hexadecimal.
pub struct Scanner {
    /// Needle (lower case) and the word it stands for, sorted by needle.
    needles: Vec<(Vec<u8>, String)>,
    /// Which first three bytes begin a needle: one bit each.
    begins: Vec<u64>,
}

/// One find.
#[derive(Debug)]
pub struct Find {
    /// The file.
    pub file: PathBuf,
    /// Offset of the first byte.
    pub at: usize,
    /// The planted word.
    pub word: String,
}

impl Scanner {
    /// A scanner for these words, each at least four bytes long.
    pub fn new(words: &[String]) -> Scanner {
        let mut needles = Vec::new();
        for word in words {
            for spelling in [word.clone(), word.to_lowercase(), word.to_uppercase()] {
                let text = spelling.as_bytes();
                let utf16: Vec<u8> = spelling.encode_utf16().flat_map(u16::to_le_bytes).collect();
                needles.push((utf16[..utf16.len() - 1].to_vec(), word.clone()));
                needles.push((data_encoding::HEXLOWER.encode(text).into_bytes(), word.clone()));
                // With 0, 1 or 2 unknown bytes before it, the word's base64 differs; the characters that also
                // depend on its unknown neighbours are left out.
                for before in 0..3 {
                    let mut shifted = vec![0; before];
                    shifted.extend_from_slice(text);
                    let encoded = STANDARD_NO_PAD.encode(&shifted).into_bytes();
                    let first = (before * 8).div_ceil(6);
                    let last = shifted.len() * 8 / 6;
                    needles.push((encoded[first..last].to_vec(), word.clone()));
                }
            }
            needles.push((word.to_lowercase().into_bytes(), word.clone()));
        }
        // Both orders of UTF-16 contain the form that starts and ends with the text bytes, so one needle serves both.
        for (needle, _) in &mut needles {
            needle.make_ascii_lowercase();
        }
        needles.sort();
        needles.dedup();
        let mut begins = vec![0; 1 << 18];
        for (needle, _) in &needles {
            let (word, bit) = slot(needle);
            begins[word] |= bit;
        }
        Scanner { needles, begins }
    }

    /// The first word found in these bytes, with its offset.
    pub fn find(&self, bytes: &[u8]) -> Option<(usize, &str)> {
        let lower = bytes.to_ascii_lowercase();
        lower.windows(3).enumerate().find_map(|(at, window)| {
            let (word, bit) = slot(window);
            if self.begins[word] & bit == 0 {
                return None;
            }
            let rest = &lower[at..];
            let from = self.needles.partition_point(|(n, _)| n.as_slice() < &window[..3]);
            let same = self.needles[from..].iter().take_while(|(n, _)| n[..3] == *window);
            same.into_iter().find(|(n, _)| rest.starts_with(n)).map(|(_, word)| (at, word.as_str()))
        })
    }

    /// Looks through every file under `folder`, names of files included. Returns the finds and how many bytes it read.
    pub fn search(&self, folder: &Path) -> io::Result<(Vec<Find>, u64)> {
        let mut finds = Vec::new();
        let mut read = 0;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.to_string_lossy().into_owned().into_bytes();
            let kind = fs::symlink_metadata(&path)?.file_type();
            if kind.is_dir() {
                let (more, bytes) = self.search(&path)?;
                finds.extend(more);
                read += bytes;
            } else if kind.is_file() {
                let bytes = fs::read(&path)?;
                read += bytes.len() as u64;
                for content in [name, bytes] {
                    let found = self.find(&content);
                    finds.extend(found.map(|(at, word)| Find {
                        file: path.clone(),
                        at,
                        word: word.to_owned(),
                    }));
                }
            }
        }
        Ok((finds, read))
    }
}

/// Where the bit of a needle's first three bytes (lower case, so fewer than 2^24 values) is kept.
fn slot(bytes: &[u8]) -> (usize, u64) {
    let key = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
    (key / 64, 1 << (key % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(disguise: impl Fn(&str) -> Vec<u8>) {
        let people = plant(20, 7);
        let scanner = Scanner::new(&secrets(&people));
        for person in &people {
            let mut file = b"\x00\xff some page of a file ".to_vec();
            file.extend(disguise(&person.note));
            assert!(scanner.find(&file).is_some(), "{}", person.note);
        }
    }

    #[test]
    fn a_planted_note_is_found_in_every_disguise() {
        check(|note| note.as_bytes().to_vec());
        check(|note| note.to_uppercase().into_bytes());
        check(|note| note.encode_utf16().flat_map(u16::to_le_bytes).collect());
        check(|note| note.encode_utf16().flat_map(u16::to_be_bytes).collect());
        check(|note| data_encoding::HEXUPPER.encode(note.as_bytes()).into_bytes());
        for before in ["", "x", "xy"] {
            check(|note| STANDARD_NO_PAD.encode(format!("{before}{note} and more")).into_bytes());
        }
    }

    #[test]
    fn what_was_not_planted_is_not_found() {
        let scanner = Scanner::new(&secrets(&plant(200, 7)));
        let mut dice = Dice(99);
        let noise: Vec<u8> = (0..200_000).flat_map(|_| dice.next().to_le_bytes()).collect();
        assert!(scanner.find(&noise).is_none());
        assert!(scanner.find(secrets(&plant(200, 8)).join(" ").as_bytes()).is_none());
    }
}

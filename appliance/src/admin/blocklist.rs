//! Passwords that everybody thinks of first: our own short list, and the patterns behind most of the long ones.
//!
//! Works offline on purpose. It does not grade passwords; length does the work and this catches the obvious.

/// Whether the password, seen without case, trailing digits and signs, is one of the first that a thief tries.
pub fn is_common(password: &str, username: &str) -> bool {
    let folded: String = password.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let core = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    let plain: String = core.chars().map(unleet).collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_alphabetic());
    is_run(&folded)
        || is_repeated(&folded)
        || plain.is_empty()
        || WORDS.iter().any(|word| plain == *word || folded == *word)
        || (!username.is_empty()
            && [plain, folded.as_str()].iter().any(|t| is_made_of(t, &username.to_lowercase())))
}

/// `p@ssw0rd` reads as `password`.
fn unleet(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    }
}

/// `abcdefgh`, `87654321`, `qwertyui`: neighbours all the way, on the alphabet or the keyboard.
fn is_run(text: &str) -> bool {
    let rows = [
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890",
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "1qaz2wsx3edc4rfv",
    ];
    let back: String = text.chars().rev().collect();
    rows.iter().any(|row| text.len() >= 4 && (row.contains(text) || row.contains(back.as_str())))
}

/// `aaaaaaaa`, `abababab`, `passwordpassword`: one short piece over and over (of at most four letters, or a listed
/// word).
fn is_repeated(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let short = (1..=4.min(letters.len() / 2))
        .any(|size| letters.iter().zip(letters.iter().skip(size)).all(|(one, next)| one == next));
    short || WORDS.iter().any(|word| text.len() > word.len() && is_made_of(text, word))
}

fn is_made_of(text: &str, piece: &str) -> bool {
    !text.is_empty() && text.replace(piece, "").is_empty()
}

/// Written for this product: frequent choices in general, and those of a clinic in India.
const WORDS: &[&str] = &[
    "password",
    "passwort",
    "passw",
    "pass",
    "passcode",
    "passphrase",
    "letmein",
    "letmeinnow",
    "welcome",
    "welcometo",
    "changeme",
    "changeit",
    "default",
    "secret",
    "secrets",
    "topsecret",
    "mypassword",
    "thisismypassword",
    "login",
    "logmein",
    "admin",
    "administrator",
    "root",
    "rootroot",
    "master",
    "owner",
    "guest",
    "user",
    "username",
    "test",
    "testing",
    "tester",
    "demo",
    "sample",
    "example",
    "temp",
    "temporary",
    "qwerty",
    "qwertyuiop",
    "qwertyasdf",
    "asdf",
    "asdfgh",
    "asdfghjkl",
    "zxcvbn",
    "zxcvbnm",
    "abcd",
    "abcabc",
    "abcdefg",
    "qazwsx",
    "qazwsxedc",
    "iloveyou",
    "ilovemyfamily",
    "iloveindia",
    "sunshine",
    "princess",
    "dragon",
    "monkey",
    "football",
    "cricket",
    "baseball",
    "superman",
    "batman",
    "spiderman",
    "starwars",
    "pokemon",
    "shadow",
    "flower",
    "freedom",
    "whatever",
    "nothing",
    "computer",
    "internet",
    "samsung",
    "iphone",
    "android",
    "google",
    "facebook",
    "whatsapp",
    "windows",
    "microsoft",
    "india",
    "indian",
    "bharat",
    "bharatmata",
    "jaihind",
    "jaishreeram",
    "jaimatadi",
    "saibaba",
    "omsairam",
    "omnamah",
    "omnamahshivaya",
    "ganesh",
    "ganesha",
    "krishna",
    "radhakrishna",
    "shiva",
    "shivaya",
    "hanuman",
    "waheguru",
    "allah",
    "bismillah",
    "jesus",
    "jesuschrist",
    "godisgreat",
    "godisgood",
    "mummypapa",
    "mumbai",
    "delhi",
    "newdelhi",
    "kolkata",
    "chennai",
    "bangalore",
    "bengaluru",
    "hyderabad",
    "pune",
    "lucknow",
    "jaipur",
    "patna",
    "bhopal",
    "sachin",
    "sachintendulkar",
    "virat",
    "viratkohli",
    "dhoni",
    "msdhoni",
    "priya",
    "rahul",
    "rajesh",
    "ramesh",
    "suresh",
    "anjali",
    "pooja",
    "deepak",
    "sanjay",
    "vijay",
    "ashok",
    "lakshmi",
    "laxmi",
    "sita",
    "gita",
    "ravi",
    "raju",
    "munna",
    "babu",
    "pinky",
    "sweety",
    "namaste",
    "namaskar",
    "doctor",
    "doctors",
    "drdoctor",
    "nurse",
    "nurses",
    "clinic",
    "myclinic",
    "clinicvault",
    "clinicadmin",
    "clinicowner",
    "hospital",
    "reception",
    "receptionist",
    "pharmacy",
    "chemist",
    "medical",
    "medicine",
    "medicines",
    "patient",
    "patients",
    "health",
    "healthcare",
    "laboratory",
    "pathology",
    "dispensary",
    "emergency",
    "staff",
    "office",
    "manager",
    "accounts",
    "cashier",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "summer",
    "winter",
    "diwali",
    "happydiwali",
    "newyear",
    "happynewyear",
    "goodmorning",
    "hello",
    "helloworld",
    "hellohello",
    "trustno",
    "correcthorsebatterystaple",
    "opensesame",
    "thequickbrownfox",
    "abcdxyz",
    "aadhaar",
    "aadhar",
    "ayushman",
    "ayushmanbharat",
    "abdm",
    "vault",
    "keyfile",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_obvious_is_caught() {
        for password in [
            "password",
            "Password123",
            "P@ssw0rd!",
            "12345678",
            "87654321",
            "aaaaaaaaaaaaaaaa",
            "abababababababab",
            "qwertyuiop",
            "JaiHind@1947",
            "Clinic2026",
            "welcome 123",
            "passwordpassword",
            "doctor#1",
            "asha1987",
            "Asha@123",
            "ashaashaasha",
            "123456789012345",
            "correct horse battery staple",
            "9876543210",
        ] {
            assert!(is_common(password, "asha"), "{password}");
        }
    }

    #[test]
    fn what_takes_thought_is_left_alone() {
        for password in [
            "river-7x",
            "Peacock-register-77 margin",
            "owner writes-in 1 ledger!",
            "नदी में पानी",
            "k3vq9zt2",
            "twopassword words",
        ] {
            assert!(!is_common(password, "owner"), "{password}");
        }
    }
}

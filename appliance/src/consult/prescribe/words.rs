//! The closed lists of a prescription line: forms, units, routes, times of the day, food, and how each is typed and printed.
//!
//! Every word of a list reads back as the same member; the tests walk all of them.

use super::amount::Amount;

macro_rules! list {
    ($(#[$doc:meta])* $name:ident { $($variant:ident: $code:literal [$($other:literal),*] $printed:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every member.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// How it is written in a line.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// How it is printed, in English.
            pub const fn printed(self) -> &'static str {
                match self { $($name::$variant => $printed),+ }
            }

            /// Reads a word in lower case: the code or another usual one.
            pub fn read(word: &str) -> Option<$name> {
                match word { $($code $(| $other)* => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

list!(
    /// The form in which a medicine is given.
    Form {
        Tablet: "tab" ["t.", "tabs", "tablet", "tablets"] "TAB",
        Capsule: "cap" ["caps", "capsule", "capsules"] "CAP",
        Syrup: "syp" ["syr", "syrup", "liquid"] "SYRUP",
        Suspension: "susp" ["suspension"] "SUSPENSION",
        Drops: "drops" ["gtt"] "DROPS",
        EyeDrops: "eyedrops" ["e/d"] "EYE DROPS",
        EarDrops: "eardrops" [] "EAR DROPS",
        Injection: "inj" ["injection"] "INJ",
        Ointment: "oint" ["ointment"] "OINTMENT",
        Cream: "cream" [] "CREAM",
        Gel: "gel" [] "GEL",
        Lotion: "lotion" [] "LOTION",
        Powder: "powder" [] "POWDER",
        Sachet: "sachet" ["sachets"] "SACHET",
        Inhaler: "inhaler" ["mdi"] "INHALER",
        Rotacap: "rotacap" ["rotacaps", "dpi"] "ROTACAP",
        Respule: "respule" ["respules"] "RESPULE",
        Spray: "spray" [] "SPRAY",
        Suppository: "supp" ["suppository"] "SUPPOSITORY",
        Pessary: "pessary" [] "PESSARY",
        Patch: "patch" [] "PATCH",
        Lozenge: "lozenge" ["lozenges"] "LOZENGE",
        Mouthwash: "mouthwash" ["gargle"] "MOUTHWASH",
        Shampoo: "shampoo" [] "SHAMPOO",
    }
);

list!(
    /// What an amount counts. Units are spelled out and micrograms are mcg (clinic-workflow.md section 7.2).
    Unit {
        Milligram: "mg" ["milligram", "milligrams"] "mg",
        Gram: "g" ["gm", "gms", "gram", "grams"] "g",
        Microgram: "mcg" ["ug", "µg", "μg", "microgram", "micrograms"] "mcg",
        Units: "units" ["unit", "u", "iu"] "units",
        Milliequivalent: "meq" [] "mEq",
        Percent: "%" ["percent"] "%",
        Millilitre: "ml" ["millilitre", "millilitres", "cc"] "mL",
        Tablet: "tab" ["tabs", "tablet", "tablets"] "tab",
        Capsule: "cap" ["caps", "capsule", "capsules"] "cap",
        Drop: "drop" ["drops", "gtt"] "drops",
        Puff: "puff" ["puffs"] "puffs",
        Spray: "spray" ["sprays"] "sprays",
        Sachet: "sachet" ["sachets"] "sachet",
        Piece: "piece" ["pieces", "pc."] "piece",
        Application: "application" ["applications", "app"] "application",
    }
);

list!(
    /// How it gets into the body.
    Route {
        Mouth: "po" ["oral", "orally"] "by mouth",
        Tongue: "sl" ["sublingual"] "under the tongue",
        Vein: "iv" ["intravenous"] "into a vein",
        Muscle: "im" ["intramuscular"] "into a muscle",
        Skin: "sc" ["subcutaneous"] "under the skin",
        Topical: "top" ["la", "topical", "local"] "on the skin",
        Inhaled: "inh" ["inhaled"] "inhaled",
        Nebulised: "neb" ["nebulised", "nebulized"] "by nebuliser",
        Nose: "nasal" ["nose"] "into the nose",
        Eye: "eye" ["eyes", "ocular"] "into the eye",
        Ear: "ear" ["ears"] "into the ear",
        Rectal: "pr" ["rectal"] "into the rectum",
        Vaginal: "pv" ["vaginal"] "into the vagina",
    }
);

list!(
    /// Before or after food.
    Food {
        Before: "ac" ["before-food", "bbf"] "before food",
        After: "pc" ["after-food"] "after food",
        With: "withfood" ["with-food"] "with food",
        Empty: "empty" ["empty-stomach"] "on an empty stomach",
    }
);

impl Unit {
    /// Whether it says how much medicine there is, rather than how many pieces of it.
    pub const fn weighs(self) -> bool {
        matches!(
            self,
            Unit::Milligram
                | Unit::Gram
                | Unit::Microgram
                | Unit::Units
                | Unit::Milliequivalent
                | Unit::Percent
        )
    }

    /// Micrograms of one, for what is weighed.
    pub const fn micrograms(self) -> Option<u64> {
        match self {
            Unit::Gram => Some(1_000_000),
            Unit::Milligram => Some(1_000),
            Unit::Microgram => Some(1),
            Unit::Units
            | Unit::Milliequivalent
            | Unit::Percent
            | Unit::Millilitre
            | Unit::Tablet
            | Unit::Capsule
            | Unit::Drop
            | Unit::Puff
            | Unit::Spray
            | Unit::Sachet
            | Unit::Piece
            | Unit::Application => None,
        }
    }
}

impl Form {
    /// What one intake without a stated dose is, for a form that is counted.
    pub const fn counted(self) -> Option<Unit> {
        match self {
            Form::Tablet => Some(Unit::Tablet),
            Form::Capsule => Some(Unit::Capsule),
            Form::Sachet => Some(Unit::Sachet),
            Form::Rotacap
            | Form::Respule
            | Form::Suppository
            | Form::Pessary
            | Form::Patch
            | Form::Lozenge => Some(Unit::Piece),
            Form::Syrup
            | Form::Suspension
            | Form::Drops
            | Form::EyeDrops
            | Form::EarDrops
            | Form::Injection
            | Form::Ointment
            | Form::Cream
            | Form::Gel
            | Form::Lotion
            | Form::Powder
            | Form::Inhaler
            | Form::Spray
            | Form::Mouthwash
            | Form::Shampoo => None,
        }
    }
}

/// How often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frequency {
    /// Morning, noon, (evening,) night: 1-0-1.
    Pattern(Vec<Amount>),
    /// Once a day.
    Daily,
    /// Twice a day.
    Twice,
    /// Three times a day.
    Thrice,
    /// Four times a day.
    FourTimes,
    /// Five or six times a day.
    TimesADay(u8),
    /// In the morning.
    Morning,
    /// At bedtime.
    Bedtime,
    /// Once, now.
    AtOnce,
    /// Every so many hours, 1 to 72.
    EveryHours(u8),
    /// Every other day.
    AlternateDays,
    /// Once a week.
    Weekly,
    /// Once in two weeks.
    Fortnightly,
    /// Once a month.
    Monthly,
}

/// Words for the frequencies without a number; the first is the code.
const FREQUENCIES: &[(Frequency, &[&str], &str)] = &[
    (Frequency::Daily, &["od", "once-daily", "qd", "daily", "once-a-day"], "once a day"),
    (Frequency::Twice, &["bd", "bid", "twice-daily", "twice-a-day"], "twice a day"),
    (Frequency::Thrice, &["tds", "tid", "thrice-daily", "thrice-a-day"], "three times a day"),
    (Frequency::FourTimes, &["qid", "qds"], "four times a day"),
    (Frequency::Morning, &["mane", "om"], "in the morning"),
    (Frequency::Bedtime, &["hs", "nocte", "bedtime"], "at bedtime"),
    (Frequency::AtOnce, &["stat"], "at once, one time"),
    (Frequency::AlternateDays, &["altd", "alternate-days", "eod"], "every other day"),
    (Frequency::Weekly, &["weekly", "once-weekly", "qw"], "once a week"),
    (Frequency::Fortnightly, &["fortnightly"], "once in two weeks"),
    (Frequency::Monthly, &["monthly"], "once a month"),
];

impl Frequency {
    /// The words of the list, as typed.
    pub fn words() -> impl Iterator<Item = &'static str> {
        FREQUENCIES.iter().filter_map(|(_, words, _)| words.first().copied())
    }

    /// Reads one word: `1-0-1`, `bd`, `q6h`, `5/day`.
    pub fn read(word: &str) -> Option<Frequency> {
        if let Some((known, ..)) = FREQUENCIES.iter().find(|(_, words, _)| words.contains(&word)) {
            return Some(known.clone());
        }
        if let Some(hours) = word.strip_prefix('q').and_then(|rest| rest.strip_suffix('h')) {
            return every(hours);
        }
        if let Some(hours) = word.strip_suffix("hourly") {
            return every(hours.trim_end_matches('-'));
        }
        if let Some(times) = word.strip_suffix("/day") {
            return match times {
                "5" => Some(Frequency::TimesADay(5)),
                "6" => Some(Frequency::TimesADay(6)),
                _ => None,
            };
        }
        let parts: Option<Vec<Amount>> = word.split(['-', '–']).map(Amount::read).collect();
        let parts = parts.filter(|parts| (3..=4).contains(&parts.len()))?;
        let sane = parts.iter().any(|part| !part.is_zero())
            && parts.iter().all(|part| part.in_thousandths() <= 99_000);
        sane.then_some(Frequency::Pattern(parts))
    }

    /// How it is written in a line.
    pub fn code(&self) -> String {
        match self {
            Frequency::Pattern(parts) => parts.iter().map(Amount::to_string).collect::<Vec<_>>().join("-"),
            Frequency::EveryHours(hours) => format!("q{hours}h"),
            Frequency::TimesADay(times) => format!("{times}/day"),
            other => {
                let known = FREQUENCIES.iter().find(|(frequency, ..)| frequency == other);
                known.and_then(|(_, words, _)| words.first()).copied().unwrap_or_default().to_owned()
            }
        }
    }

    /// How it is printed, in English.
    pub fn printed(&self) -> String {
        match self {
            Frequency::Pattern(_) => self.code(),
            Frequency::EveryHours(1) => "every hour".to_owned(),
            Frequency::EveryHours(hours) => format!("every {hours} hours"),
            Frequency::TimesADay(times) => format!("{times} times a day"),
            other => {
                let known = FREQUENCIES.iter().find(|(frequency, ..)| frequency == other);
                known.map(|(.., printed)| *printed).unwrap_or_default().to_owned()
            }
        }
    }

    /// Intakes in so many days, in thousandths: a pattern of halves counts halves. At once is one.
    pub fn intakes(&self, days: u64) -> u64 {
        let whole = |count: u64| count * 1_000;
        match self {
            Frequency::Pattern(parts) => parts.iter().map(|part| part.in_thousandths()).sum::<u64>() * days,
            Frequency::Daily | Frequency::Morning | Frequency::Bedtime => whole(days),
            Frequency::Twice => whole(2 * days),
            Frequency::Thrice => whole(3 * days),
            Frequency::FourTimes => whole(4 * days),
            Frequency::TimesADay(times) => whole(u64::from(*times) * days),
            Frequency::AtOnce => 1_000,
            Frequency::EveryHours(hours) => whole((24 * days).div_ceil(u64::from((*hours).max(1)))),
            Frequency::AlternateDays => whole(days.div_ceil(2)),
            Frequency::Weekly => whole(days.div_ceil(7)),
            Frequency::Fortnightly => whole(days.div_ceil(14)),
            Frequency::Monthly => whole(days.div_ceil(30)),
        }
    }
}

fn every(hours: &str) -> Option<Frequency> {
    let short = hours.len() <= 2 && !hours.starts_with('0') && hours.bytes().all(|b| b.is_ascii_digit());
    let hours: u8 = if short { hours.parse().ok()? } else { return None };
    (1..=72).contains(&hours).then_some(Frequency::EveryHours(hours))
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Days, 1 to 365.
    Days(u16),
    /// Weeks, 1 to 52.
    Weeks(u16),
    /// Months of 30 days, 1 to 12.
    Months(u16),
    /// Until the next visit.
    Ongoing,
}

impl Span {
    /// So many of a unit of time, in English words or letters.
    pub fn of(count: &str, unit: &str) -> Option<Span> {
        let short = (1..=3).contains(&count.len()) && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u16 = if short { count.parse().ok()? } else { return None };
        let within = |most: u16| (1..=most).contains(&count);
        match unit {
            "d" | "day" | "days" if within(365) => Some(Span::Days(count)),
            "w" | "wk" | "week" | "weeks" if within(52) => Some(Span::Weeks(count)),
            "m" | "mo" | "month" | "months" if within(12) => Some(Span::Months(count)),
            _ => None,
        }
    }

    /// Reads one word: `5d`, `x5d`, `2w`, `cont`.
    pub fn read(word: &str) -> Option<Span> {
        if matches!(word, "cont" | "continue" | "ongoing") {
            return Some(Span::Ongoing);
        }
        let word = word.strip_prefix('x').unwrap_or(word);
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (count, unit) = word.split_at(digits);
        Span::of(count, unit)
    }

    /// How it is written in a line.
    pub fn code(self) -> String {
        match self {
            Span::Days(count) => format!("{count}d"),
            Span::Weeks(count) => format!("{count}w"),
            Span::Months(count) => format!("{count}m"),
            Span::Ongoing => "cont".to_owned(),
        }
    }

    /// How it is printed, in English.
    pub fn printed(self) -> String {
        let of = |count: u16, unit: &str| format!("for {count} {unit}{}", if count == 1 { "" } else { "s" });
        match self {
            Span::Days(count) => of(count, "day"),
            Span::Weeks(count) => of(count, "week"),
            Span::Months(count) => of(count, "month"),
            Span::Ongoing => "to be continued".to_owned(),
        }
    }

    /// Days of it, where it ends.
    pub fn days(self) -> Option<u64> {
        match self {
            Span::Days(count) => Some(u64::from(count)),
            Span::Weeks(count) => Some(u64::from(count) * 7),
            Span::Months(count) => Some(u64::from(count) * 30),
            Span::Ongoing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself() {
        for form in Form::ALL {
            assert_eq!(Form::read(form.code()), Some(*form));
        }
        for unit in Unit::ALL {
            assert_eq!(Unit::read(unit.code()), Some(*unit));
        }
        for route in Route::ALL {
            assert_eq!(Route::read(route.code()), Some(*route));
        }
        for food in Food::ALL {
            assert_eq!(Food::read(food.code()), Some(*food));
        }
        for (frequency, ..) in FREQUENCIES {
            assert_eq!(Frequency::read(&frequency.code()).as_ref(), Some(frequency));
        }
        for hours in 1..=72 {
            let every = Frequency::EveryHours(hours);
            assert_eq!(Frequency::read(&every.code()), Some(every));
        }
    }

    #[test]
    fn times_are_counted() {
        let count = |word: &str, days| Frequency::read(word).unwrap().intakes(days);
        assert_eq!(count("1-0-1", 5), 10_000);
        assert_eq!(count("½-0-½", 3), 3_000);
        assert_eq!(count("q6h", 2), 8_000);
        assert_eq!(count("q36h", 3), 2_000);
        assert_eq!(count("weekly", 28), 4_000);
        assert_eq!(count("stat", 9), 1_000);
        for wrong in ["0-0-0", "1-1", "1-0-0-0-1", "q0h", "q73h", "1--1", "-", "100-0-0"] {
            assert_eq!(Frequency::read(wrong), None, "{wrong}");
        }
    }
}

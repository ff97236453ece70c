//! Who comes to the demo clinic.
//!
//! Owns the invented people: their names in the scripts they use, ages, villages, phones, families and the course their
//! year took. Every name, number and place below is made up or a common name put together at random; the phone numbers
//! lie in a range the design uses for the purpose. The courses themselves are in `course`.

/// Administrative sex as FHIR has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `female`
    Female,
    /// `male`
    Male,
    /// `other`
    Other,
}

impl Sex {
    /// The FHIR code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
        }
    }
}

/// What is known of the day of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Born {
    /// A full date, `YYYY-MM-DD`, turned into one by age in years and the day of the year.
    Day {
        /// Whole years before this year.
        years: i16,
        /// Month, 1 to 12.
        month: i8,
        /// Day, 1 to 28.
        day: i8,
    },
    /// Only the age was told: the year is an estimate.
    Year {
        /// Age in years.
        years: i16,
    },
    /// Only the age in months was told.
    Months {
        /// Age in months.
        months: i16,
    },
    /// A date some weeks ago (newborns).
    Weeks {
        /// Age in weeks.
        weeks: i16,
    },
}

/// The story of a patient's year; `course` turns it into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Diabetes and hypertension, potassium rising: the chart of the design.
    DiabetesWithPotassium,
    /// Diabetes, slowly coming under control.
    DiabetesImproving,
    /// Diabetes that gets worse, kidneys beginning to suffer.
    DiabetesKidneys,
    /// High blood pressure, dose raised twice.
    Hypertension,
    /// Iron deficiency and its recovery.
    Anaemia,
    /// Underactive thyroid, dose found step by step.
    Thyroid,
    /// Pregnancy of so many weeks today.
    Pregnancy(i16),
    /// Healthy child: weight, length and vaccines.
    WellChild,
    /// Child with asthma.
    ChildAsthma,
    /// Fever and other short illnesses.
    ShortIllness,
    /// Knee and back pain.
    Joints,
    /// Chronic obstructive lung disease.
    Lungs,
    /// Heart: valve replaced, on warfarin.
    Warfarin,
    /// Gout.
    Gout,
    /// Came once for a certificate or a dressing.
    Once,
    /// Registered, never seen.
    NeverSeen,
}

/// What is known of allergies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allergy {
    /// Nobody has asked.
    NotAsked,
    /// Asked, none known.
    None,
    /// Listed: substance, reaction, severity, year, certainty.
    Listed(&'static [Listed]),
}

/// One listed allergy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Substance.
    pub substance: &'static str,
    /// What happened.
    pub reaction: &'static str,
    /// `mild`, `moderate` or `severe`.
    pub severity: &'static str,
    /// Year it was first seen.
    pub year: i16,
    /// `confirmed` or `unconfirmed`.
    pub certainty: &'static str,
    /// `medication`, `food` or `environment`.
    pub category: &'static str,
}

/// One person of the cast.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// Clinic number without its prefix.
    pub number: u32,
    /// Name as it was given, in the script it was given in.
    pub name: &'static str,
    /// The name in the other script, where somebody wrote it.
    pub other_name: Option<&'static str>,
    /// Sex.
    pub sex: Sex,
    /// Birth.
    pub born: Born,
    /// Ten digits, or none.
    pub phone: Option<&'static str>,
    /// Village or town.
    pub village: &'static str,
    /// The year.
    pub course: Course,
    /// Allergies.
    pub allergy: Allergy,
}

const PENICILLIN_AND_SULFA: Allergy = Allergy::Listed(&[
    Listed {
        substance: "Penicillin",
        reaction: "hives",
        severity: "moderate",
        year: 2021,
        certainty: "confirmed",
        category: "medication",
    },
    Listed {
        substance: "Sulfonamides",
        reaction: "rash",
        severity: "mild",
        year: 2014,
        certainty: "confirmed",
        category: "medication",
    },
]);
const IBUPROFEN: Allergy = Allergy::Listed(&[Listed {
    substance: "Ibuprofen",
    reaction: "wheeze",
    severity: "severe",
    year: 2019,
    certainty: "confirmed",
    category: "medication",
}]);
const PEANUT: Allergy = Allergy::Listed(&[Listed {
    substance: "Groundnut",
    reaction: "swelling of lips",
    severity: "moderate",
    year: 2024,
    certainty: "confirmed",
    category: "food",
}]);
const DUST: Allergy = Allergy::Listed(&[Listed {
    substance: "House dust",
    reaction: "sneezing",
    severity: "mild",
    year: 2022,
    certainty: "unconfirmed",
    category: "environment",
}]);
const CEFTRIAXONE: Allergy = Allergy::Listed(&[Listed {
    substance: "Ceftriaxone",
    reaction: "anaphylaxis",
    severity: "severe",
    year: 2018,
    certainty: "confirmed",
    category: "medication",
}]);

const fn day(years: i16, month: i8, day: i8) -> Born {
    Born::Day { years, month, day }
}
const fn about(years: i16) -> Born {
    Born::Year { years }
}

macro_rules! person {
    ($number:literal $name:literal $(/ $other:literal)?, $sex:ident, $born:expr, $phone:expr, $village:literal, $course:expr, $allergy:expr) => {
        Person {
            number: $number, name: $name, other_name: person!(@other $($other)?), sex: Sex::$sex, born: $born,
            phone: $phone, village: $village, course: $course, allergy: $allergy,
        }
    };
    (@other) => { None };
    (@other $other:literal) => { Some($other) };
}

use Allergy::{None as NoneKnown, NotAsked};
use Course::{
    Anaemia, ChildAsthma, DiabetesImproving, DiabetesKidneys, DiabetesWithPotassium, Gout, Hypertension,
    Joints, Lungs, NeverSeen, Once, Pregnancy, ShortIllness, Thyroid, Warfarin, WellChild,
};

/// The cast, in the order of their clinic numbers.
#[rustfmt::skip]
pub const PEOPLE: &[Person] = &[
    person!(418 "लक्ष्मी नारायण तिवारी" / "Lakshmi Narayan Tiwari", Male, day(77, 7, 30), None, "Sangamner", Lungs, DUST),
    person!(764 "Santosh Dnyaneshwar Khairnar" / "संतोष ज्ञानेश्वर खैरनार", Male, day(55, 9, 11), Some("7000043310"), "Rahata", Gout, NoneKnown),
    person!(1277 "Shobha Ashok Kadam" / "शोभा अशोक कदम", Female, day(52, 1, 19), Some("7000046021"), "Sangamner", Thyroid, NoneKnown),
    person!(1904 "Ganpat Rao Thorat" / "गणपत राव थोरात", Male, day(71, 12, 2), Some("7000040871"), "Nimgaon", DiabetesKidneys, CEFTRIAXONE),
    person!(2203 "Vitthal Baburao Navale", Male, about(68), Some("7000040872"), "Nimgaon", Hypertension, NotAsked),
    person!(2204 "Rukmini Vitthal Navale" / "रुक्मिणी विठ्ठल नवले", Female, about(63), Some("7000040872"), "Nimgaon", Joints, IBUPROFEN),
    person!(2681 "Lakshman Pandit Gore" / "लक्ष्मण पंडित गोरे", Male, day(64, 1, 2), Some("7000088316"), "Nimgaon", DiabetesImproving, NoneKnown),
    person!(2846 "Mohammed Irfan Ansari" / "मोहम्मद इरफ़ान अंसारी", Male, day(38, 5, 25), Some("7000051190"), "Sangamner", ShortIllness, NoneKnown),
    person!(2847 "Md. Irfan Ansari", Male, about(38), Some("7000051190"), "Sangamner", NeverSeen, NotAsked),
    person!(2848 "Shabana Irfan Ansari" / "शबाना इरफ़ान अंसारी", Female, day(34, 8, 14), Some("7000051190"), "Sangamner", Pregnancy(28), NoneKnown),
    person!(2849 "Zoya Irfan Ansari", Female, day(6, 3, 3), Some("7000051190"), "Sangamner", ChildAsthma, PEANUT),
    person!(3148 "Suman Arun Waghmare" / "सुमन अरुण वाघमारे", Female, day(58, 4, 21), Some("7000044402"), "Talegaon", DiabetesImproving, NoneKnown),
    person!(3149 "Arun Kisan Waghmare", Male, day(62, 6, 1), Some("7000044402"), "Talegaon", Hypertension, NoneKnown),
    person!(3377 "Ramesh Babu Jadhav" / "रमेश बाबू जाधव", Male, day(46, 2, 8), Some("7000047733"), "Ashvi", Hypertension, NoneKnown),
    person!(3378 "Ramesh Baburao Jadhav", Male, about(47), Some("7000047734"), "Ashvi", Once, NotAsked),
    person!(3520 "Sarika Ramesh Jadhav", Female, day(41, 11, 30), Some("7000047733"), "Ashvi", Anaemia, NoneKnown),
    person!(4031 "Rukhsana Begum Pathan" / "रुख़साना बेगम पठान", Female, day(48, 10, 5), Some("7000052288"), "Sangamner", Thyroid, NoneKnown),
    person!(4032 "Faizan Salim Pathan", Male, day(16, 2, 27), Some("7000052288"), "Sangamner", ShortIllness, NoneKnown),
    person!(4218 "Lakshmi Devi Pawar" / "लक्ष्मी देवी पवार", Female, day(58, 3, 14), Some("7000041207"), "Talegaon", DiabetesWithPotassium, PENICILLIN_AND_SULFA),
    person!(4219 "Tukaram Namdev Pawar" / "तुकाराम नामदेव पवार", Male, day(68, 1, 1), Some("7000041207"), "Talegaon", Warfarin, NoneKnown),
    person!(4220 "Suresh Tukaram Pawar", Male, day(36, 8, 9), Some("7000041207"), "Talegaon", ShortIllness, NoneKnown),
    person!(4455 "Vaishali Deepak More" / "वैशाली दीपक मोरे", Female, day(34, 12, 12), Some("7000048890"), "Rahata", Anaemia, NoneKnown),
    person!(4456 "Deepak Ashok More", Male, day(37, 7, 7), Some("7000048890"), "Rahata", ShortIllness, NotAsked),
    person!(4457 "Ira Deepak More", Female, Born::Months { months: 7 }, Some("7000048890"), "Rahata", WellChild, NotAsked),
    person!(4710 "Venkatanarasimharajuvaripeta Subrahmanyam Chandrasekhar", Male, day(66, 9, 19), Some("7000049917"), "Sangamner", DiabetesImproving, NoneKnown),
    person!(4711 "Annapurneshwari Venkatanarasimharajuvaripeta", Female, day(61, 10, 23), Some("7000049917"), "Sangamner", Joints, NoneKnown),
    person!(4832 "ಲಕ್ಷ್ಮಮ್ಮ ಗೌಡ" / "Lakshmamma Gowda", Female, about(70), None, "Sangamner", Hypertension, NotAsked),
    person!(4901 "முருகன் செல்வராஜ்" / "Murugan Selvaraj", Male, day(44, 4, 14), Some("7000053301"), "Sangamner", ShortIllness, NoneKnown),
    person!(4950 "Meenakshi Iyer" / "மீனாட்சி ஐயர்", Female, day(36, 5, 18), Some("7000053377"), "Sangamner", Thyroid, NoneKnown),
    person!(5003 "Joseph D'Souza", Male, day(59, 12, 24), Some("7000054410"), "Shrirampur", Hypertension, IBUPROFEN),
    person!(5120 "Sunita Vilas Gaikwad" / "सुनीता विलास गायकवाड", Female, day(29, 6, 16), Some("7000045518"), "Nimgaon", Pregnancy(28), NoneKnown),
    person!(5121 "Aarohi Vilas Gaikwad" / "आरोही विलास गायकवाड", Female, day(4, 1, 26), Some("7000045518"), "Nimgaon", WellChild, NoneKnown),
    person!(5377 "Savitribai Dagdu Bansode" / "सावित्रीबाई दगडू बनसोडे", Female, about(84), None, "Nimgaon", Lungs, NotAsked),
    person!(5512 "Harpreet Kaur Gill" / "ਹਰਪ੍ਰੀਤ ਕੌਰ ਗਿੱਲ", Female, day(33, 9, 27), Some("7000055623"), "Shrirampur", Anaemia, NoneKnown),
    person!(5640 "Subhash Chandra Bandyopadhyay" / "সুভাষ চন্দ্র বন্দ্যোপাধ্যায়", Male, day(73, 1, 23), Some("7000056001"), "Sangamner", DiabetesKidneys, NoneKnown),
    person!(5744 "Hetal Nareshbhai Patel", Female, day(42, 3, 31), Some("7000056677"), "Rahata", Thyroid, NoneKnown),
    person!(5790 "Naresh Bhikhabhai Patel", Male, day(45, 11, 4), Some("7000056677"), "Rahata", Gout, NoneKnown),
    person!(5902 "Laxmi Suresh Pawar" / "लक्ष्मी सुरेश पवार", Female, about(31), Some("7000041207"), "Talegaon", Pregnancy(14), NoneKnown),
    person!(5903 "Baby of Laxmi Suresh Pawar", Male, day(3, 2, 11), Some("7000041207"), "Talegaon", WellChild, NotAsked),
    person!(6021 "Aarav Kishor Bhosale" / "आरव किशोर भोसले", Male, day(8, 8, 15), Some("7000057712"), "Sangamner", ChildAsthma, DUST),
    person!(6022 "Kishor Raghunath Bhosale", Male, day(39, 12, 20), Some("7000057712"), "Sangamner", Joints, NoneKnown),
    person!(6107 "Pooja Nikam" / "पूजा निकम", Female, day(25, 4, 4), Some("7000058803"), "Ashvi", ShortIllness, NotAsked),
    person!(6188 "Anaya Rohit Deshmukh" / "अनया रोहित देशमुख", Female, day(2, 5, 9), Some("7000059914"), "Sangamner", WellChild, NoneKnown),
    person!(6189 "Rohit Shripad Deshmukh", Male, day(33, 1, 15), Some("7000059914"), "Sangamner", Once, NotAsked),
    person!(6190 "Shripad Govind Deshmukh" / "श्रीपाद गोविंद देशमुख", Male, day(91, 10, 2), Some("7000059914"), "Sangamner", Warfarin, CEFTRIAXONE),
    person!(6244 "Lata Shinde" / "लता शिंदे", Female, day(44, 7, 22), Some("7000050156"), "Rahata", Hypertension, NoneKnown),
    person!(6301 "Devika", Other, about(29), Some("7000050718"), "Shrirampur", ShortIllness, NoneKnown),
    person!(6318 "Baby of Sarika Jadhav", Female, Born::Weeks { weeks: 3 }, Some("7000047733"), "Ashvi", WellChild, NotAsked),
    person!(6340 "Nilesh Prakash Wagh" / "निलेश प्रकाश वाघ", Male, day(27, 6, 30), Some("7000050944"), "Sangamner", Once, NotAsked),
    person!(6341 "Yusuf Karim Shaikh" / "यूसुफ़ करीम शेख़", Male, day(50, 3, 8), Some("7000051822"), "Sangamner", DiabetesImproving, NoneKnown),
    person!(6342 "राधाबाई सखाराम कोल्हे" / "Radhabai Sakharam Kolhe", Female, about(76), None, "Ashvi", Hypertension, NotAsked),
    person!(6343 "Ganpatrao Thorat", Male, about(70), Some("7000040871"), "Nimgaon", NeverSeen, NotAsked),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_unique_and_in_order() {
        let numbers: Vec<u32> = PEOPLE.iter().map(|person| person.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!((48..=60).contains(&PEOPLE.len()), "{}", PEOPLE.len());
    }

    #[test]
    fn the_cast_covers_what_a_clinic_meets() {
        let phones: Vec<&str> = PEOPLE.iter().filter_map(|person| person.phone).collect();
        assert!(phones.iter().all(|phone| phone.len() == 10 && phone.bytes().all(|b| b.is_ascii_digit())));
        assert!(phones.iter().collect::<BTreeSet<_>>().len() < phones.len(), "families share phones");
        assert!(PEOPLE.iter().any(|person| person.phone.is_none()));
        assert!(PEOPLE.iter().any(|person| person.name.chars().count() > 40));
        assert!(PEOPLE.iter().filter(|person| !person.name.is_ascii()).count() >= 4);
        assert!(PEOPLE.iter().filter(|person| matches!(person.born, Born::Year { .. })).count() >= 5);
        assert!(PEOPLE.iter().any(|person| matches!(person.born, Born::Weeks { .. })));
        assert!(PEOPLE.iter().any(|person| matches!(person.born, Born::Day { years, .. } if years > 90)));
        for allergy in ["NotAsked", "None", "Listed"] {
            assert!(
                PEOPLE.iter().any(|person| format!("{:?}", person.allergy).starts_with(allergy)),
                "{allergy}"
            );
        }
    }
}

//! What the bench stores: invented patients, each with a year of results, as transactions of one hundred resources.

use clinicvault_tests::canary::Dice;

/// Resources in one transaction: a patient, two visits, and the rest results.
pub const BUNDLE: usize = 100;

const GIVEN: [&str; 16] = [
    "Asha", "Ravi", "Sunita", "Imran", "Lakshmi", "Vikram", "Meera", "Arjun", "Farida", "Ganesh", "Kavita",
    "Suresh", "Nilofer", "Prakash", "Rekha", "Yash",
];
const FAMILY: [&str; 16] = [
    "Kulkarni", "Shaikh", "Deshmukh", "Pawar", "Jadhav", "Salve", "Gaikwad", "Shinde", "More", "Bhosale",
    "Kamble", "Joshi", "Chavan", "Mane", "Sawant", "Rane",
];
/// LOINC code, name, unit, lowest value and spread.
const TESTS: [(&str, &str, &str, u64, u64); 6] = [
    ("718-7", "Hemoglobin", "g/dL", 9, 8),
    ("2339-0", "Glucose", "mg/dL", 70, 180),
    ("4548-4", "Hemoglobin A1c", "%", 5, 6),
    ("2160-0", "Creatinine", "mg/dL", 1, 3),
    ("3016-3", "Thyrotropin", "mIU/L", 1, 6),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 100, 70),
];

/// The patient number of the n-th transaction.
pub fn number(n: usize) -> String {
    format!("CV-{n:06}")
}

/// The family and given name of the n-th patient: a third share few family names, the rest have their own.
pub fn name(n: usize) -> (String, &'static str) {
    let mut dice = Dice(n as u64);
    let given = GIVEN[dice.below(16) as usize];
    let family = FAMILY[dice.below(16) as usize].to_owned();
    (if n.is_multiple_of(3) { family } else { family + &dice.word(2).to_lowercase() }, given)
}

/// The phone of the n-th patient.
pub fn phone(n: usize) -> String {
    format!("98{:08}", Dice(n as u64 ^ 0xF0).below(100_000_000))
}

/// The birth date of the n-th patient.
pub fn birth(n: usize) -> String {
    format!("{}-{:02}-{:02}", 1940 + n % 80, n % 12 + 1, n % 28 + 1)
}

/// A single patient as JSON.
pub fn patient(n: usize) -> String {
    let (family, given) = name(n);
    format!(
        r#"{{"resourceType":"Patient","identifier":[{{"system":"http://bench.example/number","value":"{}"}}],"name":[{{"family":"{family}","given":["{given}"]}}],"telecom":[{{"system":"phone","value":"{}"}}],"gender":"{}","birthDate":"{}","address":[{{"text":"Lane {}, Sangamner","city":"Sangamner"}}]}}"#,
        number(n),
        phone(n),
        if n.is_multiple_of(2) { "female" } else { "male" },
        birth(n),
        n % 60
    )
}

/// A single result of a person as JSON.
pub fn result(n: usize, subject: &str) -> String {
    let mut dice = Dice(n as u64 ^ 0x0B5);
    let (code, name, unit, low, spread) = TESTS[dice.below(6) as usize];
    format!(
        r#"{{"resourceType":"Observation","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{name}"}}],"text":"{name}"}},"subject":{{"reference":"{subject}"}},"effectiveDateTime":"2025-{:02}-{:02}T{:02}:{:02}:00+05:30","valueQuantity":{{"value":{}.{},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}}}"#,
        dice.below(12) + 1,
        dice.below(28) + 1,
        dice.below(24),
        dice.below(60),
        low + dice.below(spread),
        dice.below(10)
    )
}

/// The n-th transaction.
pub fn transaction(n: usize) -> String {
    let mut dice = Dice(n as u64 ^ 0xB0);
    let subject = uuid(n, 0);
    let mut entries = vec![entry(&subject, "Patient", &patient(n))];
    for visit in 1..3 {
        let body = format!(
            r#"{{"resourceType":"Encounter","status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"}},"subject":{{"reference":"{subject}"}},"period":{{"start":"2025-{:02}-11T09:30:00+05:30"}}}}"#,
            visit * 4
        );
        entries.push(entry(&uuid(n, visit), "Encounter", &body));
    }
    for i in 3..BUNDLE {
        let (code, name, unit, low, spread) = TESTS[dice.below(6) as usize];
        let body = format!(
            r#"{{"resourceType":"Observation","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{name}"}}],"text":"{name}"}},"subject":{{"reference":"{subject}"}},"encounter":{{"reference":"{}"}},"effectiveDateTime":"2025-{:02}-{:02}T{:02}:30:00+05:30","valueQuantity":{{"value":{}.{},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}}}"#,
            uuid(n, 1 + i % 2),
            i % 12 + 1,
            i % 28 + 1,
            i % 24,
            low + dice.below(spread),
            dice.below(10)
        );
        entries.push(entry(&uuid(n, i), "Observation", &body));
    }
    format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, entries.join(","))
}

fn entry(url: &str, kind: &str, body: &str) -> String {
    format!(r#"{{"fullUrl":"{url}","resource":{body},"request":{{"method":"POST","url":"{kind}"}}}}"#)
}

fn uuid(n: usize, i: usize) -> String {
    format!("urn:uuid:5f0a1c62-{i:04x}-4a44-9f8e-{n:012x}")
}

/// Whom messages are about.
pub struct Person {
    /// Number at the laboratory.
    pub number: String,
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// `YYYY-MM-DD`.
    pub birth: String,
    /// Telephone.
    pub phone: String,
}

impl Person {
    /// Somebody whom nobody else sounds like, so that no message about them waits for a person to decide.
    pub fn apart(n: usize) -> Person {
        let mut dice = Dice(n as u64 ^ 0xA9A7);
        let (family, given) = (dice.word(6), dice.word(5));
        Person { number: format!("AP-{n:06}"), family, given, birth: birth(n), phone: phone(n) }
    }
}

/// An ADT^A04 about somebody, the n-th message.
pub fn adt(n: usize, who: &Person) -> String {
    format!(
        "MSH|^~\\&|LIS|BENCHLAB|CLINICVAULT|CLINIC|20260203090000+0530||ADT^A04^ADT_A01|A{n}|P|2.5.1\r\
         EVN||20260203090000+0530\r\
         PID|1||{}^^^BENCHLAB^MR||{}^{}||{}|F|||14 Lane^^Sangamner^MH^422605^IN||{}\rPV1|1|O\r",
        who.number,
        who.family,
        who.given,
        who.birth.replace('-', ""),
        who.phone
    )
}

/// An ORU^R01 of about two kilobytes, the n-th: one panel of ten results with ranges and a comment.
pub fn oru(n: usize) -> String {
    let (family, given) = name(n);
    let given = given.to_owned();
    oru_about(n, &Person { number: number(n), family, given, birth: birth(n), phone: phone(n) })
}

/// The same about somebody.
pub fn oru_about(n: usize, who: &Person) -> String {
    let mut message = format!(
        "MSH|^~\\&|LIS|BENCHLAB|CLINICVAULT|CLINIC|20260203090000+0530||ORU^R01^ORU_R01|B{n}|P|2.5.1\r\
         PID|1||{}^^^BENCHLAB^MR||{}^{}||{}|F|||14 Lane^^Sangamner^MH^422605^IN||{}\r\
         PV1|1|O|OPD^^^CLINIC||||1001^Kulkarni^Meera^^^Dr\r\
         ORC|RE|P{n}|F{n}\r\
         OBR|1|P{n}|F{n}|24331-1^Lipid and glucose panel^LN|||20260203083000+0530|||||||||1001^Kulkarni^Meera||||||20260203085500+0530||LAB|F\r",
        who.number,
        who.family,
        who.given,
        who.birth.replace('-', ""),
        who.phone
    );
    for i in 1..=10 {
        let (code, name, unit, low, spread) = TESTS[i % 6];
        message.push_str(&format!(
            "OBX|{i}|NM|{code}^{name}^LN^X{i}^Local name of test {i}^L||{}.{}|{unit}^{unit}^UCUM|{low}-{}|N|||F|||20260203083000+0530|LAB1^BenchLab\r",
            low as usize + n % spread as usize,
            i % 10,
            low + spread
        ));
    }
    message
        + "NTE|1|L|Sample slightly haemolysed; glucose measured twice, mean reported. Please correlate clinically.\r"
}

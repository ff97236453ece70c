//! What a response to a query tells of records: PID, PD1 and QRI of a person, a person's numbers, the orders of a sample.

use crate::hl7::Delimiters;
use crate::hl7::encode::{Builder, Content};
use crate::json::Value;

use super::segment::{Segment, repeats};
use super::set::Set;
use super::types::Scope;
use super::{order, patient};

/// Writes what a response tells, in the delimiters of the query.
#[derive(Debug)]
pub struct Told<'a> {
    authorities: &'a [(String, String)],
    domains: &'a [String],
    out: Builder,
    count: usize,
}

impl<'a> Told<'a> {
    /// Nothing yet. Numbers are told of these `domains` only, of all when there are none.
    pub fn new(delimiters: Delimiters, authorities: &'a [(String, String)], domains: &'a [String]) -> Self {
        Self { authorities, domains, out: Builder::new(delimiters), count: 0 }
    }

    /// A person with all that PID and PD1 say; `reasons` are codes of table 0392, why it was found.
    pub fn person(&mut self, who: &Value, reasons: &[&str]) {
        let none = Set::default();
        let scope = Scope { authorities: self.authorities, set: &none };
        let who = self.narrowed(who);
        let mut pid = patient::pid(&scope, &who);
        pid.set(1, self.next().as_str());
        pid.write(&mut self.out);
        let mut about = Vec::new();
        patient::about(&scope, &who, false, &mut about);
        about.iter().for_each(|segment| segment.write(&mut self.out));
        if !reasons.is_empty() {
            let reasons = repeats(reasons.iter().map(|reason| Content::from(*reason)));
            Segment::new("QRI").with(2, reasons).write(&mut self.out);
        }
    }

    /// The numbers of a person alone. The name that PID requires is said to be withheld (IHE ITI-9, PID-5).
    pub fn numbers(&mut self, who: &Value) {
        let none = Set::default();
        let scope = Scope { authorities: self.authorities, set: &none };
        let who = self.narrowed(who);
        let mut pid = Segment::new("PID");
        pid.set(3, repeats(who.items("identifier").iter().map(|identifier| scope.cx(identifier))));
        let mut withheld = vec![Content::Empty; 6];
        withheld.push("S".into());
        pid.set(5, Content::Repeats(vec![Content::Empty, Content::Parts(withheld)]));
        self.next();
        pid.write(&mut self.out);
    }

    /// A person with orders (ORC, OBR, SPM); `set` holds what the orders refer to.
    pub fn orders(&mut self, who: &Value, requests: &[&Value], set: &Set<'_>) {
        let scope = Scope { authorities: self.authorities, set };
        let who = self.narrowed(who);
        let mut out = vec![patient::pid(&scope, &who).with(1, self.next().as_str())];
        for (n, request) in requests.iter().enumerate() {
            order::request(&scope, request, n, order::Specimens::Apart, &mut out);
        }
        out.iter().for_each(|segment| segment.write(&mut self.out));
    }

    /// The segments, each ended by CR.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.out.finish()).into_owned()
    }

    fn next(&mut self) -> String {
        self.count += 1;
        self.count.to_string()
    }

    /// The person with the numbers that are wanted, and without what is said of others: contacts are not asked for.
    fn narrowed(&self, who: &Value) -> Value {
        let mut who = who.clone();
        let Some(object) = who.as_object_mut() else { return who };
        object.remove("contact");
        if !self.domains.is_empty()
            && let Some(all) = object.get_mut("identifier").and_then(Value::as_array_mut)
        {
            all.retain(|one| one.str("system").is_some_and(|own| self.domains.iter().any(|d| d == own)));
        }
        who
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, Limits};

    fn person() -> Value {
        let text = r#"{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:x-hl7v2:CITY","value":"88"},
            {"system":"urn:clinic","value":"NC-1"}],"name":[{"family":"PAWAR","given":["LAKSHMI"]}],"gender":"female",
            "birthDate":"1968-03-14","contact":[{"name":{"family":"SECRET"}}],
            "generalPractitioner":[{"display":"Dr Rao"}]}"#;
        json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn told(domains: &[String], tell: impl Fn(&mut Told<'_>)) -> String {
        let authorities = [("NC".to_owned(), "urn:clinic".to_owned())];
        let mut told = Told::new(Delimiters::default(), &authorities, domains);
        tell(&mut told);
        told.finish().replace('\r', "\n")
    }

    #[test]
    fn a_person_is_told_without_others() {
        let text = told(&[], |told| told.person(&person(), &["NA", "DB"]));
        assert!(text.starts_with("PID|1||88^^^CITY~NC-1^^^NC||PAWAR^LAKSHMI"), "{text}");
        assert!(text.contains("\nPD1||") && text.contains("Dr Rao"), "{text}");
        assert!(text.ends_with("QRI||NA~DB\n"), "{text}");
        assert!(!text.contains("SECRET") && !text.contains("NK1"), "{text}");
    }

    #[test]
    fn numbers_are_those_of_the_domains_that_are_wanted() {
        let domains = ["urn:clinic".to_owned()];
        assert_eq!(told(&domains, |told| told.numbers(&person())), "PID|||NC-1^^^NC||~^^^^^^S\n");
    }
}

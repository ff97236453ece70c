//! Persons, organisations, places and devices that a record refers to: XCN, NDL, XON, PL.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::contact::name_parts;
use super::segment::{parts, text};
use super::types::{Scope, check_digit, code_of, dtm, extension, identifier_type, local_name, period};

impl Scope<'_> {
    /// XCN of a person that a reference names.
    pub fn xcn(&self, reference: &Value) -> Content {
        let Some(person) = self.person(reference) else {
            return parts(vec![Content::Empty, text(reference.str("display"))]);
        };
        let identifier = person.items("identifier").first();
        let shown = reference.str("display");
        // Under one number somebody else was meant: the record that refers to it says who.
        let names = || person.items("name").iter();
        let meant = names().find(|name| names().count() > 1 && is_meant(shown, name));
        let name = meant.or_else(|| names().find(|name| !strangers(shown, &words_of(name))));
        let mut all = vec![Content::Empty; 21];
        let mut set = |at: usize, content: Content| {
            if let Some(place) = all.get_mut(at - 1) {
                *place = content;
            }
        };
        match name {
            Some(name) => {
                let (own, profession) = name_parts(name);
                own.into_iter().zip(2..).for_each(|(part, at)| set(at, part));
                set(10, text(name.str("use").and_then(codes::name_type)));
                set(18, text(extension(name, "humanname-assembly-order")));
                let (from, to) = period(name.get("period"));
                set(19, dtm(from));
                set(20, dtm(to));
                set(21, profession);
            }
            None => set(2, text(shown)),
        }
        if let Some(identifier) = identifier {
            let [digit, scheme] = check_digit(identifier);
            set(1, text(identifier.str("value")));
            set(9, parts(self.assigned(identifier)));
            set(11, digit);
            set(12, scheme);
            set(13, text(identifier_type(identifier)));
            set(14, self.assigner_name(identifier));
        }
        parts(all)
    }

    /// NDL: a person in the sub-components of its first component, from when to when, and where.
    pub fn ndl(&self, reference: &Value) -> Content {
        let Some(person) = self.person(reference) else {
            return parts(vec![parts(vec![Content::Empty, text(reference.str("display"))])]);
        };
        let number = person.items("identifier").first().and_then(|i| i.str("value"));
        let mut all = vec![text(number)];
        if let Some(name) = person.items("name").first() {
            let part = |content: Content| match content {
                Content::Parts(inner) => inner.into_iter().next().unwrap_or(Content::Empty),
                other => other,
            };
            // NDL has the suffix before the prefix, as XPN has.
            all.extend(name_parts(name).0.into_iter().map(part));
        }
        let role =
            self.set.get(Some(reference)).filter(|r| r.str("resourceType") == Some("PractitionerRole"));
        let (from, to) = period(role.and_then(|r| r.get("period")));
        let mut whole = vec![parts(all), dtm(from), dtm(to)];
        let place = role.and_then(|r| r.items("location").first()).map(|place| self.pl(place));
        if let Some(Content::Parts(place)) = place {
            whole.extend(place.into_iter().take(8));
        }
        parts(whole)
    }

    /// The Practitioner of a reference, through its role where it names one.
    pub fn person(&self, reference: &Value) -> Option<&Value> {
        let found = self.set.get(Some(reference))?;
        match found.str("resourceType") {
            Some("PractitionerRole") => self.set.get(found.get("practitioner")),
            Some("Practitioner" | "Patient" | "RelatedPerson") => Some(found),
            _ => None,
        }
    }

    /// XON of an organization that a reference names.
    pub fn xon(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let shown = reference.str("display");
        let name = found.and_then(|o| o.str("name")).filter(|name| !strangers(shown, name)).or(shown);
        let identifier = found.and_then(|o| o.items("identifier").first());
        let [digit, scheme] = identifier.map_or([Content::Empty, Content::Empty], check_digit);
        parts(vec![
            text(name),
            Content::Empty,
            Content::Empty,
            digit,
            scheme,
            identifier.map_or(Content::Empty, |i| parts(self.assigned(i))),
            text(identifier.and_then(identifier_type)),
            Content::Empty,
            Content::Empty,
            text(identifier.and_then(|i| i.str("value"))),
        ])
    }

    /// OBX-15: an organization as a coded value.
    pub fn producer(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let name = found.and_then(|o| o.str("name")).or_else(|| reference.str("display"));
        let number = found.and_then(|o| o.items("identifier").first()).and_then(|i| i.str("value"));
        parts(vec![text(number), text(name)])
    }

    /// An organization as a coded value of its own system.
    pub fn named_organization(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let number = found.and_then(|o| o.items("identifier").first());
        let code = number.and_then(|i| i.str("value"));
        let name = found.and_then(|o| o.str("name")).or_else(|| reference.str("display"));
        let system = super::rules::system(number.and_then(|i| i.str("system")));
        parts(vec![text(code), text(name.filter(|name| Some(*name) != code)), system])
    }

    /// A place by its code and name.
    pub fn named_place(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let code = found.and_then(|l| l.items("identifier").first()).and_then(|i| i.str("value"));
        let name = found.and_then(|l| l.str("name")).or_else(|| reference.str("display"));
        match code {
            Some(code) if Some(code) != name => parts(vec![parts(vec![code.into(), text(name)])]),
            _ => text(name),
        }
    }

    /// EI of a device.
    pub fn device(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let number = found.and_then(|d| d.items("identifier").first());
        number.map_or_else(|| text(reference.str("display")), |i| self.ei(i))
    }

    /// CWE of a device: the sender's code for it, and its name.
    pub fn named_device(&self, reference: &Value) -> Content {
        let found = self.set.get(Some(reference));
        let code = found.and_then(|d| d.items("identifier").first()).and_then(|i| i.str("value"));
        let name = found.and_then(|d| d.items("deviceName").first()).and_then(|one| one.str("name"));
        let shown = reference.str("display").filter(|shown| Some(*shown) != code);
        parts(vec![text(code), text(name.or(shown))])
    }

    /// PL of a place that a reference names: its level and those around it where they are known, else its name as the
    /// point of care. A name of several levels stands as description, because which level it names is not known.
    pub fn pl(&self, reference: &Value) -> Content {
        const LEVELS: [(&str, usize); 6] =
            [("si", 3), ("bu", 6), ("lvl", 7), ("wa", 0), ("ro", 1), ("bd", 2)];
        let found = self.set.get(Some(reference));
        let Some(name) = found.and_then(|l| l.str("name")).or_else(|| reference.str("display")) else {
            return Content::Empty;
        };
        let mut all = vec![Content::Empty; 10];
        let (mut place, mut known) = (found, false);
        for _ in 0..LEVELS.len() {
            let Some(here) = place else { break };
            let level = LEVELS.iter().find(|(code, _)| code_of(here.get("physicalType")) == Some(code));
            if let (Some(at), Some(name)) = (level.and_then(|(_, at)| all.get_mut(*at)), here.str("name")) {
                let universal = here.items("identifier").iter().find(|i| is_universal(i));
                let mut level = vec![name.into()];
                let universal = universal.and_then(|i| i.str("value"));
                match universal.and_then(local_name) {
                    // A universal id of a kind that has no URI.
                    Some(universal) => level.push(universal.as_str().into()),
                    None => level.extend(self.authority(universal).into_iter().skip(1)),
                }
                *at = if level.len() == 1 { name.into() } else { parts(level) };
                known = true;
            }
            place = self.set.get(here.get("partOf"));
        }
        let (at, words) = match known {
            true => (8, found.and_then(|l| l.str("description"))),
            false => (if name.contains(',') { 8 } else { 0 }, Some(name)),
        };
        if let (Some(at), Some(words)) = (all.get_mut(at), words) {
            *at = words.into();
        }
        let own = |i: &&Value| !is_universal(i) && i.str("value") != Some(name);
        let number = found.filter(|_| known).and_then(|l| l.items("identifier").iter().find(own));
        if let (Some(at), Some(number)) = (all.get_mut(9), number) {
            // A number that was kept with its parts goes out in its parts.
            *at = match number.str("value") {
                Some(value) if value.contains('&') => super::rules::raw(value),
                _ => self.ei(number),
            };
        }
        parts(all)
    }
}

/// The words of a name.
fn words_of(name: &Value) -> String {
    let lists = ["prefix", "given", "suffix"].into_iter().flat_map(|key| name.items(key));
    let lists = lists.filter_map(Value::as_str);
    let plain = ["text", "family"].into_iter().filter_map(|key| name.str(key));
    plain.chain(lists).collect::<Vec<_>>().join(" ")
}

/// Whether a reference shows this name, as one that the map made does: prefix, given names and family name.
fn is_meant(shown: Option<&str>, name: &Value) -> bool {
    let of = |key: &str| name.items(key).iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let all = [of("prefix"), of("given"), name.str("family").into_iter().collect()].concat();
    shown == Some(all.join(" ").as_str())
}

/// Whether what a reference shows and the name of what it leads to have no word in common.
fn strangers(shown: Option<&str>, name: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let all = text.split(|c: char| c.is_whitespace() || ",.()".contains(c)).map(str::to_lowercase);
        all.filter(|word| !word.is_empty()).collect()
    };
    let (shown, name) = (words(shown.unwrap_or_default()), words(name));
    !shown.is_empty() && !name.is_empty() && !shown.iter().any(|word| name.contains(word))
}

fn is_universal(identifier: &Value) -> bool {
    identifier.str("system") == Some("urn:ietf:rfc:3986")
}

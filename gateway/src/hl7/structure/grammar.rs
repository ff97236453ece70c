//! The structures and events of `structures.txt`, read once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a message is about, which decides what it may do and what it must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A visit and its patient.
    Visit,
    /// A person without a visit.
    Person,
    /// Two patients change places.
    Swap,
    /// Two numbers turn out to be one patient.
    Merge,
    /// Two records about one patient, or about two who belong together: each keeps its own.
    Link,
    /// A patient's account goes into another one of the same patient.
    Account,
    /// A visit was booked for the wrong patient.
    Move,
    /// A patient has another number from now on.
    Renumber,
    /// One provider sends a patient to another.
    Referral,
    /// Results of tests.
    Result,
    /// An order.
    Order,
    /// The answer to an order.
    Reply,
    /// A prescription or what was dispensed.
    Medication,
    /// A vaccination.
    Vaccination,
    /// A document.
    Document,
    /// An appointment.
    Schedule,
    /// Charges and accounts.
    Charge,
    /// A question.
    Query,
}

/// How often a part may stand in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    required: bool,
    repeats: bool,
}

/// A segment or a group in its place.
#[derive(Debug)]
pub(super) enum Part {
    Segment { name: &'static str, mark: bool },
    Group { def: usize, repeats: bool },
}

/// A group, or a whole structure.
#[derive(Debug)]
pub(super) struct Def {
    pub name: &'static str,
    pub parts: Vec<Part>,
    /// Segments that may open it.
    pub starters: Vec<&'static str>,
    /// Every segment that may stand in it, at any depth.
    pub holds: Vec<&'static str>,
    required: bool,
}

impl Def {
    /// True when the segment stands directly in it.
    pub fn own(&self, name: &str) -> bool {
        self.parts.iter().any(|p| matches!(p, Part::Segment { name: n, .. } if *n == name))
    }
}

/// An event with its structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub kind: &'static str,
    pub trigger: &'static str,
    pub structure: &'static str,
    pub class: Class,
}

/// All of the file.
#[derive(Debug, Default)]
pub(super) struct Grammar {
    pub defs: Vec<Def>,
    pub structures: BTreeMap<&'static str, usize>,
    pub events: Vec<Row>,
    /// Lines that could not be read; a test keeps this empty.
    pub faults: Vec<&'static str>,
}

/// The grammar in force.
pub(super) static GRAMMAR: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::read(include_str!("../structures.txt")));

impl Grammar {
    fn read(text: &'static str) -> Self {
        let mut all = Self::default();
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let words: Vec<&'static str> = line.split_whitespace().collect();
            let done = match words.as_slice() {
                ["structure", name, rest @ ..] => all.structure(name, rest),
                ["event", kind, trigger, structure, class] => all.event(kind, trigger, structure, class),
                _ => None,
            };
            if done.is_none() {
                all.faults.push(line);
            }
        }
        all
    }

    fn event(
        &mut self,
        kind: &'static str,
        trigger: &'static str,
        structure: &'static str,
        class: &str,
    ) -> Option<()> {
        let class = match class {
            "visit" => Class::Visit,
            "person" => Class::Person,
            "swap" => Class::Swap,
            "merge" => Class::Merge,
            "link" => Class::Link,
            "account" => Class::Account,
            "move" => Class::Move,
            "renumber" => Class::Renumber,
            "referral" => Class::Referral,
            "result" => Class::Result,
            "order" => Class::Order,
            "reply" => Class::Reply,
            "medication" => Class::Medication,
            "vaccination" => Class::Vaccination,
            "document" => Class::Document,
            "schedule" => Class::Schedule,
            "charge" => Class::Charge,
            "query" => Class::Query,
            _ => return None,
        };
        self.structures.get(structure)?;
        self.events.push(Row { kind, trigger, structure, class });
        Some(())
    }

    fn structure(&mut self, name: &'static str, words: &[&'static str]) -> Option<()> {
        let mut words = words.iter().copied().peekable();
        let def = self.group(name, true, &mut words)?;
        self.structures.insert(name, def);
        words.next().is_none().then_some(())
    }

    /// Reads parts up to the word that closes this group.
    fn group(
        &mut self,
        name: &'static str,
        top: bool,
        words: &mut std::iter::Peekable<impl Iterator<Item = &'static str>>,
    ) -> Option<usize> {
        let mut parts = Vec::new();
        let mut needed = Vec::new();
        while let Some(word) = words.next() {
            let (own, first) = match word.split_once('(') {
                Some((group, first)) => (group, Some(first)),
                None => (word, None),
            };
            if let Some(first) = first {
                // The rest of the group comes with the words that follow.
                let mut inner = vec![first];
                let levels = |w: &str| w.matches('(').count().wrapping_sub(w.matches(')').count());
                let mut depth = levels(first).wrapping_add(1);
                while depth != 0 {
                    let next = words.next()?;
                    depth = depth.wrapping_add(levels(next));
                    inner.push(next);
                }
                let last = inner.pop()?;
                let (body, mark) = last.rsplit_once(')')?;
                inner.push(body);
                let def = self.group(own, false, &mut inner.into_iter().peekable())?;
                let mark = Mark::of(mark)?;
                needed.push(mark.required);
                parts.push(Part::Group { def, repeats: mark.repeats });
            } else {
                let at = word.find(['?', '*', '+']).unwrap_or(word.len());
                let (segment, mark) = word.split_at(at);
                let mark = Mark::of(mark)?;
                needed.push(mark.required);
                parts.push(Part::Segment { name: segment, mark: mark.repeats });
            }
        }
        let mut def = Def { name, parts, starters: Vec::new(), holds: Vec::new(), required: !top };
        for (part, needed) in def.parts.iter().zip(needed) {
            let open = def.required;
            match part {
                Part::Segment { name, .. } => {
                    def.holds.push(name);
                    if open {
                        def.starters.push(name);
                    }
                }
                Part::Group { def: inner, .. } => {
                    let inner = self.defs.get(*inner)?;
                    def.holds.extend(&inner.holds);
                    if open {
                        def.starters.extend(&inner.starters);
                    }
                }
            }
            // Behind the first part that must be there nothing opens the group.
            def.required &= !needed;
        }
        self.defs.push(def);
        Some(self.defs.len() - 1)
    }

    pub fn event_of(&self, kind: &str, trigger: &str) -> Option<Row> {
        self.events.iter().find(|e| e.kind == kind && e.trigger == trigger).copied()
    }
}

impl Mark {
    fn of(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self { required: true, repeats: false }),
            "?" => Some(Self { required: false, repeats: false }),
            "*" => Some(Self { required: false, repeats: true }),
            "+" => Some(Self { required: true, repeats: true }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_read() {
        assert_eq!(GRAMMAR.faults, Vec::<&str>::new());
        assert_eq!(
            GRAMMAR.event_of("ADT", "A40").map(|e| (e.structure, e.class)),
            Some(("ADT_A39", Class::Merge))
        );
        let result = GRAMMAR.defs.iter().find(|d| d.name == "PATIENT_RESULT").unwrap();
        assert_eq!(result.starters, ["PID", "ORC", "OBR"]);
        for def in &GRAMMAR.defs {
            assert!(def.parts.len() < 60 && !def.holds.is_empty(), "{}", def.name);
        }
    }
}

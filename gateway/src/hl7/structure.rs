//! Which segments belong together: the groups of the message's structure, as the map wants to see them.
//!
//! An NTE belongs to the segment just before it (runs of NTE to the same one), an OBX after an SPM to the specimen, a
//! Z-segment or unknown segment to the group it stands in. Every segment ends up in exactly one place of the
//! [`Layout`], so a reader that walks it has seen the whole message.

mod grammar;
mod tree;

pub use grammar::Class;
pub use tree::{Group, Item, Tree};

use super::message::Message;
use grammar::GRAMMAR;

/// An event of the standard that this gateway knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event(grammar::Row);

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}^{}", self.0.kind, self.0.trigger)
    }
}

impl Event {
    /// `ORU^R01`: results that nobody asked for just now. What analysers send without HL7 v2 is one, too.
    pub const RESULT: Self =
        Self(grammar::Row { kind: "ORU", trigger: "R01", structure: "ORU_R01", class: Class::Result });

    /// The event of a message type and trigger; `None` when this gateway does not know it.
    pub fn of(kind: &str, trigger: &str) -> Option<Self> {
        GRAMMAR.event_of(kind, trigger).map(Self)
    }

    /// Every event that is known.
    pub fn all() -> impl Iterator<Item = Self> {
        GRAMMAR.events.iter().copied().map(Self)
    }

    /// MSH-9.1.
    pub const fn kind(self) -> &'static str {
        self.0.kind
    }

    /// The trigger as MSH-9.2 writes it.
    pub const fn trigger(self) -> &'static str {
        self.0.trigger
    }

    /// The structure that its messages have.
    pub const fn structure(self) -> &'static str {
        self.0.structure
    }

    /// What it is about.
    pub const fn class(self) -> Class {
        self.0.class
    }

    /// True when the message is about a visit and not only about a person.
    pub const fn has_visit(self) -> bool {
        matches!(self.0.class, Class::Visit | Class::Swap | Class::Move)
    }

    /// True when the sender keeps the register of its patients with it: it may add a patient and change one.
    pub const fn feeds_patients(self) -> bool {
        matches!(
            self.0.class,
            Class::Visit
                | Class::Swap
                | Class::Person
                | Class::Merge
                | Class::Link
                | Class::Account
                | Class::Move
                | Class::Renumber
        )
    }
}

/// True when a message type is known, whatever its events.
pub fn known_type(kind: &str) -> bool {
    GRAMMAR.events.iter().any(|e| e.kind == kind)
}

/// Positions of segments, counted from 0, grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// MSH, EVN, SFT and all else before the patient.
    pub head: Vec<usize>,
    /// The patients with what follows them and is no order; one in nearly every message.
    pub patients: Vec<Patient>,
    /// OBX outside any order (in ADT: height, weight and the like).
    pub observations: Vec<usize>,
    /// The orders with their results.
    pub orders: Vec<Order>,
    /// NTE by the position of the segment they comment on.
    pub notes: Vec<(usize, usize)>,
    /// The groups themselves.
    pub tree: Tree,
}

/// A PID with what follows it: PD1, NK1, PV1, AL1, DG1, IN1, Z-segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// The PID.
    pub pid: usize,
    /// All else about the patient, in order.
    pub about: Vec<usize>,
}

/// ORC and OBR (or RXO, RXE, RXD, RXA) with what belongs to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// The common order segment.
    pub orc: Option<usize>,
    /// The observation request.
    pub obr: Option<usize>,
    /// OBX of the order.
    pub observations: Vec<usize>,
    /// SPM with their own OBX.
    pub specimens: Vec<Specimen>,
    /// TQ1, RXO, RXE, RXD, RXA, RXR, RXC, FT1, DG1, Z-segments.
    pub others: Vec<usize>,
    /// The group of an earlier result that an order brings along.
    pub prior: bool,
}

/// An SPM and the OBX after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specimen {
    /// The specimen segment.
    pub spm: usize,
    /// OBX about or from the specimen.
    pub observations: Vec<usize>,
    /// SAC and INV of its containers.
    pub containers: Vec<usize>,
}

impl Layout {
    /// Groups the segments of a message by the structure that its header names or its event has.
    pub fn of(message: &Message) -> Self {
        let header = message.header();
        let stated = String::from_utf8_lossy(header.component(9, 3)).trim().to_owned();
        let event = Event::of(&header.message_type(), &header.trigger());
        let structure = match event {
            Some(event) => event.structure(),
            None => stated.as_str(),
        };
        let tree = Tree::of(message, structure);
        let mut layout = Self::default();
        let mut sort = Sort { layout: &mut layout, tree: &tree, message };
        let mut place = Place::default();
        sort.group(0, &mut place);
        sort.alone(&mut place);
        let note = |at: usize| message.segment(at).is_some_and(|s| s.is("NTE"));
        layout.notes = tree.followers.iter().copied().filter(|(_, at)| note(*at)).collect();
        layout.tree = tree;
        layout
    }

    /// The NTE segments that comment on the segment at `position`, in order.
    pub fn notes_of(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        let from = self.notes.partition_point(|(on, _)| *on < position);
        self.notes.iter().skip(from).take_while(move |(on, _)| *on == position).map(|(_, note)| *note)
    }

    /// The segments that follow the one at `position` (NTE, PRT, ROL and the like), in order.
    pub fn followers_of(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        self.tree.followers_of(position)
    }
}

/// Where in the layout a group's segments go.
#[derive(Debug, Clone, Default)]
struct Place {
    order: Option<usize>,
    /// A specimen around orders, which each of them gets (OUL).
    around: Option<Specimen>,
    /// An order has it.
    handed: bool,
    /// The specimen inside the order.
    inside: Option<usize>,
    prior: bool,
}

struct Sort<'l> {
    layout: &'l mut Layout,
    tree: &'l Tree,
    message: &'l Message,
}

impl Sort<'_> {
    fn group(&mut self, at: usize, place: &mut Place) {
        let Some(group) = self.tree.groups.get(at) else { return };
        let before = (place.order, place.inside, place.prior);
        match group.name {
            "PATIENT_PRIOR" => {
                // The same patient once more; who it is was said at the top.
                self.layout.head.extend(self.all(at));
                return;
            }
            "ORDER"
            | "ORDER_OBSERVATION"
            | "ORDER_PRIOR"
            | "COMMON_ORDER"
            | "FINANCIAL_COMMON_ORDER"
            | "PRIOR" => {
                place.order = None;
                place.inside = None;
                place.prior |= group.name.ends_with("PRIOR");
            }
            _ => {}
        }
        for item in &group.items {
            match item {
                Item::Segment(at) => self.segment(*at, place),
                Item::Group(inner) => self.group(*inner, place),
            }
        }
        if group.name == "SPECIMEN" {
            self.alone(place);
        }
        (place.order, place.inside, place.prior) = before;
    }

    /// A specimen that nobody ordered anything for is an order without a test.
    fn alone(&mut self, place: &mut Place) {
        let handed = std::mem::take(&mut place.handed);
        if let Some(specimen) = place.around.take().filter(|_| !handed) {
            let order = Order { specimens: vec![specimen], prior: place.prior, ..Order::default() };
            self.layout.orders.push(order);
        }
    }

    /// Every segment of a group.
    fn all(&self, at: usize) -> Vec<usize> {
        let Some(group) = self.tree.groups.get(at) else { return Vec::new() };
        let of = |item: &Item| match item {
            Item::Segment(at) => vec![*at],
            Item::Group(inner) => self.all(*inner),
        };
        group.items.iter().flat_map(of).collect()
    }

    fn segment(&mut self, at: usize, place: &mut Place) {
        let name = self.message.segment(at).map(|s| s.name()).unwrap_or_default();
        match name.as_str() {
            "PID" => {
                self.layout.patients.push(Patient { pid: at, about: Vec::new() });
            }
            "ORC" | "OBR" | "RXO" | "RXE" | "RXD" | "RXA" => self.order(at, &name, place),
            "SPM" => {
                let specimen = Specimen { spm: at, ..Specimen::default() };
                match place.order.and_then(|o| self.layout.orders.get_mut(o)) {
                    Some(order) => {
                        place.inside = Some(order.specimens.len());
                        order.specimens.push(specimen);
                    }
                    None => {
                        self.alone(place);
                        place.around = Some(specimen);
                    }
                }
            }
            "OBX" => self.observation(at, place),
            "SAC" | "INV" if (place.around.is_some() && !place.handed) || place.inside.is_some() => {
                if let Some(specimen) = self.specimen(place) {
                    specimen.containers.push(at);
                }
            }
            _ => self.other(at, place),
        }
    }

    fn order(&mut self, at: usize, name: &str, place: &mut Place) {
        let taken = |o: &Order| match name {
            "ORC" => o.orc.is_some(),
            "OBR" => o.obr.is_some(),
            _ => false,
        };
        if place.order.and_then(|o| self.layout.orders.get(o)).is_none_or(taken) {
            place.order = Some(self.layout.orders.len());
            let specimens: Vec<Specimen> = place.around.iter().cloned().collect();
            place.inside = None;
            // What is about the specimen itself goes with its first order only.
            if let Some(around) = &mut place.around {
                place.handed = true;
                around.observations.clear();
                around.containers.clear();
            }
            self.layout.orders.push(Order { specimens, prior: place.prior, ..Order::default() });
        }
        let Some(order) = place.order.and_then(|o| self.layout.orders.get_mut(o)) else { return };
        match name {
            "ORC" => {
                order.orc = Some(at);
                // An order control other than "previous result" or "result" is a new order (table 0119).
                let control =
                    self.message.segment(at).map(|s| s.field(1).component(1).text().trim().to_uppercase());
                order.prior &= control.is_none_or(|c| matches!(c.as_str(), "" | "PR" | "RE"));
            }
            "OBR" => order.obr = Some(at),
            _ => order.others.push(at),
        }
    }

    fn observation(&mut self, at: usize, place: &mut Place) {
        if place.inside.is_some() || (place.order.is_none() && place.around.is_some() && !place.handed) {
            if let Some(specimen) = self.specimen(place) {
                specimen.observations.push(at);
            }
            return;
        }
        match place.order.and_then(|o| self.layout.orders.get_mut(o)) {
            Some(order) => order.observations.push(at),
            None => self.layout.observations.push(at),
        }
    }

    fn specimen<'p>(&'p mut self, place: &'p mut Place) -> Option<&'p mut Specimen> {
        match (place.order, place.inside) {
            (Some(order), Some(inside)) => self.layout.orders.get_mut(order)?.specimens.get_mut(inside),
            _ => place.around.as_mut(),
        }
    }

    fn other(&mut self, at: usize, place: &Place) {
        if let Some(order) = place.order.and_then(|o| self.layout.orders.get_mut(o)) {
            order.others.push(at);
        } else if let Some(patient) = self.layout.patients.last_mut() {
            patient.about.push(at);
        } else {
            self.layout.head.push(at);
        }
    }
}

#[cfg(test)]
mod tests;

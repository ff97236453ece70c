//! The segments of a message grouped by its structure.
//!
//! The walk is tolerant: a segment that stands where its structure has no place for it goes to the latest group that
//! knows it, and is listed in [`Tree::misplaced`]. No segment is left out.

use super::grammar::{Def, GRAMMAR, Part};
use crate::hl7::message::Message;

/// Something in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A segment by its position in the message, counted from 0.
    Segment(usize),
    /// A group by its position in [`Tree::groups`].
    Group(usize),
}

/// One occurrence of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name in the standard, such as `ORDER_OBSERVATION`.
    pub name: &'static str,
    /// The group it stands in.
    pub parent: Option<usize>,
    /// What it holds, in order.
    pub items: Vec<Item>,
}

/// A message as groups; the first one is the message itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// All groups, each behind the one it stands in.
    pub groups: Vec<Group>,
    /// Segments that follow another one, whatever it is (NTE, ROL, PRT and the like): host and follower.
    pub followers: Vec<(usize, usize)>,
    /// Segments that stand where the structure has no place for them.
    pub misplaced: Vec<usize>,
}

struct Frame {
    def: usize,
    group: usize,
    /// Where in the definition it is, and whether that part has been filled.
    at: usize,
    filled: bool,
}

/// Segments that belong to the one before them, wherever they stand.
fn follows(name: &str) -> bool {
    matches!(name, "NTE" | "PRT" | "ROL" | "ARV" | "OH1" | "OH2" | "OH3" | "OH4" | "CTD")
}

impl Tree {
    /// Groups a message by a structure of `structures.txt`; by that of unsolicited results when the name is unknown.
    pub fn of(message: &Message, structure: &str) -> Self {
        let top = GRAMMAR.structures.get(structure).or_else(|| GRAMMAR.structures.get("ORU_R01"));
        let Some(top) = top.copied() else { return Self::default() };
        let mut walk =
            Walk { tree: Self::default(), frames: Vec::new(), latest: vec![None; GRAMMAR.defs.len()] };
        walk.open(top, None);
        let mut host = 0;
        for segment in message.segments() {
            let (at, name) = (segment.index(), segment.name());
            if follows(&name) {
                walk.tree.followers.push((host, at));
                continue;
            }
            walk.place(at, &name);
            host = at;
        }
        walk.tree
    }

    /// The followers of a segment with that name, in order.
    pub fn followers_of<'t>(&'t self, host: usize) -> impl Iterator<Item = usize> + 't {
        let from = self.followers.partition_point(|(h, _)| *h < host);
        self.followers.iter().skip(from).take_while(move |(h, _)| *h == host).map(|(_, f)| *f)
    }
}

struct Walk {
    tree: Tree,
    frames: Vec<Frame>,
    /// The latest group of each definition.
    latest: Vec<Option<usize>>,
}

impl Walk {
    fn open(&mut self, def: usize, parent: Option<usize>) {
        let group = self.tree.groups.len();
        let name = definition(def).map_or("", |d| d.name);
        self.tree.groups.push(Group { name, parent, items: Vec::new() });
        if let Some(above) = parent.and_then(|p| self.tree.groups.get_mut(p)) {
            above.items.push(Item::Group(group));
        }
        if let Some(slot) = self.latest.get_mut(def) {
            *slot = Some(group);
        }
        self.frames.push(Frame { def, group, at: 0, filled: false });
    }

    fn put(&mut self, group: usize, at: usize) {
        if let Some(group) = self.tree.groups.get_mut(group) {
            group.items.push(Item::Segment(at));
        }
    }

    fn place(&mut self, at: usize, name: &str) {
        // In place: at or behind where the innermost open group stands, else the one around it.
        for depth in (0..self.frames.len()).rev() {
            if let Some((part, def)) = self.frames.get(depth).and_then(|f| next(f, name)) {
                self.frames.truncate(depth + 1);
                self.enter(depth, part, def, at, name);
                return;
            }
        }
        self.elsewhere(at, name);
    }

    /// Fills a part of an open group: with the segment itself, or with the group that it opens.
    fn enter(&mut self, depth: usize, part: usize, inner: Option<usize>, at: usize, name: &str) {
        let Some(frame) = self.frames.get_mut(depth) else { return };
        frame.at = part;
        frame.filled = true;
        let group = frame.group;
        let Some(inner) = inner else {
            self.put(group, at);
            return;
        };
        self.open(inner, Some(group));
        let depth = depth + 1;
        match self.frames.get(depth).and_then(|f| next(f, name)) {
            Some((part, def)) => self.enter(depth, part, def, at, name),
            None => self.put(self.tree.groups.len() - 1, at),
        }
    }

    /// Out of place: to the latest group that knows the segment, or into a group that would, or where it stands.
    fn elsewhere(&mut self, at: usize, name: &str) {
        let here = self.frames.last().map_or(0, |f| f.group);
        if name.starts_with('Z') {
            self.put(here, at);
            return;
        }
        self.tree.misplaced.push(at);
        let knows = |def: usize| definition(def).is_some_and(|d| d.own(name));
        let known = (0..self.latest.len())
            .filter(|def| knows(*def))
            .filter_map(|def| self.latest.get(def).copied().flatten())
            .max();
        if let Some(group) = known {
            self.put(group, at);
            return;
        }
        let wider = (0..self.frames.len()).rev().find_map(|depth| {
            let frame = self.frames.get(depth)?;
            let inner = definition(frame.def)?.parts.iter().find_map(|part| match part {
                Part::Group { def, .. } => definition(*def)?.holds.contains(&name).then_some(*def),
                Part::Segment { .. } => None,
            })?;
            Some((depth, inner, frame.group))
        });
        match wider {
            Some((depth, inner, group)) => {
                self.frames.truncate(depth + 1);
                self.open(inner, Some(group));
                self.put(self.tree.groups.len() - 1, at);
            }
            None => self.put(here, at),
        }
    }
}

fn definition(def: usize) -> Option<&'static Def> {
    GRAMMAR.defs.get(def)
}

/// The part of an open group that takes the segment, and the group that it opens there.
fn next(frame: &Frame, name: &str) -> Option<(usize, Option<usize>)> {
    let def = definition(frame.def)?;
    def.parts.iter().enumerate().skip(frame.at).find_map(|(i, part)| {
        let free = |repeats: bool| i > frame.at || !frame.filled || repeats;
        match part {
            Part::Segment { name: own, mark } => (*own == name && free(*mark)).then_some((i, None)),
            Part::Group { def: inner, repeats } => {
                let opens = definition(*inner)?.starters.contains(&name);
                (opens && free(*repeats)).then_some((i, Some(*inner)))
            }
        }
    })
}

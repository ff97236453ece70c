//! Which segments belong together, decided by position, because segment names are the only structure marker.
//!
//! An NTE belongs to the segment just before it (runs of NTE to the same one), an OBX after an SPM to the specimen, a
//! Z-segment or unknown segment to the group it stands in. Every segment ends up in exactly one place of the
//! [`Layout`], so a reader that walks it has seen the whole message.

use super::message::Message;

/// Positions of segments, counted from 0, grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// MSH, EVN, SFT and all else before the patient.
    pub head: Vec<usize>,
    /// The PID segments; one in every message this gateway maps.
    pub patients: Vec<usize>,
    /// What follows the patient and is no order: PD1, NK1, PV1, AL1, DG1, IN1, Z-segments.
    pub about_patient: Vec<usize>,
    /// NTE by the position of the segment they comment on.
    pub notes: Vec<(usize, usize)>,
    /// OBX outside any order (in ADT: height, weight and the like).
    pub observations: Vec<usize>,
    /// The orders with their results.
    pub orders: Vec<Order>,
}

/// ORC and OBR with what belongs to them.
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
    /// TQ1, CTD, FT1, PRT, Z-segments.
    pub others: Vec<usize>,
}

/// An SPM and the OBX after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specimen {
    /// The specimen segment.
    pub spm: usize,
    /// OBX about or from the specimen.
    pub observations: Vec<usize>,
}

impl Layout {
    /// Groups the segments of a message.
    pub fn of(message: &Message) -> Self {
        let mut layout = Self::default();
        let mut commented = 0;
        for segment in message.segments() {
            let at = segment.index();
            let name = segment.name();
            match name.as_str() {
                "NTE" => {
                    layout.notes.push((commented, at));
                    continue;
                }
                "PID" => layout.patients.push(at),
                "ORC" => layout.orders.push(Order { orc: Some(at), ..Order::default() }),
                "OBR" => match layout.orders.last_mut() {
                    Some(order) if order.obr.is_none() => order.obr = Some(at),
                    Some(_) | None => layout.orders.push(Order { obr: Some(at), ..Order::default() }),
                },
                "OBX" => match layout.orders.last_mut() {
                    None => layout.observations.push(at),
                    Some(order) => match order.specimens.last_mut() {
                        Some(specimen) => specimen.observations.push(at),
                        None => order.observations.push(at),
                    },
                },
                "SPM" => match layout.orders.last_mut() {
                    Some(order) => order.specimens.push(Specimen { spm: at, observations: Vec::new() }),
                    None => layout.about_patient.push(at),
                },
                _ if !layout.orders.is_empty() => {
                    if let Some(order) = layout.orders.last_mut() {
                        order.others.push(at);
                    }
                }
                _ if layout.patients.is_empty() => layout.head.push(at),
                _ => layout.about_patient.push(at),
            }
            commented = at;
        }
        layout
    }

    /// The NTE segments that comment on the segment at `position`, in order.
    pub fn notes_of(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        self.notes.iter().filter(move |(on, _)| *on == position).map(|(_, note)| *note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7::parse::{Mode, read};

    #[test]
    fn results_specimens_and_notes_go_where_they_stand() {
        let lines = [
            "MSH|^~\\&|A|B|C|D|1||ORU^R01|1|P|2.5.1", // 0
            "PID|1",
            "NTE|1||about the patient",
            "PV1|1", // 1 2 3
            "ORC|RE",
            "OBR|1",
            "NTE|1||about the order",
            "OBX|1",
            "NTE|1||a",
            "NTE|2||b",
            "OBX|2",
            "ZRX|1", // 4-11
            "SPM|1",
            "OBX|1",
            "NTE|1||about the specimen's value", // 12 13 14
            "OBR|2",
            "OBX|1", // 15 16
            "ORC|RE",
            "OBR|3", // 17 18
        ];
        let m = read(lines.join("\r").as_bytes(), Mode::Strict).unwrap();
        let l = Layout::of(&m);
        assert_eq!((l.patients.as_slice(), l.about_patient.as_slice()), ([1].as_slice(), [3].as_slice()));
        assert_eq!(l.orders.len(), 3);
        assert_eq!((l.orders[0].orc, l.orders[0].obr), (Some(4), Some(5)));
        assert_eq!(l.orders[0].observations, [7, 10]);
        assert_eq!(l.orders[0].others, [11]);
        assert_eq!(l.orders[0].specimens, [Specimen { spm: 12, observations: vec![13] }]);
        assert_eq!((l.orders[1].orc, l.orders[1].obr, l.orders[2].obr), (None, Some(15), Some(18)));
        assert_eq!(l.notes_of(7).collect::<Vec<_>>(), [8, 9]);
        assert_eq!(l.notes_of(1).collect::<Vec<_>>(), [2]);
        assert_eq!(l.notes_of(13).collect::<Vec<_>>(), [14]);
    }
}

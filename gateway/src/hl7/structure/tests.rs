use super::*;
use crate::hl7::parse::{Mode, read};
use proptest::prelude::*;

fn layout(kind: &str, lines: &[&str]) -> Layout {
    let text = format!("MSH|^~\\&|A|B|C|D|1||{kind}|1|P|2.5.1\r{}", lines.join("\r"));
    Layout::of(&read(text.as_bytes(), Mode::Tolerant).unwrap())
}

#[test]
fn results_specimens_and_notes_go_where_they_stand() {
    let l = layout(
        "ORU^R01",
        &[
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
        ],
    );
    assert_eq!(l.patients, [Patient { pid: 1, about: vec![3] }]);
    assert_eq!(l.orders.len(), 3);
    assert_eq!((l.orders[0].orc, l.orders[0].obr), (Some(4), Some(5)));
    assert_eq!(l.orders[0].observations, [7, 10]);
    assert_eq!(l.orders[0].others, [11]);
    assert_eq!(l.orders[0].specimens, [Specimen { spm: 12, observations: vec![13], containers: vec![] }]);
    assert_eq!((l.orders[1].orc, l.orders[1].obr, l.orders[2].obr), (None, Some(15), Some(18)));
    assert_eq!(l.notes_of(7).collect::<Vec<_>>(), [8, 9]);
    assert_eq!(l.notes_of(1).collect::<Vec<_>>(), [2]);
    assert_eq!(l.notes_of(13).collect::<Vec<_>>(), [14]);
    assert!(l.tree.misplaced.is_empty());
}

#[test]
fn a_specimen_around_orders_is_each_orders_specimen() {
    // SPM OBX SAC OBR OBX OBR OBX, twice
    let l = layout(
        "OUL^R22",
        &["PID|1", "SPM|1", "OBX|1", "SAC|1", "OBR|1", "OBX|1", "OBR|2", "OBX|1", "SPM|2", "OBX|1"],
    );
    let specimen = |spm, observations: &[usize], containers: &[usize]| Specimen {
        spm,
        observations: observations.to_vec(),
        containers: containers.to_vec(),
    };
    assert_eq!(l.orders[0].specimens, [specimen(2, &[3], &[4])]);
    assert_eq!(l.orders[1].specimens, [specimen(2, &[], &[])]);
    assert_eq!(
        (l.orders[0].observations.as_slice(), l.orders[1].observations.as_slice()),
        (&[6][..], &[8][..])
    );
    assert_eq!(l.orders[2], Order { specimens: vec![specimen(9, &[10], &[])], ..Order::default() });
}

#[test]
fn results_that_came_before_an_order_are_orders_of_their_own() {
    let l = layout(
        "OML^O21",
        &["PID|1", "ORC|NW", "OBR|1", "OBX|1", "SPM|1", "PID|1", "OBR|1", "OBX|1", "ORC|NW", "OBR|2"],
    );
    assert_eq!(
        l.orders.iter().map(|o| (o.obr, o.prior)).collect::<Vec<_>>(),
        [(Some(3), false), (Some(7), true), (Some(10), false)]
    );
    assert_eq!(
        (l.orders[0].observations.as_slice(), l.orders[1].observations.as_slice()),
        (&[4][..], &[8][..])
    );
    assert_eq!(l.patients.len(), 1, "the earlier result's patient is the same one");
}

#[test]
fn a_document_stands_beside_its_order() {
    let l = layout("MDM^T02", &["EVN|T02", "PID|1", "PV1|1", "ORC|NW", "OBR|1", "TXA|1", "OBX|1"]);
    assert_eq!((l.orders.len(), l.orders[0].obr, l.orders[0].others.len()), (1, Some(5), 0));
    assert_eq!((l.patients[0].about.as_slice(), l.observations.as_slice()), (&[3, 6][..], &[7][..]));
}

#[test]
fn what_is_out_of_place_is_kept_and_listed() {
    let l = layout("ORU^R01", &["PID|1", "OBR|1", "OBX|1", "PD1|1", "FOO|1", "ZZZ|1"]);
    assert_eq!(l.tree.misplaced, [4, 5]);
    let patient = l.tree.groups.iter().find(|g| g.name == "PATIENT").unwrap();
    assert_eq!(patient.items, [Item::Segment(1), Item::Segment(4)], "PD1 goes to its patient");
    let two = layout("ADT^A17", &["EVN|A17", "PID|1", "PV1|1", "PID|2", "PV1|2"]);
    assert_eq!(two.patients, [Patient { pid: 2, about: vec![3] }, Patient { pid: 4, about: vec![5] }]);
}

proptest! {
    /// Whatever the order, each segment is in one place of the layout.
    #[test]
    fn no_segment_is_left_out(
        event in prop::sample::select(Event::all().collect::<Vec<_>>()),
        names in prop::collection::vec(prop::sample::select(vec![
            "PID", "PD1", "PV1", "NTE", "ORC", "OBR", "OBX", "SPM", "SAC", "NK1", "TQ1", "RXA", "RXE", "RXO", "RXR",
            "PRT", "MRG", "DG1", "FT1", "IN1", "AIS", "SCH", "RGS", "TXA", "ZAB", "FOO", "PR1", "EVN", "MSA",
        ]), 0..40),
    ) {
        let text = format!("MSH|^~\\&|A|B|C|D|1||{}^{}|1|P|2.5\r{}", event.kind(), event.trigger(), names.join("|1\r"));
        let m = read(text.as_bytes(), Mode::Tolerant).unwrap();
        let l = Layout::of(&m);
        let mut all: Vec<usize> = l.head.clone();
        all.extend(l.patients.iter().flat_map(|p| std::iter::once(p.pid).chain(p.about.iter().copied())));
        all.extend(&l.observations);
        for order in &l.orders {
            all.extend(order.orc.into_iter().chain(order.obr));
            all.extend(order.observations.iter().chain(&order.others));
            for specimen in &order.specimens {
                all.push(specimen.spm);
                all.extend(specimen.observations.iter().chain(&specimen.containers));
            }
        }
        all.extend(l.tree.followers.iter().map(|(_, at)| *at));
        all.sort_unstable();
        // A specimen around several orders is named by each of them.
        all.dedup();
        prop_assert_eq!(all, (0..m.len()).collect::<Vec<_>>());
    }
}

#[test]
fn the_event_of_results_is_that_of_the_table() {
    assert_eq!(Event::of("ORU", "R01"), Some(Event::RESULT));
}

//! What came through a channel is counted by the hour, also over a restart.

use clinicvault_tests::{Clinic, sample};
use serde_json::{Value, json};

use super::{connect, create, line, listener, wait_until};

/// One figure of all the hours of a line.
fn day(line: &Value, figure: &str) -> u64 {
    line["hours"].as_array().unwrap().iter().map(|hour| hour[figure].as_u64().unwrap()).sum()
}

#[test]
fn hours_are_counted_on_after_a_restart_and_counts_of_the_process_begin_anew() {
    let mut clinic = Clinic::open();
    let mut owner = clinic.owner();
    create(&mut owner, &listener("lab", json!({"kinds": ["ADT"]})));
    assert_eq!(line(&mut owner, "lab")["hours"], json!([]));
    let mut lab = connect(&mut owner, "lab");
    assert_eq!(lab.send(&sample::adt("A04", "C-1", "1", "Rao", "Anil", "1")).code, "AA");
    assert_eq!(lab.send(&sample::adt("A04", "C-1", "1", "Rao", "Anil", "1")).code, "AA");
    let oru = "MSH|^~\\&|LIS|LAB|CV|BOX|20260203||ORU^R01^ORU_R01|C-2|P|2.5.1\rPID|1||1^^^LAB^MR||Rao^Anil\r";
    assert_eq!(lab.send(oru).code, "AR");
    let before = wait_until(&mut owner, "lab", |line| line["latencyMs"].is_u64());
    assert_eq!((before["queue"]["reading"].as_u64(), &before["queue"]["oldest"]), (Some(0), &Value::Null));
    drop(lab);
    drop(owner);
    clinic.stop();
    clinic.start();
    let mut owner = clinic.owner();
    let after = line(&mut owner, "lab");
    let figures = ["received", "refused", "repeated", "held"].map(|figure| day(&after, figure));
    assert_eq!(figures, [1, 1, 1, 0], "{after}");
    assert_eq!((&after["counts"]["received"], &after["lastMessage"]), (&json!(0), &before["lastMessage"]));
    assert_eq!(after["latencyMs"], before["latencyMs"]);
}

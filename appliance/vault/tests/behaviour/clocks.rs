//! Clocks that are set, by a year and more: order and soundness do not depend on them.

use crate::common::chance::{Chance, seed};
use crate::common::*;
use clinicvault_vault::*;

const YEAR: i64 = 366 * 86_400;

#[test]
fn a_clock_that_jumps_by_a_year_changes_no_order_and_loses_nothing() {
    let seed = seed();
    println!("CLINICVAULT_SEED={seed}");
    let mut chance = Chance(seed);
    let mut fixture = fixture();
    let (mut last, mut time) = (Tx(0), jiff::Timestamp::MIN);
    for number in 0..120u32 {
        if chance.one_in(4) {
            let year = if chance.one_in(2) { YEAR } else { -YEAR };
            fixture.clock.advance(year + chance.below(86_400) as i64);
        }
        let (head, tx) = put(&fixture.vault, &format!("r-{}", number % 10), &format!("body {number}"), &[]);
        assert!(tx > last, "seed {seed}: {tx:?} after {last:?}");
        // Times of versions never go back, whatever the clock does.
        assert!(head.time >= time, "seed {seed}: {} after {time}", head.time);
        (last, time) = (tx, head.time);
        if chance.one_in(10) {
            fixture.reopen();
            assert!(fixture.vault.alarms().is_empty(), "seed {seed}: {:?}", fixture.vault.alarms());
        }
    }
    let report = fixture.vault.verify(&mut |_| ()).unwrap();
    assert!(report.is_sound(), "seed {seed}: {:?}", report.listed);
    let snapshot = fixture.vault.snapshot().unwrap();
    assert_eq!(snapshot.tx(), last);
    for number in 110..120u32 {
        let id = format!("r-{}", number % 10);
        let head = snapshot.head(KIND, &id).unwrap().unwrap();
        let body = snapshot.body(&head).unwrap();
        assert_eq!(body.as_slice(), format!("body {number}").as_bytes(), "seed {seed}");
    }
}

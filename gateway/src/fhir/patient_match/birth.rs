//! How well two dates of birth agree, with the mistakes that are made when they are written down.

use super::names::one_slip_apart;
use crate::fhir::datetime::{Moment, Precision};

/// The same day.
pub const SAME_DAY: i32 = 30;
const SWAPPED: i32 = 22;
const ONE_SLIP: i32 = 18;
const SAME_MONTH: i32 = 18;
const SAME_YEAR: i32 = 14;
const SAME_YEAR_BY_CUSTOM: i32 = 12;
const MONTH_OF_THE_DAY: i32 = 8;
const NEXT_YEAR: i32 = 6;
const NEAR: i32 = -15;
const FAR: i32 = -35;

/// Whether these points speak against one person.
pub const fn contradicts(points: i32) -> bool {
    points <= NEAR
}

/// Points for or against; none when one of them is not known.
pub fn points(one: Option<&Moment>, other: Option<&Moment>) -> Option<i32> {
    let (one, other) = (one?, other?);
    let ((y1, m1, d1), (y2, m2, d2)) = (one.ymd(), other.ymd());
    let apart = (i32::from(y1) - i32::from(y2)).abs();
    let points = match (one.precision(), other.precision()) {
        (Precision::Year, _) | (_, Precision::Year) => match apart {
            0 => SAME_YEAR,
            // From an age the year may be off by one.
            1 => NEXT_YEAR,
            2..=3 => NEAR / 3,
            _ => FAR,
        },
        (Precision::Month, _) | (_, Precision::Month) => match (apart, m1 == m2) {
            (0, true) => SAME_MONTH,
            (0, false) => 0,
            _ => by_distance(apart),
        },
        _ if (y1, m1, d1) == (y2, m2, d2) => SAME_DAY,
        _ if apart == 0 && (m1, d1) == (d2, m2) => SWAPPED,
        _ if apart == 1 && (m1, d1) == (m2, d2) => ONE_SLIP,
        _ if one_slip_apart(&digits(y1, m1, d1), &digits(y2, m2, d2)) => ONE_SLIP,
        // Where only the year was known, the first of January stands for it.
        _ if apart == 0 && ((m1, d1) == (1, 1) || (m2, d2) == (1, 1)) => SAME_YEAR_BY_CUSTOM,
        _ if apart == 0 && m1 == m2 => MONTH_OF_THE_DAY,
        _ if apart == 0 => 0,
        _ => by_distance(apart),
    };
    Some(points)
}

const fn by_distance(years: i32) -> i32 {
    if years <= 2 { NEAR } else { FAR }
}

fn digits(year: i16, month: u8, day: u8) -> String {
    format!("{year:04}{month:02}{day:02}")
}

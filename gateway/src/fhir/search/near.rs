//! `near`: places on the earth within a distance of another (Location.position, R4 Location search parameters).
//!
//! Value: latitude, then longitude, each as ten-millionths of a degree, order-preserving.

use super::date::ordered;
use super::index::{Check, TermRange};
use crate::json::Value;

/// Steps of a degree.
const STEPS: f64 = 1e7;
/// Mean radius of the earth, metres.
const EARTH: f64 = 6_371_008.8;
/// Metres of one degree of latitude.
const DEGREE: f64 = EARTH * std::f64::consts::PI / 180.0;

/// Values of a `Location.position`.
pub fn values(element: &Value, out: &mut Vec<Vec<u8>>) {
    let degrees = |key| element.get(key).and_then(Value::as_number).and_then(|n| n.as_f64());
    let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) else { return };
    if latitude.abs() <= 90.0 && longitude.abs() <= 180.0 {
        out.push([ordered(steps(latitude)), ordered(steps(longitude))].concat());
    }
}

/// Everything within a distance of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circle {
    latitude: i64,
    longitude: i64,
    millimetres: u64,
}

impl Circle {
    /// `None` for what is no place on the earth, and for distances that are none.
    pub fn new(latitude: f64, longitude: f64, metres: f64) -> Option<Self> {
        let good = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (0.0..=1e9).contains(&metres);
        good.then(|| Self {
            latitude: steps(latitude),
            longitude: steps(longitude),
            millimetres: whole(metres * 1000.0).unsigned_abs(),
        })
    }

    /// The places of a parameter within it: a band of latitudes, each place in it measured.
    pub fn range(self, param: u16) -> TermRange {
        // A little wider, so that rounding loses nothing.
        let band = whole((self.metres() / DEGREE) * STEPS).saturating_add(2);
        let edge = |at: i64| ordered(at).to_vec();
        let (low, high) = (edge(self.latitude - band), edge(self.latitude.saturating_add(band + 1)));
        TermRange::between(param, low, high).checked(Check::Near(self))
    }

    /// Whether the place of a value is within it, by the great circle.
    pub(super) fn holds(self, value: &[u8]) -> bool {
        let read = |bytes: Option<&[u8]>| super::date::read(bytes?);
        let (Some(latitude), Some(longitude)) = (read(value.get(..8)), read(value.get(8..16))) else {
            return false;
        };
        distance((self.latitude, self.longitude), (latitude, longitude)) <= self.metres()
    }

    fn metres(self) -> f64 {
        // At most 1e12: exact.
        #[allow(clippy::cast_precision_loss)]
        let millimetres = self.millimetres as f64;
        millimetres / 1000.0
    }
}

/// Metres between two places (haversine).
fn distance(one: (i64, i64), other: (i64, i64)) -> f64 {
    #[allow(clippy::cast_precision_loss)] // At most 1.8e9: exact.
    let radians = |steps: i64| (steps as f64 / STEPS).to_radians();
    let (a, b) = (radians(one.0), radians(other.0));
    let (down, across) = (((b - a) / 2.0).sin(), ((radians(other.1) - radians(one.1)) / 2.0).sin());
    let half = down * down + a.cos() * b.cos() * across * across;
    2.0 * EARTH * half.sqrt().min(1.0).asin()
}

fn steps(degrees: f64) -> i64 {
    whole(degrees * STEPS)
}

/// The nearest whole number; callers keep within what fits.
#[allow(clippy::cast_possible_truncation)]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        let place = |latitude: f64, longitude: f64| (steps(latitude), steps(longitude));
        for (one, other, kilometres) in [
            (place(0.0, 0.0), place(0.0, 1.0), 111.2),
            (place(18.5204, 73.8567), place(19.0760, 72.8777), 120.2),
            (place(0.0, 179.5), place(0.0, -179.5), 111.2),
            (place(90.0, 0.0), place(-90.0, 0.0), 20_015.1),
        ] {
            let found = distance(one, other) / 1000.0;
            assert!((found - kilometres).abs() < 0.2, "{one:?} {other:?}: {found}");
        }
    }

    #[test]
    fn the_band_holds_what_is_within_the_distance() {
        let stored = |latitude: &str, longitude: &str| {
            let text = format!(r#"{{"latitude":{latitude},"longitude":{longitude}}}"#);
            let value = crate::json::parse(text.as_bytes(), &crate::json::Limits::bytes(1000)).unwrap();
            let mut out = Vec::new();
            values(&value, &mut out);
            out.pop().unwrap()
        };
        let range = Circle::new(18.52, 73.85, 5_000.0).unwrap().range(7);
        assert!(range.holds(&stored("18.52", "73.85")));
        assert!(range.holds(&stored("18.56", "73.85")));
        assert!(!range.holds(&stored("18.57", "73.85")));
        assert!(!range.holds(&stored("18.52", "73.95")));
        assert_eq!(Circle::new(91.0, 0.0, 1.0), None);
        assert_eq!(Circle::new(0.0, 0.0, f64::NAN), None);
    }
}

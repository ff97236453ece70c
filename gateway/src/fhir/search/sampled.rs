//! SampledData as a range: from its least to its greatest sample, in the unit of its origin.

use super::quantity;
use crate::decimal::Decimal;
use crate::json::{Number, Object, Value};

/// Values of a SampledData: those of the range of its samples.
pub(super) fn values(element: &Value, out: &mut Vec<Vec<u8>>) {
    let Some(origin) = element.get("origin") else { return };
    let Some((low, high)) = extent(element, origin) else { return };
    quantity::range_values(Some(&like(origin, low)), Some(&like(origin, high)), out);
}

/// The quantity with another number.
fn like(origin: &Value, number: Decimal) -> Value {
    let mut object = origin.as_object().cloned().unwrap_or_else(Object::new);
    if let Some(number) = Number::parse(&number.to_string()) {
        object.insert("value", Value::Number(number));
    }
    Value::Object(object)
}

/// Least and greatest sample. `E` is no sample; `L` and `U` are beyond the limits of the device.
fn extent(element: &Value, origin: &Value) -> Option<(Decimal, Decimal)> {
    let number = |value: Option<&Value>| Decimal::parse(value?.as_number()?.as_str());
    let (lower, upper) = (number(element.get("lowerLimit")), number(element.get("upperLimit")));
    let mut raw: Option<(Decimal, Decimal)> = None;
    let mut limits: Option<(Decimal, Decimal)> = None;
    for sample in element.str("data").unwrap_or_default().split_ascii_whitespace() {
        match sample {
            "E" => {}
            "L" => widen(&mut limits, lower),
            "U" => widen(&mut limits, upper),
            sample => widen(&mut raw, Decimal::parse(sample)),
        }
    }
    let factor = number(element.get("factor")).unwrap_or(Decimal::ONE);
    let zero = number(origin.get("value")).unwrap_or(Decimal::ZERO);
    let real = |sample: Decimal| sample.times(factor)?.plus(zero);
    let mut all = limits;
    if let Some((low, high)) = raw {
        widen(&mut all, real(low));
        widen(&mut all, real(high));
    }
    all
}

fn widen(ends: &mut Option<(Decimal, Decimal)>, by: Option<Decimal>) {
    let Some(by) = by else { return };
    let (low, high) = ends.unwrap_or((by, by));
    *ends = Some((low.min(by), high.max(by)));
}

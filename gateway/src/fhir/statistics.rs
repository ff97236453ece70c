//! Figures over measured values, as `Observation/$stats` gives them (R4, code system observation-statistics). All are
//! computed in decimals; a division that does not end is carried to 34 digits and shown with four more than the values.

use crate::decimal::{Decimal, Rounding};

macro_rules! statistics {
    ($($name:ident $code:literal $display:literal,)*) => {
        /// One figure.
        #[allow(missing_docs)] // Each is the code of its own name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Statistic { $($name,)* }
        impl Statistic {
            /// Every figure that is computed.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// The code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
            /// Its name.
            pub const fn display(self) -> &'static str {
                match self { $(Self::$name => $display,)* }
            }
        }
    };
}

statistics! {
    Average "average" "Average",
    Maximum "maximum" "Maximum",
    Minimum "minimum" "Minimum",
    Count "count" "Count",
    TotalCount "total-count" "Total Count",
    Median "median" "Median",
    Deviation "std-dev" "Standard Deviation",
    Sum "sum" "Sum",
    Variance "variance" "Variance",
    Percentile20 "20-percent" "20th Percentile",
    Percentile80 "80-percent" "80th Percentile",
    LowerQuartile "4-lower" "Lower Quartile",
    UpperQuartile "4-upper" "Upper Quartile",
    QuartileDeviation "4-dev" "Quartile Deviation",
    Quintile1 "5-1" "1st Quintile",
    Quintile2 "5-2" "2nd Quintile",
    Quintile3 "5-3" "3rd Quintile",
    Quintile4 "5-4" "4th Quintile",
}

/// The code system of the figures.
pub const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-statistics";

impl Statistic {
    /// The figure of a code; none for one that is not computed here.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|statistic| statistic.code() == code)
    }

    /// Whether it is a number of observations, without unit.
    pub const fn is_count(self) -> bool {
        matches!(self, Self::Count | Self::TotalCount)
    }
}

/// The figure over `values`, `all` being the number of observations with or without a number. None when there are too
/// few values for it, or when it has more digits than can be held.
///
/// Deviation and variance are those of a sample (divided by n - 1); percentiles lie between neighbours in proportion.
pub fn figure(statistic: Statistic, values: &[Decimal], all: usize) -> Option<Decimal> {
    let count = |n: usize| Decimal::new(i128::try_from(n).ok()?, 0);
    let mut sorted = values.to_vec();
    sorted.sort();
    let shown = |value: Decimal| {
        let places = values.iter().filter_map(|v| places(*v)).max().unwrap_or(0);
        value.round(places.saturating_add(4), Rounding::HalfUp)
    };
    let sum = || values.iter().try_fold(Decimal::ZERO, |sum, value| sum.plus(*value));
    match statistic {
        Statistic::Count => count(values.len()),
        Statistic::TotalCount => count(all),
        Statistic::Minimum => sorted.first().copied(),
        Statistic::Maximum => sorted.last().copied(),
        Statistic::Sum => {
            if values.is_empty() {
                None
            } else {
                sum()
            }
        }
        Statistic::Average => sum()?.over(count(values.len())?).map(shown),
        Statistic::Median => quantile(&sorted, 1, 2).map(shown),
        Statistic::Variance => variance(values).map(shown),
        Statistic::Deviation => variance(values)?.sqrt().map(shown),
        Statistic::Percentile20 | Statistic::Quintile1 => quantile(&sorted, 1, 5).map(shown),
        Statistic::Quintile2 => quantile(&sorted, 2, 5).map(shown),
        Statistic::Quintile3 => quantile(&sorted, 3, 5).map(shown),
        Statistic::Percentile80 | Statistic::Quintile4 => quantile(&sorted, 4, 5).map(shown),
        Statistic::LowerQuartile => quantile(&sorted, 1, 4).map(shown),
        Statistic::UpperQuartile => quantile(&sorted, 3, 4).map(shown),
        Statistic::QuartileDeviation => quantile(&sorted, 3, 4)?.minus(quantile(&sorted, 1, 4)?).map(shown),
    }
}

/// Digits behind the point.
fn places(value: Decimal) -> Option<i32> {
    let text = value.to_string();
    let (_, behind) = text.split_once('.')?;
    i32::try_from(behind.len()).ok()
}

fn variance(values: &[Decimal]) -> Option<Decimal> {
    let n = Decimal::new(i128::try_from(values.len()).ok()?, 0)?;
    let below = Decimal::new(i128::try_from(values.len().checked_sub(1).filter(|n| *n > 0)?).ok()?, 0)?;
    let sum = values.iter().try_fold(Decimal::ZERO, |sum, value| sum.plus(*value))?;
    let mean = sum.over(n)?.round(12, Rounding::HalfUp);
    let squares = values.iter().try_fold(Decimal::ZERO, |sum, value| {
        let away = value.minus(mean)?;
        sum.plus(away.times(away)?.round(20, Rounding::HalfUp))
    })?;
    squares.over(below)
}

/// The value at `part`/`whole` of the way from the least to the greatest, in proportion between two neighbours.
fn quantile(sorted: &[Decimal], part: usize, whole: usize) -> Option<Decimal> {
    let steps = sorted.len().checked_sub(1)?.checked_mul(part)?;
    let (low, rest) = (steps / whole, steps % whole);
    let below = *sorted.get(low)?;
    if rest == 0 {
        return Some(below);
    }
    let way = sorted.get(low + 1)?.minus(below)?;
    let share = way.times(Decimal::new(i128::try_from(rest).ok()?, 0)?)?;
    below.plus(share.over(Decimal::new(i128::try_from(whole).ok()?, 0)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_exact_decimals() {
        let check = |values: &[&str], statistic: &str, expected: Option<&str>| {
            let values: Vec<Decimal> = values.iter().map(|v| Decimal::parse(v).unwrap()).collect();
            let found = figure(Statistic::parse(statistic).unwrap(), &values, values.len() + 1);
            assert_eq!(
                found.map(Decimal::normalized),
                expected.and_then(Decimal::parse).map(Decimal::normalized),
                "{values:?} {statistic}"
            );
        };
        let few = ["0.1", "0.2", "0.3", "0.4"];
        check(&few, "sum", Some("1.0"));
        check(&few, "average", Some("0.25"));
        check(&few, "median", Some("0.25"));
        check(&few, "minimum", Some("0.1"));
        check(&few, "maximum", Some("0.4"));
        check(&few, "count", Some("4"));
        check(&few, "total-count", Some("5"));
        check(&["1", "2", "4"], "average", Some("2.3333"));
        check(&["2", "4", "4", "4", "5", "5", "7", "9"], "variance", Some("4.5714"));
        check(&["2", "4", "4", "4", "5", "5", "7", "9"], "std-dev", Some("2.1381"));
        check(&["1", "2", "3", "4", "5"], "4-lower", Some("2"));
        check(&["1", "2", "3", "4", "5"], "4-dev", Some("2"));
        check(&["1", "2", "3", "4", "5", "6"], "20-percent", Some("2"));
        check(&["1", "2"], "5-1", Some("1.2"));
        check(&["7"], "std-dev", None);
        check(&[], "average", None);
        check(&[], "median", None);
        check(&[], "sum", None);
        check(&[], "count", Some("0"));
        assert_eq!(Statistic::parse("kurtosis"), None);
    }
}

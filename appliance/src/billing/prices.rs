//! The price list: what a consultation costs from which day on. Prices are added, never changed, so that what was asked for
//! on a day can always be told.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::consult::ask::{Mode, is_code};

/// Dearest consultation, in paise.
const MOST: u64 = 100_000_000;

/// When the fee is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum PayPolicy {
    /// Before the consultation.
    Before,
    /// After it.
    After,
}

/// A price as the owner sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewPrice {
    /// Code of the specialty.
    pub specialty: String,
    /// How they meet.
    pub mode: Mode,
    /// Paise; 0 for nothing.
    pub paise: u64,
    /// First day.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// When it is due.
    pub policy: PayPolicy,
}

/// A price of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Its number, rising.
    pub number: u64,
    /// What it is.
    #[serde(flatten)]
    pub price: NewPrice,
    /// Account that set it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl NewPrice {
    /// What is wrong with it: field and sentence.
    pub fn wrong(&self, today: Date) -> Option<(&'static str, &'static str)> {
        if !is_code(&self.specialty) {
            Some(("specialty", "A specialty is a word such as general, in small letters."))
        } else if self.paise > MOST {
            Some(("paise", "A consultation costs at most 10 lakh rupees."))
        } else if self.from < today {
            Some(("from", "A price begins today or later: what was asked for before stays as it was."))
        } else {
            None
        }
    }
}

/// The price of a day: the one that began last, the later of two that began on one day.
pub fn price<'a>(prices: &'a [Price], specialty: &str, mode: Mode, day: Date) -> Option<&'a Price> {
    let meant = prices.iter().filter(|price| {
        price.price.specialty == specialty && price.price.mode == mode && price.price.from <= day
    });
    meant.max_by_key(|price| (price.price.from, price.number))
}

/// The number of a bill: at most 16 characters, unique in the financial year from April to March (clinic-workflow.md
/// section 7.4), such as `CV/2627/000001`.
pub fn bill_number(day: Date, number: u64) -> String {
    format!("CV/{}/{number:06}", financial_year(day))
}

/// The financial year of a day, such as `2627`.
pub fn financial_year(day: Date) -> String {
    let first = if day.month() >= 4 { day.year() } else { day.year() - 1 };
    format!("{:02}{:02}", first.rem_euclid(100), (first + 1).rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_price_of_a_day_is_the_one_that_began_last() {
        let set = |number, from, paise| Price {
            number,
            price: NewPrice {
                specialty: "general".to_owned(),
                mode: Mode::Video,
                paise,
                from,
                policy: PayPolicy::Before,
            },
            by: "p-1".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        };
        let list = [
            set(1, date(2026, 4, 1), 100),
            set(2, date(2026, 6, 1), 300),
            set(3, date(2026, 5, 1), 200),
            set(4, date(2026, 6, 1), 400),
        ];
        let check = |day, expected: Option<u64>| {
            assert_eq!(price(&list, "general", Mode::Video, day).map(|found| found.price.paise), expected);
        };
        check(date(2026, 3, 31), None);
        check(date(2026, 4, 1), Some(100));
        check(date(2026, 5, 31), Some(200));
        check(date(2026, 6, 1), Some(400));
        assert!(price(&list, "general", Mode::Audio, date(2026, 6, 1)).is_none());
        assert!(list[0].price.wrong(date(2026, 4, 2)).is_some());
        assert!(list[0].price.wrong(date(2026, 4, 1)).is_none());
    }

    #[test]
    fn bills_are_numbered_by_financial_year_within_sixteen_characters() {
        assert_eq!(bill_number(date(2027, 3, 31), 7), "CV/2627/000007");
        assert_eq!(bill_number(date(2027, 4, 1), 1), "CV/2728/000001");
        assert_eq!(financial_year(date(2099, 5, 1)), "9900");
        assert!(bill_number(date(2027, 4, 1), 99_999_999).len() <= 16);
    }
}

//! XTN to ContactPoint: telephone numbers, in one piece or in parts, and addresses of mail.

use crate::json::{Object, Value};

use super::book::Spot;
use super::codes;
use super::types::period;

/// Country, area, local number and extension of a telephone number.
#[derive(Default)]
struct NumberParts([Option<String>; 4]);

impl NumberParts {
    fn read(spot: Spot<'_>) -> Self {
        Self([5, 6, 7, 8].map(|n| spot.c(n).take()))
    }

    /// As the guide writes it: `+91 22 5550100 X12`; nothing without a local number.
    fn shown(&self) -> Option<String> {
        let [country, area, local, extension] = &self.0;
        let local = local.as_deref()?;
        let country = country.as_ref().map(|c| format!("+{}", c.trim_start_matches('+')));
        let extension = extension.as_ref().map(|e| format!("X{e}"));
        let all = [country.as_deref(), area.as_deref(), Some(local), extension.as_deref()];
        Some(all.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    fn extensions(&self) -> Option<Vec<Value>> {
        const NAMES: [&str; 4] = ["country", "area", "local", "extension"];
        let one = |(name, text): (&str, &String)| {
            let url = format!("http://hl7.org/fhir/StructureDefinition/contactpoint-{name}");
            Value::from(Object::new().with("url", url).with("valueString", text.as_str()))
        };
        let all: Vec<Value> =
            NAMES.into_iter().zip(&self.0).filter_map(|(n, t)| Some(one((n, t.as_ref()?)))).collect();
        (!all.is_empty()).then_some(all)
    }
}

/// XTN: the number as text (1 or 12) or in parts (5 to 8), use, equipment, e-mail.
pub(super) fn xtn(spot: Spot<'_>, used: Option<&'static str>) -> Option<(String, Value)> {
    let any = [1, 12, 4, 5, 6, 7].into_iter().any(|n| spot.c(n).peek().is_some());
    if !any {
        return None;
    }
    let equipment = spot.c(3).peek();
    let purpose = spot.c(2).take();
    let mut system = equipment.as_deref().and_then(|e| codes::telecom_system(spot.book.maps, e));
    if system.is_some() {
        spot.c(3).mark();
    }
    let by_mail = matches!(system, Some("email"));
    let mail = if by_mail { spot.c(4).take() } else { None };
    let mail = mail.or_else(|| if spot.c(3).peek().is_none() { spot.c(4).take() } else { None });
    let parts = if mail.is_none() { NumberParts::read(spot) } else { NumberParts::default() };
    // The unformatted number of newer senders, then the parts, then what the field was at first.
    let number = spot.c(12).take().or_else(|| parts.shown());
    let value = match (mail, number) {
        (Some(mail), _) => {
            system = Some("email");
            mail
        }
        (None, Some(number)) => {
            let digits = |t: &str| t.chars().filter(char::is_ascii_digit).collect::<String>();
            let old = spot.c(1).peek();
            if old.is_some_and(|old| !digits(&old).is_empty() && digits(&number).ends_with(&digits(&old))) {
                spot.c(1).mark();
            }
            number
        }
        (None, None) => spot.c(1).take()?,
    };
    if value.contains('@') && system.is_none() {
        system = Some("email");
    }
    let mobile = equipment.as_deref() == Some("CP");
    let stated = purpose.as_deref().and_then(|p| codes::telecom_use(spot.book.maps, p));
    if let (Some(p), None) = (&purpose, stated) {
        if p == "NET" {
            system = system.or(Some("email"));
        } else {
            spot.c(2).unknown_code(p);
        }
    }
    let used = if mobile { Some("mobile") } else { stated.or(used) };
    let rank = spot.c(18).peek().and_then(|t| t.parse::<u32>().ok()).filter(|n| *n > 0);
    if rank.is_some() {
        spot.c(18).mark();
    }
    let json = Object::new()
        .with_some("extension", parts.extensions())
        .with("system", system.unwrap_or("phone"))
        .with("value", value.as_str())
        .with_some("use", used)
        .with_some("rank", rank)
        .with_some("period", period(spot.c(13), spot.c(14)))
        .into();
    Some((value, json))
}

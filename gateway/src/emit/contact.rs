//! Names, addresses and telephone numbers: HumanName, Address and ContactPoint to XPN, XAD and XTN.

use crate::hl7::encode::Content;
use crate::json::Value;

use super::codes;
use super::segment::{parts, text};
use super::types::{dtm, extension, period};

fn strings<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    value.items(key).iter().filter_map(Value::as_str).collect()
}

/// Family, given, middle, suffix, prefix, degree, and as the last one the professional suffix.
pub(super) fn name_parts(name: &Value) -> (Vec<Content>, Content) {
    const DEGREES: &[&str] =
        &["MD", "M.D.", "MBBS", "PHD", "PH.D.", "RN", "DO", "NP", "PA", "BDS", "MS", "DNB", "DDS", "PHARMD"];
    let given = strings(name, "given");
    let (first, middle) = given.split_first().map_or((None, &[][..]), |(f, m)| (Some(*f), m));
    let suffixes = strings(name, "suffix");
    let (suffix, degree, profession) = match suffixes.as_slice() {
        [] => (None, None, String::new()),
        [one] if DEGREES.contains(&one.to_ascii_uppercase().as_str()) => (None, Some(*one), String::new()),
        [suffix, rest @ ..] => {
            (Some(*suffix), rest.first().copied(), rest.get(1..).unwrap_or_default().join(" "))
        }
    };
    let plain = name.str("family").is_none() && given.is_empty();
    let family = name.str("family").or_else(|| name.str("text").filter(|_| plain));
    let of_family = |part| text(name.get("_family").and_then(|f| extension(f, part)));
    let family = vec![
        text(family),
        of_family("humanname-own-prefix"),
        of_family("humanname-own-name"),
        of_family("humanname-partner-prefix"),
        of_family("humanname-partner-name"),
    ];
    let all = vec![
        parts(family),
        text(first),
        middle.join(" ").as_str().into(),
        text(suffix),
        strings(name, "prefix").join(" ").as_str().into(),
        text(degree),
    ];
    (all, profession.as_str().into())
}

/// XPN.
pub(super) fn xpn(name: &Value) -> Content {
    let (mut all, profession) = name_parts(name);
    if all.iter().all(|part| *part == Content::Empty) {
        return Content::Empty;
    }
    all.push(text(name.str("use").and_then(codes::name_type)));
    all.extend(std::iter::repeat_n(Content::Empty, 3));
    all.push(text(extension(name, "humanname-assembly-order")));
    let (from, to) = period(name.get("period"));
    all.extend([dtm(from), dtm(to), profession]);
    parts(all)
}

/// XAD.
pub(super) fn xad(address: &Value) -> Content {
    let lines = strings(address, "line");
    let line = |n: usize| text(lines.get(n).copied());
    let (more, addressee) = match lines.get(2..).unwrap_or_default() {
        [more, last] => ((*more).to_owned(), Some(*last)),
        more => (more.join(", "), None),
    };
    let plain = lines.is_empty() && address.str("city").is_none();
    let street = if plain { text(address.str("text")) } else { line(0) };
    let kind = address.str("use").and_then(codes::address_type);
    let kind = kind.or_else(|| (address.str("type") == Some("postal")).then_some("M"));
    let (from, to) = period(address.get("period"));
    let part = |key| text(address.str(key));
    let mut all = vec![
        parts(vec![street]),
        line(1),
        part("city"),
        part("state"),
        part("postalCode"),
        part("country"),
        text(kind),
        more.as_str().into(),
        part("district"),
        text(extension(address, "iso21090-ADXP-censusTract")),
        Content::Empty,
        Content::Empty,
        dtm(from),
        dtm(to),
    ];
    all.extend(std::iter::repeat_n(Content::Empty, 4));
    all.push(text(addressee));
    parts(all)
}

/// XTN: the number in one piece for those that read no parts, and in parts where the record has them.
pub(super) fn xtn(telecom: &Value) -> Content {
    let Some(value) = telecom.str("value") else { return Content::Empty };
    let system = telecom.str("system").unwrap_or("phone");
    let used = telecom.str("use");
    let mut all = vec![Content::Empty; 18];
    let mut set = |at: usize, content: Content| {
        if let Some(place) = all.get_mut(at - 1) {
            *place = content;
        }
    };
    if system == "email" {
        let purpose = used.filter(|used| *used != "home").and_then(codes::telecom_use);
        set(2, purpose.unwrap_or("NET").into());
        set(3, "Internet".into());
        set(4, value.into());
    } else {
        let mobile = used == Some("mobile") && system == "phone";
        let equipment = if mobile { Some("CP") } else { codes::telecom_equipment(system) };
        set(1, value.into());
        set(2, text(used.and_then(codes::telecom_use)));
        set(3, text(equipment));
        let part = |name: &str| extension(telecom, &format!("contactpoint-{name}"));
        let (country, area, local, more) = (part("country"), part("area"), part("local"), part("extension"));
        [country, area, local, more].into_iter().zip(5..).for_each(|(part, at)| set(at, text(part)));
        if [country, area, local, more].iter().any(Option::is_some) {
            set(12, value.into());
        }
    }
    let (from, to) = period(telecom.get("period"));
    set(13, dtm(from));
    set(14, dtm(to));
    set(18, super::value::digits(telecom.get("rank")));
    parts(all)
}

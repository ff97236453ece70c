//! Paying by UPI without a gateway: the link that a phone opens, drawn as a picture (clinic-workflow.md section 10). Such a
//! link has no callback; what a patient types afterwards is a claim until a person has looked.

use crate::lan::install::qr_svg;

use super::payment::CURRENCY;

/// Longest note of a link, in bytes (UPI linking specification).
const NOTE: usize = 50;

/// Where UPI payments go.
#[derive(Debug, Clone, Copy)]
pub struct Payee<'a> {
    /// The clinic's address, `name@bank`.
    pub vpa: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Merchant category, four digits, for merchants.
    pub category: Option<&'a str>,
}

/// The link for paise with a reference of the box's own.
pub fn link(payee: Payee<'_>, paise: u64, note: &str, reference: &str) -> String {
    let amount = format!("{}.{:02}", paise / 100, paise % 100);
    let end = (0..=NOTE.min(note.len())).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
    let mut fields = vec![
        ("pa", payee.vpa),
        ("pn", payee.name),
        ("am", &amount),
        ("cu", CURRENCY),
        ("tn", note.get(..end).unwrap_or_default()),
        ("tr", reference),
    ];
    fields.extend(payee.category.map(|category| ("mc", category)));
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("upi://pay?{}", fields.join("&"))
}

/// The link as a QR picture.
pub fn picture(link: &str) -> Option<String> {
    qr_svg(link)
}

/// Percent-encoded; the `@` of an address stays, as apps expect.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether text is a UPI address.
pub fn is_vpa(text: &str) -> bool {
    let Some((name, bank)) = text.split_once('@') else { return false };
    let plain = |part: &str, more: &[u8]| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    (5..=100).contains(&text.len()) && plain(name, b".-_") && plain(bank, b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_whom_how_much_and_for_what() {
        let payee = Payee { vpa: "asha.clinic@okbank", name: "Asha Clinic & Co", category: Some("8011") };
        assert_eq!(
            link(payee, 50_005, "Consultation", "CV-1"),
            "upi://pay?pa=asha.clinic@okbank&pn=Asha%20Clinic%20%26%20Co&am=500.05&cu=INR&tn=Consultation&tr=CV-1&mc=8011"
        );
        let long = link(payee, 100, &"आ".repeat(40), "1");
        let note = long.split("tn=").nth(1).unwrap().split('&').next().unwrap();
        assert_eq!(note.len(), 16 * 9, "cut between letters, at most 50 bytes");
        assert!(picture(&long).unwrap().starts_with("<?xml") || picture(&long).unwrap().contains("<svg"));
    }

    #[test]
    fn an_address_is_a_name_at_a_bank() {
        for (text, expected) in [
            ("asha@okbank", true),
            ("asha.clinic-1@ybl", true),
            ("asha", false),
            ("@okbank", false),
            ("asha@", false),
            ("a b@okbank", false),
            ("asha@ok&am=1", false),
        ] {
            assert_eq!(is_vpa(text), expected, "{text}");
        }
    }
}

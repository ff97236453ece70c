//! The page that explains, to a device which does not trust the box yet, how to do so.
//!
//! Owns the texts and their filling in. Which peer gets it, and over which wire, is `http::install`'s business.

const ENGLISH: &str = include_str!("install/page.en.html");
const HINDI: &str = include_str!("install/page.hi.html");
/// Style of the page.
pub const CSS: &str = include_str!("install/install.css");
/// The mark, as on the screens.
pub const ICON: &str = include_str!("../../../web-ui/public/favicon.svg");
/// Opens the right steps and tests the browser.
pub const JS: &str = include_str!("install/install.js");
/// An offline worker that does nothing.
pub const WORKER: &str = include_str!("install/worker.js");

/// Languages of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Hindi.
    Hindi,
}

/// What the page says about this box.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Fingerprint of the clinic's authority; none before setup.
    pub fingerprint: Option<String>,
    /// Address of the application, such as `https://192.168.1.20:8443`.
    pub secure: String,
    /// Address of this page.
    pub plain: String,
}

impl Language {
    /// The language that was asked for, else the first known one that the browser prefers.
    pub fn choose(asked: Option<&str>, accept_language: &str) -> Language {
        let known = |tag: &str| match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("hi") => Some(Language::Hindi),
            Some("en") => Some(Language::English),
            Some(_) | None => None,
        };
        asked
            .and_then(known)
            .or_else(|| accept_language.split(',').find_map(known))
            .unwrap_or(Language::English)
    }
}

/// The page in a language. Everything filled in is escaped.
pub fn page(language: Language, facts: &Facts) -> String {
    let text = match language {
        Language::English => ENGLISH,
        Language::Hindi => HINDI,
    };
    let (keep, drop) = if facts.fingerprint.is_some() { ("known", "unknown") } else { ("unknown", "known") };
    let text = without_block(text, drop);
    let text = text.replace(&format!("{{{{#{keep}}}}}\n"), "").replace(&format!("{{{{/{keep}}}}}\n"), "");
    // On a narrow screen the fingerprint breaks between pairs, never inside one.
    let fingerprint = escape(facts.fingerprint.as_deref().unwrap_or_default()).replace(':', ":<wbr>");
    text.replace("{{fingerprint}}", &fingerprint)
        .replace("{{secure}}", &escape(&facts.secure))
        .replace("{{plain}}", &escape(&facts.plain))
}

/// A QR code as a self-contained SVG picture, dark on light.
pub fn qr_svg(text: &str) -> Option<String> {
    let code = qrcode::QrCode::with_error_correction_level(text.as_bytes(), qrcode::EcLevel::M).ok()?;
    let drawn = code
        .render::<qrcode::render::svg::Color<'_>>()
        .min_dimensions(200, 200)
        .quiet_zone(true)
        .dark_color(qrcode::render::svg::Color("#000000"))
        .light_color(qrcode::render::svg::Color("#ffffff"))
        .build();
    Some(drawn)
}

fn without_block(text: &str, name: &str) -> String {
    let (open, close) = (format!("{{{{#{name}}}}}\n"), format!("{{{{/{name}}}}}\n"));
    match (text.find(&open), text.find(&close)) {
        (Some(from), Some(to)) if from < to => {
            let before = text.get(..from).unwrap_or_default();
            let after = text.get(to + close.len()..).unwrap_or_default();
            format!("{before}{after}")
        }
        (Some(_) | None, Some(_) | None) => text.to_owned(),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(fingerprint: Option<&str>) -> Facts {
        Facts {
            fingerprint: fingerprint.map(str::to_owned),
            secure: "https://192.168.1.20:8443".into(),
            plain: "http://192.168.1.20:8080/".into(),
        }
    }

    #[test]
    fn the_page_is_filled_in_completely_in_both_languages() {
        for language in [Language::English, Language::Hindi] {
            for fingerprint in [Some("AA:BB"), None] {
                let page = page(language, &facts(fingerprint));
                assert!(!page.contains("{{") && !page.contains("}}"), "{language:?} {fingerprint:?}");
                assert!(page.contains("https://192.168.1.20:8443/install"));
                assert_eq!(page.contains("AA:<wbr>BB"), fingerprint.is_some());
                assert_eq!(page.contains("/ca.crt"), fingerprint.is_some());
            }
        }
    }

    #[test]
    fn nothing_inline_stands_in_the_way_of_the_content_policy() {
        for text in [ENGLISH, HINDI] {
            assert!(!text.contains("style=") && !text.contains("<style") && !text.contains("onclick"));
            assert_eq!(text.matches("<script").count(), 1);
            assert!(text.contains("<script src=\"/install/install.js\" defer></script>"));
        }
    }

    #[test]
    fn both_languages_have_the_same_parts() {
        let parts = |text: &str| {
            let count = |what: &str| text.matches(what).count();
            ["<section", "<li", "<details", "<h2", "data-test=", "{{"].map(count)
        };
        assert_eq!(parts(ENGLISH), parts(HINDI));
    }

    #[test]
    fn what_a_peer_sends_does_not_become_markup() {
        let mut facts = facts(Some("AA"));
        facts.plain = "http://\"><script>alert(1)</script>".into();
        assert!(!page(Language::English, &facts).contains("<script>alert"));
    }

    #[test]
    fn the_language_follows_the_wish_then_the_browser() {
        for (asked, accept, expected) in [
            (Some("hi"), "en", Language::Hindi),
            (None, "hi-IN,hi;q=0.9,en;q=0.8", Language::Hindi),
            (None, "ta-IN, en-IN;q=0.8", Language::English),
            (Some("xx"), "", Language::English),
            (None, "\u{939}\u{93f}", Language::English),
        ] {
            assert_eq!(Language::choose(asked, accept), expected, "{asked:?} {accept}");
        }
    }

    #[test]
    fn a_qr_code_is_a_picture_without_scripts() {
        let svg = qr_svg("http://192.168.1.20:8080/").unwrap();
        assert!(svg.contains("<svg") && !svg.contains("<script"));
    }
}

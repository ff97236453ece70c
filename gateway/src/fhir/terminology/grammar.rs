//! Code systems that are a grammar or a short list of another body: whether a text can be one of their codes.

/// UCUM units.
pub const UCUM: &str = "http://unitsofmeasure.org";
/// Languages (BCP 47).
pub const LANGUAGES: &str = "urn:ietf:bcp:47";
/// Media types (BCP 13).
pub const MEDIA_TYPES: &str = "urn:ietf:bcp:13";
/// Currencies (ISO 4217).
pub const CURRENCIES: &str = "urn:iso:std:iso:4217";
/// Countries (ISO 3166-1: two letters, three letters or three digits).
pub const COUNTRIES: &str = "urn:iso:std:iso:3166";

/// Whether a text can be a code of a system; `None` for systems whose grammar is not known here.
pub fn check(system: &str, code: &str) -> Option<bool> {
    Some(match system {
        UCUM => crate::ucum::is_valid(code),
        LANGUAGES => language(code),
        MEDIA_TYPES => media_type(code),
        CURRENCIES => currency(code),
        COUNTRIES => country(code),
        "urn:iso:std:iso:3166:-2" => subdivision(code),
        "urn:ietf:rfc:3986" => !code.is_empty() && !code.contains(char::is_whitespace),
        _ => return None,
    })
}

/// RFC 5646, section 2.1: language, script, region, variants, extensions, private use.
fn language(code: &str) -> bool {
    let all = |part: &str, test: fn(&u8) -> bool| part.as_bytes().iter().all(test);
    let letters = |part: &str| all(part, u8::is_ascii_alphabetic);
    let plain = |part: &str| !part.is_empty() && part.len() <= 8 && all(part, u8::is_ascii_alphanumeric);
    if !code.split('-').all(plain) {
        return false;
    }
    let mut parts = code.split('-').peekable();
    let first = parts.next().unwrap_or_default();
    if first.eq_ignore_ascii_case("x") || first.eq_ignore_ascii_case("i") {
        return parts.peek().is_some();
    }
    if !letters(first) || first.len() < 2 {
        return false;
    }
    for _ in 0..3 {
        if first.len() <= 3 && parts.peek().is_some_and(|p| p.len() == 3 && letters(p)) {
            parts.next();
        }
    }
    if parts.peek().is_some_and(|p| p.len() == 4 && letters(p)) {
        parts.next();
    }
    let region = |p: &&str| (p.len() == 2 && letters(p)) || (p.len() == 3 && all(p, u8::is_ascii_digit));
    if parts.peek().is_some_and(region) {
        parts.next();
    }
    let variant = |p: &str| p.len() >= 5 || (p.len() == 4 && p.starts_with(|c: char| c.is_ascii_digit()));
    let mut rest = parts.skip_while(|p| variant(p)).peekable();
    while let Some(part) = rest.next() {
        let private = part.eq_ignore_ascii_case("x");
        if part.len() != 1 || rest.peek().is_none_or(|next| next.len() < 2 && !private) {
            return false;
        }
        if private {
            return true;
        }
        while rest.peek().is_some_and(|next| next.len() >= 2) {
            rest.next();
        }
    }
    true
}

/// RFC 6838, section 4.2, with parameters; `*` as in a list of what is accepted; and the short names that R4 lets stand for
/// its own media types (section 3.1.0.1.11).
fn media_type(code: &str) -> bool {
    let name = |part: &str| {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+*".contains(c);
        !part.is_empty() && part.len() <= 127 && part.chars().all(token)
    };
    if matches!(code, "xml" | "json" | "ttl") {
        return true;
    }
    let mut parts = code.split(';');
    let kind = parts.next().unwrap_or_default().trim_end();
    kind.split_once('/').is_some_and(|(major, minor)| name(major) && name(minor))
        && parts.all(|p| p.trim().split_once('=').is_some_and(|(k, v)| name(k) && !v.is_empty()))
}

/// ISO 4217, the currencies in use and the codes for metals and funds.
fn currency(code: &str) -> bool {
    code.len() == 3 && CURRENCY_CODES.as_bytes().chunks(3).any(|known| known == code.as_bytes())
}

/// ISO 3166-1 in any of its three forms; only the two-letter form is checked against the list.
fn country(code: &str) -> bool {
    match code.len() {
        2 => COUNTRY_CODES.as_bytes().chunks(2).any(|known| known == code.as_bytes()),
        3 => code.bytes().all(|b| b.is_ascii_uppercase()) || code.bytes().all(|b| b.is_ascii_digit()),
        _ => false,
    }
}

/// ISO 3166-2: a country, a hyphen, one to three letters or digits.
fn subdivision(code: &str) -> bool {
    code.split_once('-').is_some_and(|(country_code, rest)| {
        country_code.len() == 2
            && country(country_code)
            && (1..=3).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

const CURRENCY_CODES: &str = "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDFCHECHFCHWCLFCLPCNYCOPCOUCRCCUCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHRKHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDGSEKSGDSHPSLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUSNUYIUYUUYWUZSVEDVESVNDVUVWSTXAFXAGXAUXBAXBBXBCXBDXCDXDRXOFXPDXPFXPTXSUXTSXUAXXXYERZARZMWZWLZWG";

const COUNTRY_CODES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_take_what_they_should() {
        for (system, good, bad) in [
            (
                LANGUAGES,
                "en en-US zh-Hant-TW de-CH-1996 sl-rozaj x-clinic es-419 en-a-bbb-x-a mr hi-IN",
                "e english1234 en_US -en en- 12 en-x",
            ),
            (
                MEDIA_TYPES,
                "json text/plain application/fhir+json image/* text/plain;charset=UTF-8 application/dicom",
                "text texthtml/ /html a/b/c",
            ),
            (CURRENCIES, "EUR INR USD XAU", "eur EURO ABC E"),
            (COUNTRIES, "IN DE GBR 356", "in XY INDIA 12"),
            (UCUM, "mg mm[Hg] 10*3/uL {score} kg/m2 % Cel", "mg) {open mm[Hg a]b"),
            ("urn:iso:std:iso:3166:-2", "IN-MH GB-ENG US-CA", "INMH XX-1 US-CALI"),
        ] {
            for code in good.split(' ') {
                assert_eq!(check(system, code), Some(true), "{system} {code}");
            }
            for code in bad.split(' ') {
                assert_eq!(check(system, code), Some(false), "{system} {code}");
            }
        }
        assert_eq!(check("http://loinc.org", "1234-5"), None);
        assert_eq!(check(UCUM, ""), Some(false));
        assert_eq!(check(UCUM, "m g"), Some(false));
    }
}

//! Media types of FHIR content and which of them a peer sends or takes.

use http::{HeaderMap, header};

/// A form in which a resource travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `application/fhir+json`
    #[default]
    Json,
    /// `application/fhir+xml`
    Xml,
    /// `application/fhir+ndjson`: one compact resource a line.
    Ndjson,
}

impl Form {
    /// Value of `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/fhir+json; charset=utf-8",
            Self::Xml => "application/fhir+xml; charset=utf-8",
            Self::Ndjson => "application/fhir+ndjson; charset=utf-8",
        }
    }

    /// The form that a media type (with parameters) means, if it is FHIR of R4 in UTF-8.
    pub fn of(text: &str) -> Option<Self> {
        let (name, parameters) = split(text);
        let form = match name.as_str() {
            "application/fhir+json" | "application/json" | "application/json+fhir" | "text/json" => {
                Self::Json
            }
            "application/fhir+xml" | "application/xml" | "application/xml+fhir" | "text/xml" => Self::Xml,
            "application/fhir+ndjson" | "application/ndjson" | "application/x-ndjson" => Self::Ndjson,
            _ => return None,
        };
        parameters_fit(parameters).then_some(form)
    }

    /// The form that `_format` means: a media type or a short word.
    pub fn of_parameter(text: &str) -> Option<Self> {
        let (name, parameters) = split(text);
        match name.as_str() {
            "json" => parameters_fit(parameters).then_some(Self::Json),
            "xml" => parameters_fit(parameters).then_some(Self::Xml),
            "ndjson" => parameters_fit(parameters).then_some(Self::Ndjson),
            _ => Self::of(text),
        }
    }
}

fn split(text: &str) -> (String, std::str::Split<'_, char>) {
    let mut parts = text.split(';');
    // In a query `+` may have been read as a space.
    let name = parts.next().unwrap_or_default().trim().replace(' ', "+").to_ascii_lowercase();
    (name, parts)
}

fn parameters_fit<'a>(mut parameters: impl Iterator<Item = &'a str>) -> bool {
    parameters.all(|parameter| match parameter.trim().split_once('=') {
        Some((key, value)) => match key.trim().to_ascii_lowercase().as_str() {
            "charset" => value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"),
            "fhirversion" => matches!(value.trim().trim_matches('"'), "4.0" | "4.0.1"),
            _ => true,
        },
        None => true,
    })
}

/// What an `Accept` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Nothing was said.
    Anything,
    /// The best of the forms that the box has.
    Form(Form),
    /// Nothing that the box has.
    Nothing,
}

/// The best form by quality; of equals the first. Wildcards and pages for people mean JSON, so that a browser that
/// also lists XML is not answered in it.
pub fn accepted(headers: &HeaderMap) -> Accepted {
    let mut said = false;
    let mut best: Option<(f32, Form)> = None;
    for range in list(headers, header::ACCEPT.as_str()) {
        said = true;
        let quality = range.split(';').skip(1).find_map(quality).unwrap_or(1.0);
        let (name, mut parameters) = split(range);
        let form = match name.as_str() {
            "*/*" | "application/*" | "text/html" | "application/xhtml+xml" => {
                parameters_fit(&mut parameters).then_some(Form::Json)
            }
            _ => Form::of(range),
        };
        if let Some(form) = form
            && quality > best.map_or(0.0, |(best, _)| best)
        {
            best = Some((quality, form));
        }
    }
    match (best, said) {
        (Some((_, form)), _) => Accepted::Form(form),
        (None, false) => Accepted::Anything,
        (None, true) => Accepted::Nothing,
    }
}

/// The value of a parameter `q`, if it is one.
pub fn quality(parameter: &str) -> Option<f32> {
    let parameter = parameter.trim();
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    Some(value.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0))
}

/// The members of a header that is a list.
pub fn list<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|part| !part.is_empty())
}

/// Whether the peer takes gzip (RFC 9110 section 12.5.3).
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for part in list(headers, header::ACCEPT_ENCODING.as_str()) {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let wanted = quality(parameters).is_none_or(|q| q > 0.0);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_best_form_is_chosen_and_browsers_get_json() {
        let check = |accept: &str, expected: Accepted| {
            assert_eq!(accepted(&headers(header::ACCEPT, accept)), expected, "{accept}");
        };
        check("*/*", Accepted::Form(Form::Json));
        check("application/fhir+json", Accepted::Form(Form::Json));
        check("application/fhir+json; fhirVersion=4.0", Accepted::Form(Form::Json));
        check("application/fhir+json; fhirVersion=5.0", Accepted::Nothing);
        check("application/fhir+xml", Accepted::Form(Form::Xml));
        check("text/xml", Accepted::Form(Form::Xml));
        check("application/fhir+ndjson", Accepted::Form(Form::Ndjson));
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Accepted::Form(Form::Json));
        check("application/fhir+json;q=0.5, application/fhir+xml;q=0.9", Accepted::Form(Form::Xml));
        check("application/fhir+xml;q=0", Accepted::Nothing);
        check("image/png", Accepted::Nothing);
        assert_eq!(accepted(&HeaderMap::new()), Accepted::Anything);
    }

    #[test]
    fn parameters_know_short_words() {
        for (text, form) in [
            ("json", Some(Form::Json)),
            ("xml", Some(Form::Xml)),
            ("application/fhir xml", Some(Form::Xml)),
            ("application/fhir+json;fhirVersion=4.0", Some(Form::Json)),
            ("json;fhirVersion=5.0", None),
            ("html", None),
            ("", None),
        ] {
            assert_eq!(Form::of_parameter(text), form, "{text}");
        }
        assert_eq!(Form::of("json"), None);
    }

    #[test]
    fn gzip_is_used_only_where_it_is_taken() {
        for (accept, takes) in [
            ("gzip, deflate, br", true),
            ("gzip;q=0, *", false),
            ("*", true),
            ("br", false),
            ("identity", false),
        ] {
            assert_eq!(takes_gzip(&headers(header::ACCEPT_ENCODING, accept)), takes, "{accept}");
        }
    }
}

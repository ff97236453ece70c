//! The web application, embedded in the binary with its pre-compressed twins.
//!
//! Negotiates the encoding, answers `If-None-Match`, lets browsers keep files with a hash in their name for ever, and
//! answers an address of the single-page application with its index page. Knows nothing of what the files do.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use sha2::{Digest, Sha256};

use super::error::HttpError;

/// One embedded file.
struct File {
    path: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/web_ui.rs"));

/// Addresses under which nothing of the application lies; an unknown one is an error, not a page.
const NOT_PAGES: [&str; 5] = ["api", "fhir", "health", "install", "assets"];

struct Known {
    file: &'static File,
    etag: String,
}

/// By path. The tags are computed once, at the first request.
static KNOWN: LazyLock<HashMap<&'static str, Known>> = LazyLock::new(|| {
    let known = |file: &'static File| {
        let digest = Sha256::digest(file.plain);
        let etag = data_encoding::HEXLOWER.encode(digest.get(..12).unwrap_or_default());
        (file.path, Known { file, etag })
    };
    FILES.iter().map(known).collect()
});

/// Answers every address that no route took.
pub async fn answer(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    let found = KNOWN.get(path);
    if !matches!(method, Method::GET | Method::HEAD) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match found {
        Some(known) => file(known, &headers),
        None if NOT_PAGES.contains(&first) || looks_like_file(path) => {
            HttpError::not_found("There is nothing at this address.").into_response()
        }
        None => match KNOWN.get("index.html") {
            Some(index) => file(index, &headers),
            None => unbuilt(),
        },
    }
}

/// A missing picture is not a page of the application.
fn looks_like_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

fn file(known: &Known, headers: &HeaderMap) -> Response {
    let accepted = Accepted::read(headers);
    let (bytes, encoding) = match (known.file.br, known.file.gz) {
        (Some(br), _) if accepted.br => (br, Some("br")),
        (_, Some(gz)) if accepted.gzip => (gz, Some("gzip")),
        (Some(_) | None, _) => (known.file.plain, None),
    };
    // The same file in two encodings is two representations, so the tag names the encoding.
    let etag = format!("\"{}{}\"", known.etag, encoding.map(|e| format!("-{e}")).unwrap_or_default());
    let mut response = if matches(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(bytes))
    };
    let own = response.headers_mut();
    own.remove(header::CONTENT_TYPE);
    if response.status() == StatusCode::OK {
        let own = response.headers_mut();
        own.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(known.file.path)));
        if let Some(encoding) = encoding {
            own.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    let own = response.headers_mut();
    if known.file.br.is_some() || known.file.gz.is_some() {
        own.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    own.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching(known.file.path)));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        own.insert(header::ETAG, etag);
    }
    response
}

/// Files under `assets/` carry a hash of their content in their name; everything else is asked for again each time.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || weak(tag) == etag)
}

/// The encodings that a client takes (RFC 9110 section 12.5.3).
#[derive(Debug, PartialEq, Eq)]
struct Accepted {
    br: bool,
    gzip: bool,
}

impl Accepted {
    fn read(headers: &HeaderMap) -> Accepted {
        let mut wanted: HashMap<String, bool> = HashMap::new();
        let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        for part in values.flat_map(|value| value.split(',')).take(32) {
            let mut words = part.split(';').map(str::trim);
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let refused = words.any(|word| {
                word.strip_prefix("q=").is_some_and(|weight| weight.parse::<f32>().is_ok_and(|q| q <= 0.0))
            });
            wanted.insert(name, !refused);
        }
        let any = wanted.get("*").copied().unwrap_or(false);
        let takes = |names: &[&str]| names.iter().find_map(|name| wanted.get(*name)).copied().unwrap_or(any);
        Accepted { br: takes(&["br"]), gzip: takes(&["gzip", "x-gzip"]) }
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// What a person sees when the binary was built without the web UI.
fn unbuilt() -> Response {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>ClinicVault</title>\
        <h1>The screens are not built yet</h1>\
        <p>This ClinicVault runs, but its program was built without the web pages. \
        In the folder of its source, run <code>make ui</code> and then build it again \
        (<code>make build</code> does both).</p></html>";
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: File = File {
        path: "assets/app-1a2b3c.js",
        plain: b"plain text of the script",
        br: Some(b"as brotli"),
        gz: Some(b"as gzip"),
    };

    fn sample() -> Known {
        Known { file: &SAMPLE, etag: "tag".to_owned() }
    }

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_best_encoding_that_a_client_takes_is_chosen() {
        for (accept, encoding) in [
            ("", None),
            ("gzip, deflate, br", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP;q=0.5", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("br;q=0", None),
            ("*", Some("br")),
            ("*;q=0", None),
            ("*, br;q=0.0", Some("gzip")),
            ("identity", None),
            ("zstd", None),
        ] {
            let response = file(&sample(), &headers(header::ACCEPT_ENCODING, accept));
            let said = response.headers().get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap());
            assert_eq!(said, encoding, "{accept}");
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
        }
    }

    #[test]
    fn a_client_that_has_the_file_is_told_so_per_encoding() {
        let with = |tag: &str| {
            let mut headers = headers(header::ACCEPT_ENCODING, "br");
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap());
            file(&sample(), &headers).status()
        };
        assert_eq!(with("\"tag-br\""), 304);
        assert_eq!(with("W/\"other\", W/\"tag-br\""), 304);
        assert_eq!(with("*"), 304);
        assert_eq!(with("\"tag-gzip\""), 200);
        assert_eq!(with("\"tag\""), 200);
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert_eq!(caching("assets/app-1a2b3c.js"), "public, max-age=31536000, immutable");
        assert_eq!(caching("index.html"), "no-cache");
        assert_eq!(caching("sw.js"), "no-cache");
    }

    #[tokio::test]
    async fn an_unknown_address_is_a_page_unless_it_is_an_interface_or_a_file() {
        let get = |path: &'static str| answer(Method::GET, Uri::from_static(path), HeaderMap::new());
        let page = if KNOWN.contains_key("index.html") { 200 } else { 503 };
        for (path, status) in [
            ("/", page),
            ("/patients/p-1", page),
            ("/api/none", 404),
            ("/fhir/none", 404),
            ("/none.png", 404),
            ("/assets/none", 404),
            ("/../../etc/passwd.txt", 404),
        ] {
            assert_eq!(get(path).await.status(), status, "{path}");
        }
        assert_eq!(answer(Method::POST, Uri::from_static("/"), HeaderMap::new()).await.status(), 404);
    }
}

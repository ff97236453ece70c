//! Whether a printed paper is what was signed: a public page without anything clinical, in English and Hindi.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderValue, StatusCode, header};
use jiff::tz::TimeZone;

use super::aside::aside;
use super::error::HttpError;
use super::extract::Peer;
use crate::app::App;
use crate::consult::papers::Stands;
use crate::consult::papers::paper::Kind;
use crate::consult::papers::printing::Verified;

/// Longest code that is looked at.
const LONGEST: usize = 40;

/// The routes of this file.
pub fn routes() -> Router<App> {
    Router::new().route("/verify/{code}", get(verify))
}

/// The page. Guessing is slowed by code and by address.
async fn verify(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    Path(code): Path<String>,
) -> Result<Response, HttpError> {
    let rooms = app.rooms()?;
    if code.len() > LONGEST {
        return Ok(page(StatusCode::NOT_FOUND, &unknown()));
    }
    let counter = format!("verify {code}");
    app.gate().attempt(&counter, peer.address.ip(), app.now())?;
    let room = rooms.consult.clone();
    let found = aside(move || room.verify_paper(&code)).await?;
    Ok(match found {
        Some(found) => {
            app.gate().passed(&counter, peer.address.ip());
            page(StatusCode::OK, &told(&found, &app.zone()))
        }
        None => page(StatusCode::NOT_FOUND, &unknown()),
    })
}

fn page(status: StatusCode, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\">\
         <title>ClinicVault</title></head><body><main>{body}</main></body></html>"
    );
    let mut response = (status, html).into_response();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unknown() -> String {
    "<h1>Not found</h1><p>No signed paper of this clinic has this code. Compare it letter by letter with the print.</p>\
     <p lang=\"hi\">इस कोड का कोई हस्ताक्षरित काग़ज़ इस क्लिनिक में नहीं है। छपे हुए कोड से मिलाएँ।</p>"
        .to_owned()
}

fn told(found: &Verified, zone: &TimeZone) -> String {
    let (english, hindi) = match (found.whole, found.stands) {
        (false, _) => {
            ("NOT VALID: what is kept is not what was signed", "मान्य नहीं: रखा हुआ पाठ हस्ताक्षरित पाठ नहीं है")
        }
        (true, Stands::Signed) => ("Valid: signed and unchanged", "मान्य: हस्ताक्षरित और अपरिवर्तित"),
        (true, Stands::Superseded) => {
            ("Superseded: a newer paper takes its place", "बदला गया: इसकी जगह नया काग़ज़ है")
        }
        (true, Stands::Cancelled) => ("Cancelled: do not use", "रद्द: इसका उपयोग न करें"),
    };
    let kind = match found.kind {
        Kind::Note => "Consultation note",
        Kind::Prescription => "Prescription",
    };
    let when = found.at.to_zoned(zone.clone()).strftime("%d-%m-%Y %H:%M %Z").to_string();
    format!(
        "<h1>{english}</h1><p lang=\"hi\">{hindi}</p><dl><dt>Paper</dt><dd>{kind}</dd>\
         <dt>Signed by</dt><dd>{}</dd><dt>Registration number</dt><dd>{}</dd><dt>Signed on</dt><dd>{when}</dd>\
         <dt>Patient</dt><dd>{}</dd><dt>SHA-256</dt><dd>{}</dd></dl>",
        escaped(&found.signer),
        escaped(&found.registration),
        escaped(&found.initials),
        escaped(&found.sha256)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_stands_and_escapes_names() {
        let of = |whole, stands| {
            let found = Verified {
                kind: Kind::Prescription,
                signer: "Dr <b>A & B</b>".into(),
                registration: "MMC 1".into(),
                at: jiff::Timestamp::UNIX_EPOCH,
                stands,
                initials: "S.G.".into(),
                whole,
                sha256: "00".into(),
            };
            told(&found, &TimeZone::UTC)
        };
        assert!(of(true, Stands::Signed).contains("<h1>Valid"));
        assert!(of(false, Stands::Signed).contains("NOT VALID"));
        assert!(of(false, Stands::Cancelled).contains("NOT VALID"));
        assert!(of(true, Stands::Cancelled).contains("Cancelled"));
        assert!(of(true, Stands::Signed).contains("Dr &lt;b&gt;A &amp; B&lt;/b&gt;"));
    }
}

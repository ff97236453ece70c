//! The page on which a person decides what a program gets. Everything filled in is escaped; it needs no script.

use crate::admin::smart::ask::{Word, plainly};
use crate::admin::smart::authorize::Question;

/// The question.
pub fn question(asked: &Question, person: &str, wrong: Option<&str>) -> String {
    let mut body = format!(
        "<h1>{} asks for access</h1><p>You are signed in as {}. It can never do more than you may yourself, and \
         everything it does is recorded under your name.</p>",
        escape(&asked.program),
        escape(person)
    );
    if let Some(wrong) = wrong {
        body.push_str(&format!("<p role=\"alert\"><strong>{}</strong></p>", escape(wrong)));
    }
    body.push_str("<form method=\"post\" action=\"/oauth/authorize\">");
    body.push_str(&format!("<input type=\"hidden\" name=\"handle\" value=\"{}\">", escape(&asked.handle)));
    if !asked.asked.scopes.each().is_empty() {
        body.push_str("<fieldset><legend>It asks to</legend><ul>");
        for scope in asked.asked.scopes.each() {
            body.push_str(&format!(
                "<li><label><input type=\"checkbox\" name=\"keep\" value=\"{}\" checked> {}</label></li>",
                escape(&scope.to_string()),
                escape(&plainly(scope))
            ));
        }
        body.push_str("</ul><p>Take away what you do not want to give.</p></fieldset>");
    }
    for word in &asked.asked.words {
        let plain = match word {
            Word::OpenId => "It learns the number of your account.",
            Word::LaunchPatient => continue,
            Word::Online => "It keeps access while you are signed in.",
            Word::Offline => "It keeps access for up to 90 days, also when you are not signed in.",
        };
        body.push_str(&format!("<p>{plain}</p>"));
    }
    if asked.asked.wants_patient() {
        body.push_str(
            "<p><label>Patient (the id in the address of the chart) <input name=\"patient\" required \
             autocomplete=\"off\" maxlength=\"64\"></label></p>",
        );
    }
    body.push_str(&format!(
        "<p>Afterwards you go back to {}.{}</p>",
        escape(asked.redirect.split('?').next().unwrap_or_default()),
        if asked.contact.is_empty() {
            String::new()
        } else {
            format!(" Questions: {}", escape(&asked.contact))
        }
    ));
    body.push_str(
        "<p><button name=\"answer\" value=\"yes\">Allow</button> \
         <button name=\"answer\" value=\"no\" formnovalidate>Refuse</button></p></form>",
    );
    whole(&body)
}

/// The way to the sign-in, and back here. The browser shows the session only to requests of our own pages, so that this
/// page stands between the program and the question.
pub fn sign_in(here: &str) -> String {
    whole(&format!(
        "<h1>A program asks for access</h1><p>Go on if you are signed in to the clinic in this browser.</p>\
         <p><a href=\"{}\">Go on</a></p><p>Otherwise <a href=\"/\" target=\"_blank\" rel=\"noopener\">sign in</a> \
         first, and then go on here.</p>",
        escape(here)
    ))
}

/// A refusal that the program must not be told, because it is not certain which one it is.
pub fn refused(why: &str) -> String {
    whole(&format!(
        "<h1>This does not work</h1><p>{}</p><p>Nothing was given to anybody. Tell whoever sent you here.</p>",
        escape(why)
    ))
}

fn whole(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>ClinicVault</title><link rel=\"stylesheet\" \
         href=\"/install/install.css\"></head><body><main>{body}</main></body></html>"
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

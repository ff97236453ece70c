//! The pages on which a person decides what a program gets. Everything filled in is escaped; they need no script.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::words::{plain, say, tell};
use crate::admin::smart::ask::Word;
use crate::admin::smart::authorize::Question;
use crate::clinic::identity::Identity;
use crate::lan::install::Language;

/// Style of the pages: the tokens of the screens, and what these pages make of them.
pub const CSS: &str =
    concat!(include_str!("../../../../web-ui/src/style/tokens.css"), include_str!("page.css"));

/// How a page looks to whom.
#[derive(Debug, Clone)]
pub struct Look {
    /// Language of the texts.
    pub language: Language,
    /// `light` or `dark` where the person chose one.
    pub theme: Option<&'static str>,
}

/// What is shown of an unanswered question beside what the program asks.
#[derive(Default)]
pub struct Shown {
    /// Patients to choose from; none where no patient has to be chosen.
    pub patients: Option<Choice>,
    /// The scopes that are still wanted, after a first look; everything before.
    pub keep: Option<BTreeSet<String>>,
    /// Whether an answer lacked its patient.
    pub unchosen: bool,
}

/// Patients to choose from.
pub struct Choice {
    /// Who they are.
    pub people: Vec<Identity>,
    /// What was searched for; none when they are the newest.
    pub typed: Option<String>,
    /// The one that was chosen before.
    pub chosen: Option<String>,
    /// Today in the clinic.
    pub today: Date,
}

/// The question.
pub fn question(look: &Look, asked: &Question, person: &str, shown: &Shown) -> String {
    let language = look.language;
    let title = tell(language, "consent.title", &[("program", &escape(&asked.program))]);
    let who =
        tell(language, "consent.who", &[("person", &format!("<b translate=\"no\">{}</b>", escape(person)))]);
    let mut body = format!("<div class=\"head\"><h1>{title}</h1><p>{who}</p></div>");
    if shown.unchosen {
        body.push_str(&format!("<p class=\"note\" role=\"alert\">{}</p>", say(language, "consent.pick")));
    }
    body.push_str("<form method=\"post\" action=\"/oauth/authorize\">");
    body.push_str(&format!("<input type=\"hidden\" name=\"handle\" value=\"{}\">", escape(&asked.handle)));
    body.push_str(&scopes(language, asked, shown));
    body.push_str(&besides(language, asked));
    if let Some(choice) = &shown.patients {
        body.push_str(&patients(language, choice));
    }
    let address = asked.redirect.parse::<http::Uri>().ok();
    let address = address.and_then(|uri| Some(uri.authority()?.to_string())).unwrap_or_default();
    let back = tell(
        language,
        "consent.back",
        &[("address", &format!("<b translate=\"no\">{}</b>", escape(&address)))],
    );
    body.push_str(&format!("<div class=\"foot\"><p>{back}</p>"));
    if !asked.contact.is_empty() {
        let contact = format!("<b translate=\"no\">{}</b>", escape(&asked.contact));
        body.push_str(&format!("<p>{}</p>", tell(language, "consent.contact", &[("contact", &contact)])));
    }
    body.push_str(&format!(
        "</div><div class=\"answers\"><button name=\"answer\" value=\"no\" formnovalidate>{}</button>\
         <button name=\"answer\" value=\"yes\">{}</button></div></form>",
        say(language, "consent.no"),
        say(language, "consent.yes")
    ));
    whole(look, &body)
}

fn scopes(language: Language, asked: &Question, shown: &Shown) -> String {
    let each = asked.asked.scopes.each();
    if each.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<section class=\"part\" role=\"group\" aria-labelledby=\"asks\"><h2 id=\"asks\">{}</h2><p class=\"hint\">{}</p><ul>",
        say(language, "consent.asks"),
        say(language, "consent.take")
    );
    let mut written = String::new();
    for scope in each {
        let (text, told) = (scope.to_string(), plain(language, scope));
        let checked = shown.keep.as_ref().is_none_or(|keep| keep.contains(&text));
        let only: String = told.only.iter().map(|only| format!(", {}", escape(only))).collect();
        out.push_str(&format!(
            "<li><label class=\"row\"><span><input type=\"checkbox\" name=\"keep\" value=\"{}\"{}></span>\
             <span class=\"c\"><b>{}</b><small>{}{only}</small></span></label></li>",
            escape(&text),
            if checked { " checked" } else { "" },
            escape(&told.does),
            escape(&told.whose)
        ));
        written.push_str(&format!("<li>{}</li>", escape(&text)));
    }
    let summary = say(language, "scope.syntax");
    out.push_str(&format!(
        "</ul><details><summary>{summary}</summary><ul translate=\"no\">{written}</ul></details></section>"
    ));
    out
}

fn besides(language: Language, asked: &Question) -> String {
    let words = asked.asked.words.iter().filter(|word| **word != Word::LaunchPatient);
    let rows: String = words
        .map(|word| {
            let key = format!("scope.word.{}", word.as_str());
            let text = say(language, &key);
            format!("<li class=\"row\"><span aria-hidden=\"true\"><i></i></span><span class=\"c\">{text}</span></li>")
        })
        .collect();
    if rows.is_empty() {
        return rows;
    }
    format!("<section class=\"part\"><h2>{}</h2><ul>{rows}</ul></section>", say(language, "consent.besides"))
}

fn patients(language: Language, choice: &Choice) -> String {
    let mut out = format!(
        "<section class=\"part\" id=\"patient\" role=\"group\" aria-labelledby=\"whom\"><h2 id=\"whom\">{}</h2>",
        say(language, "consent.patient")
    );
    let hint = match (&choice.typed, choice.people.is_empty()) {
        (Some(_), true) => "consent.found.none",
        (Some(_), false) => "consent.found",
        (None, _) => "consent.recent",
    };
    if choice.typed.is_some() || !choice.people.is_empty() {
        out.push_str(&format!("<p class=\"hint\" role=\"status\">{}</p>", say(language, hint)));
    }
    out.push_str("<ul>");
    for person in &choice.people {
        let checked = choice.chosen.as_deref() == Some(person.id.as_str());
        out.push_str(&format!(
            "<li><label class=\"row\"><span><input type=\"radio\" name=\"patient\" value=\"{}\" required{}></span>\
             <span class=\"c\"><b translate=\"no\" lang=\"{}\">{}</b><small>{}</small></span></label></li>",
            escape(&person.id),
            if checked { " checked" } else { "" },
            escape(&person.name_lang),
            escape(&person.name),
            escape(&facts(language, person, choice.today))
        ));
    }
    out.push_str(&format!(
        "</ul><div class=\"find\"><label for=\"find\">{}</label><input id=\"find\" name=\"find\" value=\"{}\" \
         autocomplete=\"off\" maxlength=\"100\"><button name=\"answer\" value=\"find\" formnovalidate \
         formaction=\"/oauth/authorize#patient\">{}</button></div></section>",
        say(language, "consent.search"),
        escape(choice.typed.as_deref().unwrap_or_default()),
        say(language, "consent.find")
    ));
    out
}

/// Age, sex and number, as they stand beside a name everywhere.
fn facts(language: Language, person: &Identity, today: Date) -> String {
    let sex = format!("sex.{:?}", person.sex);
    let parts =
        [age(language, &person.birth_date, today), say(language, &sex).to_owned(), person.number.clone()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The age as a clinic says it: years from two on, months from two on, then weeks and days.
fn age(language: Language, birth: &str, today: Date) -> String {
    let unknown = || say(language, "age.unknown").to_owned();
    let tell_age = |unit: &str, n: i64| tell(language, unit, &[("n", &n.to_string())]);
    let mut parts = birth.split('-').map(|part| part.parse::<i16>().ok());
    let Some(Some(year)) = parts.next() else { return unknown() };
    let month = parts.next().flatten().and_then(|month| i8::try_from(month).ok());
    let day = parts.next().flatten().and_then(|day| i8::try_from(day).ok());
    let Some(month) = month else {
        let years = i64::from(today.year()) - i64::from(year);
        return if years < 0 { unknown() } else { tell_age("age.y", years) };
    };
    let Ok(born) = Date::new(year, month, day.unwrap_or(1)) else { return unknown() };
    let mut months = (i64::from(today.year()) - i64::from(born.year())) * 12 + i64::from(today.month())
        - i64::from(born.month());
    if today.day() < born.day() {
        months -= 1;
    }
    let days = born.until(today).map_or(-1, |span| i64::from(span.get_days()));
    match (months, days) {
        (24.., _) => tell_age("age.y", months / 12),
        (2..24, _) => tell_age("age.m", months),
        (_, 14..) => tell_age("age.w", days / 7),
        (_, 0..14) => tell_age("age.d", days),
        _ => unknown(),
    }
}

/// The way to the sign-in, and back here. The browser shows the session only to requests of our own pages, so that this
/// page stands between the program and the question.
pub fn sign_in(look: &Look, here: &str) -> String {
    let text = |key| say(look.language, key);
    whole(
        look,
        &format!(
            "<div class=\"head\"><h1>{}</h1><p>{}</p></div><p class=\"door\"><a class=\"btn go\" href=\"{}\">{}</a>\
             <a class=\"btn\" href=\"/\" target=\"_blank\" rel=\"noopener\">{}</a></p>",
            text("consent.door"),
            text("consent.doorText"),
            escape(here),
            text("consent.go"),
            text("consent.signIn")
        ),
    )
}

/// Why nothing can be asked or answered, as the end of a key of the catalogue.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// The program is not known.
    Program,
    /// The address is not one of the program.
    Address,
    /// The request cannot be read.
    Unreadable,
    /// The question is answered or too old.
    Over,
}

/// A refusal that the program must not be told, because it is not certain which one it is.
pub fn refused(look: &Look, why: Stop) -> String {
    let text = |key| say(look.language, key);
    let why = match why {
        Stop::Program => "consent.stop.program",
        Stop::Address => "consent.stop.address",
        Stop::Unreadable => "consent.stop.unreadable",
        Stop::Over => "consent.stop.over",
    };
    whole(
        look,
        &format!(
            "<div class=\"head\"><h1>{}</h1><p>{}</p><p>{}</p></div>",
            text("consent.stop"),
            text(why),
            text("consent.stop.safe")
        ),
    )
}

fn whole(look: &Look, body: &str) -> String {
    let language = match look.language {
        Language::English => "en",
        Language::Hindi => "hi",
    };
    let theme = look.theme.map(|theme| format!(" data-theme=\"{theme}\"")).unwrap_or_default();
    framed(&format!("lang=\"{language}\"{theme}"), body)
}

/// A page without script, in the dress of these pages.
pub(in crate::http) fn frame(body: &str) -> String {
    framed("lang=\"en\"", body)
}

fn framed(look: &str, body: &str) -> String {
    format!(
        "<!doctype html><html {look}><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>ClinicVault</title><link rel=\"icon\" href=\"/install/icon.svg\">\
         <link rel=\"stylesheet\" href=\"/oauth/page.css\"></head><body><header class=\"bar\"><img src=\"/install/icon.svg\" alt=\"\">\
         ClinicVault</header><main>{body}</main></body></html>"
    )
}

pub(in crate::http) fn escape(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_said_as_in_a_clinic() {
        let today = Date::constant(2026, 11, 22);
        for (birth, expected) in [
            ("1968-03-14", "58 y"),
            ("1968", "58 y"),
            ("2024-11-23", "23 m"),
            ("2026-09", "2 m"),
            ("2026-10-30", "3 w"),
            ("2026-11-20", "2 d"),
            ("2027-01-01", "age not known"),
            ("2026-13-01", "age not known"),
            ("", "age not known"),
        ] {
            assert_eq!(age(Language::English, birth, today), expected, "{birth}");
        }
    }
}

//! A member of staff at a browser: signed in with password and second factor, holding the session cookie.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::{Answer, Clinic, Http};

/// The session cookie's name, also while a sign-in is half open.
const COOKIE: &str = "__Host-cv";
/// One step of a time-based code, in seconds (RFC 6238).
const STEP: u64 = 30;

/// Someone who is signed in.
pub struct Person<'a> {
    clinic: &'a Clinic,
    username: String,
    cookie: String,
    /// The browser's connection, with cookie and the header that unsafe requests need.
    pub http: Http,
}

impl<'a> Person<'a> {
    /// Signs in through every step that the box asks for: a new password for a temporary one, the enrolment of an
    /// authenticator at the first sign-in, its code at later ones.
    pub fn sign_in(clinic: &'a Clinic, username: &str, password: &str) -> Person<'a> {
        let http = clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin");
        let mut person = Person { clinic, username: username.to_owned(), cookie: String::new(), http };
        let mut state = person.step("/api/login", &json!({ "username": username, "password": password }));
        for _ in 0..4 {
            state = match state["next"].as_str() {
                None => break,
                Some("password") => {
                    let own = Person::own_password(username);
                    person.step("/api/login/password", &json!({ "password": own }))
                }
                Some("enrol") => {
                    let secret = state["secret"].as_str().expect("a secret").to_owned();
                    clinic.secrets.borrow_mut().insert(username.to_owned(), secret.clone());
                    person.step("/api/login/enrol", &json!({ "code": code(&secret, now_step()) }))
                }
                Some("totp") => {
                    let secret =
                        clinic.secrets.borrow().get(username).expect("enrolled in this test").clone();
                    person.second_factor(&secret)
                }
                Some(other) => panic!("the box asks for an unknown step: {other}"),
            };
        }
        assert!(state.get("next").is_none_or(Value::is_null), "still not signed in: {state}");
        person
    }

    /// The same person in the session that they have; none when there is no such session any more.
    pub fn still_there(clinic: &'a Clinic, username: &str) -> Option<Person<'a>> {
        let cookie = clinic.sessions.borrow().get(username).cloned()?;
        let http = clinic.http().with("X-ClinicVault", "1").with("Sec-Fetch-Site", "same-origin");
        let http = http.with("Cookie", &cookie);
        let mut person = Person { clinic, username: username.to_owned(), cookie, http };
        (person.get("/api/session").status == 200).then_some(person)
    }

    /// A code counts once, so one that was just used is refused; the box takes a clock one step ahead.
    fn second_factor(&mut self, secret: &str) -> Value {
        let now = now_step();
        let first = self.post("/api/login/totp", &json!({ "code": code(secret, now) }));
        if first.status < 300 {
            return body(&first);
        }
        let second = self.post("/api/login/totp", &json!({ "code": code(secret, now + 1) }));
        assert!(second.status < 300, "second factor of {}: {}", self.username, second.text());
        body(&second)
    }

    fn step(&mut self, path: &str, data: &Value) -> Value {
        let answer = self.post(path, data);
        assert!(answer.status < 300, "{path} of {}: {} {}", self.username, answer.status, answer.text());
        body(&answer)
    }

    /// The password that a person chooses in place of the temporary one. It must not contain their name.
    pub fn own_password(username: &str) -> String {
        format!("{} pages of a ledger in ink", username.len() * 7)
    }

    /// What the owner gives a new member of staff.
    pub fn temporary_password(username: &str) -> String {
        format!("{} mornings at the front desk", username.len() * 3)
    }

    /// As the owner: adds an account.
    pub fn add_staff(&mut self, username: &str, roles: &[&str]) -> Value {
        let name = format!("Staff {username}");
        let password = Person::temporary_password(username);
        let data = json!({ "name": name, "username": username, "roles": roles, "password": password });
        self.post("/api/users", &data).expect(201).json()
    }

    /// GET as this person.
    pub fn get(&mut self, path: &str) -> Answer {
        let answer = self.http.get(path);
        self.keep_cookie(answer)
    }

    /// DELETE as this person.
    pub fn delete(&mut self, path: &str) -> Answer {
        let answer = self.http.delete(path);
        self.keep_cookie(answer)
    }

    /// POST as this person.
    pub fn post(&mut self, path: &str, data: &Value) -> Answer {
        let answer = self.http.post(path, data);
        self.keep_cookie(answer)
    }

    /// PUT as this person.
    pub fn put(&mut self, path: &str, data: &Value) -> Answer {
        let body = data.to_string();
        let answer = self.http.send("PUT", path, &[("Content-Type", "application/json")], body.as_bytes());
        self.keep_cookie(answer)
    }

    /// Registers a patient at the desk and returns the new identity.
    pub fn register(&mut self, name: &str, phone: &str, key: &str) -> Value {
        self.post("/api/patients", &crate::sample::registration(name, phone, key)).expect(201).json()
    }

    /// The clinic that this person works in.
    pub fn clinic(&self) -> &'a Clinic {
        self.clinic
    }

    /// The `Cookie` header of this session.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// The box may rotate the cookie with any answer.
    fn keep_cookie(&mut self, answer: Answer) -> Answer {
        for (name, value) in &answer.headers {
            if name == "set-cookie" && value.starts_with(COOKIE) {
                self.cookie = value.split(';').next().unwrap_or_default().to_owned();
                self.clinic.sessions.borrow_mut().insert(self.username.clone(), self.cookie.clone());
            }
        }
        let http = std::mem::replace(&mut self.http, Http::plain(self.clinic.server().http));
        self.http = if self.cookie.is_empty() { http } else { http.with("Cookie", &self.cookie) };
        answer
    }
}

fn body(answer: &Answer) -> Value {
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

fn now_step() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970") / STEP
}

/// The six digits of RFC 6238 for a base32 secret at a step.
pub fn code(secret: &str, step: u64) -> String {
    let secret: String = secret.chars().filter(|c| !c.is_whitespace() && *c != '=').collect();
    let key = data_encoding::BASE32_NOPAD.decode(secret.to_uppercase().as_bytes()).expect("base32");
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).expect("any key length");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let at = usize::from(digest[19] & 0x0f);
    let word = u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

#[cfg(test)]
mod tests {
    /// RFC 6238, appendix B, SHA-1, last six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = data_encoding::BASE32_NOPAD.encode(b"12345678901234567890");
        for (seconds, expected) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(super::code(&secret, seconds / super::STEP), expected);
        }
    }
}

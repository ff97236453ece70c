//! The core against examples, and its state machine against random schedules of failures.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::endpoint::{Allowed, Endpoint};
use super::header;
use super::life::{Asked, Event, Line, Rules, State, Step};
use super::notice::{self, Notice, Reason};
use super::topic::{Topic, built_in};
use super::watch::{Change, Interaction, Watch};
use super::wish::{Channel, Content, Criteria, Wish};
use crate::fhir::id::ResourceType;
use crate::fhir::resource::Resource;
use crate::fhir::search::{Context, Term, terms};
use crate::json::{Limits, Value, parse};

fn json(text: &str) -> Value {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

fn context() -> Context {
    Context::new(TimeZone::UTC, at(0))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn terms_of(text: &str) -> Vec<Term> {
    terms(&Resource::from_value(json(text)).unwrap(), &context())
}

fn wish(status: &str, criteria: &str, channel: &str) -> Value {
    json(&format!(
        r#"{{"resourceType":"Subscription","status":"{status}","reason":"x","criteria":"{criteria}","channel":{channel}}}"#
    ))
}

const HOOK: &str = r#"{"type":"rest-hook","endpoint":"https://lis.example/hook","payload":"application/fhir+json",
    "header":["Authorization: Bearer s3cret","X-Mine: ***"]}"#;

#[test]
fn an_address_is_read_strictly() {
    let good = Endpoint::parse("HTTPS://Lis.Example:8443/a/b?c=d").unwrap();
    assert_eq!((good.secure, good.host.as_str(), good.port), (true, "lis.example", 8443));
    assert_eq!((good.target.as_str(), good.shown().as_str()), ("/a/b?c=d", "https://lis.example:8443/a/b"));
    assert_eq!(Endpoint::parse("http://[::1]").unwrap().authority(), "[::1]");
    for bad in [
        "",
        "lis.example/x",
        "ftp://x/",
        "https://",
        "https://u:p@x/",
        "https://x/#y",
        "https://x/a/../b",
        "https://x/%2E%2e/b",
        "https://x:0/",
        "https://x:99999/",
        "https://x y/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://[::1/",
        "https://x\\y/",
        "https://ex%61mple/",
        "https://2130706433/",
    ] {
        assert!(Endpoint::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_what_is_listed_is_allowed_and_only_below_its_path() {
    let list = ["https://lis.example/hooks", "http://127.0.0.1:9000/"].map(str::to_owned);
    let allowed = Allowed::new(&list, false).unwrap();
    for (address, expected) in [
        ("https://lis.example/hooks", true),
        ("https://lis.example/hooks/1?x=y", true),
        ("https://lis.example/hooksx", false),
        ("https://lis.example/", false),
        ("https://lis.example:444/hooks", false),
        ("http://lis.example/hooks", false),
        ("https://lis.example.evil.example/hooks", false),
        ("http://127.0.0.1:9000/anything", true),
        ("http://127.0.0.1:9001/anything", false),
    ] {
        assert_eq!(allowed.covers(&Endpoint::parse(address).unwrap()), expected, "{address}");
    }
    assert!(!Allowed::default().covers(&Endpoint::parse("https://lis.example/hooks").unwrap()));
    assert!(Allowed::new(&["lis.example".to_owned()], false).unwrap_err().contains("lis.example"));
}

#[test]
fn a_name_never_leads_to_the_box_or_its_link() {
    let named = Endpoint::parse("https://lis.example/").unwrap();
    let check = |allowed: &Allowed, address: &str, expected: bool| {
        assert_eq!(allowed.may_reach(&named, address.parse().unwrap()), expected, "{address}");
    };
    let strict = Allowed::new(&[], false).unwrap();
    let open = Allowed::new(&[], true).unwrap();
    for address in [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::",
    ] {
        check(&strict, address, false);
        check(&open, address, false);
    }
    for address in ["10.1.2.3", "192.168.1.5", "172.20.0.1", "100.64.1.1", "fd00::1", "::ffff:10.0.0.1"] {
        check(&strict, address, false);
        check(&open, address, true);
    }
    check(&strict, "203.0.113.7", true);
    let own = Endpoint::parse("http://127.0.0.1:1/").unwrap();
    assert!(strict.may_reach(&own, "127.0.0.1".parse().unwrap()));
    assert!(!strict.may_reach(&own, "127.0.0.2".parse().unwrap()));
    let local = Endpoint::parse("http://localhost:1/").unwrap();
    assert!(strict.may_reach(&local, "::1".parse().unwrap()));
    assert!(!strict.may_reach(&local, "192.168.1.1".parse().unwrap()));
}

#[test]
fn a_subscription_is_understood_or_refused_with_places() {
    let plain = Wish::read(&wish("requested", "Observation?code=1234-5", HOOK)).unwrap();
    assert_eq!(plain.content, Content::FullResource);
    assert!(!plain.backport && !plain.off && !plain.xml);
    let empty = Wish::read(&wish("off", "Patient", r#"{"type":"websocket"}"#)).unwrap();
    assert_eq!((empty.content, &empty.channel, empty.off), (Content::Empty, &Channel::WebSocket, true));
    let places = |value: &Value| -> Vec<String> {
        let outcome = Wish::read(value).unwrap_err();
        outcome.issues.into_iter().flat_map(|issue| issue.expression).collect()
    };
    assert_eq!(
        places(&wish("requested", "Patient", r#"{"type":"email","endpoint":"mailto:x@y"}"#)),
        ["Subscription.channel.type"]
    );
    assert_eq!(
        places(&wish(
            "requested",
            "Patient",
            r#"{"type":"rest-hook","endpoint":"https://x/","payload":"text/plain"}"#
        )),
        ["Subscription.channel.payload"]
    );
    assert_eq!(
        places(&wish(
            "requested",
            "Patient",
            r#"{"type":"rest-hook","endpoint":"gopher://x/","header":["Host: y","nonsense"]}"#
        )),
        ["Subscription.channel.header[0]", "Subscription.channel.header[1]", "Subscription.channel.endpoint"]
    );
    assert_eq!(
        places(&wish("requested", "https://x.example/topic", r#"{"type":"websocket"}"#)),
        ["Subscription.channel.payload"]
    );
}

#[test]
fn a_client_may_not_decide_what_the_box_decides() {
    let allowed = Allowed::new(&["https://lis.example/".to_owned()], false).unwrap();
    let check = |json: &Value, allowed: &Allowed| -> Vec<String> {
        match Wish::read(json).unwrap().admissible(json, allowed, at(0)) {
            Ok(()) => Vec::new(),
            Err(outcome) => outcome.issues.into_iter().map(|issue| issue.diagnostics).collect(),
        }
    };
    assert!(check(&wish("requested", "Patient", HOOK), &allowed).is_empty());
    assert_eq!(check(&wish("active", "Patient", HOOK), &allowed).len(), 1);
    assert_eq!(check(&wish("error", "Patient", HOOK), &allowed).len(), 1);
    let refused = check(&wish("requested", "Patient", HOOK), &Allowed::default());
    assert!(refused[0].contains("subscriptions.endpoints"), "{refused:?}");
    let mut over = wish("requested", "Patient", HOOK);
    over.as_object_mut().unwrap().insert("end", "2020-01-01T00:00:00Z");
    assert_eq!(check(&over, &allowed).len(), 1);
}

#[test]
fn values_of_headers_leave_the_record_and_stay_until_they_are_replaced() {
    let mut json = wish("requested", "Patient", HOOK);
    let headers = header::read(json.get("channel").unwrap()).unwrap();
    let kept = vec![("x-mine".to_owned(), "before".to_owned())];
    let sent = header::resolve(&headers, &kept).unwrap();
    assert_eq!(sent[0].1, "Bearer s3cret");
    assert_eq!(sent[1], ("X-Mine".to_owned(), "before".to_owned()));
    assert_eq!(header::resolve(&headers, &[]), Err("X-Mine".to_owned()));
    header::mask(&mut json);
    assert!(!json.to_string().contains("s3cret"));
    assert!(json.to_string().contains("Authorization: ***"));
    assert!(!format!("{headers:?}").contains("s3cret"));
}

const OBSERVATION: &str = r#"{"resourceType":"Observation","id":"o","status":"final",
    "code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"subject":{"reference":"Patient/p"}}"#;

fn concerns(criteria: &str, text: &str) -> bool {
    let watch = Watch::new(&Criteria::Query(criteria.to_owned()), &context(), |_| None).unwrap();
    let resource = json(text);
    let terms = terms_of(text);
    let kind = ResourceType::parse(resource.str("resourceType").unwrap()).unwrap();
    watch.matches(&Change { kind, interaction: Interaction::Create, current: Some(&terms), previous: None })
}

#[test]
fn criteria_are_any_query_about_the_record_itself() {
    for (criteria, expected) in [
        ("Observation", true),
        ("/Observation?code=http://loinc.org|2823-3", true),
        ("Observation?code=2823-3&status=final", true),
        ("Observation?code=2823-3&status=preliminary", false),
        ("Observation?patient=p", true),
        ("Observation?subject=Patient/q", false),
        ("Observation?status:not=final", false),
        ("Observation?category:missing=true", true),
        ("Observation?_filter=status eq final or code eq 1", true),
        ("Patient", false),
    ] {
        assert_eq!(concerns(criteria, OBSERVATION), expected, "{criteria}");
    }
    for wrong in [
        "Nothing?x=y",
        "Observation?nonsense=1",
        "Observation?subject:Patient.name=x",
        "Patient?_has:Observation:patient:code=x",
        "Patient?_list=1",
        "Observation?_sort=date",
        "Observation?_count=3",
        "Observation?_format=json",
        "Observation?date=yesterday",
        "Observation?code=%ZZ",
    ] {
        let outcome = Watch::new(&Criteria::Query(wrong.to_owned()), &context(), |_| None).unwrap_err();
        assert!(outcome.issues.iter().all(|issue| issue.expression == ["Subscription.criteria"]), "{wrong}");
    }
    let gone = Watch::new(&Criteria::Query("Observation".to_owned()), &context(), |_| None).unwrap();
    assert!(!gone.looks_at(ResourceType::OBSERVATION, Interaction::Delete));
}

#[test]
fn a_topic_sees_the_version_before_and_after() {
    let topic = |url: &str| built_in().find(|topic| topic.url == url);
    let url = "https://clinicvault.local/fhir/SubscriptionTopic/encounter-start".to_owned();
    let criteria = Criteria::Topic { url: url.clone(), filters: vec!["Encounter?patient=p".to_owned()] };
    let watch = Watch::new(&criteria, &context(), topic).unwrap();
    let visit = |status: &str, patient: &str| {
        terms_of(&format!(
            r#"{{"resourceType":"Encounter","id":"e","status":"{status}","class":{{"code":"AMB"}},
                "subject":{{"reference":"Patient/{patient}"}}}}"#
        ))
    };
    let check = |before: Option<(&str, &str)>, after: (&str, &str)| {
        let previous = before.map(|(status, patient)| visit(status, patient));
        let current = visit(after.0, after.1);
        let interaction = if before.is_some() { Interaction::Update } else { Interaction::Create };
        watch.matches(&Change {
            kind: ResourceType::parse("Encounter").unwrap(),
            interaction,
            current: Some(&current),
            previous: previous.as_deref(),
        })
    };
    assert!(check(None, ("in-progress", "p")));
    assert!(check(Some(("planned", "p")), ("in-progress", "p")));
    assert!(!check(Some(("in-progress", "p")), ("in-progress", "p")));
    assert!(!check(Some(("in-progress", "p")), ("finished", "p")));
    assert!(!check(None, ("in-progress", "q")));
    let wrong = Criteria::Topic { url, filters: vec!["Observation?code=1".to_owned()] };
    let outcome = Watch::new(&wrong, &context(), topic).unwrap_err();
    assert_eq!(outcome.issues[0].expression, ["Subscription.criteria.extension[0]"]);
    let unknown = Criteria::Topic { url: "https://x.example/t".to_owned(), filters: Vec::new() };
    assert!(Watch::new(&unknown, &context(), topic).is_err());
}

#[test]
fn every_built_in_topic_can_be_asked() {
    for topic in built_in() {
        assert!(!topic.triggers.is_empty(), "{}", topic.url);
        Watch::of_topic(&topic, &[], &context()).unwrap_or_else(|error| panic!("{}: {error}", topic.url));
    }
}

#[test]
fn a_topic_is_read_from_a_basic_and_limits_its_filters() {
    let basic = json(
        r#"{"resourceType":"Basic","code":{"coding":[{"system":"http://hl7.org/fhir/fhir-types","code":"SubscriptionTopic"}]},
        "extension":[
         {"url":"http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic.url","valueUri":"https://x.example/done"},
         {"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.resourceTrigger","extension":[
          {"url":"resource","valueUri":"http://hl7.org/fhir/StructureDefinition/Encounter"},
          {"url":"supportedInteraction","valueCode":"update"},
          {"url":"queryCriteria","extension":[{"url":"previous","valueString":"status:not=finished"},
           {"url":"current","valueString":"Encounter?status=finished"},{"url":"requireBoth","valueBoolean":true}]}]},
         {"url":"http://hl7.org/fhir/4.3/StructureDefinition/extension-SubscriptionTopic.canFilterBy","extension":[
          {"url":"resource","valueUri":"Encounter"},{"url":"filterParameter","valueString":"subject"}]}]}"#,
    );
    assert!(super::topic::is_topic(&basic) && super::topic::is_in_use(&basic));
    let topic = Topic::of_basic(&basic).unwrap();
    assert_eq!((topic.url.as_str(), topic.triggers.len()), ("https://x.example/done", 1));
    assert!(topic.triggers[0].both && topic.triggers[0].on == [Interaction::Update]);
    assert!(Watch::of_topic(&topic, &["Encounter?subject=Patient/p".to_owned()], &context()).is_ok());
    assert!(Watch::of_topic(&topic, &["subject=Patient/p".to_owned()], &context()).is_ok());
    assert!(Watch::of_topic(&topic, &["Encounter?status=finished".to_owned()], &context()).is_err());
    let path =
        basic.to_string().replace("queryCriteria\",\"extension\":[", "fhirPathCriteria\",\"extension\":[");
    assert!(Topic::of_basic(&json(&path)).is_err());
}

#[test]
fn a_notification_is_a_bundle_that_keeps_the_rules() {
    let notice = Notice {
        base: "https://box.example/fhir",
        subscription: "s1",
        topic: Some("https://x.example/t"),
        status: "active",
        reason: Reason::Event,
        total: Some(7),
        error: None,
        at: at(0),
    };
    let event = notice::Event {
        number: 7,
        at: at(0),
        kind: ResourceType::OBSERVATION,
        id: "o".to_owned(),
        interaction: Interaction::Create,
        resource: Some(json(OBSERVATION)),
    };
    for (content, entries, tells) in
        [(Content::Empty, 1, false), (Content::IdOnly, 2, false), (Content::FullResource, 2, true)]
    {
        let bundle =
            notice.bundle(std::slice::from_ref(&event), content, "00000000-0000-4000-8000-000000000000");
        assert_eq!(bundle.items("entry").len(), entries);
        assert_eq!(bundle.to_string().contains("2823-3"), tells);
        assert_eq!(bundle.to_string().contains("Observation/o"), content != Content::Empty);
        Resource::from_value(bundle).unwrap_or_else(|error| panic!("{error}"));
    }
}

const RULES: Rules =
    Rules { attempts: 5, retry: SignedDuration::from_secs(2), longest: SignedDuration::from_mins(15) };
const ASKED: Asked = Asked { end: None, heartbeat: None, batch: 3, strict_check: false };

#[test]
fn waits_grow_and_the_limit_ends_them() {
    let mut line = Line::new(1);
    let mut now = at(0);
    let mut waits = Vec::new();
    while line.state == State::Requested {
        assert_eq!(line.next(&ASKED, 9, now), Step::Check);
        line = line.apply(Event::Failed("no".to_owned()), &ASKED, &RULES, now, 0);
        if let Step::Rest(Some(later)) = line.next(&ASKED, 9, now) {
            waits.push(later.duration_since(now).as_secs());
            now = later;
        }
    }
    assert_eq!((waits, line.state), (vec![2, 4, 8, 16], State::Error));
    assert_eq!(line.next(&ASKED, 9, now), Step::Rest(None));
    let line = line.apply(Event::Retry, &ASKED, &RULES, now, 0);
    assert_eq!((line.state, line.next(&ASKED, 9, now)), (State::Requested, Step::Check));
    let shaken = Line::new(1).apply(Event::Failed("no".to_owned()), &ASKED, &RULES, at(0), u32::MAX);
    assert_eq!(shaken.not_before, Some(at(1)));
    let strict = Asked { strict_check: true, ..ASKED };
    assert_eq!(
        Line::new(1).apply(Event::Failed("no".to_owned()), &strict, &RULES, at(0), 0).state,
        State::Error
    );
}

#[test]
fn an_end_a_pause_and_a_sign_of_life_come_in_their_time() {
    let asked = Asked { end: Some(at(100)), heartbeat: Some(SignedDuration::from_secs(10)), ..ASKED };
    let line = Line::new(5).apply(Event::Checked, &asked, &RULES, at(0), 0);
    assert_eq!(line.next(&asked, 5, at(1)), Step::Rest(Some(at(10))));
    assert_eq!(line.next(&asked, 5, at(10)), Step::Beat);
    let line = line.apply(Event::Beaten, &asked, &RULES, at(10), 0);
    assert_eq!(line.next(&asked, 5, at(11)), Step::Rest(Some(at(20))));
    let paused = line.clone().apply(Event::Pause, &asked, &RULES, at(11), 0);
    assert_eq!((paused.state, paused.next(&asked, 9, at(50))), (State::Off, Step::Rest(None)));
    let resumed = paused.apply(Event::Resume, &asked, &RULES, at(50), 0);
    assert_eq!((resumed.state, resumed.scanned), (State::Requested, 5));
    assert_eq!(line.next(&asked, 9, at(100)), Step::End);
    let over = line.apply(Event::Ended, &asked, &RULES, at(100), 0);
    assert_eq!(over.apply(Event::Resume, &asked, &RULES, at(101), 0).state, State::Off);
}

/// What a run of the driver meets.
#[derive(Debug, Clone, Copy)]
enum Luck {
    /// The receiver takes it, and the box knows.
    Taken,
    /// The receiver takes it, and the box never hears of it.
    TakenUnheard,
    /// It does not arrive.
    Lost,
    /// The box is killed after sending and before keeping what came of it.
    Killed,
    /// Somebody presses pause, and later resume.
    Paused,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        4 => Just(Luck::Taken),
        1 => Just(Luck::TakenUnheard),
        2 => Just(Luck::Lost),
        1 => Just(Luck::Killed),
        1 => Just(Luck::Paused),
    ]
}

proptest! {
    /// Whatever fails: every event arrives, in order, and one that arrives twice has the number it had before.
    #[test]
    fn nothing_is_lost_and_order_is_kept(
        // Matching events in each unit of the log.
        log in proptest::collection::vec(0_u64..4, 0..25),
        schedule in proptest::collection::vec(luck(), 0..200),
        batch in 1_u64..5,
        rolls in any::<u32>(),
    ) {
        let asked = Asked { batch, ..ASKED };
        let rules = Rules { attempts: 4, ..RULES };
        let (mut kept, mut now, head) = (Line::new(0), at(0), log.len() as u64);
        // What the store holds of events: number to (unit, place).
        let mut events: Vec<(u64, u64)> = Vec::new();
        let mut heard: Vec<(u64, (u64, u64))> = Vec::new();
        let mut luck = schedule.into_iter().chain(std::iter::repeat(Luck::Taken));
        for turn in 0_u32..4_000 {
            let roll = rolls.wrapping_mul(turn.wrapping_add(1));
            let told = match kept.next(&asked, head, now) {
                Step::Check => match luck.next().unwrap() {
                    Luck::Taken | Luck::Paused => Event::Checked,
                    Luck::Killed => continue,
                    Luck::TakenUnheard | Luck::Lost => Event::Failed("x".to_owned()),
                },
                Step::Scan => {
                    // One unit at a time, as far as it was committed together with its events.
                    let unit = kept.scanned;
                    let found = log[usize::try_from(unit).unwrap()];
                    events.extend((0..found).map(|place| (unit, place)));
                    Event::Found { scanned: unit + 1, events: found }
                }
                Step::Send(from, to) => {
                    prop_assert!(from <= to && to - from < batch && to <= kept.numbered);
                    let arrives = (from..=to).map(|n| (n, events[usize::try_from(n - 1).unwrap()]));
                    match luck.next().unwrap() {
                        Luck::Taken => { heard.extend(arrives); Event::Taken(to) }
                        Luck::TakenUnheard => { heard.extend(arrives); Event::Failed("x".to_owned()) }
                        Luck::Lost => Event::Failed("x".to_owned()),
                        Luck::Killed => { heard.extend(arrives); continue }
                        Luck::Paused => Event::Pause,
                    }
                }
                Step::Rest(Some(later)) => { now = later; continue }
                Step::Rest(None) if kept.paused => Event::Resume,
                Step::Rest(None) if kept.state == State::Error => Event::Retry,
                Step::Rest(None) => break,
                Step::End | Step::Beat => unreachable!("nobody asked for it"),
            };
            kept = kept.apply(told, &asked, &rules, now, roll);
        }
        prop_assert_eq!(kept.delivered, events.len() as u64);
        prop_assert_eq!(kept.scanned, head);
        // The receiver drops what it knows by its number.
        let mut known = 0;
        for (number, event) in &heard {
            prop_assert_eq!(*event, events[usize::try_from(*number - 1).unwrap()]);
            prop_assert!(*number <= known + 1, "a gap before {}", number);
            known = known.max(*number);
        }
        prop_assert_eq!(known, events.len() as u64);
        let wanted: Vec<(u64, u64)> =
            log.iter().enumerate().flat_map(|(unit, found)| (0..*found).map(move |place| (unit as u64, place))).collect();
        prop_assert_eq!(events, wanted);
    }

    /// No text makes reading an address panic, and what is read says the same again.
    #[test]
    fn an_address_is_read_or_refused(text in "(https?://)?[ -~]{0,40}") {
        if let Ok(endpoint) = Endpoint::parse(&text) {
            let scheme = if endpoint.secure { "https" } else { "http" };
            let again = format!("{scheme}://{}{}", endpoint.authority(), endpoint.target);
            prop_assert_eq!(Endpoint::parse(&again).unwrap(), endpoint);
        }
    }
}

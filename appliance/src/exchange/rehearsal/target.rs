//! A test message to a destination, sent at once and beside its queue, on a connection of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clinicvault_gateway::fhir::subscription::notice::{Notice, Reason};
use clinicvault_gateway::fhir::subscription::wish::Content;
use clinicvault_gateway::json::{Object, Value};
use clinicvault_vault::{Action, Leaf};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::answer::TestAnswer;
use super::specimen;
use crate::exchange::Exchange;
use crate::exchange::outbox::destination::{Destination, Place, Way};
use crate::exchange::outbox::line::Lost;
use crate::exchange::outbox::probe::{ProbeStep, ProbeTime, Steps};
use crate::exchange::outbox::row::Form;
use crate::exchange::outbox::web::{self, Verdict, Web};
use crate::exchange::sources::telling;
use crate::records::access::{Actor, Area, Op, Purpose, Subject, decide};
use crate::records::audit::{self, About};
use crate::records::error::Error;

/// Longest time for the whole, whatever the destination's own patience is.
const PATIENCE: Duration = Duration::from_secs(25);
/// Name of the invented record at a FHIR server.
const RECORD: &str = "clinicvault-test";

/// What came of a test message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetTest {
    /// `taken`, `refused` (AE, CE; a status 3xx or 4xx), `rejected` (AR, CR; a status that asks to try later) or `failed`.
    outcome: &'static str,
    /// At which step it failed: nothing came back.
    failed_at: Option<ProbeStep>,
    /// What stood in the way, or what the answer means.
    why: Option<String>,
    /// The steps with their times.
    steps: Vec<ProbeTime>,
    /// Milliseconds in all.
    ms: u64,
    /// MSH-10, or what names it in its place.
    control_id: String,
    /// What was sent, one segment a line; JSON of FHIR.
    sent: String,
    /// What came back; of a folder nothing does.
    answer: Option<TestAnswer>,
    /// The name of the file, in a folder.
    file: Option<String>,
}

/// A message to be tried.
struct Trial {
    form: Form,
    id: String,
    about: String,
    bytes: Vec<u8>,
}

/// What came of it.
struct Came {
    outcome: &'static str,
    why: Option<String>,
    answer: Option<TestAnswer>,
    file: Option<String>,
}

impl Came {
    fn failed(why: impl Into<String>) -> Self {
        Self { outcome: "failed", why: Some(why.into()), answer: None, file: None }
    }
}

impl Exchange {
    /// Sends a test message to a destination and answers what came back, within half a minute. The destination may be
    /// paused. `named` is a message such as `ORU^R01`, where the destination takes HL7 v2.
    ///
    /// # Errors
    /// [`Error::Refused`] for a role that may not change settings, [`Error::NotFound`] for a destination that no channel
    /// has, [`Error::Broken`] for a message that is not made.
    pub async fn test_target(
        &self,
        who: &Actor,
        (channel, name): (&str, &str),
        named: Option<&str>,
        place: &Place,
    ) -> Result<TargetTest, Error> {
        decide(who, Op::Update, &Subject::area_only(Area::Settings)).check()?;
        let missing = || Error::NotFound(format!("destination {channel}/{name}"));
        let live = self.channels().find(channel).filter(|live| live.kept().is_there()).ok_or_else(missing)?;
        let kept = live.kept();
        let target = kept.document.destinations.iter().find(|target| target.name == name);
        let to = target.ok_or_else(missing)?.to.clone();
        let destination = format!("{channel}/{name}");
        let trial = self.trial(channel, &to, named)?;
        let (who, steps) = (Arc::new(who.clone()), Steps::default());
        self.noted(&who, format!("test message {} to destination {destination}", trial.id)).await?;
        let sent = String::from_utf8_lossy(&trial.bytes).replace('\r', "\n");
        let control_id = trial.id.clone();
        let began = tokio::time::Instant::now();
        let tried = self.try_target(&destination, &to, trial, place, &steps);
        let came = match timeout(PATIENCE, tried).await {
            Ok(came) => came?,
            Err(_) => Came::failed(format!("it was not through within {} s", PATIENCE.as_secs())),
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let failed_at = if came.outcome == "failed" { steps.last() } else { None };
        self.noted(&who, format!("test message {control_id} to destination {destination}: {}", came.outcome))
            .await?;
        let Came { outcome, why, answer, file } = came;
        Ok(TargetTest { outcome, failed_at, why, steps: steps.times(), ms, control_id, sent, answer, file })
    }

    async fn noted(&self, who: &Arc<Actor>, said: String) -> Result<(), Error> {
        let line = test_line(who, said);
        self.records().unit(who.clone(), move |work| work.audit(line)).await.map(|_| ())
    }

    /// What is sent: marked as a test, about nobody.
    fn trial(&self, channel: &str, to: &Destination, named: Option<&str>) -> Result<Trial, Error> {
        let form = to.form();
        if form == Form::Er7 {
            let kind = super::kind(named)?;
            let (id, bytes) = self.specimen(kind, to.receiver(), true, to.acknowledge().wish())?;
            return Ok(Trial { form, id, about: String::new(), bytes });
        }
        if named.is_some() {
            let why = "This destination takes FHIR; leave out the type.";
            return Err(crate::exchange::outbox::desk::broken(why));
        }
        let all = specimen::records()?;
        let missing = || Error::Fault("no specimen".to_owned());
        let record = marked(specimen::record(&all, "Patient", "test").ok_or_else(missing)?);
        let value = match form {
            Form::Bundle => telling::transaction(&record, &BTreeMap::new()),
            Form::Record | Form::Er7 => record,
            // The standard's own way to try a receiver of notifications.
            Form::Notice => {
                let notice = Notice {
                    base: "",
                    subscription: channel,
                    topic: None,
                    status: "requested",
                    reason: Reason::Handshake,
                    total: None,
                    error: None,
                    at: self.records().now(),
                };
                let id = clinicvault_gateway::map::ids::stable("handshake", &[channel]);
                notice.bundle(&[], Content::Empty, &id)
            }
        };
        let id = format!("TEST-{}", self.control_id(self.records().now()));
        Ok(Trial { form, id, about: format!("Patient/{RECORD}"), bytes: value.to_vec() })
    }

    async fn try_target(
        &self,
        destination: &str,
        to: &Destination,
        trial: Trial,
        place: &Place,
        steps: &Steps,
    ) -> Result<Came, Error> {
        steps.begin(ProbeStep::Prepare);
        match to.way(place) {
            Err(why) => Ok(Came::failed(why)),
            Ok(Way::Mllp(dial)) => {
                let mut line = match dial.open_told(steps).await {
                    Ok(line) => line,
                    Err(why) => return Ok(Came::failed(why)),
                };
                steps.begin(ProbeStep::Answer);
                Ok(match line.exchange(&trial.bytes, trial.id.as_bytes(), PATIENCE, |_| {}).await {
                    Ok((reply, bytes)) => Came {
                        outcome: acknowledged(reply.code.as_str()),
                        why: Some(reply.text).filter(|text| !text.is_empty()),
                        answer: Some(TestAnswer::read(&bytes)),
                        file: None,
                    },
                    Err(Lost::NotSent(why) | Lost::NoAnswer(why)) => Came::failed(why),
                })
            }
            Ok(Way::Web(web)) => self.try_web(destination, &web, trial, steps).await,
            Ok(Way::Folder(drop)) => {
                let laid = tokio::task::spawn_blocking(move || drop.lay(&trial.id, &trial.bytes)).await;
                Ok(match laid {
                    Ok(Ok(file)) => Came { outcome: "taken", why: None, answer: None, file: Some(file) },
                    Ok(Err(error)) => Came::failed(format!("{error:#}")),
                    Err(_) => return Err(Error::Fault("a step of a test failed".to_owned())),
                })
            }
        }
    }

    async fn try_web(&self, name: &str, web: &Web, trial: Trial, steps: &Steps) -> Result<Came, Error> {
        let secret = match &web.auth {
            None => None,
            Some(_) => self.outbox().secret(name, &web.origin())?,
        };
        let Trial { form, id, about, bytes } = trial;
        let answer = match web.send_told(form, &about, bytes, secret.as_deref(), steps).await {
            Ok(answer) => answer,
            Err(Lost::NotSent(why) | Lost::NoAnswer(why)) => return Ok(Came::failed(why)),
        };
        let (outcome, why) = match web::judge(&answer, form, id.as_bytes(), self.records().now()) {
            Verdict::Acknowledged(reply) => {
                (acknowledged(reply.code.as_str()), Some(reply.text).filter(|text| !text.is_empty()))
            }
            Verdict::Taken(why) => ("taken", Some(why)),
            Verdict::Refused(why) => ("refused", Some(why)),
            Verdict::Later { why, .. } => ("rejected", Some(why)),
            Verdict::Other(why) => ("refused", Some(why)),
        };
        let told = TestAnswer { status: Some(answer.status.as_u16()), ..TestAnswer::read(&answer.body) };
        Ok(Came { outcome, why, answer: Some(told), file: None })
    }
}

fn acknowledged(code: &str) -> &'static str {
    match code {
        "AA" | "CA" => "taken",
        "AE" | "CE" => "refused",
        _ => "rejected",
    }
}

/// The invented patient as a FHIR server gets it: under a name of its own, labelled as test data (HL7 v3 ActReason).
fn marked(record: &Value) -> Value {
    let label = Object::new()
        .with("system", "http://terminology.hl7.org/CodeSystem/v3-ActReason")
        .with("code", "HTEST")
        .with("display", "test health data");
    let security = Value::from(vec![Value::Object(label)]);
    let mut record = record.as_object().cloned().unwrap_or_default();
    record.insert("id", RECORD);
    record.insert("meta", Value::Object(Object::new().with("security", security)));
    Value::Object(record)
}

/// A line of the audit log about a test message.
pub(super) fn test_line(who: &Actor, said: String) -> Leaf {
    let mut line = audit::done(who, Action::Execute, Purpose::Operations, About::default());
    line.reason = Some(said);
    line
}

//! A bucket of an S3-compatible store as a place for backups, addressed by path, so that it may stand anywhere.

use std::error::Error as _;
use std::fmt;

use bytes::Bytes;
use clinicvault_gateway::fhir::subscription::endpoint::Endpoint;
use clinicvault_vault::backup::shelf::check_name;
use clinicvault_vault::backup::{Held, MAX_FILE, Shelf, ShelfError};
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpError;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload, RetryConfig};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bridge::Bridge;
use super::wire::{Trouble, Wire};
use super::{MOST_LISTED, endless};
use crate::exchange::outbox::tls::{self, Trust};
use crate::exchange::sources::pins;

/// What a listing may take, as if it had so many bytes.
const LISTING: usize = 4 << 20;
/// Times that one request is tried at once; what still fails is tried again by whoever backs up.
const TRIES: usize = 2;

/// Where the bucket is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Place {
    /// Address of the store, such as `https://s3.ap-south-1.amazonaws.com`; http only in the clinic's own network.
    pub endpoint: String,
    /// Its region; `us-east-1` where the store has none.
    #[serde(default)]
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of the files begin with; none for the whole bucket.
    #[serde(default)]
    pub prefix: String,
    /// The access key, without its secret.
    pub access_key: String,
    /// SHA-256 of the store's certificate, where no authority that the system knows has signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl S3Place {
    /// What is wrong with it: the field and a sentence.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |field, text: &str| Err((field, text.to_owned()));
        if let Err(why) = Endpoint::parse(&self.endpoint) {
            return Err(("endpoint", format!("This is no address of a store: {why}.")));
        }
        let plain = |text: &str, most: usize, more: &[char]| {
            text.len() <= most && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
        };
        if !plain(&self.region, 60, &['-']) {
            return wrong("region", "A region is of letters, digits and -.");
        }
        if self.bucket.len() < 3 || !plain(&self.bucket, 63, &['-', '.', '_']) {
            return wrong("bucket", "A bucket is 3 to 63 letters, digits, - and dots.");
        }
        if !self.prefix.is_empty() && check_name(&self.prefix).is_err() {
            return wrong("prefix", "Use small letters, digits, - and _, with / between folders.");
        }
        if self.access_key.is_empty() || !plain(&self.access_key, 128, &['-', '_', '.', '+', '/', '=', ':']) {
            return wrong("accessKey", "Copy the access key as the store shows it.");
        }
        if self.fingerprint.as_deref().is_some_and(|text| pins::plain(text).is_none()) {
            return wrong("fingerprint", "A fingerprint is 64 hexadecimal digits.");
        }
        Ok(())
    }
}

/// The bucket, opened.
pub struct S3Shelf {
    store: AmazonS3,
    prefix: Path,
    bridge: Bridge,
    place: String,
}

impl fmt::Debug for S3Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Shelf({})", self.place)
    }
}

impl S3Shelf {
    /// The bucket with the secret of its access key. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ShelfError::Permanent`] for settings that cannot be used.
    pub fn open(place: &S3Place, secret: &str) -> Result<Self, ShelfError> {
        let cannot = |text: String| ShelfError::Permanent(text);
        place.check().map_err(|(_, text)| cannot(text))?;
        let endpoint = Endpoint::parse(&place.endpoint).map_err(|why| cannot(why.to_owned()))?;
        let tls = if endpoint.secure {
            let trust =
                place.fingerprint.as_deref().and_then(pins::plain).map_or(Trust::System, Trust::Pinned);
            Some(tls::client(&trust, None).map_err(|error| cannot(format!("{error:#}")))?)
        } else {
            None
        };
        let address =
            format!("{}://{}", if endpoint.secure { "https" } else { "http" }, endpoint.authority());
        let host = endpoint.host.clone();
        let region = if place.region.is_empty() { "us-east-1" } else { &place.region };
        let store = AmazonS3Builder::new()
            .with_endpoint(address)
            .with_region(region)
            .with_bucket_name(&place.bucket)
            .with_access_key_id(&place.access_key)
            .with_secret_access_key(secret)
            .with_virtual_hosted_style_request(false)
            .with_allow_http(!endpoint.secure)
            .with_retry(RetryConfig { max_retries: TRIES, ..RetryConfig::default() })
            .with_http_connector(Wire::new(endpoint, tls))
            .build()
            .map_err(|error| cannot(format!("The store's settings cannot be used: {error}.")))?;
        Ok(Self {
            store,
            prefix: Path::from(place.prefix.as_str()),
            bridge: Bridge::new()?,
            place: format!("the bucket {} at {host}", place.bucket),
        })
    }

    fn key(&self, name: &str) -> Result<Path, ShelfError> {
        check_name(name)?;
        Ok(if self.prefix.as_ref().is_empty() {
            Path::from(name)
        } else {
            Path::from(format!("{}/{name}", self.prefix))
        })
    }

    fn failed(&self, error: object_store::Error, name: Option<&str>) -> ShelfError {
        explain(&self.place, &error, name)
    }

    async fn read(&self, key: &Path, name: &str) -> Result<Vec<u8>, ShelfError> {
        let found = self.store.get(key).await.map_err(|error| self.failed(error, Some(name)))?;
        let size = found.meta.size;
        if size > MAX_FILE as u64 {
            return Err(ShelfError::Permanent(format!(
                "{name} in {} is longer than {MAX_FILE} bytes.",
                self.place
            )));
        }
        let bytes = found.bytes().await.map_err(|error| self.failed(error, Some(name)))?;
        if bytes.len() as u64 != size {
            return Err(ShelfError::Transient(format!("{} sent only a part of {name}.", self.place)));
        }
        Ok(bytes.to_vec())
    }

    async fn look(&self, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        // The store's client lists folders; what is more is sorted out here.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let below = if folder.is_empty() { self.prefix.clone() } else { self.key(folder)? };
        let own = self.prefix.as_ref();
        let mut listed = self.store.list(Some(&below).filter(|below| !below.as_ref().is_empty()));
        let mut found = Vec::new();
        let mut seen = 0;
        while let Some(next) = listed.next().await {
            let about = next.map_err(|error| self.failed(error, None))?;
            seen += 1;
            if seen > MOST_LISTED {
                return Err(endless(&self.place));
            }
            let name = about.location.as_ref();
            let name = if own.is_empty() {
                Some(name)
            } else {
                name.strip_prefix(own).and_then(|n| n.strip_prefix('/'))
            };
            let Some(name) = name else { continue };
            if name.starts_with(prefix) && check_name(name).is_ok() {
                found.push(Held { name: name.to_owned(), size: about.size });
            }
        }
        found.sort();
        found.dedup_by(|a, b| a.name == b.name);
        Ok(found)
    }
}

impl Shelf for S3Shelf {
    /// A store keeps an object wholly or not at all.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        let key = self.key(name)?;
        if bytes.len() > MAX_FILE {
            return Err(ShelfError::Permanent(format!("{name} is longer than {MAX_FILE} bytes.")));
        }
        let payload = PutPayload::from(Bytes::copy_from_slice(bytes));
        let put = async { self.store.put(&key, payload).await.map_err(|error| self.failed(error, None)) };
        self.bridge.wait(bytes.len(), &self.place, put).map(drop)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, ShelfError> {
        let key = self.key(name)?;
        self.bridge.wait(MAX_FILE, &self.place, self.read(&key, name))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Held>, ShelfError> {
        self.bridge.wait(LISTING, &self.place, self.look(prefix))
    }

    fn delete(&self, name: &str) -> Result<(), ShelfError> {
        let key = self.key(name)?;
        let gone = async {
            match self.store.delete(&key).await {
                Ok(()) => Ok(()),
                Err(error) => match self.failed(error, Some(name)) {
                    ShelfError::Missing(_) => Ok(()),
                    other => Err(other),
                },
            }
        };
        self.bridge.wait(0, &self.place, gone)
    }

    fn describe(&self) -> String {
        self.place.clone()
    }
}

/// What an error of the store's client means; `name` when it is about one file.
fn explain(place: &str, error: &object_store::Error, name: Option<&str>) -> ShelfError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(trouble) =
            cause.downcast_ref::<HttpError>().and_then(|e| e.source()?.downcast_ref::<Trouble>())
        {
            let text = trouble.text.clone();
            return if trouble.lasting { ShelfError::Permanent(text) } else { ShelfError::Transient(text) };
        }
        source = cause.source();
    }
    let told = error.to_string();
    judge(place, status(&told), &code(&told), matches!(error, object_store::Error::NotFound { .. }), name)
}

/// The status in what the store's client tells.
fn status(told: &str) -> Option<u16> {
    told.split("status code: ").nth(1)?.get(..3)?.parse().ok()
}

/// The code in a store's answer, such as `NoSuchBucket`.
fn code(told: &str) -> String {
    let code = told.split("<Code>").nth(1).and_then(|rest| rest.split("</Code>").next()).unwrap_or_default();
    code.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

fn judge(place: &str, status: Option<u16>, code: &str, missing: bool, name: Option<&str>) -> ShelfError {
    let said = if code.is_empty() {
        status.map(|s| format!("HTTP {s}")).unwrap_or_default()
    } else {
        code.to_owned()
    };
    let lasting = ShelfError::Permanent;
    match code {
        "NoSuchBucket" => lasting(format!("There is no {place}. Make the bucket, or correct its name.")),
        "RequestTimeTooSkewed" => {
            lasting(format!("The clock of the box is wrong, so {place} refuses it. Set the clock."))
        }
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" => {
            lasting(format!("{place} does not know this access key and secret ({said}). Enter them again."))
        }
        "AccessDenied" => lasting(format!(
            "The access key may not use {place} ({said}). Give it the right to read, write, list and delete."
        )),
        code if code.contains("Quota")
            || code.contains("StorageFull")
            || code.contains("InsufficientCapacity") =>
        {
            ShelfError::Full(format!("There is no room in {place} ({said})."))
        }
        _ => match (status, name) {
            (Some(507), _) => ShelfError::Full(format!("There is no room in {place} ({said}).")),
            (Some(404), Some(name)) => ShelfError::Missing(name.to_owned()),
            (_, Some(name)) if missing => ShelfError::Missing(name.to_owned()),
            (Some(401 | 403), _) => {
                lasting(format!("{place} refuses the access key ({said}). Enter it again."))
            }
            (Some(408 | 425 | 429), _) | (Some(500..=599), _) => {
                ShelfError::Transient(format!("{place} is busy or broken ({said})."))
            }
            (Some(_), _) => lasting(format!(
                "{place} refuses what the box asks ({said}). Is this the address of an S3 store?"
            )),
            (None, _) => ShelfError::Transient(format!(
                "{place} answered something that cannot be read. Is this the address of an S3 store?"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_vault::backup::Class;

    use super::*;

    fn place() -> S3Place {
        S3Place {
            endpoint: "https://s3.example".into(),
            region: String::new(),
            bucket: "clinic-backups".into(),
            prefix: "box/one".into(),
            access_key: "AKIA123".into(),
            fingerprint: None,
        }
    }

    #[test]
    fn what_a_store_says_tells_whether_to_try_again() {
        for (text, missing, name, class) in [
            (
                "x status code: 503 Service: <Error><Code>SlowDown</Code></Error>",
                false,
                None,
                Class::Transient,
            ),
            ("x status code: 500 y: ", false, None, Class::Transient),
            ("x status code: 403 Forbidden: <Code>AccessDenied</Code>", false, Some("a"), Class::Permanent),
            (
                "x status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>",
                false,
                None,
                Class::Permanent,
            ),
            ("x status code: 404 Not Found: <Code>NoSuchKey</Code>", true, Some("a"), Class::Missing),
            ("x status code: 404 Not Found: <Code>NoSuchBucket</Code>", true, Some("a"), Class::Permanent),
            ("x status code: 507 y: ", false, None, Class::Full),
            ("x status code: 400 y: <Code>QuotaExceeded</Code>", false, None, Class::Full),
            ("x status code: 301 y: ", false, None, Class::Permanent),
            ("it is not XML", false, None, Class::Transient),
        ] {
            let found = judge("the bucket b", status(text), &code(text), missing, name);
            assert_eq!(found.class(), class, "{text}: {found}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_with_their_field() {
        assert_eq!(place().check(), Ok(()));
        let wrong = |change: fn(&mut S3Place)| {
            let mut place = place();
            change(&mut place);
            place.check().unwrap_err().0
        };
        assert_eq!(wrong(|p| p.endpoint = "ftp://x".into()), "endpoint");
        assert_eq!(wrong(|p| p.bucket = "a/b".into()), "bucket");
        assert_eq!(wrong(|p| p.prefix = "../x".into()), "prefix");
        assert_eq!(wrong(|p| p.access_key = "a b".into()), "accessKey");
        assert_eq!(wrong(|p| p.fingerprint = Some("12".into())), "fingerprint");
    }

    #[test]
    fn no_store_is_asked_over_the_internet_without_encryption() {
        let place = S3Place { endpoint: "http://8.8.8.8".into(), ..place() };
        let error = S3Shelf::open(&place, "secret").unwrap().list("").unwrap_err();
        assert_eq!(error.class(), Class::Permanent, "{error}");
        assert!(error.to_string().contains("https://"), "{error}");
    }
}

//! A place as the clinic keeps it: what it is called, where it is, how often a copy goes there, how many stay.

use std::path::{Component, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::places::s3::S3Place;
use super::places::sftp::SftpPlace;

/// Most places of a box.
pub const MOST_PLACES: usize = 20;
/// Shortest time between two copies, minutes.
const SHORTEST: u32 = 5;
/// Longest time between two copies, minutes: a week.
const LONGEST: u32 = 7 * 24 * 60;
/// Most sets that one rule keeps.
const MOST_KEPT: u32 = 1_000;
/// Longest name, letters.
const LONGEST_NAME: usize = 60;

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[schema(as = BackupWhere)]
pub enum Where {
    /// A folder that the box reaches by its own path: a second disk inside, a share that is mounted.
    Folder(FolderPlace),
    /// A disk that is plugged in, known by the number that the box wrote on it.
    Usb(UsbPlace),
    /// A bucket of an S3-compatible store.
    S3(S3Place),
    /// A folder on a server with SFTP.
    Sftp(SftpPlace),
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderPlace {
    /// Its whole path.
    #[schema(value_type = String)]
    pub path: PathBuf,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsbPlace {
    /// The number on its marker. Whoever adds a disk names where it is mounted instead (`at`).
    #[serde(default)]
    pub disk: String,
    /// Where it is mounted now, when it is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub at: Option<PathBuf>,
    /// What is written on it.
    #[serde(default)]
    pub label: String,
}

impl Where {
    /// `folder`, `usb`, `s3` or `sftp`.
    pub fn kind(&self) -> &'static str {
        match self {
            Where::Folder(_) => "folder",
            Where::Usb(_) => "usb",
            Where::S3(_) => "s3",
            Where::Sftp(_) => "sftp",
        }
    }

    /// Whether it asks for a secret.
    pub fn asks_secret(&self) -> bool {
        match self {
            Where::S3(_) | Where::Sftp(_) => true,
            Where::Folder(_) | Where::Usb(_) => false,
        }
    }

    /// Whose server, user or key a secret is for: a secret is not taken along when this changes.
    pub fn shows_secret_to(&self) -> String {
        match self {
            Where::S3(s3) => format!("{} {}", s3.endpoint, s3.access_key),
            Where::Sftp(sftp) => format!("{}:{} {} {}", sftp.host, sftp.port, sftp.user, sftp.host_key),
            Where::Folder(_) | Where::Usb(_) => String::new(),
        }
    }

    /// What is wrong with it: the field and a sentence.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Where::Folder(folder) => {
                let plain = folder.path.is_absolute()
                    && folder.path.components().all(|part| !matches!(part, Component::ParentDir));
                let told = || {
                    (
                        "path",
                        "Write the whole path of a folder, beginning with / and without \"..\".".to_owned(),
                    )
                };
                if plain { Ok(()) } else { Err(told()) }
            }
            Where::Usb(_) => Ok(()),
            Where::S3(s3) => s3.check(),
            Where::Sftp(sftp) => sftp.check(),
        }
    }

    /// How often a copy goes there when nobody says otherwise: near places every quarter of an hour, far ones at night
    /// (security-storage.md, section 8).
    pub fn usual_schedule(&self) -> Schedule {
        if self.asks_secret() { Schedule::Daily { hour: 2 } } else { Schedule::Minutes { every: 15 } }
    }
}

/// When a copy goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "when", rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = BackupSchedule)]
pub enum Schedule {
    /// Every so many minutes.
    Minutes {
        /// 5 to 10080.
        every: u32,
    },
    /// Once a day, in the hour of the clinic's clock that begins then.
    Daily {
        /// 0 to 23.
        hour: i8,
    },
    /// Only when somebody asks for it.
    Hand {},
}

/// How many copies stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = BackupKeep)]
pub struct Keep {
    /// The newest.
    pub last: u32,
    /// The newest of each of so many days.
    pub daily: u32,
    /// Of so many weeks.
    pub weekly: u32,
    /// Of so many months.
    pub monthly: u32,
}

impl Default for Keep {
    /// A day of quarter hours, two weeks of days, two months of weeks, a year of months.
    fn default() -> Self {
        Self { last: 96, daily: 14, weekly: 8, monthly: 12 }
    }
}

/// What somebody sets about a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = BackupPlaceSettings)]
pub struct Settings {
    /// What people call it: "Grey disk".
    pub name: String,
    /// Where it is.
    pub at: Where,
    /// When a copy goes there; as is usual for its kind when it is left out.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// How many copies stay.
    #[serde(default)]
    pub keep: Keep,
    /// At most so many KiB a second, for a line that others need; 0 is as fast as it goes.
    #[serde(default)]
    pub kib_a_second: u32,
    /// No copies go there for now.
    #[serde(default)]
    pub paused: bool,
}

impl Settings {
    /// When a copy goes there.
    pub fn schedule(&self) -> Schedule {
        self.schedule.unwrap_or_else(|| self.at.usual_schedule())
    }

    /// What is wrong with it: the field and a sentence.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |field, text: String| Err((field, text));
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return wrong("name", format!("Give the place a name of 1 to {LONGEST_NAME} letters."));
        }
        match self.schedule() {
            Schedule::Minutes { every } if !(SHORTEST..=LONGEST).contains(&every) => {
                return wrong("every", format!("Every {SHORTEST} to {LONGEST} minutes."));
            }
            Schedule::Daily { hour } if !(0..24).contains(&hour) => {
                return wrong("hour", "An hour is 0 to 23.".to_owned());
            }
            Schedule::Minutes { .. } | Schedule::Daily { .. } | Schedule::Hand {} => {}
        }
        let keep = &self.keep;
        if keep.last == 0 || [keep.last, keep.daily, keep.weekly, keep.monthly].iter().any(|n| *n > MOST_KEPT)
        {
            return wrong("keep", format!("Keep at least the newest copy, and at most {MOST_KEPT} of each."));
        }
        self.at.check()
    }
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Made by the box.
    pub id: String,
    /// Counts changes; named by whoever makes the next one.
    pub revision: u64,
    /// When it was added.
    pub added: Timestamp,
    /// What is set about it.
    pub settings: Settings,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(at: Where) -> Settings {
        Settings {
            name: "Grey disk".into(),
            at,
            schedule: None,
            keep: Keep::default(),
            kib_a_second: 0,
            paused: false,
        }
    }

    fn folder(path: &str) -> Where {
        Where::Folder(FolderPlace { path: path.into() })
    }

    #[test]
    fn what_cannot_be_right_is_refused_with_its_field() {
        let good = settings(folder("/srv/backups"));
        assert_eq!(good.check(), Ok(()));
        for (change, field) in [
            (Settings { name: " ".into(), ..good.clone() }, "name"),
            (Settings { schedule: Some(Schedule::Minutes { every: 4 }), ..good.clone() }, "every"),
            (Settings { schedule: Some(Schedule::Daily { hour: 24 }), ..good.clone() }, "hour"),
            (Settings { keep: Keep { last: 0, ..Keep::default() }, ..good.clone() }, "keep"),
            (settings(folder("backups")), "path"),
            (settings(folder("/srv/../data")), "path"),
        ] {
            assert_eq!(change.check().unwrap_err().0, field);
        }
    }

    #[test]
    fn near_places_get_a_copy_every_quarter_hour_and_far_ones_at_night() {
        assert_eq!(settings(folder("/a")).schedule(), Schedule::Minutes { every: 15 });
        let text = r#"{"name":"Store","at":{"kind":"s3","endpoint":"https://s3.example","bucket":"clinic","accessKey":"A"}}"#;
        let far: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(far.schedule(), Schedule::Daily { hour: 2 });
        assert_eq!(far.check(), Ok(()));
    }

    #[test]
    fn settings_read_back_the_same_and_unknown_words_are_refused() {
        let one = Settings { schedule: Some(Schedule::Hand {}), ..settings(folder("/a")) };
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), one);
        for wrong in [
            r#"{"name":"a","at":{"kind":"folder","path":"/a","more":1}}"#,
            r#"{"name":"a","at":{"kind":"tape"}}"#,
            r#"{"name":"a","at":{"kind":"folder","path":"/a"},"secret":"x"}"#,
        ] {
            assert!(serde_json::from_str::<Settings>(wrong).is_err(), "{wrong}");
        }
    }
}

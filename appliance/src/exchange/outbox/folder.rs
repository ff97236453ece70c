//! A folder in which the box lays messages, one file each: its part of the document, and how a file gets there.
//!
//! A file has its name from the moment on at which all of it is on the disk. Nothing that lies there is overwritten.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::destination::{self, Format};
use crate::exchange::channels::check::Findings;
use crate::exchange::sources::folder::allowed;

/// Longest part of a control id in a name, bytes.
const LONGEST_NAME: usize = 100;
/// Files with the same control id.
const MOST_SAME: u32 = 10_000;

/// A folder. It lies below one of the folders of the setting `hl7.folders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FolderTarget {
    /// The folder. A file in it is named by its control id; one whose name begins with a dot is not finished.
    #[schema(value_type = String)]
    pub path: PathBuf,
    /// In which form messages go there.
    #[serde(default)]
    pub format: Format,
    /// The end of names; without it `.hl7` or `.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<String>,
    /// MSH-5 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub application: String,
    /// MSH-6 of messages that the box makes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub facility: String,
}

/// Where files are laid.
#[derive(Debug, Clone)]
pub struct DropFolder {
    path: PathBuf,
    ending: String,
    folders: Vec<PathBuf>,
}

impl FolderTarget {
    /// Notes what is wrong with it.
    pub(super) fn check(&self, place: &str, findings: &mut Findings) {
        let plain = self.path.is_absolute()
            && self.path.components().all(|part| !matches!(part, Component::ParentDir));
        findings.need(plain, &format!("{place}.path"), "Write the whole path of a folder, without \"..\".");
        if let Some(ending) = &self.ending {
            let right = (1..=20).contains(&ending.len())
                && ending.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
            findings.need(
                right,
                &format!("{place}.ending"),
                "An ending is the end of a file's name, such as .hl7: letters, digits, . - and _.",
            );
        }
        destination::check_names(&self.application, &self.facility, place, findings);
    }

    /// Where its files are laid; `folders` are those of the settings.
    pub fn drop_into(&self, folders: &[PathBuf]) -> DropFolder {
        let usual = match self.format {
            Format::Er7 => ".hl7",
            Format::Fhir => ".json",
        };
        let ending = self.ending.clone().unwrap_or_else(|| usual.to_owned());
        DropFolder { path: self.path.clone(), ending, folders: folders.to_vec() }
    }
}

impl DropFolder {
    /// Lays a message into the folder and answers the name of its file. One with the same content that lies there already
    /// is that file: a stop between the rename and the commit makes no second one. Blocking.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the folder.
    pub fn lay(&self, control_id: &str, message: &[u8]) -> anyhow::Result<String> {
        let folder = allowed(&self.path, &self.folders)?;
        let cannot = || format!("cannot write into {}", self.path.display());
        let stem = stem(control_id);
        let unready = folder.join(format!(".{stem}{}.new", self.ending));
        // One that was left by a stop, or that somebody laid there as a link.
        let _ = fs::remove_file(&unready);
        let mut file = fs::File::create_new(&unready).with_context(cannot)?;
        file.write_all(message).and_then(|()| file.sync_all()).with_context(cannot)?;
        let named = self.name(&folder, &stem, message, &unready).with_context(cannot);
        if named.is_err() {
            let _ = fs::remove_file(&unready);
        }
        let name = named?;
        fs::File::open(&folder).and_then(|folder| folder.sync_all()).with_context(cannot)?;
        Ok(name)
    }

    /// Gives the finished file the first name that is free.
    fn name(&self, folder: &Path, stem: &str, message: &[u8], unready: &Path) -> std::io::Result<String> {
        for n in 0..MOST_SAME {
            let name = match n {
                0 => format!("{stem}{}", self.ending),
                n => format!("{stem}.{n}{}", self.ending),
            };
            let path = folder.join(&name);
            match rename_new(unready, &path) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if holds(&path, message) {
                        fs::remove_file(unready)?;
                        return Ok(name);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::new(ErrorKind::AlreadyExists, "there are too many files of this control id"))
    }
}

/// Renames a file unless there is one of the new name. Where the file system cannot do that in one step, it looks first.
fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if fs::symlink_metadata(to).is_ok() => {
            Err(ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::rename(from, to),
        Err(error) => Err(error.into()),
    }
}

fn holds(path: &Path, message: &[u8]) -> bool {
    let about = fs::symlink_metadata(path);
    about.is_ok_and(|about| about.is_file() && about.len() == message.len() as u64)
        && fs::read(path).is_ok_and(|bytes| bytes == message)
}

/// The part of a name that a control id gives: what could mean something else to a file system is `_`.
fn stem(control_id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let stem: String = control_id.chars().take(LONGEST_NAME).map(plain).collect();
    if stem.is_empty() { "message".to_owned() } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_overwrites_nothing() {
        let root = tempfile::tempdir().unwrap();
        let drop = DropFolder {
            path: root.path().to_owned(),
            ending: ".hl7".into(),
            folders: vec![root.path().into()],
        };
        assert_eq!(drop.lay("A/../1", b"one").unwrap(), "A____1.hl7");
        assert_eq!(drop.lay("A/../1", b"one").unwrap(), "A____1.hl7", "the same again");
        assert_eq!(drop.lay("A/../1", b"two").unwrap(), "A____1.1.hl7");
        assert_eq!(drop.lay("", b"x").unwrap(), "message.hl7");
        assert_eq!(fs::read(root.path().join("A____1.hl7")).unwrap(), b"one");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3, "nothing unfinished is left");
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("L.hl7")).unwrap();
        assert_eq!(drop.lay("L", b"x").unwrap(), "L.1.hl7", "a link is not followed");
        let elsewhere = DropFolder { folders: Vec::new(), ..drop };
        assert!(format!("{:#}", elsewhere.lay("B", b"x").unwrap_err()).contains("hl7.folders"));
    }
}

//! From a place of the book to a shelf that files can be put on.

use std::path::Path;

use clinicvault_vault::backup::{FolderShelf, Shelf, ShelfError};

use super::place::Where;
use super::places::pace::Paced;
use super::places::s3::S3Shelf;
use super::places::sftp::SftpShelf;
use super::places::usb::{self, Eyes};

/// Opens a place. Blocking; servers are asked by the first call only.
///
/// # Errors
/// As the kind of place.
pub fn shelf(
    at: &Where,
    secret: Option<&str>,
    kib_a_second: u32,
    eyes: &Eyes,
    data: &Path,
) -> Result<Box<dyn Shelf>, ShelfError> {
    let needed = || {
        ShelfError::Permanent("The secret of this place is not known to the box. Enter it again.".to_owned())
    };
    let shelf: Box<dyn Shelf> = match at {
        Where::Folder(folder) => {
            outside(&folder.path, data)?;
            Box::new(FolderShelf::open(&folder.path)?)
        }
        Where::Usb(disk) => Box::new(usb::shelf(&eyes.look(), &disk.disk)?),
        Where::S3(s3) => Box::new(S3Shelf::open(s3, secret.ok_or_else(needed)?)?),
        Where::Sftp(sftp) => Box::new(SftpShelf::open(sftp, secret.ok_or_else(needed)?)?),
    };
    Ok(if kib_a_second == 0 { shelf } else { Box::new(Paced::new(shelf, kib_a_second)) })
}

/// Refuses a folder in which the vault itself lies: its copy would go with it, and be copied.
fn outside(folder: &Path, data: &Path) -> Result<(), ShelfError> {
    let whole = |path: &Path| {
        path.ancestors().find_map(|part| {
            let there = part.canonicalize().ok()?;
            Some(there.join(path.strip_prefix(part).ok()?))
        })
    };
    let (Some(folder), Some(data)) = (whole(folder), whole(data)) else { return Ok(()) };
    if folder.starts_with(&data) || data.starts_with(&folder) {
        return Err(ShelfError::Permanent(
            "This folder belongs to the box's own data. Choose a folder on another disk.".to_owned(),
        ));
    }
    Ok(())
}

/// Puts a file there, reads it back and takes it away again. Blocking.
///
/// # Errors
/// As the place; [`ShelfError::Permanent`] when it does not keep what it is given.
pub fn prove(shelf: &dyn Shelf, mark: &str) -> Result<(), ShelfError> {
    let name = format!("test/{mark}");
    shelf.put(&name, mark.as_bytes())?;
    let back = shelf.get(&name);
    let listed = shelf.list("test/");
    shelf.delete(&name)?;
    let kept = back? == mark.as_bytes() && listed?.iter().any(|held| held.name == name);
    if kept {
        Ok(())
    } else {
        Err(ShelfError::Permanent(format!("{} does not give back what it is given.", shelf.describe())))
    }
}

#[cfg(test)]
mod tests {
    use clinicvault_vault::backup::Class;

    use super::super::place::FolderPlace;
    use super::*;

    #[test]
    fn a_folder_is_proved_and_one_with_the_vault_in_it_refused() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let eyes = Eyes::of_this_machine(&[]);
        let open =
            |path: &Path| shelf(&Where::Folder(FolderPlace { path: path.into() }), None, 0, &eyes, &data);
        let good = open(&folder.path().join("backups/a")).unwrap();
        prove(good.as_ref(), "abc").unwrap();
        assert_eq!(good.list("").unwrap(), []);
        for wrong in [data.clone(), data.join("deeper/still"), folder.path().to_owned()] {
            let error = open(&wrong).unwrap_err();
            assert_eq!(error.class(), Class::Permanent, "{}", wrong.display());
            assert!(error.to_string().contains("another disk"), "{error}");
        }
    }

    #[test]
    fn what_asks_a_secret_is_not_opened_without() {
        let text = r#"{"kind":"s3","endpoint":"https://s3.example","bucket":"clinic","accessKey":"A"}"#;
        let at: Where = serde_json::from_str(text).unwrap();
        let error = shelf(&at, None, 0, &Eyes::of_this_machine(&[]), Path::new("/none")).unwrap_err();
        assert!(error.to_string().contains("Enter it again"), "{error}");
    }
}

//! USB disks: which are plugged in, what is on them, and which of them is a place for backups.
//!
//! Reads what the kernel tells of mounts and devices; it mounts nothing itself. A disk is adopted once by a marker with a random
//! number, and known by it when it comes back, wherever it is plugged in. The recogniser is given its files, so that it is
//! tested with written ones.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clinicvault_vault::backup::{FolderShelf, ShelfError};
use serde::{Deserialize, Serialize};

/// The folder on a disk in which backups lie.
pub const FOLDER: &str = "clinicvault-backup";
/// The marker in it. No file of a shelf has such a name.
const MARKER: &str = ".place";
/// Longest list of mounts that is read, bytes.
const LONGEST_LIST: u64 = 1 << 20;
/// Longest marker, bytes.
const LONGEST_MARKER: u64 = 4_096;
/// File systems that are no disks.
const NO_DISKS: [&str; 12] = [
    "tmpfs",
    "devtmpfs",
    "proc",
    "sysfs",
    "overlay",
    "squashfs",
    "ramfs",
    "autofs",
    "cgroup2",
    "devpts",
    "mqueue",
    "fuse.portal",
];

/// Where the recogniser looks.
#[derive(Debug, Clone)]
pub struct Eyes {
    /// The kernel's list of mounts.
    pub mounts: PathBuf,
    /// Devices by number.
    pub devices: PathBuf,
    /// What udev knows of devices.
    pub known: PathBuf,
    /// Folders below which a mount counts as a disk for backups even if the kernel does not call it removable.
    pub roots: Vec<PathBuf>,
}

impl Eyes {
    /// This machine's, with the roots of the settings.
    pub fn of_this_machine(roots: &[PathBuf]) -> Self {
        Self {
            mounts: PathBuf::from("/proc/self/mountinfo"),
            devices: PathBuf::from("/sys/dev/block"),
            known: PathBuf::from("/run/udev/data"),
            roots: roots.to_vec(),
        }
    }

    /// The disks that are plugged in and mounted. Blocking.
    pub fn look(&self) -> Vec<Disk> {
        let mut list = String::new();
        let read =
            fs::File::open(&self.mounts).and_then(|file| file.take(LONGEST_LIST).read_to_string(&mut list));
        if read.is_err() {
            return Vec::new();
        }
        let mut disks: Vec<Disk> = Vec::new();
        for mount in mounts(&list) {
            let sure = self.is_removable(mount.device);
            let below = self.roots.iter().any(|root| mount.point.starts_with(root) && mount.point != *root);
            let again = disks.iter().any(|disk| disk.device == mount.device);
            if (sure || below) && !again {
                disks.push(Disk {
                    label: self.label(&mount),
                    mount_point: mount.point,
                    device: mount.device,
                    read_only: mount.read_only,
                });
            }
        }
        disks
    }

    /// Whether a device hangs on a USB port, or its medium can be taken out.
    fn is_removable(&self, (major, minor): (u32, u32)) -> bool {
        let Ok(device) = self.devices.join(format!("{major}:{minor}")).canonicalize() else { return false };
        let on_usb = device.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            part.strip_prefix("usb").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        // A part of a disk lies in the disk's folder, which has the flag.
        on_usb
            || [Some(device.as_path()), device.parent()].into_iter().flatten().any(|folder| {
                fs::read_to_string(folder.join("removable")).is_ok_and(|flag| flag.trim() == "1")
            })
    }

    /// What a person calls the disk: its label, else the last part of where it is mounted.
    fn label(&self, mount: &Mount) -> String {
        let (major, minor) = mount.device;
        let known = fs::read_to_string(self.known.join(format!("b{major}:{minor}"))).unwrap_or_default();
        let label = known.lines().find_map(|line| line.strip_prefix("E:ID_FS_LABEL="));
        let last = mount.point.file_name().map(|name| name.to_string_lossy().into_owned());
        let label = label.filter(|label| !label.is_empty()).map(str::to_owned).or(last).unwrap_or_default();
        label.chars().filter(|c| !c.is_control()).take(60).collect()
    }
}

/// A disk that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its number.
    pub device: (u32, u32),
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// What a person calls it.
    pub label: String,
    /// Nothing can be written to it.
    pub read_only: bool,
}

/// Room on a disk, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// What may still be written.
    pub free: u64,
    /// All of it.
    pub whole: u64,
}

/// The room where a folder lies.
///
/// # Errors
/// As the system.
pub fn room(folder: &Path) -> io::Result<Room> {
    let told = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.f_frsize);
    Ok(Room { free: bytes(told.f_bavail), whole: bytes(told.f_blocks) })
}

/// One line of the list of mounts.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: (u32, u32),
    point: PathBuf,
    read_only: bool,
}

/// The mounts of whole file systems that could be disks (proc(5), `/proc/pid/mountinfo`).
fn mounts(list: &str) -> Vec<Mount> {
    list.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(2);
    let (major, minor) = fields.next()?.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let (root, point, options) = (fields.next()?, fields.next()?, fields.next()?);
    let mut after = after.split(' ');
    let (kind, _, of_disk) = (after.next()?, after.next()?, after.next()?);
    if root != "/" || point == "/" || NO_DISKS.contains(&kind) {
        return None;
    }
    let says_ro = |options: &str| options.split(',').any(|option| option == "ro");
    Some(Mount {
        device,
        point: PathBuf::from(unescaped(point)?),
        read_only: says_ro(options) || says_ro(of_disk),
    })
}

/// The kernel writes space, tab, line feed and backslash as three octal digits.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if *first == b'\\' {
            let (digits, after) = more.split_at_checked(3)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = more;
        }
    }
    String::from_utf8(bytes).ok()
}

/// What makes a disk a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// A random number.
    pub id: String,
    /// The clinic whose backups lie there.
    pub clinic: String,
}

/// The marker of a disk; none when it has never been adopted, or what lies there is no marker.
pub fn marker(disk: &Path) -> Option<Marker> {
    let mut text = String::new();
    let file = fs::File::open(disk.join(FOLDER).join(MARKER)).ok()?;
    file.take(LONGEST_MARKER).read_to_string(&mut text).ok()?;
    let found: Marker = serde_json::from_str(&text).ok()?;
    let right = (8..=64).contains(&found.id.len()) && found.id.bytes().all(|b| b.is_ascii_alphanumeric());
    right.then_some(found)
}

/// Makes a disk a place of this clinic and answers its marker: `new`, or the one that it has of this clinic already.
///
/// # Errors
/// [`ShelfError::Permanent`] for a disk of another clinic, or one that cannot be written.
pub fn adopt(disk: &Path, new: Marker) -> Result<Marker, ShelfError> {
    match marker(disk) {
        Some(found) if found.clinic == new.clinic => return Ok(found),
        Some(_) => {
            return Err(ShelfError::Permanent(
                "This disk holds backups of another clinic. Use another disk, or take that folder off it first."
                    .to_owned(),
            ));
        }
        None => {}
    }
    let folder = disk.join(FOLDER);
    let cannot = |error: io::Error| {
        ShelfError::Permanent(format!(
            "The disk cannot be written: {error}. Look at its switch, or use another disk."
        ))
    };
    fs::create_dir_all(&folder).map_err(cannot)?;
    let text = serde_json::to_vec(&new).map_err(|error| cannot(error.into()))?;
    let unready = folder.join(format!("{MARKER}.new"));
    let mut file = fs::File::create(&unready).map_err(cannot)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(cannot)?;
    fs::rename(&unready, folder.join(MARKER)).map_err(cannot)?;
    fs::File::open(&folder).and_then(|folder| folder.sync_all()).map_err(cannot)?;
    Ok(new)
}

/// The disk that carries this marker, among those plugged in.
pub fn find<'a>(disks: &'a [Disk], id: &str) -> Option<&'a Disk> {
    disks.iter().find(|disk| marker(&disk.mount_point).is_some_and(|found| found.id == id))
}

/// The shelf on an adopted disk; the marker is looked at again, so that nothing is written into the empty folder of a disk that
/// was pulled out.
///
/// # Errors
/// [`ShelfError::Transient`] when the disk is not there.
pub fn shelf(disks: &[Disk], id: &str) -> Result<FolderShelf, ShelfError> {
    let absent = || {
        ShelfError::Transient(
            "The disk is not plugged in. Plug it in; the backup begins by itself.".to_owned(),
        )
    };
    let disk = find(disks, id).ok_or_else(absent)?;
    if disk.read_only {
        return Err(ShelfError::Permanent(format!(
            "The disk {} can only be read. Look at its switch, or have it checked.",
            disk.label
        )));
    }
    FolderShelf::open(&disk.mount_point.join(FOLDER))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A made-up machine: a disk inside, a USB stick with two parts, a card reader.
    fn machine() -> (tempfile::TempDir, Eyes) {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (devices, known) = (at.join("dev/block"), at.join("udev"));
        fs::create_dir_all(&devices).unwrap();
        fs::create_dir_all(&known).unwrap();
        for (number, path, removable) in [
            ("8:1", "devices/pci0/ata1/block/sda/sda1", "0"),
            ("8:17", "devices/pci0/usb2/2-1/block/sdb/sdb1", "0"),
            ("179:1", "devices/platform/mmc_host/block/mmcblk0/mmcblk0p1", "1"),
            ("259:1", "devices/pci0/nvme/block/nvme0n1/nvme0n1p1", "0"),
        ] {
            let own = at.join(path);
            fs::create_dir_all(&own).unwrap();
            fs::write(own.parent().unwrap().join("removable"), format!("{removable}\n")).unwrap();
            symlink(&own, devices.join(number)).unwrap();
        }
        fs::write(known.join("b8:17"), "I:1\nE:ID_FS_TYPE=exfat\nE:ID_FS_LABEL=Grey disk\n").unwrap();
        let eyes = Eyes {
            mounts: at.join("mountinfo"),
            devices,
            known,
            roots: vec!["/media".into(), "/mnt".into()],
        };
        (folder, eyes)
    }

    const INSIDE: &str = "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n";

    #[test]
    fn plugged_disks_are_told_from_those_inside() {
        for (list, expected) in [
            ("", vec![]),
            (INSIDE, vec![]),
            ("rubbish\n1 2 3\n36 35 8:17 / /media/x rw - \n", vec![]),
            (
                "36 1 8:17 / /anywhere rw,nosuid shared:3 master:1 - exfat /dev/sdb1 rw\n",
                vec![("/anywhere", "Grey disk", false)],
            ),
            (
                "36 1 8:17 / /media/GREY\\040DISK ro - exfat /dev/sdb1 rw\n",
                vec![("/media/GREY DISK", "Grey disk", true)],
            ),
            ("36 1 8:17 / /media/a rw - exfat /dev/sdb1 ro,uid=7\n", vec![("/media/a", "Grey disk", true)]),
            ("36 1 179:1 / /card rw - vfat /dev/mmcblk0p1 rw\n", vec![("/card", "card", false)]),
            // Not called removable, but mounted where disks for backups are.
            (
                "36 1 259:1 / /mnt/second rw - ext4 /dev/nvme0n1p1 rw\n",
                vec![("/mnt/second", "second", false)],
            ),
            ("36 1 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw\n", vec![]),
            ("36 1 0:44 / /mnt/nas rw - nfs4 nas:/export rw\n", vec![("/mnt/nas", "nas", false)]),
            // The root of the mounts itself, a part of a file system, no disk at all.
            ("36 1 259:1 / /mnt rw - ext4 /dev/nvme0n1p1 rw\n", vec![]),
            ("36 1 259:1 /data /mnt/bound rw - ext4 /dev/nvme0n1p1 rw\n", vec![]),
            ("36 1 0:50 / /mnt/ram rw - tmpfs tmpfs rw\n", vec![]),
            // Mounted twice.
            (
                "36 1 8:17 / /media/a rw - exfat /dev/sdb1 rw\n37 1 8:17 / /media/b rw - exfat /dev/sdb1 rw\n",
                vec![("/media/a", "Grey disk", false)],
            ),
        ] {
            let (_folder, eyes) = machine();
            fs::write(&eyes.mounts, list).unwrap();
            let found = eyes.look();
            let found: Vec<_> = found
                .iter()
                .map(|d| (d.mount_point.to_str().unwrap(), d.label.as_str(), d.read_only))
                .collect();
            assert_eq!(found, expected, "{list}");
        }
    }

    #[test]
    fn nothing_is_found_where_the_kernel_tells_nothing() {
        let (_folder, eyes) = machine();
        assert_eq!(eyes.look(), []);
    }

    #[test]
    fn an_adopted_disk_is_known_wherever_it_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        for each in [&first, &second] {
            fs::create_dir(each).unwrap();
        }
        let new = |id: &str, clinic: &str| Marker { id: id.into(), clinic: clinic.into() };
        assert_eq!(marker(&first), None);
        let made = adopt(&first, new("abcdef0123456789", "c1")).unwrap();
        // A second adoption by the same clinic keeps the number; another clinic's disk is refused.
        assert_eq!(adopt(&first, new("other000000", "c1")).unwrap(), made);
        assert!(adopt(&first, new("other000000", "c2")).unwrap_err().to_string().contains("another clinic"));
        let disk = |at: &Path, read_only| Disk {
            device: (8, 17),
            mount_point: at.into(),
            label: "x".into(),
            read_only,
        };
        let disks = [disk(&second, false), disk(&first, false)];
        assert_eq!(find(&disks, &made.id).map(|disk| &disk.mount_point), Some(&first));
        assert!(shelf(&disks, &made.id).is_ok());
        assert!(shelf(&disks, "unknown00").unwrap_err().to_string().contains("not plugged in"));
        assert!(shelf(&[disk(&first, true)], &made.id).unwrap_err().to_string().contains("only be read"));
        // What is no marker is none.
        for wrong in ["", "{}", r#"{"id":"../../x","clinic":"c1"}"#, "{\"id\":\"a\"", &"x".repeat(9_000)] {
            fs::write(first.join(FOLDER).join(MARKER), wrong).unwrap();
            assert_eq!(marker(&first), None, "{wrong}");
        }
    }

    #[test]
    fn a_disk_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let found = room(folder.path()).unwrap();
        assert!(found.free > 0 && found.free <= found.whole);
    }
}

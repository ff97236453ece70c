//! A block device whose every write and flush is written down: a file served by this process (FUSE), behind a loop device of the
//! kernel. Needs root and Linux; [`BlockDisk::new`] says what is missing elsewhere.

use super::disk::{Op, apply};
use fuser::*;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
/// The kernel may keep what it was told for so long; nothing here changes.
const TTL: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Inner {
    image: Vec<u8>,
    ops: Vec<Op>,
}

/// The file system with the one file.
struct Served(Arc<Mutex<Inner>>);

impl Served {
    fn attributes(&self, ino: INodeNo) -> FileAttr {
        let size = self.0.lock().unwrap().image.len() as u64;
        let folder = ino == INodeNo::ROOT;
        FileAttr {
            ino,
            size: if folder { 0 } else { size },
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: if folder { 0o700 } else { 0o600 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
            reply.entry(&TTL, &self.attributes(FILE), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(ino));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let inner = self.0.lock().unwrap();
        let from = (offset as usize).min(inner.image.len());
        let to = (from + size as usize).min(inner.image.len());
        reply.data(&inner.image[from..to]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut inner = self.0.lock().unwrap();
        if offset as usize + data.len() > inner.image.len() {
            reply.error(Errno::ENOSPC);
            return;
        }
        let op = Op::Write(offset, data.into());
        apply(&mut inner.image, &op);
        inner.ops.push(op);
        reply.written(data.len() as u32);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.0.lock().unwrap().ops.push(Op::Sync);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}

fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let run = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if run.status.success() {
        Ok(text(&run.stdout))
    } else {
        Err(format!("{program}: {}", text(&run.stderr)))
    }
}

/// An ext4 that is mounted from a file; unmounted when it is dropped.
pub struct Mounted {
    device: String,
    at: PathBuf,
}

impl Mounted {
    /// Mounts the file system of a file. The kernel replays its journal, as after a power cut.
    pub fn of(file: &Path, at: &Path) -> Result<Self, String> {
        let device = run("losetup", &["--find", "--show", &file.display().to_string()])?;
        let mounted = Self { device, at: at.to_owned() };
        run("mount", &["-t", "ext4", &mounted.device, &at.display().to_string()])?;
        Ok(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run("umount", &[&self.at.display().to_string()]);
        let _ = run("losetup", &["--detach", &self.device]);
    }
}

/// The device with an ext4 on it, mounted at [`BlockDisk::root`].
pub struct BlockDisk {
    // Dropped in this order: the file system above, the device, the file below.
    mounted: Option<Mounted>,
    served: Option<BackgroundSession>,
    inner: Arc<Mutex<Inner>>,
    dir: tempfile::TempDir,
}

impl BlockDisk {
    /// A device of `bytes` with an empty ext4, mounted; or what is missing here.
    pub fn new(bytes: u64) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        for folder in ["below", "root", "again"] {
            fs::create_dir(dir.path().join(folder)).map_err(|error| error.to_string())?;
        }
        let empty = dir.path().join("empty");
        let made = fs::File::create(&empty).and_then(|file| file.set_len(bytes));
        made.map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", &empty.display().to_string()])?;
        let image = fs::read(&empty).map_err(|error| error.to_string())?;
        let inner = Arc::new(Mutex::new(Inner { image, ops: Vec::new() }));
        let below = dir.path().join("below");
        let served = spawn_mount(Served(inner.clone()), &below, &Config::default());
        let served = served.map_err(|error| format!("FUSE: {error}"))?;
        let mounted = Mounted::of(&below.join(NAME), &dir.path().join("root"))?;
        Ok(Self { mounted: Some(mounted), served: Some(served), inner, dir })
    }

    /// Where the file system is.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Unmounts and mounts again: what is on the device then is where the log begins.
    pub fn settle(&mut self) -> Vec<u8> {
        self.mounted = None;
        let base = {
            let mut inner = self.inner.lock().unwrap();
            inner.ops.clear();
            inner.image.clone()
        };
        let below = self.dir.path().join("below").join(NAME);
        self.mounted = Some(Mounted::of(&below, &self.root()).unwrap());
        base
    }

    /// Counts what the device has been told.
    pub fn counter(&self) -> impl Fn() -> usize + Clone + Send + use<> {
        let inner = self.inner.clone();
        move || inner.lock().unwrap().ops.len()
    }

    /// What the device has been told.
    pub fn ops(&self) -> Vec<Op> {
        self.inner.lock().unwrap().ops.clone()
    }

    /// Another device with this content, mounted beside this one.
    pub fn again(&self, image: &[u8]) -> (Mounted, PathBuf) {
        let (file, at) = (self.dir.path().join("image"), self.dir.path().join("again"));
        fs::write(&file, image).unwrap();
        (Mounted::of(&file, &at).unwrap(), at)
    }
}

impl Drop for BlockDisk {
    fn drop(&mut self) {
        self.mounted = None;
        self.served = None;
    }
}

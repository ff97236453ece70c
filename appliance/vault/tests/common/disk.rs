//! A disk in memory that remembers every operation, so that a test can cut the power at any of them.

use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex};

/// One operation as the disk saw it.
#[derive(Clone, Debug)]
pub enum Op {
    Write(u64, Arc<[u8]>),
    SetLen(u64),
    Sync,
}

/// What the next operations do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    Obey,
    /// The operation with this number fails.
    FailOnce(usize),
    /// It and all later ones fail.
    FailFrom(usize),
}

#[derive(Debug)]
struct Inner {
    image: Vec<u8>,
    ops: Vec<Op>,
    /// Operations so far, reads included.
    calls: usize,
    plan: Plan,
    kind: io::ErrorKind,
    failed: bool,
}

/// A disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    pub fn new(image: Vec<u8>) -> Self {
        Self::with_plan(image, Plan::Obey, io::ErrorKind::Other)
    }

    pub fn with_plan(image: Vec<u8>, plan: Plan, kind: io::ErrorKind) -> Self {
        Self(Arc::new(Mutex::new(Inner { image, ops: Vec::new(), calls: 0, plan, kind, failed: false })))
    }

    /// Everything the operating system has, synced or not: what a killed process leaves.
    pub fn image(&self) -> Vec<u8> {
        self.0.lock().unwrap().image.clone()
    }

    pub fn ops(&self) -> Vec<Op> {
        self.0.lock().unwrap().ops.clone()
    }

    pub fn op_count(&self) -> usize {
        self.0.lock().unwrap().ops.len()
    }

    /// Whether the planned failure happened.
    pub fn failed(&self) -> bool {
        self.0.lock().unwrap().failed
    }

    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub fn set_plan(&self, plan: Plan) {
        self.0.lock().unwrap().plan = plan;
    }

    fn call<R>(&self, work: impl FnOnce(&mut Inner) -> io::Result<R>) -> io::Result<R> {
        let mut inner = self.0.lock().unwrap();
        let number = inner.calls;
        inner.calls += 1;
        let fail = match inner.plan {
            Plan::Obey => false,
            Plan::FailOnce(at) => at == number,
            Plan::FailFrom(at) => at <= number,
        };
        if fail {
            inner.failed = true;
            return Err(io::Error::from(inner.kind));
        }
        work(&mut inner)
    }
}

pub fn apply(image: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(offset, data) => {
            let (from, to) = (*offset as usize, *offset as usize + data.len());
            if image.len() < to {
                image.resize(to, 0);
            }
            image[from..to].copy_from_slice(data);
        }
        Op::SetLen(len) => image.resize(*len as usize, 0),
        Op::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut read = |inner: &mut Inner| {
            let from = offset as usize;
            let found = inner.image.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(found);
            Ok(())
        };
        // A full disk still reads.
        let full = self.0.lock().unwrap().kind == io::ErrorKind::StorageFull;
        if full { read(&mut self.0.lock().unwrap()) } else { self.call(read) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(|inner| {
            let op = Op::SetLen(len);
            apply(&mut inner.image, &op);
            inner.ops.push(op);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call(|inner| {
            inner.ops.push(Op::Sync);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.call(|inner| {
            let op = Op::Write(offset, data.into());
            apply(&mut inner.image, &op);
            inner.ops.push(op);
            Ok(())
        })
    }
}

//! Where the lines of an import come from: a file in an allowed folder, or lines that were uploaded.
//!
//! A file is named by a path within one of `jobs.import_folders`, or by a `file:` address. Links are followed before the
//! folder is compared, so that none leads out of it. The box fetches nothing from the network.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where lines are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A file, as it was when the import was taken.
    File {
        /// Its true path.
        path: PathBuf,
        /// Length.
        bytes: u64,
        /// When it was changed, in nanoseconds since 1970.
        changed: i128,
    },
    /// The lines of an upload.
    Upload {
        /// Id of the job that keeps them.
        job: String,
        /// Length.
        bytes: u64,
    },
}

impl Place {
    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File { bytes, .. } | Self::Upload { bytes, .. } => *bytes,
        }
    }
}

/// Finds a file that a manifest names; the reason when it is not to be read. The reason never tells whether something
/// outside the allowed folders exists.
pub fn file(url: &str, folders: &[PathBuf]) -> Result<Place, &'static str> {
    if folders.is_empty() {
        return Err("no folder is open to imports (jobs.import_folders); upload the lines instead");
    }
    let path = match url.strip_prefix("file:") {
        Some(rest) => Path::new(rest.strip_prefix("//").unwrap_or(rest)),
        None if url.contains("://") => {
            return Err("the box fetches nothing from the network; upload the lines, or name a file");
        }
        None => Path::new(url),
    };
    const OUTSIDE: &str =
        "there is no such file in the folders that are open to imports (jobs.import_folders)";
    for folder in folders {
        let Ok(folder) = folder.canonicalize() else { continue };
        let Ok(found) = folder.join(path).canonicalize() else { continue };
        if !found.starts_with(&folder) {
            continue;
        }
        let Ok(meta) = found.metadata() else { continue };
        if !meta.is_file() {
            return Err("this is not a file");
        }
        return Ok(Place::File { path: found, bytes: meta.len(), changed: changed(&meta) });
    }
    Err(OUTSIDE)
}

fn changed(meta: &fs::Metadata) -> i128 {
    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
}

/// Opens a file at `at`, if it is still the file that the import was taken for.
pub fn open(path: &Path, bytes: u64, changed_then: i128, at: u64) -> io::Result<Option<Box<dyn BufRead>>> {
    let mut file = fs::File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() != bytes || changed(&meta) != changed_then {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    Ok(Some(Box::new(BufReader::with_capacity(256 * 1024, file))))
}

/// Some lines of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Number and text of each filled line; none for a line that is too long.
    pub lines: Vec<(u64, Option<Vec<u8>>)>,
    /// Bytes that were read.
    pub bytes: u64,
    /// Lines that were read, empty ones included.
    pub count: u64,
    /// Whether the end was reached.
    pub end: bool,
}

/// Reads up to `most` filled lines or about `most_bytes`; the first has the number `first`.
pub fn lines(
    from: &mut dyn BufRead,
    first: u64,
    most: usize,
    most_bytes: u64,
    longest: usize,
) -> io::Result<Lines> {
    let mut out = Lines::default();
    while out.lines.len() < most && out.bytes < most_bytes {
        let mut text = Vec::new();
        let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(2);
        let mut read = Read::take(&mut *from, limit).read_until(b'\n', &mut text)? as u64;
        if read == 0 {
            out.end = true;
            break;
        }
        let whole = text.ends_with(b"\n") || read < limit;
        if !whole {
            read += skip(from)?;
        }
        let text = text.trim_ascii();
        if !whole || text.len() > longest {
            out.lines.push((first + out.count, None));
        } else if !text.is_empty() {
            out.lines.push((first + out.count, Some(text.to_vec())));
        }
        out.bytes += read;
        out.count += 1;
    }
    Ok(out)
}

/// Passes over the rest of a line.
fn skip(from: &mut dyn BufRead) -> io::Result<u64> {
    let mut passed = 0;
    loop {
        let bytes = from.fill_buf()?;
        if bytes.is_empty() {
            return Ok(passed);
        }
        let (length, found) = match bytes.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (bytes.len(), false),
        };
        from.consume(length);
        passed += length as u64;
        if found {
            return Ok(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folders_are_found() {
        let base = tempfile::tempdir().unwrap();
        let open = base.path().join("open");
        fs::create_dir_all(open.join("inner")).unwrap();
        fs::write(open.join("a.ndjson"), "{}\n").unwrap();
        fs::write(open.join("inner/b.ndjson"), "{}").unwrap();
        fs::write(base.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(base.path().join("secret"), open.join("link")).unwrap();
        let folders = [open.clone()];
        let bytes = |url: &str| file(url, &folders).map(|place| place.bytes());
        assert_eq!(bytes("a.ndjson"), Ok(3));
        assert_eq!(bytes("inner/b.ndjson"), Ok(2));
        assert_eq!(bytes(&format!("file://{}", open.join("a.ndjson").display())), Ok(3));
        assert_eq!(bytes(open.join("a.ndjson").to_str().unwrap()), Ok(3));
        let missing = bytes("missing").unwrap_err();
        for outside in ["../secret", "link", "/etc/passwd", "inner/../../secret", "../nothing"] {
            assert_eq!(bytes(outside), Err(missing), "{outside}");
        }
        assert!(bytes("inner").unwrap_err().contains("not a file"));
        assert!(bytes("https://else/a.ndjson").unwrap_err().contains("network"));
        assert!(file("a.ndjson", &[]).is_err_and(|why| why.contains("jobs.import_folders")));
    }

    #[test]
    fn lines_are_read_on_from_where_they_were_left() {
        let text = b"one\n\n  two \r\nlonger than ten\nthree";
        let mut at = 0;
        let mut number = 1;
        let mut seen = Vec::new();
        loop {
            let mut rest = &text[at..];
            let got = lines(&mut rest, number, 2, u64::MAX, 10).unwrap();
            seen.extend(got.lines.iter().map(|(line, text)| {
                (*line, text.as_ref().map(|text| String::from_utf8(text.clone()).unwrap()))
            }));
            at += got.bytes as usize;
            number += got.count;
            if got.end {
                break;
            }
        }
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(seen, [(1, some("one")), (3, some("two")), (4, None), (5, some("three"))]);
        assert_eq!(at, text.len());
    }
}

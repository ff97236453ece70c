//! The profiles and extensions of R4 itself, compiled when they are first asked for.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::{Profile, compile};
use crate::json::{Limits, parse};

type Slot = (&'static str, OnceLock<Option<Arc<Profile>>>);

static TABLE: LazyLock<HashMap<&'static str, Slot>> = LazyLock::new(|| {
    let lines = include_str!("../tables/profiles.ndjson").lines();
    lines.filter_map(|line| Some((address(line)?, (line, OnceLock::new())))).collect()
});

/// The `url` member, which the generator writes behind the type.
fn address(line: &'static str) -> Option<&'static str> {
    line.split_once("\"url\":\"")?.1.split_once('"').map(|(url, _)| url)
}

/// A profile or extension that R4 defines, by its address with or without version.
pub fn embedded(url: &str) -> Option<Arc<Profile>> {
    let (line, slot) = TABLE.get(url.split('|').next().unwrap_or(url))?;
    slot.get_or_init(|| {
        let json = parse(line.as_bytes(), &Limits::default()).ok()?;
        compile(&json, &embedded).ok().map(Arc::new)
    })
    .clone()
}

/// Addresses of all that is embedded.
pub fn embedded_urls() -> impl Iterator<Item = &'static str> {
    TABLE.keys().copied()
}

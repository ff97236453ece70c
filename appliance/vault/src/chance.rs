//! The one place that asks the operating system for random bytes.

/// `N` fresh random bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// Fills `out` from the operating system's generator.
pub(crate) fn fill(out: &mut [u8]) -> Result<(), String> {
    getrandom::fill(out).map_err(|error| error.to_string())
}

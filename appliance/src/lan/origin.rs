//! The origin of a page, as browsers write it.

use http::Uri;

/// Scheme, host and port of an address, as browsers write an origin: in lower case, without the port that the scheme has
/// anyway. None for what is not http or https, such as `null`.
pub fn origin_of(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let host = authority.host();
    if host.is_empty() || authority.as_str().contains('@') {
        return None;
    }
    let host = host.to_ascii_lowercase();
    match authority.port_u16() {
        Some(port) if port != usual => Some(format!("{scheme}://{host}:{port}")),
        Some(_) | None => Some(format!("{scheme}://{host}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (address, origin) in [
            ("https://App.example/back?x=y", Some("https://app.example")),
            ("https://app.example:443", Some("https://app.example")),
            ("http://localhost:4000/", Some("http://localhost:4000")),
            ("http://[::1]:80/", Some("http://[::1]")),
            ("https://user@app.example", None),
            ("null", None),
            ("*", None),
            ("app.example", None),
            ("ftp://app.example", None),
        ] {
            assert_eq!(origin_of(address).as_deref(), origin, "{address}");
        }
    }
}

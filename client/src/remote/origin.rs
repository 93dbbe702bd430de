//! Where a server is: scheme, host, port, and perhaps a path in front of all addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// The address of a server, such as `https://larder.example.org`.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin(Box<Url>);

/// A text is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address of a server: write `https://host` or `http://host:port`")]
pub struct ParseOriginError {
    text: String,
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseOriginError {
            text: text.chars().filter(|c| !c.is_control()).take(120).collect(),
        };
        let url: Url = text.trim().trim_end_matches('/').parse().map_err(|_| refused())?;
        let good = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if good { Ok(Self(Box::new(url))) } else { Err(refused()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Origin {
    /// The address of `path` on this server; an absolute address stays as it is.
    pub(super) fn at(&self, path: &str) -> Url {
        if (path.starts_with("http://") || path.starts_with("https://"))
            && let Ok(url) = path.parse()
        {
            return url;
        }
        let (path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
        let mut url = Url::clone(&self.0);
        let prefix = self.0.path().trim_end_matches('/');
        // A path that has the prefix already comes from the server itself.
        let whole = match path.strip_prefix(prefix) {
            Some(rest) if !prefix.is_empty() && rest.starts_with('/') => path.to_owned(),
            _ => format!("{prefix}{path}"),
        };
        url.set_path(&whole);
        url.set_query(query);
        url
    }

    /// Whether `url` is on this server.
    pub(super) fn covers(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Whether a token may go there: over https, or to this machine.
    pub fn may_have_token(&self) -> bool {
        self.0.scheme() == "https" || self.is_loopback()
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_without_host_and_with_secrets_are_refused() {
        for text in ["", "host", "ftp://host", "http://", "https://u:p@host", "https://host?x=1"] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
        assert_eq!(origin("http://127.0.0.1:80/").to_string(), "http://127.0.0.1");
    }

    #[test]
    fn a_token_goes_over_https_or_to_this_machine() {
        for text in ["https://h", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:2"] {
            assert!(origin(text).may_have_token(), "{text}");
        }
        assert!(!origin("http://larder.example.org").may_have_token());
        assert!(!origin("http://127.0.0.1.example.org").may_have_token());
    }

    #[test]
    fn a_path_in_front_stays() {
        let server = origin("https://host/larder");
        assert_eq!(server.at("/api/v1/x?y=1").as_str(), "https://host/larder/api/v1/x?y=1");
        assert_eq!(server.at("/larder/api/v1/x").as_str(), "https://host/larder/api/v1/x");
        assert_eq!(origin("https://host").at("/a").as_str(), "https://host/a");
    }

    #[test]
    fn another_origin_is_not_covered() {
        let server = origin("https://host");
        assert!(server.covers(&server.at("https://host/upload")));
        assert!(!server.covers(&server.at("https://other/upload")));
        assert!(!server.covers(&server.at("http://host/upload")));
    }
}

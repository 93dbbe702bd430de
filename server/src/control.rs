//! How subcommands work through the server that runs: its address, and a token that counts as an
//! admin's and dies with the process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use larder_schema::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::folder;

/// What stands in the control file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Control {
    address: SocketAddr,
    token: String,
}

/// Why the running server was of no help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It left no word, or it cannot be read.
    #[error(
        "a larder-server works in `{}`, but how to reach it cannot be read: is it yours, and is it \
         up?", .path.display()
    )]
    File {
        /// The data folder.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not answer.
    #[error("the larder-server at {address} does not answer")]
    Unreachable {
        /// Its address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It says no.
    #[error("{0}")]
    Refused(Box<Problem>),
}

impl Control {
    /// Says how to reach the server that listens on `listening`.
    pub fn new(listening: SocketAddr, token: String) -> Self {
        Self { address: reachable(listening), token }
    }

    /// Leaves word in `path`, for the owner's eyes.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        folder::write_secret(path, &text)
    }

    /// How to reach the server that works in the data folder `data`.
    pub fn read(data: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: data.to_owned(), source };
        let text = std::fs::read(folder::control(data)).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| failed(error.into()))
    }

    /// Asks the server; `path` is one of [`larder_schema::api::paths`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Error> {
        let address = self.address;
        let unreachable = |source| Error::Unreachable { address, source };
        // The cryptography that the client demands, though nothing here is encrypted: it stays on
        // the loopback interface. It fails where a provider is there already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().build().map_err(unreachable)?;
        let mut request =
            client.request(method, format!("http://{address}{path}")).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(unreachable)?;
        if answer.status().is_success() {
            return answer.json().await.map_err(unreachable);
        }
        Err(Error::Refused(Box::new(answer.json().await.map_err(unreachable)?)))
    }
}

/// A server that listens everywhere is reached here.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_this_machine() {
        let reached = |listening: &str| reachable(listening.parse().unwrap()).to_string();

        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn what_was_left_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::new("127.0.0.1:9".parse().unwrap(), "larder_x".to_owned());

        control.write(&folder::control(folder.path())).unwrap();

        let read = Control::read(folder.path()).unwrap();
        assert_eq!((read.address, read.token), (control.address, control.token));
        assert!(matches!(Control::read(&folder.path().join("no")), Err(Error::File { .. })));
    }
}

//! Settings: plain data, each with its default and its reason.
//!
//! Read from defaults, a TOML file, the environment and flags, the later over the earlier, and
//! checked whole: all mistakes are told at once, each with its key. `deploy/larder-server.toml`
//! shows every key; a test holds it to these defaults.

mod limits;
mod load;

use std::collections::BTreeMap;
use std::path::PathBuf;

use larder_schema::{Policy, ProductName};
use serde::{Deserialize, Serialize};

pub use limits::Limits;
pub use load::{Mistake, Mistakes, Overrides};

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address to listen on. Not reachable from elsewhere unless one says so: TLS belongs to a
    /// proxy in front.
    pub listen: String,
    /// The folder that holds everything; it must be on a local disk.
    pub data: PathBuf,
    /// The catalog's engine: `sqlite`, in the data folder.
    pub database: String,
    /// Where bytes are kept: `files`, in the data folder.
    pub blobs: String,
    /// What may be published.
    pub publish: Publish,
    /// When binaries are reused.
    pub plan: Plan,
    /// How package roots look to EUPS.
    pub eups: Eups,
    /// Who may read.
    pub access: Access,
    /// How requests are served.
    pub http: Http,
    /// What is logged.
    pub log: Log,
    /// Bounds on all that comes from outside.
    pub limits: Limits,
}

/// What may be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publish {
    /// Whether products may have names that read alike, such as `lsst.utils` and `lsst-utils`.
    pub twins: Twins,
    /// Whether the first publish of a product makes it.
    pub new_products: NewProducts,
}

/// When binaries are reused, where a request for a plan says nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// For all products.
    pub policy: Policy,
    /// For single ones.
    pub policies: BTreeMap<ProductName, Policy>,
}

/// How package roots look to EUPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Eups {
    /// Distributions whose versions and tags are EUPS's tags before those of others, which have their
    /// names in front where there is a clash.
    pub names: Vec<ProductName>,
}

/// Products whose names read alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Twins {
    /// The second is refused, so that no name can pose as another.
    #[default]
    Refuse,
    /// Both may be: old names are as they are.
    Allow,
}

/// Products that are published for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewProducts {
    /// The publish makes them: tokens say who may.
    #[default]
    Open,
    /// An admin approves them first.
    Pending,
}

/// Who may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Whether reading needs a token.
    pub read: Readers,
}

/// Who may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readers {
    /// Everybody: what is published is public.
    #[default]
    Public,
    /// Whoever has a token with a scope for it.
    Token,
}

/// How requests are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Threads that serve requests; 0: as many as there are processors.
    pub workers: usize,
}

/// What is logged, to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people, or one JSON document a line for programs.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or filters such as `info,larder_server=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            data: PathBuf::from("larder-data"),
            database: "sqlite".to_owned(),
            blobs: "files".to_owned(),
            publish: Publish::default(),
            plan: Plan::default(),
            eups: Eups::default(),
            access: Access::default(),
            http: Http::default(),
            log: Log::default(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// Whether reading needs no token.
    pub fn reads_are_open(&self) -> bool {
        self.access.read == Readers::Public
    }
}

impl Overrides {
    /// What the environment says.
    pub fn from_environment() -> Self {
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            listen: read("LARDER_LISTEN"),
            data: read("LARDER_DATA").map(PathBuf::from),
            database: read("LARDER_DATABASE"),
            blobs: read("LARDER_BLOBS"),
        }
    }
}

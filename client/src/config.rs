//! Settings: the file that `larder login` writes, and what the process environment names.
//!
//! The only room here that reads the process environment, beside `cli` through clap.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::REPLACED;
use crate::policies::Policies;

/// What `larder login` writes and every command reads.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server, such as `https://larder.example.org`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The token for that server and for no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When a plan reuses binaries, where neither the arguments nor the sources say so.
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub plan: Policies,
}

/// Settings could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read.
    #[error("could not read the settings in `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no settings file.
    #[error("`{}` holds no settings that larder understands", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// It cannot be written.
    #[error("could not write the settings to `{}`", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// They cannot be written as TOML.
    #[error("the settings cannot be written as TOML")]
    Encode(#[from] toml::ser::Error),
    /// Nothing says where they are.
    #[error("neither LARDER_CONFIG nor XDG_CONFIG_HOME nor HOME says where settings are kept")]
    NoPlace,
}

impl Config {
    /// Reads the settings in `path`; none are there when the file is not.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(Error::Read { path: path.to_owned(), source }),
        };
        toml::from_str(&text).map_err(|source| Error::Malformed {
            path: path.to_owned(),
            source: Box::new(without_text(source)),
        })
    }

    /// Writes the settings to `path`, readable by their owner alone, and makes the folders above.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = toml::to_string(self)?;
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut staging = path.to_owned().into_os_string();
        staging.push(format!(".{}", std::process::id()));
        let written = write_private(Path::new(&staging), text.as_bytes())
            .and_then(|()| fs::rename(&staging, path));
        written.map_err(|source| {
            // The error counts, not whether its leftover could be removed.
            drop(fs::remove_file(&staging));
            failed(source)
        })
    }
}

/// The message quotes the line at fault, which may hold the token.
fn without_text(mut error: toml::de::Error) -> toml::de::Error {
    error.set_input(None);
    error
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The folders that the environment names.
#[derive(Clone, Debug, Default)]
pub struct Places {
    config: Option<PathBuf>,
    data: Option<PathBuf>,
    path: Option<OsString>,
    user: Option<String>,
    shell: Option<String>,
    replaced: Option<OsString>,
}

impl Places {
    /// As `XDG_CONFIG_HOME`, `XDG_DATA_HOME`, `HOME`, `PATH`, `USER` and `SHELL` have them, and what
    /// `run` and `activate` told this process.
    pub fn of_this_user() -> Self {
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let home = absolute("HOME");
        let below = |name, default: &str| {
            absolute(name).or_else(|| home.as_ref().map(|home| home.join(default)))
        };
        Self {
            config: below("XDG_CONFIG_HOME", ".config"),
            data: below("XDG_DATA_HOME", ".local/share"),
            path: env::var_os("PATH"),
            user: env::var("USER").or_else(|_| env::var("LOGNAME")).ok(),
            shell: env::var("SHELL").ok(),
            replaced: env::var_os(REPLACED),
        }
    }

    /// Where settings are kept unless `LARDER_CONFIG` says otherwise.
    pub fn config_file(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|folder| folder.join("larder/config.toml"))
    }

    /// Where the store is unless `LARDER_STORE` says otherwise.
    pub fn store(&self) -> Option<PathBuf> {
        self.data.as_ref().map(|folder| folder.join("larder"))
    }

    /// The `PATH`.
    pub fn path(&self) -> Option<&OsString> {
        self.path.as_ref()
    }

    /// Who works here, for an environment's history; a number where nobody says a name.
    pub fn user(&self) -> String {
        let number = || format!("uid {}", rustix::process::geteuid().as_raw());
        self.user.clone().unwrap_or_else(number)
    }

    /// The user's shell, as a path.
    pub fn shell(&self) -> Option<&str> {
        self.shell.as_deref()
    }

    /// What this process was told of products that are replaced.
    pub fn replaced(&self) -> Option<&OsStr> {
        self.replaced.as_deref()
    }
}

/// The value that an environment variable has, as `run` and `activate` find it.
pub fn inherited(name: &str) -> Option<OsString> {
    env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn settings_read_back_and_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/config.toml");
        let plan = ["direct", "afw=exact"].map(|choice| choice.parse().unwrap());
        let plan = plan.into_iter().collect();
        let config = Config {
            server: Some("https://example.org".into()),
            token: Some("secret".into()),
            plan,
        };

        config.write(&path).unwrap();

        assert!(Config::read(&path).unwrap() == config);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn no_file_is_no_settings() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Config::read(&folder.path().join("none")).unwrap() == Config::default());
    }

    #[test]
    fn a_malformed_file_is_refused_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, "token = \"secret\" x").unwrap();

        let refusal = Config::read(&path).err().unwrap();

        assert!(
            !format!("{refusal:?} {}", std::error::Error::source(&refusal).unwrap())
                .contains("secret")
        );
    }
}

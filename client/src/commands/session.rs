//! What every command works with: settings, server, store, output.

use std::path::PathBuf;

use larder_schema::Text;

use crate::cli::Global;
use crate::commands::output::Output;
use crate::config::{self, Config, Places};
use crate::environment::{Deed, Environment, Generation, Replaced, Replacement, With};
use crate::error::Failure;
use crate::install::now;
use crate::memory::Memory;
use crate::policies::Policies;
use crate::progress::Progress;
use crate::remote::{Origin, Remote};
use crate::store::Store;

/// What every command works with.
pub struct Session {
    /// Where answers go.
    pub output: Output,
    /// Where it is shown how far things are.
    pub progress: Progress,
    /// The folders that the environment names.
    pub places: Places,
    config: Config,
    config_file: Option<PathBuf>,
    store: Option<PathBuf>,
    server: Option<String>,
    token: Option<String>,
    accept_rollback: bool,
}

impl Session {
    /// Reads the settings and puts the arguments over them.
    pub fn new(global: Global, places: Places) -> Result<Self, Failure> {
        let config_file = global.config.or_else(|| places.config_file());
        let config = match &config_file {
            Some(path) => Config::read(path).map_err(Failure::failed)?,
            None => Config::default(),
        };
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Self {
            output: Output { json: global.json, quiet: global.quiet },
            progress: Progress::new(global.quiet),
            store: global.store.or_else(|| places.store()),
            server: given(global.server),
            token: given(global.token).map(|token| token.trim().to_owned()),
            accept_rollback: global.accept_rollback,
            places,
            config,
            config_file,
        })
    }

    /// The server's address, from the arguments or from the settings.
    pub fn origin(&self) -> Result<Origin, Failure> {
        let Some(server) = self.server.as_ref().or(self.config.server.as_ref()) else {
            return Err(Failure::usage("no server is given").hint(
                "give `--server URL` or LARDER_SERVER, or once `larder login --server URL`",
            ));
        };
        server
            .parse()
            .map_err(|error: crate::remote::ParseOriginError| Failure::usage(error.to_string()))
    }

    /// The server.
    pub fn remote(&self) -> Result<Remote, Failure> {
        let origin = self.origin()?;
        let token = self.token.as_deref().or_else(|| self.token_for(&origin));
        Ok(self.remembering(Remote::new(origin, token, self.progress)?))
    }

    /// The same server, whose answers are compared with what it said before; where there is no
    /// place for a store, nothing is remembered.
    fn remembering(&self, remote: Remote) -> Remote {
        match self.store.clone() {
            Some(store) => remote.remembering(Memory::new(store, self.accept_rollback)),
            None => remote,
        }
    }

    /// The server that was given, else the one that an environment came from.
    pub fn remote_or(&self, origin: &Origin) -> Result<Remote, Failure> {
        if self.server.is_some() || self.config.server.is_some() {
            return self.remote();
        }
        Ok(self.remembering(Remote::new(origin.clone(), None, self.progress)?))
    }

    /// The token in the settings is for the server in the settings, and for no other.
    fn token_for(&self, origin: &Origin) -> Option<&str> {
        let server: Origin = self.config.server.as_ref()?.parse().ok()?;
        self.config.token.as_deref().filter(|_| server == *origin)
    }

    /// The token that was given for this command alone.
    pub fn given_token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// What the settings say of policies.
    pub fn policies(&self) -> &Policies {
        &self.config.plan
    }

    /// The store's folder.
    pub fn store_folder(&self) -> Result<PathBuf, Failure> {
        self.store.clone().ok_or_else(|| {
            Failure::usage("nothing says where the store is").hint("set LARDER_STORE to a folder")
        })
    }

    /// The store that `generation` was made from, as it is; when there is none any more, the one
    /// that is set.
    pub fn store_of(&self, generation: &Generation) -> Result<Store, Failure> {
        let recorded = generation.made().and_then(|made| made.store);
        let folder = match recorded.filter(|folder| folder.join("trees").is_dir()) {
            Some(folder) => folder,
            None => self.store_folder()?,
        };
        Ok(Store::look(&folder)?)
    }

    /// Registers an environment that may have been moved, so that its trees are not cleaned away.
    pub fn keep_trees_of(&self, environment: &Environment, generation: &Generation) {
        // Who may not write to the store, or has none, uses the environment nonetheless.
        if let Ok(store) = self.store_of(generation) {
            drop(store.register(environment.root()));
        }
    }

    /// The folders that shall stand in place of products; what they lack is said.
    pub fn replacements(
        &self,
        generation: &Generation,
        asked: &[With],
    ) -> Result<Vec<Replacement>, Failure> {
        let replacements = generation.replacements(asked)?;
        for replacement in &replacements {
            let absent: Vec<String> =
                replacement.absent().into_iter().map(|path| format!("`{path}`")).collect();
            if !absent.is_empty() {
                let Replacement { product, folder, .. } = replacement;
                let sentence = format!("`{folder}` has no {}, for `{product}`", absent.join(", "));
                self.progress.note(sentence);
            }
        }
        Ok(replacements)
    }

    /// Which products of `environment` are replaced for this process.
    pub fn replaced(&self, environment: &Environment) -> Vec<Replaced> {
        environment.replaced(self.places.replaced()).unwrap_or_else(|unreadable| {
            self.progress.note(unreadable);
            Vec::new()
        })
    }

    /// Who does `command` now, and why.
    pub fn deed(&self, command: String, reason: Option<Text>) -> Deed {
        Deed { at: now(), by: self.places.user(), command, reason }
    }

    /// The settings file, for `larder login`.
    pub fn config_file(&self) -> Result<PathBuf, Failure> {
        self.config_file.clone().ok_or_else(|| Failure::failed(config::Error::NoPlace))
    }
}

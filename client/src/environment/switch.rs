//! Where `current` leads, and the one rename that leads it elsewhere.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use super::{Changing, Deed, Environment, Error, Generation, Switch, disk, number};
use crate::durable::sync_folder;

/// Where `current` leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// There is none: nothing was installed yet.
    Nowhere,
    /// To this generation.
    To(u64),
    /// Where larder never led it, or it was taken away.
    Astray,
}

impl Environment {
    /// Where `current` leads.
    pub fn leads(&self) -> Leads {
        let target = match fs::read_link(self.root.join("current")) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Where something was current, somebody took `current` away.
                return if self.was_led() { Leads::Astray } else { Leads::Nowhere };
            }
            Err(_) => return Leads::Astray,
        };
        // What leads there by another way is not ours either: `switch` writes one spelling.
        let number = target.to_str().and_then(|to| number(to.strip_prefix("generations/")?));
        match number {
            Some(number) if self.generation_folder(number).is_dir() => Leads::To(number),
            _ => Leads::Astray,
        }
    }

    /// Makes a generation the current one: a line in the history, one rename, then a sync.
    pub fn switch(
        &self,
        right: &Changing,
        generation: &Generation,
        deed: Deed,
        changes: String,
    ) -> Result<(), Error> {
        let leads = self.leads();
        let from = if let Leads::To(number) = leads { Some(number) } else { None };
        let astray = leads == Leads::Astray;
        let (to, digest) = (generation.number, generation.lock.digest()?);
        self.intend(right, &Switch { deed, from, astray, to, digest, changes })?;
        self.lead_to(to)
    }

    fn lead_to(&self, number: u64) -> Result<(), Error> {
        let (new, current) = (self.root.join(".current"), self.root.join("current"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(disk("remove", &new)(error));
            }
            _ => {}
        }
        if fs::symlink_metadata(&current).is_ok_and(|metadata| metadata.is_dir()) {
            self.set_aside()?;
        }
        symlink(format!("generations/{number}"), &new).map_err(disk("make", &new))?;
        fs::rename(&new, &current).map_err(disk("switch", &current))?;
        sync_folder(&self.root).map_err(disk("sync", &self.root))
    }

    /// A folder in place of `current` is not ours: it goes aside, with all that is in it.
    fn set_aside(&self) -> Result<(), Error> {
        let (path, aside) = (self.root.join("current"), self.root.join("current.aside"));
        if aside.symlink_metadata().is_ok() {
            return Err(Error::Aside { path, aside });
        }
        fs::rename(&path, &aside).map_err(disk("set aside", &path))
    }
}

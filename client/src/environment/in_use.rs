//! Which generations somebody runs in, and dropping those that nobody needs.
//!
//! Who runs in a generation shares the lock on its `in-use`, through a descriptor that is passed on
//! to the command and its children: the kernel releases it when the last of them ends. A process that
//! closes all its descriptors is not seen, nor is a shell of fish, which cannot hold one.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Changing, Environment, Error, Generation, Leads, disk};
use crate::kernel_lock::{Held, Mode};

/// The file in a generation that is locked by who runs in it.
pub(super) const IN_USE: &str = "in-use";

/// What a clean-up of generations did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Dropped {
    /// The generations that are gone.
    pub dropped: Vec<u64>,
    /// Those that would be, and that somebody runs in.
    pub in_use: Vec<u64>,
}

impl Generation {
    /// The file that is locked by who runs in it.
    pub fn in_use_file(&self) -> PathBuf {
        self.folder.join(IN_USE)
    }

    /// Keeps it from being dropped until the holder and all that it starts have ended.
    ///
    /// `None` where there is nothing to lock: on a disk that knows no locks, or after the
    /// generation was dropped.
    pub fn hold(&self) -> Option<Held> {
        let held = Held::share_existing(&self.in_use_file()).ok()??;
        held.pass_on().ok()?;
        Some(held)
    }
}

impl Environment {
    /// The current generation, held; there is no lock where the disk knows none.
    pub fn hold_current(&self) -> Result<(Generation, Option<Held>), Error> {
        loop {
            let generation = self.current()?;
            let held = generation.hold();
            // Who drops it locks it too, but only when it is current no more.
            if held.is_some() || self.leads() == Leads::To(generation.number) {
                return Ok((generation, held));
            }
        }
    }

    /// Drops all generations but the `keep` newest, the current one and those that are in use.
    pub fn drop_old(&self, _right: &Changing, keep: usize) -> Result<Dropped, Error> {
        let current = self.current()?.number;
        let numbers = self.generations()?;
        let old = &numbers[..numbers.len().saturating_sub(keep)];
        let mut dropped = Dropped::default();
        for number in old.iter().copied().filter(|number| *number != current) {
            match self.drop_unused(number)? {
                true => dropped.dropped.push(number),
                false => dropped.in_use.push(number),
            }
        }
        Ok(dropped)
    }

    /// Drops a generation unless it is in use. It loses its name first: what a killed larder leaves
    /// of it is no generation.
    fn drop_unused(&self, number: u64) -> Result<bool, Error> {
        let folder = self.generation_folder(number);
        if folder.is_symlink() {
            // What it leads to is not ours.
            fs::remove_file(&folder).map_err(disk("remove", &folder))?;
            return Ok(true);
        }
        let lock = folder.join(IN_USE);
        let held = Held::try_take(&lock, Mode::Alone).map_err(disk("lock", &lock))?;
        let Some(_held) = held else { return Ok(false) };
        let old = self.root.join("generations/.old");
        match fs::remove_dir_all(&old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(disk("remove", &old)(error));
            }
            _ => {}
        }
        fs::rename(&folder, &old).map_err(disk("remove", &folder))?;
        fs::remove_dir_all(&old).map_err(disk("remove", &old))?;
        Ok(true)
    }
}

/// Shares the lock on the file that is standard input; who opened it there goes on holding it.
pub fn hold_standard_input() -> io::Result<()> {
    Ok(rustix::fs::flock(io::stdin(), rustix::fs::FlockOperation::LockShared)?)
}

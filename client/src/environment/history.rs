//! The record of an environment: every switch of `current`, in order, kept for good.
//!
//! A line is written and synced before the rename that it tells of. Whether that rename happened is
//! seen from where `current` stood afterwards: in the next line, or now. So a switch that a killed
//! larder never made is not told as made, and nothing has to be written after it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use larder_schema::{Digest, Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Changing, Environment, Error, Leads, disk};
use crate::durable::sync_folder;

/// Who did something, when, by which command and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Which user.
    pub by: String,
    /// By which command, without secrets.
    pub command: String,
    /// Why, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

/// One switch of `current`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Who did it.
    #[serde(flatten)]
    pub deed: Deed,
    /// The generation that was current before; none: there was none, or `current` was led astray.
    pub from: Option<u64>,
    /// Whether `current` was led astray.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub astray: bool,
    /// The generation that became current.
    pub to: u64,
    /// What that is, in one digest.
    pub digest: Digest,
    /// What changed, in a few words.
    pub changes: String,
}

/// A switch, and whether it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The switch.
    #[serde(flatten)]
    pub switch: Switch,
    /// Whether it happened; not when larder was killed just before it.
    pub done: bool,
}

impl Switch {
    fn leads_from(&self) -> Leads {
        match self.from {
            Some(number) => Leads::To(number),
            None if self.astray => Leads::Astray,
            None => Leads::Nowhere,
        }
    }
}

/// The most bytes that are read of a record; what is older is not told any more.
const MOST_BYTES: u64 = 64 << 20;
/// How often it is read anew because somebody switched meanwhile.
const ATTEMPTS: u32 = 100;

impl Environment {
    fn history_file(&self) -> PathBuf {
        self.root().join("history.jsonl")
    }

    /// Whether the record tells that something was current: a later switch began there. Of a first
    /// switch alone nobody knows whether it happened, once `current` is gone.
    pub(super) fn was_led(&self) -> bool {
        let switches = read(&self.history_file()).unwrap_or_default();
        switches.iter().any(|switch| switch.leads_from() != Leads::Nowhere)
    }

    /// Every switch, the oldest first.
    pub fn history(&self) -> Result<Vec<Told>, Error> {
        let mut leads = self.leads();
        for _ in 0..ATTEMPTS {
            let switches = read(&self.history_file())?;
            let now = self.leads();
            if now == leads {
                return Ok(told(switches, now));
            }
            leads = now;
        }
        Err(Error::Restless { path: self.root().to_owned() })
    }

    /// Writes down that a switch is about to be made, durably.
    pub(super) fn intend(&self, _right: &Changing, switch: &Switch) -> Result<(), Error> {
        let path = self.history_file();
        let mut line = serde_json::to_string(switch)
            .map_err(|source| Error::Encode { path: path.clone(), source })?;
        line.push('\n');
        append(&path, &line).map_err(disk("write", &path))?;
        sync_folder(self.root()).map_err(disk("sync", self.root()))
    }

    /// The generation to go back to from `number`: the one that was current before `number` first
    /// became current, or the one before that, as far as they still are there.
    pub fn before(&self, number: u64) -> Result<Option<u64>, Error> {
        let (history, there) = (self.history()?, self.generations()?);
        let mut at = number;
        // No record that larder wrote is longer; one that lost lines may go in a circle.
        for _ in 0..=history.len() {
            let first = history.iter().find(|told| told.done && told.switch.to == at);
            let Some(from) = first.and_then(|told| told.switch.from) else { return Ok(None) };
            if there.contains(&from) || from == at {
                return Ok(Some(from).filter(|from| *from != number));
            }
            at = from;
        }
        Ok(None)
    }

    /// The number that a new generation gets: none is ever given twice.
    pub(super) fn next_number(&self) -> Result<u64, Error> {
        let told = read(&self.history_file())?.into_iter().map(|switch| switch.to);
        let last = told.chain(self.generations()?).max();
        Ok(last.map_or(1, |last| last.saturating_add(1)))
    }
}

/// Of two switches, the first happened unless the second began where the first did.
fn told(switches: Vec<Switch>, now: Leads) -> Vec<Told> {
    let mut after: Vec<Leads> = switches.iter().skip(1).map(Switch::leads_from).collect();
    after.push(now);
    let judged = switches.into_iter().zip(after);
    judged.map(|(switch, after)| Told { done: switch.leads_from() != after, switch }).collect()
}

/// A line that cannot be read was being written when the power went: what it tells never happened.
fn read(path: &Path) -> Result<Vec<Switch>, Error> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk("read", path)(error)),
    };
    let read = |file: &mut fs::File| -> io::Result<Vec<u8>> {
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(MOST_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read(&mut file).map_err(disk("read", path))?;
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// Appends a line, on a line of its own also where the last one was cut.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{line}").as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(from: Option<u64>, to: u64) -> Switch {
        let deed = Deed {
            at: "2026-11-23T06:00:00Z".parse().unwrap(),
            by: "me".into(),
            command: "install stack".into(),
            reason: None,
        };
        let digest = Digest::of(b"x");
        Switch { deed, from, astray: false, to, digest, changes: String::new() }
    }

    fn done(switches: &[(Option<u64>, u64)], now: Leads) -> Vec<bool> {
        let switches = switches.iter().map(|(from, to)| switch(*from, *to)).collect();
        told(switches, now).into_iter().map(|told| told.done).collect()
    }

    #[test]
    fn a_switch_that_never_happened_is_told_as_such() {
        let to = |number| Leads::To(number);
        assert_eq!(done(&[(None, 1), (Some(1), 2)], to(2)), [true, true]);
        assert_eq!(done(&[(None, 1), (Some(1), 2)], to(1)), [true, false]);
        assert_eq!(done(&[(None, 1), (Some(1), 2), (Some(1), 3)], to(3)), [true, false, true]);
        assert_eq!(done(&[(None, 1), (Some(1), 2), (Some(2), 1)], to(1)), [true, true, true]);
        assert_eq!(done(&[(None, 1)], Leads::Nowhere), [false]);
        assert_eq!(done(&[(None, 1)], Leads::Astray), [true]);
    }

    #[test]
    fn a_line_that_was_cut_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let line = |to| serde_json::to_string(&switch(None, to)).unwrap() + "\n";
        append(&path, &line(1)).unwrap();
        append(&path, "{\"at\": \"20").unwrap();
        append(&path, &line(2)).unwrap();

        let numbers: Vec<u64> = read(&path).unwrap().iter().map(|switch| switch.to).collect();

        assert_eq!(numbers, [1, 2]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    fn environment(switches: &[(Option<u64>, u64)]) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::create(folder.path()).unwrap();
        for (from, to) in switches {
            let line = serde_json::to_string(&switch(*from, *to)).unwrap() + "\n";
            append(&environment.history_file(), &line).unwrap();
        }
        (folder, environment)
    }

    #[test]
    fn a_record_that_lost_lines_leads_nobody_in_a_circle() {
        let (_folder, environment) = environment(&[(Some(1), 2), (Some(2), 1), (Some(1), 3)]);
        assert_eq!(environment.before(3).unwrap(), None);
    }

    #[test]
    fn a_first_switch_that_never_happened_led_nowhere() {
        let (_folder, killed) = environment(&[(None, 1)]);
        assert_eq!(killed.leads(), Leads::Nowhere);
        assert!(!killed.history().unwrap()[0].done);
        let (_folder, taken_away) = environment(&[(None, 1), (Some(1), 2)]);
        assert_eq!(taken_away.leads(), Leads::Astray);
    }
}

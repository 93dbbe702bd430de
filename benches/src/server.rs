//! A real server on a folder of its own, and what it takes of the machine.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How soon the server must say where it listens.
const START: Duration = Duration::from_secs(30);

/// `larder-server serve` as a child, killed when dropped.
pub struct Server {
    child: Child,
    data: PathBuf,
    origin: String,
}

/// What a folder holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    pub files: u64,
    pub bytes: u64,
}

impl Server {
    /// Starts the program that was built beside this one, on a data folder below `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let own = std::env::current_exe()?;
        let program = own.with_file_name(format!("larder-server{}", std::env::consts::EXE_SUFFIX));
        ensure!(program.is_file(), "there is no {}: build it first", program.display());
        let (config, said) = (folder.join("server.toml"), folder.join("said"));
        // Two products of the real history differ only in case.
        std::fs::write(&config, "[publish]\ntwins = \"allow\"\n")?;
        let data = folder.join("data");
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(File::create(&said)?)
            .stderr(File::create(folder.join("log"))?)
            .spawn()?;
        let began = Instant::now();
        let origin = loop {
            let text = std::fs::read_to_string(&said)?;
            let address = text.lines().find_map(|line| line.strip_prefix("listening on "));
            if let Some(origin) = address.filter(|_| text.ends_with('\n')) {
                break origin.to_owned();
            }
            if child.try_wait()?.is_some() || began.elapsed() > START {
                drop(child.kill());
                bail!("the server did not start: {}", std::fs::read_to_string(folder.join("log"))?);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        Ok(Self { child, data, origin })
    }

    /// `http://127.0.0.1:8080`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The token that its first start made.
    pub fn token(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.data.join("admin-token"))?.trim().to_owned())
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")).context("no VmHWM")?;
        Ok(kibibytes.trim().parse::<u64>()? * 1024)
    }

    /// The processor time that it took.
    pub fn processor_time(&self) -> Result<Duration> {
        processor_time(&format!("/proc/{}/stat", self.child.id()))
    }

    /// What its catalog holds.
    pub fn catalog(&self) -> Result<Held> {
        held(&self.data.join("catalog"))
    }

    /// What its archives are.
    pub fn archives(&self) -> Result<Held> {
        held(&self.data.join("blobs").join("archives"))
    }

    /// What its journal is.
    pub fn journal(&self) -> Result<Held> {
        held(&self.data.join("blobs").join("journal"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processor time that this process took.
pub fn own_processor_time() -> Result<Duration> {
    processor_time("/proc/self/stat")
}

fn processor_time(stat: &str) -> Result<Duration> {
    /// As Linux counts for user space, on every machine.
    const TICKS_PER_SECOND: u64 = 100;
    let text = std::fs::read_to_string(stat)?;
    // The name of the program stands in brackets and may have spaces in it.
    let (_, fields) = text.rsplit_once(") ").context("no name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |at: usize| -> Result<u64> { Ok(fields.get(at).context("too short")?.parse()?) };
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS_PER_SECOND))
}

fn held(folder: &Path) -> Result<Held> {
    let mut sum = Held::default();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(sum) };
    for entry in entries {
        let entry = entry?;
        let found = entry.metadata()?;
        if found.is_dir() {
            let inner = held(&entry.path())?;
            sum = Held { files: sum.files + inner.files, bytes: sum.bytes + inner.bytes };
        } else {
            sum = Held { files: sum.files + 1, bytes: sum.bytes + found.len() };
        }
    }
    Ok(sum)
}

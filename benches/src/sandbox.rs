//! A folder with everything in it: servers, clients, peers.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Where a run happens; removed at the end.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    wheels: Vec<PathBuf>,
    programs: PathBuf,
}

/// A server with a data folder of its own, stopped when dropped.
pub(crate) struct Server<'a> {
    sandbox: &'a Sandbox,
    process: Child,
    address: String,
    token: String,
}

/// How long a command takes as a whole process.
fn timed(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(took)
}

impl Sandbox {
    pub(crate) fn new(wheels: &Path) -> Result<Self> {
        let listed = std::fs::read_dir(wheels).with_context(|| format!("no folder {wheels:?}"))?;
        let mut files: Vec<PathBuf> =
            listed.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|ending| ending == "whl"));
        files.sort();
        ensure!(!files.is_empty(), "there are no wheels in {wheels:?}");
        let programs = std::env::current_exe()?.parent().context("no folder")?.to_owned();
        for program in ["larder", "larder-server"] {
            ensure!(
                programs.join(program).is_file(),
                "{program} is not built: run cargo build --release --locked"
            );
        }
        Ok(Self { folder: tempfile::tempdir()?, wheels: files, programs })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new server with an empty data folder.
    pub(crate) fn server(&self) -> Result<Server<'_>> {
        let data = tempfile::tempdir_in(self.folder.path())?.keep();
        let mut process = Command::new(self.programs.join("larder-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let mut address = None;
        for line in lines {
            let line = line?;
            address =
                line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned);
            if address.is_some() {
                break;
            }
        }
        let address = address.context("the server printed no address")?;
        let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
        Ok(Server { sandbox: self, process, address, token })
    }

    pub(crate) fn sha256sum(&self) -> Result<Duration> {
        timed(Command::new("sha256sum").args(&self.wheels))
    }

    /// Packs the trees of an environment with tar, so that the peer unpacks the same files.
    pub(crate) fn pack_peers(&self, server: &Server<'_>) -> Result<()> {
        server.install("peer", 0)?;
        let packages = self.environment("peer", 0).join("current/packages");
        std::fs::create_dir(self.path("tars"))?;
        for entry in std::fs::read_dir(packages)? {
            let entry = entry?;
            let mut tar = self.path("tars").join(entry.file_name());
            tar.as_mut_os_string().push(".tar.gz");
            let folder = std::fs::canonicalize(entry.path())?;
            timed(Command::new("tar").arg("-czf").arg(tar).arg("-C").arg(folder).arg("."))?;
        }
        Ok(())
    }

    /// What a person would do: unpack each archive into a folder of its own, then sync.
    pub(crate) fn untar(&self, run: usize) -> Result<Duration> {
        let script = "for tar in \"$1\"/*.tar.gz; do d=$2/$(basename \"$tar\" .tar.gz); \
                      mkdir -p \"$d\"; tar -xf \"$tar\" -C \"$d\"; done; sync -f \"$2\"";
        let target = self.path(&format!("untar{run}"));
        timed(Command::new("sh").args(["-c", script, "sh"]).arg(self.path("tars")).arg(target))
    }

    pub(crate) fn link_copy(&self, run: usize) -> Result<Duration> {
        let (from, to) = (self.path("untar1"), self.path(&format!("links{run}")));
        timed(Command::new("cp").arg("-al").arg(from).arg(to))
    }

    pub(crate) fn sha256sum_of_trees(&self) -> Result<Duration> {
        let script = "find \"$1\" -type f -print0 | xargs -0 sha256sum";
        timed(Command::new("sh").args(["-c", script, "sh"]).arg(self.path("untar1")))
    }

    fn environment(&self, store: &str, number: usize) -> PathBuf {
        self.path(&format!("env-{store}-{number}"))
    }
}

impl Server<'_> {
    fn larder(&self, store: &str) -> Command {
        let mut command = Command::new(self.sandbox.programs.join("larder"));
        command
            .arg("--quiet")
            .env("LARDER_SERVER", &self.address)
            .env("LARDER_TOKEN", &self.token)
            .env("LARDER_CONFIG", self.sandbox.path("config.toml"))
            .env("LARDER_STORE", self.sandbox.path(&format!("store-{store}")));
        command
    }

    /// Publishes all wheels as one distribution.
    pub(crate) fn publish(&self) -> Result<Duration> {
        let arguments = ["--build", "b1", "--distribution", "closure@1.0.0", "--tag", "current"];
        let mut command = self.larder("publish");
        timed(command.args(["import", "wheel"]).args(&self.sandbox.wheels).args(arguments))
    }

    /// Installs the distribution into a new environment, from a store of this name.
    pub(crate) fn install(&self, store: &str, number: usize) -> Result<Duration> {
        let environment = self.sandbox.environment(store, number);
        timed(self.larder(store).args(["install", "closure", "--prefix"]).arg(environment))
    }

    pub(crate) fn verify(&self, store: &str, number: usize) -> Result<Duration> {
        let environment = self.sandbox.environment(store, number);
        timed(self.larder(store).args(["verify", "--prefix"]).arg(environment))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

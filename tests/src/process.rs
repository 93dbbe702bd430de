//! The real server program, to be started, asked and killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::client::Ran;
use crate::http::Http;
use crate::wait::{until, until_blocking};

/// A program of the workspace, from the folder that the test's own program was built into.
///
/// # Panics
///
/// When it was not built: tests of a crate do not build the programs of others.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "there is no `{}`: run `cargo build --workspace` before the tests",
        program.display()
    );
    program
}

/// A program with nothing of the surrounding environment but where programs are found.
pub fn bare(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear();
    for name in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// `larder-server serve` as a child; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    data: PathBuf,
    log: PathBuf,
    address: String,
}

impl ServerProcess {
    /// Starts it on a data folder, at a port that is free, and waits until it says where it is.
    pub fn start(data: &Path) -> Self {
        Self::start_at(data, "127.0.0.1:0")
    }

    /// The same at an address.
    pub fn start_at(data: &Path, listen: &str) -> Self {
        Self::start_with(data, &["--listen", listen])
    }

    /// The same with other arguments.
    pub fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let log = data.with_extension("log");
        let mut child = Self::command(data, arguments, &log).spawn().unwrap();
        let address = until_blocking("the server has said its address", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended with {status}: {text}");
            }
            address_in(&text)
        });
        Self { child, data: data.to_owned(), log, address }
    }

    fn command(data: &Path, arguments: &[&str], log: &Path) -> Command {
        let out = File::create(log).unwrap();
        let mut command = bare(program("larder-server"));
        command.arg("serve").arg("--data").arg(data).args(arguments);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        command
    }

    /// Where it listens: `127.0.0.1:8080`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it is: `http://127.0.0.1:8080`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The token that its first start made.
    pub fn admin_token(&self) -> String {
        admin_token(&self.data)
    }

    /// Speaks to it as an admin.
    pub fn admin(&self) -> Http {
        Http::new(self.origin()).with_token(self.admin_token())
    }

    /// Waits until it is ready to answer.
    pub async fn ready(&self) {
        let http = Http::new(self.origin());
        until("the server is ready", async || {
            let answer = http.try_send(http.request(reqwest::Method::GET, "/readyz")).await;
            answer.ok().filter(|answer| answer.status == 200)
        })
        .await;
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// Asks it to end, as an operator does (SIGTERM).
    pub fn ask_to_end(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        if self.child.try_wait().unwrap().is_none() {
            self.ask_to_end();
        }
        until_blocking("the server has ended", || self.child.try_wait().unwrap())
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        peak_memory(self.id())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The token that the first start on a data folder made.
pub fn admin_token(data: &Path) -> String {
    std::fs::read_to_string(data.join("admin-token")).unwrap().trim().to_owned()
}

/// A loopback address with its port in what a server printed.
fn address_in(text: &str) -> Option<String> {
    const HOST: &str = "127.0.0.1:";
    text.match_indices(HOST).find_map(|(at, _)| {
        let rest = &text[at + HOST.len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let port: u16 = rest[..end].parse().ok()?;
        (port != 0).then(|| format!("{HOST}{port}"))
    })
}

/// The most memory that a process ever had, in bytes (`VmHWM`).
pub fn peak_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
    kibibytes * 1024
}

/// Waits for a client's end, and looks on the way how much memory it has; it must not print more than
/// a pipe holds.
pub fn watch(mut client: Child) -> (Ran, u64) {
    let mut peak = 0;
    while client.try_wait().unwrap().is_none() {
        let status = Path::new("/proc").join(client.id().to_string()).join("status");
        let lives = std::fs::read_to_string(status).is_ok_and(|text| text.contains("VmHWM"));
        if lives {
            peak = peak.max(std::panic::catch_unwind(|| peak_memory(client.id())).unwrap_or(0));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    (Ran::of(client.wait_with_output().unwrap()), peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_once_it_is_whole() {
        assert_eq!(address_in("listens on http://127.0.0.1:4"), None);
        assert_eq!(address_in("on 127.0.0.1:0\n on 127.0.0.1:41\n").unwrap(), "127.0.0.1:41");
    }

    #[test]
    fn peak_memory_is_in_bytes() {
        assert!(peak_memory(std::process::id()) > 1 << 20);
    }
}

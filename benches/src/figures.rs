//! How long questions take, as a table.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// How long each kind of question took, one time for each that was asked.
#[derive(Default)]
pub struct Figures(Vec<(String, Vec<Duration>)>);

impl Figures {
    /// Asks `times` times over a connection that stays open; the first few are not counted.
    pub async fn ask<F: Future<Output = Result<()>>>(
        &mut self,
        what: impl Into<String>,
        times: usize,
        mut ask: impl FnMut(usize) -> F,
    ) -> Result<()> {
        const BEFORE: usize = 5;
        let mut took = Vec::with_capacity(times);
        for turn in 0..BEFORE + times {
            let began = Instant::now();
            ask(turn).await?;
            if turn >= BEFORE {
                took.push(began.elapsed());
            }
        }
        self.0.push((what.into(), took));
        Ok(())
    }

    /// Runs the program that was built beside this one, `times` times.
    pub fn run(
        &mut self,
        what: impl Into<String>,
        times: usize,
        arguments: &[&str],
        home: &Path,
    ) -> Result<()> {
        let mut took = Vec::with_capacity(times);
        for _ in 0..times {
            let began = Instant::now();
            larder(arguments, home)?;
            took.push(began.elapsed());
        }
        self.0.push((what.into(), took));
        Ok(())
    }
}

/// Runs `larder` with settings and a store of its own; fails when it does.
pub fn larder(arguments: &[&str], home: &Path) -> Result<()> {
    let program = std::env::current_exe()?.with_file_name("larder");
    ensure!(program.is_file(), "there is no {}: build it first", program.display());
    let output = Command::new(program)
        .args(arguments)
        .env("LARDER_CONFIG", home.join("config.toml"))
        .env("LARDER_STORE", home.join("store"))
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "larder {}: {said}", arguments.join(" "));
    Ok(())
}

fn part(took: &[Duration], percent: usize) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<58}{:>10}{:>10}{:>10}", "", "p50 ms", "p99 ms", "asked")?;
        for (what, took) in &self.0 {
            let shown = |percent| part(took, percent).as_secs_f64() * 1000.0;
            writeln!(f, "{what:<58}{:>10.2}{:>10.2}{:>10}", shown(50), shown(99), took.len())?;
        }
        Ok(())
    }
}

//! What is told at the end.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

use crate::replay::Replay;
use larder_benches::history::History;
use larder_benches::server::{Held, Server, own_processor_time};

/// The most differences that are told.
const SHOWN: usize = 20;
/// How many of the last builds are looked at on their own: the registry is full then.
const LAST: usize = 1000;

/// What was published, and how long that took.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    pub(crate) batches: usize,
    pub(crate) binaries: usize,
    /// All of the replay but what the peer took.
    pub(crate) took: Duration,
    pub(crate) compared: Compared,
}

/// The batches that went through the peer too.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) binaries: usize,
    pub(crate) larder: Duration,
    pub(crate) peer: Duration,
}

impl Filled {
    /// For who waits.
    pub(crate) fn so_far(&self) -> String {
        format!("{} binaries in {:.0} s", self.binaries, self.took.as_secs_f64())
    }
}

/// All that is told at the end.
pub(crate) struct Report {
    counts: String,
    figures: String,
    differences: Vec<String>,
}

impl Report {
    pub(crate) fn of(
        history: &History,
        replay: &Replay<'_>,
        filled: &Filled,
        server: &Server,
    ) -> Result<Self> {
        let counted = &replay.counted;
        let mut counts = String::new();
        if counted.builds > 0 {
            counts.push_str(&format!(
                "{} builds, {} to {}, with {} products\n{:<8} {:>9} {:>9} {:>9} {:>9}\n",
                counted.builds,
                counted.from,
                counted.to,
                counted.product_builds,
                "policy",
                "reused",
                "percent",
                "rebuilt",
                "unsafe"
            ));
        }
        for (policy, totals) in &counted.policies {
            counts.push_str(&format!(
                "{policy:<8} {:>9} {:>8.3}% {:>9} {:>9}\n",
                totals.reused, totals.reused_percent, totals.rebuilt, totals.risky
            ));
        }
        let mut differences = replay.faults.clone();
        for expected in &history.expected {
            differences.extend(counted.differences(expected));
            let compared = counted.compared(expected);
            counts.push_str(&format!("compared with what is expected: {compared} builds\n"));
        }
        counts.push_str(&format!("differences: {}", differences.len()));
        Ok(Self { counts, figures: figures(replay, filled, server)?, differences })
    }

    /// Whether nothing differs.
    pub(crate) fn is_good(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.counts)?;
        for difference in self.differences.iter().take(SHOWN) {
            writeln!(f, "  {difference}")?;
        }
        if self.differences.len() > SHOWN {
            writeln!(f, "  … ({} more)", self.differences.len() - SHOWN)?;
        }
        write!(f, "\n{}", self.figures)
    }
}

fn figures(replay: &Replay<'_>, filled: &Filled, server: &Server) -> Result<String> {
    let binaries = filled.binaries;
    let seconds = |time: Duration| time.as_secs_f64();
    let rate = |time: Duration| binaries as f64 / seconds(time).max(1e-9);
    let filling = replay.uploading + replay.publishing;
    let mut lines = vec![
        format!("whole replay        {:.1} s", seconds(filled.took)),
        format!(
            "filling             {:.1} s: {binaries} binaries in {} batches, {:.0} a second",
            seconds(filling),
            filled.batches,
            rate(filling)
        ),
        format!(
            "  archives, records {:.1} s, {:.1} s",
            seconds(replay.uploading),
            seconds(replay.publishing)
        ),
    ];
    for (policy, times) in &replay.latencies {
        let last = &times[times.len().saturating_sub(LAST)..];
        lines.push(format!(
            "plans, {policy:<12} {}; the last {LAST}: {}",
            spread(times),
            spread(last)
        ));
    }
    let per_binary = |held: Held| held.bytes / binaries.max(1) as u64;
    lines.push(format!("catalog             {} bytes a build", per_binary(server.catalog()?)));
    let (archives, journal) = (server.archives()?, server.journal()?);
    lines.push(format!(
        "blobs               archives {} bytes a build, journal {} bytes a build in {} documents",
        per_binary(archives),
        per_binary(journal),
        journal.files
    ));
    lines.push(format!(
        "server              {:.0} MiB of memory at most, {:.1} s of a processor; this program {:.1} s",
        server.peak_memory()? as f64 / f64::from(1 << 20),
        seconds(server.processor_time()?),
        seconds(own_processor_time()?)
    ));
    let compared = &filled.compared;
    if compared.binaries > 0 {
        lines.push(format!(
            "a bare loop         {:.1} s for {} binaries that took {:.1} s: ratio {:.2}",
            seconds(compared.peer),
            compared.binaries,
            seconds(compared.larder),
            seconds(compared.larder) / seconds(compared.peer).max(1e-9)
        ));
    }
    Ok(lines.join("\n"))
}

fn spread(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms", at(50), at(99), at(100))
}

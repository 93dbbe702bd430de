//! What a person sees while waiting, on standard error: bars on a terminal, lines elsewhere.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printable::line;

/// Shows how far things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is shown but warnings.
    Quiet,
    /// Lines.
    Lines,
    /// Bars.
    Bars,
}

/// How often a line says how far a long transfer is.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Bars on a terminal, lines elsewhere, nothing when it shall be quiet.
    pub fn new(quiet: bool) -> Self {
        match (quiet, io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }

    /// Says something that one may miss.
    pub fn note(self, sentence: impl Display) {
        if self != Self::Quiet {
            print(&sentence);
        }
    }

    /// Says something that a person should know, also when it shall be quiet.
    pub fn warn(self, sentence: impl Display) {
        print(&format!("warning: {sentence}"));
    }

    /// Says that something is tried again.
    pub fn retrying(self, error: &dyn std::error::Error, pause: Duration) {
        if pause >= Duration::from_secs(1) {
            self.note(format!("{error}; trying again in {:.0} s", pause.as_secs_f64().ceil()));
        }
    }

    /// Starts a transfer of `bytes`, such as `Downloading`.
    pub fn transfer(self, verb: &'static str, bytes: u64) -> Transfer {
        let bar = match self {
            Self::Bars => bar(verb, bytes),
            Self::Quiet | Self::Lines => ProgressBar::hidden(),
        };
        let started = Instant::now();
        let state = State {
            progress: self,
            verb,
            total: bytes,
            done: 0.into(),
            bar,
            started,
            line: 0.into(),
        };
        Transfer(Arc::new(state))
    }
}

/// Prints one line. A failure to write to standard error can be told to nobody.
fn print(sentence: &dyn Display) {
    drop(writeln!(io::stderr().lock(), "{}", line(&sentence.to_string())));
}

fn bar(verb: &'static str, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:>12} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {wide_msg}",
    );
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    bar.set_prefix(verb);
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// A transfer of some bytes, perhaps by several tasks.
#[derive(Clone)]
pub struct Transfer(Arc<State>);

struct State {
    progress: Progress,
    verb: &'static str,
    total: u64,
    done: AtomicU64,
    bar: ProgressBar,
    started: Instant,
    /// How many of `LINE_EVERY` have passed when the last line was printed.
    line: AtomicU64,
}

impl Transfer {
    /// More bytes are there.
    pub fn advance(&self, bytes: u64) {
        let state = &self.0;
        state.bar.inc(bytes);
        let done = state.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if state.progress != Progress::Lines {
            return;
        }
        let periods = state.started.elapsed().as_secs() / LINE_EVERY.as_secs();
        if state.line.fetch_max(periods, Ordering::Relaxed) < periods {
            let (done, total) = (HumanBytes(done), HumanBytes(state.total));
            state.progress.note(format!("{} {done} of {total}", state.verb));
        }
    }

    /// Bytes that were counted have to come again.
    pub fn go_back(&self, bytes: u64) {
        self.0.done.fetch_sub(bytes, Ordering::Relaxed);
        self.0.bar.set_position(self.0.done.load(Ordering::Relaxed));
    }

    /// Says what is under way.
    pub fn item(&self, name: impl Display) {
        self.0.bar.set_message(line(&name.to_string()).into_owned());
    }

    /// Ends it; `sentence` says what was done.
    pub fn finish(&self, sentence: impl Display) {
        self.0.bar.finish_and_clear();
        self.0.progress.note(sentence);
    }

    /// Ends it without a word, after a failure.
    pub fn abandon(&self) {
        self.0.bar.finish_and_clear();
    }
}

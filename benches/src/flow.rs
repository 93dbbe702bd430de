//! Measuring two things in turn, and the table of what came out.

use std::fmt;
use std::time::Duration;

use anyhow::Result;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    flow: &'static str,
    peer: &'static str,
    larder: Spread,
    other: Spread,
    ratio: f64,
}

#[derive(Debug)]
struct Spread {
    least: Duration,
    median: Duration,
    most: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let last = times.len() - 1;
        Self { least: times[0], median: times[last / 2], most: times[last] }
    }
}

impl Table {
    /// Measures a flow and its peer, in turn, `runs` times after one that does not count.
    pub(crate) fn add(
        &mut self,
        flow: &'static str,
        peer: &'static str,
        runs: usize,
        once: &mut dyn FnMut(usize) -> Result<(Duration, Duration)>,
    ) -> Result<()> {
        let mut pairs = Vec::with_capacity(runs);
        for run in 0..=runs.max(1) {
            pairs.push(once(run)?);
        }
        let pairs = &pairs[1..];
        let mut ratios: Vec<f64> =
            pairs.iter().map(|(one, two)| one.as_secs_f64() / two.as_secs_f64()).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        self.rows.push(Row {
            flow,
            peer,
            larder: Spread::of(pairs.iter().map(|pair| pair.0).collect()),
            other: Spread::of(pairs.iter().map(|pair| pair.1).collect()),
            ratio: ratios[(ratios.len() - 1) / 2],
        });
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<26} {:>24}   {:<24} {:>24}   ratio",
            "flow", "larder: least/median/most", "peer", "least/median/most"
        )?;
        for row in &self.rows {
            let spread = |spread: &Spread| {
                let ms = |time: Duration| time.as_millis();
                format!("{}/{}/{} ms", ms(spread.least), ms(spread.median), ms(spread.most))
            };
            writeln!(
                f,
                "{:<26} {:>24}   {:<24} {:>24}   {:.2}",
                row.flow,
                spread(&row.larder),
                row.peer,
                spread(&row.other),
                row.ratio
            )?;
        }
        Ok(())
    }
}

//! What the operator sees: logs and metrics.
//!
//! Metrics count flows and lengths; their labels are few and bounded, never a name or a checksum.

use std::io::IsTerminal as _;
use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, TextEncoder,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("`{level}` is no log level (`log.level`)")]
    Level {
        /// What it is set to.
        level: String,
        /// Why it cannot be read.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody set one up already.
    #[error("a log is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sends the log to standard error, for the whole process.
pub fn start_log(log: &Log) -> Result<(), LogError> {
    // What the HTTP library says of its starting, stopping and cut answers, we say ourselves.
    let filter = EnvFilter::try_new(format!("actix_server=warn,actix_http=off,{}", log.level))
        .map_err(|source| LogError::Level { level: log.level.clone(), source })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    }
    .map_err(LogError::Twice)
}

/// What is counted, of one server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: prometheus::Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    received: IntCounter,
    sent: IntCounter,
    archives: IntCounterVec,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let labels = ["route", "method", "status"];
        let counters = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("the names are good")
        };
        let counter =
            |name: &str, help: &str| IntCounter::new(name, help).expect("the names are good");
        let durations = HistogramOpts::new(
            "larder_request_duration_seconds",
            "How long a request took until its answer began",
        );
        let metrics = Self {
            registry: prometheus::Registry::new(),
            requests: counters("larder_requests_total", "Requests that were answered", &labels),
            durations: HistogramVec::new(durations, &labels[..2]).expect("the names are good"),
            received: counter("larder_upload_bytes_total", "Bytes of archives that came in"),
            sent: counter("larder_download_bytes_total", "Bytes of archives that went out"),
            archives: counters("larder_archives_total", "Archives that came whole", &["outcome"]),
        };
        let all: [Box<dyn prometheus::core::Collector>; 5] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.durations.clone()),
            Box::new(metrics.received.clone()),
            Box::new(metrics.sent.clone()),
            Box::new(metrics.archives.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector).expect("no name is there twice");
        }
        metrics
    }

    /// A request was answered. `route` is its template, never the address itself.
    pub fn request(&self, route: &str, method: &str, status: u16, duration: Duration) {
        let method = known_method(method);
        let class = format!("{}xx", status / 100);
        self.requests.with_label_values(&[route, method, class.as_str()]).inc();
        self.durations.with_label_values(&[route, method]).observe(duration.as_secs_f64());
    }

    /// Bytes of an archive came in.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Bytes of an archive went out.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// An archive came whole: `stored`, `known`, `wrong_sum` or `refused`.
    pub fn archive(&self, outcome: &'static str) {
        self.archives.with_label_values(&[outcome]).inc();
    }

    /// Everything in Prometheus' text format.
    pub fn to_text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Anybody may send any word as a method; labels are bounded.
fn known_method(method: &str) -> &str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if KNOWN.contains(&method) { method } else { "other" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_and_flows_are_counted() {
        let metrics = Metrics::new();
        metrics.request("/api/v1/builds", "BREW", 418, Duration::from_millis(3));
        metrics.received(7);

        let text = String::from_utf8(metrics.to_text().unwrap()).unwrap();

        assert!(text.contains(
            r#"larder_requests_total{method="other",route="/api/v1/builds",status="4xx"} 1"#
        ));
        assert!(text.contains("larder_upload_bytes_total 7"));
    }
}

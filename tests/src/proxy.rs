//! A stretch of network that counts what passes and can be cut.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::runtime;

/// Carries connections to a server, until it is told to cut them.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
    task: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Wire {
    target: Mutex<String>,
    up: Meter,
    down: Meter,
    /// Counts cuts; whoever carries looks out for a change.
    cuts: watch::Sender<u64>,
    /// The heads of requests, as they went up.
    heads: Mutex<Vec<String>>,
}

/// Counts one direction.
#[derive(Debug, Default)]
struct Meter {
    seen: AtomicU64,
    plan: Mutex<Plan>,
}

/// When to cut.
#[derive(Debug, Default)]
struct Plan {
    every: u64,
    next: u64,
    left: u64,
}

/// An address without what stands in front of it.
fn bare(target: &str) -> String {
    target.strip_prefix("http://").unwrap_or(target).to_owned()
}

impl Proxy {
    /// Carries to `target`, such as `127.0.0.1:8080`.
    pub async fn start(target: &str) -> Self {
        let target = bare(target);
        let bound = runtime().spawn(TcpListener::bind("127.0.0.1:0")).await.unwrap();
        let listener = bound.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Arc::new(Wire {
            target: Mutex::new(target),
            up: Meter::default(),
            down: Meter::default(),
            cuts: watch::Sender::new(0),
            heads: Mutex::default(),
        });
        let task = runtime().spawn(accept(listener, Arc::clone(&wire)));
        Self { address, wire, task }
    }

    /// Where it is: `http://127.0.0.1:8080`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Carries new connections to another server.
    pub fn lead_to(&self, target: &str) {
        *self.wire.target.lock().unwrap() = bare(target);
    }

    /// Bytes that went to the server.
    pub fn up(&self) -> u64 {
        self.wire.up.seen.load(Ordering::SeqCst)
    }

    /// Bytes that came from the server.
    pub fn down(&self) -> u64 {
        self.wire.down.seen.load(Ordering::SeqCst)
    }

    /// How many requests went up whose first line begins with `start`, such as `PATCH `.
    pub fn requests(&self, start: &str) -> usize {
        let heads = self.wire.heads.lock().unwrap();
        heads.iter().filter(|head| head.starts_with(start)).count()
    }

    /// Cuts all connections now.
    pub fn cut(&self) {
        self.wire.cut();
    }

    /// Cuts all connections each time that so many bytes went up, so many times.
    pub fn cut_going_up(&self, every: u64, times: u64) {
        self.wire.up.plan(every, times);
    }

    /// The same for bytes that come down.
    pub fn cut_coming_down(&self, every: u64, times: u64) {
        self.wire.down.plan(every, times);
    }

    /// How often connections were cut.
    pub fn cuts(&self) -> u64 {
        *self.wire.cuts.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

impl Wire {
    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Meter {
    fn plan(&self, every: u64, times: u64) {
        let next = self.seen.load(Ordering::SeqCst) + every;
        *self.plan.lock().unwrap() = Plan { every, next, left: times };
    }

    /// How many of `count` bytes may pass; and whether the wire is cut behind them.
    fn pass(&self, count: usize) -> (usize, bool) {
        let mut plan = self.plan.lock().unwrap();
        let before = self.seen.load(Ordering::SeqCst);
        let is_cut = plan.left > 0 && before + count as u64 >= plan.next;
        let passed = if is_cut { plan.next.saturating_sub(before) } else { count as u64 };
        self.seen.store(before + passed, Ordering::SeqCst);
        if is_cut {
            plan.left -= 1;
            plan.next += plan.every;
        }
        (passed as usize, is_cut)
    }
}

async fn accept(listener: TcpListener, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        let wire = Arc::clone(&wire);
        tokio::spawn(async move {
            let target = wire.target.lock().unwrap().clone();
            let Ok(server) = TcpStream::connect(target).await else { return };
            let mut cuts = wire.cuts.subscribe();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let up = carry(from_client, to_server, &wire, &wire.up, true);
            let down = carry(from_server, to_client, &wire, &wire.down, false);
            tokio::select! {
                _ = async { tokio::join!(up, down) } => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    wire: &Wire,
    meter: &Meter,
    notes_heads: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if notes_heads {
            note_heads(wire, &buffer[..count]);
        }
        let (passed, is_cut) = meter.pass(count);
        if to.write_all(&buffer[..passed]).await.is_err() {
            return;
        }
        if is_cut {
            drop(to.flush().await);
            wire.cut();
            return std::future::pending().await;
        }
    }
    drop(to.shutdown().await);
}

/// Notes the first line of a request; clients send its head in one piece.
fn note_heads(wire: &Wire, bytes: &[u8]) {
    let start = &bytes[..bytes.len().min(512)];
    let line = start.split(|byte| *byte == b'\r').next().unwrap_or_default();
    if let Ok(line) = std::str::from_utf8(line)
        && line.ends_with(" HTTP/1.1")
    {
        wire.heads.lock().unwrap().push(line.to_owned());
    }
}

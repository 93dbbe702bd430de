//! A network with a distance: what passes comes later, and is counted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

/// How many bytes travel as one piece.
const PIECE: usize = 64 * 1024;
/// How many pieces are on their way at once in one direction of one connection.
const ON_THE_WAY: usize = 64;

/// Carries connections to a server that is so far away.
pub(crate) struct Distance {
    address: SocketAddr,
    counted: Arc<Counted>,
    task: JoinHandle<()>,
}

/// What has passed.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    connections: AtomicU64,
    requests: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// What has passed between two looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) up: u64,
    pub(crate) down: u64,
}

impl Distance {
    /// To `target`, such as `127.0.0.1:8080`; each way takes `away`.
    pub(crate) async fn new(target: &str, away: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counted = Arc::new(Counted::default());
        let target = target.trim_start_matches("http://").to_owned();
        let task = tokio::spawn(accept(listener, target, away, Arc::clone(&counted)));
        Ok(Self { address, counted, task })
    }

    /// `http://127.0.0.1:8080`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has passed since the last look.
    pub(crate) fn passed(&self) -> Passed {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Passed {
            connections: take(&self.counted.connections),
            requests: take(&self.counted.requests),
            up: take(&self.counted.up),
            down: take(&self.counted.down),
        }
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: String, away: Duration, counted: Arc<Counted>) {
    while let Ok((near, _)) = listener.accept().await {
        let (target, counted) = (target.clone(), Arc::clone(&counted));
        tokio::spawn(async move {
            counted.connections.fetch_add(1, Ordering::Relaxed);
            // The kernel has shaken hands at once; over a distance that takes there and back.
            sleep(away * 2).await;
            let Ok(far) = TcpStream::connect(target).await else { return };
            // What fails to be set makes it slower, and nothing else.
            drop(near.set_nodelay(true).and_then(|()| far.set_nodelay(true)));
            let (near_in, near_out) = near.into_split();
            let (far_in, far_out) = far.into_split();
            let up = carry(near_in, far_out, away, |piece| {
                counted.up.fetch_add(piece.len() as u64, Ordering::Relaxed);
                counted.requests.fetch_add(heads(piece), Ordering::Relaxed);
            });
            let down = carry(far_in, near_out, away, |piece| {
                counted.down.fetch_add(piece.len() as u64, Ordering::Relaxed);
            });
            tokio::join!(up, down);
        });
    }
}

/// How many requests begin in a piece: larder's bodies are JSON, which has no such line.
fn heads(piece: &[u8]) -> u64 {
    let mark = b" HTTP/1.1\r\n";
    piece.windows(mark.len()).filter(|window| window == mark).count() as u64
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    away: Duration,
    count: impl Fn(&[u8]),
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    let read = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length) = from.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            count(&buffer[..length]);
            if sender.send((Instant::now() + away, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, piece)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
        // Whoever is gone needs no end.
        drop(to.shutdown().await);
    };
    tokio::join!(read, write);
}

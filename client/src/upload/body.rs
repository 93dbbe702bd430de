//! The bytes of one part as the body of a request, read as they are sent.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// How much is read at once.
const CHUNK: u64 = 256 << 10;

/// A part of a file that is to be sent.
pub(super) struct Part {
    file: tokio::fs::File,
    from: Option<u64>,
    left: u64,
    counters: [Arc<AtomicU64>; 2],
    trouble: Trouble,
}

/// Why the file could not be read on, if it could not: the request only says that it broke off.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<io::Error>>>);

impl Trouble {
    /// The error, once.
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().ok()?.take()
    }

    fn put(&self, error: io::Error) -> io::Error {
        let told = io::Error::from(error.kind());
        if let Ok(mut place) = self.0.lock() {
            *place = Some(error);
        }
        told
    }
}

impl Part {
    /// `length` bytes of `file` from `offset`; each counter hears of every byte that is handed on.
    pub(super) fn of(file: File, offset: u64, length: u64, counters: [Arc<AtomicU64>; 2]) -> Self {
        let file = tokio::fs::File::from_std(file);
        Self { file, from: Some(offset), left: length, counters, trouble: Trouble::default() }
    }

    /// Where a failure to read the file will be found.
    pub(super) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// The body.
    pub(super) fn into_body(self) -> reqwest::Body {
        reqwest::Body::wrap_stream(stream::try_unfold(self, Self::next))
    }

    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.read().await {
            Ok(chunk) => {
                let count = chunk.len() as u64;
                self.left -= count;
                for counter in &self.counters {
                    counter.fetch_add(count, Ordering::Relaxed);
                }
                Ok(Some((chunk, self)))
            }
            Err(error) => Err(self.trouble.put(error)),
        }
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        if let Some(offset) = self.from.take() {
            self.file.seek(io::SeekFrom::Start(offset)).await?;
        }
        let length = usize::try_from(self.left.min(CHUNK)).unwrap_or(usize::MAX);
        let mut chunk = BytesMut::zeroed(length);
        let count = self.file.read(&mut chunk).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(count);
        Ok(chunk.freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::TryStreamExt as _;

    use super::*;

    async fn read(length: u64) -> (Result<Vec<Bytes>, io::Error>, u64, Option<io::ErrorKind>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 1000]).unwrap();
        let counter = Arc::new(AtomicU64::new(0));
        let part = Part::of(file, 100, length, [Arc::clone(&counter), Arc::default()]);
        let trouble = part.trouble();
        let chunks = stream::try_unfold(part, Part::next).try_collect().await;
        (chunks, counter.load(Ordering::Relaxed), trouble.take().map(|error| error.kind()))
    }

    #[tokio::test]
    async fn just_the_part_is_read() {
        let (chunks, counted, trouble) = read(500).await;
        assert_eq!(chunks.unwrap().concat(), [7; 500]);
        assert_eq!((counted, trouble), (500, None));
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_told() {
        let (chunks, counted, trouble) = read(2000).await;
        assert!(chunks.is_err());
        assert_eq!((counted, trouble), (900, Some(io::ErrorKind::UnexpectedEof)));
    }
}

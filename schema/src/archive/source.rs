//! The archive's bytes as they come in, with their errors told from those of decoders.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::ArchiveError;

/// How many bytes are read at once.
pub(super) const BUFFER: usize = 64 * 1024;

/// A source whose errors can be told from what decoders say about its bytes.
pub(super) struct Source<R>(R);

/// A source and its size.
pub(super) fn open<R: Read + Seek>(
    mut source: R,
) -> Result<(BufReader<Source<R>>, u64), ArchiveError> {
    let size = source.seek(SeekFrom::End(0)).map_err(ArchiveError::Io)?;
    source.rewind().map_err(ArchiveError::Io)?;
    Ok((BufReader::with_capacity(BUFFER, Source(source)), size))
}

fn marked(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted {
        error
    } else {
        ArchiveError::Io(error).into_stream()
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(marked)
    }
}

impl<R: Seek> Seek for Source<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to).map_err(marked)
    }
}

/// Fills `buffer` as far as there are bytes, and says how far.
pub(super) fn read_full(from: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

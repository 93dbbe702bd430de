//! The bytes of one zip entry: inflated, and held to what the headers claim.

use std::io::{self, BufRead, Read, Take};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::ArchiveError;

/// An entry's content, which fails unless it ends exactly where it should with the right CRC.
pub(super) struct ZipContent<'a, B> {
    packed: Take<&'a mut B>,
    inflate: Option<Inflate>,
    crc: Crc,
    claims: &'a Claims,
    unpacked: u64,
    over: bool,
}

/// What the headers of an entry say about its content.
#[derive(Debug)]
pub(super) struct Claims {
    /// The entry, for messages.
    pub(super) shown: String,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) deflated: bool,
}

impl<'a, B: BufRead> ZipContent<'a, B> {
    pub(super) fn new(source: &'a mut B, claims: &'a Claims) -> Self {
        Self {
            packed: source.take(claims.packed),
            inflate: claims.deflated.then(Inflate::new),
            crc: Crc::new(),
            claims,
            unpacked: 0,
            over: false,
        }
    }

    /// Everything, for content that is a name.
    pub(super) fn into_bytes(mut self) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(ArchiveError::of_stream)?;
        Ok(bytes)
    }

    fn check_end(&mut self) -> Result<(), ArchiveError> {
        let path = || self.claims.shown.clone();
        let whole = match &self.inflate {
            Some(inflate) => inflate.over,
            None => true,
        };
        if self.packed.limit() > 0 || !whole || self.unpacked != self.claims.unpacked {
            return Err(ArchiveError::ZipSize { path: path() });
        }
        if self.crc.sum() != self.claims.crc {
            return Err(ArchiveError::ZipCrc { path: path() });
        }
        Ok(())
    }
}

impl<B: BufRead> Read for ZipContent<'_, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over || buffer.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.inflate {
            Some(inflate) => inflate.read(&mut self.packed, buffer)?,
            None => self.packed.read(buffer)?,
        };
        self.crc.update(&buffer[..count]);
        self.unpacked += count as u64;
        if self.unpacked > self.claims.unpacked {
            let path = self.claims.shown.clone();
            return Err(ArchiveError::ZipSize { path }.into_stream());
        }
        if count == 0 {
            self.check_end().map_err(ArchiveError::into_stream)?;
            self.over = true;
        }
        Ok(count)
    }
}

/// Raw deflate (RFC 1951) that knows whether it saw the stream's own end.
///
/// flate2's reader ends silently where its input does.
struct Inflate {
    raw: Decompress,
    over: bool,
}

impl Inflate {
    fn new() -> Self {
        Self { raw: Decompress::new(false), over: false }
    }

    fn read(&mut self, packed: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.over {
            let input = packed.fill_buf()?;
            let ended = input.is_empty();
            let (read, written) = (self.raw.total_in(), self.raw.total_out());
            let flush = if ended { FlushDecompress::Finish } else { FlushDecompress::None };
            let status = self.raw.decompress(input, buffer, flush).map_err(io::Error::from)?;
            packed.consume((self.raw.total_in() - read) as usize);
            self.over = status == Status::StreamEnd;
            let count = (self.raw.total_out() - written) as usize;
            if count > 0 || ended {
                return Ok(count);
            }
        }
        Ok(0)
    }
}

//! From compressed bytes to one uncompressed stream: all members, nothing behind them.
//!
//! What is in the stream is of no concern here.

use std::io::{self, BufReader, Read, Seek};
use std::mem;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::limits::within;
use super::source::{Source, read_full};
use super::{ArchiveError, ArchiveFormat, Limits};

type Packed<R> = BufReader<Source<R>>;

/// The uncompressed tar in `source`.
pub(super) fn tar_in<'a, R: Read + Seek + 'a>(
    source: Packed<R>,
    format: ArchiveFormat,
    limits: &Limits,
) -> Box<dyn Read + 'a> {
    let compression = match format {
        ArchiveFormat::Tar | ArchiveFormat::Zip | ArchiveFormat::Wheel => return Box::new(source),
        ArchiveFormat::TarGz => Compression::Gzip,
        ArchiveFormat::TarXz => Compression::Xz,
        ArchiveFormat::TarBz2 => Compression::Bzip2,
        ArchiveFormat::TarZst => Compression::Zstd,
    };
    Box::new(Members {
        compression,
        format: format.extension(),
        limits: limits.clone(),
        opened: 0,
        state: State::Between(source),
    })
}

#[derive(Clone, Copy)]
enum Compression {
    Gzip,
    Xz,
    Bzip2,
    Zstd,
}

/// The most bytes that [`Compression::begins`] looks at.
const MAGIC: usize = 6;

impl Compression {
    /// Whether a member begins with `bytes`.
    fn begins(self, bytes: &[u8]) -> bool {
        match self {
            Self::Gzip => bytes.starts_with(b"\x1f\x8b"),
            Self::Xz => bytes.starts_with(b"\xfd7zXZ\0"),
            Self::Bzip2 => bytes.starts_with(b"BZh"),
            // A frame, or a skippable one (RFC 8878, 3.1.2). Not the formats before 0.8, which the
            // library may know too but which heed no limit on memory.
            Self::Zstd => {
                bytes.starts_with(b"\x28\xb5\x2f\xfd")
                    || matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
            }
        }
    }

    fn open<R: Read>(self, source: Packed<R>, limits: &Limits) -> io::Result<Member<R>> {
        Ok(match self {
            Self::Gzip => Member::Gzip(GzDecoder::new(source)),
            Self::Bzip2 => Member::Bzip2(BzDecoder::new(source)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(limits.decoder_bytes, 0)?;
                Member::Xz(XzDecoder::new_stream(source, stream))
            }
            Self::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(source)?.single_frame();
                // The format's own bounds (`ZSTD_WINDOWLOG_MIN`, `ZSTD_WINDOWLOG_MAX_64`).
                let window_log = limits.decoder_bytes.max(1).ilog2().clamp(10, 31);
                decoder.window_log_max(window_log)?;
                Member::Zstd(decoder)
            }
        })
    }
}

/// One gzip member, xz or bzip2 stream, or zstd frame.
enum Member<R: Read> {
    Gzip(GzDecoder<Packed<R>>),
    Xz(XzDecoder<Packed<R>>),
    Bzip2(BzDecoder<Packed<R>>),
    Zstd(ZstdDecoder<'static, Packed<R>>),
}

impl<R: Read> Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }

    /// What follows the member, once it was read to its end.
    fn into_rest(self) -> Packed<R> {
        match self {
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.into_inner(),
        }
    }
}

/// All members of a compressed file, as one stream.
///
/// Some readers stop after the first member and some skip what follows the last; this one reads
/// all of them and refuses anything else.
struct Members<R: Read> {
    compression: Compression,
    format: &'static str,
    limits: Limits,
    opened: u64,
    state: State<R>,
}

enum State<R: Read> {
    Between(Packed<R>),
    Inside(Box<Member<R>>),
    Over,
}

impl<R: Read + Seek> Members<R> {
    /// Opens the next member, or finds that there is none.
    fn next(&mut self, mut source: Packed<R>) -> io::Result<State<R>> {
        loop {
            let mut magic = [0; MAGIC];
            let seen = peek(&mut source, &mut magic)?;
            if seen == 0 && self.opened > 0 {
                return Ok(State::Over);
            }
            if seen == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.compression.begins(&magic[..seen]) {
                self.opened += 1;
                within(self.opened, self.limits.members, "members")
                    .map_err(ArchiveError::into_stream)?;
                return Ok(State::Inside(Box::new(self.compression.open(source, &self.limits)?)));
            }
            if !self.is_padding(&magic[..seen]) {
                return Err(self.stranger().into_stream());
            }
            source.seek_relative(PADDING as i64)?;
        }
    }

    /// Between xz streams and behind the last there may be zeros in fours (the format, 2.2).
    fn is_padding(&self, bytes: &[u8]) -> bool {
        matches!(self.compression, Compression::Xz)
            && self.opened > 0
            && bytes.len() >= PADDING
            && bytes[..PADDING] == [0; PADDING]
    }

    fn stranger(&self) -> ArchiveError {
        if self.opened == 0 {
            ArchiveError::WrongFormat { format: self.format }
        } else {
            ArchiveError::TrailingBytes
        }
    }

    /// A decoder says that it lacks memory; that is our limit, and it is told as one.
    fn named(&self, error: io::Error) -> io::Error {
        let xz = error.get_ref().and_then(|inner| inner.downcast_ref::<liblzma::stream::Error>());
        let lacks_memory = matches!(xz, Some(liblzma::stream::Error::MemLimit))
            // The crate hands on zstd's text only; a test holds us to it.
            || matches!(self.compression, Compression::Zstd)
                && error.to_string().contains("too much memory");
        if lacks_memory {
            let limit = self.limits.decoder_bytes;
            ArchiveError::Limit { name: "decoder_bytes", limit }.into_stream()
        } else {
            error
        }
    }
}

const PADDING: usize = 4;

/// The next bytes of `source`, which stay where they are.
fn peek<R: Read + Seek>(source: &mut Packed<R>, bytes: &mut [u8]) -> io::Result<usize> {
    let seen = read_full(source, bytes)?;
    source.seek_relative(-(seen as i64))?;
    Ok(seen)
}

impl<R: Read + Seek> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.state {
                State::Over => return Ok(0),
                State::Inside(member) => match member.read(buffer) {
                    Ok(0) if !buffer.is_empty() => {
                        if let State::Inside(member) = mem::replace(&mut self.state, State::Over) {
                            self.state = State::Between(member.into_rest());
                        }
                    }
                    Ok(count) => return Ok(count),
                    Err(error) => return Err(self.named(error)),
                },
                State::Between(_) => {
                    if let State::Between(source) = mem::replace(&mut self.state, State::Over) {
                        self.state = self.next(source)?;
                    }
                }
            }
        }
    }
}

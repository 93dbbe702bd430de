//! Fixed parts of zip files: bytes at a place, numbers in them.

use std::io::{Read, Seek, SeekFrom};

use super::ArchiveError;
use super::source::read_full;

pub(super) fn seek_to(source: &mut impl Seek, at: u64) -> Result<(), ArchiveError> {
    source.seek(SeekFrom::Start(at)).map(drop).map_err(ArchiveError::of_stream)
}

pub(super) fn bytes_at<const N: usize>(
    source: &mut (impl Read + Seek),
    at: u64,
) -> Result<[u8; N], ArchiveError> {
    seek_to(source, at)?;
    next_bytes(source)
}

pub(super) fn next_bytes<const N: usize>(source: &mut impl Read) -> Result<[u8; N], ArchiveError> {
    let mut bytes = [0; N];
    fill(source, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn next_vec(source: &mut impl Read, length: u16) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = vec![0; length.into()];
    fill(source, &mut bytes)?;
    Ok(bytes)
}

fn fill(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), ArchiveError> {
    let read = read_full(source, bytes).map_err(ArchiveError::of_stream)?;
    if read == bytes.len() { Ok(()) } else { Err(ArchiveError::Truncated) }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

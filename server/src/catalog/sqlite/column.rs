//! Typed values from columns.

use std::str::FromStr;

use larder_schema::{Blake3, BuildName, Digest, Sha256, TreeChecksum, Version};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::de::DeserializeOwned;

use super::{inputs, numbers};
use crate::catalog::stock::Alike;

fn unreadable(
    index: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// A text that is a typed value.
pub(super) fn parsed<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(index)?.as_str()?.parse().map_err(|error| unreadable(index, error))
}

/// The same where there may be none.
pub(super) fn parsed_opt<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: Option<&str> = row.get_ref(index)?.as_str_or_null()?;
    text.map(str::parse).transpose().map_err(|error| unreadable(index, error))
}

/// A JSON document.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(index)?.as_str()?).map_err(|error| unreadable(index, error))
}

/// The same where there may be none.
pub(super) fn json_opt<T: DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<T>> {
    let text: Option<&str> = row.get_ref(index)?.as_str_or_null()?;
    text.map(serde_json::from_str).transpose().map_err(|error| unreadable(index, error))
}

/// A number that is never negative.
pub(super) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|error| unreadable(index, error))
}

/// The same where there may be none.
pub(super) fn number_opt(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(index)?;
    number.map(u64::try_from).transpose().map_err(|error| unreadable(index, error))
}

/// A build name from four columns: the numbers of its version, and its id.
pub(super) fn build_name(row: &Row<'_>, index: usize) -> rusqlite::Result<BuildName> {
    let [major, minor, patch] = [0, 1, 2].map(|more| number(row, index + more));
    let version = Version { major: major?, minor: minor?, patch: patch? };
    Ok(BuildName { version, build: parsed(row, index + 3)? })
}

pub(super) fn sha256(row: &Row<'_>, index: usize) -> rusqlite::Result<Sha256> {
    Ok(Sha256(row.get(index)?))
}

pub(super) fn sha256_opt(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Sha256>> {
    Ok(row.get::<_, Option<[u8; 32]>>(index)?.map(Sha256))
}

pub(super) fn blake3(row: &Row<'_>, index: usize) -> rusqlite::Result<Blake3> {
    Ok(Blake3(row.get(index)?))
}

pub(super) fn tree(row: &Row<'_>, index: usize) -> rusqlite::Result<TreeChecksum> {
    Ok(TreeChecksum(row.get(index)?))
}

pub(super) fn digest(row: &Row<'_>, index: usize) -> rusqlite::Result<Digest> {
    Ok(Digest(sha256(row, index)?))
}

/// Numbers in ascending order, where there are any known.
pub(super) fn ascending_opt(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Vec<u64>>> {
    let bytes = row.get_ref(index)?.as_blob_or_null()?;
    bytes.map(numbers::to_ascending).transpose().map_err(|error| unreadable(index, error))
}

/// What the dependencies of builds have in common, read into `alike`.
pub(super) fn alike(row: &Row<'_>, index: usize, alike: &mut Vec<Alike>) -> rusqlite::Result<()> {
    let bytes = row.get_ref(index)?.as_blob()?;
    inputs::from_bytes(bytes, alike).map_err(|error| unreadable(index, error))
}

/// A number as SQLite keeps it; what larder counts is below 2^53.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

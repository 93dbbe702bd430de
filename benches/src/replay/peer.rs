//! The peer: a bare loop that keeps the same bytes as durably, and nothing else.
//!
//! For each archive it writes one file, syncs it and its folder, and commits one row; for each batch it
//! commits the records. That is one commit for each request that the server acknowledges.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use larder_schema::Build;
use rusqlite::{Connection, params};

use larder_benches::parcel::Parcel;

/// Keeps what it is given.
pub(crate) struct Peer {
    folder: PathBuf,
    database: Connection,
}

impl Peer {
    /// A new one in a folder, which is made.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder)?;
        let database = Connection::open(folder.join("peer.sqlite"))?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(
            "CREATE TABLE archives (sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
             CREATE TABLE builds (key TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;",
        )?;
        Ok(Self { folder: folder.to_owned(), database })
    }

    /// Keeps a batch; answers how long that took.
    pub(crate) fn keep(&mut self, parcels: &[Parcel], builds: &[Build]) -> Result<Duration> {
        let began = Instant::now();
        for parcel in parcels {
            let mut file = File::create_new(self.folder.join(parcel.sha256.to_hex()))?;
            file.write_all(&parcel.bytes)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            self.database
                .prepare_cached("INSERT INTO archives (sha256, size) VALUES (?1, ?2)")?
                .execute(params![parcel.sha256.0, parcel.bytes.len() as i64])?;
        }
        let transaction = self.database.transaction()?;
        for build in builds {
            let record = serde_json::to_string(build)?;
            transaction
                .prepare_cached("INSERT INTO builds (key, record) VALUES (?1, ?2)")?
                .execute(params![build.key().to_string(), record])?;
        }
        transaction.commit()?;
        Ok(began.elapsed())
    }
}

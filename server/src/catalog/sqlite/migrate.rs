//! Brings a catalog of an older larder to the schema of this one.

use rusqlite::{Connection, TransactionBehavior};

use crate::catalog::Error;

/// All migrations in order; one that was released is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_first.sql")];

/// The catalog was made by a newer larder.
#[derive(Debug, thiserror::Error)]
#[error("its schema is number {found}, this larder knows {known}; use the newer larder")]
struct Newer {
    found: usize,
    known: usize,
}

/// Runs the migrations that the catalog has not seen, each in a transaction.
pub(super) fn migrate(writer: &mut Connection) -> Result<(), Error> {
    let version = |db: &Connection| -> Result<usize, Error> {
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    };
    let found = version(writer)?;
    if found > MIGRATIONS.len() {
        let source = Newer { found, known: MIGRATIONS.len() };
        return Err(Error::Unreadable {
            what: "tables of a newer larder".to_owned(),
            source: Box::new(source),
        });
    }
    for (index, migration) in MIGRATIONS.iter().enumerate() {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Looked up anew under the lock: another process may have migrated meanwhile.
        if version(&transaction)? == index {
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", index as i64 + 1)?;
            transaction.commit()?;
        }
    }
    Ok(())
}

//! What SQLite itself finds wrong with its files and between its tables.

use larder_schema::api::CheckFault;
use rusqlite::Connection;

use crate::catalog::Error;

pub(super) fn check(db: &Connection) -> Result<Vec<CheckFault>, Error> {
    let mut faults = Vec::new();
    let mut add = |fault: String| {
        faults.push(CheckFault { subject: "catalog".to_owned(), fault, archive: None });
    };
    let mut integrity = db.prepare("PRAGMA integrity_check(100)")?;
    for line in integrity.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            add(format!("the database is damaged: {line}"));
        }
    }
    let mut foreign = db.prepare("PRAGMA foreign_key_check")?;
    for table in foreign.query_map([], |row| row.get::<_, String>(0))? {
        add(format!("a row of `{}` points to nothing", table?));
    }
    Ok(faults)
}

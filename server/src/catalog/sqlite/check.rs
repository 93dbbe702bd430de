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
    let needed: i64 = db.query_row(UNKNOWN_DEPENDANTS, [], |row| row.get(0))?;
    if needed > 0 {
        add(format!("{needed} run dependencies cannot be looked up from the other side"));
    }
    let unnamed: i64 = db.query_row(UNNAMED_FILES, [], |row| row.get(0))?;
    if unnamed > 0 {
        add(format!("{unnamed} files of products are not found by their names"));
    }
    Ok(faults)
}

/// Run dependencies in records that `dependants` lacks, and rows there that no record tells of.
const UNKNOWN_DEPENDANTS: &str = "WITH told AS (\
     SELECT seq, value ->> '$.product' AS product, value ->> '$.requirement' AS requirement \
     FROM builds, json_each(record, '$.dependencies') \
     WHERE coalesce(value ->> '$.kind', 'run') = 'run') \
     SELECT (SELECT count(*) FROM (SELECT product, seq, requirement FROM told \
     EXCEPT SELECT product, build, requirement FROM dependants)) \
     + (SELECT count(*) FROM (SELECT product, build, requirement FROM dependants \
     EXCEPT SELECT product, seq, requirement FROM told))";

/// Files of published builds whose names, which is what follows the last `/`, a search cannot find.
const UNNAMED_FILES: &str = "SELECT count(*) FROM \
     (SELECT DISTINCT product, archive FROM builds WHERE archive IS NOT NULL) AS named \
     JOIN entries ON entries.archive = named.archive WHERE kind <> 3 AND NOT EXISTS \
     (SELECT 1 FROM product_files WHERE product_files.product = named.product AND name = \
     substr(path, length(rtrim(path, replace(path, '/', ''))) + 1))";

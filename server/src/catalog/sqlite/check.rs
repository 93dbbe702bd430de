//! What SQLite itself finds wrong with its files and between its tables.

use larder_schema::api::CheckFault;
use rusqlite::Connection;

use super::inputs;
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
    let stale: i64 = db.query_row(STALE_LIKENESSES, [], |row| row.get(0))?;
    if stale > 0 {
        add(format!("{stale} sets of dependencies do not tell the last build that has them"));
    }
    let unnoted = inputs::count_unnoted(db)?;
    if unnoted > 0 {
        add(format!("{unnoted} builds are not found by what they were built against"));
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

/// Rows by which a plan would stop too early, or look for builds that are not there.
const STALE_LIKENESSES: &str = "SELECT count(*) FROM likenesses WHERE newest IS NOT \
     (SELECT max(build) FROM inputs WHERE likeness = first)";

#[cfg(test)]
mod tests {
    use larder_schema::Build;

    use super::*;
    use crate::catalog::sqlite::{migrate, record};
    use crate::catalog::{Act, Publication};

    #[test]
    fn what_cannot_be_found_is_a_fault() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut db).unwrap();
        let record = r#"{"dependencies": [{"product": "log", "requirement": "^1"},
            {"product": "pytest", "requirement": "*", "kind": "test"}]}"#;
        db.execute_batch(&format!(
            "INSERT INTO products (id, name, skeleton, builds) VALUES (1, 'afw', 'afw', 1);
             INSERT INTO archives (id, sha256, blake3, size, format, key, tree, unpacked)
                 VALUES (1, x'00', x'00', 1, 'tar', 'k', x'00', 1);
             INSERT INTO entries (archive, path, kind) VALUES (1, 'lib', 3), (1, 'lib/lib/l', 2);
             INSERT INTO builds VALUES (1, 1, 1, 0, 0, 'b1', '*b*', x'00', 'any', 1, NULL, NULL, NULL, 0, 0,
                 NULL, NULL, NULL, x'00', '2026-11-23T06:00:00Z', 'ci', '{record}');"
        ))
        .unwrap();

        let faults = |db: &Connection| -> Vec<String> {
            check(db).unwrap().into_iter().map(|fault| fault.fault).collect()
        };

        assert_eq!(
            faults(&db),
            [
                "1 run dependencies cannot be looked up from the other side",
                "1 files of products are not found by their names"
            ]
        );
        db.execute_batch(
            "INSERT INTO dependants VALUES ('log', 1, '^1', NULL, NULL);
             INSERT INTO product_files VALUES ('l', 1);",
        )
        .unwrap();
        assert!(faults(&db).is_empty());
        db.execute_batch("INSERT INTO dependants VALUES ('pytest', 1, '*', NULL, NULL);").unwrap();
        assert_eq!(faults(&db).len(), 1);
        db.execute_batch(
            "DELETE FROM dependants WHERE product = 'pytest';
             INSERT INTO sources VALUES (1, 1, 'a');
             INSERT INTO likenesses VALUES (1, x'', 1, 1);",
        )
        .unwrap();
        assert_eq!(
            faults(&db),
            ["1 sets of dependencies do not tell the last build that has them"]
        );
        db.execute_batch("INSERT INTO inputs VALUES (1, 1, x'', NULL, 1);").unwrap();
        assert!(faults(&db).is_empty());
    }

    #[test]
    fn a_build_that_is_not_noted_although_all_is_there_is_a_fault() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut db).unwrap();
        let build = |product: &str, needs: serde_json::Value| -> Build {
            let revision = "a".repeat(40);
            serde_json::from_value(serde_json::json!({
                "product": product, "version": "1.0.0", "build": "b1", "platform": "any",
                "archive": null, "dependencies": needs,
                "source": {"repository": "https://example.org/x", "revision": revision},
            }))
            .unwrap()
        };
        let against = |name: &str| {
            serde_json::json!([{"product": "log", "requirement": "*",
                                "built_against": {"build": name}}])
        };
        let builds = [
            build("log", serde_json::json!([])),
            build("afw", against("1.0.0-b1")),
            build("waits", against("1.0.0-b2")),
            build("untold", serde_json::json!([{"product": "log", "requirement": "*"}])),
        ];
        let builds: Vec<_> =
            builds.into_iter().map(|build| (build.clone(), build.digest().unwrap())).collect();
        let publication = Publication {
            builds,
            distribution: None,
            tags: Vec::new(),
            twins: true,
            new_products: true,
        };
        let act = Act { by: "ci".parse().unwrap(), at: "2026-11-23T06:00:00Z".parse().unwrap() };
        assert!(record::record(&db, &publication, &act).is_ok());

        let before = check(&db).unwrap();
        db.execute_batch("DELETE FROM inputs; DELETE FROM likenesses;").unwrap();
        let after = check(&db).unwrap();

        assert!(before.is_empty(), "{before:?}");
        assert_eq!(after.len(), 1, "{after:?}");
        assert_eq!(after[0].fault, "2 builds are not found by what they were built against");
    }
}

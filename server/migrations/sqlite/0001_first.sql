-- What the server counts: the last number of its order of publication, and the highest number that a
-- build id was given with or came with.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('seq', 0), ('build_ids', 0);

-- Tokens are kept by the SHA-256 of their text; the text is nowhere.
CREATE TABLE tokens (
    name      TEXT PRIMARY KEY,
    hash      BLOB NOT NULL UNIQUE,
    scopes    TEXT NOT NULL,
    test      INTEGER NOT NULL,
    created   TEXT NOT NULL,
    expires   TEXT,
    revoked   TEXT,
    last_used TEXT
) STRICT;

CREATE TABLE uploads (
    id       TEXT PRIMARY KEY,
    token    BLOB NOT NULL,
    filename TEXT NOT NULL,
    sha256   BLOB,
    length   INTEGER NOT NULL,
    offset   INTEGER NOT NULL,
    created  TEXT NOT NULL,
    expires  TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_token ON uploads (token);

-- Who has shown that they have an archive, by sending it: knowing its checksum grants nothing.
CREATE TABLE senders (
    token   BLOB NOT NULL,
    archive BLOB NOT NULL,
    PRIMARY KEY (token, archive)
) STRICT, WITHOUT ROWID;

-- A row means that the bytes are durable under `key`.
-- folder, has_table: the two folders that all of it lies in, and whether EUPS's table file is there.
CREATE TABLE archives (
    id         INTEGER PRIMARY KEY,
    sha256     BLOB NOT NULL UNIQUE,
    blake3     BLOB NOT NULL,
    size       INTEGER NOT NULL,
    format     TEXT NOT NULL,
    key        TEXT NOT NULL UNIQUE,
    tree       BLOB NOT NULL,
    tar_sha256 BLOB,
    unpacked   INTEGER NOT NULL,
    folder     TEXT,
    has_table  INTEGER
) STRICT;
CREATE INDEX archives_blake3 ON archives (blake3);
CREATE INDEX archives_tree ON archives (tree);

-- Each content once, however many archives hold it: most builds repeat the files of the last.
CREATE TABLE files (
    id     INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    blake3 BLOB NOT NULL,
    size   INTEGER NOT NULL
) STRICT;
CREATE INDEX files_blake3 ON files (blake3);

-- kind: 0 file, 1 executable file, 2 link, 3 folder.
CREATE TABLE entries (
    archive INTEGER NOT NULL REFERENCES archives (id),
    path    TEXT NOT NULL,
    kind    INTEGER NOT NULL,
    file    INTEGER REFERENCES files (id),
    target  TEXT,
    offset  INTEGER,
    PRIMARY KEY (archive, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_file ON entries (file, archive, path) WHERE file IS NOT NULL;

-- newest: the newest build that is no test build; shown in lists.
-- document: what an admin declared, if anything.
CREATE TABLE products (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    skeleton TEXT NOT NULL,
    builds   INTEGER NOT NULL,
    newest   INTEGER,
    summary  TEXT,
    document TEXT
) STRICT;
CREATE INDEX products_skeleton ON products (skeleton);

-- Repositories that belong to one product, as `repository_key` spells them.
CREATE TABLE product_repositories (
    repository TEXT PRIMARY KEY,
    product    INTEGER NOT NULL REFERENCES products (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX product_repositories_product ON product_repositories (product);

-- Names that somebody wanted to publish under, where an admin approves new products. Nothing was
-- acknowledged, so that the journal does not tell of them.
CREATE TABLE pending_products (
    name TEXT PRIMARY KEY,
    at   TEXT NOT NULL,
    by   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which names the files of a product have had, without their folders: each once, however many builds
-- have it, so that a search costs what it finds.
CREATE TABLE product_files (
    name    TEXT NOT NULL COLLATE NOCASE,
    product INTEGER NOT NULL REFERENCES products (id),
    PRIMARY KEY (name, product)
) STRICT, WITHOUT ROWID;

-- The sources that there are builds of.
CREATE TABLE sources (
    id       INTEGER PRIMARY KEY,
    product  INTEGER NOT NULL REFERENCES products (id),
    revision TEXT NOT NULL,
    UNIQUE (product, revision)
) STRICT;
CREATE INDEX sources_revision ON sources (revision);

-- series, number: where the bID stands among those of its version (`BuildId::place`).
-- same_as: the first build of the product that unpacks to the same, where that is another one.
-- abi: 1 where it serves only who was built against this very build.
-- facts: what of the record decides whether a build may be taken, where it says anything of that.
-- eups: its version for EUPS, where that can hold it.
-- record: the build record with all that the server adds but `published`; it is last, as what lies
-- behind a long text is slow to come by.
CREATE TABLE builds (
    seq              INTEGER PRIMARY KEY,
    product          INTEGER NOT NULL REFERENCES products (id),
    major            INTEGER NOT NULL,
    minor            INTEGER NOT NULL,
    patch            INTEGER NOT NULL,
    build            TEXT NOT NULL,
    series           TEXT NOT NULL,
    number           BLOB NOT NULL,
    platform         TEXT NOT NULL,
    archive          INTEGER REFERENCES archives (id),
    archive_name     TEXT,
    source           INTEGER REFERENCES sources (id),
    same_as          INTEGER,
    test             INTEGER NOT NULL,
    abi              INTEGER NOT NULL,
    upstream_version TEXT,
    eups             TEXT,
    facts            TEXT,
    digest           BLOB NOT NULL,
    at               TEXT NOT NULL,
    by               TEXT NOT NULL,
    record           TEXT NOT NULL,
    UNIQUE (product, major, minor, patch, build, platform)
) STRICT;
CREATE INDEX builds_newest ON builds (product, major, minor, patch, series, number);
CREATE INDEX builds_archive ON builds (archive, seq);
CREATE INDEX builds_digest ON builds (digest);
CREATE INDEX builds_source ON builds (source) WHERE source IS NOT NULL;
CREATE INDEX builds_eups ON builds (product, eups, seq) WHERE eups IS NOT NULL;
CREATE INDEX builds_upstream_version ON builds (upstream_version)
    WHERE upstream_version IS NOT NULL;

-- The first build of each product that unpacks to a tree.
CREATE TABLE trees (
    product INTEGER NOT NULL REFERENCES products (id),
    tree    BLOB NOT NULL,
    build   INTEGER NOT NULL REFERENCES builds (seq),
    PRIMARY KEY (product, tree)
) STRICT, WITHOUT ROWID;

-- What builds that a plan may reuse were built against, where that is known of all their direct
-- dependencies. Test builds are not here, nor are those with changes that no revision tells.
-- exact: the numbers of those builds. content: those of the first ones that unpack to the same, where
-- they are others. likeness: the first of the row in `likenesses`.
CREATE TABLE inputs (
    build    INTEGER PRIMARY KEY REFERENCES builds (seq),
    source   INTEGER NOT NULL REFERENCES sources (id),
    exact    BLOB NOT NULL,
    content  BLOB,
    likeness INTEGER NOT NULL
) STRICT;
CREATE INDEX inputs_exact ON inputs (source, exact);
CREATE INDEX inputs_content ON inputs (source, content) WHERE content IS NOT NULL;
CREATE INDEX inputs_likeness ON inputs (likeness);

-- Against which sources and major versions builds of a source were built, each such set once.
-- first, newest: the first build that was noted with it, and the last published one.
CREATE TABLE likenesses (
    source       INTEGER NOT NULL REFERENCES sources (id),
    dependencies BLOB NOT NULL,
    first        INTEGER NOT NULL,
    newest       INTEGER NOT NULL,
    PRIMARY KEY (source, dependencies)
) STRICT, WITHOUT ROWID;

-- What builds that a plan may reuse tell that they were built against, while it is not there, or there
-- for another platform only: then another may be meant once that comes.
-- archive: empty where the record does not tell it. lacking: 1 where none that is there is meant.
CREATE TABLE waiting (
    product TEXT NOT NULL,
    build   TEXT NOT NULL,
    archive BLOB NOT NULL,
    waits   INTEGER NOT NULL REFERENCES builds (seq),
    lacking INTEGER NOT NULL,
    PRIMARY KEY (product, build, archive, waits)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_lacking ON waiting (waits) WHERE lacking = 1;

-- Run dependencies: what a build needs, and which builds need a product, which may not be there yet.
CREATE TABLE dependants (
    product       TEXT NOT NULL,
    build         INTEGER NOT NULL REFERENCES builds (seq),
    requirement   TEXT NOT NULL,
    built_against TEXT,
    built_archive BLOB,
    PRIMARY KEY (build, product)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependants_product ON dependants (product, build);

-- eups: its version as a tag of EUPS. document: last, as what lies behind a long text is slow to come by.
CREATE TABLE distributions (
    seq      INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    version  TEXT NOT NULL,
    platform TEXT NOT NULL,
    stage    TEXT NOT NULL,
    eups     TEXT NOT NULL,
    digest   BLOB NOT NULL,
    at       TEXT NOT NULL,
    by       TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (name, version, platform)
) STRICT;
CREATE INDEX distributions_digest ON distributions (digest);
CREATE INDEX distributions_eups ON distributions (eups);

CREATE TABLE distribution_builds (
    build        INTEGER NOT NULL REFERENCES builds (seq),
    distribution INTEGER NOT NULL REFERENCES distributions (seq),
    PRIMARY KEY (build, distribution)
) STRICT, WITHOUT ROWID;
CREATE INDEX distribution_builds_distribution ON distribution_builds (distribution);

-- Tarballs that were made for EUPS, of builds whose archives it cannot take as they are; the bytes are
-- durable under `key`. They can be made again, so that the journal does not tell of them.
CREATE TABLE eups_tarballs (
    build  INTEGER PRIMARY KEY REFERENCES builds (seq),
    sha256 BLOB NOT NULL,
    blake3 BLOB NOT NULL,
    size   INTEGER NOT NULL,
    key    TEXT NOT NULL UNIQUE
) STRICT;

-- Every move of every tag, in the order of moving; the highest serial is where a tag stands.
-- eups: the tag as one of EUPS.
CREATE TABLE tags (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    tag     TEXT NOT NULL,
    serial  INTEGER NOT NULL,
    version TEXT NOT NULL,
    eups    TEXT NOT NULL,
    at      TEXT NOT NULL,
    by      TEXT NOT NULL,
    UNIQUE (name, tag, serial)
) STRICT;
CREATE INDEX tags_eups ON tags (eups);

CREATE TABLE statements (
    id      INTEGER PRIMARY KEY,
    subject BLOB NOT NULL,
    kind    TEXT NOT NULL,
    said    TEXT NOT NULL,
    at      TEXT NOT NULL,
    by      TEXT NOT NULL
) STRICT;
CREATE INDEX statements_subject ON statements (subject, kind);

-- stored: whether the document is known to be durable in the blob store.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,
    digest   BLOB NOT NULL,
    document TEXT NOT NULL,
    stored   INTEGER NOT NULL
) STRICT;
CREATE INDEX journal_unstored ON journal (seq) WHERE stored = 0;

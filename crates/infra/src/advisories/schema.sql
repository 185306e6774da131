-- Advisories by feed. A feed speaks for itself alone: what one says, another cannot take back.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Moves whenever an answer may have changed.
    generation INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 1);

CREATE TABLE feed (
    name TEXT PRIMARY KEY,
    -- What is known of the feed itself, as JSON.
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    feed TEXT NOT NULL,
    advisory TEXT NOT NULL,
    -- Microseconds since 1970.
    modified INTEGER NOT NULL,
    withdrawn INTEGER NOT NULL,
    malicious INTEGER NOT NULL,
    -- Of the record as it came, so that what did not change is not read again.
    digest BLOB NOT NULL,
    UNIQUE (advisory, feed)
) STRICT;
CREATE INDEX record_feed ON record (feed);

-- Apart from `record`: looking through the records of a feed does not turn over their texts.
CREATE TABLE body (
    record INTEGER PRIMARY KEY,
    json TEXT NOT NULL
) STRICT;

CREATE TABLE subject (
    project TEXT NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (project, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX subject_record ON subject (record);

CREATE TABLE alias (
    alias TEXT NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (alias, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_record ON alias (record);

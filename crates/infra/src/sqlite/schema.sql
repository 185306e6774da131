-- The state, version 1. Instants are RFC 3339 texts, and nanoseconds since 1970
-- where they are compared; `docs/state.md` explains every table.

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES ('age', 0), ('token', 0);

CREATE TABLE queue (
    key        TEXT PRIMARY KEY,
    state      INTEGER NOT NULL CHECK (state IN (0, 1, 2)), -- queued, running, parked
    priority   INTEGER NOT NULL,
    not_before INTEGER,
    floor      INTEGER,
    age        INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    why        TEXT,
    token      INTEGER, -- these three while it runs
    owner      TEXT,
    until      INTEGER,
    again_priority   INTEGER, -- what was asked while it ran; null if nothing was
    again_not_before INTEGER,
    again_floor      INTEGER,
    rank  INTEGER NOT NULL, -- what follows is derived, for the indices: the priority that counts,
    due   INTEGER NOT NULL, -- the instant from which it may be leased,
    ripe  INTEGER NOT NULL  -- and whether some lease found that instant reached
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_ripe ON queue (rank DESC, age, key, due) WHERE ripe = 1;
CREATE INDEX queue_due ON queue (ripe, due);

CREATE TABLE fact (
    id      INTEGER PRIMARY KEY,
    address BLOB NOT NULL UNIQUE,
    format  INTEGER NOT NULL,
    project TEXT NOT NULL,
    version TEXT,
    kind    TEXT NOT NULL,
    json    TEXT NOT NULL
) STRICT;
CREATE INDEX fact_about ON fact (project, version, kind);

CREATE TABLE first_seen (
    ty       TEXT NOT NULL,
    filename TEXT NOT NULL,
    digest   BLOB NOT NULL,
    at       TEXT NOT NULL,
    PRIMARY KEY (ty, filename)
) STRICT, WITHOUT ROWID;

CREATE TABLE watch (
    purl TEXT PRIMARY KEY,
    at   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

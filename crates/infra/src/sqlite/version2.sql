-- The state, version 2: who may ask, and who was given what.

INSERT INTO counter VALUES ('tokens', 0); -- grows whenever a token is added or revoked

CREATE TABLE token (
    id        TEXT PRIMARY KEY,
    hash      BLOB NOT NULL, -- SHA-256 of the token's text, which is kept nowhere
    team      TEXT NOT NULL,
    agent     TEXT,
    admin     INTEGER NOT NULL CHECK (admin IN (0, 1)),
    note      TEXT,
    created   TEXT NOT NULL,
    expires   TEXT,
    revoked   TEXT,
    last_used TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id       INTEGER PRIMARY KEY,
    project  TEXT NOT NULL,
    version  TEXT NOT NULL, -- '' for none, here and in the following: a null is equal to no null
    filename TEXT NOT NULL,
    sha256   BLOB NOT NULL,
    team     TEXT NOT NULL,
    token    TEXT NOT NULL,
    agent    TEXT NOT NULL,
    first    INTEGER NOT NULL, -- nanoseconds since 1970, like last
    last     INTEGER NOT NULL,
    times    INTEGER NOT NULL,
    UNIQUE (project, version, filename, sha256, team, token, agent)
) STRICT;
CREATE INDEX journal_last ON journal (last);

-- Alerts, overrides and the like are listed over all packages.
CREATE INDEX fact_kind ON fact (kind);

-- The site's terms, in versions; the last is in force. Never changed, never taken away.
CREATE TABLE policies (
    version INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    -- None: as shipped, by the command line, or because what ships changed.
    by_person INTEGER REFERENCES people (id),
    -- As somebody wrote it (TOML).
    text TEXT NOT NULL,
    -- SHA-256 of all that deadlines are reckoned from, with what the text leaves out.
    print TEXT NOT NULL
) STRICT;

-- What was reckoned by an earlier version is reckoned anew, what is due next first.
DROP INDEX obligations_of_policy;
CREATE INDEX obligations_of_policy ON obligations (policy, next_rung_at_ms) WHERE state = 'open';

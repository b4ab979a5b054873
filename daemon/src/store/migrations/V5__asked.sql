-- Calls that were asked for to keep an obligation, so that there is one at a time.
CREATE TABLE dials (
    leg TEXT PRIMARY KEY,
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    pbx TEXT NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX dials_of_obligation ON dials (obligation, at_ms);
CREATE INDEX calls_originated ON calls (originated) WHERE originated IS NOT NULL;

-- Who listened in on whom; `from_ms` none: the phone was not picked up, or not yet.
CREATE TABLE spyings (
    leg TEXT PRIMARY KEY,
    call TEXT NOT NULL,
    agent TEXT NOT NULL,
    person INTEGER REFERENCES people (id),
    how TEXT NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    at_ms INTEGER NOT NULL,
    from_ms INTEGER,
    to_ms INTEGER
) STRICT;

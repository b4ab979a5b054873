-- Each fact bears a hash over the one before it and its own columns; the daemon writes those of
-- facts that were there before.
ALTER TABLE facts ADD COLUMN hash TEXT;

-- One for each transaction: the rows as it left them, the last fact, and the seals before it.
CREATE TABLE seals (
    nth INTEGER PRIMARY KEY,
    -- The last fact then, and its hash.
    fact INTEGER NOT NULL,
    fact_hash TEXT NOT NULL,
    -- A line a row: table, rowid, and the digest of what it holds; - where it was taken away.
    rows TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;

-- What the digests are salted with, so that none that is given away tells what it is of.
CREATE TABLE chain_key (
    key TEXT PRIMARY KEY
) STRICT;

-- What people were shown, or took away, that not everybody sees.
CREATE INDEX facts_of_looks ON facts (seq) WHERE kind IN ('numbers_shown', 'evidence_made');

-- Runs of senders on the native socket, and how far each is kept.
CREATE TABLE sources (
    pbx TEXT NOT NULL,
    source TEXT NOT NULL,
    boot TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    kept_at_ms INTEGER NOT NULL,
    PRIMARY KEY (pbx, source)
) STRICT;

-- What senders told of calls that are not over, to be told to the tracker again after a restart. An
-- empty line: what was told before it may not be all.
CREATE TABLE journal (
    nth INTEGER PRIMARY KEY,
    pbx TEXT NOT NULL,
    source TEXT NOT NULL,
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    call TEXT NOT NULL,
    line TEXT NOT NULL
) STRICT;
CREATE INDEX journal_of_call ON journal (call);

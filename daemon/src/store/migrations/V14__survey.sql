-- What closed matters are drawn by to be looked at again; one row, made when the store is new.
CREATE TABLE draw_seed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seed TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- Each closing of a matter at which its lot was looked at, by the percent in force then.
CREATE TABLE draws (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    at_ms INTEGER NOT NULL,
    lot INTEGER NOT NULL,
    percent INTEGER NOT NULL,
    drawn INTEGER NOT NULL,
    PRIMARY KEY (ticket, at_ms)
) STRICT;
CREATE INDEX draws_by_time ON draws (at_ms);

ALTER TABLE surveys ADD COLUMN score INTEGER;

-- Each asking of a customer how they were served: by the PBX at the end of a call, or by an agent at a
-- return visit or spot check. Offered, heard and answered are counted apart.
CREATE TABLE surveyings (
    -- call:CALL or obligation:OBLIGATION
    key TEXT PRIMARY KEY,
    way TEXT NOT NULL,
    call TEXT REFERENCES calls (id),
    obligation INTEGER REFERENCES obligations (id),
    ticket INTEGER REFERENCES tickets (id),
    -- Who served the customer, and as the PBX names them.
    person INTEGER REFERENCES people (id),
    agent TEXT,
    queue TEXT,
    offered_at_ms INTEGER NOT NULL,
    heard_at_ms INTEGER,
    answered_at_ms INTEGER,
    -- The key, also where it is none of the scale's: then there is no result.
    pressed INTEGER,
    result TEXT,
    score INTEGER
) STRICT;
CREATE INDEX surveyings_by_time ON surveyings (offered_at_ms);
CREATE INDEX surveyings_of_ticket ON surveyings (ticket) WHERE ticket IS NOT NULL;

-- Who stands in for whom; what a rung tells waits for the end of the quiet hours, and goes out in
-- messages.

ALTER TABLE people ADD COLUMN away INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN deputy INTEGER REFERENCES people (id);

-- When something changed what the next rung's time is reckoned from, last.
ALTER TABLE obligations ADD COLUMN moved_at_ms INTEGER;

CREATE TABLE messages (
    -- The idempotency key of whatever is sent.
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    -- How many rows of the outbox it tells.
    told INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    delivered_at_ms INTEGER
) STRICT;
INSERT INTO messages (id, channel, person, told, at_ms, delivered_at_ms)
    SELECT id, channel, person, 1, at_ms, delivered_at_ms FROM outbox;
CREATE INDEX messages_waiting ON messages (id) WHERE delivered_at_ms IS NULL;
CREATE INDEX messages_of_person ON messages (person, id);

CREATE TABLE tellings (
    id INTEGER PRIMARY KEY,
    -- What is told to whom, once: rung:OBLIGATION:RUNG:PERSON.
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    rung TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    -- Not before: the end of the quiet hours in which it came.
    send_at_ms INTEGER NOT NULL,
    -- The one that tells it.
    message INTEGER REFERENCES messages (id)
) STRICT;
INSERT INTO tellings (id, key, channel, person, obligation, rung, at_ms, send_at_ms, message)
    SELECT id, key, channel, person, obligation, rung, at_ms, at_ms, id FROM outbox;
DROP TABLE outbox;
ALTER TABLE tellings RENAME TO outbox;
CREATE INDEX outbox_to_send ON outbox (send_at_ms) WHERE message IS NULL;
CREATE INDEX outbox_to_send_to ON outbox (person, send_at_ms) WHERE message IS NULL;
CREATE INDEX outbox_of_message ON outbox (message) WHERE message IS NOT NULL;
CREATE INDEX outbox_of_obligation ON outbox (obligation, rung);

-- In whose place somebody is told.
CREATE TABLE outbox_instead_of (
    outbox INTEGER NOT NULL REFERENCES outbox (id),
    person INTEGER NOT NULL REFERENCES people (id),
    PRIMARY KEY (outbox, person)
) STRICT;

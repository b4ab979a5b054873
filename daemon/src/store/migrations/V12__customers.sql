-- What a customer is to the site, who looks after them, and whose record theirs became part of.
ALTER TABLE customers ADD COLUMN class TEXT NOT NULL DEFAULT '';
ALTER TABLE customers ADD COLUMN manager INTEGER REFERENCES people (id);
ALTER TABLE customers ADD COLUMN merged_into INTEGER REFERENCES customers (id);
CREATE INDEX customers_by_name ON customers (name);
CREATE INDEX customers_by_company ON customers (company) WHERE company <> '';
CREATE INDEX tickets_of_customer ON tickets (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX obligations_of_customer ON obligations (customer, id) WHERE customer IS NOT NULL;
CREATE INDEX facts_of_customer ON facts (customer, seq) WHERE customer IS NOT NULL;

-- What went from one customer to another: by a merge all of it, by a split what was named.
CREATE TABLE shifts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    giver INTEGER NOT NULL REFERENCES customers (id),
    taker INTEGER NOT NULL REFERENCES customers (id),
    at_ms INTEGER NOT NULL,
    by_person INTEGER REFERENCES people (id),
    -- The numbers, matters and obligations that went (JSON, as its fact has it).
    moved TEXT NOT NULL,
    undone_at_ms INTEGER,
    undone_by INTEGER REFERENCES people (id)
) STRICT;
CREATE INDEX shifts_of_giver ON shifts (giver, id);
CREATE INDEX shifts_of_taker ON shifts (taker, id);

-- Which account managers were told of which complaints of their customers.
CREATE TABLE complaints_told (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    manager INTEGER NOT NULL REFERENCES people (id),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (ticket, manager)
) STRICT;

-- Whose calls are to be answered with care, or not at all.
CREATE TABLE blacklist (
    number TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id),
    at_ms INTEGER NOT NULL,
    -- None: until somebody takes it off.
    until_ms INTEGER
) STRICT;

-- What is told may be of a matter, and not only of something owed in it.
CREATE TABLE tellings (
    id INTEGER PRIMARY KEY,
    -- What is told to whom, once: rung:OBLIGATION:RUNG:PERSON.
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    obligation INTEGER REFERENCES obligations (id),
    rung TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    -- Not before: the end of the quiet hours in which it came.
    send_at_ms INTEGER NOT NULL,
    -- The one that tells it.
    message INTEGER REFERENCES messages (id),
    ticket INTEGER REFERENCES tickets (id),
    CHECK ((obligation IS NULL) <> (ticket IS NULL))
) STRICT;
INSERT INTO tellings (id, key, channel, person, obligation, rung, at_ms, send_at_ms, message)
    SELECT id, key, channel, person, obligation, rung, at_ms, send_at_ms, message FROM outbox;
DROP TABLE outbox;
ALTER TABLE tellings RENAME TO outbox;
CREATE INDEX outbox_to_send ON outbox (send_at_ms) WHERE message IS NULL;
CREATE INDEX outbox_to_send_to ON outbox (person, send_at_ms) WHERE message IS NULL;
CREATE INDEX outbox_of_message ON outbox (message) WHERE message IS NOT NULL;
CREATE INDEX outbox_of_obligation ON outbox (obligation, rung) WHERE obligation IS NOT NULL;

-- Who works on a matter for its owner, and whose it is to decide.
ALTER TABLE tickets ADD COLUMN handler INTEGER REFERENCES people (id);
ALTER TABLE tickets ADD COLUMN department TEXT;
CREATE INDEX tickets_of_handler ON tickets (handler, id) WHERE handler IS NOT NULL;
CREATE INDEX tickets_of_department ON tickets (department, id) WHERE department IS NOT NULL;

CREATE TABLE department_people (
    department TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    post TEXT NOT NULL,
    PRIMARY KEY (department, post, person)
) STRICT;

-- Matters, or the work on them, that somebody was offered, and what came of it.
CREATE TABLE offers (
    obligation INTEGER PRIMARY KEY REFERENCES obligations (id),
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    part TEXT NOT NULL,
    from_person INTEGER REFERENCES people (id),
    to_person INTEGER REFERENCES people (id),
    to_department TEXT,
    by_person INTEGER NOT NULL REFERENCES people (id),
    words TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    ended TEXT,
    ended_at_ms INTEGER,
    ended_by INTEGER REFERENCES people (id),
    end_why TEXT
) STRICT;
CREATE UNIQUE INDEX offers_that_stand ON offers (ticket) WHERE ended IS NULL;
CREATE INDEX offers_of_ticket ON offers (ticket, at_ms);
CREATE INDEX offers_by_time ON offers (at_ms);

-- The chain of owners, and of those who worked on it for them.
CREATE TABLE holders (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    part TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    how TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id),
    from_ms INTEGER NOT NULL,
    to_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX holders_now ON holders (ticket, part) WHERE to_ms IS NULL;
CREATE INDEX holders_of_ticket ON holders (ticket, id);
-- Matters from before have the owner whom they had.
INSERT INTO holders (id, ticket, part, person, how, from_ms)
    SELECT id, id, 'matter', owner, 'talked', opened_at_ms FROM tickets WHERE owner IS NOT NULL;

-- What lies with a matter: notes of those who work on it, files, and which other matters it has to do
-- with. What was merged into another matter points there.

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    by_person INTEGER REFERENCES people (id),
    at_ms INTEGER NOT NULL,
    words TEXT NOT NULL
) STRICT;
CREATE INDEX comments_of_ticket ON comments (ticket, id);

-- `ticket` is `how` to `other`.
CREATE TABLE ties (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    how TEXT NOT NULL,
    other INTEGER NOT NULL REFERENCES tickets (id),
    PRIMARY KEY (ticket, how, other)
) STRICT;
CREATE INDEX ties_of_other ON ties (other);

-- The bytes are files named by their SHA-256; of one content there is one file, whoever else has it.
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    name TEXT NOT NULL,
    media TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id),
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX attachments_of_ticket ON attachments (ticket, id);
CREATE INDEX attachments_of_content ON attachments (sha256);

ALTER TABLE tickets ADD COLUMN merged_into INTEGER REFERENCES tickets (id);
CREATE INDEX tickets_merged ON tickets (merged_into) WHERE merged_into IS NOT NULL;

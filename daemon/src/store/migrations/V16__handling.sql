-- What a complaint is about.
ALTER TABLE tickets ADD COLUMN object_product TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN object_order TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN object_batch TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN object_person TEXT NOT NULL DEFAULT '';
ALTER TABLE tickets ADD COLUMN object_department TEXT NOT NULL DEFAULT '';

-- What was found out about a matter, what the customer was told, and what is on file.
CREATE TABLE handlings (
    ticket INTEGER PRIMARY KEY REFERENCES tickets (id),
    version INTEGER NOT NULL,
    finding TEXT,
    reason TEXT NOT NULL,
    cause TEXT NOT NULL,
    party TEXT NOT NULL,
    solution TEXT NOT NULL,
    loss_cents INTEGER,
    saved_by INTEGER REFERENCES people (id),
    saved_at_ms INTEGER,
    told_at_ms INTEGER,
    told_how TEXT,
    told_words TEXT,
    told_by INTEGER REFERENCES people (id),
    withdrawn INTEGER NOT NULL DEFAULT 0,
    filed_at_ms INTEGER,
    filed_words TEXT,
    filed_by INTEGER REFERENCES people (id)
) STRICT;

CREATE TABLE investigations (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    at_ms INTEGER NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    words TEXT NOT NULL
) STRICT;
CREATE INDEX investigations_of_ticket ON investigations (ticket, id);

CREATE TABLE investigation_files (
    investigation INTEGER NOT NULL REFERENCES investigations (id),
    attachment INTEGER NOT NULL REFERENCES attachments (id),
    PRIMARY KEY (investigation, attachment)
) STRICT;

CREATE TABLE remedies (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    kind TEXT NOT NULL,
    sum_cents INTEGER NOT NULL,
    words TEXT NOT NULL,
    state TEXT NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    at_ms INTEGER NOT NULL,
    decided_by INTEGER REFERENCES people (id),
    decided_at_ms INTEGER,
    why TEXT
) STRICT;
CREATE INDEX remedies_of_ticket ON remedies (ticket, id);
CREATE INDEX remedies_requested ON remedies (at_ms) WHERE state = 'requested';

-- For supervisors and managers.
CREATE TABLE assessments (
    id INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    at_ms INTEGER NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    words TEXT NOT NULL
) STRICT;
CREATE INDEX assessments_of_ticket ON assessments (ticket, id);

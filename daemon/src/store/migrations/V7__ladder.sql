-- Who stands in for whom, and in whose place somebody was told.

ALTER TABLE people ADD COLUMN away INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN deputy INTEGER REFERENCES people (id);

CREATE TABLE outbox_instead_of (
    outbox INTEGER NOT NULL REFERENCES outbox (id),
    person INTEGER NOT NULL REFERENCES people (id),
    PRIMARY KEY (outbox, person)
) STRICT;
CREATE INDEX outbox_of_obligation ON outbox (obligation, rung);

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

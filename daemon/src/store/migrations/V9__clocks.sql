-- What customers said of matters that were over, when asked at a return visit or a spot check.
CREATE TABLE surveys (
    obligation INTEGER PRIMARY KEY REFERENCES obligations (id),
    result TEXT NOT NULL,
    words TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id),
    at_ms INTEGER NOT NULL
) STRICT;

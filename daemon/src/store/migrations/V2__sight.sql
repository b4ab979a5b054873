-- Until when the daemon is known to have been alive and looking, by PBX; the empty name is the
-- house itself, which looks at its disk where there is no PBX.
CREATE TABLE alive (
    pbx TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;

-- Who saved the customer last, for whoever meant to save it too.
ALTER TABLE customers ADD COLUMN saved_by INTEGER REFERENCES people (id);

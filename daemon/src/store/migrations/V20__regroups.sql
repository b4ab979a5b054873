-- What went from one ticket to another: by a merge all of it, by a split what was named. A ticket that
-- became part of another bears it in `merged_into`.
CREATE TABLE regroups (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    giver INTEGER NOT NULL REFERENCES tickets (id),
    taker INTEGER NOT NULL REFERENCES tickets (id),
    at_ms INTEGER NOT NULL,
    by_person INTEGER NOT NULL REFERENCES people (id),
    -- Calls, notes, files, links and what is owed (JSON, as its fact has it).
    moved TEXT NOT NULL,
    undone_at_ms INTEGER,
    undone_by INTEGER REFERENCES people (id)
) STRICT;
CREATE INDEX regroups_of_giver ON regroups (giver, id);
CREATE INDEX regroups_of_taker ON regroups (taker, id);

-- Whoever would have joined one that is part of another joins that.
CREATE INDEX merged_tickets_of_customer ON tickets (customer, id) WHERE merged_into IS NOT NULL AND customer IS NOT NULL;
CREATE INDEX merged_tickets_of_caller ON tickets (caller, id) WHERE merged_into IS NOT NULL AND customer IS NULL;

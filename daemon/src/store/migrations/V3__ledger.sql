-- What hindered sight, beside outages; append-only. No name: it concerns the house itself.
CREATE TABLE ledger (
    pbx TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (at_ms, pbx, what, detail)
) STRICT;

-- Since when the PBX is looked at: before that nothing of it was seen.
ALTER TABLE alive ADD COLUMN since_ms INTEGER;
UPDATE alive SET since_ms = at_ms;
UPDATE alive SET since_ms = (SELECT min(from_ms) FROM outages o WHERE o.pbx = alive.pbx)
    WHERE EXISTS (SELECT 1 FROM outages o WHERE o.pbx = alive.pbx AND o.from_ms < alive.since_ms);
UPDATE alive SET since_ms = (SELECT min(started_at_ms) FROM calls c WHERE c.pbx = alive.pbx AND c.certain = 1)
    WHERE EXISTS (SELECT 1 FROM calls c
        WHERE c.pbx = alive.pbx AND c.certain = 1 AND c.started_at_ms < alive.since_ms);

CREATE INDEX outages_of_pbx ON outages (pbx, from_ms, to_ms);

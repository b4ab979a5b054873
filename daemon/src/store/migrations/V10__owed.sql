-- A pause has an id of its own: something may be paused, go on and be paused again within a
-- millisecond.
CREATE TABLE stretches (
    id INTEGER PRIMARY KEY,
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    from_ms INTEGER NOT NULL,
    to_ms INTEGER,
    reason TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id)
) STRICT;
INSERT INTO stretches (id, obligation, from_ms, to_ms, reason, by_person)
    SELECT row_number() OVER (ORDER BY from_ms, obligation), obligation, from_ms, to_ms, reason, by_person
    FROM suspensions;
DROP TABLE suspensions;
ALTER TABLE stretches RENAME TO suspensions;
CREATE INDEX suspensions_of_obligation ON suspensions (obligation, id);
CREATE UNIQUE INDEX suspensions_that_last ON suspensions (obligation) WHERE to_ms IS NULL;

-- Up to when somebody was told all that they are told in good measure.
ALTER TABLE people ADD COLUMN paced_until_ms INTEGER NOT NULL DEFAULT 0;

-- Matters that were opened before solutions were owed: theirs is owed since they were opened, or
-- opened again, last. The policy's version is none that there ever was, so that the daemon reckons
-- the times at its start.
CREATE TABLE unsolved AS
    SELECT t.id AS ticket, row_number() OVER (ORDER BY t.id) AS nth, coalesce(
        (SELECT min(f.at_ms) FROM facts f WHERE f.ticket = t.id AND f.kind = 'ticket_saved' AND f.seq >
            (SELECT max(e.seq) FROM facts e WHERE e.ticket = t.id AND e.kind = 'ticket_saved'
                AND (e.body LIKE '%"state":"resolved"%' OR e.body LIKE '%"state":"closed"%'))),
        t.opened_at_ms) AS began_at_ms,
        (SELECT max(coalesce((SELECT max(seq) FROM facts), 0), coalesce((SELECT max(id) FROM messages), 0))) AS last
    FROM tickets t WHERE t.is_open = 1
        AND NOT EXISTS (SELECT 1 FROM obligations o WHERE o.ticket = t.id AND o.kind IN ('resolution', 'promise'));
INSERT INTO obligations (id, kind, ticket, customer, number, owner, began_at_ms, policy, state, next_rung)
    SELECT u.last + 2 * u.nth - 1, 'resolution', t.id, t.customer, t.caller, t.owner, u.began_at_ms, -1, 'open',
        'reminder'
    FROM unsolved u JOIN tickets t ON t.id = u.ticket;
INSERT INTO facts (seq, at_ms, kind, ticket, obligation, customer, person, body)
    SELECT u.last + 2 * u.nth, (SELECT max(at_ms) FROM facts), 'obligation_began', t.id, u.last + 2 * u.nth - 1,
        t.customer, t.owner,
        '{"clock":"resolution","began_at_ms":' || u.began_at_ms || ',"promised_at_ms":null,"queue":null,"kind":"'
            || t.kind || '","category":"' || t.category || '","priority":"' || t.priority || '","complexity":"'
            || t.complexity || '","key_customer":'
            || CASE WHEN coalesce(c.key_customer, 0) = 1 THEN 'true' ELSE 'false' END
            || ',"number":' || coalesce('"' || t.caller || '"', 'null') || ',"due_at_ms":null,"policy":-1}'
    FROM unsolved u JOIN tickets t ON t.id = u.ticket LEFT JOIN customers c ON c.id = t.customer;
DROP TABLE unsolved;

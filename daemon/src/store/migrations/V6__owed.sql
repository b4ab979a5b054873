-- Obligations of every kind: not all come from a call or have a number, some stand still for a
-- while, and they end in more ways than by a talk.

ALTER TABLE tickets ADD COLUMN channel TEXT NOT NULL DEFAULT 'phone';
ALTER TABLE tickets ADD COLUMN complexity TEXT NOT NULL DEFAULT 'simple';

CREATE TABLE owed (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    call TEXT REFERENCES calls (id),
    customer INTEGER REFERENCES customers (id),
    number TEXT,
    -- Whose hours count.
    queue TEXT,
    owner INTEGER REFERENCES people (id),
    began_at_ms INTEGER NOT NULL,
    promised_at_ms INTEGER,
    -- None while the window stands still, or while there are no hours to come.
    reminder_at_ms INTEGER,
    due_at_ms INTEGER,
    escalated_at_ms INTEGER,
    -- The policy's version by which these times were reckoned.
    policy INTEGER NOT NULL,
    state TEXT NOT NULL,
    next_rung TEXT,
    next_rung_at_ms INTEGER,
    claimed_by INTEGER REFERENCES people (id),
    claimed_until_ms INTEGER,
    ended_at_ms INTEGER,
    ended_by INTEGER REFERENCES people (id),
    end_why TEXT,
    proof_call TEXT,
    proof_agent TEXT,
    proof_from_ms INTEGER,
    proof_talk_ms INTEGER,
    UNIQUE (call, kind)
) STRICT;
INSERT INTO owed (id, kind, ticket, call, customer, number, owner, began_at_ms, reminder_at_ms, due_at_ms,
        escalated_at_ms, policy, state, next_rung, next_rung_at_ms, ended_at_ms, proof_call, proof_agent, proof_from_ms,
        proof_talk_ms)
    SELECT id, kind, ticket, call, customer, number, owner, began_at_ms, reminder_at_ms, due_at_ms,
        escalated_at_ms, 0, state, next_rung, next_rung_at_ms, proof_from_ms, proof_call, proof_agent, proof_from_ms,
        proof_talk_ms
    FROM obligations;
DROP TABLE obligations;
ALTER TABLE owed RENAME TO obligations;
CREATE INDEX obligations_due ON obligations (next_rung_at_ms) WHERE state = 'open' AND next_rung_at_ms IS NOT NULL;
CREATE INDEX obligations_open ON obligations (due_at_ms) WHERE state = 'open';
CREATE INDEX obligations_of_policy ON obligations (policy) WHERE state = 'open';
CREATE INDEX open_obligations_of_owner ON obligations (owner, due_at_ms) WHERE state = 'open';
CREATE INDEX open_obligations_of_number ON obligations (number) WHERE state = 'open' AND number IS NOT NULL;
CREATE INDEX open_obligations_of_customer ON obligations (customer) WHERE state = 'open' AND customer IS NOT NULL;
CREATE INDEX obligations_of_ticket ON obligations (ticket);

-- Stretches in which an obligation's window stands still; open while they last.
CREATE TABLE suspensions (
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    from_ms INTEGER NOT NULL,
    to_ms INTEGER,
    reason TEXT NOT NULL,
    by_person INTEGER REFERENCES people (id),
    PRIMARY KEY (obligation, from_ms)
) STRICT;

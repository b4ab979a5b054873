-- Ids are made by the daemon, one rising sequence for everything; times are milliseconds since
-- 1970 in UTC; flags are 0 or 1. Only what SQLite and PostgreSQL share.

CREATE TABLE facts (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    by_person INTEGER,
    call TEXT,
    ticket INTEGER,
    obligation INTEGER,
    customer INTEGER,
    person INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX facts_of_ticket ON facts (ticket, seq) WHERE ticket IS NOT NULL;

CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    active INTEGER NOT NULL,
    language TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE extensions (
    pbx TEXT NOT NULL,
    extension TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    PRIMARY KEY (pbx, extension)
) STRICT;

CREATE TABLE ignored_extensions (
    pbx TEXT NOT NULL,
    extension TEXT NOT NULL,
    PRIMARY KEY (pbx, extension)
) STRICT;

CREATE TABLE seen_extensions (
    pbx TEXT NOT NULL,
    extension TEXT NOT NULL,
    name TEXT NOT NULL,
    last_seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (pbx, extension)
) STRICT;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES people (id),
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_of_person ON sessions (person);

CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    company TEXT NOT NULL,
    address TEXT NOT NULL,
    key_customer INTEGER NOT NULL,
    note TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE customer_numbers (
    number TEXT NOT NULL,
    customer INTEGER NOT NULL REFERENCES customers (id),
    place INTEGER NOT NULL,
    PRIMARY KEY (number, customer)
) STRICT;
CREATE INDEX numbers_of_customer ON customer_numbers (customer, place);

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    day INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    summary TEXT NOT NULL,
    course TEXT NOT NULL,
    demand TEXT NOT NULL,
    state TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    owner INTEGER REFERENCES people (id),
    customer INTEGER REFERENCES customers (id),
    caller TEXT,
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER,
    version INTEGER NOT NULL,
    saved_by INTEGER REFERENCES people (id),
    UNIQUE (day, nth)
) STRICT;
CREATE INDEX open_tickets_of_customer ON tickets (customer, id) WHERE is_open = 1 AND customer IS NOT NULL;
CREATE INDEX open_tickets_of_caller ON tickets (caller, id) WHERE is_open = 1 AND customer IS NULL;
CREATE INDEX tickets_of_owner ON tickets (owner, id) WHERE owner IS NOT NULL;

CREATE TABLE drafts (
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    person INTEGER NOT NULL REFERENCES people (id),
    body TEXT NOT NULL,
    kept_at_ms INTEGER NOT NULL,
    PRIMARY KEY (ticket, person)
) STRICT;

CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    pbx TEXT NOT NULL,
    direction TEXT NOT NULL,
    caller TEXT,
    caller_name TEXT,
    number TEXT,
    reached TEXT,
    agent TEXT,
    person INTEGER REFERENCES people (id),
    started_at_ms INTEGER NOT NULL,
    answered_at_ms INTEGER,
    ended_at_ms INTEGER,
    outcome TEXT,
    ended_by TEXT,
    originated TEXT,
    certain INTEGER NOT NULL,
    talk_ms INTEGER NOT NULL,
    -- Somebody talked long enough to prove a callback.
    proven INTEGER NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    ticket INTEGER REFERENCES tickets (id),
    -- The call that this one turned out to be part of.
    merged_into TEXT,
    -- Waits, segments, offers and transfers, for pages.
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX calls_of_number ON calls (number, started_at_ms) WHERE number IS NOT NULL AND merged_into IS NULL;
CREATE INDEX calls_of_ticket ON calls (ticket, started_at_ms) WHERE ticket IS NOT NULL;
CREATE INDEX calls_of_agent ON calls (pbx, agent, started_at_ms) WHERE agent IS NOT NULL;
CREATE INDEX calls_merged ON calls (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX calls_up ON calls (pbx) WHERE ended_at_ms IS NULL;

CREATE TABLE obligations (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    ticket INTEGER NOT NULL REFERENCES tickets (id),
    call TEXT NOT NULL REFERENCES calls (id),
    customer INTEGER REFERENCES customers (id),
    number TEXT NOT NULL,
    owner INTEGER REFERENCES people (id),
    began_at_ms INTEGER NOT NULL,
    reminder_at_ms INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    escalated_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    next_rung TEXT,
    next_rung_at_ms INTEGER,
    proof_call TEXT,
    proof_agent TEXT,
    proof_from_ms INTEGER,
    proof_talk_ms INTEGER,
    UNIQUE (call, kind)
) STRICT;
CREATE INDEX obligations_due ON obligations (next_rung_at_ms) WHERE state = 'open' AND next_rung_at_ms IS NOT NULL;
CREATE INDEX obligations_open ON obligations (due_at_ms) WHERE state = 'open';
CREATE INDEX open_obligations_of_owner ON obligations (owner, due_at_ms) WHERE state = 'open';
CREATE INDEX open_obligations_of_number ON obligations (number) WHERE state = 'open';
CREATE INDEX open_obligations_of_customer ON obligations (customer) WHERE state = 'open' AND customer IS NOT NULL;
CREATE INDEX obligations_of_ticket ON obligations (ticket);

CREATE TABLE rungs (
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    rung TEXT NOT NULL,
    planned_at_ms INTEGER NOT NULL,
    fired_at_ms INTEGER NOT NULL,
    late INTEGER NOT NULL,
    PRIMARY KEY (obligation, rung)
) STRICT;

CREATE TABLE attempts (
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    call TEXT NOT NULL REFERENCES calls (id),
    outcome TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (obligation, call)
) STRICT;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    -- What is told to whom, once: rung:OBLIGATION:RUNG:PERSON.
    key TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    person INTEGER NOT NULL REFERENCES people (id),
    obligation INTEGER NOT NULL REFERENCES obligations (id),
    rung TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    delivered_at_ms INTEGER
) STRICT;
CREATE INDEX outbox_waiting ON outbox (id) WHERE delivered_at_ms IS NULL;
CREATE INDEX outbox_of_person ON outbox (person, id);

CREATE TABLE outages (
    pbx TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER,
    why TEXT NOT NULL,
    PRIMARY KEY (pbx, from_ms)
) STRICT;
CREATE INDEX outages_by_time ON outages (from_ms);

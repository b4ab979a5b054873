-- What a report asks of a period: what was given by a supervisor's word, which matters were solved,
-- and, now, which are open.
CREATE INDEX holders_assigned ON holders (from_ms) WHERE how = 'assigned';
CREATE INDEX tickets_by_end ON tickets (closed_at_ms) WHERE closed_at_ms IS NOT NULL;
CREATE INDEX tickets_open ON tickets (id) WHERE is_open = 1;

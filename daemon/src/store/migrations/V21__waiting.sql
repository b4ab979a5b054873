-- Since when a matter waits for its customer, whose next call ends that. It holds while the state says so.
ALTER TABLE tickets ADD COLUMN waiting_since_ms INTEGER;
UPDATE tickets SET waiting_since_ms = (
    SELECT max(facts.at_ms) FROM facts
    WHERE facts.ticket = tickets.id AND facts.kind = 'ticket_moved'
        AND json_extract(facts.body, '$.state') = 'waiting_customer'
) WHERE state = 'waiting_customer';

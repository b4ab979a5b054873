-- Who took all customers away stands beside who was shown numbers and who took evidence away.
DROP INDEX facts_of_looks;
CREATE INDEX facts_of_looks ON facts (seq) WHERE kind IN ('numbers_shown', 'evidence_made', 'customers_exported');

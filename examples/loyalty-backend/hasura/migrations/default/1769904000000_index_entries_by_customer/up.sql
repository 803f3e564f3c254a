CREATE INDEX entry_by_customer ON entry (customer_id, made_at DESC);

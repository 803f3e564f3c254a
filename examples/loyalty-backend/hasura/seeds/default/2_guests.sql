INSERT INTO customer (name, email, points) VALUES ('Ada', 'ada@example.com', 120), ('Grace', 'grace@example.com', 40)
ON CONFLICT (email) DO NOTHING;

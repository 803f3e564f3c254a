INSERT INTO reward (title, cost) VALUES ('Soup of the day', 50), ('Dessert', 80), ('Cooking class', 900)
ON CONFLICT (title) DO NOTHING;

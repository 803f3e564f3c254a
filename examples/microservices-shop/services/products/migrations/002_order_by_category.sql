ALTER TABLE products ADD COLUMN category text NOT NULL DEFAULT 'home';
ALTER TABLE products ADD COLUMN position integer NOT NULL DEFAULT 0;
CREATE INDEX products_by_category ON products (category, position);

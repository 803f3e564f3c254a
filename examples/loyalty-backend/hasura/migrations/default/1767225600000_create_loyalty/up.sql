CREATE TABLE customer (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  email text NOT NULL UNIQUE,
  points integer NOT NULL DEFAULT 0 CHECK (points >= 0)
);

CREATE TABLE reward (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  title text NOT NULL UNIQUE,
  cost integer NOT NULL CHECK (cost > 0),
  image_url text
);

CREATE TABLE purchase (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  customer_id uuid NOT NULL REFERENCES customer,
  cents integer NOT NULL CHECK (cents >= 0),
  paid_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE entry (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  customer_id uuid NOT NULL REFERENCES customer,
  reward_id uuid REFERENCES reward,
  points integer NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now()
);

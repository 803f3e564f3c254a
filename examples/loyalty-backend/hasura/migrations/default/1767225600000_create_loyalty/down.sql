DROP TABLE entry, purchase, reward, customer;

DROP INDEX entry_by_customer;

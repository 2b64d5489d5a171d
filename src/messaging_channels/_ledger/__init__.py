"""Storage: the ledgers for SQLite and PostgreSQL, and the SQL they share."""

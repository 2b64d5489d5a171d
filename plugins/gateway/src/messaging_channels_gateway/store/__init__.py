"""What the gateway keeps, in SQLite."""

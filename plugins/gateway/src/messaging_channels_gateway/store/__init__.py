"""What the gateway keeps: in SQLite, and in memory what the page of the development shows."""

"""Names for permissions; no table is made."""

"""All that a thief would read: the bytes of every file below a folder, and every row of every table of a PostgreSQL database."""

from __future__ import annotations

from pathlib import Path

import psycopg


def stored_text(folder: Path, conninfo: str = "") -> str:
    """Return it in small letters. `conninfo` is empty where there is no database."""
    kept = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return f"{kept.decode('latin-1')}{_dump(conninfo) if conninfo else ''}".lower()


def _dump(conninfo: str) -> str:
    with psycopg.connect(conninfo, autocommit=True) as database:
        asked = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = [name for (name,) in database.execute(asked)]
        rows = [
            row for name in names for row in database.execute(f'SELECT t::text FROM "{name}" AS t'.encode())
        ]
    return "\n".join(text for (text,) in rows)

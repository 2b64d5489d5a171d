"""What a suppression list keeps: statements in a SQLite file of its own, or in memory."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from messaging_channels._model.consent import RecipientKeys, channel_family, find_blocking, normal_category
from messaging_channels._model.consent_rows import (
    COLUMNS,
    insert_statement,
    statement_from_row,
    statement_tables,
)
from messaging_channels._model.paths import create_private, refusing_unusable, require_path
from messaging_channels._model.spellings import spellings
from messaging_channels._model.statements import ConsentStatement, StatementKind

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event


class StatementStore:
    """Keeps statements. Safe in threads."""

    def __init__(self, path: str | Path | None, pepper: bytes) -> None:
        """Open the file, or keep everything in memory."""
        file = require_path(path, "suppression list")
        self._lock = threading.Lock()
        self._keys = RecipientKeys(lambda one: _digest(one, pepper))
        with refusing_unusable(file, "suppression list"):
            if file is not None:
                create_private(file)
            self._open(file)

    def _open(self, file: Path | None) -> None:
        import sqlite3  # noqa: PLC0415  slow to import, and most programs make none

        self._database = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA secure_delete = ON")  # nothing can be read any more that was deleted
        for statement in statement_tables(_TABLE):
            self._database.execute(statement)

    def add(
        self,
        address: Address,
        channel: str,
        kind: StatementKind,
        reason: str,
        category: str,
        expires_at: float | None,
    ) -> None:
        """Keep what an operator says."""
        now = time.time()
        self._insert(
            ConsentStatement(
                id=uuid4().hex,
                recipient=self._keys.key(address),
                channel=channel_family(channel),
                kind=kind,
                said_at=now,
                recorded_at=now,
                category=normal_category(category) or "",
                source="operator",
                reason=reason,
                expires_at=expires_at,
            )
        )

    def lift(self, address: Address, channel: str) -> None:
        """Lift all that blocks an address on a channel, each statement by its name."""
        now = time.time()
        for one in self._said(address):
            if one.kind is not StatementKind.LIFTED and one.channel in ("*", channel_family(channel)):
                self._insert(
                    ConsentStatement(
                        id=f"lift-{one.id}",
                        recipient=one.recipient,
                        channel=one.channel,
                        kind=StatementKind.LIFTED,
                        said_at=now,
                        recorded_at=now,
                        source="operator",
                        lifts=one.id,
                    )
                )

    def record(self, event: Event) -> None:
        """Keep what an event says, if it is about consent."""
        for one in self._keys.statements(event, time.time()):
            self._insert(one)

    def find(self, address: Address, channel: str, category: str) -> ConsentStatement | None:
        """Return what forbids a message."""
        said = self._said(address)
        return find_blocking(said, channel, category, time.time()) if said else None

    def list_statements(self, address: Address) -> list[ConsentStatement]:
        """Return all that was said about an address."""
        return sorted(self._said(address), key=lambda one: (one.recorded_at, one.id))

    def erase(self, address: Address) -> int:
        """Take an address out of the reasons of what was said about it. Return of how many statements."""
        plain = [one.plain for one in spellings(address)]
        count = 0
        with self._lock:
            for key in self._keys.keys(address):
                for text in plain:
                    asked = f"{_FORGET} WHERE recipient = ? AND instr(reason || evidence, ?) > 0"
                    count += self._database.execute(asked, (text, text, key, text)).rowcount
        return count

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _said(self, address: Address) -> list[ConsentStatement]:
        keys = self._keys.keys(address)
        marks = ", ".join("?" * len(keys))
        with self._lock:
            rows = self._database.execute(
                f"SELECT {COLUMNS} FROM {_TABLE} WHERE recipient IN ({marks})",  # noqa: S608  constants
                keys,
            ).fetchall()
        return [statement_from_row(row) for row in rows]

    def _insert(self, one: ConsentStatement) -> None:
        with self._lock:
            self._database.execute(*insert_statement(one, _TABLE)).fetchall()


def _digest(identity: str, pepper: bytes) -> str:
    told = identity.encode(errors="surrogatepass")
    return hmac.new(pepper, told, hashlib.sha256).hexdigest() if pepper else hashlib.sha256(told).hexdigest()


_TABLE = "consent_statement"
"""In a file of its own."""
_FORGET = f"UPDATE {_TABLE} SET reason = replace(reason, ?, ''), evidence = replace(evidence, ?, '')"  # noqa: S608  constants

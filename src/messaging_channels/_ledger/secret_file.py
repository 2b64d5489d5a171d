"""The secret of a SQLite ledger: made once, kept in a file that only its owner may read, beside the ledger."""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from messaging_channels._model.paths import create_private

_LENGTH = 32


def secret_of(path: Path | None) -> bytes:
    """Return the secret of the ledger in that file, and make it if there is none; of one in memory, a new one.

    Raises:
        OSError: it can neither be read nor made.
    """
    if path is None:
        return secrets.token_bytes(_LENGTH)
    file = path.with_name(f"{path.name}-key")
    if not file.exists():
        _make(file)
    return bytes.fromhex(file.read_text().strip())


def _make(file: Path) -> None:
    """Write the file whole or not at all: another process may look for it at the same time."""
    new = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    create_private(new)
    with new.open("w", encoding="ascii") as opened:
        opened.write(secrets.token_hex(_LENGTH))
        opened.flush()
        os.fsync(opened.fileno())
    with suppress(FileExistsError):
        os.link(new, file)
        _log.info(
            "made the ledger's key %s: back it up with the ledger, and let nobody else read it; without it no record is found by an address",
            file,
        )
    new.unlink()


_log = logging.getLogger("messaging_channels")

"""A copy of a SQLite ledger that is in use, with what is in its log."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from messaging_channels._model.errors import InvalidSetting, LedgerUnavailable
from messaging_channels._model.paths import create_private


def back_up(path: Path | None, target: Path | None) -> None:
    """Copy the ledger in `path` to the new file `target`. See `SqliteLedger.backup`."""
    if target is None or path is None or target.exists():
        raise InvalidSetting(
            "the copy needs a path at which there is nothing, and the ledger a file",
            setting="path",
            source="code",
            hint="give the path of a new file",
        )
    try:
        create_private(target)
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except (sqlite3.Error, OSError) as error:
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error

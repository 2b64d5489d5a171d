"""The secret of a SQLite ledger: made once, kept in a file that only its owner may read, beside the ledger."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from messaging_channels._ledger.seal import SealBroken
from messaging_channels._model.paths import close_to_others, create_private

_LENGTH, _SHORTEST = 32, 16
_PUT_BACK = (
    "put it back from the backup: nothing is lost until then. If it is lost for good, write a new key into it"
    " (python -c 'import secrets; print(secrets.token_hex(32))'): what waits is not sent then, and no record is found by an address"
)


def secrets_of(path: Path | None) -> tuple[bytes, ...]:
    """Return the secrets of the ledger in that file, and make one if there is none; of one in memory, a new one.

    The file holds one a line: the first one seals and is written under, all of them open and are looked for.

    Raises:
        SealBroken: it is missing beside a ledger that was used with one, cannot be read, or holds no key.
        OSError: it cannot be made.
    """
    if path is None:
        return (secrets.token_bytes(_LENGTH),)
    file = path.with_name(f"{path.name}-key")
    if not file.exists():
        if _was_used_with_one(path):
            raise _key_error(file, "is missing, and the ledger was used with it")
        _make(file)
    close_to_others(file)
    try:
        found = tuple(bytes.fromhex(line) for line in file.read_text(encoding="ascii").split())
    except OSError as error:
        raise _key_error(file, f"cannot be read ({type(error).__name__})") from None
    except ValueError:
        raise _key_error(file, "must hold one key a line, in hexadecimal digits") from None
    if not found or any(len(one) < _SHORTEST for one in found):
        raise _key_error(file, f"must hold keys of {_SHORTEST} bytes or more")
    return found


def _was_used_with_one(path: Path) -> bool:
    """Whether the ledger holds what was written under a secret."""
    if not path.exists():
        return False
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as found,
    ):
        for statement in (
            "SELECT 1 FROM messaging_channels_message WHERE recipient <> '' LIMIT 1",
            "SELECT 1 FROM messaging_channels_queue WHERE payload LIKE 'sealed:%' LIMIT 1",
        ):
            if found.execute(statement).fetchall():
                return True
    return False


def _key_error(file: Path, problem: str) -> SealBroken:
    return SealBroken(f"the ledger's key file {file} {problem}", _PUT_BACK)


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
            "created the ledger's key %s: back it up with the ledger, and keep it secret; without the key no record is found by an address",
            file,
        )
    new.unlink()


_log = logging.getLogger("messaging_channels")

"""Where files lie, as callers name them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from messaging_channels._model.errors import InvalidSetting


def require_path(given: object, setting: str) -> Path | None:
    """Return the path of a file; None for none.

    Raises:
        InvalidSetting: it is no path, or an empty one.
    """
    if given is None:
        return None
    if not isinstance(given, (str, Path)) or not str(given):
        raise InvalidSetting(
            f"must be a pathlib.Path or text, got {type(given).__name__}",
            setting=setting,
            source="code",
            hint="give a path, or leave it out to keep everything in memory",
        )
    return Path(given)


def create_private(path: Path) -> None:
    """Make a file that nobody but its owner may read, in a folder likewise, whatever the umask. What is there already stays as it is."""
    create_private_folder(path.parent)
    with suppress(FileExistsError):
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            if os.name == "posix":
                os.fchmod(file, 0o600)
        finally:
            os.close(file)


def create_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, which nobody but its owner may look into. Those that are there stay as they are."""
    if folder.is_dir():
        return
    create_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)

"""Where files lie, as callers name them."""

from __future__ import annotations

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
            f"it is no path but {type(given).__name__}",
            setting=setting,
            source="code",
            hint="give a pathlib.Path or a text, or leave it out to keep everything in memory",
        )
    return Path(given)

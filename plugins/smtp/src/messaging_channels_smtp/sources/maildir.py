"""A Maildir (https://cr.yp.to/proto/maildir.html): mails in `new` are handed over, and moved to `cur` when they are taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from messaging_channels.errors import InvalidSetting
from messaging_channels_smtp.sources.handover import Handler, hand_over

DEFAULT_INTERVAL = 2.0
"""Seconds between two looks."""
_SEEN = ":2,S"


class MaildirFolder:
    """Reads a folder into which a mail server delivers. Several processes may watch the same folder: each mail is processed by one of them."""

    def __init__(self, path: Path, *, interval: float = DEFAULT_INTERVAL) -> None:
        """Take the folder that holds `new` and `cur`, and the seconds between two looks.

        Raises:
            InvalidSetting: there is no such folder.
        """
        if not (path / "new").is_dir() or not (path / "cur").is_dir():
            raise InvalidSetting(
                "must be a folder with `new` and `cur`",
                setting="smtp.maildir",
                source="the arguments",
                hint="give the path of a Maildir",
            )
        self._path = path
        self._interval = interval

    def read_new(self, handle: Handler) -> int:
        """Hand over what is new, the oldest first, and return how many mails were taken."""
        return sum(self._read(path, handle) for path in self._waiting())

    def watch(self, handle: Handler, stop: threading.Event) -> None:
        """Hand over what comes, until `stop` is set."""
        while not stop.is_set():
            self.read_new(handle)
            stop.wait(self._interval)

    def _waiting(self) -> Iterator[Path]:
        found = [path for path in (self._path / "new").iterdir() if not path.name.startswith(".")]
        yield from sorted(found, key=lambda path: path.name)

    def _read(self, path: Path, handle: Handler) -> bool:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return False  # another process took it
        if not hand_over(handle, raw):
            return False
        try:
            path.rename(self._path / "cur" / (path.name.partition(":")[0] + _SEEN))
        except FileNotFoundError:
            return False
        return True

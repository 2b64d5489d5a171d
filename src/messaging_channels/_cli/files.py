"""The files that a command line names: text in UTF-8, read from a path or, for `-`, from the standard input."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from messaging_channels._model.errors import BadInput


def read_text(path: Path) -> str:
    """Return the text of a file, a mark of the byte order left out.

    Raises:
        BadInput: it is not UTF-8.
        OSError: it cannot be read.
    """
    with reading(path):
        return standard_input().read() if str(path) == "-" else path.read_text("utf-8-sig")


def standard_input() -> TextIO:
    """Return the standard input.

    Raises:
        BadInput: it is closed.
    """
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  a shell closed it
        message = "the standard input is closed. Give a file, or send text into the command."
        raise BadInput(message)
    return sys.stdin


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Name the file that turns out not to be UTF-8.

    Raises:
        BadInput: it is not.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        name = "the standard input" if str(path) == "-" else str(path)
        message = f"{name} is not UTF-8 (byte {error.start}). Convert it to UTF-8."
        raise BadInput(message) from error

"""Where files lie, as callers name them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from messaging_channels._model.errors import InvalidSetting


def require_path(given: object, setting: str) -> Path | None:
    """Return the path of a file, with `~` as the folder that it stands for; None for none, and for `:memory:`.

    Raises:
        InvalidSetting: it is no path, an empty one, a URL, or something lies there that is no file.
    """
    if given is None:
        return None
    text = given if isinstance(given, str) else _text_of(given, setting)
    if text == ":memory:":
        return None
    problem = _problem_of(given, text)
    if text is None or problem:
        raise _setting_error(problem, setting)
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise _setting_error("begins with ~, and there is no such home folder", setting) from None
    kind = kind_of(path)
    if kind:
        raise _setting_error(f"is {kind}, not a file", setting)
    return path


def kind_of(path: Path) -> str:
    """Return in words what lies there; empty for a file, or nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # whoever opens it hears of it
        return ""
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"


def create_private(path: Path) -> None:
    """Make a file that nobody but its owner may read, in a folder likewise, whatever the umask.

    One of ours that everybody may read or write becomes private; one that was opened to a group stays so.
    """
    create_private_folder(path.parent)
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except FileExistsError:
        close_to_others(path)
        return
    try:
        if os.name == "posix":
            os.fchmod(file, 0o600)
    finally:
        os.close(file)


def close_to_others(path: Path) -> None:
    """Make a file of ours private that everybody may read or write. One that was opened to a group alone stays so; nothing happens if there is none."""
    if os.name != "posix":
        return
    with suppress(OSError):
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o007:
            path.chmod(0o600)


def create_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, which nobody but its owner may look into. Those that are there stay as they are."""
    if folder.is_dir():
        return
    create_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)


@contextmanager
def refusing_unusable(path: Path | None, setting: str) -> Generator[None]:
    """Refuse a file that the block cannot open, or that holds no database.

    Raises:
        InvalidSetting: it is such a one.
    """
    import sqlite3  # noqa: PLC0415  slow to import

    try:
        yield
    except (OSError, sqlite3.Error) as error:
        problem = f"cannot be used ({type(error).__name__}: {error}): {path}"
        raise _setting_error(problem, setting) from error


def _text_of(given: object, setting: str) -> str | None:
    """Return the text of an object that stands for a path; None if it is none, or one of bytes.

    Raises:
        InvalidSetting: it cannot say which path it stands for.
    """
    try:
        text = os.fspath(given)  # type: ignore[call-overload]
    except TypeError:
        return None
    except Exception as error:
        problem = f"is a {type(given).__name__} that cannot tell its path ({type(error).__name__})"
        raise _setting_error(problem, setting) from error
    return text if isinstance(text, str) else None


def _problem_of(given: object, text: str | None) -> str:
    """Return what is wrong with the text of a path; empty if nothing is. A URL may hold a password: it is not shown."""
    if text is None:
        return f"must be a pathlib.Path or text, got {type(given).__name__}"
    if not text.strip():
        return "is empty"
    if "\0" in text:
        return "holds a NUL character"
    if text.endswith(("/", os.sep)):
        return "names a folder, not a file"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/|file:", text):
        return "is a URL, not the path of a file"
    return ""


def _setting_error(problem: str, setting: str) -> InvalidSetting:
    return InvalidSetting(
        problem,
        setting=setting,
        source="code",
        hint="give a path, or leave it out to keep everything in memory",
    )

"""On which line of a TOML file a setting stands: `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from messaging_channels._model.errors import InvalidSetting


@dataclass(frozen=True, slots=True)
class TomlLines:
    """The lines of the settings of one file, by their paths."""

    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    @classmethod
    def of(cls, text: str) -> TomlLines:
        """Find the lines of a file that can be read."""
        found: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for first, lines in _statements(text.splitlines()):
            parsed = tomllib.loads("\n".join(lines))
            if lines[0].lstrip().startswith("["):
                table = max(_paths(parsed), key=len, default=())
                found.setdefault(table, first)
                continue
            for path in _paths(parsed):
                offset = _offset_of(path[-1], lines)
                found.setdefault((*table, *path), first + offset)
        return cls(found)

    def line_of(self, path: Sequence[str]) -> int | None:
        """Return the line of a setting, or of the nearest table that holds it; None where the file says nothing of it."""
        wanted = tuple(path)
        while wanted:
            if wanted in self.lines:
                return self.lines[wanted]
            below = [line for known, line in self.lines.items() if known[: len(wanted)] == wanted]
            if below:
                return min(below)
            wanted = wanted[:-1]
        return None


def _statements(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each statement, which may be of several lines, with the number of its first: the shortest run of lines that is TOML by itself."""
    start = 0
    while start < len(lines):
        stripped = lines[start].strip()
        if not stripped or stripped.startswith("#"):
            start += 1
            continue
        end = start + 1
        while end < len(lines) and not _is_toml(lines[start:end]):
            end += 1
        yield start + 1, list(lines[start:end])
        start = end


def _is_toml(lines: Sequence[str]) -> bool:
    try:
        tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401  a tree of TOML
    """Yield the path of every table and value, positions in lists left out."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            if isinstance(inner, (dict, list)):
                yield from (one for one in _paths(inner, path) if one != path)


def _offset_of(key: str, lines: Sequence[str]) -> int:
    """Return on which line of a statement a key stands first."""
    pattern = re.compile(rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?\s*[=.]")
    return next((number for number, line in enumerate(lines) if pattern.search(line)), 0)


def read_settings_file(path: Path, *, must_exist: bool) -> tuple[dict[str, Any], TomlLines]:
    """Return what a file holds, and the lines of its settings.

    Raises:
        InvalidSetting: it is missing, unreadable, or no TOML.
    """
    if not must_exist and not path.exists():
        return {}, TomlLines()
    try:
        text = path.read_text("utf-8-sig")
        return tomllib.loads(text), TomlLines.of(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(
            f"is not TOML: {error}",
            setting=str(path),
            source=_file_source(must_exist),
            hint="correct that line",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"the file cannot be read ({type(error).__name__})",
            setting=str(path),
            source=_file_source(must_exist),
            hint="check that it exists, is readable and is UTF-8",
        ) from error


def _file_source(is_named: bool) -> str:
    return "environment variable MESSAGING_CHANNELS_CONFIG" if is_named else "the working directory"


def holds(tree: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether there is something at that path."""
    node: Any = tree
    for step in path:
        if not isinstance(node, Mapping) or step not in node:
            return False
        node = cast("Mapping[str, Any]", node)[step]
    return True

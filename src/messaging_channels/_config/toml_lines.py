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
    source = "environment variable MESSAGING_CHANNELS_CONFIG" if must_exist else "the working directory"
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise InvalidSetting(
            f"cannot be read: {(error.strerror or type(error).__name__).lower()}",
            setting=str(path),
            source=source,
            hint=_hint_of_path(path),
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(
            f"is not UTF-8 (byte {error.start})", setting=str(path), source=source, hint="save it as UTF-8"
        ) from error
    try:
        return tomllib.loads(text), TomlLines.of(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(
            f"is not TOML: {_with_line(str(error), text)}",
            setting=str(path),
            source=source,
            hint=_hint_of_syntax(str(error), text),
        ) from error


def _with_line(problem: str, text: str) -> str:
    """Return what the parser says with a line: where it found the end of the file, the one on which the open statement begins."""
    if " line " in problem:
        return problem
    begun = [first for first, lines in _statements(text.splitlines()) if not _is_toml(lines)]
    return f"{problem}, of what begins at line {begun[0]}" if begun else problem


def _hint_of_path(path: Path) -> str:
    if re.search(r"\.toml *[,:; ] *\S", str(path)):
        return "name one file: what several hold belongs into one"
    return "name a file that exists and that this user may read"


def _hint_of_syntax(problem: str, text: str) -> str:
    """Return what to do about a line: by what stands there, or by what the parser says."""
    found = re.search(r"at line (\d+)", problem)
    line = text.splitlines()[int(found[1]) - 1] if found and int(found[1]) <= len(text.splitlines()) else ""
    by_line = (hint for pattern, hint in _LINES.items() if re.search(pattern, line))
    by_words = (hint for words, hint in _SYNTAX.items() if words in problem)
    return next(by_line, None) or next(by_words, "correct that line")


_LINES = {
    r"^\s*(//|;|--|/\*)": "begin a comment with #",
    r"^\s*[{}]|^\s*\"[^\"]*\"\s*:": 'this is JSON: write [routes], and below it sms = "sandbox"',
    r"^\s*- |^\s*[\w-]+\s*:": 'this is no YAML: write key = value, such as sms = "sandbox"',
    r"[\u2018\u2019\u201c\u201d]": 'write straight quotes, such as "sandbox"',
    r"=\s*'[^']*'[^'#]*'": "put a text that holds ' into double quotes",
    r"=\s*[0-9.]+\s*[A-Za-z%]": "write the number alone, in seconds, such as 30",
    r"=\s*[0-9]+,[0-9]+\s*$": "write a decimal point, such as 1.5",
    r"=\s*0[0-9]": "write the number without a leading zero",
    r"[,;]\s*$": "leave out what stands at the end of that line",
    r"=\s*(#.*)?$": "write a value behind the =",
    r"^\s*export\s": "write key = value, without export",
    r"^\s*\[\s*\]": "name the section, such as [routes]",
    r"^\s*\[[^\]]*\]\]": "write as many brackets before the name as behind it, such as [routes]",
    r"=\s*\"[^\"]*$": "close the quotes at the end of the text",
    r"=\s*\"[^\"]*\"\s+\"": 'put several texts into a list, such as ["sandbox", "twilio"]',
}
"""What to do, by what stands on the line."""
_SYNTAX = {
    "Invalid value": 'write texts in quotes, such as sms = "sandbox", and true or false in lower case',
    "Expected '=' after a key": 'write key = value, such as sms = "sandbox"',
    "Cannot declare": "write each section once, with all its keys",
    "Cannot overwrite": "write each key once",
    "Unescaped": "write \\\\ for a backslash, or put the text into single quotes",
    "Expected ']'": "close the bracket of the section, such as [routes]",
    "Unclosed array": "close the list with ]",
}
"""What to do, by words of the parser."""


def holds(tree: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether there is something at that path."""
    node: Any = tree
    for step in path:
        if not isinstance(node, Mapping) or step not in node:
            return False
        node = cast("Mapping[str, Any]", node)[step]
    return True

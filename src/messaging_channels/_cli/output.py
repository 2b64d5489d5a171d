"""What a command prints: tables for a person at a terminal, JSON for whatever reads a pipe, and how far a long command has come."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from messaging_channels._cli.exits import OutputFailed


def print_json(answer: Any) -> None:  # noqa: ANN401  anything JSON can hold
    """Print a line of JSON.

    Raises:
        OutputFailed: it cannot be written.
    """
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    try:
        print(text)
    except OSError as error:
        raise OutputFailed(error.strerror or type(error).__name__) from error


def print_rows(
    answer: Mapping[str, Sequence[Mapping[str, Any]]],
    columns: Mapping[str, Callable[[Mapping[str, Any]], Any]],
    *,
    as_json: bool = False,
) -> None:
    """Print a list: a table on a terminal, one line of JSON in a pipe or where `--json` asks for it."""
    if as_json or not sys.stdout.isatty():
        print_json(answer)
        return
    (rows,) = answer.values()
    cells = [[_text(read(row)) for read in columns.values()] for row in rows]
    if not cells:
        print(f"no {next(iter(answer))}")
        return
    print_table(list(columns), cells)


def print_table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as what they hold."""
    widths = [max(len(row[place]) for row in (head, *cells)) for place in range(len(head))]
    for row in ([name.upper() for name in head], *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_records(records: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print records: a table on a terminal, JSON in a pipe."""
    columns: dict[str, Callable[[Any], Any]] = {
        "id": lambda row: row["messageId"],
        "created": lambda row: moment(row["createdAt"]),
        "channel": lambda row: row["channel"],
        "to": lambda row: row["destination"],
        "status": lambda row: row["status"]["name"],
        "provider": lambda row: row["attempts"][-1]["provider"] if row["attempts"] else None,
    }
    print_rows({"messages": records}, columns, as_json=as_json)


def moment(seconds: float) -> str:
    """Return a time in UTC, as people read it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


class Progress:
    """How many of many are done, how fast, and for how long it goes on: on a terminal while it lasts, and in the end anywhere."""

    def __init__(self, total: int | None = None) -> None:
        """Begin to count; `total` is how many there will be, if that is known."""
        self._total = total
        self._began = self._shown = time.monotonic()
        self._on_terminal = sys.stderr.isatty()
        self.count = self.failed = 0

    def add(self, *, failed: bool) -> None:
        """Count one."""
        self.count += 1
        self.failed += failed
        now = time.monotonic()
        if self._on_terminal and now - self._shown >= _INTERVAL:
            self._shown = now
            print(f"{self.line(now)}   ", end="\r", file=sys.stderr, flush=True)

    def line(self, now: float) -> str:
        """Return where it stands: `1200 of 5000 done, 3 failed, 410 a second, 0:09 left`."""
        of = "" if self._total is None else f" of {self._total}"
        told = f"{self.count}{of} done, {self.failed} failed"
        seconds = now - self._began
        if seconds < _INTERVAL:
            return told
        rate = self.count / seconds
        left = "" if self._total is None else f", {_clock((self._total - self.count) / rate)} left"
        return f"{told}, {rate:.0f} a second{left}"

    def end(self) -> None:
        """Say how many it was."""
        print(f"{self.count} done, {self.failed} failed", file=sys.stderr)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _text(value: Any) -> str:  # noqa: ANN401  a value of JSON
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "-"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)


_INTERVAL = 0.25
"""Seconds between two lines of progress."""

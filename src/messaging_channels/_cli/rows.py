"""Many messages from one CSV file: a row is a recipient, and its cells fill the gaps of the message."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from messaging_channels._model.errors import InvalidArgument
from messaging_channels._model.nearest import did_you_mean, nearest


@dataclass(frozen=True, slots=True)
class Row:
    """One recipient of a file."""

    line: int
    """Counted from 1, the head line included."""
    cells: Mapping[str, str]

    def fill(self, template: str, *, escape: Callable[[str], str] = str) -> str:
        """Return a text with each `{column}` replaced by the cell of this row; `{{` and `}}` stand for braces.

        Raises:
            InvalidArgument: the file has no such column; it names the nearest.
        """

        def cell(found: re.Match[str]) -> str:
            if found[0] in ("{{", "}}"):
                return found[0][0]
            name = found["name"].strip()
            if name not in self.cells:
                raise _missing_column(name, list(self.cells))
            return escape(self.cells[name])

        return _GAP.sub(cell, template)

    def fill_html(self, template: str) -> str:
        """Return HTML whose gaps are filled with escaped text."""
        return self.fill(template, escape=html.escape)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file with a head line; commas, semicolons or tabs between the cells.

    Raises:
        InvalidArgument: there is no head line, a column has no name or a name twice, or a row has more cells than that.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        head_line = file.readline()
        file.seek(0)
        delimiter = _most_frequent(head_line)
        reader = csv.reader(file, delimiter=delimiter)
        names = [name.strip() for name in next(reader, list[str]())]
        if not names or "" in names or any(names.count(one) > 1 for one in names):
            raise InvalidArgument(
                "must begin with a line that names each column once",
                argument=str(path),
                hint="write for example to,name",
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                problem = f"line {reader.line_num} has {len(cells)} cells for {len(names)} columns"
                raise InvalidArgument(problem, argument=str(path), hint="quote cells that hold the separator")
            yield Row(reader.line_num, dict(zip(names, (cell.strip() for cell in cells), strict=True)))


def recipient_column(row: Row, wanted: str | None) -> str:
    """Return the column that holds the recipients: the one that was named, or one with a usual name.

    Raises:
        InvalidArgument: there is none.
    """
    if wanted is not None:
        if wanted not in row.cells:
            raise _missing_column(wanted, list(row.cells))
        return wanted
    usual = [name for name in row.cells if name.lower() in _USUAL]
    if len(usual) != 1:
        raise InvalidArgument(
            "is missing, and no one column is called to, phone or email",
            argument="--to-column",
            hint=f"name one of {', '.join(row.cells)[:200]}",
        )
    return usual[0]


def key_of_file(path: Path, *parts: object) -> str:
    """Return the idempotency key of sending that file with that message: the same command again sends only what is missing."""
    digest = sha256(repr(parts).encode())
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return f"file/{digest.hexdigest()[:32]}"


def count_rows(path: Path) -> int | None:
    """Return about how many lines a file has after its first; None for what cannot be read twice."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return max(0, sum(1 for line in file if line.strip()) - 1)


def _missing_column(name: str, columns: Sequence[str]) -> InvalidArgument:
    hint = f"did you mean {{{near}}}?" if (near := nearest(name, columns)) else did_you_mean(name, columns)
    return InvalidArgument("names no column of the file", argument=f"{{{name}}}", hint=hint)


_GAP = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]+)\}")
_USUAL = frozenset(
    {
        "to",
        "phone",
        "number",
        "phone_number",
        "msisdn",
        "mobile",
        "email",
        "mail",
        "e-mail",
        "address",
        "recipient",
    }
)


def _most_frequent(line: str) -> str:
    """Return the separator that a head line holds most often; a comma where it holds none."""
    best = ","
    for one in (";", "\t"):
        if line.count(one) > line.count(best):
            best = one
    return best

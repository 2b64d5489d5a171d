"""The tables of `docs/reference/outcomes.md`, read: what they say is what the tests expect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs/reference/outcomes.md"


@dataclass(frozen=True)
class Row:
    """One case and what follows from it."""

    reason: str
    again: bool
    """Whether the same provider is asked again."""
    other: str
    """Whether another provider is asked: `no`, `at once` or `afterwards`."""

    def asked(self, *, attempts: int) -> list[str]:
        """Return who is asked of `first` and a `second` that accepts."""
        if self.other == "no":
            return ["first"]
        return ["first"] * (attempts if self.other == "afterwards" else 1) + ["second"]

    def asked_alone(self, *, attempts: int) -> list[str]:
        """Return how often `first` is asked if there is nobody else."""
        return ["first"] * (attempts if self.again else 1)


def _table(heading: str) -> list[list[str]]:
    section = _PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def cases() -> dict[str, Row]:
    """Return every case of the page, by name."""
    return {
        name: Row(reason.strip("`"), again != "no", other) for name, reason, again, other in _table("Cases")
    }


def reasons() -> dict[str, tuple[str, str, str]]:
    """Return for every reason its kind, and whether the same and another provider may be asked."""
    return {
        reason.strip("`"): (kind.strip("`"), again, other)
        for reason, kind, again, other, _ in _table("Reasons")
    }

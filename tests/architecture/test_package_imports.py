"""The packages of the library lie on few floors, and few of them know each other."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "src" / "messaging_channels"
IGNORED = {"__init__", "_faces"}
"""The lazy face of the whole, and what all faces are made with."""


def imported_names(module: Path) -> set[str]:
    """Return the first part of every name that a module imports from the library, for type checkers or in a function too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("messaging_channels."):
            found.add(node.module.split(".")[1])
    return found


def package_imports() -> set[tuple[str, str]]:
    """Return the pairs of packages of which the first imports the second."""
    pairs: set[tuple[str, str]] = set()
    for module in ROOT.rglob("*.py"):
        own = module.relative_to(ROOT).parts[0].removesuffix(".py")
        pairs |= {(own, other) for other in imported_names(module) if other != own}
    return {(own, other) for own, other in pairs if own not in IGNORED and other not in IGNORED}


def test_the_packages_lie_on_at_most_ten_floors() -> None:
    pairs = package_imports()

    @cache
    def floor(package: str) -> int:
        return 1 + max((floor(other) for own, other in pairs if own == package), default=0)

    assert max(floor(own) for own, _ in pairs) <= 10


def test_at_most_eighty_pairs_of_packages_know_each_other() -> None:
    assert len(package_imports()) <= 80


def test_at_most_twenty_names_stand_at_the_top_of_the_library() -> None:
    names = [one.name for one in ROOT.iterdir() if one.name not in ("__pycache__", "py.typed")]
    assert len(names) <= 20

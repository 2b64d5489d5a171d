"""No list of channels is left where a plugin's channel would be missing from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = frozenset({"sms", "whatsapp", "email"})
WHERE_THEY_ARE_DEFINED = frozenset({"plugins/channels.py"})
MODULES = [
    path
    for path in (*ROOT.glob("src/messaging_channels/**/*.py"), *ROOT.glob("plugins/gateway/src/**/*.py"))
    if not path.as_posix().endswith(tuple(WHERE_THEY_ARE_DEFINED))
]


def _literals(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield the words of every literal collection, every comparison and every match: where a list of channels would stand."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Match)):
            words = {
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
            yield node.lineno, words


def test_there_is_no_list_of_the_three_channels() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        if not path.name.startswith("_table_")
        for line, words in _literals(ast.parse(path.read_text("utf-8")))
        if words >= NAMES
    ]

    assert found == []


def test_there_is_no_pattern_of_the_three_channels() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in MODULES
        for text in (
            one.value for one in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(one, ast.Constant)
        )
        if isinstance(text, str) and all(f"{name}|" in f"{text}|".replace(")", "|") for name in NAMES)
    ]

    assert found == []

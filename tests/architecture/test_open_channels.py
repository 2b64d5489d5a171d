"""No list of channels is left where a plugin's channel would be missing from it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = frozenset({"sms", "whatsapp", "email"})
WHERE_THEY_ARE_DEFINED = frozenset({"plugins/channels.py"})
LISTED_FOR_A_REASON: Mapping[str, str] = {
    "src/messaging_channels/__init__.py": "the names of modules",
    "src/messaging_channels/messages/__init__.py": "the names of modules",
    "plugins/gateway/src/messaging_channels_gateway/api/_table_examples.py": "examples of the documentation, which show built-in channels",
}
_NAME = 40
"""How long a name or a path is at most."""
MODULES = [
    path
    for path in (*ROOT.glob("src/messaging_channels/**/*.py"), *ROOT.glob("plugins/gateway/src/**/*.py"))
    if not path.as_posix().endswith(tuple(WHERE_THEY_ARE_DEFINED))
]


def _literals(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield the words of every literal collection and of every match: where a list of channels would stand. A path such as `channel.sms` is two words."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Match)):
            texts = [
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            yield node.lineno, {word for text in texts for word in (text, *_parts(text))}


def _parts(text: str) -> list[str]:
    """Return the words of a path or a name; nothing of prose."""
    return re.split(r"[^a-z]+", text) if " " not in text and len(text) < _NAME else []


def test_a_list_of_paths_is_found_too() -> None:
    tree = ast.parse('FIELDS = (Field("channel.sms"), Field("channel.whatsapp"), Field("channel.email"))')

    assert any(words >= NAMES for _, words in _literals(tree))


def test_there_is_no_list_of_the_three_channels() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in MODULES
        if path.relative_to(ROOT).as_posix() not in LISTED_FOR_A_REASON
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

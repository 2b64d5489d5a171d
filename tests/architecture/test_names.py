"""Public import paths, and the record of the names before: what it promises exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs/decisions/0008-packages-and-names.md"
FACES = {
    "messaging_channels",
    "messaging_channels.consent",
    "messaging_channels.errors",
    "messaging_channels.events",
    "messaging_channels.messages",
    "messaging_channels.plugins",
    "messaging_channels.policies",
    "messaging_channels.testing",
    "messaging_channels.testing.conformance",
    "messaging_channels.testing.django",
}


def _recorded() -> list[str]:
    section = RECORD.read_text("utf-8").split("## Import paths")[1].split("\n## ")[0]
    return re.findall(r"^\| `[^`]+` \| `([^`]+)` \|$", section, re.MULTILINE)


def test_every_new_import_path_of_the_record_exists() -> None:
    paths = _recorded()
    assert len(paths) > 300
    for path in paths:
        module, _, name = path.rpartition(".")
        assert hasattr(import_module(module), name), path


def _rows(title: str) -> list[str]:
    section = RECORD.read_text("utf-8").split(f"## {title}")[1].split("\n## ")[0]
    return re.findall(r"^\| `[^`]+` \| `([^`]+)` \|$", section, re.MULTILINE)


@pytest.fixture(scope="module")
def members() -> dict[str, set[str]]:
    """What every class of ours defines or sets, and the keywords of every function, by its name; all of them under `*`."""
    found: dict[str, set[str]] = {"*": set()}
    for path in [*ROOT.glob("src/**/*.py"), *MODULES]:
        tree = ast.parse(path.read_text("utf-8"))
        found["*"].update(_names(tree))
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                found.setdefault(node.name, set()).update(_names(node))
    return found


def _names(scope: ast.AST) -> Iterator[str]:
    for node in ast.walk(scope):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_every_new_method_and_keyword_of_the_record_exists(members: dict[str, set[str]]) -> None:
    missing: list[str] = []
    for row in [*_rows("Methods, fields"), *_rows("Keywords of functions")]:
        owner, given = re.fullmatch(r"(.*?)[.(](\w+(?:=[^)]*)?)\)?", row.replace(".__init__", "")).groups()  # type: ignore[union-attr]
        name = owner.rpartition(".")[2] or "*"
        missing += [row for word in re.findall(r"\w+", given) if word not in members.get(name, ())]

    assert missing == []


def _imports(program: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "messaging_channels":
            yield node.module or ""


PAGES = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md"), ROOT / "README.md"]
MODULES = [*ROOT.glob("plugins/*/src/**/*.py")]


def _private(programs: Iterable[str]) -> set[str]:
    return {name for program in programs for name in _imports(program)} - FACES


def test_plugins_import_only_what_is_public() -> None:
    found = {str(path): _private([path.read_text("utf-8")]) for path in MODULES}

    assert {path: names for path, names in found.items() if names} == {}


def test_documents_import_only_what_is_public() -> None:
    found = {
        str(path): _private(
            re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        )
        for path in PAGES
    }

    assert {path: names for path, names in found.items() if names} == {}

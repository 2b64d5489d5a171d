"""Public import paths, and the record of the names before: what it promises exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs/decisions/0008-packages-and-names.md"
FACES = {
    "messaging_channels",
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


def _imports(program: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "messaging_channels":
            yield node.module or ""


PAGES = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md"), ROOT / "README.md"]
MODULES = [*ROOT.glob("plugins/*/src/**/*.py")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_plugins_import_only_what_is_public(path: Path) -> None:
    assert {*_imports(path.read_text("utf-8"))} <= FACES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_documents_import_only_what_is_public(path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)

    assert {name for block in blocks for name in _imports(block)} <= FACES

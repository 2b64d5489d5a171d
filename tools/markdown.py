"""Tables of Markdown, and the texts beside fields in the source."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty for no rows."""
    lines = [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines]) + "\n"


def cell(text: str) -> str:
    """Return a text as it may stand in a cell."""
    return " ".join(text.split()).replace("|", "\\|")


@lru_cache
def field_texts(kind: type[Any]) -> dict[str, str]:
    """Return the text below each field of a class and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        source = inspect.getsourcefile(base) if base is not object and _is_ours(base) else None
        for node in _class_bodies(source, base.__name__) if source else ():
            found |= dict(_texts_below(node.body))
    return found


def _is_ours(kind: type[Any]) -> bool:
    return kind.__module__.startswith("messaging_channels")


def _class_bodies(source: str, name: str) -> Iterator[ast.ClassDef]:
    for node in ast.walk(ast.parse(Path(source).read_text("utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield node


def _texts_below(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in itertools.pairwise(body):
        if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
            continue
        target = (
            field.target
            if isinstance(field, ast.AnnAssign)
            else field.targets[0]
            if isinstance(field, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(below.value.value, str):
            yield target.id, " ".join(below.value.value.split())


def type_name(annotation: Any) -> str:  # noqa: ANN401  whatever annotates a field
    """Return a type in words."""
    text = re.sub(r"<class '([^']*)'>", r"\1", str(annotation))
    text = re.sub(
        r"typing\.|pathlib\.|pydantic\.(types\.)?|datetime\.|decimal\.|collections\.abc\.", "", text
    )
    text = re.sub(r"messaging_channels\w*(\.\w+)*\.(\w+)", r"\2", text)
    text = re.sub(r"Annotated\[([^,\]]+(\[[^\]]*\])?), [^\]]*\]", r"\1", text)
    literal = re.fullmatch(r"Literal\[(.*)\]", text)
    if literal:
        return literal[1].replace("'", "`").replace(", ", ", ")
    text = re.sub(r"Optional\[(.*)\]", r"\1", text)
    if text.startswith(("list[", "tuple[")):
        return "texts, separated by commas"
    if text.startswith(("dict[", "Mapping[")):
        return "table"
    plain = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
        "SecretStr": "text",
        "Path": "path",
    }
    words = [plain.get(part.strip(), part.strip()) for part in re.split(r"\s\|\s(?![^\[]*\])", text)]
    return " or ".join(dict.fromkeys(word for word in words if word != "None"))

"""The page docs/reference/contract.md: every public name that authors of plugins use, with its signature, its fields and what it says of itself."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from enum import Enum
from importlib import import_module
from itertools import pairwise
from typing import cast

from messaging_channels import plugins

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Providers": ("provider", "provider_settings"),
    "Exchanges": ("exchange", "sdk_calls", "access_tokens", "attachments"),
    "Responses": ("outcomes", "results", "failures", "failure_reasons"),
    "Webhooks": ("webhooks", "webhook_proofs", "webhook_values", "webhook_urls", "secret_values", "status"),
    "Checks by `doctor`": ("diagnosis",),
    "Channels, messages and addresses": (
        "channel_spec",
        "channels",
        "message_requests",
        "addresses",
        "senders",
    ),
    "Recipients": ("recipients", "resolvers"),
    "Hooks, checks and observers": ("hooks", "pre_send", "notifiers", "observer", "receipts"),
}
"""The sections of the page, and the modules whose names each holds; what is in none of them is in the last section."""
_REST = "Ledgers"


def page() -> str:
    """Return the page."""
    sections: dict[str, list[str]] = {title: [] for title in (*_GROUPS, _REST)}
    for name in plugins.__all__:
        sections[_section_of(name)].append(name)
    lines = [
        "# Contract for plugins",
        "",
        "Everything that `messaging_channels.plugins` offers to authors of plugins.",
        "[The contract](../plugin-authors/contract.md) explains how the parts fit together. This page is generated from the code.",
    ]
    for title, names in sections.items():
        lines += ["", f"## {title}"]
        for name in sorted(names, key=str.lower):
            lines += ["", *_entry(name, getattr(plugins, name))]
    return "\n".join(lines) + "\n"


def _section_of(name: str) -> str:
    module = _module_of(name)
    return next((title for title, modules in _GROUPS.items() if module in modules), _REST)


def _module_of(name: str) -> str:
    value = getattr(plugins, name)
    where = getattr(value, "__module__", None) if not inspect.ismodule(value) else value.__name__
    if where is None or not str(where).startswith("messaging_channels."):
        where = _values_module(name)
    return str(where).rpartition(".")[2]


def _values_module(name: str) -> str:
    """Return the module of a value that knows none itself, such as a constant or an alias."""
    source = inspect.getsource(plugins)
    found = re.search(rf'"([\w.]+)": \([^)]*"{name}"', source)
    return found[1] if found else ""


def _entry(name: str, value: object) -> Iterator[str]:
    yield f"### `{name}{_signature(value)}`"
    yield ""
    yield _first(value) or _constant(name, value)
    if inspect.isclass(value) and not issubclass(value, Enum):
        yield from _fields(value)
        yield from _methods(value)
    elif inspect.isclass(value):
        yield from ("", ", ".join(f"`{one.name}`" for one in cast("type[Enum]", value)))


def _signature(value: object) -> str:
    if not inspect.isfunction(value):
        return ""
    return re.sub(
        r"'|\bcollections\.abc\.|\btyping\.|messaging_channels\.[\w.]+\.", "", str(inspect.signature(value))
    )


def _first(value: object) -> str:
    if not (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value)):
        return ""
    text = inspect.cleandoc(value.__doc__ or "")
    return "" if text.startswith(f"{getattr(value, '__name__', '')}(") else _joined(text)


def _joined(text: str) -> str:
    """Return the first paragraph, and what is raised, each in one line."""
    first, *more = text.split("\n\n")
    raised = next((part for part in more if part.startswith("Raises:")), "")
    told = " ".join(first.split())
    if raised:
        told += " Raises " + "; ".join(line.strip() for line in raised.splitlines()[1:])
    return told


def _constant(name: str, value: object) -> str:
    """Return what stands below the assignment of a constant or an alias; its value, if it is short and nothing does."""
    module = import_module(f"messaging_channels.{_values_module(name)}")
    body = ast.parse(inspect.getsource(module)).body
    for node, after in pairwise(body):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        named = any(isinstance(one, ast.Name) and one.id == name for one in targets)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return " ".join(str(after.value.value).split())
    return f"`{value!r}`" if isinstance(value, (int, str)) else f"Of type `{type(value).__name__}`."


def _fields(kind: type) -> Iterator[str]:
    """Return the fields that a class declares, with their types and meanings."""
    told = list(_declared(kind))
    if told and (is_dataclass(kind) or getattr(kind, "_is_protocol", False) or "Provider" in kind.__name__):
        yield from ("", "| Field | Type | Meaning |", "| --- | --- | --- |")
        yield from (
            f"| `{name}` | `{hint}` | {' '.join(words.split())} |".replace(" | None`", " \\| None`")
            for name, hint, words in told
        )


def _declared(kind: type) -> Iterator[tuple[str, str, str]]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError):
        return
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for number, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            after = body[number + 1] if number + 1 < len(body) else None
            has_words = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            words = str(after.value.value) if has_words else ""  # type: ignore[union-attr]
            yield node.target.id, ast.unparse(node.annotation).replace("|", "\\|"), words


def _methods(kind: type) -> Iterator[str]:
    found = [
        (name, one)
        for name, one in vars(kind).items()
        if not name.startswith("_") and (inspect.isfunction(one) or isinstance(one, (classmethod, property)))
    ]
    if found and issubclass(kind, Exception) is False:
        yield ""
        for name, one in found:
            function = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
            call = "" if isinstance(one, property) else "()"
            words = _joined(inspect.cleandoc(function.__doc__ or ""))
            if words and not words.startswith("See "):
                yield f"- `{name}{call}`: {words}"

"""The table of error classes: class, code, exit code, meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markdown import table

from messaging_channels import errors
from messaging_channels._cli.exits import exit_code


def parts() -> dict[str, Callable[[], str]]:
    """Return the generated parts of the page."""
    return {"errors": _errors, "tree": _tree}


def _kinds() -> list[type[errors.MessagingError]]:
    found = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.MessagingError)
    ]
    return sorted(found, key=_path)


def _path(kind: type[Any]) -> list[str]:
    """Return the names from the root to the class."""
    return [base.__name__ for base in reversed(kind.__mro__) if issubclass(base, errors.MessagingError)]


def _tree() -> str:
    lines = [f"{'    ' * (len(_path(kind)) - 1)}{kind.__name__}" for kind in _kinds()]
    return "```text\n" + "\n".join(lines) + "\n```"


def _errors() -> str:
    rows = ((f"`{kind.__name__}`", f"`{kind.code}`", _exit(kind), _meaning(kind)) for kind in _kinds())
    return table(("Class", "Code", "Exit code", "Meaning"), rows)


def _exit(kind: type[errors.MessagingError]) -> str:
    return str(exit_code(kind.__new__(kind)))


def _meaning(kind: type[errors.MessagingError]) -> str:
    return (kind.__doc__ or "").split("\n\nArgs")[0]

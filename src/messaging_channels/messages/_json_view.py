"""What a message says, as JSON can show it: for the sandbox, emulators and tests. It cannot be read back; see `_codec` for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, cast

_EMPTY: tuple[Any, ...] = (None, "", [], {}, False)


def to_json(value: Any, *, show_bytes: Callable[[bytes], str], omit_empty: bool = False) -> Any:  # noqa: ANN401  any value a message may hold
    """Return a value as JSON can hold it: addresses with their names, bytes as `show_bytes` has them, empty fields left out if wanted."""
    show = partial(to_json, show_bytes=show_bytes, omit_empty=omit_empty)
    match value:
        case str() | int() | float() | None:
            return value
        case bytes():
            return show_bytes(value)
        case Mapping():
            return {str(name): show(part) for name, part in cast("Mapping[Any, Any]", value).items()}
        case tuple() | list():
            return [show(part) for part in cast("list[Any]", value)]
        case _ if is_dataclass(value) and not hasattr(value, "plain"):
            shown = {one.name: show(getattr(value, one.name)) for one in fields(value)}
            return {name: part for name, part in shown.items() if not (omit_empty and part in _EMPTY)}
        case _:
            return _address(value)


def _address(value: Any) -> str:  # noqa: ANN401  an address, or what has no form of its own
    plain, name = getattr(value, "plain", str(value)), getattr(value, "display_name", None)
    if not name:
        return plain
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{plain}>'

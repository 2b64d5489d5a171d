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
    if _is_composed(value):
        shown = {one.name: show(getattr(value, one.name)) for one in fields(value)}
        return _without_empty(shown) if omit_empty else shown
    if isinstance(value, Mapping):
        return {str(name): show(part) for name, part in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, (tuple, list)):
        return [show(part) for part in cast("list[Any]", value)]
    return show_bytes(value) if isinstance(value, bytes) else _scalar(value)


def _is_composed(value: object) -> bool:
    """Whether it is made of fields, and no address."""
    return is_dataclass(value) and not hasattr(value, "plain")


def _without_empty(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in shown.items() if part not in _EMPTY}


def _scalar(value: Any) -> Any:  # noqa: ANN401  a value that JSON has, or an address
    return value if isinstance(value, (str, int, float, type(None))) else _address(value)


def _address(value: Any) -> str:  # noqa: ANN401  an address, or what has no form of its own
    plain, name = getattr(value, "plain", str(value)), getattr(value, "display_name", None)
    if not name:
        return plain
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{plain}>'

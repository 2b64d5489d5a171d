"""Fields that go to a vendor as the caller wrote them, beside what a plugin writes: the escape for what the library has no word for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from messaging_channels.errors import InvalidMessage


def require_raw(raw: Mapping[str, Any] | None, written: Collection[str], field: str) -> None:
    """Refuse raw fields that the plugin has to write itself: recipients, ids, credentials.

    Args:
        raw: The raw fields of an option; None if there are none.
        written: Names that the plugin writes.
        field: Option that holds the raw fields, for the error.

    Raises:
        InvalidMessage: one of the names is the plugin's.
    """
    taken = sorted(name for name in raw or () if name in written)
    if taken:
        raise InvalidMessage(
            f"may not contain {taken[0]}, which the plugin writes", field=field, hint="leave it out"
        )


def merge_raw(described: Mapping[str, Any], raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields with the raw ones in them, as a JSON Merge Patch (RFC 7396).

    Objects are merged, None takes a field away, and anything else stands in place of what was there.
    """
    merged = dict(described)
    for name, value in (raw or {}).items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            own = merged.get(name)
            below: Mapping[str, Any] = (
                cast("Mapping[str, Any]", own) if isinstance(own, Mapping) else _NOTHING
            )
            merged[name] = merge_raw(below, cast("Mapping[str, Any]", value))
        else:
            merged[name] = value
    return merged


_NOTHING: Mapping[str, Any] = {}

"""What tells one message from another, without keeping either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import Any, cast

from messaging_channels.messages._base import Message


def fingerprint(message: Message, *about: str | None) -> str:
    """Return 64 hexadecimal digits that are the same only for equal messages and equal `about` (recipient, account)."""
    digest = sha256(repr(about).encode())
    for part in _value_bytes(message):
        digest.update(part)
    return digest.hexdigest()


def digest_of(message_id: str, text: str) -> str:
    """Return a digest of a text, salted with the id of its message, so that digests do not show which messages have equal texts."""
    told = f"{message_id}\x1f{text}".encode(
        errors="surrogatepass"
    )  # a text that no provider takes is still a text
    return sha256(told).hexdigest()


def _value_bytes(value: Any) -> Iterator[bytes]:  # noqa: ANN401  whatever a message may hold
    """Yield the parts of a value, each with its length, so that no two values yield the same bytes."""
    if is_dataclass(value):
        begin, end = f"({type(value).__name__}".encode(), b")"
        parts = [getattr(value, one.name) for one in fields(value)]
    elif isinstance(value, Mapping):
        begin, end, parts = b"{", b"}", _parts_of(cast("Mapping[Any, Any]", value))
    elif isinstance(value, (tuple, list)):
        begin, end, parts = b"[", b"]", list(cast("Sequence[Any]", value))
    elif callable(value):
        begin, end, parts = f"<{getattr(value, '__qualname__', type(value).__name__)}>".encode(), b"", []
    else:  # the repr of what can be called differs in every process
        shown = value if isinstance(value, bytes) else repr(value).encode()
        begin, end, parts = b"%s %d:" % (type(value).__name__.encode(), len(shown)), shown, []
    yield begin
    for part in parts:
        yield from _value_bytes(part)
    yield end


def _parts_of(value: Mapping[Any, Any]) -> list[Any]:
    """Return names and values in turn, in the order of the names."""
    pairs = sorted(value.items(), key=lambda item: str(item[0]))
    return [part for pair in pairs for part in pair]

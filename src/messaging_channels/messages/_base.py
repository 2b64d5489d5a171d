"""What every message type shares: its base, and the checks its fields need."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar

from messaging_channels._model.errors import InvalidMessage
from messaging_channels.messages._values import seal
from messaging_channels.messages.media import Media


class Message:
    """The root of all message types. Subclasses are frozen dataclasses with slots, and hide their content from repr.

    A field with a default is optional: a provider carries it only if its `Capabilities` name it.
    """

    __slots__ = ()

    category: str | None
    """Purpose: `authentication` (a code), `transactional` (messages that the person asked for, "utility" of Meta), `marketing`, or a word of your
    own. None counts as marketing when it is asked whether the person wants the message. Every type of ours has this field."""

    def __init_subclass__(cls, **more: object) -> None:
        """Have every type begin its checks with fields that cannot change any more."""
        super().__init_subclass__(**more)
        own: Callable[[Any], None] | None = cls.__dict__.get("__post_init__")
        if own is not None and not hasattr(own, "__wrapped__"):

            @wraps(own)
            def check(self: Message) -> None:
                seal(self)
                own(self)

            setattr(cls, "__post_init__", check)  # noqa: B010  a type checker takes it for a method
        if "__repr__" not in cls.__dict__:
            setattr(cls, "__repr__", describe)  # noqa: B010  before the dataclass writes one

    def __post_init__(self) -> None:
        """Make it a value: what the caller changes afterwards changes nothing in it."""
        seal(self)

    @property
    def uploads(self) -> tuple[Media, ...]:
        """Files with bytes, which must be uploaded before sending."""
        return ()

    @property
    def has_vendor_fallback(self) -> bool:
        """Whether its vendor itself sends another message, on another channel, where this one cannot be delivered."""
        return False

    def require_sendable(self) -> None:
        """Refuse a message that no provider of the channel can send. Called once, before any provider is used.

        Raises:
            InvalidMessage: naming the field, never its content.
        """


def describe(value: Any) -> str:  # noqa: ANN401  a message
    """Return a message in one line: what differs from the defaults; of what is private, only how much there is."""
    shown: list[str] = []
    for one in fields(value):
        given = getattr(value, one.name)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        if given != default:
            shown.append(f"{one.name}={given!r}" if one.repr else f"{one.name}={_amount(given)}")
    return f"{type(value).__name__}({', '.join(shown)})"


def _amount(value: Any) -> str:  # noqa: ANN401  whatever a message holds
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, (tuple, list, Mapping)):
        return f"<{len(value)} values>"  # pyright: ignore[reportUnknownArgumentType]
    return "<hidden>"


class ProviderOptions:
    """Options that one provider alone understands, as a value in a message's `extra`. Subclasses are frozen dataclasses of a plugin.

    Another provider of the route leaves them out; a message whose extra no provider of the route understands is refused.
    """

    __slots__ = ()

    provider: ClassVar[str]
    """The name of the provider that understands it."""


def require(value: str, field: str, *, at_most: int | None = None) -> None:
    """Refuse text that is empty or longer than `at_most` characters.

    Raises:
        InvalidMessage: naming `field` and the length, never the text.
    """
    if not value:
        raise InvalidMessage("is empty", field=field, hint="give some text")
    if at_most is not None and len(value) > at_most:
        raise InvalidMessage(
            f"has {len(value)} characters; at most {at_most} are allowed", field=field, hint="shorten it"
        )


def require_count(count: int, field: str, *, at_least: int, at_most: int) -> None:
    """Refuse a number of parts outside the limits.

    Raises:
        InvalidMessage: naming `field` and the number.
    """
    if not at_least <= count <= at_most:
        raise InvalidMessage(
            f"must have {at_least} to {at_most} entries, got {count}", field=field, hint="change the number"
        )


def require_http_url(value: str, field: str, *, at_most: int = 2048) -> None:
    """Refuse what is no http URL, or longer than `at_most` characters.

    Raises:
        InvalidMessage: naming `field`, never the URL.
    """
    if not value.startswith(("https://", "http://")) or len(value) > at_most or _BLANK.search(value):
        raise InvalidMessage(
            f"must be an http or https URL of at most {at_most} characters without spaces",
            field=field,
            hint="write it like https://…",
        )


def require_one_line(value: str, field: str) -> None:
    """Refuse what could end a header line, also when it is hidden in an encoded word (RFC 2047).

    Raises:
        InvalidMessage: naming `field`, never the text.
    """
    if _CONTROLS.search(value) or ("=?" in value and _CONTROLS.search(_decode_header(value))):
        raise InvalidMessage(
            "contains a control character such as CR, LF or NUL", field=field, hint="remove it"
        )


def require_plain_values(message: Message) -> None:
    """Refuse a sender of several lines and a validity of more than a year, whatever provider carries the message.

    Raises:
        InvalidMessage: naming the field.
    """
    sender, validity = getattr(message, "sender", None), getattr(message, "validity_period", None)
    if isinstance(sender, str):
        require_one_line(sender, f"{type(message).__name__}.sender")
    if isinstance(validity, timedelta) and validity > _LONGEST_VALIDITY:
        field = f"{type(message).__name__}.validity_period"
        raise InvalidMessage("is longer than a year", field=field, hint="give e.g. timedelta(hours=4)")


def _decode_header(value: str) -> str:
    from email.errors import HeaderParseError  # noqa: PLC0415  rarely needed and slow to import
    from email.header import decode_header, make_header  # noqa: PLC0415

    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return "\0"  # no reader agrees on what it means: as good as a control character


_LONGEST_VALIDITY = timedelta(days=366)
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

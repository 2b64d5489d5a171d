"""Two values for one field: what tells the messages of a batch apart where everything else is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from messaging_channels._model.addresses import EmailAddress
from messaging_channels._model.errors import MessagingError
from messaging_channels.messages import Attachment, Message
from messaging_channels.testing.conformance.context import ConformanceContext


def different_messages(context: ConformanceContext, message: Message, name: str) -> list[Message]:
    """Return the message with two values of a field; fewer where the kit knows no second one."""
    base = context.with_field(message, name) or message
    value = getattr(base, name)
    other = _other(value)
    if other is None or other == value:
        return [base]
    try:
        return [base, cast("Message", replace(cast("Any", base), **{name: other}))]
    except (MessagingError, TypeError):
        return [base]


def _other(value: Any) -> Any:  # noqa: ANN401  whatever a field holds
    """Return another value of the same kind; None for a kind that the kit does not know."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"2{value}" if "@" in value else f"{value}2"
    if isinstance(value, timedelta):
        return value + timedelta(minutes=7)
    if isinstance(value, EmailAddress):
        return EmailAddress(f"2{value.local}", value.domain, value.display_name)
    if isinstance(value, Attachment) and isinstance(value.content, bytes):
        return replace(value, content=value.content + b"2")
    return _other_collection(value)


def _other_collection(value: Any) -> Any:  # noqa: ANN401  whatever a field holds
    if isinstance(value, Mapping):
        return {name: _other(one) or one for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, tuple):
        return tuple(_other(one) or one for one in cast("tuple[Any, ...]", value))
    return None

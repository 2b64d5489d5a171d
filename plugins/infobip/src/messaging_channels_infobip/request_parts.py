"""What a batch is split into: requests, each with the envelopes it carries and the way to read its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from messaging_channels.errors import InvalidMessage
from messaging_channels.plugins import AttemptResult, Envelope, HttpRequest, HttpResponse, require_sender

ReadResponse: TypeAlias = Callable[[HttpResponse, Sequence[Envelope]], Sequence[AttemptResult]]
Run: TypeAlias = Sequence[Envelope]
"""Envelopes that follow one another in a batch and hold the same message: the very object."""


class RequestPart(NamedTuple):
    """One request of a batch. Its envelopes are in the batch's order."""

    request: HttpRequest
    envelopes: Sequence[Envelope]
    read: ReadResponse


@dataclass(frozen=True, slots=True)
class AccountDefaults:
    """What the account is configured with, for messages that do not say it themselves."""

    sender: str | None = None
    sms_sender: str | None = None
    whatsapp_sender: str | None = None
    email_sender: str | None = None
    rcs_sender: str | None = None
    report_url: str | None = field(default=None, repr=False)
    now: float = 0.0
    """Seconds since the epoch; only read where something has a schedule."""

    def resolve_sender(self, envelope: Envelope) -> str:
        """Return who the message comes from: its own word, the channel's setting, or the account's.

        Raises:
            InvalidMessage: there is none.
        """
        own: str | None = getattr(self, f"{envelope.channel}_sender", None)
        return require_sender(envelope.message, own or self.sender, provider="infobip")

    def resolve_send_at(self, send_at: datetime | None, *, field: str, horizon: timedelta) -> datetime | None:
        """Return when to send; None for at once, also for what was due within the last hour.

        Raises:
            InvalidMessage: the time is long past, or further ahead than Infobip takes.
        """
        if send_at is None:
            return None
        now = datetime.fromtimestamp(self.now, UTC)
        if send_at > now + horizon:
            raise InvalidMessage(
                f"is more than {horizon.days} days ahead",
                field=field,
                hint="send it later, or schedule it earlier",
            )
        if send_at < now - _MAX_LATENESS:
            raise InvalidMessage("is in the past", field=field, hint="give a future time")
        return send_at if send_at > now else None


def group_by_key(pairs: Sequence[tuple[Any, Any]]) -> list[tuple[Any, list[Any]]]:
    """Gather values under equal keys, whatever JSON they are, in the order in which each key first came."""
    if len(pairs) == 1:
        return [(pairs[0][0], [pairs[0][1]])]
    from pydantic_core import to_json  # noqa: PLC0415  slow to import

    gathered: dict[bytes, tuple[Any, list[Any]]] = {}
    last, values = _NO_KEY, list[Any]()
    for key, value in pairs:
        if key is not last:  # else it is the same JSON, without being written again
            last, values = key, gathered.setdefault(to_json(key), (key, []))[1]
        values.append(value)
    return list(gathered.values())


_NO_KEY: Any = object()
_MAX_LATENESS = timedelta(hours=1)

"""Faults in what `TelnyxLike` makes of the vendor's calls, added to the other `MUTANTS`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from providers.telnyx_life_mutants import MUTANTS
from providers.telnyx_like import (
    STATUSES,
    TelnyxLike,
    TelnyxSettings,
    fields,
)
from providers.telnyx_mutants import fault

from messaging_channels import errors
from messaging_channels.events import Event, MessageReceived, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.messages import Mms
from messaging_channels.plugins import (
    Envelope,
    HttpResponse,
    WebhookRequest,
    WebhookResult,
)
from messaging_channels.plugins import (
    status as statuses,
)


def _told(words: str, change: Callable[[Event], Event | None]) -> None:
    class Mutant(TelnyxLike):
        def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
            told = super().handle_webhook(request)
            return replace(told, events=[one for event in told.events if (one := change(event)) is not None])

    fault(words)(Mutant)


def _on(kind: type[Event], **changes: Any) -> Callable[[Event], Event]:
    return lambda event: replace(event, **changes) if isinstance(event, kind) else event


@fault("accepts a call without a signature")
class NoSignature(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        if "telnyx-signature-ed25519" in request.headers:
            super().prove(request)


@fault("accepts every call")
class AcceptsAll(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        """Prove nothing."""


@fault("verifies over re-serialised JSON")
class Reserialised(TelnyxLike):
    def signed(self, request: WebhookRequest, at: str) -> bytes:
        return at.encode() + b"|" + json.dumps(fields(request.body)).encode()


@fault("freshness not checked")
class NotFresh(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        """Check nothing."""


@fault("calls from the future are fresh")
class FromTheFuture(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        if at.isdigit() and int(at) - request.received_at < -300:
            raise self.refuse("too old")


@fault("freshness in milliseconds")
class FreshInMilliseconds(TelnyxLike):
    def check_age(self, at: str, request: WebhookRequest) -> None:
        if not at.isdigit() or abs(int(at) - request.received_at) > 300_000_000:
            raise self.refuse("too old")


@fault("raises InvalidSignature instead of WebhookVerificationError")
class WrongError(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        try:
            super().prove(request)
        except errors.WebhookVerificationError:
            raise InvalidSignature from None


@fault("without a public key every call is believed")
class BelievesUnset(TelnyxLike):
    def prove(self, request: WebhookRequest) -> None:
        if self.public_key:
            super().prove(request)


_told(
    "delivered told as undelivered",
    lambda e: (
        replace(e, status=statuses.known(2, 9))
        if isinstance(e, StatusChanged) and e.status == statuses.DELIVERED_TO_HANDSET
        else e
    ),
)
_told(
    "sent told as delivered",
    lambda e: (
        replace(e, status=statuses.DELIVERED_TO_HANDSET)
        if isinstance(e, StatusChanged) and e.status == statuses.PENDING_ENROUTE
        else e
    ),
)
_told(
    "failures told as delivered",
    lambda e: (
        replace(e, status=statuses.DELIVERED_TO_HANDSET)
        if isinstance(e, StatusChanged) and e.status.group_id == 2
        else e
    ),
)
_told("a random event id", lambda e: replace(e, event_id=f"{random.getrandbits(64):x}"))
_told("report's message_id always empty", _on(StatusChanged, message_id=""))
_told(
    "report's provider_id is ours",
    lambda e: replace(e, provider_id=e.message_id) if isinstance(e, StatusChanged) else e,
)
_told(
    "report's two ids exchanged",
    lambda e: (
        replace(e, provider_id=e.message_id, message_id=e.provider_id or "")
        if isinstance(e, StatusChanged)
        else e
    ),
)
_told(
    "inbound: text cut at 20",
    lambda e: replace(e, text=(e.text or "")[:20]) if isinstance(e, MessageReceived) else e,
)
_told("inbound: STOP not told as opt-out", lambda e: None if isinstance(e, OptedOut) else e)
_told(
    "inbound: WhatsApp told as channel sms",
    lambda e: replace(e, channel="sms") if isinstance(e, MessageReceived) else e,
)
_told(
    "inbound: sender and recipient exchanged",
    lambda e: (
        replace(e, sender=type(e.sender).parse(e.to), to=e.sender.plain)
        if isinstance(e, MessageReceived)
        else e
    ),
)  # type: ignore[attr-defined]
_told("raw call lost", lambda e: replace(e, raw=None))
_told("unknown kinds dropped", lambda e: None if isinstance(e, UnknownEvent) else e)
_told("another provider's name", lambda e: replace(e, provider="other"))
_told(
    "times in milliseconds",
    lambda e: replace(e, occurred_at=e.occurred_at * 1000) if not isinstance(e, UnknownEvent) else e,
)
_told(
    "times an hour late",
    lambda e: replace(e, occurred_at=e.occurred_at + 3600) if not isinstance(e, UnknownEvent) else e,
)


@fault("unknown status raises KeyError")
class UnknownStatus(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        self.prove(request)
        told = fields(request.body)
        if "data" not in told:
            return super().handle_webhook(request)
        try:
            return WebhookResult(self.events(told, request))
        except KeyError as missing:
            if missing.args[0] not in (
                "data",
                "payload",
                "event_type",
                "occurred_at",
                "id",
                "type",
                "to",
                "from",
                "tags",
            ):
                raise
            return super().handle_webhook(request)
        except (TypeError, ValueError, AttributeError, IndexError):
            return super().handle_webhook(request)


@fault("time in the machine's zone")
class LocalTime(TelnyxLike):
    def time(self, text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=None).timestamp()


@fault("time of arrival, and no event id")
class ArrivalTime(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        return replace(
            told, events=[replace(one, occurred_at=request.received_at, event_id=None) for one in told.events]
        )


@fault("time of arrival")
class ArrivalTimeOnly(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        return replace(told, events=[replace(one, occurred_at=request.received_at) for one in told.events])


@fault("remembers event ids and drops repetitions")
class Remembers(TelnyxLike):
    def __init__(self, settings: TelnyxSettings) -> None:
        super().__init__(settings)
        self.seen: set[bytes] = set()

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        told = super().handle_webhook(request)
        if request.body in self.seen:
            return WebhookResult()
        self.seen.add(request.body)
        return told


@fault("answers 500 to a good call")
class Answers500(TelnyxLike):
    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        return replace(super().handle_webhook(request), response=HttpResponse(500, {}, b""))


@fault("an unknown status told as pending and delivered as expired")
class Expired(TelnyxLike):
    def events(self, told: Mapping[str, Any], request: WebhookRequest) -> Sequence[Event]:
        return [
            replace(one, status=statuses.EXPIRED_EXPIRED)
            if isinstance(one, StatusChanged) and one.status == STATUSES["delivered"]
            else one
            for one in super().events(told, request)
        ]


@fault("MMS sent without its media")
class NoMedia(TelnyxLike):
    def payload(self, envelope: Envelope) -> dict[str, Any]:
        told = super().payload(envelope)
        return {**told, "media_urls": []} if isinstance(envelope.message, Mms) else told


__all__ = ["MUTANTS"]

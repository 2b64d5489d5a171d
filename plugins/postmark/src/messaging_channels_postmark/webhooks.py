"""What Postmark tells: deliveries, bounces, complaints, opens, clicks, changes of suppressions, and inbound mail. One event a call.

Source: https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import (
    EmailAddress,
    WebhookRequest,
    json_object,
    text_at,
    timestamp,
    value_at,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_postmark.errors import BOUNCE_FAILURES, BOUNCE_STATUSES
from messaging_channels_postmark.options import MESSAGE_ID

_NONE = "00000000-0000-0000-0000-000000000000"
"""Stands in `MessageID` where a change of a suppression is about no message."""


def parse_event(request: WebhookRequest, marketing_streams: tuple[str, ...] = ()) -> Event:
    """Read a proved call. Never raises, whatever it holds; what cannot be read is an `UnknownEvent`."""
    told = json_object(request.body)
    if not told:
        return UnknownEvent(
            provider="postmark",
            occurred_at=request.received_at,
            raw=request.body.decode("utf-8", "replace"),
            kind="no JSON",
        )
    report = _Report(told, request.received_at, marketing_streams)
    read = _READERS.get(report.kind)
    return (read(report) if read else None) or report.unknown()


_IDENTITY = (
    *("MessageID", "Recipient", "Email", "MessageStream", "OriginalLink"),
    *("DeliveredAt", "ReceivedAt", "BouncedAt", "ChangedAt"),
)
"""Fields that tell two reports apart where they have no id."""


@dataclass(frozen=True, slots=True)
class _Report:
    """The object of a call."""

    told: Mapping[str, Any]
    received_at: float
    marketing_streams: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> str:
        """The `RecordType`; inbound mail has none."""
        kind = text_at(self.told, "RecordType")
        return kind or ("Inbound" if "FromFull" in self.told or "OriginalRecipient" in self.told else "")

    def common(self, *time_fields: str) -> dict[str, Any]:
        times = (timestamp(value_at(self.told, name)) for name in time_fields)
        at = next((one for one in times if one is not None), self.received_at)
        return {"provider": "postmark", "occurred_at": at, "raw": self.told}

    def message(self) -> dict[str, Any] | None:
        """Return the ids of the message that it is about; None if it names none."""
        ours, theirs = text_at(self.told, "Metadata", MESSAGE_ID) or "", text_at(self.told, "MessageID")
        theirs = None if theirs in ("", _NONE) else theirs
        return {"message_id": ours, "provider_id": theirs} if ours or theirs else None

    def address(self, *path: str | int) -> EmailAddress | None:
        return _parsed(text_at(self.told, *path))

    def person(self, address_field: str, time_field: str) -> dict[str, Any] | None:
        """Return whose wishes it tells, and when; None if the address cannot be read."""
        address = self.address(address_field)
        if address is None:
            return None
        shared = self.common(time_field)
        return {"channel": "email", "address": address, "event_id": self.record_id(), **shared}

    def record_id(self) -> str:
        """Return the id of a bounce or a complaint, or else what is the same whenever Postmark repeats the call."""
        number = value_at(self.told, "ID")
        if isinstance(number, int) and number > 0:
            return f"{self.kind}-{number}"
        told = [self.kind, *(text_at(self.told, name) for name in _IDENTITY)]
        return hashlib.sha256(ascii(told).encode()).hexdigest()[:32]

    def unknown(self) -> UnknownEvent:
        kind = text_at(self.told, "Type") if self.kind == "Bounce" else self.kind
        times = ("BouncedAt", "ReceivedAt", "DeliveredAt", "ChangedAt")
        return UnknownEvent(kind=(kind or "")[:40], **self.common(*times))


def _delivery(report: _Report) -> Event | None:
    ids = report.message()
    if ids is None:
        return None
    return StatusChanged(
        event_id=report.record_id(),
        status=statuses.DELIVERED_TO_HANDSET,
        recipient=report.address("Recipient"),
        **ids,
        **report.common("DeliveredAt"),
    )


def _bounce(report: _Report) -> Event | None:
    """Read a bounce by its type. Some types are about what the recipient wants, and some change nothing."""
    kind = text_at(report.told, "Type") or ""
    if kind in _CONSENT:
        return _CONSENT[kind](report)
    status, ids = BOUNCE_STATUSES.get(kind), report.message()
    if status is None or ids is None:
        return None
    words = text_at(report.told, "Details") or text_at(report.told, "Description") or ""
    return StatusChanged(
        event_id=report.record_id(),
        status=status,
        detail=kind,
        recipient=report.address("Email"),
        **ids,
        **BOUNCE_FAILURES.fields(kind, words),
        **report.common("BouncedAt"),
    )


def _complaint(report: _Report) -> Event | None:
    who = report.person("Email", "BouncedAt")
    return None if who is None else OptedOut(reason="complaint", kind="complaint", **who)


def _unsubscribed(report: _Report) -> Event | None:
    who = report.person("Email", "BouncedAt")
    return None if who is None else OptedOut(reason="unsubscribe", **who)


def _subscribed(report: _Report) -> Event | None:
    who = report.person("Email", "BouncedAt")
    return None if who is None else OptedIn(reason="subscribe", **who)


def _engagement(report: _Report) -> Event | None:
    ids = report.message()
    if ids is None:
        return None
    return EngagementReceived(
        event_id=report.record_id(),
        engagement_type=EngagementType.OPENED if report.kind == "Open" else EngagementType.CLICKED,
        url=text_at(report.told, "OriginalLink"),
        **ids,
        **report.common("ReceivedAt"),
    )


def _suppression(report: _Report) -> Event | None:
    """Read a change of a suppression: whose address Postmark no longer writes to, or does again."""
    told, suppressed = report.person("Recipient", "ChangedAt"), value_at(report.told, "SuppressSending")
    if told is None or not isinstance(suppressed, bool):
        return None
    stream = text_at(report.told, "MessageStream")
    narrow = "marketing" if stream in report.marketing_streams else ""
    if not suppressed:
        return OptedIn(reason="reactivated", category=narrow, **told)
    why = text_at(report.told, "SuppressionReason") or ""
    if why == "SpamComplaint":
        return OptedOut(reason="complaint", kind="complaint", **told)
    if why == "HardBounce":
        return OptedOut(reason="hard bounce", kind="undeliverable", **told)
    if text_at(report.told, "Origin") in ("Customer", "Admin"):
        return OptedOut(reason="suppressed in Postmark", kind="blocked", category=narrow, **told)
    return OptedOut(reason="list-unsubscribe", category=narrow, **told)


def _inbound(report: _Report) -> Event | None:
    """Read a mail that came in. `raw` holds its headers; files are in `media`."""
    told = report.told
    sender = report.address("FromFull", "Email") or report.address("From")
    provider_id = text_at(told, "MessageID")
    if sender is None or not provider_id:
        return None
    headers = {name.lower(): value for name, value in _headers(told)}
    is_automatic = headers.get("auto-submitted", "no").strip().lower() != "no"
    return MessageReceived(
        event_id=provider_id,
        channel="email",
        provider_id=provider_id,
        sender=sender,
        to=text_at(told, "OriginalRecipient")
        or text_at(told, "ToFull", 0, "Email")
        or text_at(told, "To")
        or "",
        kind="auto-reply" if is_automatic else "mail",
        text=text_at(told, "TextBody"),
        subject=text_at(told, "Subject"),
        html=text_at(told, "HtmlBody") or None,
        media=tuple(_media(told)),
        reply_to=headers.get("in-reply-to", "").strip("<> ") or None,
        name=text_at(told, "FromFull", "Name") or text_at(told, "FromName") or None,
        **report.common("Date"),
    )


def _headers(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in _listed(told, "Headers"):
        name, value = text_at(one, "Name"), text_at(one, "Value")
        if name is not None and value is not None:
            yield name, value


def _media(told: Mapping[str, Any]) -> Iterator[InboundMedia]:
    for one in _listed(told, "Attachments"):
        yield InboundMedia(
            id=(text_at(one, "ContentID") or "").strip("<> ") or None,
            content_type=text_at(one, "ContentType") or "",
            filename=text_at(one, "Name"),
            content=_decoded(text_at(one, "Content")),
        )


def _listed(told: Mapping[str, Any], name: str) -> list[Any]:
    found = told.get(name)
    return cast("list[Any]", found) if isinstance(found, list) else []


def _decoded(text: str | None) -> bytes | None:
    try:
        return None if text is None else b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _parsed(text: str | None) -> EmailAddress | None:
    try:
        return EmailAddress.parse(text) if text else None
    except InvalidAddress:
        return None


_READERS: Mapping[str, Callable[[_Report], Event | None]] = {
    "Delivery": _delivery,
    "Bounce": _bounce,
    "SpamComplaint": _complaint,
    "Open": _engagement,
    "Click": _engagement,
    "SubscriptionChange": _suppression,
    "Inbound": _inbound,
}
_CONSENT: Mapping[str, Callable[[_Report], Event | None]] = {
    "SpamComplaint": _complaint,
    "Unsubscribe": _unsubscribed,
    "Subscribe": _subscribed,
}

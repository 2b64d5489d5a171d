"""Infobip's calls to us: proved, then told apart by their shape, since nothing in them names their kind.

Source: https://www.infobip.com/docs/developer-resources/about-infobip-apis/webhooks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from messaging_channels.errors import WebhookRefused
from messaging_channels.events import Event
from messaging_channels.plugins import Received, WebhookCall
from messaging_channels_infobip import inbound, reports
from messaging_channels_infobip.answers import members
from messaging_channels_infobip.proofs import Proof

Reader: TypeAlias = Callable[..., list[Event]]


def received(call: WebhookCall, proofs: Sequence[Proof]) -> Received:
    """Prove a call by any of the configured ways, and read it.

    Raises:
        WebhookRefused: no way is configured, or none proves it.
    """
    if not proofs:
        raise WebhookRefused(
            "no way to prove calls is configured",
            provider="infobip",
            remedy="set one of MESSAGING_CHANNELS_INFOBIP_WEBHOOK_…",
        )
    if not any([proof.holds(call) for proof in proofs]):  # noqa: C419  all are tried, whichever fits
        raise WebhookRefused(
            "nothing proves that Infobip made it",
            provider="infobip",
            remedy="compare the security settings of the subscription with the configured ones",
        )
    return Received(events(call))


def events(call: WebhookCall) -> list[Event]:
    """Read a proved call. Never raises, whatever it holds."""
    content_type = call.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/"):
        return inbound.mail(call.body, content_type, at=call.at)
    document = _parsed(call.body)
    listed = members(document).get("results")
    if isinstance(listed, list):
        return [event for record in cast("list[Any]", listed) for event in _of_record(record, at=call.at)]
    return _of_record(document, at=call.at)


def _parsed(body: bytes) -> Any:  # noqa: ANN401  whatever came
    from pydantic_core import from_json  # noqa: PLC0415  slow to import

    try:
        return from_json(body)
    except ValueError:
        return None


def _of_record(record: Any, *, at: float) -> list[Event]:  # noqa: ANN401  whatever came
    fields = members(record)
    for fits, read in _SHAPES:
        if fits(fields):
            return read(fields, at=at)
    kind = members(fields.get("eventDetails")).get("type") or members(fields.get("change")).get("type")
    return [reports.unrecognised(record, str(kind or fields.get("event") or ""), at=at)]


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: all(name in fields for name in names)


def _named(name: str, word: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: fields.get(name) == word


def _chooses(fields: Mapping[str, Any]) -> bool:
    return "notificationMessagesStatus" in members(fields.get("content"))


def _writes(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields.get("message"), dict) and "from" in fields


_SHAPES: tuple[tuple[Callable[[Mapping[str, Any]], bool], Reader], ...] = (
    (_has("notificationType"), reports.tracked),
    (_named("event", "SEEN"), reports.seen),
    (_has("seenAt"), reports.seen),
    (_writes, inbound.whatsapp),
    (_has("status"), reports.delivery),
    (_has("from", "receivedAt"), inbound.text_message),
    (_has("from", "text"), inbound.text_message),
    (_chooses, reports.marketing_choice),
)
"""In order: the first that fits reads the record."""

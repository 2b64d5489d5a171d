"""Infobip's calls to us: proved, then told apart by their shape, since nothing in them names their kind.

Source: https://www.infobip.com/docs/developer-resources/about-infobip-apis/webhooks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias, cast

from messaging_channels.errors import WebhookVerificationError
from messaging_channels.events import Event, UnknownEvent
from messaging_channels.plugins import WebhookRequest, WebhookResult
from messaging_channels_infobip import inbound, reports
from messaging_channels_infobip.responses import as_object
from messaging_channels_infobip.webhook_auth import WebhookAuth

Reader: TypeAlias = Callable[..., list[Event]]


def handle_webhook(request: WebhookRequest, webhook_auth: Sequence[WebhookAuth]) -> WebhookResult:
    """Prove a call by any of the configured ways, and read it.

    Raises:
        WebhookVerificationError: no way is configured, or none proves it.
    """
    if not webhook_auth:
        raise WebhookVerificationError(
            "no authentication of webhooks is configured",
            provider="infobip",
            hint="set one of MESSAGING_CHANNELS_INFOBIP_WEBHOOK_…",
        )
    if not any([proof.verify(request) for proof in webhook_auth]):  # noqa: C419  all are tried, whichever fits
        raise WebhookVerificationError(
            "no configured credential or signature matches",
            provider="infobip",
            hint="compare the security settings of the subscription with webhook_… settings",
        )
    return WebhookResult(parse_events(request))


def parse_events(request: WebhookRequest) -> list[Event]:
    """Read a proved call. Never raises, whatever it holds."""
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/"):
        return inbound.parse_mail(request.body, content_type, at=request.received_at)
    document = _parse_json(request.body)
    if document is None:
        return [_unreadable(request, content_type)]
    listed = as_object(document).get("results")
    if isinstance(listed, list):
        return [
            event
            for record in cast("list[Any]", listed)
            for event in _events_of_record(record, at=request.received_at)
        ]
    return _events_of_record(document, at=request.received_at)


def _unreadable(request: WebhookRequest, content_type: str) -> Event:
    """Keep what is not JSON as it came. Its key is of its bytes: a repetition is the same event."""
    return UnknownEvent(
        provider=reports.PROVIDER,
        occurred_at=request.received_at,
        event_id=sha256(request.body).hexdigest()[:32],
        kind=content_type.partition(";")[0].strip().lower() or "no JSON",
        raw=request.body.decode("utf-8", "replace"),
    )


def _parse_json(body: bytes) -> Any:  # noqa: ANN401  whatever came
    from pydantic_core import from_json  # noqa: PLC0415  slow to import

    try:
        return from_json(body)
    except ValueError:
        return None


def _events_of_record(record: Any, *, at: float) -> list[Event]:  # noqa: ANN401  whatever came
    fields = as_object(record)
    for fits, read in _SHAPES:
        if fits(fields):
            return read(fields, at=at)
    return [reports.unknown_event(record, _kind_of(fields), at=at)]


def _kind_of(fields: Mapping[str, Any]) -> str:
    """Return the vendor's word for a record that has no event here: empty if it has none."""
    inner = (
        as_object(fields.get(name)).get("type") for name in ("eventDetails", "change", "content", "event")
    )
    words = (*inner, *(fields.get(name) for name in ("event", "eventType", "notificationType", "type")))
    return next((word[:_MAX_KIND] for word in words if isinstance(word, str) and word), "")


def _has_fields(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: all(name in fields for name in names)


def _field_equals(name: str, word: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: fields.get(name) == word


def _is_marketing_choice(fields: Mapping[str, Any]) -> bool:
    return "notificationMessagesStatus" in as_object(fields.get("content"))


def _is_inbound_whatsapp(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields.get("message"), dict) and "from" in fields


def _is_inbound_mms(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields.get("message"), (list, str)) and "from" in fields


def _is_inbound_rcs(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields.get("message"), dict) and "sender" in fields and "from" not in fields


_MAX_KIND = 60
_SHAPES: tuple[tuple[Callable[[Mapping[str, Any]], bool], Reader], ...] = (
    (_has_fields("notificationType"), reports.parse_tracking),
    (_field_equals("event", "SEEN"), reports.parse_seen_report),
    (_has_fields("seenAt"), reports.parse_seen_report),
    (_is_inbound_whatsapp, inbound.parse_chat),
    (_is_inbound_mms, inbound.parse_mms),
    (_field_equals("event", "MO"), inbound.parse_unified),
    (_is_inbound_rcs, inbound.parse_rcs),
    (_has_fields("status"), reports.parse_delivery_report),
    (_has_fields("senderName", "senderStatus"), reports.parse_sender_update),
    (_has_fields("name", "templateStatus"), reports.parse_template_update),
    (_has_fields("capabilityCheckResult"), reports.parse_capability),
    (_has_fields("from", "receivedAt"), inbound.parse_sms),
    (_has_fields("from", "text"), inbound.parse_sms),
    (_is_marketing_choice, reports.parse_marketing_choice),
)
"""In order: the first that fits reads the record."""

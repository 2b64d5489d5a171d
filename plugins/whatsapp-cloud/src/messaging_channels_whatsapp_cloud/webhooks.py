"""Webhook calls as events: up to a thousand updates in one, in any order, with anything missing.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from messaging_channels.events import EngagementReceived, OptedIn, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_statuses import ENGAGEMENT_TYPES, REPORT_STATUSES
from messaging_channels_whatsapp_cloud.errors import describe_error, failure_of, failure_status
from messaging_channels_whatsapp_cloud.inbound import parse_inbound
from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
)
from messaging_channels_whatsapp_cloud.webhook_updates import NAME, WebhookChange, parse_address

if TYPE_CHECKING:
    from messaging_channels.events import Event


def parse_events(payload: object, received_at: float) -> list[Event]:
    """Read a call that was proved and parsed; `received_at` is when it came. What is not understood is `UnknownEvent`; nothing is left out."""
    found = [
        event
        for entry in as_objects(get_member(payload, "entry"))
        for change in as_objects(entry.get("changes"))
        for event in _change(change, received_at)
    ]
    if found or payload == {"object": get_member(payload, "object"), "entry": []}:
        return found
    return [UnknownEvent(provider=NAME, occurred_at=received_at, kind="call", raw=payload)]


def _change(change: dict[str, Any], at: float) -> Iterator[Event]:
    told = non_empty_text(change.get("field")) or ""
    value = WebhookChange.parse(change.get("value"), at)
    parts = [
        (one, read)
        for name, read in _READERS.get(told, {}).items()
        for one in _as_list(get_member(change.get("value"), name))
    ]
    if not parts:
        yield UnknownEvent(provider=NAME, occurred_at=at, kind=told[:40], raw=change)
    for one, read in parts:
        if isinstance(one, dict):
            yield from read(value, as_object(one))
        else:
            yield UnknownEvent(provider=NAME, occurred_at=at, kind="malformed", raw=one)


def _status(value: WebhookChange, status: dict[str, Any]) -> Iterator[Event]:
    told, wamid = non_empty_text(status.get("status")) or "", non_empty_text(status.get("id"))
    member_id = status.get("recipient_participant_id") or status.get("participant_recipient_id") or ""
    about = (status.get("recipient_id"), status.get("recipient_user_id"))
    heard: dict[str, Any] = {
        "provider": NAME,
        "occurred_at": value.occurred_at(status),
        "event_id": f"{value.number_id}:{wamid}:{told}:{member_id}" if wamid else None,
        "raw": value.single_update("statuses", status, *about),
    }
    message: dict[str, Any] = {
        "message_id": non_empty_text(status.get("biz_opaque_callback_data")) or "",
        "provider_id": wamid,
    }
    if told == "failed":
        yield from _failed(next(iter(as_objects(status.get("errors"))), {}), about, heard, message)
    elif told in REPORT_STATUSES:
        yield StatusChanged(status=statuses.known(*REPORT_STATUSES[told]), **heard, **message)
        if told in ENGAGEMENT_TYPES:
            yield EngagementReceived(engagement_type=ENGAGEMENT_TYPES[told], **heard, **message)
    else:
        yield UnknownEvent(kind=f"status {told}"[:40], **heard)


def _failed(
    error: dict[str, Any], about: tuple[object, object], occurred_at: dict[str, Any], message: dict[str, Any]
) -> Iterator[Event]:
    told = failure_of(error)
    yield StatusChanged(
        status=failure_status(error), detail=describe_error(error), **occurred_at, **message, **told
    )
    person = parse_address(*about)
    if parse_integer(error.get("code")) == _MARKETING_STOPPED and person is not None:
        yield OptedOut(
            channel="whatsapp", address=person, reason="error 131050", category="marketing", **occurred_at
        )


def _message(value: WebhookChange, message: dict[str, Any]) -> Iterator[Event]:
    yield parse_inbound(value, message)


def _error(value: WebhookChange, error: dict[str, Any]) -> Iterator[Event]:
    """Read trouble of the account, the app or Meta, of no message in particular."""
    native = value.single_update("errors", error)
    yield UnknownEvent(
        provider=NAME, occurred_at=value.received_at, kind=f"error {describe_error(error)}", raw=native
    )


def _preference(value: WebhookChange, preference: dict[str, Any]) -> Iterator[Event]:
    """Read whether a person wants marketing messages."""
    named = preference if preference.keys() & {"wa_id", "user_id"} else value.contact(*value.contacts)
    ids = (named.get("wa_id"), named.get("user_id"))
    chosen = _OPT_EVENTS.get(non_empty_text(preference.get("value")) or "")
    person = parse_address(*ids)
    heard: dict[str, Any] = {
        "provider": NAME,
        "occurred_at": value.occurred_at(preference),
        "raw": value.single_update("user_preferences", preference, *ids),
    }
    if chosen is None or person is None:
        yield UnknownEvent(kind="user_preferences", **heard)
    else:
        yield chosen(
            channel="whatsapp", address=person, reason="user_preferences", category="marketing", **heard
        )


def _as_list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]


_Reader = Callable[[WebhookChange, dict[str, Any]], "Iterator[Event]"]
_READERS: dict[str, dict[str, _Reader]] = {
    "messages": {"messages": _message, "statuses": _status, "errors": _error},
    "user_preferences": {"user_preferences": _preference},
}
"""By the field that was subscribed to. Other fields are not recognised, and kept."""
_OPT_EVENTS: dict[str, type[OptedOut | OptedIn]] = {"stop": OptedOut, "resume": OptedIn}
_MARKETING_STOPPED = 131050

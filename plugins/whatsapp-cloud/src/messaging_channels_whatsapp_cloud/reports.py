"""Webhook calls as events: up to a thousand updates in one, in any order, with anything missing.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from messaging_channels.events import Engaged, OptedIn, OptedOut, StatusChanged, Unrecognised
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_statuses import ACTS, REPORTS
from messaging_channels_whatsapp_cloud.inbound import inbound
from messaging_channels_whatsapp_cloud.reading import fields, integer, member, objects, text
from messaging_channels_whatsapp_cloud.refusals import explanation, failure
from messaging_channels_whatsapp_cloud.updates import NAME, Value, address

if TYPE_CHECKING:
    from messaging_channels.events import Event


def events(payload: object, at: float) -> list[Event]:
    """Read a call that was proved and parsed; `at` is when it came. What is not understood is `Unrecognised`; nothing is left out."""
    found = [
        event
        for entry in objects(member(payload, "entry"))
        for change in objects(entry.get("changes"))
        for event in _change(change, at)
    ]
    if found or payload == {"object": member(payload, "object"), "entry": []}:
        return found
    return [Unrecognised(provider=NAME, at=at, kind="call", native=payload)]


def _change(change: dict[str, Any], at: float) -> Iterator[Event]:
    told = text(change.get("field")) or ""
    value = Value.of(change.get("value"), at)
    parts = [
        (one, read)
        for name, read in _READERS.get(told, {}).items()
        for one in _listed(member(change.get("value"), name))
    ]
    if not parts:
        yield Unrecognised(provider=NAME, at=at, kind=told[:40], native=change)
    for one, read in parts:
        if isinstance(one, dict):
            yield from read(value, fields(one))
        else:
            yield Unrecognised(provider=NAME, at=at, kind="malformed", native=one)


def _status(value: Value, status: dict[str, Any]) -> Iterator[Event]:
    told, wamid = text(status.get("status")) or "", text(status.get("id"))
    member_id = status.get("recipient_participant_id") or status.get("participant_recipient_id") or ""
    about = (status.get("recipient_id"), status.get("recipient_user_id"))
    heard: dict[str, Any] = {
        "provider": NAME,
        "at": value.time(status),
        "event_id": f"{value.number_id}:{wamid}:{told}:{member_id}" if wamid else None,
        "native": value.alone("statuses", status, *about),
    }
    message: dict[str, Any] = {
        "message_id": text(status.get("biz_opaque_callback_data")) or "",
        "provider_id": wamid,
    }
    if told == "failed":
        yield from _failed(next(iter(objects(status.get("errors"))), {}), about, heard, message)
    elif told in REPORTS:
        yield StatusChanged(status=statuses.known(*REPORTS[told]), **heard, **message)
        if told in ACTS:
            yield Engaged(act=ACTS[told], **heard, **message)
    else:
        yield Unrecognised(kind=f"status {told}"[:40], **heard)


def _failed(
    error: dict[str, Any], about: tuple[object, object], heard: dict[str, Any], message: dict[str, Any]
) -> Iterator[Event]:
    yield StatusChanged(status=failure(error), detail=explanation(error), **heard, **message)
    person = address(*about)
    if integer(error.get("code")) == _STOPPED and person is not None:
        yield OptedOut(channel="whatsapp", address=person, why="error 131050", about="marketing", **heard)


def _message(value: Value, message: dict[str, Any]) -> Iterator[Event]:
    yield inbound(value, message)


def _error(value: Value, error: dict[str, Any]) -> Iterator[Event]:
    """Read trouble of the account, the app or Meta, of no message in particular."""
    native = value.alone("errors", error)
    yield Unrecognised(provider=NAME, at=value.at, kind=f"error {explanation(error)}", native=native)


def _preference(value: Value, preference: dict[str, Any]) -> Iterator[Event]:
    """Read whether a person wants marketing messages."""
    named = preference if preference.keys() & {"wa_id", "user_id"} else value.contact(*value.contacts)
    ids = (named.get("wa_id"), named.get("user_id"))
    chosen = _CHOICES.get(text(preference.get("value")) or "")
    person = address(*ids)
    heard: dict[str, Any] = {
        "provider": NAME,
        "at": value.time(preference),
        "native": value.alone("user_preferences", preference, *ids),
    }
    if chosen is None or person is None:
        yield Unrecognised(kind="user_preferences", **heard)
    else:
        yield chosen(channel="whatsapp", address=person, why="user_preferences", about="marketing", **heard)


def _listed(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]


_Reader = Callable[[Value, dict[str, Any]], "Iterator[Event]"]
_READERS: dict[str, dict[str, _Reader]] = {
    "messages": {"messages": _message, "statuses": _status, "errors": _error},
    "user_preferences": {"user_preferences": _preference},
}
"""By the field that was subscribed to. Other fields are not recognised, and kept."""
_CHOICES: dict[str, type[OptedOut | OptedIn]] = {"stop": OptedOut, "resume": OptedIn}
_STOPPED = 131050

"""Webhook calls as events: up to a thousand updates in one, in any order, with anything missing.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from messaging_channels.events import EngagementReceived, EngagementType, OptedIn, OptedOut, UnknownEvent
from messaging_channels_whatsapp_cloud.account_updates import parse_account_update
from messaging_channels_whatsapp_cloud.calls import parse_call
from messaging_channels_whatsapp_cloud.errors import describe_error
from messaging_channels_whatsapp_cloud.inbound import parse_echo, parse_inbound
from messaging_channels_whatsapp_cloud.parsing import as_object, get_member, is_object, non_empty_text
from messaging_channels_whatsapp_cloud.status_reports import parse_status
from messaging_channels_whatsapp_cloud.webhook_updates import WebhookChange, parse_address, parse_aliases

if TYPE_CHECKING:
    from messaging_channels.events import Event


def parse_events(payload: object, received_at: float) -> list[Event]:
    """Read a call that was proved and parsed; `received_at` is when it came. What is not understood is `UnknownEvent`; nothing is left out."""
    found: list[Event] = []
    for entry in _as_list(get_member(payload, "entry")):
        if is_object(entry):
            found += _entry(as_object(entry), received_at)
        else:
            found.append(_malformed(entry, received_at))
    unread = {name: told for name, told in as_object(payload).items() if name not in ("object", "entry")}
    if found and unread:
        found.append(WebhookChange.parse({}, {}, received_at).unknown("call", unread))
    if found or payload == {"object": get_member(payload, "object"), "entry": []}:
        return found
    return [WebhookChange.parse({}, {}, received_at).unknown("call", payload)]


def _entry(entry: Mapping[str, Any], at: float) -> Iterator[Event]:
    """Read what one account tells."""
    for change in _as_list(entry.get("changes")):
        if is_object(change):
            yield from _change(as_object(change), entry, at)
        else:
            yield _malformed(change, at)
    unread = {name: told for name, told in entry.items() if name not in ("id", "time", "changes")}
    if unread:
        yield WebhookChange.parse({}, entry, at).unknown("entry", {**entry, "changes": []})


def _change(told: Mapping[str, Any], entry: Mapping[str, Any], at: float) -> Iterator[Event]:
    """Read one change: each of the updates that its value lists, and the rest as it came."""
    change = WebhookChange.parse(told, entry, at)
    value = as_object(change.value)
    listed = [(name, update) for name in _READERS for update in _as_list(value.get(name))]
    if not listed:
        yield parse_account_update(change, {**told, "entry": change.entry})
        return
    for name, update in listed:
        if is_object(update):
            yield from _READERS[name](change, as_object(update))
        else:
            yield change.unknown("malformed", update)
    for member in [one for one in value if one not in _KNOWN_MEMBERS]:
        for update in _as_list(value[member]):
            yield change.unknown(member, update, change.single_update(member, update))


def _malformed(content: object, at: float) -> UnknownEvent:
    return WebhookChange.parse({}, {}, at).unknown("malformed", content)


def _message(change: WebhookChange, message: dict[str, Any]) -> Iterator[Event]:
    yield parse_inbound(change, message)


def _echo(change: WebhookChange, message: dict[str, Any]) -> Iterator[Event]:
    yield parse_echo(change, message)


def _call(change: WebhookChange, call: dict[str, Any]) -> Iterator[Event]:
    yield parse_call(change, "calls", call)


def _status(change: WebhookChange, status: dict[str, Any]) -> Iterator[Event]:
    if status.get("type") == "call":
        yield parse_call(change, "statuses", status)
    else:
        yield from parse_status(change, status)


def _error(change: WebhookChange, error: dict[str, Any]) -> Iterator[Event]:
    """Read trouble of the account, the app or Meta, of no message in particular."""
    yield change.unknown(f"error {describe_error(error)}", error, change.single_update("errors", error))


def _preference(change: WebhookChange, preference: dict[str, Any]) -> Iterator[Event]:
    """Read whether a person wants marketing messages."""
    named = preference if preference.keys() & {"wa_id", "user_id"} else change.contact(*change.contacts)
    ids = (named.get("wa_id"), named.get("user_id"), named.get("parent_user_id"))
    chosen = _OPT_EVENTS.get((non_empty_text(preference.get("value")) or "").lower())
    person = parse_address(*ids)
    raw = change.single_update("user_preferences", preference, *ids)
    if chosen is None or person is None:
        yield change.unknown("user_preferences", preference, raw)
        return
    category = non_empty_text(preference.get("category")) or _MARKETING
    yield chosen(
        channel="whatsapp",
        address=person,
        aliases=parse_aliases(person, *ids[1:]),
        reason="user_preferences",
        category="marketing" if category == _MARKETING else category,
        **change.common(preference, raw, "user_preferences", ids, preference),
    )


def _action(change: WebhookChange, action: dict[str, Any]) -> Iterator[Event]:
    """Read what a person did with a message: so far, that a link was clicked."""
    kind = non_empty_text(action.get("action_type")) or ""
    data = as_object(action.get(f"{kind}_data"))
    raw = change.single_update("user_actions", action)
    if not kind.endswith("link_click"):
        yield change.unknown(f"user_actions {kind}", action, raw)
        return
    yield EngagementReceived(
        engagement_type=EngagementType.CLICKED,
        message_id=non_empty_text(action.get("biz_opaque_callback_data")) or "",
        provider_id=non_empty_text(action.get("message_id")) or non_empty_text(data.get("message_id")),
        url=non_empty_text(data.get("url")) or non_empty_text(data.get("link")),
        **change.common(action, raw, "user_actions", action),
    )


def _as_list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [] if value is None else [value]


_Reader = Callable[[WebhookChange, dict[str, Any]], "Iterator[Event]"]
_READERS: dict[str, _Reader] = {
    "messages": _message,
    "statuses": _status,
    "errors": _error,
    "calls": _call,
    "message_echoes": _echo,
    "user_preferences": _preference,
    "user_actions": _action,
}
"""By the member of a change's value that lists such updates, whatever field was subscribed to."""
_KNOWN_MEMBERS = frozenset({"messaging_product", "metadata", "contacts", *_READERS})
_OPT_EVENTS: dict[str, type[OptedOut | OptedIn]] = {"stop": OptedOut, "resume": OptedIn, "signup": OptedIn}
_MARKETING = "marketing_messages"

"""What became of a message that was sent, as events: one of each member where it went to a group.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from messaging_channels.events import EngagementReceived, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_statuses import ENGAGEMENT_TYPES, REPORT_STATUSES
from messaging_channels_whatsapp_cloud.errors import describe_error, failure_of, failure_status
from messaging_channels_whatsapp_cloud.parsing import as_objects, non_empty_text, parse_integer
from messaging_channels_whatsapp_cloud.webhook_updates import NAME, WebhookChange, parse_address

if TYPE_CHECKING:
    from messaging_channels.events import Event


def parse_status(change: WebhookChange, status: dict[str, Any]) -> Iterator[Event]:
    """Read the state of a message: the delivery report, and what the person did with it or wants."""
    told, wamid = non_empty_text(status.get("status")) or "", non_empty_text(status.get("id"))
    group = non_empty_text(status.get("recipient_id")) if _is_of_a_group(status) else None
    about = _person_ids(status, group)
    common: dict[str, Any] = {
        "provider": NAME,
        "occurred_at": change.occurred_at(status),
        "event_id": _event_id(change, status, about if group else ()),
        "raw": change.single_update("statuses", status, *about, status.get("recipient_id")),
    }
    message: dict[str, Any] = {
        "message_id": non_empty_text(status.get("biz_opaque_callback_data")) or "",
        "provider_id": wamid,
        "group_id": group,
        "participant": parse_address(*about) if group else None,
    }
    if told == "failed":
        yield from _failed(next(iter(as_objects(status.get("errors"))), {}), about, common, message)
    elif told in REPORT_STATUSES:
        yield StatusChanged(status=statuses.known(*REPORT_STATUSES[told]), **common, **message)
        if told in ENGAGEMENT_TYPES:
            yield EngagementReceived(engagement_type=ENGAGEMENT_TYPES[told], **common, **message)
    else:
        yield UnknownEvent(kind=f"status {told}"[:40], **common)


def _event_id(change: WebhookChange, status: dict[str, Any], members: tuple[object, ...]) -> str:
    """Return the key of a state: of a message to a group, with a digest of the member's ids, since keys are logged."""
    told, wamid = non_empty_text(status.get("status")) or "", non_empty_text(status.get("id"))
    if wamid is None:
        return change.event_id("statuses", status)
    ids = ":".join(str(one) for one in members if one)
    return f"{change.number_id}:{wamid}:{told}:{sha256(ids.encode()).hexdigest()[:32] if ids else ''}"


def _is_of_a_group(status: Mapping[str, Any]) -> bool:
    return status.get("recipient_type") == "group" or any(status.get(name) for name in _MEMBERS)


def _person_ids(status: Mapping[str, Any], group: str | None) -> tuple[object, ...]:
    """Return the ids of the person whom it is about: of a message to a group, the member's."""
    if group is None:
        return (status.get("recipient_id"), *(status.get(name) for name in _USER_IDS))
    member = next((one for name in _MEMBERS if (one := status.get(name))), None)
    return (member, *(status.get(name) for name in (*_MEMBER_IDS, *_USER_IDS)), member)


def _failed(
    error: dict[str, Any], about: tuple[object, ...], common: dict[str, Any], message: dict[str, Any]
) -> Iterator[Event]:
    told = failure_of(error)
    yield StatusChanged(
        status=failure_status(error), detail=describe_error(error), **common, **message, **told
    )
    person = parse_address(*about)
    if parse_integer(error.get("code")) == _MARKETING_STOPPED and person is not None:
        yield OptedOut(
            channel="whatsapp", address=person, reason="error 131050", category="marketing", **common
        )


_USER_IDS = ("recipient_user_id", "parent_recipient_user_id", "recipient_parent_user_id")
_MEMBERS = ("recipient_participant_id", "participant_recipient_id")
_MEMBER_IDS = ("recipient_participant_user_id", "participant_recipient_user_id")
_MARKETING_STOPPED = 131050

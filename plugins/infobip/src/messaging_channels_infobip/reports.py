"""What Infobip reports about messages, turned into events: delivery, seen, opened, clicked, complained, bounced late.

The records of webhooks, of pulled reports and of logs differ in little, so one reader serves all; a report and the log's row of the same message give
events with the same key.

Sources: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports and https://www.infobip.com/docs/api/channels/email/email-tracking
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_channels.events import Act, Engaged, Event, OptedIn, OptedOut, StatusChanged, Unrecognised
from messaging_channels.plugins import Address, Status
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip.addresses import read_address
from messaging_channels_infobip.advice import advice_of, opts_out
from messaging_channels_infobip.answers import members, read_status
from messaging_channels_infobip.dates import read_date

PROVIDER = "infobip"
_ACTS = {"OPENED": Act.OPENED, "CLICKED": Act.CLICKED}
_CHOICES = {"COMPLAINED": "complaint", "UNSUBSCRIBED": "unsubscribed"}
_BOUNCED = statuses.known(2, 9)
_MARKETING = 7033
"""The person turned marketing messages off, and takes others."""
_MAIL_ERRORS, _CHAT_ERRORS = range(6000, 7000), range(7000, 8000)


def delivery(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read a delivery report or a log row. What says that the recipient wants no more becomes an event of its own."""
    status = read_status(record.get("status"))
    if status is None:
        return [unrecognised(record, "delivery report without a status", at=at)]
    error = members(record.get("error"))
    when = read_date(record.get("doneAt") or record.get("sentAt"), otherwise=at)
    changed = _changed(record, status, _detail(error), at=when)
    address = read_address(record.get("to") or record.get("destination"))
    if not opts_out(error) or address is None:
        return [changed]
    channel = _channel(record, error)
    about = "marketing" if error["id"] == _MARKETING else ""
    return [changed, _opted_out(record, channel, address, f"error {error['id']}", about=about, at=when)]


def _changed(record: Mapping[str, Any], status: Status, detail: str, *, at: float) -> StatusChanged:
    message_id = str(record.get("messageId") or "")
    return StatusChanged(
        provider=PROVIDER,
        at=at,
        message_id=message_id,
        provider_id=message_id or None,
        status=status,
        detail=detail,
        native=record,
    )


def _detail(error: Mapping[str, Any]) -> str:
    """Name the error and what it asks for; empty where there is none."""
    if not error.get("id") and not error.get("groupId"):
        return ""
    return f"{error.get('groupId')}/{error.get('id')} {error.get('name') or ''}: {advice_of(error)}"


def _channel(record: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """Tell the channel of a report, which only some name."""
    named = str(record.get("channel") or "").lower()
    if named:
        return named
    if error.get("id") in _CHAT_ERRORS:
        return "whatsapp"
    return "email" if error.get("id") in _MAIL_ERRORS or "@" in str(record.get("to")) else "sms"


def _opted_out(
    record: Mapping[str, Any], channel: str, address: Address, why: str, *, at: float, about: str = ""
) -> OptedOut:
    return OptedOut(
        provider=PROVIDER, at=at, channel=channel, address=address, why=why, about=about, native=record
    )


def seen(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read a seen report."""
    return [_engaged(record, Act.SEEN, at=read_date(record.get("seenAt"), otherwise=at))]


def _engaged(record: Mapping[str, Any], act: Act, *, at: float) -> Engaged:
    message_id = str(record.get("messageId") or "")
    event_id, url = record.get("eventId"), record.get("url")
    return Engaged(
        provider=PROVIDER,
        at=at,
        event_id=str(event_id) if event_id else None,
        message_id=message_id,
        provider_id=message_id or None,
        act=act,
        url=str(url) if url and act is Act.CLICKED else None,
        native=record,
    )


def tracked(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read what a reader did: of mail, or with a link in an SMS or a WhatsApp message."""
    kind = str(record.get("notificationType") or "").upper()
    when = read_date(record.get("sendDateTime"), otherwise=at)
    if kind in _ACTS:
        return [_engaged(record, _ACTS[kind], at=when)]
    if kind == "LATE_BOUNCE":
        return [_changed(record, _BOUNCED, "late bounce", at=when)]
    address = read_address(record.get("recipient"))
    if kind in _CHOICES and address is not None:
        return [_opted_out(record, "email", address, _CHOICES[kind], at=when)]
    return [unrecognised(record, kind, at=when)]


def marketing_choice(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read that a person turned marketing messages on WhatsApp off, or on again."""
    content = members(record.get("content"))
    address = read_address(content.get("from") or record.get("from"))
    when = read_date(record.get("createdAt"), otherwise=at)
    word = str(content.get("notificationMessagesStatus"))
    for start, choice in (("stop", OptedOut), ("resume", OptedIn)):
        if word.lower().startswith(start) and address is not None:
            return [
                choice(
                    provider=PROVIDER,
                    at=when,
                    channel="whatsapp",
                    address=address,
                    why=f"marketing {start}",
                    about="marketing",
                    native=record,
                )
            ]
    return [unrecognised(record, "MARKETING_SUBSCRIPTION_UPDATE", at=when)]


def unrecognised(record: object, kind: str, *, at: float) -> Unrecognised:
    """Keep a record of an unknown kind as it came."""
    event_id = members(record).get("eventId")
    return Unrecognised(
        provider=PROVIDER, at=at, event_id=str(event_id) if event_id else None, kind=kind, native=record
    )

"""What Infobip reports about messages, turned into events: delivery, seen, opened, clicked, complained, bounced late.

The records of webhooks, of pulled reports and of logs differ in little, so one reader serves all; a report and the log's row of the same message give
events with the same key.

Sources: https://www.infobip.com/docs/api/channels/sms/logs-and-status-reports and https://www.infobip.com/docs/api/channels/email/email-tracking
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_channels.events import (
    AccountUpdated,
    EngagementReceived,
    EngagementType,
    Event,
    OptedIn,
    OptedOut,
    StatusChanged,
    TemplateUpdated,
    UnknownEvent,
)
from messaging_channels.plugins import (
    Address,
    EmailAddress,
    FailureFields,
    FailureReason,
    Status,
    failure_fields,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip.addresses import parse_address
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.failures import failure_of, is_opt_out
from messaging_channels_infobip.responses import as_object, parse_status

PROVIDER = "infobip"
_ENGAGEMENT_TYPES = {"OPENED": EngagementType.OPENED, "CLICKED": EngagementType.CLICKED}
_OPT_OUT_REASONS = {"COMPLAINED": "complaint", "UNSUBSCRIBED": "unsubscribed"}
_MARKETING = 7033
"""The person turned marketing messages off, and takes others."""
_RCS_CHANNELS = frozenset({"rcs", "sms", "mms"})
_MAIL_ERRORS, _CHAT_ERRORS = range(6000, 7000), range(7000, 8000)


def parse_delivery_report(
    record: Mapping[str, Any], *, at: float, pulled: str = "", is_rcs: bool = False
) -> list[Event]:
    """Read a delivery report or a log row. What says that the recipient wants no more becomes an event of its own.

    A row that was pulled names no channel: `pulled` is the one that it was asked for, and `is_rcs` says that this message itself went by RCS.
    """
    status = parse_status(record.get("status"))
    if status is None:
        return [unknown_event(record, "delivery report without a status", at=at)]
    error = as_object(record.get("error"))
    when = parse_date(record.get("doneAt") or record.get("sentAt"), default=at)
    channel = _channel(record, error, pulled)
    told = failure_of(status, error, channel)
    reported = "rcs" if is_rcs else _reported_channel(record)
    changed = _status_event(record, status, _detail(error), at=when, told=told, channel=reported)
    address = parse_address(record.get("to") or record.get("destination"))
    if not is_opt_out(error) or address is None:
        return [changed]
    about = "marketing" if error["id"] == _MARKETING else ""
    return [
        changed,
        _opt_out_event(record, channel, address, f"error {error['id']}", category=about, at=when),
    ]


def _status_event(
    record: Mapping[str, Any],
    status: Status,
    detail: str,
    *,
    at: float,
    told: FailureFields,
    channel: str = "",
) -> StatusChanged:
    message_id = str(record.get("messageId") or "")
    return StatusChanged(
        provider=PROVIDER,
        occurred_at=at,
        message_id=message_id,
        provider_id=message_id or None,
        status=status,
        detail=detail,
        raw=record,
        recipient=_mail_recipient(record),
        channel=channel,
        **told,
    )


def _mail_recipient(record: Mapping[str, Any]) -> EmailAddress | None:
    """Return whom a report of a mail speaks of: one mail may go to several under one id."""
    to = parse_address(record.get("to") or record.get("destination") or record.get("recipient"))
    return to if isinstance(to, EmailAddress) else None


def _detail(error: Mapping[str, Any]) -> str:
    """Name the error; empty where there is none."""
    if not error.get("id") and not error.get("groupId"):
        return ""
    return f"{error.get('groupId')}/{error.get('id')} {error.get('name') or ''}".rstrip()


def _channel(record: Mapping[str, Any], error: Mapping[str, Any], pulled: str) -> str:
    """Tell the channel of a report, which only some name."""
    named = str(record.get("channel") or "").lower()
    if named:
        return named
    if "interactionType" in record or pulled == "rcs":
        return "rcs"
    number = error.get("id") if isinstance(error.get("id"), int) else None
    if number in _CHAT_ERRORS:
        return "whatsapp"
    return "email" if number in _MAIL_ERRORS or "@" in str(record.get("to")) else "sms"


def _reported_channel(record: Mapping[str, Any]) -> str:
    """Return the channel that a report of an RCS message speaks of: with a failover it may be another one. Empty for other reports."""
    named = str(record.get("channel") or "").lower()
    if "event" in record or named not in _RCS_CHANNELS:
        return "rcs" if "interactionType" in record and not named else ""
    return named


def _opt_out_event(
    record: Mapping[str, Any], channel: str, address: Address, reason: str, *, at: float, category: str = ""
) -> OptedOut:
    return OptedOut(
        provider=PROVIDER,
        occurred_at=at,
        channel=channel,
        address=address,
        reason=reason,
        category=category,
        raw=record,
    )


def parse_seen_report(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read a seen report."""
    return [_engagement_event(record, EngagementType.READ, at=parse_date(record.get("seenAt"), default=at))]


def _engagement_event(record: Mapping[str, Any], act: EngagementType, *, at: float) -> EngagementReceived:
    message_id = str(record.get("messageId") or "")
    event_id, url = record.get("eventId"), record.get("url")
    return EngagementReceived(
        provider=PROVIDER,
        occurred_at=at,
        event_id=str(event_id) if event_id else None,
        message_id=message_id,
        provider_id=message_id or None,
        engagement_type=act,
        url=str(url) if url and act is EngagementType.CLICKED else None,
        raw=record,
    )


def parse_tracking(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read what a reader did: of mail, or with a link in an SMS or a WhatsApp message."""
    kind = str(record.get("notificationType") or "").upper()
    when = parse_date(record.get("sendDateTime"), default=at)
    if kind in _ENGAGEMENT_TYPES:
        return [_engagement_event(record, _ENGAGEMENT_TYPES[kind], at=when)]
    if kind == "LATE_BOUNCE":
        error = as_object(record.get("error"))
        told = failure_of(statuses.BOUNCED_LATE, error, "email")
        if not error:
            told = failure_fields(FailureReason.UNKNOWN, vendor_code=kind)
        return [_status_event(record, statuses.BOUNCED_LATE, "late bounce", at=when, told=told)]
    address = parse_address(record.get("recipient"))
    if kind in _OPT_OUT_REASONS and address is not None:
        return [_opt_out_event(record, "email", address, _OPT_OUT_REASONS[kind], at=when)]
    return [unknown_event(record, kind, at=when)]


def parse_marketing_choice(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read that a person turned marketing messages on WhatsApp off, or on again."""
    content = as_object(record.get("content"))
    address = parse_address(content.get("from") or record.get("from"))
    when = parse_date(record.get("createdAt"), default=at)
    word = str(content.get("notificationMessagesStatus"))
    for start, choice in (("stop", OptedOut), ("resume", OptedIn)):
        if word.lower().startswith(start) and address is not None:
            return [
                choice(
                    provider=PROVIDER,
                    occurred_at=when,
                    channel="whatsapp",
                    address=address,
                    reason=f"marketing {start}",
                    category="marketing",
                    raw=record,
                )
            ]
    return [unknown_event(record, "MARKETING_SUBSCRIPTION_UPDATE", at=when)]


def parse_sender_update(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read how an RCS sender of ours stands now: its own state, or that of a number which tests it."""
    change = record.get("testNumberStatus") or record.get("senderStatus")
    return [
        AccountUpdated(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("updatedAt"), default=at),
            account_id=str(record.get("senderName") or ""),
            kind=str(record.get("event") or ""),
            change=str(change or ""),
            raw=record,
        )
    ]


def parse_template_update(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Read that an RCS template was judged. It names no sender."""
    name = str(record.get("name") or "")
    return [
        TemplateUpdated(
            provider=PROVIDER,
            occurred_at=parse_date(record.get("updatedAt"), default=at),
            account_id="",
            template_id=name,
            name=name,
            kind="templateStatus",
            change=str(record.get("templateStatus") or ""),
            reason=str(record.get("comment") or ""),
            raw=record,
        )
    ]


def parse_capability(record: Mapping[str, Any], *, at: float) -> list[Event]:
    """Keep the answer to a capability check that was asked for by webhook. It names no sender, so nothing can be remembered of it."""
    found = as_object(record.get("capabilityCheckResult"))
    ids = [str(found[name]) for name in ("bulkId", "messageId") if found.get(name)]
    return [
        UnknownEvent(
            provider=PROVIDER,
            occurred_at=at,
            event_id="/".join(ids) or None,
            kind="capabilityCheckResult",
            raw=record,
        )
    ]


def unknown_event(record: object, kind: str, *, at: float) -> UnknownEvent:
    """Keep a record of an unknown kind as it came."""
    fields = as_object(record)
    event_id = fields.get("eventId")
    when = next((fields[name] for name in _TIMES if fields.get(name) is not None), None)
    return UnknownEvent(
        provider=PROVIDER,
        occurred_at=parse_date(when, default=at),
        event_id=str(event_id) if event_id else None,
        kind=kind,
        raw=record,
    )


_TIMES = ("createdAt", "timestamp", "doneAt", "seenAt", "receivedAt", "sendDateTime", "sentAt")
"""Where a record says when it happened."""

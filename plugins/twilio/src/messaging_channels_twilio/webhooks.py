"""From a call of Twilio's that was proved to events: delivery reports, and what people write.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks. Fields are added without notice, and any may be missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

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
    Address,
    NonPhoneSender,
    PhoneNumber,
    Status,
    StatusGroup,
    WebhookRequest,
    WhatsAppUserId,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_twilio._table_failures import ERRORS
from messaging_channels_twilio._table_statuses import INBOUND, OPT_OUTS, START_WORDS, STOP_WORDS
from messaging_channels_twilio.endpoints import is_sid
from messaging_channels_twilio.errors import describe_code, status_of
from messaging_channels_twilio.message_resource import parse_number
from messaging_channels_twilio.status_callbacks import STEP
from messaging_channels_twilio.webhook_auth import form_fields

PROVIDER = "twilio"
Fields: TypeAlias = "Mapping[str, str]"

_MOST_MEDIA = 10
_READ = "READ"


def parse_events(request: WebhookRequest, message_id: str) -> Sequence[Event]:
    """Read a call that was proved. `message_id` is ours, where the URL proved it."""
    return [
        event
        for fields, native in _reports(request)
        for event in _events(fields, native, message_id, request.received_at)
    ]


def _events(fields: Fields, native: object, message_id: str, at: float) -> Sequence[Event]:
    state = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if fields.get("Link") and fields.get("ClickTime"):
        return [_click_event(fields, sid, message_id.removesuffix(STEP), at)]
    status = status_of(state, parse_number(fields.get("ErrorCode")))
    if sid and fields.get("From") and (state in INBOUND or (not state and "Body" in fields)):
        return _inbound_event(fields, sid, at)
    if sid and status is not None:
        return _status_event(_StatusReport(fields, sid, state, message_id, at))
    kind = _safe_word(state) or _safe_word(fields.get("EventType", "")) or "unknown"
    event_id = f"{sid}/{kind}" if sid else ""
    return [UnknownEvent(provider=PROVIDER, occurred_at=at, kind=kind, event_id=event_id, raw=native)]


@dataclass(frozen=True, slots=True)
class _StatusReport:
    """A status callback."""

    fields: Fields
    sid: str
    state: str
    reference: str
    """What the URL of the call held."""
    at: float

    @property
    def message_id(self) -> str:
        """Our id."""
        return self.reference.removesuffix(STEP)

    @property
    def may_follow(self) -> bool:
        """Whether an SMS may follow where RCS fails."""
        return self.reference.endswith(STEP)

    @property
    def code(self) -> int | None:
        return parse_number(self.fields.get("ErrorCode"))

    @property
    def words(self) -> str:
        return self.fields.get("ErrorMessage") or self.fields.get("ChannelStatusMessage") or ""

    @property
    def event_id(self) -> str:
        """What repetitions have in common. Only they carry Twilio's own token, so that it cannot tell them from the first call."""
        kind = _safe_word(self.fields.get("EventType", ""))
        step = ("rcs",) if _channel(self.fields) == "rcs" else ()  # the SMS that follows has the same SID
        return "/".join((self.sid, self.state, str(self.code or ""), kind, *step))


def _status_event(report: _StatusReport) -> Sequence[Event]:
    status = status_of(report.state, report.code)
    assert status is not None  # noqa: S101  for the type checkers: the caller has looked
    channel = _channel(report.fields)
    if report.may_follow and channel == "rcs" and _is_failure(status) and report.code not in OPT_OUTS:
        status = statuses.PENDING_ENROUTE  # the SMS of the messaging service is on its way
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "occurred_at": report.at,
        "event_id": report.event_id,
        "raw": report.fields,
    }
    of_message = {**common, "message_id": report.message_id, "provider_id": report.sid}
    told = ERRORS.fields(report.code, report.words)
    heard: list[Event] = [
        StatusChanged(**of_message, status=status, detail=_detail(report), channel=channel, **told)
    ]
    if report.state == "read" or report.fields.get("EventType", "").upper() == _READ:
        heard.append(EngagementReceived(**of_message, engagement_type=EngagementType.READ))
    if report.code in OPT_OUTS and report.fields.get("To"):
        channel, address = parse_address(report.fields["To"])
        about = "marketing" if report.code == _MARKETING_STOPPED else ""
        heard.append(
            OptedOut(
                **common, channel=channel, address=address, reason=f"error {report.code}", category=about
            )
        )
    return heard


def _is_failure(status: Status) -> bool:
    return status.final and status.group is not StatusGroup.DELIVERED


def _channel(fields: Fields) -> str:
    """Return the channel that a report speaks of: a messaging service may try RCS first, and SMS then, under one SID. Empty where it has no choice."""
    ends = [fields.get(name, "") for name in ("From", "To")]
    prefixes = {end.partition(":")[0].lower() for end in ends if ":" in end} | {
        fields.get("ChannelPrefix", "").lower()
    }
    if "rcs" in prefixes:
        return "rcs"
    has_choice = bool(fields.get("MessagingServiceSid")) and "whatsapp" not in prefixes
    return "sms" if has_choice else ""


def _click_event(fields: Fields, sid: str, message_id: str, at: float) -> EngagementReceived:
    """Read that somebody followed a link that Twilio had shortened.

    Source: https://www.twilio.com/docs/messaging/features/link-shortening
    """
    return EngagementReceived(
        provider=PROVIDER,
        occurred_at=_timestamp(fields["ClickTime"], at),
        event_id="/".join((sid, "click", fields["ClickTime"], fields["Link"])),
        raw=fields,
        message_id=message_id,
        provider_id=sid or None,
        engagement_type=EngagementType.CLICKED,
        url=fields["Link"],
    )


def _timestamp(value: str, default: float) -> float:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return default
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _detail(report: _StatusReport) -> str:
    """Return the state and the code with its words; what carriers write may hold a number."""
    return " ".join(part for part in (report.state, describe_code(report.code)) if part)


def _inbound_event(fields: Fields, sid: str, at: float) -> Sequence[Event]:
    sender, channel = parse_address(fields["From"])[1], _inbound_channel(fields)
    common: dict[str, Any] = {"provider": PROVIDER, "occurred_at": at, "event_id": sid, "raw": fields}
    received = MessageReceived(
        **common,
        channel=channel,
        provider_id=sid,
        sender=sender,
        to=parse_address(fields.get("To", ""))[1].plain,
        kind=_message_type(fields),
        text=next((told for name in _WORDS if (told := fields.get(name))), None),
        payload=_payload(fields),
        location=_location(fields),
        media=_media(fields),
        reply_to=fields.get("OriginalRepliedMessageSid") or None,
        name=fields.get("ProfileName") or None,
    )
    choice, why = _opt_event(fields, channel)
    return (
        [received]
        if choice is None
        else [received, choice(**common, channel=channel, address=sender, reason=why)]
    )


def _inbound_channel(fields: Fields) -> str:
    """Return the channel that somebody wrote on: not every call has it before both addresses."""
    named = (parse_address(fields.get(end, ""))[0] for end in ("From", "To"))
    told = next((one for one in named if one != "sms"), "") or fields.get("ChannelPrefix", "").lower()
    return told if told.isalpha() else "sms"


def _opt_event(fields: Fields, channel: str) -> tuple[Callable[..., Event] | None, str]:
    """Return what Twilio itself made of the words; without Advanced Opt-Out that is told by the words, and for text messages and RCS only."""
    told = fields.get("OptOutType", "").upper()
    if told:
        return _OPT_EVENTS.get(told), f"keyword {told}"
    word = fields.get("Body", "").strip().upper()
    if channel in _SHARED and word in STOP_WORDS:
        return OptedOut, f"keyword {word}"
    if channel in _SHARED and word in START_WORDS - _AMBIGUOUS:
        return OptedIn, f"keyword {word}"
    return None, ""


def _payload(fields: Fields) -> str | None:
    """Return what was pressed, chosen or filled in; a flow's answers are JSON, and a reaction is its emoji: empty if it was taken back."""
    if _message_type(fields) == "reaction":
        return fields.get("Body", "")
    return next((told for name in _PAYLOADS if (told := fields.get(name))), None)


def parse_address(value: str) -> tuple[str, Address]:
    """Split an address of Twilio's into channel and address: a number, the id of a WhatsApp user, or something else."""
    prefix, colon, bare = value.rpartition(":")
    channel = prefix.lower() if colon else "sms"
    try:
        if bare.startswith("+"):
            return channel, PhoneNumber.parse(bare)
        if channel == "whatsapp":
            return channel, WhatsAppUserId.parse(bare)
    except InvalidAddress:
        pass
    return channel, NonPhoneSender(bare)


def _message_type(fields: Fields) -> str:
    """Return the kind. What was pressed or chosen tells it, whatever Twilio calls the message."""
    pressed = next((_PAYLOADS[name] for name in _PAYLOADS if fields.get(name)), None)
    if pressed or fields.get("ButtonText"):
        return pressed or "button"
    if fields.get("MessageType"):
        named = _safe_word(fields["MessageType"]).lower()
        return _MESSAGE_TYPES.get(named, named) or "unknown"
    if fields.get("Latitude"):
        return "location"
    content_type = fields.get("MediaContentType0", "").lower()
    if content_type or (parse_number(fields.get("NumMedia")) or 0):
        family = content_type.partition("/")[0]
        return family if family in _FAMILIES else "document"
    return "text"


def _safe_word(value: str) -> str:
    """Return Twilio's word for a kind; empty for anything that may be somebody's number or name."""
    return value if _WORD.fullmatch(value) else ""


def _location(fields: Fields) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(fields.get("Latitude", "")), float(fields.get("Longitude", ""))
    except ValueError:
        return None
    return (
        (latitude, longitude)
        if abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= 2 * _MAX_LATITUDE
        else None
    )


def _media(fields: Fields) -> tuple[InboundMedia, ...]:
    """Return the files. Their URLs ask for the account's credentials, and then redirect to a storage that must not see these."""
    return tuple(
        InboundMedia(
            url=fields[f"MediaUrl{place}"],
            id=_media_sid(fields[f"MediaUrl{place}"]),
            content_type=fields.get(f"MediaContentType{place}", ""),
        )
        for place in range(min(parse_number(fields.get("NumMedia")) or 0, _MOST_MEDIA))
        if fields.get(f"MediaUrl{place}")
    )


def _media_sid(url: str) -> str | None:
    last = url.rpartition("/")[2]
    return last if is_sid(last, "ME") else None


def _reports(request: WebhookRequest) -> Sequence[tuple[Fields, object]]:
    """Return the fields of each report in a call, and the report as it came: a form, the query of a GET, or JSON objects."""
    form = form_fields(request)
    if form is None:
        return [(_flatten(one), one) for one in _objects(request.body)] or [({}, request.body)]
    if request.method.upper() == "GET":
        form = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    first = dict(reversed(form))  # the first of a name counts
    fields = {_form_name(_whole(name)): _whole(value) for name, value in first.items()}
    return [(fields, fields)]


def _objects(body: bytes) -> list[Mapping[str, Any]]:
    from pydantic_core import from_json  # noqa: PLC0415  JSON is the rare form here

    try:
        parsed = from_json(body)
    except ValueError:
        parsed = _parse_leniently(body)
    listed = cast("list[Any]", parsed) if isinstance(parsed, list) else [parsed]
    return [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]


def _parse_leniently(body: bytes) -> object:
    """Parse JSON that holds an escape of half a character, which strict parsers refuse."""
    try:
        return json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _flatten(document: Mapping[str, Any]) -> Fields:
    """Return the fields of a JSON object under the names that forms have; those of an event of Event Streams are within `data`."""
    inner = document.get("data")
    fields = cast("dict[str, Any]", inner) if isinstance(inner, dict) else document
    return {
        _form_name(name): _whole(str(value))
        for name, value in fields.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }


def _form_name(name: str) -> str:
    """Return the name that a form has for it: `MessageSid` for `message_sid` and `messageSid`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _whole(text: str) -> str:
    """Return the text with a question mark for every half of a character, which nothing could store."""
    return text.encode("utf-8", "replace").decode()


_MAX_LATITUDE = 90
_WORD = re.compile(r"[A-Za-z][A-Za-z._-]{0,39}")
_FAMILIES = frozenset({"image", "video", "audio"})
_WORDS = ("Body", "ButtonText", "ListTitle", "Label")
"""What a person said, or the name of what was pressed, chosen or shared."""
_PAYLOADS: Mapping[str, str] = {
    "FlowData": "flow",
    "InteractiveData": "flow",
    "ListId": "list",
    "ButtonPayload": "button",
}
"""By the field: the kind of message that has it."""
_MESSAGE_TYPES: Mapping[str, str] = {"interactive": "list", "contact": "contacts"}
_MARKETING_STOPPED = 63033
"""The person stopped marketing messages on WhatsApp, and gets others."""
_SHARED = frozenset({"sms", "rcs"})
"""Channels on which Twilio acts on a word that is the whole text: one opt-out holds for both, and for MMS."""
_AMBIGUOUS = frozenset({"YES"})
"""Twilio lifts its own block at this word; whoever answers a question with it has not asked for messages."""
_OPT_EVENTS: Mapping[str, type[OptedOut | OptedIn]] = {"STOP": OptedOut, "START": OptedIn}

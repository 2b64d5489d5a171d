"""From a call of Twilio's that was proved to events: delivery reports, and what people write.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks. Fields are added without notice, and any may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import (
    Act,
    Engaged,
    Event,
    MessageReceived,
    OptedIn,
    OptedOut,
    ReceivedMedia,
    StatusChanged,
    Unrecognised,
)
from messaging_channels.plugins import Address, PhoneNumber, WebhookCall
from messaging_channels_twilio._table_statuses import INBOUND, OPT_OUTS, START_WORDS, STOP_WORDS
from messaging_channels_twilio.hosts import is_sid
from messaging_channels_twilio.meanings import explained, status_of
from messaging_channels_twilio.resource import number
from messaging_channels_twilio.signatures import form_fields

PROVIDER = "twilio"
Fields: TypeAlias = "Mapping[str, str]"

_MOST_MEDIA = 10
_READ = "READ"


@dataclass(frozen=True, slots=True, repr=False)
class OtherSender:
    """Who wrote, where it is no number of E.164: a short code, a name, a Messenger id."""

    text: str

    @property
    def plain(self) -> str:
        """As it came."""
        return self.text

    @property
    def masked(self) -> str:
        """Its first character."""
        return f"{self.text[:1]}•••"

    def __str__(self) -> str:
        """Show the masked form."""
        return self.masked

    def __repr__(self) -> str:
        """Show the masked form."""
        return f"OtherSender({self.masked})"


def events(call: WebhookCall, message_id: str) -> Sequence[Event]:
    """Read a call that was proved. `message_id` is ours, where the URL proved it."""
    return [
        event for fields, native in _reports(call) for event in _events(fields, native, message_id, call.at)
    ]


def _events(fields: Fields, native: object, message_id: str, at: float) -> Sequence[Event]:
    state = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    status = status_of(state, number(fields.get("ErrorCode")))
    if sid and fields.get("From") and (state in INBOUND or (not state and "Body" in fields)):
        return _inbound(fields, sid, at)
    if sid and status is not None:
        return _report(_Report(fields, sid, state, message_id, at))
    kind = _word(state) or _word(fields.get("EventType", "")) or "unknown"
    return [Unrecognised(provider=PROVIDER, at=at, kind=kind, native=native)]


@dataclass(frozen=True, slots=True)
class _Report:
    """A status callback."""

    fields: Fields
    sid: str
    state: str
    message_id: str
    at: float

    @property
    def code(self) -> int | None:
        return number(self.fields.get("ErrorCode"))

    @property
    def event_id(self) -> str:
        """What repetitions have in common. Only they carry Twilio's own token, so that it cannot tell them from the first call."""
        kind = _word(self.fields.get("EventType", ""))
        return "/".join((self.sid, self.state, str(self.code or ""), kind))


def _report(report: _Report) -> Sequence[Event]:
    status = status_of(report.state, report.code)
    assert status is not None  # noqa: S101  for the type checkers: the caller has looked
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "at": report.at,
        "event_id": report.event_id,
        "native": report.fields,
    }
    of_message = {**common, "message_id": report.message_id, "provider_id": report.sid}
    heard: list[Event] = [StatusChanged(**of_message, status=status, detail=_detail(report))]
    if report.state == "read" or report.fields.get("EventType", "").upper() == _READ:
        heard.append(Engaged(**of_message, act=Act.SEEN))
    if report.code in OPT_OUTS and report.fields.get("To"):
        channel, address = _party(report.fields["To"])
        heard.append(OptedOut(**common, channel=channel, address=address, why=f"error {report.code}"))
    return heard


def _detail(report: _Report) -> str:
    """Return the state and the code with its words; what carriers write may hold a number."""
    return " ".join(part for part in (report.state, explained(report.code)) if part)


def _inbound(fields: Fields, sid: str, at: float) -> Sequence[Event]:
    channel, sender = _party(fields["From"])
    common: dict[str, Any] = {"provider": PROVIDER, "at": at, "event_id": sid, "native": fields}
    received = MessageReceived(
        **common,
        channel=channel,
        provider_id=sid,
        sender=sender,
        to=_party(fields.get("To", ""))[1].plain,
        kind=_kind(fields),
        text=fields.get("Body") or fields.get("ButtonText") or fields.get("ListTitle") or None,
        payload=fields.get("ButtonPayload") or fields.get("ListId") or None,
        location=_location(fields),
        media=_media(fields),
        reply_to=fields.get("OriginalRepliedMessageSid") or None,
        name=fields.get("ProfileName") or None,
    )
    choice, why = _choice(fields, channel)
    return (
        [received]
        if choice is None
        else [received, choice(**common, channel=channel, address=sender, why=why)]
    )


def _choice(fields: Fields, channel: str) -> tuple[Callable[..., Event] | None, str]:
    """Return what Twilio itself made of the words; without Advanced Opt-Out that is told by the words, and for text messages only."""
    told = fields.get("OptOutType", "").upper()
    if told:
        return _CHOICES.get(told), f"keyword {told}"
    word = fields.get("Body", "").strip().upper()
    if channel == "sms" and word in STOP_WORDS:
        return OptedOut, f"keyword {word}"
    if channel == "sms" and word in START_WORDS:
        return OptedIn, f"keyword {word}"
    return None, ""


def _party(given: str) -> tuple[str, Address]:
    """Split an address of Twilio's into channel and address."""
    prefix, colon, bare = given.rpartition(":")
    channel = prefix.lower() if colon else "sms"
    try:
        return channel, PhoneNumber.parse(bare) if bare.startswith("+") else OtherSender(bare)
    except InvalidAddress:
        return channel, OtherSender(bare)


def _kind(fields: Fields) -> str:
    if fields.get("MessageType"):
        named = _word(fields["MessageType"]).lower()
        return _KINDS.get(named, named) or "unknown"
    if fields.get("Latitude"):
        return "location"
    content_type = fields.get("MediaContentType0", "").lower()
    if content_type or (number(fields.get("NumMedia")) or 0):
        family = content_type.partition("/")[0]
        return family if family in _FAMILIES else "document"
    return "text"


def _word(given: str) -> str:
    """Return Twilio's word for a kind; empty for anything that may be somebody's number or name."""
    return given if _WORD.fullmatch(given) else ""


def _location(fields: Fields) -> tuple[float, float] | None:
    try:
        latitude, longitude = float(fields.get("Latitude", "")), float(fields.get("Longitude", ""))
    except ValueError:
        return None
    return (latitude, longitude) if abs(latitude) <= _POLE and abs(longitude) <= 2 * _POLE else None


def _media(fields: Fields) -> tuple[ReceivedMedia, ...]:
    """Return the files. Their URLs ask for the account's credentials, and then redirect to a storage that must not see these."""
    return tuple(
        ReceivedMedia(
            url=fields[f"MediaUrl{place}"],
            id=_media_sid(fields[f"MediaUrl{place}"]),
            content_type=fields.get(f"MediaContentType{place}", ""),
        )
        for place in range(min(number(fields.get("NumMedia")) or 0, _MOST_MEDIA))
        if fields.get(f"MediaUrl{place}")
    )


def _media_sid(url: str) -> str | None:
    last = url.rpartition("/")[2]
    return last if is_sid(last, "ME") else None


def _reports(call: WebhookCall) -> Sequence[tuple[Fields, object]]:
    """Return the fields of each report in a call, and the report as it came: a form, the query of a GET, or JSON objects."""
    form = form_fields(call)
    if form is None:
        return [(_flat(one), one) for one in _objects(call.body)] or [({}, call.body)]
    if call.method.upper() == "GET":
        form = parse_qsl(urlsplit(call.url).query, keep_blank_values=True)
    fields = dict(reversed(form))  # the first of a name counts
    return [(fields, fields)]


def _objects(body: bytes) -> list[Mapping[str, Any]]:
    from pydantic_core import from_json  # noqa: PLC0415  JSON is the rare form here

    try:
        parsed = from_json(body)
    except ValueError:
        return []
    listed = cast("list[Any]", parsed) if isinstance(parsed, list) else [parsed]
    return [cast("dict[str, Any]", one) for one in listed if isinstance(one, dict)]


def _flat(given: Mapping[str, Any]) -> Fields:
    """Return the fields of a JSON object under the names that forms have; those of an event of Event Streams are within `data`."""
    inner = given.get("data")
    fields = cast("dict[str, Any]", inner) if isinstance(inner, dict) else given
    return {
        name[:1].upper() + name[1:]: str(value)
        for name, value in fields.items()
        if isinstance(value, (str, int, float)) and not isinstance(value, bool)
    }


_POLE = 90
_WORD = re.compile(r"[A-Za-z][A-Za-z._-]{0,39}")
_FAMILIES = frozenset({"image", "video", "audio"})
_KINDS: Mapping[str, str] = {"interactive": "list", "contact": "contacts"}
_CHOICES: Mapping[str, type[OptedOut | OptedIn]] = {"STOP": OptedOut, "START": OptedIn}

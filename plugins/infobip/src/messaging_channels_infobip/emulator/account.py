"""What the emulated account remembers: messages, the ids that are used up, reports that nobody has fetched, schedules and persons."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from messaging_channels.plugins import Status
from messaging_channels.plugins import status as statuses
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.emulator.mail_account import MailAccount

Json: TypeAlias = dict[str, Any]

ENQUEUED: Mapping[str, Status] = {
    "sms": statuses.PENDING_ACCEPTED,
    "whatsapp": statuses.PENDING_ENROUTE,
    "email": statuses.PENDING_ENROUTE,
    "messages": statuses.PENDING_ACCEPTED,
    "rcs": statuses.PENDING_ACCEPTED,
}
DUPLICATE = statuses.known(5, 23)
NO_ERROR: Json = {
    "groupId": 0,
    "groupName": "OK",
    "id": 0,
    "name": "NO_ERROR",
    "description": "No Error",
    "permanent": False,
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of messages to some addresses."""

    status: Status
    error: tuple[int, str, int, str] | None = None
    immediate: bool = False
    """Whether the answer to the send tells it already."""


DELIVERED = Fate(statuses.DELIVERED_TO_HANDSET)
FATES: Mapping[str, Fate] = {
    "901": Fate(statuses.known(5, 52), immediate=True),
    "902": Fate(statuses.known(5, 12), immediate=True),
    "903": Fate(statuses.known(5, 19), immediate=True),
    "904": Fate(statuses.known(5, 21), immediate=True),
    "911": Fate(statuses.known(2, 9), (1, "HANDSET_ERRORS", 1, "EC_UNKNOWN_SUBSCRIBER")),
    "912": Fate(statuses.known(4, 15), (1, "HANDSET_ERRORS", 27, "EC_ABSENT_SUBSCRIBER")),
    "913": Fate(statuses.known(5, 14), (2, "USER_ERRORS", 603, "EC_CONTENT_BLOCKED")),
    "914": Fate(statuses.known(3, 2)),
    "915": Fate(statuses.known(2, 9), (1, "HANDSET_ERRORS", 7010, "EC_NO_SESSION")),
    "921": Fate(statuses.known(2, 4), (1, "HANDSET_ERRORS", 7002, "EC_UNKNOWN_USER")),
    "rejected": Fate(statuses.known(5, 52), immediate=True),
    "bounced": Fate(statuses.known(2, 9), (2, "USER_ERRORS", 6012, "EC_HARD_BOUNCE")),
    "unsubscribed": Fate(statuses.known(5, 14), (1, "HANDSET_ERRORS", 6003, "EC_UNSUBSCRIBED_EMAIL_ADDRESS")),
    "suppressed": Fate(statuses.known(5, 14), (1, "HANDSET_ERRORS", 6034, "EC_SUPPRESSED_BOUNCE")),
}
"""By the last three digits of a number (921: no RCS there), or by the local part of a mail address. All others are delivered."""


def fate_of(to: str) -> Fate:
    """Say what becomes of a message to that address."""
    key = to.partition("@")[0] if "@" in to else to[-3:]
    return FATES.get(key, DELIVERED)


def format_date(at: float | None = None) -> str:
    """Write a time as Infobip does; None for now."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


@dataclass(slots=True)
class AcceptedMessage:
    """A message that was taken."""

    id: str
    channel: str
    to: str
    sender: str
    bulk_id: str
    content: Json = field(repr=False)
    labels: Json
    """Application, entity, campaign and callback data, as reports carry them back."""
    fate: Fate
    status: Status
    at: float = field(default_factory=time.time)
    parts: int = 1
    """How many messages it is charged as."""

    @property
    def error(self) -> Json:
        """The error object of its report."""
        if self.fate.error is None:
            return NO_ERROR
        group, group_name, number, name = self.fate.error
        return {
            "groupId": group,
            "groupName": group_name,
            "id": number,
            "name": name,
            "description": name,
            "permanent": False,
        }

    def fields(self, names: str) -> Json:
        """Return the facts of these names, as far as there are any: each report and log tells others."""
        facts = {
            "bulkId": self.bulk_id,
            "messageId": self.id,
            "to": self.to,
            "destination": self.to,
            "sender": self.sender,
            "sentAt": format_date(self.at),
            "doneAt": format_date(self.at),
            "messageCount": self.parts,
            "smsCount": self.parts,
            "event": "DELIVERY",
            "price": {"pricePerMessage": 0.0, "currency": "EUR"},
            "status": self.status.as_dict(),
            "error": self.error,
            "interactionType": "RICH_MESSAGE" if self.channel == "rcs" else None,
            "content": self.content or None,
            "platform": {name: self.labels[name] for name in _PLATFORM if name in self.labels},
            **self.labels,
        }
        return {name: facts[name] for name in names.split() if facts.get(name) is not None}


_PLATFORM = ("applicationId", "entityId")


@dataclass(slots=True)
class Schedule:
    """When the messages of a bulk are due, and whether they still are."""

    channel: str
    send_at: str
    status: str = "PENDING"


class Account:
    """Everything the account remembers."""

    def __init__(self) -> None:
        self.messages: list[AcceptedMessage] = []
        self.unfetched: dict[str, list[AcceptedMessage]] = {"sms": [], "email": [], "messages": [], "rcs": []}
        self.unified_inbox: list[Json] = []
        self.validations: list[Json] = []
        self.inbox: list[Json] = []
        self.schedules: dict[str, Schedule] = {}
        self.persons: list[Json] = []
        self.mail = MailAccount()
        self._ids: set[tuple[str, str]] = set()

    def accept(self, message: AcceptedMessage) -> Status:
        """Take a message, or refuse it at once; return the status of the answer."""
        if (message.channel, message.id) in self._ids:
            return DUPLICATE
        self._ids.add((message.channel, message.id))
        self.messages.append(message)
        if message.channel == "email" and self.mail.is_suppressed(message.sender, message.to):
            message.fate = FATES["suppressed"]
        if message.fate.immediate:
            message.status = message.fate.status
        return message.status

    def is_due(self, message: AcceptedMessage) -> bool:
        """Whether it goes out now: it was neither refused nor scheduled."""
        return not message.fate.immediate and message.bulk_id not in self.schedules

    def find(self, channel: str, query: Mapping[str, str]) -> list[AcceptedMessage]:
        """Return the messages that a query asks for, the newest first."""
        wanted = {name: query[name].split(",") for name in _FILTERS if query.get(name)}
        since, until = (parse_date(query.get(name), default=edge) for name, edge in _SPAN)
        return [
            one
            for one in reversed(self.messages)
            if one.channel == channel
            and since <= one.at <= until
            and all(_FILTERS[name](one) in values for name, values in wanted.items())
        ]

    def state(self) -> list[Json]:
        """Return the messages without their content."""
        return [
            {
                "channel": one.channel,
                "messageId": one.id,
                "to": one.to,
                "sender": one.sender,
                "status": one.status.as_dict(),
            }
            for one in self.messages
        ]


def new_id() -> str:
    """Make an id as Infobip does where the client gave none."""
    return str(uuid.uuid4().int % 10**20)


_FILTERS: Mapping[str, Callable[[AcceptedMessage], Any]] = {
    "messageId": lambda one: one.id,
    "bulkId": lambda one: one.bulk_id,
    "sender": lambda one: one.sender,
    "destination": lambda one: one.to,
    "generalStatus": lambda one: one.status.group_name,
    "channel": lambda one: one.labels.get("channel"),
    "entityId": lambda one: one.labels.get("entityId"),
    "applicationId": lambda one: one.labels.get("applicationId"),
    "campaignReferenceId": lambda one: one.labels.get("campaignReferenceId"),
}
_SPAN = (("sentSince", float("-inf")), ("sentUntil", float("inf")))

"""What the emulated account remembers: messages, the ids that are used up, reports that nobody has fetched, schedules and persons."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from messaging_channels.plugins import Status
from messaging_channels.plugins import status as statuses

Json: TypeAlias = dict[str, Any]

ENQUEUED: Mapping[str, Status] = {
    "sms": statuses.PENDING_ACCEPTED,
    "whatsapp": statuses.PENDING_ENROUTE,
    "email": statuses.PENDING_ENROUTE,
}
DUPLICATE = statuses.known(5, 23)
NO_ERROR: Json = {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "description": "No Error"}


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of messages to some addresses."""

    status: Status
    error: tuple[int, str, int, str] | None = None
    at_once: bool = False
    """Whether the answer to the send tells it already."""


DELIVERED = Ending(statuses.DELIVERED_TO_HANDSET)
ENDINGS: Mapping[str, Ending] = {
    "901": Ending(statuses.known(5, 52), at_once=True),
    "902": Ending(statuses.known(5, 12), at_once=True),
    "903": Ending(statuses.known(5, 19), at_once=True),
    "904": Ending(statuses.known(5, 21), at_once=True),
    "911": Ending(statuses.known(2, 9), (1, "HANDSET_ERRORS", 1, "EC_UNKNOWN_SUBSCRIBER")),
    "912": Ending(statuses.known(4, 15), (1, "HANDSET_ERRORS", 27, "EC_ABSENT_SUBSCRIBER")),
    "913": Ending(statuses.known(5, 14), (2, "USER_ERRORS", 603, "EC_CONTENT_BLOCKED")),
    "914": Ending(statuses.known(3, 2)),
    "915": Ending(statuses.known(2, 9), (1, "HANDSET_ERRORS", 7010, "EC_NO_SESSION")),
    "rejected": Ending(statuses.known(5, 52), at_once=True),
    "bounced": Ending(statuses.known(2, 9), (2, "USER_ERRORS", 6012, "EC_HARD_BOUNCE")),
    "unsubscribed": Ending(
        statuses.known(5, 14), (1, "HANDSET_ERRORS", 6003, "EC_UNSUBSCRIBED_EMAIL_ADDRESS")
    ),
    "suppressed": Ending(statuses.known(5, 14), (1, "HANDSET_ERRORS", 6034, "EC_SUPPRESSED_BOUNCE")),
}
"""By the last three digits of a number, or by the local part of a mail address. All others are delivered."""


def ending_of(to: str) -> Ending:
    """Say what becomes of a message to that address."""
    key = to.partition("@")[0] if "@" in to else to[-3:]
    return ENDINGS.get(key, DELIVERED)


def spelled(at: float | None = None) -> str:
    """Write a time as Infobip does; None for now."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


@dataclass(slots=True)
class Taken:
    """A message that was taken."""

    id: str
    channel: str
    to: str
    sender: str
    bulk_id: str
    content: Json = field(repr=False)
    labels: Json
    """Application, entity, campaign and callback data, as reports carry them back."""
    ending: Ending
    status: Status
    at: float = field(default_factory=time.time)

    @property
    def error(self) -> Json:
        """The error object of its report."""
        if self.ending.error is None:
            return NO_ERROR
        group, group_name, number, name = self.ending.error
        return {
            "groupId": group,
            "groupName": group_name,
            "id": number,
            "name": name,
            "description": name,
            "permanent": False,
        }

    def told(self, names: str) -> Json:
        """Return the facts of these names, as far as there are any: each report and log tells others."""
        facts = {
            "bulkId": self.bulk_id,
            "messageId": self.id,
            "to": self.to,
            "destination": self.to,
            "sender": self.sender,
            "sentAt": spelled(self.at),
            "doneAt": spelled(self.at),
            "messageCount": 1,
            "smsCount": 1,
            "price": {"pricePerMessage": 0.0, "currency": "EUR"},
            "status": self.status.as_dict(),
            "error": self.error,
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
        self.messages: list[Taken] = []
        self.unfetched: dict[str, list[Taken]] = {"sms": [], "email": []}
        self.inbox: list[Json] = []
        self.schedules: dict[str, Schedule] = {}
        self.persons: list[Json] = []
        self._ids: set[tuple[str, str]] = set()

    def take(self, message: Taken) -> Status:
        """Take a message, or refuse it at once; return the status of the answer."""
        if (message.channel, message.id) in self._ids:
            return DUPLICATE
        self._ids.add((message.channel, message.id))
        self.messages.append(message)
        if message.ending.at_once:
            message.status = message.ending.status
        return message.status

    def due(self, message: Taken) -> bool:
        """Whether it goes out now: it was neither refused nor scheduled."""
        return not message.ending.at_once and message.bulk_id not in self.schedules

    def find(self, channel: str, query: Mapping[str, str]) -> list[Taken]:
        """Return the messages that a query asks for, the newest first."""
        wanted = {name: set(query[name].split(",")) for name in ("messageId", "bulkId") if name in query}
        return [
            one
            for one in reversed(self.messages)
            if one.channel == channel
            and one.id in wanted.get("messageId", {one.id})
            and one.bulk_id in wanted.get("bulkId", {one.bulk_id})
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

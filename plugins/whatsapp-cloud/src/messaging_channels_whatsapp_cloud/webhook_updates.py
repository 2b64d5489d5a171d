"""One change of a webhook call with what stands around it: the account, the business number, and who the people in it are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import UnknownEvent
from messaging_channels.plugins import PhoneNumber, WhatsAppAddress, WhatsAppUserId
from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
)

NAME = "whatsapp-cloud"


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What one change tells. `received_at` is when the call came."""

    entry: Mapping[str, Any]
    """The account's id and Meta's time of the call, as far as it tells them: members `id` and `time`."""
    name: str
    """The field that was subscribed to, such as `messages`."""
    value: object = field(repr=False)
    metadata: Mapping[str, Any]
    contacts: Mapping[str, dict[str, Any]] = field(repr=False)
    """By each of their ids."""
    received_at: float

    @classmethod
    def parse(cls, change: Mapping[str, Any], entry: Mapping[str, Any], at: float) -> WebhookChange:
        """Read the surroundings, with whatever is missing."""
        value = change.get("value")
        found = {
            one: contact
            for contact in as_objects(get_member(value, "contacts"))
            for name in _IDS
            if (one := non_empty_text(contact.get(name)))
        }
        known = {name: entry[name] for name in ("id", "time") if name in entry}
        told = non_empty_text(change.get("field")) or ""
        return cls(known, told, value, as_object(get_member(value, "metadata")), found, at)

    @property
    def account_id(self) -> str:
        """The id of the WhatsApp Business account; empty if it is missing."""
        told = self.entry.get("id")
        return str(told) if isinstance(told, (str, int)) else ""

    @property
    def number_id(self) -> str:
        """The id of the business number; empty if it is missing."""
        return non_empty_text(self.metadata.get("phone_number_id")) or ""

    @property
    def number(self) -> str:
        """The business number, or else its id; empty if both are missing."""
        return non_empty_text(self.metadata.get("display_phone_number")) or self.number_id

    def contact(self, *ids: object) -> dict[str, Any]:
        """Return who has one of these ids; nothing if nobody here does."""
        nobody: dict[str, Any] = {}
        known = (self.contacts[one] for one in ids if isinstance(one, str) and one in self.contacts)
        return next(known, nobody)

    def single_update(self, kind: str, update: object, *ids: object) -> dict[str, Any]:
        """Return an update as a value of its own, in Meta's form: with the account, the number, and whom it is about."""
        contact = self.contact(*ids)
        about = {"contacts": [contact]} if contact else {}
        return {"entry": self.entry, "metadata": self.metadata, **about, kind: [update]}

    def occurred_at(self, update: Mapping[str, Any]) -> float:
        """Return when it happened; when Meta or, last of all, we took note of it if it does not say."""
        return _seconds(update.get("timestamp")) or _seconds(self.entry.get("time")) or self.received_at

    def event_id(self, *told: object) -> str:
        """Return what the repetitions of an update have in common, which Meta gives no id: a digest of what it says, and of the account and time.

        Without Meta's time the day on which it came stands for it: the same trouble may come again.
        """
        when = _seconds(self.entry.get("time")) or f"day {self.received_at // _DAY:.0f}"
        said = json.dumps([self.account_id, when, self.name, *told], sort_keys=True, default=repr)
        return sha256(said.encode()).hexdigest()

    def common(self, update: Mapping[str, Any], raw: object, *told: object) -> dict[str, Any]:
        """Return what every event of an update has."""
        return {
            "provider": NAME,
            "occurred_at": self.occurred_at(update),
            "event_id": self.event_id(*told),
            "raw": raw,
        }

    def unknown(self, kind: str, content: object, raw: object = None) -> UnknownEvent:
        """Keep what is not understood."""
        common = self.common(as_object(content), content if raw is None else raw, kind, content)
        return UnknownEvent(kind=kind[:_LONGEST_KIND], **common)


def parse_address(number: object, *user_ids: object) -> WhatsAppAddress | None:
    """Return whom a number or one of the ids of a user names, the number first."""
    parsers: list[tuple[Callable[[str], WhatsAppAddress], object]] = [(PhoneNumber.parse, number)]
    parsers += [(WhatsAppUserId.parse, one) for one in user_ids]
    for parse, given in parsers:
        try:
            if told := non_empty_text(given):
                return parse(told)
        except InvalidAddress:
            continue
    return None


def parse_aliases(person: WhatsAppAddress, *user_ids: object) -> tuple[WhatsAppAddress, ...]:
    """Return the further ids that a report gives of the same person."""
    found = (parse_address(None, one) for one in user_ids)
    return tuple(dict.fromkeys(one for one in found if one is not None and one != person))


def _seconds(value: object) -> float | None:
    seconds = parse_integer(value)
    return None if seconds is None or not 0 < seconds < _END_OF_TIME else float(seconds)


_IDS = ("wa_id", "user_id", "parent_user_id")
_END_OF_TIME = 2**40
_DAY = 86400.0
_LONGEST_KIND = 60

"""One update of a webhook call with what stands around it: the business number, and who the people in it are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from messaging_channels.errors import InvalidAddress
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
    """What one change tells: updates of one business number. `received_at` is when the call came."""

    metadata: Mapping[str, Any]
    contacts: Mapping[str, dict[str, Any]] = field(repr=False)
    """By each of their ids."""
    received_at: float

    @classmethod
    def parse(cls, value: object, at: float) -> WebhookChange:
        """Read the surroundings, with whatever is missing."""
        found = {
            one: contact
            for contact in as_objects(get_member(value, "contacts"))
            for name in _IDS
            if (one := non_empty_text(contact.get(name)))
        }
        return cls(as_object(get_member(value, "metadata")), found, at)

    @property
    def number_id(self) -> str:
        """The id of the business number; empty if it is missing."""
        return non_empty_text(self.metadata.get("phone_number_id")) or ""

    def contact(self, *ids: object) -> dict[str, Any]:
        """Return who has one of these ids; nothing if nobody here does."""
        return next((self.contacts[one] for one in ids if isinstance(one, str) and one in self.contacts), {})

    def single_update(self, kind: str, update: dict[str, Any], *ids: object) -> dict[str, Any]:
        """Return an update as a value of its own, in Meta's form: with the number, and whom it is about."""
        contact = self.contact(*ids)
        return {"metadata": self.metadata, **({"contacts": [contact]} if contact else {}), kind: [update]}

    def occurred_at(self, update: Mapping[str, Any]) -> float:
        """Return when it happened; when the call came if it does not say."""
        seconds = parse_integer(update.get("timestamp"))
        return self.received_at if seconds is None or not 0 < seconds < _END_OF_TIME else float(seconds)


def parse_address(number: object, user_id: object = None) -> WhatsAppAddress | None:
    """Return whom a number or the id of a user names, the number first."""
    for parse, given in ((PhoneNumber.parse, number), (WhatsAppUserId.parse, user_id)):
        try:
            if told := non_empty_text(given):
                return parse(told)
        except InvalidAddress:
            continue
    return None


_IDS = ("wa_id", "user_id", "parent_user_id")
_END_OF_TIME = 2**40

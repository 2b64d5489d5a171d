"""The 24 hours after a person's last message, in which anything may be sent; outside them only templates may.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from messaging_channels.consent import identities, identity
from messaging_channels.events import MessageReceived
from messaging_channels.plugins import Observer, WhatsAppUserId
from messaging_channels_whatsapp_cloud.parsing import get_member, non_empty_text

if TYPE_CHECKING:
    from messaging_channels.events import Event
    from messaging_channels.plugins import Address

WINDOW_SECONDS = 24 * 3600.0
"""Seconds."""


class WindowStore(Protocol):
    """Store that the provider asks about 24-hour windows. Implement it on a database that all your processes share; it may block."""

    def open_until(self, address: Address, *, number_id: str) -> float | None:
        """Return when the person's window with that business number closes or closed (seconds since the epoch, UTC); None if nothing is known."""
        ...


class CustomerServiceWindows(Observer):
    """Remembers, in memory, when people last wrote: make it an observer of the dispatcher. Safe in threads.

    It knows only what it heard. Where several processes take webhooks, one such object hears a part of them, and would call a window closed
    that another knows to be open: use a store that they share.
    """

    def __init__(self, *, capacity: int = 100_000) -> None:
        """Remember that many people at most; of those who wrote longest ago nothing is known then."""
        self._capacity = capacity
        self._until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def event_received(self, event: Event) -> None:
        """Store that a person wrote. Other events change nothing; order and repetition do not matter. Safe in threads."""
        if not isinstance(event, MessageReceived) or event.kind not in OPENING_MESSAGE_TYPES:
            return
        number_id = non_empty_text(get_member(get_member(event.raw, "metadata"), "phone_number_id")) or ""
        with self._lock:
            for name in _person_ids(event):
                self._remember((number_id, name), event.occurred_at + WINDOW_SECONDS)

    def _remember(self, key: tuple[str, str], until: float) -> None:
        known = self._until.pop(key, until)
        self._until[key] = max(known, until)
        while len(self._until) > self._capacity:
            del self._until[next(iter(self._until))]

    def open_until(self, address: Address, *, number_id: str) -> float | None:
        """Return when the window of a person closes: seconds since the epoch, UTC; None if nothing is known."""
        found = [self._until[key] for one in identities(address) if (key := (number_id, one)) in self._until]
        return max(found, default=None)


def _person_ids(event: MessageReceived) -> Iterable[str]:
    """Return the person's number and ids as they are compared: the answer may go to any of them, in whatever spelling.

    What is written in a group opens the group's window, whoever wrote.
    """
    if event.group_id is not None:
        return [identity(event.reply_address)]
    messages = get_member(event.raw, "messages")
    message = messages[0] if isinstance(messages, list) and messages else None
    ids = [non_empty_text(get_member(message, name)) for name in ("from_user_id", "from_parent_user_id")]
    users = [WhatsAppUserId(one) for one in ids if one]
    return dict.fromkeys(identity(one) for one in (event.sender, *event.aliases, *users))


OPENING_MESSAGE_TYPES = frozenset(
    [
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "button",
        "list",
        "reaction",
        "flow",
        "order",
    ]
)
"""The kinds of `MessageReceived` that a person sends. What the system says, an edit, or a kind not known opens no window here."""

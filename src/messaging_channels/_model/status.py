"""One status model for all channels and providers, as Infobip words it.

A status has a group (id and name) and, within it, an id, a name and a description. An id alone names nothing: 87 and 200 mean different
things in different groups and channels, so the key is (channel, group id, id). Numbers that no table knows are kept as they came.

Source: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import TYPE_CHECKING, Any

from messaging_channels._model._table_statuses import OURS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Mapping


class StatusGroup(IntEnum):
    """The status groups known today. A status may carry another: the set is open."""

    ACCEPTED = 0
    PENDING = 1
    UNDELIVERABLE = 2
    DELIVERED = 3
    EXPIRED = 4
    REJECTED = 5


@dataclass(frozen=True, slots=True)
class Status:
    """Where a message stands. Equal if all that was reported is equal."""

    group_id: int
    group_name: str
    id: int
    name: str
    description: str = ""

    @property
    def group(self) -> StatusGroup | None:
        """The group, or None for one that is not known here."""
        return _GROUPS.get(self.group_id)

    @property
    def final(self) -> bool:
        """Whether no better news need be awaited. See `merge` for the promotions that may still follow."""
        return self.group_id in _FINAL

    @property
    def rank(self) -> int:
        """How much is known of the message: merging keeps the status of the highest rank."""
        return _RANKS.get(
            (self.group_id, self.id), _GROUP_RANKS.get(self.group_id, _RANK_OF_AN_UNKNOWN_GROUP)
        )

    def as_dict(self) -> dict[str, int | str]:
        """Return the status in the field names of the HTTP interfaces."""
        return {
            "groupId": self.group_id,
            "groupName": self.group_name,
            "id": self.id,
            "name": self.name,
            "description": self.description,
        }


def lookup(group_id: int, status_id: int, *, channel: str = "all") -> Status | None:
    """Return the known status of that key, or None. Statuses of one channel go before those of all channels."""
    return _KNOWN.get((channel, group_id, status_id)) or _KNOWN.get(("all", group_id, status_id))


def known(group_id: int, status_id: int, *, channel: str = "all") -> Status:
    """Return the status of that key.

    Raises:
        KeyError: there is none in the table.
    """
    return _KNOWN[channel, group_id, status_id]


def from_dict(fields: Mapping[str, Any]) -> Status:
    """Return the status that `Status.as_dict` made these fields from."""
    return Status(fields["groupId"], fields["groupName"], fields["id"], fields["name"], fields["description"])


def known_statuses() -> tuple[tuple[str, Status], ...]:
    """Return the whole table as (channel, status); channel `all` holds for every one of them."""
    return tuple((channel, status) for (channel, _, _), status in _KNOWN.items())


def merge(*statuses: Status) -> Status:
    """Return what is known after all these reports, in whatever order and however often they came.

    Commutative, associative and idempotent, and it never falls in rank. A final status gives way only to one of a higher rank: handed to the
    operator (31) to any definite end; expired (40) to undeliverable (41) to rejected (42); any of these to delivered (50), because proof
    of delivery outweighs a report of failure; and that to `BOUNCED_LATE` (51): a mail that was delivered may still come back.

    Raises:
        ValueError: no status was given.
    """
    return reduce(_higher, statuses) if statuses else _nothing_to_merge()


def _higher(one: Status, other: Status) -> Status:
    return max(one, other, key=_order)


def _order(status: Status) -> tuple[int, int, int, str, str, str]:
    """A total order: among equals in rank the choice is arbitrary, but the same for every order of arrival."""
    return (status.rank, -status.group_id, status.id, status.name, status.group_name, status.description)


def _nothing_to_merge() -> Status:
    message = "merge() needs at least one status"
    raise ValueError(message)


_GROUPS = {int(group): group for group in StatusGroup}
_FINAL = frozenset(
    {StatusGroup.UNDELIVERABLE, StatusGroup.DELIVERED, StatusGroup.EXPIRED, StatusGroup.REJECTED}
)
_GROUP_NAMES = {int(group): group.name for group in StatusGroup}

_KNOWN = {
    (channel, group, number): Status(group, _GROUP_NAMES[group], number, name, description)
    for group, number, name, channel, description in (*STATUSES, *OURS)
}

PENDING_ACCEPTED = known(1, 26)
PENDING_ENROUTE = known(1, 7)
PENDING_UNKNOWN = known(1, 1001)
"""Ours: it may have been sent, and nobody could be asked. Never read as sent, never as failed."""
PENDING_NOT_SENT = known(1, 1002)
"""Ours: nothing went out so far; sending again is safe."""
PENDING_QUEUED = known(1, 1003)
"""Ours: accepted by us, and kept until it is sent."""
DELIVERED_TO_HANDSET = known(3, 5)
EXPIRED_EXPIRED = known(4, 15)
EXPIRED_BEFORE_SENT = known(4, 1004)
REJECTED_CANCELLED = known(5, 1005)
REJECTED_BY_RULE = known(5, 1006)
REJECTED_SUPPRESSED = known(5, 1007)
"""Ours: what the recipient said, or that the address cannot be reached, forbids it. Nothing was sent."""
REJECTED_DESTINATION = known(5, 52)
REJECTED_PLATFORM = known(5, 100)
BOUNCED_LATE = Status(
    2, "UNDELIVERABLE", 1007, "UNDELIVERABLE_BOUNCED_LATE", "Taken by the mail server, and returned later"
)
"""Ours, and outside the table: the one way back from delivered, and of mail alone."""

_RANK_OF_AN_UNKNOWN_GROUP = 5
_GROUP_RANKS: dict[int, int] = {
    StatusGroup.ACCEPTED: 0,
    StatusGroup.PENDING: 20,
    StatusGroup.EXPIRED: 40,
    StatusGroup.UNDELIVERABLE: 41,
    StatusGroup.REJECTED: 42,
    StatusGroup.DELIVERED: 50,
}
_RANKS = {
    (1, 1003): 1,
    (1, 1002): 2,
    (1, 1001): 10,
    (1, 3): 30,
    (3, 2): 31,
    (2, 1007): 51,
}

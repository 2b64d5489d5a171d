"""A message becomes a row: one list of columns for whoever takes it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from messaging_channels._ledger.schema import MESSAGE_COLUMNS
from messaging_channels._ledger.sql_list import created_at
from messaging_channels._ledger.sql_types import Statement, StatementFlow, status_values
from messaging_channels._model.status import PENDING_NOT_SENT, Status
from messaging_channels.plugins.ledger import AttemptIntent, InsertMessage, ReserveMessage


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is not in the operation that takes a message in: how it begins."""

    created: float
    status: Status
    holder: str
    lease: float
    stopped: str = ""
    next_check_at: float | None = None


def insert_message(new: InsertMessage, begins: NewMessage) -> Statement:
    """Return the statement that takes a message in, unless its id or its key is there; a row comes back if it did."""
    return INSERT_MESSAGE, message_row(new, begins)


def first_message_row(new: ReserveMessage) -> tuple[Any, ...]:
    """Return the values of `INSERT_COLUMNS` of a message whose first attempt is about to be made."""
    lease = new.lease
    begun = NewMessage(
        new.first_attempt.started_at, PENDING_NOT_SENT, new.lease_owner, lease, next_check_at=lease
    )
    return message_row(new, begun)


def attempt_row(intent: AttemptIntent) -> tuple[Any, ...]:
    """Return what is kept of an attempt that is about to be made."""
    return (
        intent.message_id,
        intent.number,
        intent.provider,
        intent.account,
        intent.started_at,
        intent.delay,
    )


def message_row(new: InsertMessage, begins: NewMessage) -> tuple[Any, ...]:
    """Return the values of `INSERT_COLUMNS`."""
    json, group, number, name = status_values(begins.status)
    return (
        new.id,
        new.channel,
        new.message_type,
        new.account,
        new.address,
        created_at(new.id, begins.created),
        json,
        _VERSION,
        new.scope,
        new.idempotency_key,
        key_expiry(new, begins.created),
        new.fingerprint,
        new.digest,
        begins.holder,
        begins.lease,
        begins.stopped,
        begins.next_check_at,
        _CHECKS,
        _EVENT_COUNT,
        group,
        number,
        name,
        new.recipient,
    )


def key_expiry(new: InsertMessage, at: float) -> float:
    """Return until when a key stands that is kept at that time: for as long as is asked after the message was created, too.

    By the id, that was at another time where the clock was set between the two. By both it is reckoned how long a key stands (`sql_keys`).
    """
    return max(new.expires, created_at(new.id, at) + new.expires - at)


def add_fallback_recipients(message_id: str, digests: str) -> StatementFlow[None]:
    """Have a message found by every address of its steps, where it has more than one."""
    found = digests.split()
    for digest in found if len(found) > 1 else ():
        yield (
            (
                "INSERT INTO messaging_channels_fallback_recipient (recipient, message_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
            ),
            (digest, message_id),
        )


_VERSION = _CHECKS = _EVENT_COUNT = 0
INSERT_COLUMNS = (
    f"{MESSAGE_COLUMNS}, next_check_at, checks, event_count, status_group, status_id, status_name, recipient"
)
"""In the order of the rows above."""
INSERT_MESSAGE = (
    f"INSERT INTO messaging_channels_message ({INSERT_COLUMNS}) VALUES ({', '.join('?' * 23)})"  # noqa: S608
    " ON CONFLICT DO NOTHING RETURNING id"
)

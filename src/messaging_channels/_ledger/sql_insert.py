"""A message becomes a row: one list of columns for whoever takes it in."""

from __future__ import annotations

from dataclasses import dataclass

from messaging_channels._ledger.schema import MESSAGE_COLUMNS
from messaging_channels._ledger.sql_list import created_at
from messaging_channels._ledger.sql_types import Statement, StatementFlow, status_values
from messaging_channels._model.status import Status
from messaging_channels.plugins.ledger import InsertMessage


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
    json, group, number, name = status_values(begins.status)
    row = {
        "id": new.id,
        "channel": new.channel,
        "kind": new.message_type,
        "account": new.account,
        "address": new.address,
        "created": created_at(new.id, begins.created),
        "status": json,
        "version": 0,
        "scope": new.scope,
        "idempotency_key": new.idempotency_key,
        "expires": key_expiry(new, begins.created),
        "fingerprint": new.fingerprint,
        "digest": new.digest,
        "holder": begins.holder,
        "lease": begins.lease,
        "stopped": begins.stopped,
        "next_check_at": begins.next_check_at,
        "checks": 0,
        "event_count": 0,
        "status_group": group,
        "status_id": number,
        "status_name": name,
        "recipient": new.recipient,
    }
    return _INSERT, tuple(row.values())


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


INSERT_COLUMNS = (
    f"{MESSAGE_COLUMNS}, next_check_at, checks, event_count, status_group, status_id, status_name, recipient"
)
"""In the order of the rows above."""
_INSERT = (
    f"INSERT INTO messaging_channels_message ({INSERT_COLUMNS}) VALUES ({', '.join('?' * 23)})"  # noqa: S608
    " ON CONFLICT DO NOTHING RETURNING id"
)

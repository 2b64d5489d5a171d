"""What is kept of a call besides its messages, before any of them is sent: what its key stands for, where to report, and when to send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from messaging_channels import SendOptions
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from pydantic import BaseModel

    from messaging_channels_gateway.store.state import Connection, StateStore

IDEMPOTENCY_TTL = 7 * 86400.0
"""Seconds for which an idempotency key stands; see `LedgerOptions.idempotency_ttl`."""
_LONGEST_SHARED = 100
"""Characters of a key that stand in the keys of several recipients' messages; see `SendOptions.for_one`."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """What one call was promised."""

    tenant: str
    idempotency_key: str
    fingerprint: str
    """Of all that was asked for."""
    callback_url: str | None = field(repr=False)
    key_starts_at: float
    """From when the key's life is counted: seconds since the epoch, UTC. The time of sending, if that is later."""
    message_keys: Sequence[str] = ()
    """The keys of its messages, if they wait until then."""


def hash_long_key(key: str) -> str:
    """Return the key of a call to several recipients, as it stands in the keys of their messages."""
    return key if len(key) <= _LONGEST_SHARED else sha256(key.encode()).hexdigest()


def key_for_recipient(key: str, channel: str, plain: str) -> str:
    """Return the key of one recipient's message of several."""
    return SendOptions(idempotency_key=hash_long_key(key)).for_recipient(channel, plain).idempotency_key or ""


def fingerprint(channel: str, recipient: str, body: BaseModel) -> str:
    """Return what tells one call from another one."""
    told = json.dumps([channel, recipient, body.model_dump(mode="json", exclude_none=True)], sort_keys=True)
    return sha256(told.encode()).hexdigest()


async def store_request(
    store: StateStore, request: IdempotentRequest, now: float, *, key_in_ledger: bool
) -> None:
    """Write a promise down, once; it is durable on return. `taken` says whether the ledger knows the key already.

    Raises:
        Problem: `idempotency_key_reused`: the key stands for another promise, or for a message of which none was made.
    """
    await store.run_transaction_async(
        partial(_store_request, request=request, now=now, key_in_ledger=key_in_ledger)
    )


async def require_unused_key(store: StateStore, tenant: str, key: str, now: float) -> None:
    """Make sure that a key stands for no call that was promised anything.

    Raises:
        Problem: `idempotency_key_reused`.
    """
    asked = "SELECT 1 FROM messaging_channels_gateway_call WHERE tenant = ? AND idempotency_key = ? AND created >= ?"
    if await store.call(store.read, asked, tenant, key, now - IDEMPOTENCY_TTL):
        raise _key_reused()


def _store_request(
    database: Connection, request: IdempotentRequest, now: float, *, key_in_ledger: bool
) -> None:
    row = (
        request.tenant,
        request.idempotency_key,
        request.fingerprint,
        request.callback_url,
        request.key_starts_at,
    )
    fresh = database.execute(_WRITTEN, (*row, now - IDEMPOTENCY_TTL))
    asked = "SELECT fingerprint FROM messaging_channels_gateway_call WHERE tenant = ? AND idempotency_key = ?"
    ((kept,),) = database.execute(asked, row[:2])
    if kept != request.fingerprint or (fresh and key_in_ledger):
        raise _key_reused()
    for key in request.message_keys:
        place = (request.tenant, key, request.key_starts_at, request.key_starts_at)
        database.execute(_SCHEDULED_ANEW if fresh else _SCHEDULED, place)


def _key_reused() -> Problem:
    return Problem("idempotency_key_reused", "use a new key for a new request")


_WRITTEN = (
    "INSERT INTO messaging_channels_gateway_call AS kept VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, idempotency_key) DO UPDATE SET"
    " fingerprint = excluded.fingerprint, callback_url = excluded.callback_url, created = excluded.created"
    " WHERE kept.created < ? RETURNING 1"
)
"""A key whose life is over is free."""
_INTO_SCHEDULE = (
    "INSERT INTO messaging_channels_gateway_schedule (tenant, idempotency_key, send_at, next_check_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (tenant, idempotency_key) DO"
)
_SCHEDULED = f"{_INTO_SCHEDULE} NOTHING"
_SCHEDULED_ANEW = (
    f"{_INTO_SCHEDULE} UPDATE SET send_at = excluded.send_at, next_check_at = excluded.next_check_at"
)

"""What is kept of a call besides its messages, before any of them is sent: what its key stands for, where to report, and when to send."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from messaging_channels import Terms
from messaging_channels_gateway.problems import Problem

if TYPE_CHECKING:
    from messaging_channels_gateway.bodies import AnyBody
    from messaging_channels_gateway.store import Store

KEY_LIFE = 7 * 86400.0
"""Seconds for which an idempotency key stands; see `Recording.key_life`."""
_LONGEST_SHARED = 100
"""Characters of a key that stand in the keys of several recipients' messages; see `Terms.for_one`."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What one call was promised."""

    realm: str
    key: str
    fingerprint: str
    """Of all that was asked for."""
    callback_url: str | None = field(repr=False)
    since: float
    """From when the key's life is counted: seconds since the epoch, UTC. The time of sending, if that is later."""
    messages: Sequence[str] = ()
    """The keys of its messages, if they wait until then."""


def shared_key(key: str) -> str:
    """Return the key of a call to several recipients, as it stands in the keys of their messages."""
    return key if len(key) <= _LONGEST_SHARED else sha256(key.encode()).hexdigest()


def key_for_one(key: str, channel: str, plain: str) -> str:
    """Return the key of one recipient's message of several."""
    return Terms(idempotency_key=shared_key(key)).for_one(channel, plain).idempotency_key or ""


def fingerprint(channel: str, whom: str, body: AnyBody) -> str:
    """Return what tells one call from another one."""
    told = json.dumps([channel, whom, body.model_dump(mode="json", exclude_none=True)], sort_keys=True)
    return sha256(told.encode()).hexdigest()


async def keep(store: Store, promise: Promise, now: float, *, taken: bool) -> None:
    """Write a promise down, once; it is durable on return. `taken` says whether the ledger knows the key already.

    Raises:
        Problem: `idempotency_key_reused`: the key stands for another promise, or for a message of which none was made.
    """
    await store.changed(partial(_kept, promise=promise, now=now, taken=taken))


def insist_on_none(store: Store, realm: str, key: str, now: float) -> None:
    """Make sure that a key stands for no call that was promised anything.

    Raises:
        Problem: `idempotency_key_reused`.
    """
    asked = "SELECT 1 FROM call WHERE realm = ? AND idempotency_key = ? AND created >= ?"
    if store.read(asked, realm, key, now - KEY_LIFE):
        raise _reused()


def _kept(database: sqlite3.Connection, promise: Promise, now: float, *, taken: bool) -> None:
    row = (promise.realm, promise.key, promise.fingerprint, promise.callback_url, promise.since)
    fresh = database.execute(_WRITTEN, (*row, now - KEY_LIFE)).fetchall()
    asked = "SELECT fingerprint FROM call WHERE realm = ? AND idempotency_key = ?"
    (kept,) = database.execute(asked, row[:2]).fetchone()
    if kept != promise.fingerprint or (fresh and taken):
        raise _reused()
    database.executemany(
        f"INSERT OR {'REPLACE' if fresh else 'IGNORE'} INTO schedule VALUES (?, ?, ?, ?)",  # noqa: S608  two constants
        [(promise.realm, key, promise.since, promise.since) for key in promise.messages],
    )


def _reused() -> Problem:
    return Problem("idempotency_key_reused", "use a new key for a new request")


_WRITTEN = (
    "INSERT INTO call VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET fingerprint = excluded.fingerprint,"
    " callback_url = excluded.callback_url, created = excluded.created WHERE call.created < ? RETURNING 1"
)
"""A key whose life is over is free."""

"""API keys: who calls, in which tenant, with which rights. Only a digest of a key is kept."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from messaging_channels_gateway.channels import CHANNELS
from messaging_channels_gateway.problems import WORD, Problem
from messaging_channels_gateway.settings import DEFAULT_TENANT
from messaging_channels_gateway.store.state import StateStore, statement_work

SCOPES = (
    *(f"send:{channel}" for channel in CHANNELS),
    "send:advanced",
    "read:messages",
    "read:events",
    "read:directory",
    "write:directory",
    "manage:webhooks",
)
"""The rights of a tenant. `send:advanced` is for choosing the sender, a callback URL, a validity or a time, and for cancelling."""
OPERATE = "operate"
"""The right to see every tenant on the operator's page. A key has it only if it was asked for."""

Row: TypeAlias = "tuple[str, str, str, str, float | None]"

_LETTERS = string.ascii_letters + string.digits
_FORM = re.compile(r"mc_live_(?P<id>[A-Za-z0-9]{8})_(?P<secret>[A-Za-z0-9]{43})")
_NO_KEY: Row = ("", "0" * 64, "", "", None)
_NOT_CACHED = (0.0, 0.0, None)
_CACHE_TTL = 1.0
"""Seconds for which a key is taken to be as it was read: how long one that another process revoked may still stand."""
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    key_id: str
    tenant: str
    scopes: frozenset[str]

    def require_scope(self, scope: str) -> None:
        """Insist on a right.

        Raises:
            Problem: `forbidden`.
        """
        if scope not in self.scopes:
            raise Problem("forbidden", f"the API key lacks the scope {scope}")


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys of all tenants."""

    store: StateStore
    clock: Callable[[], float]
    _cache: dict[tuple[str, str], tuple[float, float, Caller]] = field(
        default_factory=dict[tuple[str, str], "tuple[float, float, Caller]"], repr=False
    )
    """Whose keys were valid just now, by id and digest: when they were read, and until when they stand."""

    def create(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        scopes: Iterable[str] = SCOPES,
        days: float | None = None,
    ) -> str:
        """Make a key and return it; it cannot be read again. It stands for `days`, or until it is revoked.

        Raises:
            ValueError: a scope is unknown, or the tenant's name is no word.
        """
        wanted = sorted(set(scopes))
        if unknown := set(wanted) - {*SCOPES, OPERATE}:
            message = f"unknown scopes: {', '.join(sorted(unknown))}; known: {', '.join((*SCOPES, OPERATE))}"
            raise ValueError(message)
        if not WORD.fullmatch(tenant):
            message = "the name of a tenant must have 1 to 64 letters, digits, dots, dashes and underscores"
            raise ValueError(message)
        key_id = "".join(secrets.choice(_LETTERS) for _ in range(8))
        secret = "".join(secrets.choice(_LETTERS) for _ in range(43))
        now = self.clock()
        expires = None if days is None else now + days * 86400
        row = (key_id, _digest(secret), tenant, name, ",".join(wanted), now, expires)
        self.store.run_transaction(
            statement_work("INSERT INTO messaging_channels_gateway_key VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
        )
        return f"mc_live_{key_id}_{secret}"

    def rotate(self, key_id: str, *, grace_hours: float = 24.0) -> str:
        """Make a key that may do what another one may; the other one stands for `grace_hours` more.

        Raises:
            LookupError: there is no such key.
        """
        rows = self.store.read(
            "SELECT name, tenant, scopes FROM messaging_channels_gateway_key WHERE id = ?", key_id
        )
        if not rows:
            raise LookupError(key_id)
        name, tenant, scopes = rows[0]
        made = self.create(name, tenant=tenant, scopes=scopes.split(","))
        self.expire(key_id, self.clock() + grace_hours * 3600)
        return made

    def expire(self, key_id: str, at: float) -> None:
        """Let a key stand no longer than until then.

        Raises:
            LookupError: there is no such key.
        """
        gone = statement_work(
            "UPDATE messaging_channels_gateway_key SET expires = CASE WHEN expires < ? THEN expires ELSE ? END WHERE id = ? RETURNING id",
            at,
            at,
            key_id,
        )
        if not self.store.run_transaction(gone):
            raise LookupError(key_id)
        self._cache.clear()

    def list_keys(self) -> Sequence[dict[str, Any]]:
        """Return what is known of every key."""
        rows = self.store.read(
            "SELECT id, tenant, name, scopes, created, expires FROM messaging_channels_gateway_key ORDER BY created"
        )
        names = ("id", "tenant", "name", "scopes", "created", "expires")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def tenants(self) -> Sequence[str]:
        """Return the tenants that have keys."""
        return [
            tenant
            for (tenant,) in self.store.read("SELECT DISTINCT tenant FROM messaging_channels_gateway_key")
        ]

    def authenticate(self, header_values: Sequence[str]) -> Caller:
        """Return who presents these values of the header `x-api-key`. Unknown and wrong keys cost the same time.

        Raises:
            Problem: `unauthorised`, without a reason.
        """
        asked, now = _asked(header_values), self.clock()
        return self._cached(asked, now) or self._check(asked, self._read(asked[0]), now)

    async def authenticate_async(self, header_values: Sequence[str]) -> Caller:
        """Do the same from an event loop.

        Raises:
            Problem: `unauthorised`, without a reason.
        """
        asked, now = _asked(header_values), self.clock()
        return self._cached(asked, now) or self._check(
            asked, await self.store.call(self._read, asked[0]), now
        )

    def _check(self, asked: tuple[str, str], row: Row, now: float) -> Caller:
        told = asked[1]
        key_id, digest, tenant, scopes, expires = row
        same = hmac.compare_digest(told, digest)
        if not (same and key_id and (expires is None or expires > now)):
            raise Problem("unauthorised", "give one valid key in the header x-api-key")
        caller = Caller(key_id, tenant, frozenset(scopes.split(",")))
        self._cache[asked] = (now, math.inf if expires is None else expires, caller)
        return caller

    def find(self, key_id: str) -> Caller | None:
        """Return whose key that is, if it stands: for a session that was opened with it."""
        key, _, tenant, scopes, expires = self._read(key_id)
        if not key or (expires is not None and expires <= self.clock()):
            return None
        return Caller(key, tenant, frozenset(scopes.split(",")))

    def _cached(self, asked: tuple[str, str], now: float) -> Caller | None:
        """Return whose key has that id and digest if it was valid just now: to read the file for every call would have the event loop wait for its writer."""
        at, until, caller = self._cache.get(asked, _NOT_CACHED)
        if caller is not None and 0 <= now - at < _CACHE_TTL and now < until:
            return caller
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache.pop(asked, None)
        return None

    def _read(self, key_id: str) -> Row:
        rows = self.store.read(
            "SELECT id, digest, tenant, scopes, expires FROM messaging_channels_gateway_key WHERE id = ?",
            key_id,
        )
        return rows[0] if rows else _NO_KEY


def _asked(header_values: Sequence[str]) -> tuple[str, str]:
    """Return the id and the digest of the key that is presented; no key has those of what is none."""
    found = _FORM.fullmatch(header_values[0]) if len(header_values) == 1 else None
    return found["id"] if found else "", _digest(found["secret"] if found else "")


def _digest(secret: str) -> str:
    """Digest a secret of 256 random bits: no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()

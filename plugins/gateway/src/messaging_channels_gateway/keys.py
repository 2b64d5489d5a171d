"""API keys: who calls, in which realm, with which rights. Only a digest of a key is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from messaging_channels_gateway.problems import WORD, Problem
from messaging_channels_gateway.store import Store, executed

SCOPES = (
    "send:sms",
    "send:whatsapp",
    "send:email",
    "send:options",
    "read:messages",
    "read:events",
    "read:directory",
    "write:directory",
    "manage:webhooks",
)
"""The rights. `send:options` is for choosing the sender, a callback URL, a validity or a time, and for cancelling; the others are what they say."""

Row: TypeAlias = "tuple[str, str, str, str, float | None]"

_LETTERS = string.ascii_letters + string.digits
_FORM = re.compile(r"mc_live_(?P<id>[A-Za-z0-9]{8})_(?P<secret>[A-Za-z0-9]{43})")
_NOBODY: Row = ("", "0" * 64, "", "", None)
_FRESH = 1.0
"""Seconds for which a key is taken to be as it was read: how long one that another process revoked may still stand."""
_MOST_KEPT = 10_000
DEFAULT_REALM = "default"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    key_id: str
    realm: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Insist on a right.

        Raises:
            Problem: `forbidden`.
        """
        if scope not in self.scopes:
            raise Problem("forbidden", f"the API key lacks the scope {scope}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of all realms."""

    store: Store
    clock: Callable[[], float]
    _kept: dict[tuple[str, str], tuple[float, Row]] = field(
        default_factory=dict[tuple[str, str], "tuple[float, Row]"], repr=False
    )
    """Keys that were valid just now, by id and digest, and when they were read."""

    def create(
        self,
        name: str,
        *,
        realm: str = DEFAULT_REALM,
        scopes: Iterable[str] = SCOPES,
        days: float | None = None,
    ) -> str:
        """Make a key and return it; it cannot be read again. It stands for `days`, or until it is revoked.

        Raises:
            ValueError: a scope is unknown, or the realm's name is no word.
        """
        wanted = sorted(set(scopes))
        if unknown := set(wanted) - set(SCOPES):
            message = f"unknown scopes: {', '.join(sorted(unknown))}; known: {', '.join(SCOPES)}"
            raise ValueError(message)
        if not WORD.fullmatch(realm):
            message = "a realm is named by up to 64 letters, digits, dots, dashes and underscores"
            raise ValueError(message)
        key_id = "".join(secrets.choice(_LETTERS) for _ in range(8))
        secret = "".join(secrets.choice(_LETTERS) for _ in range(43))
        now = self.clock()
        expires = None if days is None else now + days * 86400
        row = (key_id, _digest(secret), realm, name, ",".join(wanted), now, expires)
        self.store.change(executed("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?, ?)", *row))
        return f"mc_live_{key_id}_{secret}"

    def rotate(self, key_id: str, *, grace_hours: float = 24.0) -> str:
        """Make a key that may do what another one may; the other one stands for `grace_hours` more.

        Raises:
            LookupError: there is no such key.
        """
        rows = self.store.read("SELECT name, realm, scopes FROM key WHERE id = ?", key_id)
        if not rows:
            raise LookupError(key_id)
        name, realm, scopes = rows[0]
        made = self.create(name, realm=realm, scopes=scopes.split(","))
        self.expire(key_id, self.clock() + grace_hours * 3600)
        return made

    def expire(self, key_id: str, at: float) -> None:
        """Let a key stand no longer than until then.

        Raises:
            LookupError: there is no such key.
        """
        gone = executed(
            "UPDATE key SET expires = min(coalesce(expires, ?), ?) WHERE id = ? RETURNING id", at, at, key_id
        )
        if not self.store.change(gone):
            raise LookupError(key_id)
        self._kept.clear()

    def listed(self) -> Sequence[dict[str, Any]]:
        """Return what is known of every key."""
        rows = self.store.read("SELECT id, realm, name, scopes, created, expires FROM key ORDER BY created")
        names = ("id", "realm", "name", "scopes", "created", "expires")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def realms(self) -> Sequence[str]:
        """Return the realms that have keys."""
        return [realm for (realm,) in self.store.read("SELECT DISTINCT realm FROM key")]

    def caller(self, presented: Sequence[str]) -> Caller:
        """Return who presents these values of the header `x-api-key`. Unknown and wrong keys cost the same time.

        Raises:
            Problem: `unauthorised`, without a reason.
        """
        found = _FORM.fullmatch(presented[0]) if len(presented) == 1 else None
        now, told = self.clock(), _digest(found["secret"] if found else "")
        asked = (found["id"] if found else "", told)
        row = self._lately(asked, now) or self._read(asked[0])
        key_id, digest, realm, scopes, expires = row
        same = hmac.compare_digest(told, digest)
        if not (same and key_id and (expires is None or expires > now)):
            raise Problem("unauthorised", "give one valid key in the header x-api-key")
        self._kept.setdefault(asked, (now, row))
        return Caller(key_id, realm, frozenset(scopes.split(",")))

    def _lately(self, asked: tuple[str, str], now: float) -> Row | None:
        """Return the key of that id and digest if it was valid just now: to read the file for every call would have the event loop wait for its writer."""
        at, row = self._kept.get(asked, (now, None))
        if row is not None and 0 <= now - at < _FRESH:
            return row
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept.pop(asked, None)
        return None

    def _read(self, key_id: str) -> Row:
        rows = self.store.read("SELECT id, digest, realm, scopes, expires FROM key WHERE id = ?", key_id)
        return rows[0] if rows else _NOBODY


def _digest(secret: str) -> str:
    """Digest a secret of 256 random bits: no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()

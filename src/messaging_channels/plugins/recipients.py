"""Whom a message is for, and how that becomes an address and an account.

A resolver returns both, because who a message comes from depends on who it is for: a platform writes to its Users from its own account
and to a tenant's Persons from the tenant's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address


@dataclass(frozen=True, slots=True)
class User:
    """A user of the platform, by id."""

    id: str


@dataclass(frozen=True, slots=True)
class Person:
    """The person behind an identity of a tenant, by the identity's id."""

    identity_id: str


@dataclass(frozen=True, slots=True)
class ResolvedRecipient:
    """An address, and the account that sends to it: the result of a resolver."""

    address: Address | str = field(repr=False)
    """Text is parsed by the channel."""
    account: str | None = None
    """Whose credentials send it. None for the platform's own."""

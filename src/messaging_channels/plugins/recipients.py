"""Recipients of messages, and the contracts that turn them into an address and an account.

A resolver returns both, because who a message comes from depends on who it is for: a platform writes to its Users from its own account
and to a tenant's Persons from the tenant's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

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
    """Name of the account whose credentials send the message. None for the platform's own."""


class Identified(Protocol):
    """A record of an application that has an id: a row of an ORM, a pydantic model, a named tuple."""

    @property
    def id(self) -> Any:  # noqa: ANN401  of the application's own type
        """Its id."""
        ...


class PrimaryKeyed(Protocol):
    """A record with a primary key, such as a model of Django."""

    @property
    def pk(self) -> Any:  # noqa: ANN401  of the application's own type
        """Its primary key."""
        ...


class RecipientDataclass(Protocol):
    """A dataclass of an application."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Recipient: TypeAlias = "str | Address | ResolvedRecipient | Identified | PrimaryKeyed | RecipientDataclass"
"""Type of recipients for type checkers: an address, its text, or an object that a resolver understands. None, a number and a list are not recipients; wrap a
bare id in `User` or `Person`."""

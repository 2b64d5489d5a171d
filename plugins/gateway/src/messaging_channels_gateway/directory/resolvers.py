"""Users and Persons of a tenant, and where their addresses come from. A tenant's people are found by that tenant's callers only."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import quote

from messaging_channels.errors import Phase, TransportError, UnknownRecipient, UnresolvedRecipient
from messaging_channels.plugins import (
    BlockingCall,
    Flow,
    HttpRequest,
    Person,
    RecipientResolver,
    ResolvedRecipient,
    User,
    ask,
    get_path,
)
from messaging_channels_gateway.problems import InactiveRecipient, NoSuchRecipient, NoTenantAccount

if TYPE_CHECKING:
    from messaging_channels import Configuration
    from messaging_channels.plugins import Channel
    from messaging_channels_gateway.store.state import StateStore

Paths: TypeAlias = "Mapping[type[User | Person], Mapping[str, str]]"
"""Where an address stands in a document, by recipient and channel."""


def paths_of(configuration: Configuration) -> Paths:
    """Return where addresses stand: `[recipients.user]` and `[recipients.person]` of the configuration over what the channels name.

    Raises:
        InvalidSetting: there is no such channel, or a path is no text.
    """
    return {User: configuration.recipient_paths("user"), Person: configuration.recipient_paths("person")}


_SECTIONS: Mapping[type[User | Person], str] = {User: "users", Person: "identities"}
_NOT_FOUND = 404

Id: TypeAlias = "User | Person"


@dataclass(frozen=True, slots=True)
class TenantRecipient:
    """A recipient as a caller names it: an id, in the caller's own tenant."""

    tenant: str
    recipient: Id

    @property
    def id(self) -> str:
        """The id in the path of the call."""
        return self.recipient.id if isinstance(self.recipient, User) else self.recipient.identity_id


class RecipientSource(Protocol):
    """Where a tenant's people are looked up."""

    def find(self, who: TenantRecipient, channel: Channel) -> Flow[ResolvedRecipient]:
        """Return the contact.

        Raises:
            NoSuchRecipient: there is no such User or Person.
            UnresolvedRecipient: there is, without an address on that channel.
        """
        ...


@dataclass(frozen=True, slots=True)
class TenantResolver:
    """The resolver of the gateway: each tenant's people by its own source, Users from the platform's account, Persons from the tenant's."""

    users: Callable[[str], RecipientSource]
    persons: Callable[[str], RecipientSource]
    account: Callable[[str], str | None]
    """The account of a tenant, None if it has none."""

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """See RecipientResolver."""
        if not isinstance(recipient, TenantRecipient):
            return None
        if isinstance(recipient.recipient, User):
            found = yield from self.users(recipient.tenant).find(recipient, channel)
            return ResolvedRecipient(found.address)
        account = self.account(recipient.tenant)
        if account is None:
            raise NoTenantAccount(
                "the tenant has no provider account of its own (the CDP extension is not enabled)",
                recipient=repr(recipient.recipient),
                channel=channel.name,
                hint="give the tenant an account, [gateway.tenants.<tenant>] account = …",
            )
        found = yield from self.persons(recipient.tenant).find(recipient, channel)
        return ResolvedRecipient(found.address, account)


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """Documents in the shape of the directory, from wherever `load` has them. It may block."""

    load: Callable[[TenantRecipient], Any]
    paths: Paths

    def find(self, who: TenantRecipient, channel: Channel) -> Flow[ResolvedRecipient]:
        """See Finds."""
        document = yield from ask(BlockingCall(lambda: self.load(who), may_send=False))
        return recipient_in(document, who, channel, self.paths)


def source_of_store(store: StateStore, paths: Paths) -> DocumentSource:
    """Find people in the gateway's own directory."""

    def load(who: TenantRecipient) -> Any:  # noqa: ANN401  a document
        kind = "user" if isinstance(who.recipient, User) else "identity"
        statement = (
            "SELECT document FROM messaging_channels_gateway_entry WHERE tenant = ? AND kind = ? AND id = ?"
        )
        rows = store.read(statement, who.tenant, kind, who.id)
        return json.loads(rows[0][0]) if rows else None

    return DocumentSource(load, paths)


def source_of_file(path: Path, paths: Paths) -> DocumentSource:
    """Find people in a JSON file, which is read again when it changed."""
    lock = threading.Lock()
    kept: dict[int, Any] = {}

    def load(who: TenantRecipient) -> Any:  # noqa: ANN401  a document
        changed = path.stat().st_mtime_ns
        with lock:
            if changed not in kept:
                content = json.loads(path.read_text("utf-8"))
                kept.clear()
                kept[changed] = content
            return get_path(kept[changed], _SECTIONS[type(who.recipient)]).get(who.id)

    return DocumentSource(load, paths)


@dataclass(frozen=True, slots=True)
class SqlRecipientSource:
    """Addresses in a table: one row a recipient, one column a channel."""

    database: str = field(repr=False)
    query: str

    def find(self, who: TenantRecipient, channel: Channel) -> Flow[ResolvedRecipient]:
        """See Finds."""
        row = yield from ask(BlockingCall(lambda: self._row(who.id), may_send=False))
        if row is None:
            raise _not_found(who, channel)
        _require_active(row.get("active"), who, channel)
        return ResolvedRecipient(
            _require_address(row.get(channel.name), who, channel, f"column {channel.name}")
        )

    def _row(self, key: str) -> Mapping[str, Any] | None:
        scheme, _, rest = self.database.partition("://")
        if scheme == "sqlite":
            with closing(
                sqlite3.connect(f"file:{quote(rest.removeprefix('/'))}?mode=ro", uri=True)
            ) as opened:
                cursor: Any = opened.execute(self.query, (key,))
                return _column_names(cursor)
        import psycopg  # noqa: PLC0415  only for PostgreSQL

        with psycopg.connect(self.database) as connection:
            return _column_names(connection.execute(self.query.replace("?", "%s").encode(), (key,)))


def _column_names(cursor: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  of either driver
    row = cursor.fetchone()
    names = [column[0] for column in cursor.description]
    return None if row is None else dict(zip(names, row, strict=True))


@dataclass(frozen=True, slots=True)
class HttpRecipientSource:
    """Documents in the shape of the directory, from an HTTP service of yours."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    paths: Paths

    def find(self, who: TenantRecipient, channel: Channel) -> Flow[ResolvedRecipient]:
        """See Finds."""
        url = self.url.replace("{id}", quote(who.id, safe=""))
        response = yield from ask(HttpRequest("GET", url, self.headers, may_send=False))
        if response.status == _NOT_FOUND:
            raise _not_found(who, channel)
        try:
            document = response.json() if response.ok else None
        except ValueError:
            document = None
        if document is None:
            problem = f"the directory of Users and Persons answered HTTP {response.status}"
            raise TransportError(problem, phase=Phase.CONNECT)
        return recipient_in(document, who, channel, self.paths)


@dataclass(frozen=True, slots=True)
class ResolverSource:
    """Resolvers of plugins, or of Infobip People: they know the recipient without its tenant."""

    resolvers: Sequence[RecipientResolver]

    def find(self, who: TenantRecipient, channel: Channel) -> Flow[ResolvedRecipient]:
        """See Finds."""
        for resolver in self.resolvers:
            try:
                contact = yield from resolver.resolve(who.recipient, channel)
            except UnknownRecipient:
                raise _not_found(who, channel) from None
            if contact is not None:
                return contact
        raise _not_found(who, channel)


def recipient_in(document: Any, who: TenantRecipient, channel: Channel, paths: Paths) -> ResolvedRecipient:  # noqa: ANN401
    """Return the contact that a document holds.

    Raises:
        NoSuchRecipient: the document is None.
        UnresolvedRecipient: it holds no address of that channel.
    """
    if document is None or get_path(document, "deleted") is True:
        raise _not_found(who, channel)
    _require_active(get_path(document, "active"), who, channel)
    path = paths[type(who.recipient)].get(channel.name, channel.name)
    return ResolvedRecipient(_require_address(get_path(document, path), who, channel, path))


def _require_active(active: object, who: TenantRecipient, channel: Channel) -> None:
    """Refuse a User that was switched off. An entry that does not say so is active; so is every Identity."""
    if isinstance(who.recipient, User) and str(active).lower() in _INACTIVE:
        raise InactiveRecipient(
            "the User is not active", recipient=_kind_of(who), channel=channel.name, hint="make it active"
        )


_INACTIVE = frozenset({"false", "0", "f", "no", "n", "off"})
"""As JSON, a database of either kind, or a column of text has it."""


def _require_address(address: Any, who: TenantRecipient, channel: Channel, place: str) -> str:  # noqa: ANN401
    if not address or not isinstance(address, str):
        raise UnresolvedRecipient(
            f"no address at {place}", recipient=_kind_of(who), channel=channel.name, hint="store one there"
        )
    return address


def _not_found(who: TenantRecipient, channel: Channel) -> NoSuchRecipient:
    return NoSuchRecipient(
        "there is none with that id", recipient=_kind_of(who), channel=channel.name, hint="check it"
    )


def _kind_of(who: TenantRecipient) -> str:
    return type(who.recipient).__name__

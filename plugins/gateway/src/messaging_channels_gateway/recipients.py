"""Users and Persons of a realm, and where their addresses come from. A realm's people are found by that realm's callers only."""

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

from messaging_channels.errors import ExchangeFailed, Phase, UnresolvedRecipient
from messaging_channels.plugins import (
    Call,
    Contact,
    Flow,
    HttpRequest,
    Person,
    RecipientResolver,
    User,
    ask,
    walk,
)
from messaging_channels_gateway.problems import NoExtension, NoSuchRecipient

if TYPE_CHECKING:
    from messaging_channels.plugins import Channel
    from messaging_channels_gateway.store import Store

_PHONE = "person.contactInformation.phone[0].number"
PATHS: Mapping[type[User | Person], Mapping[str, str]] = {
    User: {"sms": "channel.sms", "whatsapp": "channel.whatsapp", "email": "channel.email"},
    Person: {"sms": _PHONE, "whatsapp": _PHONE, "email": "person.contactInformation.email[0].address"},
}
"""Where an address stands in a document, by recipient and channel."""
_SECTIONS: Mapping[type[User | Person], str] = {User: "users", Person: "identities"}
_NOT_FOUND = 404

Id: TypeAlias = "User | Person"


@dataclass(frozen=True, slots=True)
class InRealm:
    """A recipient as a caller names it: an id, in the caller's own realm."""

    realm: str
    recipient: Id

    @property
    def id(self) -> str:
        """The id in the path of the call."""
        return self.recipient.id if isinstance(self.recipient, User) else self.recipient.identity_id


class Finds(Protocol):
    """Where a realm's people are looked up."""

    def contact(self, who: InRealm, channel: Channel) -> Flow[Contact]:
        """Return the contact.

        Raises:
            NoSuchRecipient: there is no such User or Person.
            UnresolvedRecipient: there is, without an address on that channel.
        """
        ...


@dataclass(frozen=True, slots=True)
class Realms:
    """The resolver of the gateway: each realm's people by its own source, Users from the platform's account, Persons from the realm's."""

    users: Callable[[str], Finds]
    persons: Callable[[str], Finds]
    account: Callable[[str], str | None]
    """The account of a realm, None if it has none."""

    def resolve(self, recipient: Any, channel: Channel) -> Flow[Contact | None]:  # noqa: ANN401
        """See RecipientResolver."""
        if not isinstance(recipient, InRealm):
            return None
        if isinstance(recipient.recipient, User):
            found = yield from self.users(recipient.realm).contact(recipient, channel)
            return Contact(found.address)
        account = self.account(recipient.realm)
        if account is None:
            raise NoExtension(
                "the realm has no account of its own (the CDP extension is not enabled)",
                recipient=repr(recipient.recipient),
                channel=channel.name,
                remedy="give the realm an account, [gateway.realms.<realm>] account = …",
            )
        found = yield from self.persons(recipient.realm).contact(recipient, channel)
        return Contact(found.address, account)


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents in the shape of the directory, from wherever `load` has them. It may block."""

    load: Callable[[InRealm], Any]

    def contact(self, who: InRealm, channel: Channel) -> Flow[Contact]:
        """See Finds."""
        document = yield from ask(Call(lambda: self.load(who), effect=False))
        return contact_in(document, who, channel)


def of_store(store: Store) -> Documents:
    """Find people in the gateway's own directory."""

    def load(who: InRealm) -> Any:  # noqa: ANN401  a document
        kind = "user" if isinstance(who.recipient, User) else "identity"
        statement = "SELECT document FROM entry WHERE realm = ? AND kind = ? AND id = ?"
        rows = store.read(statement, who.realm, kind, who.id)
        return json.loads(rows[0][0]) if rows else None

    return Documents(load)


def of_file(path: Path) -> Documents:
    """Find people in a JSON file, which is read again when it changed."""
    lock = threading.Lock()
    kept: dict[int, Any] = {}

    def load(who: InRealm) -> Any:  # noqa: ANN401  a document
        changed = path.stat().st_mtime_ns
        with lock:
            if changed not in kept:
                content = json.loads(path.read_text("utf-8"))
                kept.clear()
                kept[changed] = content
            return walk(kept[changed], _SECTIONS[type(who.recipient)]).get(who.id)

    return Documents(load)


@dataclass(frozen=True, slots=True)
class Table:
    """Addresses in a table: one row a recipient, one column a channel."""

    database: str = field(repr=False)
    query: str

    def contact(self, who: InRealm, channel: Channel) -> Flow[Contact]:
        """See Finds."""
        row = yield from ask(Call(lambda: self._row(who.id), effect=False))
        if row is None:
            raise _nobody(who, channel)
        return Contact(_required(row.get(channel.name), who, channel, f"column {channel.name}"))

    def _row(self, key: str) -> Mapping[str, Any] | None:
        scheme, _, rest = self.database.partition("://")
        if scheme == "sqlite":
            with closing(
                sqlite3.connect(f"file:{quote(rest.removeprefix('/'))}?mode=ro", uri=True)
            ) as opened:
                cursor: Any = opened.execute(self.query, (key,))
                return _named(cursor)
        import psycopg  # noqa: PLC0415  only for PostgreSQL

        with psycopg.connect(self.database) as connection:
            return _named(connection.execute(self.query.replace("?", "%s").encode(), (key,)))


def _named(cursor: Any) -> Mapping[str, Any] | None:  # noqa: ANN401  of either driver
    row = cursor.fetchone()
    names = [column[0] for column in cursor.description]
    return None if row is None else dict(zip(names, row, strict=True))


@dataclass(frozen=True, slots=True)
class Service:
    """Documents in the shape of the directory, from an HTTP service of yours."""

    url: str
    headers: Mapping[str, str] = field(repr=False)

    def contact(self, who: InRealm, channel: Channel) -> Flow[Contact]:
        """See Finds."""
        url = self.url.replace("{id}", quote(who.id, safe=""))
        response = yield from ask(HttpRequest("GET", url, self.headers, effect=False))
        if response.status == _NOT_FOUND:
            raise _nobody(who, channel)
        try:
            document = response.json() if response.ok else None
        except ValueError:
            document = None
        if document is None:
            problem = f"the service of Users and Persons answered {response.status}"
            raise ExchangeFailed(problem, phase=Phase.CONNECT)
        return contact_in(document, who, channel)


@dataclass(frozen=True, slots=True)
class Asked:
    """Resolvers of plugins, or of Infobip People: they know the recipient without its realm."""

    resolvers: Sequence[RecipientResolver]

    def contact(self, who: InRealm, channel: Channel) -> Flow[Contact]:
        """See Finds."""
        for resolver in self.resolvers:
            contact = yield from resolver.resolve(who.recipient, channel)
            if contact is not None:
                return contact
        raise _nobody(who, channel)


def contact_in(document: Any, who: InRealm, channel: Channel) -> Contact:  # noqa: ANN401
    """Return the contact that a document holds.

    Raises:
        NoSuchRecipient: the document is None.
        UnresolvedRecipient: it holds no address of that channel.
    """
    if document is None or walk(document, "deleted") is True:
        raise _nobody(who, channel)
    path = PATHS[type(who.recipient)].get(channel.name, channel.name)
    return Contact(_required(walk(document, path), who, channel, path))


def _required(address: Any, who: InRealm, channel: Channel, where: str) -> str:  # noqa: ANN401
    if not address or not isinstance(address, str):
        raise UnresolvedRecipient(
            f"no address at {where}", recipient=_kind(who), channel=channel.name, remedy="store one there"
        )
    return address


def _nobody(who: InRealm, channel: Channel) -> NoSuchRecipient:
    return NoSuchRecipient(
        "there is none with that id", recipient=_kind(who), channel=channel.name, remedy="check it"
    )


def _kind(who: InRealm) -> str:
    return type(who.recipient).__name__

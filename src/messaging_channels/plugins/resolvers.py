"""How a recipient becomes an address and an account: the protocol, and three ways that serve most applications."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from messaging_channels._model.errors import UnknownRecipient, UnresolvedRecipient
from messaging_channels.plugins.exchange import BlockingCall, Flow, ask
from messaging_channels.plugins.recipients import Person, ResolvedRecipient, User

if TYPE_CHECKING:
    from messaging_channels.plugins.channels import Channel


class RecipientResolver(Protocol):
    """Turns a recipient into a contact. One resolver serves many threads and tasks at once."""

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """Return the contact, or None if this resolver does not understand such a recipient.

        Raises:
            UnknownRecipient: it understands the recipient, and there is none such.
            UnresolvedRecipient: it understands the recipient, who has no address on that channel.
        """
        ...


Load: TypeAlias = "Callable[[Any], Any]"


@dataclass(frozen=True, slots=True)
class MappingResolver:
    """Looks recipients up in a mapping: `{User("634b…"): {"sms": "+44…"}}`."""

    addresses: Mapping[Any, Mapping[str, str]] = field(repr=False)
    account: str | None = None

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """See RecipientResolver."""
        yield from ()
        addresses = self.addresses.get(recipient)
        if addresses is None:
            return None
        return ResolvedRecipient(
            _require_address(addresses.get(channel.name), recipient, channel, channel.name), self.account
        )


@dataclass(frozen=True, slots=True)
class CallableResolver:
    """Asks a function of yours: `(recipient, channel name) -> ResolvedRecipient | None`. It may block; see `exchange.BlockingCall`."""

    function: Callable[[Any, str], ResolvedRecipient | None]

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """See RecipientResolver."""
        return (yield from ask(BlockingCall(lambda: self.function(recipient, channel.name), may_send=False)))


@dataclass(frozen=True, slots=True)
class PathResolver:
    """Loads an object and reads the value at a path: `channel.sms`, `person.contactInformation.phone[0].number`.

    A path steps through mappings, sequences and attributes alike, so documents, ORM rows and pydantic models all serve.
    """

    recipient_type: type
    """The recipients it understands, such as `User`."""
    load: Load
    """Returns the object of a recipient, or None if there is none. It may block; see `exchange.BlockingCall`."""
    paths: Mapping[str, str]
    """The path of each channel's address."""
    account: str | None = None
    account_path: str | None = None
    """The path of the account's name in the object. It goes before `account`."""

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """See RecipientResolver."""
        path = self.paths.get(channel.name)
        if path is None or not isinstance(recipient, self.recipient_type):
            return None
        loaded = yield from ask(BlockingCall(lambda: self.load(recipient), may_send=False))
        if loaded is None:
            raise UnknownRecipient(
                "there is no such recipient",
                recipient=_describe(recipient),
                channel=channel.name,
                hint="check the id",
            )
        account = self.account if self.account_path is None else get_path(loaded, self.account_path)
        return ResolvedRecipient(_require_address(get_path(loaded, path), recipient, channel, path), account)


def get_path(start: Any, path: str) -> Any:  # noqa: ANN401  paths lead anywhere
    """Follow `a.b[0].c` through mappings, sequences and attributes. Return None where it leads nowhere."""
    here = start
    for name, index in _STEP.findall(path):
        if here is None:
            return None
        here = _item(here, int(index)) if index else _member(here, name)
    return here


def _member(here: Any, name: str) -> Any:  # noqa: ANN401
    if isinstance(here, Mapping):
        return cast("Mapping[Any, Any]", here).get(name)
    return getattr(here, name, None)


def _item(here: Any, index: int) -> Any:  # noqa: ANN401
    if isinstance(here, Sequence) and index < len(cast("Sequence[Any]", here)):
        return cast("Sequence[Any]", here)[index]
    return None


def _require_address(address: Any, recipient: object, channel: Channel, where: str) -> str:  # noqa: ANN401
    if not address or not isinstance(address, str):
        raise UnresolvedRecipient(
            f"no address at {where!r}",
            recipient=_describe(recipient),
            channel=channel.name,
            hint="store an address there, or use another channel",
        )
    return address


def _describe(recipient: object) -> str:
    """Name a recipient without showing more than the ids of our own kinds."""
    return repr(recipient) if isinstance(recipient, (User, Person)) else type(recipient).__name__


_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

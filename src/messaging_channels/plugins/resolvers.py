"""How a recipient becomes an address and an account: the protocol, and three ways that serve most applications."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, runtime_checkable

from messaging_channels._model.errors import UnknownRecipient, UnresolvedRecipient
from messaging_channels._model.values import as_texts
from messaging_channels.plugins.channel_spec import ChannelSpec
from messaging_channels.plugins.exchange import BlockingCall, Flow, ask
from messaging_channels.plugins.recipients import Person, ResolvedRecipient, User

if TYPE_CHECKING:
    from messaging_channels.plugins.channel_spec import Channel


class RecipientResolver(Protocol):
    """Turns a recipient into a contact. Many threads and tasks may use a resolver at once."""

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """Return the contact, or None if this resolver does not understand such a recipient.

        Raises:
            UnknownRecipient: it understands the recipient, and there is none such.
            UnresolvedRecipient: it understands the recipient, who has no address on that channel.
        """
        ...


@runtime_checkable
class KnowsPreferences(Protocol):
    """An optional ability of a resolver: it returns the channels that a recipient prefers."""

    def preferred_channels(self, recipient: Any) -> Flow[Sequence[str] | None]:  # noqa: ANN401
        """Return the names of channels, the most liked first; None if it does not understand such a recipient."""
        ...


Load: TypeAlias = "Callable[[Any], Any]"


@dataclass(frozen=True, slots=True)
class MappingResolver:
    """Looks recipients up in a mapping: `{User("634b…"): {"sms": "+44…"}}`."""

    addresses: Mapping[Any, Mapping[str, str]] = field(repr=False)
    """The addresses of each recipient by channel, the most liked first."""
    account: str | None = None

    def preferred_channels(self, recipient: Any) -> Flow[Sequence[str] | None]:  # noqa: ANN401
        """Return the channels of the recipient, the most preferred first; None if the mapping has no such recipient."""
        yield from ()
        known = self.addresses.get(recipient)
        return None if known is None else tuple(known)

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """Return the recipient's address on the channel; None if the mapping has no such recipient.

        Raises:
            UnresolvedRecipient: The recipient has no address on the channel.
        """
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
        """Call the function with recipient and channel: in the caller's thread, or in a worker thread under an event loop."""
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
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    """The path of each channel's address. Without any, those of `[recipients.user]` and `[recipients.person]` of the configuration that the dispatcher is
    built from, over those that the channels themselves name for a `User` and a `Person`."""
    account: str | None = None
    account_path: str | None = None
    """The path of the account's name in the object. It goes before `account`."""
    preference_path: str | None = None
    """The path of a list of channel names in the object, the most liked first."""

    def preferred_channels(self, recipient: Any) -> Flow[Sequence[str] | None]:  # noqa: ANN401
        """Return the channels of the recipient, the most preferred first; None for another type, or without `preference_path`."""
        path = self.preference_path
        if path is None or not isinstance(recipient, self.recipient_type):
            return None
        loaded = yield from ask(BlockingCall(lambda: self.load(recipient), may_send=False))
        told = get_path(loaded, path)
        return as_texts(told) if isinstance(told, (str, list, tuple)) else None  # pyright: ignore[reportUnknownArgumentType]

    def with_paths(self, of_kind: Callable[[Literal["user", "person"]], Mapping[str, str]]) -> PathResolver:
        """Return the resolver with the paths that a configuration gives for its kind of recipient; the same where it has paths of its own."""
        kind = _KINDS.get(self.recipient_type)
        return self if self.paths or kind is None else replace(self, paths=of_kind(kind))

    def _path(self, channel: Channel) -> str | None:
        kind = _KINDS.get(self.recipient_type)
        if self.paths or kind is None:
            return self.paths.get(channel.name)
        return ChannelSpec.of(channel).path(kind)

    def resolve(self, recipient: Any, channel: Channel) -> Flow[ResolvedRecipient | None]:  # noqa: ANN401
        """Return the address at the channel's path in the recipient's document; None for another type, or a channel without a path.

        Raises:
            UnknownRecipient: `load` returned None.
            UnresolvedRecipient: The document has no address at the path.
        """
        path = self._path(channel)
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


_KINDS: dict[type, Literal["user", "person"]] = {User: "user", Person: "person"}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")

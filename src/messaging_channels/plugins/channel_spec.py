"""The contract of channels: for plugins that add a way to reach a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from messaging_channels import messages
from messaging_channels._model.addresses import PhoneNumber
from messaging_channels._model.status import Status, known_statuses, lookup
from messaging_channels.messages import adaptive

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address

Render: TypeAlias = "Callable[[adaptive.Content], adaptive.Rendering]"
SandboxBehavior: TypeAlias = Literal["reject", "throttle", "hang", "expire", "bounce", "unreachable"]
"""What the sandbox can do instead of delivering a message."""


class Channel(Protocol):
    """Describes a channel: its name, message types and addresses. Called from many threads at once. `ChannelSpec` implements it, with more attributes."""

    @property
    def name(self) -> str:
        """The name in routes, settings and paths: lower case, such as `sms`."""
        ...

    @property
    def address_type(self) -> type[Address]:
        """The type of this channel's addresses."""
        ...

    @property
    def message_types(self) -> tuple[type[messages.Message], ...]:
        """The message types that travel here. A type belongs to one channel."""
        ...

    def parse(self, text: str, /) -> Address:
        """Return the address in its normal form.

        Raises:
            InvalidAddress: the text is no address of this channel.
        """
        ...


@dataclass(frozen=True, slots=True)
class CommandOption:
    """An option of `messaging-channels send CHANNEL`, beside `--to`, `--sender` and `--idempotency-key`."""

    name: str
    """Without the dashes, such as `text`: `ChannelSpec.build` is given its value under this name."""
    help: str = ""
    kind: Literal["text", "flag", "file"] = "text"
    """A file's value is its `pathlib.Path`."""
    required: bool = False
    repeatable: bool = False
    """Whether it may be given several times: then its value is a list."""
    default: str | None = None
    group: str = ""
    """Of the options of one group exactly one is given."""
    metavar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """A channel as a plugin registers it. The first four are needed; each of the others makes more of the library know the channel.

    A channel that says no more can be sent on from the library, the command line and the gateway already: their forms follow from the fields of the
    message types.
    """

    name: str
    """The name in routes, settings and paths: lower-case letters, digits and hyphens."""
    address_type: type[Address]
    """Its `str`, `repr` and `masked` hide the address; `plain` shows it."""
    parse: Callable[[str], Address]
    """Returns an address in its normal form, or raises `InvalidAddress`."""
    message_types: tuple[type[messages.Message], ...]
    """Those that travel here. A type belongs to one channel."""
    example: str = ""
    """An address, in text: for examples, help and the kit. Of numbers and mail addresses the kit has its own."""
    title: str = ""
    """A message in words, such as `an SMS`; `a message by NAME` without it."""
    family: str = ""
    """Name that channels share whose opt-outs belong together, as those of SMS and RCS do. Default: the channel's own name."""
    category: str | None = None
    """Category of messages without one of their own (`Message.category`). None counts as marketing."""
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the address stands in the document of a `user` and of a `person`; `channel.NAME` of a user without it."""
    forms: Mapping[str, type[messages.Message]] = field(
        default_factory=dict[str, type[messages.Message]], hash=False
    )
    """The types that have a JSON form, by the word for them in `type`; the first is meant where none is given. All types by their own names without it."""
    request: Callable[[], Any] | None = None
    """Returns the model of the gateway's body (`message_requests.MessageRequest`); made from `forms` without it. Called when the gateway needs it."""
    options: tuple[CommandOption, ...] = ()
    """Of the command line; made from the first form without them."""
    build: Callable[[Mapping[str, Any]], messages.Message] | None = None
    """Makes the message of the command line from `options` and `sender`."""
    render: Render | None = None
    """Makes a message of declared content; see `Adaptive`."""
    sandbox: Mapping[str, SandboxBehavior] = field(default_factory=dict[str, SandboxBehavior])
    """Addresses, in plain form, at which the sandbox does something else than deliver."""
    samples: tuple[messages.Message, ...] = ()
    """The simplest message of each type, for the kit."""
    field_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further values for optional fields of the types, by names such as `ChatText.silent`, for the kit."""
    statuses: tuple[Status, ...] = ()
    """Statuses that only this channel has, beside those of every channel. No two share group and id."""

    @classmethod
    def of(cls, channel: Channel) -> ChannelSpec:
        """Return a channel as a spec. Attributes that the channel lacks get the defaults of `ChannelSpec`."""
        if isinstance(channel, ChannelSpec):
            return channel
        return cls(
            name=channel.name,
            address_type=channel.address_type,
            parse=channel.parse,
            message_types=channel.message_types,
            example=str(getattr(channel, "example", "")),
        )

    def status(self, group_id: int, status_id: int) -> Status | None:
        """Return the status of that key on this channel: its own, else that of the table; None for one that neither knows."""
        own = {(one.group_id, one.id): one for one in self.statuses}
        return own.get((group_id, status_id)) or lookup(group_id, status_id, channel=self.name)

    def path(self, kind: str) -> str | None:
        """Return where the address stands in the document of a `user` or `person`."""
        return self.paths.get(kind) or (f"channel.{self.name}" if kind == "user" else None)


@dataclass(frozen=True, slots=True)
class PhoneChannel:
    """A channel whose addresses are E.164 numbers, with the required attributes only."""

    name: str
    message_types: tuple[type[messages.Message], ...]
    address_type: type[Address] = PhoneNumber

    def parse(self, text: str) -> PhoneNumber:
        """Parse an E.164 number, with or without the plus."""
        return PhoneNumber.parse(text)


def channel_problem(spec: ChannelSpec, others: Iterable[ChannelSpec]) -> str:
    """Return why a channel cannot stand beside others; empty if it can."""
    if not _NAME.fullmatch(spec.name):
        return f"{spec.name[:40]!r} is no name of a channel: use lower-case letters, digits and hyphens"
    for other in others:
        if other.name == spec.name:
            return f"the name {spec.name} is taken by another channel"
        if taken := [kind for kind in spec.message_types if kind in other.message_types]:
            return f"{taken[0].__name__} belongs to the channel {other.name}, so {spec.name} cannot carry it"
    return _status_problem(spec)


def _status_problem(spec: ChannelSpec) -> str:
    seen = set[tuple[int, int]]()
    for one in spec.statuses:
        key = (one.group_id, one.id)
        if (known := lookup(*key)) is not None:
            return f"status {one.group_id}/{one.id} is {known.name} on every channel, so {spec.name} cannot have {one.name[:40]}"
        if key in seen:
            return f"{spec.name} has two statuses {one.group_id}/{one.id}"
        seen.add(key)
    return ""


def status_table(channels: Iterable[ChannelSpec]) -> tuple[tuple[str, Status], ...]:
    """Return the whole table of statuses as (channel, status), with those that these channels bring; channel `all` holds for every one of them."""
    return (*known_statuses(), *((spec.name, one) for spec in channels for one in spec.statuses))


_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

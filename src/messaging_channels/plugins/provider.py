"""The contract for provider plugins. Start from `docs/plugin-authors/contract.md`.

There are three steps of effort:

1. `HttpProvider`: one request a message; write `build_request` and `parse_response`.
2. `Provider.send` as a flow of several exchanges: a token, an upload, a request for a whole batch.
3. An exchange type of your own with an executor, or `BlockingCall` around a blocking SDK.

A provider describes and reads. It opens no socket, sleeps not, and reads neither clock nor environment: the same object is driven from many
threads and tasks at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, runtime_checkable

from messaging_channels._model.outcomes import AttemptResult
from messaging_channels._model.values import fast_frozen
from messaging_channels.messages import Message, ProviderOptions
from messaging_channels.plugins.attachments import read_attachments
from messaging_channels.plugins.exchange import (
    CurrentTime,
    Exchange,
    ExecutorPair,
    Flow,
    HttpRequest,
    HttpResponse,
    ask,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from messaging_channels._model.addresses import Address
    from messaging_channels._model.events import Event
    from messaging_channels._model.rate_limit import RateLimit
    from messaging_channels.plugins.channels import ChannelSpec
    from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult

OptionsT = TypeVar("OptionsT", bound=ProviderOptions)

PROVIDER_API_VERSION = 1
"""The number of this contract. A plugin built for another one is refused when it is asked for."""


@fast_frozen(frozen=True, slots=True)
class Envelope:
    """A message for one recipient, as a provider receives it."""

    id: str
    """Ours. The same over repetitions: give it to the provider as the client's reference, where it takes one."""
    channel: str
    message: Message
    to: Address


OUR_FIELDS = frozenset({"provider_options", "category"})
"""Optional fields of messages that no provider needs to declare: the options are declared by their types, and the category is for our own rules."""


@dataclass(frozen=True)
class Capabilities:
    """Declares what a provider supports. The dispatcher refuses anything else before any exchange."""

    message_types: Mapping[type[Message], frozenset[str]]
    """The message types, each with the optional fields that are honored. Fields without a default go without saying."""
    max_batch_size: int = 1
    """How many envelopes one `send` may be given."""
    provider_options: frozenset[type[ProviderOptions]] = frozenset()
    """The options of its own that it understands in `Message.provider_options`."""
    uploads_media: bool = False
    """Whether it uploads the files that a message holds as bytes (`Media.content`)."""
    deduplicates: bool = False
    """Whether an envelope with an id that was taken before is refused or merged, so that a repetition reaches nobody twice."""

    def unsupported(self, message: Message) -> str | None:
        """Return the unsupported type or the first unsupported field of a message; None if all is supported."""
        undeclared = self._unsupported(type(message))
        if undeclared is None:
            return type(message).__name__
        if message.uploads and not self.uploads_media:
            return f"{type(message).__name__} with the bytes of a file"
        for name, default in undeclared:
            if name not in OUR_FIELDS and getattr(message, name) != default:
                return f"{type(message).__name__}.{name}"
        return None

    def supports_all_fields(self, message_type: type[Message]) -> bool:
        """Whether it carries every message of that type, whatever its fields hold. What `provider_options` holds is another question."""
        undeclared = self._unsupported(message_type)
        files = message_type.uploads is not Message.uploads and not self.uploads_media
        return undeclared is not None and not files and all(name in OUR_FIELDS for name, _ in undeclared)

    def unsupported_fields(self, message_type: type[Message]) -> tuple[tuple[str, Any], ...]:
        """Return the optional fields of a supported type that are not carried, with their defaults."""
        return tuple(one for one in self._unsupported(message_type) or () if one[0] not in OUR_FIELDS)

    def _unsupported(self, message_type: type[Message]) -> tuple[tuple[str, Any], ...] | None:
        """Return the optional fields of a type that are not carried, with their defaults; None for a type that is not."""
        known = self._unsupported_fields.get(message_type)
        if known is None and message_type in self.message_types:  # of a provider that carries every type
            known = _optional_fields(message_type, excluded=self.message_types[message_type])
        return known

    @cached_property
    def _unsupported_fields(self) -> dict[type[Message], tuple[tuple[str, Any], ...]]:
        return {kind: _optional_fields(kind, excluded=named) for kind, named in self.message_types.items()}


class EveryMessage(Mapping[type[Message], frozenset[str]]):
    """`Capabilities.message_types` of a provider that carries whatever any channel has, with all fields: of the sandbox and of fakes.

    Iteration yields only the types that were named; a look-up finds every other type, too.
    """

    def __init__(
        self, named: Iterable[type[Message]], fields_of: Callable[[type[Message]], frozenset[str]]
    ) -> None:
        """Name the message types over which an iteration goes."""
        self._named, self._fields_of = tuple(named), fields_of

    def __getitem__(self, message_type: type[Message]) -> frozenset[str]:
        """Return the fields of a type."""
        if not isinstance(message_type, type) or not issubclass(message_type, Message):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise KeyError(message_type)
        return self._fields_of(message_type)

    def __iter__(self) -> Iterator[type[Message]]:
        """Go through the types that were named."""
        return iter(self._named)

    def __len__(self) -> int:
        """How many were named."""
        return len(self._named)


class Provider(Protocol):
    """A vendor's API behind our contract."""

    name: ClassVar[str]
    """The name in routes and settings, such as `infobip`."""
    capabilities: ClassVar[Capabilities]
    """Message types, fields and limits that the provider supports."""
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]]
    """How the exchanges of types of its own are performed. Most providers have none: `{}`."""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Describe the sending of 1 to `capabilities.max_batch_size` envelopes; return their outcomes in the same order.

        All envelopes of a batch are for the same account and carry what `capabilities` declare.

        Do not retry, and do not catch what you cannot explain: a `TransportError` that leaves the flow becomes *not sent* or *unknown* by
        what the transport knows of the bytes, and so does any exception of your own after the first exchange with an effect.

        Raises:
            BadInput: before the first exchange; the message cannot be sent by this provider as it is (no sender, for one).
            TransportError: let it pass.
        """
        ...


class HttpProvider:
    """A provider that makes one HTTP request a message. Subclasses set `name` and `capabilities`. Attachments that are files or streams are read first."""

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def build_request(self, envelope: Envelope) -> HttpRequest:
        """Describe the request that sends this message. Called once an attempt.

        Raises:
            BadInput: the message cannot be sent as it is.
        """
        raise NotImplementedError

    def parse_response(self, response: HttpResponse, envelope: Envelope) -> AttemptResult:
        """Say what this answer means. Called with any status and any body; end with `result_from_status` for the unforeseen."""
        raise NotImplementedError

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send one message: read its files, call `build_request`, perform the request, and call `parse_response`."""
        (envelope,) = batch
        message = yield from read_attachments(envelope.message)
        if message is not envelope.message:
            envelope = replace(envelope, message=message)
        response = yield from ask(self.build_request(envelope))
        return (self.parse_response(response, envelope),)


@runtime_checkable
class SupportsReportPolling(Protocol):
    """An optional ability: delivery reports can be fetched."""

    def fetch_reports(self) -> Flow[Sequence[Event]]:
        """Return a page of the reports that are new since the last call, none if there are no more. The dispatcher keeps each page before the next."""
        ...


@runtime_checkable
class SupportsWebhooks(Protocol):
    """An optional ability: the provider calls us with reports and with what people write."""

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify that the request comes from the provider, then parse it. Do no I/O and read no clock: `request.received_at` is the time.

        Prove first, and compare signatures in constant time; read only what was proved. What a proved call holds that is not understood becomes an
        `UnknownEvent` event, never an exception.

        Raises:
            WebhookVerificationError: nothing proves that the provider made the call.
        """
        ...


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """The known facts about a message with an unknown outcome."""

    message_id: str
    """Ours, as in `Envelope.id`."""
    channel: str
    to: Address | None
    """None where the record does not keep addresses."""
    started_at: float
    """When the attempt began: seconds since the epoch, UTC."""
    ended_at: float
    text_matches: Callable[[str], bool] = field(repr=False)
    """Whether a text is that of the message. The text itself is not kept."""
    to_matches: Callable[[Address], bool] | None = field(default=None, repr=False)
    """Whether an address is kept as the message's is: the same one if it is hashed, one that looks alike if it is masked. None where none is kept."""
    provider_id: str | None = None
    """The provider's id of the message, if the provider accepted the message and returned one. The provider is asked for the status of that id."""


@runtime_checkable
class SupportsLookup(Protocol):
    """An optional ability: the provider looks up the result of a message."""

    def look_up(self, request: LookupRequest) -> Flow[AttemptResult | None]:
        """Return the result, or None if it is unknown (yet). Set `may_send=False` on its exchanges.

        Accepted, with the provider's id, if the provider knows the message; `Reason.NOT_FOUND` only if the provider's answer proves that it never took it,
        late enough for its records to be complete.
        """
        ...


@runtime_checkable
class ReportsOptional(Protocol):
    """An optional ability: whether it reports deliveries depends on its settings."""

    @property
    def has_reports(self) -> bool:
        """Whether it is set up to report deliveries. One that is not is asked, where it can be, before the next step of a fallback."""
        ...


@runtime_checkable
class SupportsSenderCheck(Protocol):
    """An optional ability: the provider knows from its settings on which channels a message has to name its sender."""

    def missing_sender(self, channel: str) -> str | None:
        """Return the setting that the account lacks to send a message which names no sender on that channel; None if it lacks none.

        Asked once by each dispatcher. While another provider of the route can send such a message, this one is left out.
        """
        ...


@runtime_checkable
class SupportsValidation(Protocol):
    """An optional ability: the provider validates a message without sending it."""

    def validate(self, envelope: Envelope) -> None:
        """Check a message as `send` would before its first exchange. It has no effect. An `HttpProvider` needs none: its `build_request` is asked.

        Raises:
            BadInput: the message cannot be sent by this provider as it is.
        """
        ...


@runtime_checkable
class LearnsChannels(Protocol):
    """An optional ability, of providers that serve every channel: the sandbox."""

    def learn_channels(self, channels: Iterable[ChannelSpec]) -> None:
        """Hear which channels the dispatcher knows. Called once by each dispatcher, before any message."""
        ...


@runtime_checkable
class SupportsRateLimits(Protocol):
    """An optional ability: the provider names the rates it allows, so that the dispatcher keeps to them."""

    def rate_limits(self, envelope: Envelope) -> Sequence[tuple[Hashable, RateLimit]]:
        """Return what this envelope counts against: a key (such as `("sender", "447700900001")`) and its rate."""
        ...


@runtime_checkable
class SupportsBatchGrouping(Protocol):
    """An optional ability: of its messages, some may share a request, and others need one of their own."""

    def batch_key(self, envelope: Envelope) -> Hashable | None:
        """Return the key of messages that may share a request; None for a message that needs its own request.

        The dispatcher lets messages that were sent one by one wait for each other only if they have this in common.
        """
        ...


def run_to_first_exchange(flow: Flow[Any]) -> None:
    """Run the `send` flow of a provider up to its first exchange, and no further: what `validate` of such a provider does.

    The clock is answered; nothing else is performed. Only for a `send` that has no effect before its first exchange.

    Raises:
        BadInput: what the flow raises before it.
    """
    steps: Any = flow
    try:
        exchange = next(steps)
        while isinstance(exchange, CurrentTime):
            exchange = steps.send(time.time())
    except StopIteration:
        return
    steps.close()


def require_sender(message: Message, default: str | None, *, provider: str) -> str:
    """Return the message's sender, or the account's.

    Raises:
        InvalidMessage: there is neither.
    """
    sender = getattr(message, "sender", None) or default
    if sender is None:
        from messaging_channels._model.errors import InvalidMessage  # noqa: PLC0415

        raise InvalidMessage(
            "is missing",
            field=f"{type(message).__name__}.sender",
            hint=f"give a sender, or set MESSAGING_CHANNELS_{provider.upper().replace('-', '_')}_SENDER",
        )
    return str(sender)


def provider_options_of(message: Message, options_type: type[OptionsT]) -> OptionsT | None:
    """Return the message's extra of that type, or None.

    Raises:
        InvalidMessage: there are two of it, or one of another type for the same provider.
    """
    from messaging_channels._model.errors import InvalidMessage  # noqa: PLC0415

    own: list[ProviderOptions] = [
        extra for extra in getattr(message, "provider_options", ()) if extra.provider == options_type.provider
    ]
    if not own:
        return None
    if len(own) > 1 or not isinstance(own[0], options_type):
        raise InvalidMessage(
            f"may contain one {options_type.__name__} at most, and no other options for {options_type.provider}",
            field=f"{type(message).__name__}.provider_options",
            hint="remove the others",
        )
    return own[0]


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """Describes a provider of a plugin: the result of `register_providers`."""

    name: str
    settings: type[BaseModel]
    """The fields it is configured with, secrets as SecretStr; each is read from MESSAGING_CHANNELS_<NAME>_<FIELD>."""
    build: Callable[[Any], Provider]
    """Makes the provider from an instance of `settings`."""
    dsn: Mapping[str, str] = field(default_factory=dict[str, str])
    """Which field each part of a DSN (`username`, `password`, `host`, `port`, `path`) fills; its query names fields itself."""
    api_version: int = PROVIDER_API_VERSION


def _optional_fields(message_type: type[Message], *, excluded: frozenset[str]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (spec.name, spec.default if spec.default_factory is MISSING else spec.default_factory())
        for spec in fields(message_type)  # type: ignore[arg-type]
        if spec.name not in excluded and not (spec.default is MISSING and spec.default_factory is MISSING)
    )

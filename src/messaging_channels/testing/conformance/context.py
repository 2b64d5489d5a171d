"""A provider under test, and the messages that it has to send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from messaging_channels._model.errors import MessagingError, TransportError
from messaging_channels._model.errors import Phase as FailurePhase
from messaging_channels._model.outcomes import Reason
from messaging_channels._sending.attempt import AttemptEnd, attempt_batch
from messaging_channels.messages import Message
from messaging_channels.plugins.channel_spec import Channel, ChannelSpec
from messaging_channels.plugins.exchange import BlockingCall, Exchange, Flow, HttpRequest
from messaging_channels.plugins.provider import OUR_FIELDS, Envelope, Provider, ProviderSpec
from messaging_channels.testing import canaries
from messaging_channels.testing.channels import installed_channels
from messaging_channels.testing.conformance.comparison import Place, differing, may_vary
from messaging_channels.testing.conformance.flow_runner import FlowTrace, is_with_vendor, kind_of, run_flow
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.samples import example, value_of
from messaging_channels.testing.conformance.vendor_server import AcceptingEmulator
from messaging_channels.testing.fixtures import ConformanceFixtures

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Value = TypeVar("Value")
URL = "http://127.0.0.1:9"
"""Where the vendor is while nothing is sent: nobody listens at port 9 (discard)."""
_DEFAULT_BATCH = 20
_MAX_FAILURES = 100
"""How often a failure strikes before the vendor can be reached again."""
_SLOW = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
"""What hypothesis need not complain of: whole flows are run for each example."""


@dataclass(frozen=True)
class ConformanceContext:
    """A provider's spec with its fixtures."""

    spec: ProviderSpec
    fixtures: ConformanceFixtures
    channels: Sequence[Channel] | None = None
    """None for the built-in ones and those of installed plugins."""
    examples: int = 100
    """How many examples a property is tried with."""
    recent: list[FlowTrace] = field(default_factory=list[FlowTrace], repr=False)
    """The last send, for whoever explains a finding."""

    def build(self, secret: str = canaries.SECRET, url: str | None = None) -> Provider:
        """Build the provider anew."""
        given_settings = self.fixtures.settings(self.url if url is None else url, secret)
        return self.spec.build(self.spec.settings.model_validate(given_settings))

    @cached_property
    def vendor(self) -> AcceptingEmulator | None:
        """The vendor on loopback, for a provider that leaves its exchanges to a blocking SDK; None for others."""
        if self.fixtures.server is not None or not self._has_blocking_sdk():
            return None
        vendor = AcceptingEmulator(self.fixtures.success_response)
        vendor.__enter__()
        return vendor

    @cached_property
    def url(self) -> str:
        """Where the provider is told that the vendor is."""
        return URL if self.vendor is None else self.vendor.url

    def close(self) -> None:
        """Stop what was started. A context that was closed can be used on, but for an SDK."""
        vendor: AbstractContextManager[Any] | None = self.__dict__.get("vendor")
        if vendor is not None:
            vendor.__exit__(None, None, None)

    @cached_property
    def provider(self) -> Provider:
        """The provider, built once."""
        return self.build()

    @cached_property
    def _declaring(self) -> Provider:
        """The provider as it is asked for what it declares, before it is known where the vendor is."""
        return self.build(url=URL)

    @cached_property
    def messages(self) -> dict[type[Message], Message]:
        """An example of every type that is carried, as far as there is one."""
        own = {type(one): one for one in self.fixtures.messages}
        own = {type(one): one for channel in self.specs for one in channel.samples} | own
        examples = {
            kind: own.get(kind) or example(kind) for kind in self._declaring.capabilities.message_types
        }
        return {kind: message for kind, message in examples.items() if message is not None}

    @cached_property
    def message(self) -> Message:
        """The first of them."""
        for message in self.messages.values():
            return message
        why = "there is no example of any message it carries: give some in `messages` of the fixtures"
        raise NotApplicable(why)

    @cached_property
    def specs(self) -> tuple[ChannelSpec, ...]:
        """The channels, with all that they tell."""
        known = installed_channels() if self.channels is None else self.channels
        return tuple(ChannelSpec.of(one) for one in known)

    def channel_of(self, message: Message) -> Channel | None:
        """Return the channel that carries a message."""
        return next((one for one in self.specs if type(message) in one.message_types), None)

    def envelope(self, message: Message | None = None, number: int = 0) -> Envelope:
        """Put a message into an envelope; `number` makes ids and addresses differ."""
        message = message or self.message
        channel = self.channel_of(message)
        to = canaries.canary_address(channel) if channel else None
        if channel is None or to is None:
            why = f"no channel that the kit knows carries a {type(message).__name__}, or it takes none of the kit's addresses: give the channel an `example`"
            raise NotApplicable(why)
        if number:
            to = canaries.numbered_address(channel, to, number)
        return Envelope(f"{number:032x}", channel.name, message, to)

    def batch(self, max_size: int = _DEFAULT_BATCH) -> list[Envelope]:
        """Return as many envelopes as one send takes, `most` at most."""
        return [
            self.envelope(number=number)
            for number in range(min(self.provider.capabilities.max_batch_size, max_size))
        ]

    def send(
        self, *batch: Envelope, replies_at: Mapping[int, Any] | None = None, provider: Provider | None = None
    ) -> FlowTrace:
        """Send without I/O; the vendor accepts, but for the replies in `at`.

        A reply in `at` is given to the exchange of that number in a send that goes well, and to its repetitions. A provider that remembers
        something between sends, such as a token, is built anew for each.
        """
        envelopes = batch or (self.envelope(),)
        sender = provider or (self.build() if self.is_stateful else self.provider)
        return self._run(lambda one: one.send(envelopes), sender, replies_at or {})

    def attempt(self, index: int, failure: TransportError) -> AttemptEnd | str:
        """Return how a message ends as the dispatcher sees it, with a failure at that exchange of its send; in words if by an exception."""
        url = URL if self.vendor is not None and failure.phase is FailurePhase.CONNECT else None
        flow_of: Callable[[Provider], Flow[Any]] = lambda one: attempt_batch(one, (self.envelope(),))  # noqa: E731
        played = self._run(flow_of, self.build(url=url), {} if url else {index: failure})
        if played.exception is not None or played.did_not_end:
            return "an exception"
        ends: Sequence[AttemptEnd] = played.result
        return ends[0]

    def _run(
        self, flow_of: Callable[[Provider], Flow[Any]], provider: Provider, replies_at: Mapping[int, Any]
    ) -> FlowTrace:
        vendor, respond = self.vendor, self._responder(replies_at)
        if vendor is not None:
            self._prepare(vendor, respond, replies_at)
        played = run_flow(flow_of(provider), respond)
        if vendor is not None:
            played.exchanges += [asked for asked, _ in vendor.answered]
            played.replies += [answer for _, answer in vendor.answered]
        self.recent[:] = [played]
        return played

    def _prepare(
        self, vendor: AcceptingEmulator, respond: Callable[[Any], Any], replies_at: Mapping[int, Any]
    ) -> None:
        vendor.answered.clear()
        vendor.faults.clear()
        failing = any(isinstance(one, BaseException) for one in replies_at.values())
        vendor.respond = self.fixtures.success_response if failing else respond
        if failing:
            vendor.lose_next_answer()

    def _responder(self, replies_at: Mapping[int, Any]) -> Callable[[Any], Any]:
        """Answer exchanges by what they are; by their number those of kinds that a send of one message has not."""
        usual = [kind_of(one) for one in self.successful_send.exchanges] if replies_at else []
        by_kind = {
            usual[index]: reply
            for index, reply in reversed(list(replies_at.items()))
            if 0 <= index < len(usual)
        }
        numbers = count()

        def respond(exchange: Any) -> Any:  # noqa: ANN401  any exchange
            number, kind = next(numbers), kind_of(exchange)
            if kind in by_kind and (number < _MAX_FAILURES or not isinstance(by_kind[kind], BaseException)):
                return by_kind[kind]
            foreign = kind not in usual and number in replies_at
            return replies_at[number] if foreign else self.fixtures.success_response(exchange)

        return respond

    def _has_blocking_sdk(self) -> bool:
        """Whether a send asks for a function that may send, rather than for an exchange with the vendor."""
        try:
            flow = self._declaring.send((self.envelope(),))
            exchange: Exchange[Any] = next(flow)
            while not (is_with_vendor(exchange) or isinstance(exchange, BlockingCall)):
                exchange = flow.send(None if not hasattr(exchange, "function") else 0)
            flow.close()
        except Exception:  # noqa: BLE001  other rules tell of it
            return False
        return isinstance(exchange, BlockingCall) and exchange.may_send

    @cached_property
    def successful_send(self) -> FlowTrace:
        """A send of one message that goes well, by a provider that was just built."""
        played = self.send(provider=self.build())
        if played.exception is not None:
            why = f"it cannot send the example message ({played.problem}), see MC108 and MC201"
            raise NotApplicable(why)
        return played

    @cached_property
    def is_stateful(self) -> bool:
        """Whether a provider asks for less, or for something else, the second time, as with a token that it keeps."""
        provider = self.build()
        first, again = (self.send(provider=provider) for _ in range(2))
        return [kind_of(one) for one in first.exchanges] != [kind_of(one) for one in again.exchanges]

    @cached_property
    def message_index(self) -> int:
        """The number of the exchange that sends: the last that may; -1 where there is none."""
        sending = [index for index, one in enumerate(self.successful_send.exchanges) if one.may_send]
        return sending[-1] if sending else -1

    @cached_property
    def volatile(self) -> set[Place]:
        """Where two requests of the same message differ and may: nonces, times, signatures."""
        envelope = self.envelope()
        one, other = (self.send(envelope, provider=self.build()).exchanges for _ in range(2))
        return {place for place in differing(one, other) if may_vary(place)}

    def differences(self, one: FlowTrace, other: FlowTrace) -> set[Place]:
        """Return where the requests of two sends differ, but for what is new in each."""
        return differing(one.exchanges, other.exchanges) - self.volatile

    @cached_property
    def documented_responses(self) -> list[tuple[Any, Reason]]:
        """The documented answers to a send of one message, those that depend on the request made for it."""
        sent = self.successful_send.exchanges
        return [
            (answer(sent[self.message_index]) if callable(answer) and sent else answer, meant)
            for answer, meant in self.fixtures.error_responses
        ]

    def require_http(self) -> int:
        """Return the number of the exchange that sends plus one, all being HTTP requests.

        Raises:
            NotApplicable: it makes none, or others besides.
        """
        if self.message_index < 0 or not all(
            isinstance(one, HttpRequest) for one in self.successful_send.exchanges
        ):
            why = "it sends no HTTP requests: the rule applies once it does"
            raise NotApplicable(why)
        return self.message_index + 1

    def optional_fields(self, message_type: type[Message]) -> list[str]:
        """Return the optional fields of a message type, `extra` left out."""
        return [
            one.name
            for one in fields(message_type)  # type: ignore[arg-type]
            if one.name not in OUR_FIELDS and not (one.default is MISSING and one.default_factory is MISSING)
        ]

    def with_field(self, message: Message, name: str) -> Message | None:
        """Return the message with that optional field set otherwise; None where the kit knows no value that the type takes."""
        named = f"{type(message).__name__}.{name}"
        given = (self.fixtures.field_values, *(one.field_values for one in self.specs))
        value = next((one[named] for one in given if named in one), None) or value_of(message, name)
        try:
            return None if value is None else replace(message, **{name: value})  # type: ignore[type-var]
        except MessagingError:
            return None

    def find_counterexample(
        self, values: SearchStrategy[Value], problem: Callable[[Value], str]
    ) -> Iterator[str]:
        """Try many values; yield the problem of the simplest that has one."""

        @settings(
            max_examples=self.examples,
            database=None,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=_SLOW,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
        )
        @given(values)
        def hold(value: Value) -> None:
            if words := problem(value):
                raise _CounterexampleError(words)

        try:
            hold()
        except _CounterexampleError as found:
            yield str(found)


class _CounterexampleError(AssertionError):
    """A value with a problem."""

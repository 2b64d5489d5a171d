"""One provider under examination, and what it is given to send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings

from messaging_channels._model.errors import MessagingError
from messaging_channels._model.outcomes import Reason
from messaging_channels.messages import Message
from messaging_channels.plugins.channels import Channel
from messaging_channels.plugins.exchange import HttpRequest
from messaging_channels.plugins.provider import OUR_FIELDS, Envelope, Provider, ProviderSpec
from messaging_channels.testing import canaries
from messaging_channels.testing.conformance.flow_runner import FlowTrace, run_flow
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.samples import example, value_of
from messaging_channels.testing.fixtures import ConformanceFixtures

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Value = TypeVar("Value")
URL = "http://127.0.0.1:9"
"""Where the vendor is while nothing is sent: nobody listens at port 9 (discard)."""
_DEFAULT_BATCH = 20
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
    channels: Sequence[Channel]
    examples: int = 100
    """How many examples a property is tried with."""

    def build(self, secret: str = canaries.SECRET, url: str = URL) -> Provider:
        """Build the provider anew."""
        given_settings = self.fixtures.settings(url, secret)
        return self.spec.build(self.spec.settings.model_validate(given_settings))

    @cached_property
    def provider(self) -> Provider:
        """The provider, built once."""
        return self.build()

    @cached_property
    def messages(self) -> dict[type[Message], Message]:
        """An example of every type that is carried, as far as there is one."""
        own = {type(one): one for one in self.fixtures.messages}
        examples = {kind: own.get(kind) or example(kind) for kind in self.provider.capabilities.message_types}
        return {kind: message for kind, message in examples.items() if message is not None}

    @cached_property
    def message(self) -> Message:
        """The first of them."""
        for message in self.messages.values():
            return message
        why = "there is no example of any message it carries: give some in `messages` of the fixtures"
        raise NotApplicable(why)

    def envelope(self, message: Message | None = None, number: int = 0) -> Envelope:
        """Put a message into an envelope; `number` makes ids and addresses differ."""
        message = message or self.message
        channel = next((one for one in self.channels if type(message) in one.message_types), None)
        to = canaries.canary_address(channel) if channel else None
        if channel is None or to is None:
            why = f"no channel that the kit knows carries a {type(message).__name__}"
            raise NotApplicable(why)
        if number:
            to = channel.parse(
                to.plain.replace("7700900123", f"7700900{number + 500:03}").replace("zoe", f"zoe{number}")
            )
        return Envelope(f"{number:032x}", channel.name, message, to)

    def batch(self, max_size: int = _DEFAULT_BATCH) -> list[Envelope]:
        """Return as many envelopes as one send takes, `most` at most."""
        return [
            self.envelope(number=number)
            for number in range(min(self.provider.capabilities.max_batch_size, max_size))
        ]

    def send(
        self, *batch: Envelope, replies_at: dict[int, Any] | None = None, provider: Provider | None = None
    ) -> FlowTrace:
        """Send without I/O; the vendor accepts, but for the replies in `at`."""
        envelopes = batch or (self.envelope(),)
        return run_flow(
            (provider or self.provider).send(envelopes), self.fixtures.success_response, replies_at=replies_at
        )

    @cached_property
    def successful_send(self) -> FlowTrace:
        """A send of one message that goes well."""
        played = self.send()
        if played.exception is not None:
            why = f"it cannot send the example message ({played.problem}), see MC108 and MC201"
            raise NotApplicable(why)
        return played

    @cached_property
    def documented_responses(self) -> list[tuple[Any, Reason]]:
        """The documented answers to a send of one message, those that depend on the request made for it."""
        return [
            (answer(self.successful_send.exchanges[-1]) if callable(answer) else answer, meant)
            for answer, meant in self.fixtures.error_responses
        ]

    def require_http(self) -> int:
        """Return how many HTTP requests a send makes; the last is the one that sends.

        Raises:
            NotApplicable: it makes none, or others besides.
        """
        if not self.successful_send.exchanges or not all(
            isinstance(one, HttpRequest) for one in self.successful_send.exchanges
        ):
            why = "it sends no HTTP requests: the rule applies once it does"
            raise NotApplicable(why)
        return len(self.successful_send.exchanges)

    def optional_fields(self, message_type: type[Message]) -> list[str]:
        """Return the optional fields of a message type, `extra` left out."""
        return [
            one.name
            for one in fields(message_type)  # type: ignore[arg-type]
            if one.name not in OUR_FIELDS and not (one.default is MISSING and one.default_factory is MISSING)
        ]

    def with_field(self, message: Message, name: str) -> Message | None:
        """Return the message with that optional field set otherwise; None where the kit knows no value that the type takes."""
        value = self.fixtures.field_values.get(f"{type(message).__name__}.{name}") or value_of(message, name)
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

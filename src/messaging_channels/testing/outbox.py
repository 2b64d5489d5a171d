"""Messages that an application under test has sent. Every test has an outbox of its own, with dispatchers that reach no network."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from messaging_channels._client import capture
from messaging_channels._client.async_dispatcher import AsyncDispatcher
from messaging_channels._client.dispatcher import Dispatcher
from messaging_channels._client.worker import Worker
from messaging_channels._ledger.schema import root_message_id
from messaging_channels._ledger.sqlite import SqliteLedger
from messaging_channels._model.arguments import as_seconds
from messaging_channels._model.errors import InvalidAddress
from messaging_channels._model.outcomes import AttemptResult, Outcome
from messaging_channels.messages import Message
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.observer import CompositeObserver, Observer
from messaging_channels.plugins.provider import Envelope, ProviderSpec
from messaging_channels.policies.checks import PreSendCheck
from messaging_channels.testing.channels import installed_channels
from messaging_channels.testing.clock import ControlledClock
from messaging_channels.testing.fake import Fake
from messaging_channels.testing.fixtures import ConformanceFixtures
from messaging_channels.testing.provider_double import ProviderDouble, ScriptedExecutors, provider_double
from messaging_channels.testing.provider_script import ProviderScript

if TYPE_CHECKING:
    from datetime import timedelta

    from messaging_channels._config.settings import Configuration
    from messaging_channels._model.addresses import Address
    from messaging_channels._model.receipts import Attempt, Receipt
    from messaging_channels.plugins.webhooks import WebhookRequest

MessageT = TypeVar("MessageT", bound=Message)
_STEP = 900.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted or may have been sent. Its repr shows no text and masks the address."""

    id: str
    """Ours."""
    channel: str
    provider: str
    account: str | None
    message: Message
    to: Address
    result: AttemptResult

    def __str__(self) -> str:
        """Name it in a line."""
        return f"{type(self.message).__name__} to {self.to.masked} at {self.provider} ({self.result.outcome})"


class Outbox:
    """The messages that were sent in one test, the vendors they were sent to, and the clock.

    Each provider is the installed plugin of that name, with its vendor played by the plugin's own fixtures; a name without a plugin is a fake that carries
    everything. Safe in threads; two outboxes share nothing.
    """

    def __init__(self, *providers: str | tuple[ProviderSpec, ConformanceFixtures], **options: Any) -> None:  # noqa: ANN401  those of a dispatcher
        """Name the providers of the platform's own account (one fake if none is named); `options` are those of a dispatcher.

        `accounts` name providers likewise: `accounts={"shop": ("infobip",)}`.
        """
        self.clock: ControlledClock = options.pop("clock", None) or ControlledClock()
        self._recorder = _SentRecorder()
        self._inbound_count, self._inbound_at = 0, 0.0
        self._lock = threading.Lock()
        self._doubles: dict[tuple[str | None, str], ProviderDouble] = {}
        self._add_providers(None, providers or (Fake.name,))
        for account, names in dict(options.pop("accounts", {})).items():
            self._add_providers(account, names)
        self._options = options

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher to give to the application; for threads."""
        return Dispatcher(**self._dispatcher_arguments())

    @cached_property
    def async_dispatcher(self) -> AsyncDispatcher:
        """The dispatcher to give to an asynchronous application."""
        return AsyncDispatcher(**self._dispatcher_arguments())

    @cached_property
    def _ledger(self) -> SqliteLedger:
        return SqliteLedger()

    @property
    def sent(self) -> Sequence[Sent]:
        """All messages that were accepted or may have been sent, in order."""
        return self._recorder.sent

    def all(
        self,
        message_type: type[MessageT] = Message,  # type: ignore[assignment]
        *,
        to: str | None = None,
        provider: str | None = None,
        where: Callable[[MessageT], bool] | None = None,
    ) -> list[MessageT]:
        """Return the messages of a type, to an address, at a provider, for which `where` holds; in order."""
        return [one.message for one in self._find(message_type, to, provider, where)]  # type: ignore[misc]

    def only(
        self,
        message_type: type[MessageT] = Message,  # type: ignore[assignment]
        *,
        to: str | None = None,
        provider: str | None = None,
        where: Callable[[MessageT], bool] | None = None,
    ) -> MessageT:
        """Return the only such message: `outbox.only(Sms, to="+447700900123").text`.

        Raises:
            AssertionError: there is none, or there are several; it says what there is.
        """
        found = self._find(message_type, to, provider, where)
        if len(found) != 1:
            raise AssertionError(self._failure("one", message_type, to, provider, len(found)))
        return found[0].message  # type: ignore[return-value]

    def provider(self, provider: str, *, account: str | None = None) -> ProviderScript:
        """Say what a vendor does next: `outbox.provider("infobip").throttle(seconds=2)`."""
        return self._double(provider, account).script

    def delivery_report(self, message: Receipt | Sent, *, account: str | None = None) -> WebhookRequest:
        """Return the call by which the vendor reports a message as delivered, signed as the vendor signs.

        Give it to `dispatcher.handle_webhook(provider, request)`, or post it at the application.
        """
        provider_id = message.provider_id if not isinstance(message, Sent) else message.result.provider_id
        calls = self._double(str(message.provider), account).webhooks
        return calls.delivery_report(message.id, provider_id=provider_id, received_at=self.clock.now())

    def inbound_message(
        self,
        text: str,
        *,
        sender: str,
        to: str,
        provider: str,
        account: str | None = None,
        channel: str = "",
    ) -> WebhookRequest:
        """Return the call by which the vendor brings what a person wrote, signed as the vendor signs. Addresses in plain form.

        Name the `channel` where the vendor has several.

        Each has an id of its own and is a second later than the one before, at least: STOP, START, STOP are three messages in that order.
        """
        calls = self._double(provider, account).webhooks
        with self._lock:
            self._inbound_count += 1
            self._inbound_at = max(float(math.floor(self.clock.now())), self._inbound_at + 1.0)
            number, at = self._inbound_count, self._inbound_at
        return calls.inbound_message(
            text, sender=sender, to=to, received_at=at, number=number, channel=channel
        )

    @contextmanager
    def capture(self) -> Generator[Self]:
        """Have every `Dispatcher.from_config()` and `AsyncDispatcher.from_config()` send into this outbox for as long as the block lasts.

        Routes, checks and rates are those of the configuration, read and refused as always; its providers are played, and need no credentials. What the
        outbox was given goes before it. The fixture `outbox` and `OutboxMixin` do this for the whole test.
        """
        before, capture.hook = capture.hook, self._captured_arguments
        try:
            yield self
        finally:
            capture.hook = before

    def advance(self, duration: float | timedelta) -> int:
        """Move the clock on by seconds or a `timedelta`, then send what is due by then, as a worker does. Return how many messages that was."""
        left, done = as_seconds(duration, "duration"), 0
        while left > _STEP and self.dispatcher.queue.stats().by_state.get("waiting"):
            self.clock.advance(_STEP)  # no send window in between is jumped over
            left -= _STEP
            done += Worker(self.dispatcher).drain()
        self.clock.advance(left)
        return done + Worker(self.dispatcher).drain()

    def assert_sent(
        self,
        message_type: type[MessageT] = Message,  # type: ignore[assignment]
        *,
        to: str | None = None,
        provider: str | None = None,
        where: Callable[[MessageT], bool] | None = None,
        times: int | None = None,
    ) -> list[MessageT]:
        """Return the messages that fit; `times` says how many there have to be (default: at least one).

        Raises:
            AssertionError: there are fewer or more; it says what there is.
        """
        found = self._find(message_type, to, provider, where)
        if (times is None and not found) or (times is not None and len(found) != times):
            wanted = "at least one" if times is None else str(times)
            raise AssertionError(self._failure(wanted, message_type, to, provider, len(found)))
        return [one.message for one in found]  # type: ignore[misc]

    def assert_nothing_sent(
        self, message_type: type[Message] = Message, *, to: str | None = None, provider: str | None = None
    ) -> None:
        """Assert that no such message was sent.

        Raises:
            AssertionError: there is one; it says what there is.
        """
        found = self._find(message_type, to, provider, None)
        if found:
            raise AssertionError(self._failure("no", message_type, to, provider, len(found)))

    def _failure(self, wanted: str, kind: type[Any], to: str | None, provider: str | None, found: int) -> str:
        what = f"{kind.__name__}{f' to {to}' if to else ''}{f' at {provider}' if provider else ''}"
        there = "\n".join(f"  {one}" for one in self.sent) or "  nothing"
        return f"expected {wanted} {what}, found {found}. In the outbox:\n{there}"

    def _captured_arguments(
        self, configuration: Configuration, resolvers: list[Any], checks: list[Any]
    ) -> dict[str, Any]:
        """Return the arguments of a dispatcher that an application makes of its configuration."""
        routes = configuration.routes()
        names = [name for route in routes.values() for name in route.providers]
        for name in dict.fromkeys([*names, *configuration.configured_providers()]):
            if (None, name) not in self._doubles:
                self._add_providers(None, [name])
        for account, own in configuration.accounts().items():
            self._add_providers(account, [one for one in own if (account, one) not in self._doubles])
        self._options = {
            "routes": routes,
            "resolvers": [*resolvers, *configuration.plugins.resolvers],
            "channels": configuration.plugins.channels,
            **self._options,
        }
        arguments = self._dispatcher_arguments()
        return {**arguments, "checks": [*configuration.checks(), *checks, *arguments["checks"]]}

    def __enter__(self) -> Self:
        """Capture what applications make from their configuration; see `capture`."""
        self._captured = self.capture()
        return self._captured.__enter__()

    def __exit__(self, *_: object) -> None:
        """Capture no more, and close."""
        self._captured.__exit__(None, None, None)
        self.close()

    def close(self) -> None:
        """Close the dispatcher for threads, and the ledger that both share. The asynchronous one holds nothing but memory."""
        if "dispatcher" in vars(self):
            self.dispatcher.close()
        if "_ledger" in vars(self):
            self._ledger.close()

    def clear(self) -> None:
        """Forget what was sent so far."""
        self._recorder.sent.clear()

    def __len__(self) -> int:
        """How many were sent."""
        return len(self.sent)

    def __iter__(self) -> Iterator[Sent]:
        """Go through what was sent, in order."""
        return iter(tuple(self.sent))

    def __repr__(self) -> str:
        """Count them."""
        return f"Outbox({len(self)} sent)"

    def _add_providers(
        self, account: str | None, names: Sequence[str | tuple[ProviderSpec, ConformanceFixtures]]
    ) -> None:
        for name in names:
            one = provider_double(name, len(self._doubles))
            self._doubles[account, one.provider.name] = one

    def _double(self, provider: str, account: str | None) -> ProviderDouble:
        if (account, provider) not in self._doubles:
            known = ", ".join(name for of, name in self._doubles if of == account)
            message = f"no provider {provider!r} is in this outbox; there are: {known or 'none'}"
            raise LookupError(message)
        return self._doubles[account, provider]

    def _dispatcher_arguments(self) -> dict[str, Any]:
        """Return the arguments of a dispatcher."""
        held: dict[str | None, list[Any]] = {}
        for (account, _), one in self._doubles.items():
            held.setdefault(account, []).append(one.provider)
        accounts = {account: own for account, own in held.items() if account is not None}
        options: dict[str, Any] = dict(self._options)
        return {
            "ledger": self._ledger,
            "channels": installed_channels(),
            **options,
            "providers": held.get(None, []),
            "accounts": {
                **accounts,
                ScriptedExecutors.name: [ScriptedExecutors(list(self._doubles.values()))],
            },
            "checks": [*options.get("checks", ()), self._recorder],
            "observer": CompositeObserver(self._recorder.observer, *filter(None, [options.get("observer")])),
            "clock": self.clock,
        }

    def _find(
        self,
        message_type: type[Any],
        to: str | None,
        provider: str | None,
        where: Callable[[Any], bool] | None,
    ) -> list[Sent]:
        return [
            one
            for one in self.sent
            if isinstance(one.message, message_type)
            and (to is None or _is_address(one.to, to))
            and (provider is None or one.provider == provider)
            and (where is None or where(one.message))
        ]


class _SentRecorder(PreSendCheck):
    """Sees each message before it is sent, and hears how it ended."""

    name: ClassVar[str] = "outbox"

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.observer = _AttemptListener(self._attempt_finished)
        self._envelopes: dict[str, Envelope] = {}
        self._lock = threading.Lock()

    def check(self, envelope: Envelope, account: str | None) -> Flow[str | None]:  # noqa: ARG002  see PreSendCheck
        """Remember the message; forbid nothing."""
        yield from ()
        with self._lock:
            self._envelopes[root_message_id(envelope.id)] = (
                envelope  # of a fallback, the step that is sent now
            )
        return None

    def _attempt_finished(self, attempt: Attempt) -> None:
        result, envelope = attempt.result, self._envelopes.get(root_message_id(attempt.message_id))
        if result is None or envelope is None or result.outcome not in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            return
        with self._lock:
            self.sent.append(
                Sent(
                    envelope.id,
                    envelope.channel,
                    attempt.provider,
                    attempt.account,
                    envelope.message,
                    envelope.to,
                    result,
                )
            )


class _AttemptListener(Observer):
    def __init__(self, callback: Callable[[Attempt], None]) -> None:
        self._callback = callback

    def attempt_finished(self, attempt: Attempt) -> None:
        """See Observer."""
        self._callback(attempt)


def _is_address(address: Address, text: str) -> bool:
    """Whether a text, in whatever form, is that address."""
    parse: Callable[[str], Address] | None = getattr(type(address), "parse", None)
    try:
        return address.plain == (text if parse is None else parse(text).plain)
    except InvalidAddress:
        return False

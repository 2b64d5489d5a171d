"""A provider that cannot send a message is passed over; nothing it says outranks what others said."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from faults.harness import CLIENTS, MODES, TO, InstantClock, JsonProvider, VendorServer, http, sent

from messaging_channels import (
    AsyncDispatcher,
    BadInput,
    ConfigurationError,
    Dispatcher,
    NotSent,
    Route,
    Sms,
    SqliteLedger,
    Worker,
)
from messaging_channels._transport.settings import HttpSettings
from messaging_channels.errors import InternalError, InvalidSetting, LedgerUnavailable, NoRoute, Unsupported
from messaging_channels.plugins import Exchange, ExecutorPair, HttpRequest, Ledger
from messaging_channels.plugins.ledger import Transaction, WithdrawAttempt
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.policies.routing import RetryPolicy


class Unable(JsonProvider):
    """One that finds out only when it is asked that it lacks something."""

    lacks: ClassVar[Mapping[str, Exception]] = {
        "setting": InvalidSetting("is missing", setting="unable.sender", source="nowhere", hint="set it"),
        "ability": Unsupported("Sms.text", provider="unable", hint="leave it out"),
    }

    def __init__(self, name: str, url: str, lack: str = "setting") -> None:
        super().__init__(name, url)
        self._lack = self.lacks[lack]

    def build_request(self, envelope: Envelope) -> HttpRequest:  # noqa: ARG002  whatever the message
        raise self._lack


class Narrow(JsonProvider):
    """One that carries no sender."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})


@pytest.mark.parametrize("lack", Unable.lacks)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("client", CLIENTS)
def test_another_provider_of_the_route_sends_it(client: Any, mode: str, lack: str) -> None:
    with VendorServer() as server:
        providers = [Unable("unable", server.url, lack), JsonProvider("able", server.url)]
        receipt = sent(mode, providers, HttpSettings(client=client), routes={"sms": Route("unable", "able")})

    assert receipt.provider == "able"
    assert [one.provider for one in receipt.skipped] == ["unable"]
    assert len(server.taken) == 1


def test_a_throttle_is_not_hidden_by_one_that_cannot_send() -> None:
    def busy(_: VendorServer, peer: Any) -> None:
        while peer.read_request():
            peer.answer(http(429, retry_after="3600"))

    route = Route("busy", "unable", retry=RetryPolicy(max_attempts=2))
    with VendorServer(busy) as server:
        providers = [JsonProvider("busy", server.url), Unable("unable", server.url)]
        with (
            Dispatcher(providers, routes={"sms": route}, clock=InstantClock()) as dispatcher,
            pytest.raises(NotSent, match="throttled") as failed,
        ):
            dispatcher.send(Sms("hello"), to=TO)

    assert failed.value.retry_after == 3600.0
    assert [one.provider for one in failed.value.receipt.skipped] == ["unable"]


def test_the_only_provider_says_itself_what_it_lacks() -> None:
    with Dispatcher([Unable("unable", "http://127.0.0.1:9")]) as dispatcher, pytest.raises(InvalidSetting):
        dispatcher.send(Sms("hello"), to=TO)


@pytest.mark.parametrize(
    ("second", "kind"), [("setting", ConfigurationError), ("ability", BadInput)], ids=["setting", "ability"]
)
def test_where_none_can_send_it_the_error_names_all_of_them(second: str, kind: type[Exception]) -> None:
    providers = [Unable("one", "http://127.0.0.1:9"), Unable("two", "http://127.0.0.1:9", second)]
    with (
        Dispatcher(providers, routes={"sms": Route("one", "two")}) as dispatcher,
        pytest.raises(kind, match=r"one: .*two: ") as refused,
    ):
        dispatcher.send(Sms("hello"), to=TO)

    assert refused.value.__cause__ is not None


def test_where_none_carries_it_the_error_names_all_of_them() -> None:
    providers = [Narrow("one", "http://127.0.0.1:9"), Narrow("two", "http://127.0.0.1:9")]
    with (
        Dispatcher(providers, routes={"sms": Route("one", "two")}) as dispatcher,
        pytest.raises(BadInput, match=r"(?s)one.*two") as refused,
    ):
        dispatcher.send(Sms("hello", sender="Shop"), to=TO)

    assert isinstance(refused.value, (Unsupported, NoRoute))


class _OwnError(Exception):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(one, other)


FAULTS = [
    TypeError("of the caller"), ValueError("of the caller"), KeyError("to"), AttributeError("to"), ZeroDivisionError(),
    RuntimeError(), RecursionError(), OSError(5, "disk"), UnicodeEncodeError("ascii", "a", 0, 1, "no"), StopIteration(),
    _OwnError(1, 2), ImportError("late"), ExceptionGroup("several", [ValueError()]),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_before_the_request_is_raised_as_what_it_is_and_invites_no_repetition(
    fault: Exception, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Clumsy(JsonProvider):
        def build_request(self, envelope: Envelope) -> HttpRequest:  # noqa: ARG002  whatever the message
            raise fault

    with pytest.raises(InternalError, match=r"internal_error.*nothing was sent") as failed:
        _send(mode, Clumsy("clumsy", "http://127.0.0.1:9"))

    error = failed.value
    assert not isinstance(error, NotSent)
    assert type(fault) in type(error).__mro__ or isinstance(fault, _MADE_IN_THEIR_OWN_WAY)
    cause = error.__cause__
    assert cause is fault or (isinstance(fault, StopIteration) and isinstance(cause, RuntimeError))
    assert error.receipt.outcome == "not_sent"
    assert any(record.exc_info for record in caplog.records)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.receipt) == (str(error), error.receipt)


def _send(mode: str, provider: JsonProvider) -> None:
    async def run() -> None:
        async with AsyncDispatcher([provider]) as dispatcher:
            await dispatcher.send(Sms("hello"), to=TO)

    if mode == "async":
        asyncio.run(run())
    else:
        with Dispatcher([provider]) as dispatcher:
            dispatcher.send(Sms("hello"), to=TO)


_MADE_IN_THEIR_OWN_WAY = (OSError, UnicodeEncodeError, StopIteration, _OwnError, ImportError, ExceptionGroup)


def test_among_many_a_fault_of_one_is_told_and_harms_no_other() -> None:
    class Clumsy(JsonProvider):
        def build_request(self, envelope: Envelope) -> HttpRequest:
            if envelope.to.plain.endswith("1"):
                raise TypeError(envelope.channel)
            return super().build_request(envelope)

    with VendorServer() as server, Dispatcher([Clumsy("clumsy", server.url)]) as dispatcher:
        told = [*dispatcher.send_each(Sms("hello"), to=[f"+44770090012{number}" for number in range(3)])]

    assert [type(one.error).__bases__ for one in told if one.error] == [(InternalError, TypeError)]
    assert [one.receipt.outcome for one in told if one.receipt] == ["accepted", "not_sent", "accepted"]


def _busy(_: VendorServer, peer: Any) -> None:
    while peer.read_request():
        peer.answer(http(429, retry_after="3600"))


ORDERS = {
    "the first": ("unable", "able"),
    "the second": ("busy", "unable"),
    "one between": ("busy", "unable", "able"),
    "two": ("unable", "other", "able"),
    "all": ("unable", "other"),
    "the only one": ("unable",),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("is_queued", [False, True], ids=["sent", "queued"])
def test_whom_a_message_passed_over_leaves_no_trace_in_its_record(
    order: str, is_queued: bool, ledger: Ledger
) -> None:
    names = ORDERS[order]
    sends = "able" in names
    with VendorServer() as server, VendorServer(_busy) as slow:
        known: dict[str, Any] = {
            "unable": Unable("unable", server.url),
            "other": Unable("other", server.url, "ability"),
            "busy": JsonProvider("busy", slow.url),
            "able": JsonProvider("able", server.url),
        }
        route = Route(*names, retry=RetryPolicy(max_attempts=1))
        with Dispatcher(
            [known[name] for name in names], routes={"sms": route}, ledger=ledger, clock=InstantClock()
        ) as dispatcher:
            for _ in range(2):
                refusals: tuple[type[Exception], ...] = (BadInput, ConfigurationError)
                refusals = () if sends else (NotSent,) if "busy" in names else refusals
                with suppress(*refusals):
                    if is_queued:
                        dispatcher.enqueue(Sms("hello"), to=TO, idempotency_key="one")
                        Worker(dispatcher).drain()
                    else:
                        dispatcher.send(Sms("hello"), to=TO, idempotency_key="one")
            records = dispatcher.list_messages()

    assert len(server.taken) == int(sends)
    assert len(records) == int(sends or "busy" in names)
    for record in records:
        told = [(one.number, one.provider, one.outcome) for one in record.attempts]
        asked = [name for name in names if name in ("busy", "able")]
        if sends:
            assert told == [
                (number, name, "accepted" if name == "able" else "not_sent")
                for number, name in enumerate(asked, 1)
            ]
        assert {name for _, name, _ in told} == set(asked)
        assert not any(one.in_progress for one in record.attempts)
        assert record.outcome == ("accepted" if sends else "not_sent")


class FailsOnce:
    """A ledger that does one kind of operation not at its first time."""

    def __init__(self, inner: SqliteLedger, kind: type[Exchange[Any]]) -> None:
        self._inner, self._kind, self.failed = inner, kind, 0
        self.has_plain_addresses, self.stored_address = inner.has_plain_addresses, inner.stored_address
        self.recipient_key = inner.recipient_key

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: _FailsOnce(own.sync(), self), own.asynchronous)  # type: ignore[misc]
            for kind, own in self._inner.executors.items()
        }

    def is_to_fail(self, exchange: object) -> bool:
        parts = exchange.operations if isinstance(exchange, Transaction) else (exchange,)
        return not self.failed and any(isinstance(one, self._kind) for one in parts)


class _FailsOnce:
    def __init__(self, inner: Any, owner: FailsOnce) -> None:
        self._inner, self._owner = inner, owner

    def perform(self, exchange: Any) -> Any:
        if self._owner.is_to_fail(exchange):
            self._owner.failed += 1
            problem = "away for a moment"
            raise LedgerUnavailable(problem)
        return self._inner.perform(exchange)

    def close(self) -> None:
        self._inner.close()


def test_a_withdrawal_that_was_not_written_is_written_before_the_next_attempt(tmp_path: Path) -> None:
    failing = FailsOnce(SqliteLedger(tmp_path / "ledger"), WithdrawAttempt)
    with VendorServer() as server:
        providers = [Unable("unable", server.url), JsonProvider("able", server.url)]
        with Dispatcher(providers, routes={"sms": Route("unable", "able")}, ledger=failing) as dispatcher:
            receipt = dispatcher.send(Sms("hello"), to=TO)
            record = dispatcher.get_message(receipt.id)

    assert record is not None
    assert [(one.number, one.provider, one.outcome) for one in record.attempts] == [(1, "able", "accepted")]
    assert failing.failed == 1

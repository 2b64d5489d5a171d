"""A message that another call has taken over, and whose record cannot be read, fails alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripted import BulkProvider

from messaging_channels import Dispatcher, Route, Sms, SqliteLedger
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels.errors import LedgerUnavailable
from messaging_channels.plugins import BlockingCall, Envelope, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.ledger import GetMessage, StartAttempt, Transaction


class Busy(BulkProvider):
    """One that has no time for anybody."""

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ask(BlockingCall(lambda: None))
        return [AttemptResult.of(Reason.THROTTLED)] * len(batch)


class Forgetful:
    """A ledger that says of one message that somebody else goes on with it, and is away when it is asked who."""

    def __init__(self, inner: SqliteLedger) -> None:
        self._inner, self.has_plain_addresses = inner, inner.has_plain_addresses
        self.stored_address, self.recipient_key = inner.stored_address, inner.recipient_key
        self.taken_over: set[str] = set()

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        return {
            kind: ExecutorPair(lambda own=own: _Executor(own.sync(), self.taken_over), own.asynchronous)  # type: ignore[misc]
            for kind, own in self._inner.executors.items()
        }


class _Executor:
    def __init__(self, inner: Any, taken_over: set[str]) -> None:
        self._inner, self._taken_over = inner, taken_over

    def perform(self, exchange: Any) -> Any:
        if isinstance(exchange, GetMessage) and exchange.message_id in self._taken_over:
            problem = "away for a moment"
            raise LedgerUnavailable(problem)
        parts = exchange.operations if isinstance(exchange, Transaction) else ()
        if not self._taken_over and parts and isinstance(parts[0], StartAttempt):
            self._taken_over.add(parts[0].intent.message_id)
            return [False, *self._inner.perform(Transaction(parts[1:]))]
        return self._inner.perform(exchange)

    def close(self) -> None:
        self._inner.close()


def test_a_message_whose_holder_cannot_be_looked_up_fails_alone(tmp_path: Path) -> None:
    busy, able = Busy("busy"), BulkProvider("able")
    ledger: Any = Forgetful(SqliteLedger(tmp_path / "ledger"))

    with Dispatcher([busy, able], routes={"sms": Route("busy", "able")}, ledger=ledger) as dispatcher:
        told = list(
            dispatcher.send_each(Sms("hello"), to=["+447700900123", "+447700900124"], idempotency_key="one")
        )

    assert sorted(type(one.error).__name__ for one in told) == ["LedgerUnavailable", "NoneType"]
    assert [len(batch) for batch in able.batches] == [1]

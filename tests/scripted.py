"""Providers and a clock that do as a test tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from messaging_channels import Sms
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._transport.clock import Clock
from messaging_channels.plugins.exchange import BlockingCall, Exchange, ExecutorPair, Flow, ask
from messaging_channels.plugins.provider import Capabilities, Envelope
from messaging_channels.plugins.webhooks import WebhookRequest, WebhookResult


class Scripted:
    """A provider that ends its attempts as it is told, the last way for ever, and remembers what it was asked."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(self, name: str, *ends: Reason | AttemptResult | BaseException | Callable[[], Any]) -> None:
        self.name = name
        self._ends = list(ends or (Reason.ACCEPTED,))
        self._lock = threading.Lock()
        self.asked: list[Envelope] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        with self._lock:
            self.asked += batch
            end = self._ends.pop(0) if len(self._ends) > 1 else self._ends[0]
        if isinstance(end, Reason):
            end = AttemptResult.of(end, provider_id=f"{self.name}-{batch[0].id}")
        if isinstance(end, AttemptResult):
            yield from ask(BlockingCall(lambda: None))
            return [end] * len(batch)
        yield from ask(BlockingCall(_raising(end) if isinstance(end, BaseException) else end))
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=f"{self.name}-{one.id}") for one in batch]

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        raise NotImplementedError


class BulkProvider(Scripted):
    """One that takes a hundred messages at once, and refuses a request in which one is bad."""

    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset({"sender"})}, max_batch_size=100)

    def __init__(
        self, name: str = "acme-bulk", *, bad: Iterable[str] = (), wait: Callable[[], Any] = lambda: None
    ) -> None:
        super().__init__(name)
        self._bad = frozenset(bad)
        self._wait = wait
        self.batches: list[list[str]] = []

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        with self._lock:
            self.batches.append([one.to.plain for one in batch])
        yield from ask(BlockingCall(self._wait))
        if any(one.to.plain in self._bad for one in batch):
            return [AttemptResult.of(Reason.INVALID, "one is bad", request_rejected=True)] * len(batch)
        return [AttemptResult.of(Reason.ACCEPTED, provider_id=one.id) for one in batch]


class QuickClock(Clock):
    """Time that passes only when somebody waits, or a test says so."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


def _raising(failure: BaseException) -> Callable[[], Any]:
    def raise_it() -> None:
        raise failure

    return raise_it

"""A dispatcher with its worker, driven alike whether sync or async: what tests of queued messages share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from scripted import QuickClock, Scripted

from messaging_channels import AsyncDispatcher, Dispatcher, Route, Sms
from messaging_channels._client.worker import AsyncWorker, Worker
from messaging_channels._ledger.options import LedgerOptions
from messaging_channels._model import status as statuses
from messaging_channels._model.events import StatusChanged
from messaging_channels._queue.retry_policy import QueueRetryPolicy
from messaging_channels.plugins.exchange import Flow
from messaging_channels.plugins.ledger import Ledger, RecordEvent
from messaging_channels.policies.routing import RetryPolicy

TO = "+447700900123"
ONCE = RetryPolicy(max_attempts=1)
HELLO = Sms("hello")


class QueueSetup:
    """A dispatcher with its worker, sync or async, driven alike, and a clock that a test moves."""

    def __init__(self, ledger: Ledger, mode: str, *providers: Scripted, **options: Any) -> None:
        self.clock = QuickClock()
        self.providers = providers
        pace = {"retry": QueueRetryPolicy(max_rounds=3)}
        routes = options.pop("routes", None) or {"sms": Route(*(one.name for one in providers), retry=ONCE)}
        recording = LedgerOptions(ledger, lease=120.0)
        values = {"ledger": recording, "clock": self.clock, "routes": routes, **options}
        self._runner = asyncio.Runner() if mode == "async" else None
        if self._runner is None:
            self.dispatcher: Any = Dispatcher(providers, **values)
            self.worker: Any = Worker(self.dispatcher, **pace)
        else:
            self.dispatcher, self.worker = self._runner.run(self._made(providers, values, pace))

    async def _made(
        self, providers: Sequence[Scripted], values: dict[str, Any], pace: dict[str, Any]
    ) -> tuple[Any, Any]:
        dispatcher = AsyncDispatcher(providers, **values)
        return dispatcher, AsyncWorker(dispatcher, **pace)

    def do(self, result: Any) -> Any:
        return result if self._runner is None else self._runner.run(awaited(result))

    def enqueue(self, message: Any = HELLO, to: Any = TO, **options: Any) -> Any:
        return self.do(self.dispatcher.enqueue(message, to=to, **options))

    def drain(self, ahead: float = 0.0) -> int:
        self.clock.time += ahead
        return int(self.do(self.worker.drain()))

    def get_message(self, message_id: str) -> Any:
        return self.do(self.dispatcher.get_message(message_id))

    def stats(self) -> Any:
        return self.do(self.dispatcher.queue.stats())

    def hear(self, status: statuses.Status, **more: Any) -> None:
        event = StatusChanged(
            provider=self.providers[0].name, status=status, occurred_at=self.clock.time, **more
        )
        self.do(self.dispatcher.queue.run(asked(RecordEvent(event, self.clock.time))))

    def close(self) -> None:
        self.do(self.dispatcher.close())
        if self._runner:
            self._runner.close()


async def awaited(result: Any) -> Any:
    return await result


def asked(operation: Any) -> Flow[Any]:
    return (yield operation)

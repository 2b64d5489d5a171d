"""A ledger in a process that kills itself (SIGKILL) before or after chosen operations, and a program that sends one message with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from messaging_channels.plugins.exchange import Exchange, ExecutorPair
from messaging_channels.plugins.ledger import Ledger

DiesAt: TypeAlias = Callable[[str, str], bool]
"""Whether to die `before` or `after` an operation of that name."""


class DyingLedger:
    """Does what another ledger does, as long as it lives."""

    def __init__(self, ledger: Ledger, dies: DiesAt) -> None:
        self._ledger = ledger
        self._dies = dies

    @property
    def has_plain_addresses(self) -> bool:
        return self._ledger.has_plain_addresses

    def stored_address(self, plain: str, masked: str) -> str:
        return self._ledger.stored_address(plain, masked)

    @property
    def executors(self) -> Mapping[type[Exchange[Any]], ExecutorPair]:
        own = self._ledger.executors
        made = next(iter(own.values()))
        dying = ExecutorPair(
            lambda: _DyingExecutor(made.sync(), self._dies),
            lambda: _AsyncDyingExecutor(made.asynchronous(), self._dies),
        )
        return dict.fromkeys(own, dying)


class _DyingExecutor:
    def __init__(self, executor: Any, dies: DiesAt) -> None:
        self._executor = executor
        self._dies = dies

    def perform(self, exchange: Any) -> Any:
        self._maybe("before", exchange)
        reply = self._executor.perform(exchange)
        self._maybe("after", exchange)
        return reply

    def close(self) -> Any:
        return self._executor.close()

    def _maybe(self, when: str, exchange: Any) -> None:
        if self._dies(when, type(exchange).__name__):
            os.kill(os.getpid(), signal.SIGKILL)


class _AsyncDyingExecutor(_DyingExecutor):
    async def perform(self, exchange: Any) -> Any:
        self._maybe("before", exchange)
        reply = await self._executor.perform(exchange)
        self._maybe("after", exchange)
        return reply


def main(text: str) -> None:
    """Send one message, and die as told."""
    from faults.harness import TO, JsonProvider

    from messaging_channels import AsyncDispatcher, Dispatcher, Sms
    from messaging_channels._ledger.sqlite import SqliteLedger

    told = json.loads(text)
    ledger = DyingLedger(SqliteLedger(Path(told["ledger"])), lambda when, name: [when, name] == told["dies"])
    provider = JsonProvider("first", told["url"])

    async def run() -> None:
        async with AsyncDispatcher([provider], ledger=ledger) as dispatcher:
            await dispatcher.send(Sms("hello"), to=TO, idempotency_key="key")

    if told["mode"] == "async":
        asyncio.run(run())
    else:
        Dispatcher([provider], ledger=ledger).send(Sms("hello"), to=TO, idempotency_key="key")


if __name__ == "__main__":
    main(sys.argv[1])
